// Picking up the local gateway's address and token from OpenClaw's own settings.
#include "config/openclaw.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "machine.h"

namespace clawbridge::config {
namespace {

using ::testing::HasSubstr;

constexpr const char* kFile = "/home/tony/.openclaw/openclaw.json";

// As the setup wizards of these versions write it, shortened.
constexpr const char* kVersion2026_3_8 = R"({
  "meta": { "lastTouchedVersion": "2026.3.8" },
  "agents": { "defaults": { "workspace": "/home/tony/.openclaw/workspace" }, "list": [{ "id": "jarvis" }] },
  "gateway": {
    "port": 19001, "mode": "local", "bind": "loopback",
    "auth": { "mode": "token", "token": "0123456789abcdef" },
    "tailscale": { "mode": "off", "resetOnExit": false }
  }
})";
constexpr const char* kVersion2026_9_6 = R"({
  "meta": { "lastTouchedVersion": "2026.9.6" },
  "gateway": {
    "mode": "local", "port": 19002, "bind": "loopback",
    "auth": { "mode": "token", "token": "fedcba9876543210" },
    "controlUi": { "enabled": false }
  },
  "hooks": { "enabled": true, "token": "another" }
})";

Machine machine_with(const std::string& openclaw_json) {
  Machine machine;
  machine.files[kFile] = openclaw_json;
  return machine;
}

TEST(OpenClaw, IsFoundInBothLayouts) {
  const Settings older = machine_with(kVersion2026_3_8).load("");
  EXPECT_EQ(older.gateway.url, "ws://127.0.0.1:19001");
  EXPECT_EQ(older.gateway.token.reveal(), "0123456789abcdef");
  const Settings newer = machine_with(kVersion2026_9_6).load("");
  EXPECT_EQ(newer.gateway.url, "ws://127.0.0.1:19002");
  EXPECT_EQ(newer.gateway.token.reveal(), "fedcba9876543210");
}

TEST(OpenClaw, MayWriteItsSettingsByHand) {
  const Settings settings = machine_with(R"(
// my gateway
{
  gateway: {
    port: 19003, /* not the usual one */
    auth: { mode: 'token', token: 'it\'s "mine"', },
  },
}
)")
                                .load("");
  EXPECT_EQ(settings.gateway.url, "ws://127.0.0.1:19003");
  EXPECT_EQ(settings.gateway.token.reveal(), "it's \"mine\"");
}

TEST(OpenClaw, HasDefaultsOfItsOwn) {
  EXPECT_EQ(machine_with("{}").load("").gateway.url, "ws://127.0.0.1:18789");
  EXPECT_EQ(machine_with(R"({"gateway": {"auth": {"mode": "none"}}})").load("").gateway.token.reveal(), "");
  EXPECT_EQ(machine_with(R"({"gateway": {"tls": {"enabled": true}}})").load("").gateway.url, "wss://127.0.0.1:18789");
}

TEST(OpenClaw, MayNestItsSettingsDeeply) {
  const auto deep = std::string(200'000, '[') + std::string(200'000, ']');
  const auto machine = machine_with(R"({"gateway":{"port":19003,"deep":)" + deep + "}}");
  EXPECT_EQ(find_openclaw_gateway(machine.environment()).url, "ws://127.0.0.1:19003");
}

TEST(OpenClaw, FollowsItsVariables) {
  Machine machine = machine_with(kVersion2026_9_6);
  machine.variables = {{"OPENCLAW_GATEWAY_PORT", "20000"}, {"OPENCLAW_GATEWAY_TOKEN", "from-variable"}};
  EXPECT_EQ(machine.load("").gateway.url, "ws://127.0.0.1:20000");
  EXPECT_EQ(machine.load("").gateway.token.reveal(), "from-variable");
  machine.files["/srv/claw/openclaw.json"] = R"({"gateway": {"port": 1}})";
  machine.files["/srv/other.json"] = R"({"gateway": {"port": 2}})";
  machine.variables = {{"OPENCLAW_STATE_DIR", "/srv/claw"}};
  EXPECT_EQ(machine.load("").gateway.url, "ws://127.0.0.1:1");
  machine.variables["OPENCLAW_CONFIG_PATH"] = "/srv/other.json";
  EXPECT_EQ(machine.load("").gateway.url, "ws://127.0.0.1:2");
  machine.variables["OPENCLAW_GATEWAY_PORT"] = "99999";
  EXPECT_EQ(machine.error(""), "OPENCLAW_GATEWAY_PORT is \"99999\"; allowed: 1 to 65535");
}

TEST(OpenClaw, MayKeepItsTokenInAVariable) {
  for (const std::string token : {R"("${CLAW_TOKEN}")", R"({"source": "env", "provider": "x", "id": "CLAW_TOKEN"})"}) {
    Machine machine = machine_with(R"({"gateway": {"auth": {"token": )" + token + "}}}");
    EXPECT_THAT(machine.error(""), HasSubstr("stands in environment variable CLAW_TOKEN, which is not set here"));
    machine.variables["CLAW_TOKEN"] = "t";
    EXPECT_EQ(machine.load("").gateway.token.reveal(), "t");
  }
  EXPECT_THAT(machine_with(R"({"gateway": {"auth": {"token": {"source": "exec", "id": "x"}}}})").error(""),
              HasSubstr("is a reference that only OpenClaw can resolve; set gateway.token"));
}

TEST(OpenClaw, IsNotAskedWhenSettingsSayAll) {
  Machine machine = machine_with("not JSON");
  EXPECT_EQ(machine.error("gateway: { url: 'ws://localhost:1', token: t }"), "");
  EXPECT_EQ(machine.error("gateway: { kind: echo }"), "");
  EXPECT_EQ(machine.error(""), "OpenClaw's settings " + std::string(kFile) +
                                   " are not JSON5 with an object in it; correct it, or set gateway.url and "
                                   "gateway.token");
}

TEST(OpenClaw, TokenGoesOnlyToAGatewayOnThisMachine) {
  Machine machine = machine_with(kVersion2026_9_6);
  for (const std::string url : {"ws://127.0.0.1:1", "ws://localhost", "wss://[::1]:2", "ws://127.1.2.3"}) {
    EXPECT_EQ(machine.load("gateway: { url: '" + url + "' }").gateway.token.reveal(), "fedcba9876543210") << url;
  }
  for (const std::string url : {"ws://studio:1", "wss://127.0.0.1.example.com", "ws://localhost.example.com"}) {
    EXPECT_EQ(machine.load("gateway: { url: '" + url + "' }").gateway.token.reveal(), "") << url;
  }
  EXPECT_EQ(machine.load("gateway: { token: mine }").gateway.token.reveal(), "mine");
  EXPECT_EQ(machine.load("gateway: { token: mine }").gateway.url, "ws://127.0.0.1:19002");
}

TEST(OpenClaw, WrongPortIsNamed) {
  for (const std::string port : {"0", "65536", "\"x\"", "-1", "1.5"}) {
    EXPECT_THAT(machine_with(R"({"gateway": {"port": )" + port + "}}").error(""),
                HasSubstr("is no port from 1 to 65535"))
        << port;
  }
}

}  // namespace
}  // namespace clawbridge::config
