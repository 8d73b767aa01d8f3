// The plugin's place in OpenClaw's settings. What a whole file becomes stands in tests/golden/openclaw-settings.
#include "config/openclaw_plugin.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "config/settings.h"

namespace clawbridge::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

const PluginPlace kPlace{"/home/ada/.config/clawbridge/openclaw-plugin", "/run/user/1000/clawbridge.sock"};

std::string golden(const std::string& name) {
  std::ifstream file(std::string(CLAWBRIDGE_SOURCE_DIR) + "/tests/golden/openclaw-settings/" + name + ".json", std::ios::binary);
  EXPECT_TRUE(file) << name;
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::string installed(const std::string& text, bool also_allow = false) {
  const auto edit = install_plugin(text, "openclaw.json", kPlace, also_allow);
  return edit ? edit->text : "left alone";
}

std::string uninstalled(const std::string& text) {
  const auto edit = uninstall_plugin(text, "openclaw.json", kPlace.folder);
  return edit ? edit->text : "left alone";
}

/// `agent: rule; remedy`
std::vector<std::string> hidden(const std::string& text, std::vector<std::string> agents = {}) {
  std::vector<std::string> lines;
  for (const auto& one : hidden_tools(text, "openclaw.json", std::move(agents))) lines.push_back(one.agent + ": " + one.rule + "; " + one.remedy);
  return lines;
}

TEST(OpenClawPlugin, IsPutInAndAllElseStays) {
  for (const std::string version : {"2026.3.8", "2026.9.6"}) {
    EXPECT_EQ(installed(golden(version + ".before")), golden(version + ".after")) << version;
    EXPECT_EQ(installed(golden(version + ".before"), true), golden(version + ".also-allow")) << version;
  }
}

TEST(OpenClawPlugin, IsTakenOutAndTheFileIsAsBefore) {
  for (const std::string version : {"2026.3.8", "2026.9.6"}) {
    for (const std::string state : {".before", ".after", ".also-allow"}) {
      EXPECT_EQ(uninstalled(golden(version + state)), golden(version + ".before")) << version << state;
    }
  }
}

TEST(OpenClawPlugin, LeavesAloneTheListThatKeepsOthersOut) {
  const std::string text = R"({"plugins":{"allow":["clawbridge"]}})";
  EXPECT_EQ(uninstalled(installed(text)), text) << "without the list every plugin would be let in";
  EXPECT_EQ(uninstalled(R"({"plugins":{"allow":["clawbridge","memory-core"]}})"), R"({"plugins":{"allow":["memory-core"]}})");
}

TEST(OpenClawPlugin, IsPutInOnce) {
  const auto again = install_plugin(golden("2026.3.8.also-allow"), "openclaw.json", kPlace, true);
  ASSERT_TRUE(again);
  EXPECT_THAT(again->changes, SizeIs(0));
  EXPECT_EQ(again->text, golden("2026.3.8.also-allow"));
}

TEST(OpenClawPlugin, TellsEachChange) {
  const auto edit = install_plugin(R"({"plugins": {"allow": ["notes"], "entries": {"clawbridge": {"enabled": false, "config": {"sugar": false}}}}})",
                                   "openclaw.json", kPlace, false);
  ASSERT_TRUE(edit);
  EXPECT_THAT(edit->changes, ElementsAre("plugins.allow: \"clawbridge\" added",
                                         "plugins.load.paths: \"/home/ada/.config/clawbridge/openclaw-plugin\" added",
                                         "plugins.entries.clawbridge.enabled: true",
                                         "plugins.entries.clawbridge.config.socket: \"/run/user/1000/clawbridge.sock\""));
  EXPECT_EQ(edit->text, R"({"plugins":{"allow":["notes","clawbridge"],"entries":{"clawbridge":{"enabled":true,)"
                        R"("config":{"sugar":false,"socket":"/run/user/1000/clawbridge.sock"}}},)"
                        R"("load":{"paths":["/home/ada/.config/clawbridge/openclaw-plugin"]}}})");
}

// For OpenClaw an empty list allows everything: with our id in it all other plugins would be off.
TEST(OpenClawPlugin, LeavesAnEmptyListOfAllowedPluginsEmpty) {
  EXPECT_THAT(installed(R"({"plugins":{"allow":[]}})"), HasSubstr(R"("allow":[])"));
}

TEST(OpenClawPlugin, LeavesAloneWhatItWouldSpoil) {
  for (const std::string text : {"{ // mine\n}", "{a: 1}", "{'a': 1}", "{\"a\": 1,}", "{\"a\": 1e3}", "{\"a\": 12345678901234567890123}",
                                 "{\"a\": \"\\u00fc\"}", "{\"a\": 1, \"a\": 2}", "\xEF\xBB\xBF{}"}) {
    EXPECT_EQ(installed(text), "left alone") << text;
    EXPECT_EQ(uninstalled(text), "left alone") << text;
  }
  for (const std::string text : {"{}", "{ }\n", "{\"a\": \" // \\\" /* \"}", "{\"a\": [1.5, -3, true, null, \"\xC3\xBC\"]}"}) {
    EXPECT_EQ(uninstalled(text), text);
    EXPECT_NE(installed(text), "left alone") << text;
  }
}

TEST(OpenClawPlugin, RefusesWhatIsNoSettings) {
  for (const std::string text : {"", "[]", "{", "nonsense", R"({"plugins": []})", R"({"plugins": {"load": {"paths": "x"}}})"}) {
    EXPECT_THROW((void)install_plugin(text, "openclaw.json", kPlace, false), SettingsError) << text;
  }
  const std::string deep = R"({"a":)" + std::string(100'000, '[') + std::string(100'000, ']') + "}";
  const std::string no_agent = R"({"tools":{"allow":["x"],"profile":"coding"},"agents":{"entries":{"main":5}}})";
  EXPECT_THROW((void)install_plugin(no_agent, "openclaw.json", kPlace, true), SettingsError);
  EXPECT_THROW((void)install_plugin(deep, "openclaw.json", kPlace, false), SettingsError);
}

TEST(OpenClawPlugin, ToolsAreHiddenByProfiles) {
  EXPECT_THAT(hidden("{}"), SizeIs(0));
  EXPECT_THAT(hidden(R"({tools: {profile: "full"}})"), SizeIs(0));
  EXPECT_THAT(hidden(R"({tools: {profile: "coding"}, /* none */ agents: {list: [{id: "jarvis"}]}})"),
              ElementsAre("jarvis: tools.profile is \"coding\"; add \"clawbridge\" to tools.alsoAllow"));
  EXPECT_THAT(hidden(R"({tools: {profile: "coding", alsoAllow: ["clawbridge"]}})"), SizeIs(0));
  EXPECT_THAT(hidden(R"({tools: {profile: "coding", alsoAllow: ["claw_*"]}})"), SizeIs(0));
  EXPECT_THAT(hidden(R"({tools: {profile: "coding", alsoAllow: ["group:plugins"]}})"), SizeIs(0));
  EXPECT_THAT(hidden(R"({tools: {alsoAllow: ["clawbridge"]}, agents: {entries: {main: {tools: {profile: "minimal", alsoAllow: []}}}}})"),
              ElementsAre("main: agents.entries.main.tools.profile is \"minimal\"; add \"clawbridge\" to agents.entries.main.tools.alsoAllow"));
}

TEST(OpenClawPlugin, ToolsAreHiddenByLists) {
  EXPECT_THAT(hidden(R"({tools: {allow: ["read"]}})"), ElementsAre("main: tools.allow leaves them out; add \"clawbridge\" to tools.allow"));
  EXPECT_THAT(hidden(R"({tools: {deny: ["claw_*"], profile: "coding"}})"), ElementsAre("main: tools.deny covers them; take them out there"));
  const auto one = hidden_tools(R"({tools: {deny: ["claw_sessions_spawn"]}})", "openclaw.json", {"jarvis"});
  ASSERT_THAT(one, SizeIs(1));
  EXPECT_EQ(one[0].agent, "jarvis");
  EXPECT_THAT(one[0].tools, ElementsAre("claw_sessions_spawn"));
}

TEST(OpenClawPlugin, TheWholePluginIsSwitchedOff) {
  EXPECT_THAT(hidden(R"({plugins: {enabled: false}})"), ElementsAre("main: plugins.enabled is false; set it to true"));
  EXPECT_THAT(hidden(R"({plugins: {deny: ["clawbridge"]}})"), ElementsAre("main: plugins.deny has \"clawbridge\" in it; take it out"));
  EXPECT_THAT(hidden(R"({plugins: {allow: ["notes"]}})"), ElementsAre("main: plugins.allow leaves it out; add \"clawbridge\" to plugins.allow"));
  EXPECT_THAT(hidden(R"({plugins: {entries: {clawbridge: {enabled: false}}}})"),
              ElementsAre("main: plugins.entries.clawbridge.enabled is false; set it to true"));
}

TEST(OpenClawPlugin, WhatIsDeniedOrAllowedTwiceIsLeftToAPerson) {
  const std::string text = R"({"tools":{"deny":["claw_exchange"],"profile":"coding"}})";
  EXPECT_THAT(installed(text, true), HasSubstr(R"("tools":{"deny":["claw_exchange"],"profile":"coding","alsoAllow":["clawbridge"]})"));
  // An agent's own list that is empty keeps the one for all away from it.
  const std::string shut = R"({"tools":{"profile":"coding"},"agents":{"entries":{"main":{"tools":{"alsoAllow":[]}}}}})";
  EXPECT_THAT(installed(shut, true), HasSubstr(R"("main":{"tools":{"alsoAllow":[]}})"));
  // OpenClaw refuses allow beside alsoAllow, and this agent has no place of its own.
  EXPECT_THAT(installed(R"({"tools":{"profile":"coding","allow":["*"]}})", true), HasSubstr(R"("tools":{"profile":"coding","allow":["*"]})"));
}

TEST(OpenClawPlugin, StateIsWhatTheSettingsSay) {
  EXPECT_FALSE(plugin_state("{}", "openclaw.json", kPlace.folder).loaded);
  const auto state = plugin_state(golden("2026.9.6.after"), "openclaw.json", kPlace.folder);
  EXPECT_TRUE(state.loaded);
  EXPECT_EQ(state.socket, kPlace.socket);
}

TEST(OpenClawPlugin, SettingsForAPersonAreWholeOnes) {
  EXPECT_EQ(installed("{\n  \"x\": 1\n}"), "{\n  \"x\": 1," + plugin_settings(kPlace).substr(1));
}

}  // namespace
}  // namespace clawbridge::config
