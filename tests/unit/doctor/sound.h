// A set-up in which everything is well; each test breaks one thing.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "bridge/doctor/checks.h"

namespace clawbridge::doctor {

inline Right right(const char* filter) {
  return {filter, Shown::Yes, Shown::Yes, {}};
}

inline BrokerSeen sound_broker() {
  BrokerSeen broker;
  broker.url = "mqtts://hub:8883";
  broker.tls = true;
  broker.resolved = broker.reached = broker.tls_made = broker.let_in = broker.speaks_protocol = Shown::Yes;
  broker.protocol = 5;
  broker.read_inbox = right("claw/imac/+/inbox");
  broker.read_reply = right("claw/imac/+/reply");
  broker.read_state = right("claw/+/state");
  broker.read_hello = broker.write_hello = right("claw/_all/hello");
  broker.write_own = right("claw/imac/#");
  broker.write_inbox = right("claw/+/+/inbox");
  broker.write_reply = right("claw/+/+/reply");
  broker.qos1 = broker.retained = broker.retained_wildcard = broker.will = broker.session = broker.large = Shown::Yes;
  broker.message_bytes = 1 << 20;
  broker.round_trip = std::chrono::microseconds{1'234};
  return broker;
}

/// imac, beside an OpenClaw gateway, with its daemon running and macbook online.
inline Observations sound() {
  Observations seen;
  seen.now = WallTime{std::chrono::hours{500'000}};
  seen.settings = {
      .error = {}, .file = "imac.yaml", .gateway = "imac", .gateway_kind = "openclaw", .has_peers = true, .loose = {}};
  seen.state = StateSeen{.folder = "/state", .bytes_free = std::uint64_t{1} << 40};
  seen.journal = JournalSeen{.is = JournalSeen::Is::InUse, .path = "/state/journal.db", .words = {}, .incarnation = {}};
  seen.keys = KeysSeen{.path = "/state/keys.json", .error = {}, .fingerprint = std::string(64, 'a')};
  auto& daemon = seen.daemon.emplace();
  daemon.path = "/run/clawbridge.sock";
  daemon.socket = DaemonSeen::Socket::Answers;
  daemon.gateway = "imac";
  daemon.version = daemon.program_version = "1.0.0";
  daemon.state = "online";
  seen.broker = sound_broker();
  seen.name = NameSeen{.own_state = Shown::Yes, .presence = "online"};
  auto& gateway = seen.gateway.emplace();
  gateway.url = "ws://127.0.0.1:18789";
  gateway.version = "2026.9.6";
  gateway.protocol = 4;
  gateway.scopes = {"operator.read", "operator.write"};
  gateway.agents = {"jarvis", "pepper"};
  auto& tools = seen.tools.emplace();
  tools.plugin = ToolsSeen::Plugin::Installed;
  tools.sighted = 2;
  auto& peer = seen.peers.emplace().emplace_back();
  peer.gateway = "macbook";
  peer.trust = "joined";
  peer.presence = "online";
  peer.fingerprint = std::string(64, 'b');
  peer.answers = Shown::Yes;
  peer.ahead = std::chrono::milliseconds{20};
  return seen;
}

inline const Finding& of(const std::vector<Finding>& findings, std::string_view check) {
  return *std::ranges::find(findings, check, &Finding::check);
}

/// The faults found, in order.
inline std::vector<std::string> faults_in(const Observations& seen) {
  std::vector<std::string> ids;
  for (const auto& finding : examine(seen)) {
    if (!finding.verdict.fault.empty()) ids.emplace_back(finding.verdict.fault);
  }
  return ids;
}

}  // namespace clawbridge::doctor
