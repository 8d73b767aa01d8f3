#include "bridge/doctor/checks.h"

#include <algorithm>
#include <map>

#include "bridge/doctor/judges.h"
#include "bridge/doctor/marks.h"
#include "topics/encoding.h"

namespace clawbridge::doctor {
namespace {

const std::vector<Check> kChecks = {
    {"settings.file", "the settings can be used", Concern::Settings, {}, judge_settings_file},
    {"settings.secrets",
     "files with secrets are this user's alone",
     Concern::Settings,
     {"settings.file"},
     judge_settings_secrets},
    {"state.folder", "the journal's folder can be written", Concern::Machine, {"settings.file"}, judge_state_folder},
    {"state.disk", "the journal's disk has room", Concern::Machine, {"state.folder"}, judge_state_disk},
    {"state.journal",
     "the journal is whole, and of a format that this release knows",
     Concern::Machine,
     {"state.folder"},
     judge_state_journal},
    {"state.keys",
     "the keys can be read, by this user alone, and are this gateway's",
     Concern::Machine,
     {"settings.file"},
     judge_state_keys},
    {"daemon.socket", "the daemon's socket can be used", Concern::Reach, {"settings.file"}, judge_daemon_socket},
    {"daemon.running", "the daemon answers", Concern::Reach, {"daemon.socket"}, judge_daemon_running},
    {"broker.name", "the broker's host name has an address", Concern::Reach, {"settings.file"}, judge_broker_name},
    {"broker.reach", "the broker's port takes connections", Concern::Reach, {"broker.name"}, judge_broker_reach},
    {"broker.tls", "TLS with the broker comes about, with every check", Concern::Reach, {"broker.reach"}, judge_broker_tls},
    {"broker.protocol",
     "the broker speaks MQTT, in a version that the settings allow",
     Concern::Reach,
     {"broker.tls"},
     judge_broker_protocol},
    {"broker.login", "the broker lets this user in", Concern::Reach, {"broker.protocol"}, judge_broker_login},
    {"broker.qos", "the broker carries QoS 1", Concern::Machine, {"broker.login"}, judge_broker_qos},
    {"broker.write_own",
     "this user may publish below its own name",
     Concern::Machine,
     {"broker.qos"},
     judge_write_own},
    {"broker.write_inbox",
     "this user may publish to the inboxes of others",
     Concern::Machine,
     {"broker.qos"},
     judge_write_inbox},
    {"broker.write_reply",
     "this user may publish to the reply topics of others",
     Concern::Machine,
     {"broker.qos"},
     judge_write_reply},
    {"broker.write_hello",
     "this user may publish to the hello topic",
     Concern::Machine,
     {"broker.qos"},
     judge_write_hello},
    {"broker.read_inbox",
     "this user receives what is sent to its agents",
     Concern::Machine,
     {"broker.qos"},
     judge_read_inbox},
    {"broker.read_reply", "this user receives replies", Concern::Machine, {"broker.qos"}, judge_read_reply},
    {"broker.read_state",
     "this user receives the states of all gateways",
     Concern::Machine,
     {"broker.qos"},
     judge_read_state},
    {"broker.read_hello", "this user receives hellos", Concern::Machine, {"broker.write_hello"}, judge_read_hello},
    {"broker.exchange",
     "a message to this gateway and one back pass through the broker",
     Concern::Machine,
     {"broker.read_inbox", "broker.read_reply"},
     judge_broker_exchange},
    {"broker.retained", "the broker keeps retained messages", Concern::Machine, {"broker.read_reply"}, judge_broker_retained},
    {"broker.wildcard", "the broker matches retained messages to wildcards", Concern::Machine, {"broker.retained"}, judge_broker_wildcard},
    {"broker.will",
     "the broker publishes the will of a client that is gone",
     Concern::Machine,
     {"broker.read_reply"},
     judge_broker_will},
    {"broker.session",
     "the broker keeps the session of a client that is away",
     Concern::Machine,
     {"broker.login"},
     judge_broker_session},
    {"broker.size",
     "the broker takes messages as long as limits.message_bytes",
     Concern::Machine,
     {"broker.read_inbox"},
     judge_broker_size},
    {"broker.one_owner",
     "no other bridge bears this gateway's name",
     Concern::Machine,
     {"broker.login"},
     judge_broker_one_owner},
    {"daemon.broker",
     "the daemon is connected to the broker",
     Concern::Reach,
     {"daemon.running", "broker.login"},
     judge_daemon_broker},
    {"gateway.program",
     "the program of gateway.command can be run",
     Concern::Reach,
     {"settings.file"},
     judge_gateway_program},
    {"gateway.reach", "the OpenClaw gateway is reached", Concern::Reach, {"settings.file"}, judge_gateway_reach},
    {"gateway.protocol", "the OpenClaw gateway speaks a known protocol", Concern::Reach, {"gateway.reach"}, judge_gateway_protocol},
    {"gateway.login", "the OpenClaw gateway takes the token", Concern::Reach, {"gateway.protocol"}, judge_gateway_login},
    {"gateway.scopes",
     "the OpenClaw gateway grants operator.read and operator.write",
     Concern::Machine,
     {"gateway.login"},
     judge_gateway_scopes},
    {"gateway.agents",
     "the gateway has every agent that the settings name",
     Concern::Settings,
     {"gateway.program", "gateway.login"},
     judge_gateway_agents},
    {"gateway.plugin",
     "OpenClaw loads this program's plugin",
     Concern::Machine,
     {"gateway.login"},
     judge_gateway_plugin},
    {"gateway.tools", "the gateway's agents see the tools", Concern::Machine, {"gateway.plugin"}, judge_gateway_tools},
    {"daemon.gateway",
     "the daemon is connected to its gateway",
     Concern::Reach,
     {"daemon.running", "gateway.login"},
     judge_daemon_gateway},
    {"peers.trust",
     "the other gateways are trusted, with the keys they have",
     Concern::Machine,
     {"settings.file"},
     judge_peers_trust},
    {"peers.present", "who is there is known", Concern::Machine, {"peers.trust"}, judge_peers_present},
    {"peers.answer", "those that are online answer", Concern::Machine, {"daemon.running"}, judge_peers_answer},
    {"peers.clock", "their clocks agree with this one", Concern::Machine, {"settings.file"}, judge_peers_clock},
};

constexpr std::size_t kFoundBytesMax = 300;

/// What others say may have lines, and no end.
std::string one_line(std::string_view text) {
  std::string line;
  for (const char c : text.substr(0, utf8_prefix(text, kFoundBytesMax))) {
    const bool blank = c == '\n' || c == '\r' || c == '\t' || c == ' ';
    if (!blank || (!line.empty() && line.back() != ' ')) line += blank ? ' ' : c;
  }
  return text.size() > kFoundBytesMax ? line + "…" : line;
}

}  // namespace

std::string_view to_string(Status status) {
  switch (status) {
    case Status::Ok:
      return "ok";
    case Status::Warn:
      return "warn";
    case Status::Fail:
      return "fail";
    case Status::Skip:
      return "skip";
  }
  return "fail";
}

std::span<const Check> checks() {
  return kChecks;
}

std::vector<Finding> examine(const Observations& seen) {
  std::vector<Finding> findings;
  std::map<std::string_view, std::string_view> causes;  // of what failed or was skipped for it
  for (const auto& check : kChecks) {
    const auto missing =
        std::ranges::find_if(check.needs, [&](std::string_view need) { return causes.contains(need); });
    if (missing != check.needs.end()) {
      const auto cause = causes.at(*missing);
      causes.emplace(check.name, cause);
      findings.push_back({check.name, skip("needs " + std::string(cause)), {}, cause});
      continue;
    }
    auto verdict = check.judge(seen);
    verdict.found = one_line(verdict.found);
    if (verdict.status == Status::Fail) causes.emplace(check.name, check.name);
    const auto remedy = verdict.fault.empty() ? std::string_view{} : fault(verdict.fault).remedy;
    findings.push_back({check.name, std::move(verdict), remedy, {}});
  }
  return findings;
}

int exit_code(std::span<const Finding> findings) {
  const auto first =
      std::ranges::find_if(findings, [](const Finding& one) { return one.verdict.status == Status::Fail; });
  if (first == findings.end()) return 0;
  switch (std::ranges::find(kChecks, first->check, &Check::name)->concern) {
    case Concern::Settings:
      return 2;
    case Concern::Reach:
      return 4;
    case Concern::Machine:
      return 1;
  }
  return 1;
}

}  // namespace clawbridge::doctor
