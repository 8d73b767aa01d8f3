// clawbridge openclaw: real files in a folder of the test, and a gateway that the test plays.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "bridge/cli/plugin_files.h"
#include "bridge/cli/run.h"
#include "config/openclaw_plugin.h"
#include "tests/unit/api/temporary_directory.h"

namespace clawbridge::cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::HasSubstr;

json tools_answer(const std::vector<std::string>& names) {
  json tools = json::array();
  for (const auto& name : names) tools.push_back({{"id", name}});
  return {{"groups", {{{"id", "core"}, {"tools", {{{"id", "exec"}}}}}, {{"id", "plugin"}, {"tools", tools}}}}};
}

std::vector<std::string> all_tools() {
  return {std::begin(config::kPluginTools), std::end(config::kPluginTools)};
}

class OpenClawCommand : public testing::Test {
 protected:
  OpenClawCommand() { fs::create_directories(directory_.path("home/.openclaw")); }

  int run(std::vector<const char*> words) {
    std::istringstream in;
    std::ostringstream out, err;
    Hooks hooks;
    hooks.version = "1.2.3";
    hooks.environment = config::system_environment();
    hooks.environment.home = directory_.path("home");
    hooks.environment.read_file = [this, read = hooks.environment.read_file](const std::string& path) {
      auto text = read(path);
      if (path == settings_ && meanwhile_) std::exchange(meanwhile_, nullptr)();
      return text;
    };
    hooks.environment.variable = [](const std::string&) { return std::nullopt; };
    hooks.environment.variable_names = [] { return std::vector<std::string>{}; };
    hooks.connect_openclaw = [this](const config::OpenClawGateway& gateway, std::chrono::seconds) -> Result<OpenClawLine> {
      url_ = gateway.url;
      if (answers_.empty()) return Error{ErrorCode::GatewayDown, "nobody there", true};
      return OpenClawLine{[this](const std::string& method, const json& params) -> Result<json> {
        const std::string agent = params.value("agentId", "");
        for (const auto& key : {method + " " + agent, method}) {
          if (answers_.contains(key)) return answers_[key];
        }
        return Error{ErrorCode::Unsupported, "unknown method: " + method, false};
      }};
    };
    hooks.in = &in;
    hooks.out = &out;
    hooks.err = &err;
    hooks.now = [] { return WallTime{}; };
    words.insert(words.begin(), {"clawbridge", "openclaw"});
    const int code = cli::run(static_cast<int>(words.size()), words.data(), hooks);
    out_ = out.str();
    err_ = err.str();
    return code;
  }

  void write(const std::string& text) { std::ofstream(settings_, std::ios::binary) << text; }
  static std::string read(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }

  api::TemporaryDirectory directory_;
  const std::string settings_ = directory_.path("home/.openclaw/openclaw.json");
  const std::string folder_ = directory_.path("home/.config/clawbridge/openclaw-plugin");
  std::function<void()> meanwhile_;  // happens when the settings have been read
  std::map<std::string, json> answers_;
  std::string url_;
  std::string out_;
  std::string err_;
};

TEST_F(OpenClawCommand, InstallWritesThePluginAndTheSettingsAndUninstallTakesBothBack) {
  const std::string before = "{\n  \"gateway\": {\n    \"port\": 19001\n  }\n}\n";
  write(before);
  ::chmod(settings_.c_str(), 0640);
  EXPECT_EQ(run({"install"}), 0) << err_;
  EXPECT_THAT(out_, HasSubstr("plugins.load.paths: \"" + folder_ + "\" added"));
  EXPECT_THAT(out_, HasSubstr("Restart the OpenClaw gateway"));
  EXPECT_EQ(read(settings_ + ".before-clawbridge"), before);
  struct stat now {};
  ASSERT_EQ(::stat(settings_.c_str(), &now), 0);
  EXPECT_EQ(now.st_mode & 0777U, 0640U);
  const json made = json::parse(read(settings_));
  EXPECT_EQ(made["plugins"]["entries"]["clawbridge"]["config"]["socket"], directory_.path("home/.local/state/clawbridge/clawbridge.sock"));
  for (const PluginFile& file : plugin_files()) {
    EXPECT_EQ(read(folder_ + "/" + std::string(file.path)), read(std::string(CLAWBRIDGE_SOURCE_DIR) + "/bridge/gateway/openclaw-plugin/" + std::string(file.path)));
  }
  const json manifest = json::parse(read(folder_ + "/openclaw.plugin.json"));
  EXPECT_EQ(manifest["contracts"]["tools"], json(all_tools()));
  EXPECT_EQ(manifest["id"], config::kPluginId);

  EXPECT_EQ(run({"uninstall"}), 0) << err_;
  EXPECT_EQ(read(settings_), before);
  EXPECT_FALSE(fs::exists(folder_));
  EXPECT_TRUE(fs::exists(fs::path(folder_).parent_path()));
}

