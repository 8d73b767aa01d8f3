// The table of keys and what is made from it: the schema and the reference page are checked in, and must be what the
// table says. CLAWBRIDGE_UPDATE_GOLDEN=1 writes them anew.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "config/keys.h"
#include "machine.h"

namespace clawbridge::config {
namespace {

constexpr const char* kFolder = CLAWBRIDGE_SOURCE_DIR "/config/";

std::string read(const std::string& name) {
  std::ifstream file(kFolder + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void expect_generated(const std::string& name, const std::string& text) {
  if (const char* update = std::getenv("CLAWBRIDGE_UPDATE_GOLDEN"); update != nullptr && std::string(update) == "1") {
    std::ofstream(kFolder + name, std::ios::binary) << text;
  }
  EXPECT_EQ(read(name), text) << "run unit_config with CLAWBRIDGE_UPDATE_GOLDEN=1 and review " << name;
}

TEST(Generated, SchemaIsUpToDate) {
  expect_generated("clawbridge.schema.json", schema_json());
}

TEST(Generated, ReferenceIsUpToDate) {
  expect_generated("SETTINGS.md", reference_markdown());
}

TEST(Keys, AllHaveADescriptionAndAnAssignment) {
  std::set<std::string_view> paths;
  std::set<std::string> variables;
  for (const Key& key : keys()) {
    EXPECT_TRUE(paths.insert(key.path).second) << key.path;
    EXPECT_EQ(find_key(key.path), &key);
    EXPECT_TRUE(key.description.ends_with('.')) << key.path;
    const bool keeps_nothing = key.path == "version";  // it has one word only
    EXPECT_NE(key.assign.index() == 0, !keeps_nothing) << key.path;
    EXPECT_NE(!key.default_text.empty(), !key.default_words.empty() || key.has_name()) << key.path;
    EXPECT_EQ(key.has_name(), key.valid_name != nullptr) << key.path;
    if (!key.has_name()) {
      EXPECT_TRUE(variables.insert(variable_name(key.path)).second) << key.path;
    }
    if (key.path.find('.') != std::string_view::npos) {
      EXPECT_NE(describe_section(key.path.substr(0, key.path.find('.'))), "") << key.path;
    }
  }
  EXPECT_EQ(find_key("nowhere"), nullptr);
}

TEST(Keys, TakeTheirOwnDefaultsAndLimits) {
  for (const Key& key : keys()) {
    if (key.default_text.empty() || key.type == Type::List) continue;
    Machine machine;
    const bool echo = key.path == "gateway.delay";
    if (echo) machine.variables["CLAWBRIDGE_GATEWAY_KIND"] = "echo";
    if (key.path == "gateway.reply_bytes") {
      machine.variables["CLAWBRIDGE_GATEWAY_KIND"] = "command";
      machine.variables["CLAWBRIDGE_GATEWAY_COMMAND"] = "/bin/cat";
    }
    machine.variables[variable_name(key.path)] = std::string(key.default_text);
    EXPECT_EQ(machine.error(""), "") << key.path;
    if (key.type != Type::Integer) continue;
    machine.variables[variable_name(key.path)] = std::to_string(key.most);
    EXPECT_EQ(machine.error(""), "") << key.path;
    machine.variables[variable_name(key.path)] = std::to_string(key.most + 1);
    EXPECT_NE(machine.error(""), "") << key.path;
  }
}

TEST(Schema, NamesEveryKey) {
  const auto schema = nlohmann::json::parse(schema_json());
  for (const Key& key : keys()) {
    const nlohmann::json* at = &schema;
    for (const std::string_view part : split_path(key.path)) {
      at = part == "*" ? &at->at("additionalProperties") : part == "#" ? &at->at("items") : &at->at("properties").at(std::string(part));
    }
    EXPECT_TRUE(at->at("description").is_string()) << key.path;
    EXPECT_EQ(at->contains("default"), !key.default_text.empty()) << key.path;
  }
  EXPECT_EQ(schema.at("additionalProperties"), false);
  EXPECT_EQ(schema.at("properties").at("broker").at("additionalProperties"), false);
}

TEST(Example, LoadsAndChangesNothing) {
  Machine machine;
  const Settings example = machine.load(read("clawbridge.example.yaml"));
  const Settings defaults = Machine{}.load("");
  EXPECT_EQ(example.gateway.name, defaults.gateway.name);
  EXPECT_EQ(example.broker.url, defaults.broker.url);
  EXPECT_EQ(example.broker.base, defaults.broker.base);
  EXPECT_EQ(example.broker.keepalive, defaults.broker.keepalive);
  EXPECT_EQ(example.store.keep, defaults.store.keep);
  EXPECT_EQ(example.store.durability, defaults.store.durability);
  EXPECT_EQ(example.log.level, defaults.log.level);
  EXPECT_EQ(example.log.format, defaults.log.format);
  EXPECT_EQ(example.limits.message_bytes, defaults.limits.message_bytes);
  EXPECT_EQ(example.limits.runs, defaults.limits.runs);
}

TEST(Example, ShowsACommandGatewayThatLoads) {
  // A comment of one line, because it would take the place of the section above it.
  std::istringstream lines(read("clawbridge.example.yaml"));
  std::string text;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("# gateway:")) text = line.substr(2);
  }
  Machine machine;
  const Settings settings = machine.load(text);
  EXPECT_EQ(settings.gateway.kind, GatewayKind::Command);
  EXPECT_FALSE(settings.gateway.command.empty());
  EXPECT_NE(settings.gateway.time_limit.count(), 0);
}

TEST(Example, LoadsWithEverythingSwitchedOn) {
  std::istringstream lines(read("clawbridge.example.yaml"));
  std::string text;
  for (std::string line; std::getline(lines, line);) {
    const bool setting = line.starts_with('#') && !line.starts_with("# ");
    const bool indented = line.starts_with("#  ");
    if (setting || indented) line.erase(0, 1);
    text += line + "\n";
  }
  Machine machine;
  machine.variables = {{"OPENCLAW_GATEWAY_TOKEN", "t"}, {"XDG_RUNTIME_DIR", "/run/user/1000"}};
  machine.files = {{"/home/tony/.config/clawbridge/broker-password", "p\n"},
                   {"/home/tony/.config/clawbridge/join-secret", "AAECAwQFBgcICQoLDA0ODw\n"},
                   {"/home/tony/.config/clawbridge/token-jarvis", std::string(64, '1') + "\n"},
                   {"/home/tony/.config/clawbridge/token-bridge", std::string(64, '2') + "\n"}};
  const Settings settings = machine.load(text);
  EXPECT_EQ(settings.gateway.token.reveal(), "t");
  EXPECT_EQ(settings.broker.password.reveal(), "p");
  EXPECT_EQ(settings.remote_agents.at("pepper").str(), "studio/pepper");
  EXPECT_TRUE(settings.peers.contains("macbook"));
  EXPECT_EQ(settings.trust.join.reveal().size(), 16U);
  EXPECT_TRUE(settings.expose.has_value());
  EXPECT_EQ(settings.api.socket, "/run/user/1000/clawbridge.sock");
  EXPECT_EQ(settings.api.listen_port, 18790);
  EXPECT_EQ(settings.api.tokens.at("jarvis").reveal(), std::string(64, '1'));
  EXPECT_EQ(settings.store.path, "/home/tony/.local/state/clawbridge/journal.db");
}

}  // namespace
}  // namespace clawbridge::config
