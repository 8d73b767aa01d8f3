// Settings as they come out of load(): defaults, the file, variables, and what the machine adds.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "bridge/core/options.h"
#include "machine.h"
#include "topics/encoding.h"

namespace clawbridge::config {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kFingerprint = "4f0c1b7e0d9a2c3f4e5d6c7b8a9f0e1d2c3b4a5968778695a4b3c2d1e0f00112";

TEST(Load, NeedsNoSettingsAtAll) {
  const Machine machine;
  const Settings settings = load(std::nullopt, machine.environment());
  EXPECT_EQ(settings.file, "");
  EXPECT_EQ(settings.gateway.name, "imac");
  EXPECT_EQ(settings.gateway.kind, GatewayKind::OpenClaw);
  EXPECT_EQ(settings.gateway.url, "ws://127.0.0.1:18789");
  EXPECT_TRUE(settings.gateway.token.empty());
  EXPECT_TRUE(settings.gateway.agent_names);
  EXPECT_THAT(settings.gateway.agents, ElementsAre("main"));
  EXPECT_EQ(settings.gateway.delay, 0ms);
  EXPECT_EQ(settings.gateway.record, "");
  EXPECT_FALSE(settings.expose.has_value());
  EXPECT_EQ(settings.late_reply, LateReply::Deliver);
  EXPECT_EQ(settings.broker.url, "mqtt://127.0.0.1:1883");
  EXPECT_EQ(settings.broker.username, "");
  EXPECT_TRUE(settings.broker.password.empty());
  EXPECT_FALSE(settings.broker.insecure);
  EXPECT_EQ(settings.broker.protocol, BrokerProtocol::Auto);
  EXPECT_EQ(settings.broker.base, "claw");
  EXPECT_EQ(settings.broker.keepalive, 30s);
  EXPECT_TRUE(settings.remote_agents.empty());
  EXPECT_TRUE(settings.trust.join.empty());
  EXPECT_TRUE(settings.peers.empty());
  EXPECT_EQ(settings.store.path, "/home/tony/.local/state/clawbridge/journal.db");
  EXPECT_EQ(settings.store.durability, Durability::Process);
  EXPECT_EQ(settings.store.keep, 7 * 24h);
  EXPECT_EQ(settings.api.socket, "/home/tony/.local/state/clawbridge/clawbridge.sock");
  EXPECT_EQ(settings.log.level, LogLevel::Info);
  EXPECT_EQ(settings.log.format, LogFormat::Logfmt);
}

TEST(Load, HasTheCoresOwnLimitsAsDefaults) {
  const Machine machine;
  const Settings::Limits limits = load(std::nullopt, machine.environment()).limits;
  const core::Limits core;
  EXPECT_EQ(limits.message_bytes, core.message.message_bytes);
  EXPECT_EQ(limits.outgoing_open, core.outgoing_open);
  EXPECT_EQ(limits.incoming_open, core.incoming_open);
  EXPECT_EQ(limits.incoming_open_per_peer, core.incoming_open_per_peer);
  EXPECT_EQ(limits.peers_pinned, core.peers_pinned);
  EXPECT_EQ(limits.peers_pending, core.peers_pending);
  EXPECT_EQ(limits.runs, core.runs);
  EXPECT_EQ(limits.asks, core.asks);
  EXPECT_EQ(limits.waiters, core.waiters);
}

TEST(Load, ReadsEveryKindOfKeyFromTheFile) {
  Machine machine;
  const Settings settings = machine.load(R"(
version: 1
gateway: { name: studio, kind: openclaw, url: "wss://studio.example:444/gw", token: t0ken, agent_names: false }
expose: [jarvis, pepper]
late_reply: keep
broker:
  url: mqtts://hub.example:8883
  username: studio
  password: 12345
  ca: ~/ca.pem
  certificate: /etc/claw/cert.pem
  key: /etc/claw/key.pem
  insecure: true
  protocol: 5
  base: home/claw
  keepalive: 1m
remote_agents: { jarvis: imac/jarvis }
trust: { join: AAECAwQFBgcICQoLDA0ODw, seal: off }
peers: { macbook: { fingerprint: ")" + std::string(kFingerprint) +
                                         R"(" } }
store: { path: "~/journal.db", durability: power, keep: 48h }
api: { socket: /run/claw.sock }
log: { level: debug, format: json }
limits: { message_bytes: 65536, runs: 2 }
)");
  EXPECT_EQ(settings.file, "clawbridge.yaml");
  EXPECT_EQ(settings.gateway.name, "studio");
  EXPECT_EQ(settings.gateway.url, "wss://studio.example:444/gw");
  EXPECT_EQ(settings.gateway.token.reveal(), "t0ken");
  EXPECT_FALSE(settings.gateway.agent_names);
  ASSERT_TRUE(settings.expose.has_value());
  EXPECT_THAT(*settings.expose, ElementsAre("jarvis", "pepper"));
  EXPECT_EQ(settings.late_reply, LateReply::Keep);
  EXPECT_EQ(settings.broker.url, "mqtts://hub.example:8883");
  EXPECT_EQ(settings.broker.username, "studio");
  EXPECT_EQ(settings.broker.password.reveal(), "12345");
  EXPECT_EQ(settings.broker.ca, "/home/tony/ca.pem");
  EXPECT_EQ(settings.broker.certificate, "/etc/claw/cert.pem");
  EXPECT_EQ(settings.broker.key, "/etc/claw/key.pem");
  EXPECT_TRUE(settings.broker.insecure);
  EXPECT_EQ(settings.broker.protocol, BrokerProtocol::Mqtt5);
  EXPECT_EQ(settings.broker.base, "home/claw");
  EXPECT_EQ(settings.broker.keepalive, 60s);
  ASSERT_EQ(settings.remote_agents.size(), 1U);
  EXPECT_EQ(settings.remote_agents.at("jarvis").str(), "imac/jarvis");
  EXPECT_EQ(hex_encode(as_bytes(settings.trust.join.reveal())), "000102030405060708090a0b0c0d0e0f");
  EXPECT_EQ(settings.peers.at("macbook"), kFingerprint);
  EXPECT_EQ(settings.store.path, "/home/tony/journal.db");
  EXPECT_EQ(settings.store.durability, Durability::Power);
  EXPECT_EQ(settings.store.keep, 48h);
  EXPECT_EQ(settings.api.socket, "/run/claw.sock");
  EXPECT_EQ(settings.log.level, LogLevel::Debug);
  EXPECT_EQ(settings.log.format, LogFormat::Json);
  EXPECT_EQ(settings.limits.message_bytes, 65'536U);
  EXPECT_EQ(settings.limits.runs, 2U);
}

TEST(Load, ReadsAnEchoGateway) {
  Machine machine;
  const Settings settings =
      machine.load("gateway: { kind: echo, agents: [jarvis, pepper], delay: 5ms, record: ~/turns.jsonl }\n");
  EXPECT_EQ(settings.gateway.kind, GatewayKind::Echo);
  EXPECT_THAT(settings.gateway.agents, ElementsAre("jarvis", "pepper"));
  EXPECT_EQ(settings.gateway.delay, 5ms);
  EXPECT_EQ(settings.gateway.record, "/home/tony/turns.jsonl");
  EXPECT_EQ(settings.gateway.url, "");
}

TEST(Load, ReadsACommandGateway) {
  Machine machine;
  machine.variables["FLAG"] = "--model=x";
  const Settings settings = machine.load(
      "gateway: { kind: command, agents: [helper], command: [~/bin/agent, -v, -v, \"\", \"${env:FLAG}\"], workdir: ~/work, environment: [API_KEY], "
      "reply_bytes: 1000, time_limit: 5m }\n");
  EXPECT_EQ(settings.gateway.kind, GatewayKind::Command);
  EXPECT_THAT(settings.gateway.agents, ElementsAre("helper"));
  EXPECT_THAT(settings.gateway.command, ElementsAre("/home/tony/bin/agent", "-v", "-v", "", "--model=x"));
  EXPECT_EQ(settings.gateway.workdir, "/home/tony/work");
  EXPECT_THAT(settings.gateway.environment, ElementsAre("API_KEY"));
  EXPECT_EQ(settings.gateway.reply_bytes, 1000U);
  EXPECT_EQ(settings.gateway.time_limit, 5min);
  EXPECT_EQ(settings.gateway.url, "");
}

TEST(Load, GivesACommandGatewayItsDefaults) {
  Machine machine;
  const Settings settings = machine.load("gateway: { kind: command, command: [my-agent] }\n");
  EXPECT_THAT(settings.gateway.command, ElementsAre("my-agent"));
  EXPECT_EQ(settings.gateway.workdir, "/home/tony");
  EXPECT_TRUE(settings.gateway.environment.empty());
  EXPECT_EQ(settings.gateway.reply_bytes, 1'048'576U);
  EXPECT_EQ(settings.gateway.time_limit, 0ms) << "none";
  machine.variables = {{"CLAWBRIDGE_GATEWAY_KIND", "command"}, {"CLAWBRIDGE_GATEWAY_COMMAND", "/bin/agent, -v, -v"}};
  EXPECT_THAT(machine.load("").gateway.command, ElementsAre("/bin/agent", "-v", "-v"));
}

TEST(Load, TakesSectionsWithNothingInThem) {
  Machine machine;
  EXPECT_EQ(machine.load("api:\n#  socket: x\nbroker: {}\n").broker.base, "claw");
  EXPECT_EQ(machine.load("").broker.base, "claw");
  EXPECT_EQ(machine.load("# nothing\n").broker.base, "claw");
}

TEST(Load, ReadsTheDefaultFileWhenItIsThere) {
  Machine machine;
  machine.files["/home/tony/.config/clawbridge/clawbridge.yaml"] = "gateway: { name: a }";
  EXPECT_EQ(load(std::nullopt, machine.environment()).gateway.name, "a");
  machine.variables["XDG_CONFIG_HOME"] = "/etc/xdg-tony";
  EXPECT_EQ(load(std::nullopt, machine.environment()).gateway.name, "imac");
  machine.files["/etc/xdg-tony/clawbridge/clawbridge.yaml"] = "gateway: { name: b }";
  const Settings settings = load(std::nullopt, machine.environment());
  EXPECT_EQ(settings.gateway.name, "b");
  EXPECT_EQ(settings.file, "/etc/xdg-tony/clawbridge/clawbridge.yaml");
}

TEST(Load, FollowsXdgVariablesThatAreAbsolute) {
  Machine machine;
  machine.variables = {{"XDG_STATE_HOME", "/var/tony"}, {"XDG_RUNTIME_DIR", "/run/user/1000"}};
  Settings settings = machine.load("");
  EXPECT_EQ(settings.store.path, "/var/tony/clawbridge/journal.db");
  EXPECT_EQ(settings.api.socket, "/run/user/1000/clawbridge.sock");
  machine.variables = {{"XDG_STATE_HOME", "var"}, {"XDG_RUNTIME_DIR", ""}};
  settings = machine.load("");
  EXPECT_EQ(settings.store.path, "/home/tony/.local/state/clawbridge/journal.db");
  EXPECT_EQ(settings.api.socket, "/home/tony/.local/state/clawbridge/clawbridge.sock");
}

TEST(Load, NeedsAHomeOnlyWhereAPathDoes) {
  Machine machine;
  machine.home = "";
  EXPECT_THAT(machine.error(""), HasSubstr("needs a home directory"));
  EXPECT_EQ(machine.error("store: { path: /j.db }\napi: { socket: /c.sock }"), "");
  EXPECT_THROW((void)default_file(machine.environment()), SettingsError);
  machine.variables["CLAWBRIDGE_STORE_PATH"] = "/j.db";
  machine.variables["CLAWBRIDGE_API_SOCKET"] = "/c.sock";
  EXPECT_EQ(load(std::nullopt, machine.environment()).file, "");
}

TEST(Load, MakesAGatewayNameFromTheHostName) {
  EXPECT_EQ(gateway_name_from_host("Tonys-iMac.local"), "tonys-imac");
  EXPECT_EQ(gateway_name_from_host("my host's_name"), "my-host-s_name");
  EXPECT_EQ(gateway_name_from_host("--Pi4"), "pi4");
  EXPECT_EQ(gateway_name_from_host("...local"), "");
  EXPECT_EQ(gateway_name_from_host(std::string(80, 'a')), std::string(63, 'a'));
  EXPECT_TRUE(is_gateway_name(gateway_name_from_host("Büro-Mac")));
}

TEST(Load, LetsVariablesReplaceTheFile) {
  Machine machine;
  machine.variables = {{"CLAWBRIDGE_BROKER_URL", "mqtts://other:8883"},
                       {"CLAWBRIDGE_GATEWAY_NAME", "studio"},
                       {"CLAWBRIDGE_LOG_LEVEL", "warn"},
                       {"CLAWBRIDGE_BROKER_PASSWORD", "${file:/run/secrets/mqtt}"},
                       {"CLAWBRIDGE_EXPOSE", "jarvis, pepper"},
                       {"CLAWBRIDGE_STORE_KEEP", ""},
                       {"CLAWBRIDGEX", "not ours"}};
  machine.files["/run/secrets/mqtt"] = "pa$$\n";
  const Settings settings = machine.load("broker: { url: 'mqtt://first' }\nexpose: [x]\nstore: { keep: 1d }");
  EXPECT_EQ(settings.broker.url, "mqtts://other:8883");
  EXPECT_EQ(settings.gateway.name, "studio");
  EXPECT_EQ(settings.log.level, LogLevel::Warn);
  EXPECT_EQ(settings.broker.password.reveal(), "pa$$");
  EXPECT_THAT(*settings.expose, ElementsAre("jarvis", "pepper"));
  EXPECT_EQ(settings.store.keep, 24h) << "an empty variable counts as not set";
}

TEST(Load, LetsAVariableReplaceWhatWouldBeWrongInTheFile) {
  Machine machine;
  machine.variables["CLAWBRIDGE_LOG_LEVEL"] = "warn";
  EXPECT_EQ(machine.load("log: { level: loud }").log.level, LogLevel::Warn);
}

TEST(Load, ResolvesPlaceholdersAnywhere) {
  Machine machine;
  machine.variables = {{"XDG_RUNTIME_DIR", "/run/user/1"}, {"LEVEL", "error"}, {"AGENT", "pepper"}, {"RUNS", "3"}};
  machine.files["/home/tony/.config/clawbridge/join-secret"] = "AAECAwQFBgcICQoLDA0ODw\n";
  machine.commands[{"pass", "show", "mqtt/imac"}] = {"hunter2\nurl: x\n", ""};
  const Settings settings = machine.load(R"(
api: { socket: "${env:XDG_RUNTIME_DIR}/claw.sock" }
log: { level: "${env:LEVEL}" }
expose: [jarvis, "${env:AGENT}"]
limits: { runs: "${env:RUNS}" }
broker: { password: "${command:pass show mqtt/imac}", username: "a$${b}" }
trust: { join: "${file:~/.config/clawbridge/join-secret}" }
)");
  EXPECT_EQ(settings.api.socket, "/run/user/1/claw.sock");
  EXPECT_EQ(settings.log.level, LogLevel::Error);
  EXPECT_THAT(*settings.expose, ElementsAre("jarvis", "pepper"));
  EXPECT_EQ(settings.limits.runs, 3U);
  EXPECT_EQ(settings.broker.password.reveal(), "hunter2");
  EXPECT_EQ(settings.broker.username, "a${b}");
  EXPECT_EQ(settings.trust.join.reveal().size(), 16U);
}

TEST(Load, ReadsWhereToListenAndTheTokens) {
  Machine machine;
  machine.variables["TOKEN"] = std::string(32, 'e');
  machine.files["/home/tony/token"] = std::string(40, 'f') + "\n";
  const Settings::Api api = machine
                                .load(
                                    "api:\n  listen: 127.0.0.1:18790\n  tokens:\n    jarvis: '${env:TOKEN}'\n"
                                    "    _bridge: '${file:~/token}'\n    pepper-2: " +
                                    std::string(512, 'g') + "\n")
                                .api;
  EXPECT_EQ(api.listen_address, "127.0.0.1");
  EXPECT_EQ(api.listen_port, 18790);
  ASSERT_EQ(api.tokens.size(), 3U);
  EXPECT_EQ(api.tokens.at("jarvis").reveal(), std::string(32, 'e'));
  EXPECT_EQ(api.tokens.at("_bridge").reveal(), std::string(40, 'f'));
  EXPECT_EQ(api.tokens.at("pepper-2").reveal(), std::string(512, 'g'));
  EXPECT_EQ(machine.load("").api.listen_address, "");
  for (const auto& [written, address] :
       {std::pair("localhost:1", "127.0.0.1"), {"127.9.8.7:1", "127.9.8.7"}, {"'[::1]:1'", "::1"}}) {
    const std::string text =
        std::string("api: { listen: ") + written + ", tokens: { a: " + std::string(32, 'e') + " } }";
    EXPECT_EQ(machine.load(text).api.listen_address, address);
  }
}

TEST(Load, NeverPrintsASecret) {
  const Secret secret("hunter2");
  std::ostringstream out;
  out << secret;
  EXPECT_EQ(out.str(), "***");
  EXPECT_EQ(fmt::format("{} {:>5}", secret, secret), "***   ***");
  EXPECT_EQ(secret.reveal(), "hunter2");
}

}  // namespace
}  // namespace clawbridge::config