TEST_F(OpenClawCommand, InstallAgainChangesNothing) {
  write("{}");
  EXPECT_EQ(run({"install"}), 0);
  const std::string once = read(settings_);
  fs::remove(settings_ + ".before-clawbridge");
  EXPECT_EQ(run({"install"}), 0);
  EXPECT_THAT(out_, HasSubstr("Nothing to change"));
  EXPECT_EQ(read(settings_), once);
  EXPECT_FALSE(fs::exists(settings_ + ".before-clawbridge"));
}

TEST_F(OpenClawCommand, ALinkedSettingsFileStaysALink) {
  std::ofstream(directory_.path("elsewhere.json")) << "{}";
  fs::create_symlink(directory_.path("elsewhere.json"), settings_);
  EXPECT_EQ(run({"install"}), 0) << err_;
  EXPECT_TRUE(fs::is_symlink(settings_));
  EXPECT_THAT(read(directory_.path("elsewhere.json")), HasSubstr("clawbridge"));
}

TEST_F(OpenClawCommand, WhatSomebodyElseWritesMeanwhileStays) {
  write("{}");
  const std::string theirs = R"({"gateway":{"port":19001}})";
  meanwhile_ = [&] { write(theirs); };
  EXPECT_EQ(run({"install"}), 1);
  EXPECT_EQ(read(settings_), theirs);
  EXPECT_THAT(err_, HasSubstr("was changed by somebody else"));
  EXPECT_FALSE(fs::exists(settings_ + ".before-clawbridge"));
  EXPECT_EQ(run({"install"}), 0) << err_;
  EXPECT_EQ(json::parse(read(settings_))["gateway"]["port"], 19001);
}

TEST_F(OpenClawCommand, AFileWithCommentsIsLeftToItsAuthor) {
  const std::string before = "{\n  // mine\n  gateway: { port: 19001 },\n}\n";
  write(before);
  EXPECT_EQ(run({"install"}), 1);
  EXPECT_EQ(read(settings_), before);
  EXPECT_THAT(err_, HasSubstr("it was not touched"));
  EXPECT_THAT(err_, HasSubstr("\"paths\": [\n        \"" + folder_ + "\""));
  EXPECT_TRUE(fs::exists(folder_ + "/index.js")) << "so that what is added by hand works";
  EXPECT_EQ(run({"uninstall"}), 1);
  EXPECT_TRUE(fs::exists(folder_ + "/index.js")) << "OpenClaw refuses settings with a folder that is not there";
}

TEST_F(OpenClawCommand, InstallSaysWhoWillNotSeeTheTools) {
  write(R"({"tools": {"profile": "coding"}})");
  EXPECT_EQ(run({"install", "--json"}), 0);
  EXPECT_EQ(json::parse(out_)["hidden"][0]["remedy"], "add \"clawbridge\" to tools.alsoAllow");
  EXPECT_EQ(run({"install"}), 0);
  EXPECT_THAT(out_, HasSubstr("main: hidden: tools.profile is \"coding\"; add \"clawbridge\" to tools.alsoAllow"));
  EXPECT_EQ(run({"install", "--also-allow", "--json"}), 0);
  EXPECT_EQ(json::parse(out_)["hidden"], json::array());
}

TEST_F(OpenClawCommand, NoSettingsAreNamed) {
  EXPECT_EQ(run({"install"}), 2);
  EXPECT_THAT(err_, HasSubstr(settings_ + ": No such file"));
  EXPECT_THAT(err_, HasSubstr("--openclaw-home"));
  fs::create_directories(directory_.path("other"));
  std::ofstream(directory_.path("other/openclaw.json")) << "{}";
  const std::string other = directory_.path("other");
  EXPECT_EQ(run({"install", "--openclaw-home", other.c_str()}), 0) << err_;
  EXPECT_THAT(read(other + "/openclaw.json"), HasSubstr("clawbridge"));
  const std::string file = directory_.path("third.json");
  std::ofstream(file) << "{}";
  EXPECT_EQ(run({"install", "--openclaw-config", file.c_str()}), 0) << err_;
  EXPECT_THAT(read(file), HasSubstr("clawbridge"));
}

TEST_F(OpenClawCommand, CheckAsksTheGatewayForWhatASessionSees) {
  write(R"({"gateway": {"port": 19001}, "tools": {"profile": "coding"}, "agents": {"entries": {"main": {}, "new": {}}}})");
  ASSERT_EQ(run({"install"}), 0);
  answers_["agents.list"] = {{"agents", {{{"id", "main"}}, {{"id", "new"}}}}};
  answers_["sessions.list"] = {{"sessions", {{{"key", "agent:main:other"}}, {{"key", "agent:main:main"}}}}};
  answers_["tools.effective main"] = tools_answer({"claw_exchange"});
  answers_["tools.catalog"] = tools_answer(all_tools());
  EXPECT_EQ(run({"check"}), 1);
  EXPECT_EQ(url_, "ws://127.0.0.1:19001");
  EXPECT_THAT(out_, HasSubstr("main: sees 1 of 7 tools\n    hidden: tools.profile is \"coding\"; add \"clawbridge\" to tools.alsoAllow"));
  EXPECT_THAT(out_, HasSubstr("new: sees 0 of 7 tools (by the settings; the gateway tells no more)"));
  EXPECT_THAT(out_, HasSubstr("cannot reach the clawbridge daemon")) << "which no test runs here";
  ASSERT_EQ(run({"install", "--also-allow"}), 0);
  answers_["tools.effective main"] = tools_answer(all_tools());
  EXPECT_EQ(run({"check", "--json"}), 1);
  const json report = json::parse(out_);
  EXPECT_EQ(report["status"], "incomplete");
  EXPECT_THAT(report["problem"], HasSubstr("cannot reach the clawbridge daemon"));
  EXPECT_EQ(report["agents"][0]["by"], "gateway");
  EXPECT_EQ(report["agents"][0]["session"], "agent:main:main");
  EXPECT_EQ(report["agents"][1]["tools"], json(std::set<std::string>(std::begin(config::kPluginTools), std::end(config::kPluginTools))));
}

TEST_F(OpenClawCommand, CheckManagesWithAGatewayThatTellsLess) {
  write("{}");
  answers_["agents.list"] = {{"agents", {{{"id", "jarvis"}}}}};
  answers_["sessions.list"] = {{"sessions", {{{"key", "agent:jarvis:main"}}}}};
  answers_["tools.catalog"] = tools_answer({});
  EXPECT_EQ(run({"check"}), 1);
  EXPECT_THAT(out_, HasSubstr("does not load the plugin; run `clawbridge openclaw install`"));
  EXPECT_THAT(out_, HasSubstr("was the gateway restarted"));
}

TEST_F(OpenClawCommand, CheckSaysWhenTheFilesAreOthers) {
  write("{}");
  ASSERT_EQ(run({"install"}), 0);
  std::ofstream(folder_ + "/index.js") << "// older";
  answers_["agents.list"] = {{"agents", json::array()}};
  EXPECT_EQ(run({"check"}), 1);
  EXPECT_THAT(out_, HasSubstr("are not those of this program"));
}

TEST_F(OpenClawCommand, CheckNeedsTheGateway) {
  write("{}");
  EXPECT_EQ(run({"check"}), 4);
  EXPECT_EQ(err_, "clawbridge: nobody there\n");
}

}  // namespace
}  // namespace clawbridge::cli
