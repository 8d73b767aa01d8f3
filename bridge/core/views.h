// What the core shows of itself: plain values for the API and the command line, without payloads unless asked.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "bridge/core/journal.h"
#include "topics/error.h"
#include "topics/message.h"
#include "topics/result.h"

namespace clawbridge::core {

/// The state of one exchange as `sessions_send`, `exchange show` and `exchange wait` report it.
struct ExchangeView {
  std::string correlation_id;
  bool outgoing = true;        // asked here; otherwise answered here
  bool remote = true;          // crossed the broker
  std::string status;          // accepted while open; else ok, no_reply, error, rejected, expired, cancelled, interrupted, unknown
  std::string gateway;         // of the agent asked
  std::string agent;
  std::string source;          // address of the asker
  std::string operation;
  std::string session_key;
  std::string run_id;
  std::string child_session_key;  // of a spawn, once it has started
  std::string stage;           // latest
  std::string reason;          // of a deferral or of queueing
  std::vector<StageTime> stages;
  std::optional<std::string> message;  // the request's text, where asked for
  std::optional<std::string> reply;
  bool truncated = false;
  std::vector<body::Attachment> attachments;  // of the reply, where asked for
  std::optional<Error> error;
  // While open: why nothing happens, if that is known here ("broker not reachable: …", "imac is offline since …").
  std::string hint;
  // The hint means that something cannot be reached now: broker, peer or gateway.
  bool unreachable = false;
  WallTime created{};
  WallTime expiry{};
};

/// Answer to LocalSend and LocalWait: the exchange, or why there is none.
using SendResult = Result<ExchangeView>;

/// Answer to LocalCancel: what came of it, or why nothing did.
struct CancelView {
  ExchangeView exchange;     // as it is now
  std::string result;        // cancelled, already_ended, cannot_abort, or requested: the wait ended before an answer
  std::optional<bool> ran;   // of one that was cancelled: whether it had started
};
using CancelResult = Result<CancelView>;

/// Answer to LocalAsk: the reply, and whose it is, as the asker need not have named it.
struct AskView : body::Reply {
  std::string gateway;
};
using AskResult = Result<AskView>;

struct PeerView {
  std::string gateway;
  std::string trust;        // pending, joined, trusted, configured, revoked
  std::string presence;     // online, degraded, offline, unseen
  WallTime since{};
  std::string version;
  std::string fingerprint;  // 64 hex digits; empty if unseen
  std::string offered_fingerprint;  // of other keys that claim the name (`key_changed`); empty: none
  std::string gateway_kind;
  std::string gateway_version;
  std::vector<body::AgentInfo> agents;
  std::uint64_t open_outgoing = 0;
  WallTime seen{};
};

/// Answer to LocalTrust.
using TrustResult = Result<PeerView>;

struct AgentView {
  std::string gateway;
  std::string id;
  std::string name;
  std::string presence;
  bool remote = true;
};

/// How full a queue is. Beyond its limit new work is refused.
struct QueueView {
  std::string name;  // a word of the program's own
  std::uint64_t size = 0;
  std::uint64_t limit = 0;
};

struct StatusView {
  std::string gateway;
  std::string version;
  std::string state;            // starting, online, degraded, offline, name_conflict
  std::string fingerprint;
  std::string incarnation;
  std::uint64_t epoch = 0;
  std::string broker_state;     // connected, connecting, waiting
  std::string broker_error;     // latest, empty when fine
  WallTime broker_since{};      // when it came, or went; zero: neither yet
  int broker_protocol = 0;
  bool broker_insecure = false; // whoever answers is believed to be the broker
  bool gateway_connected = false;
  WallTime gateway_since{};     // when it came, or went
  std::string gateway_kind;
  std::string gateway_version;
  std::string gateway_error;
  std::vector<std::string> agents;
  std::size_t peers = 0;
  std::size_t peers_online = 0;
  std::size_t peers_pending = 0;
  std::uint64_t outgoing_open = 0;
  std::uint64_t incoming_open = 0;
  std::vector<QueueView> queues;   // in entries
  bool journal_failing = false;    // the latest commit: nothing is acted upon until one succeeds
  QueueView outgoing_bytes;        // of the requests that are open
  std::map<std::string, std::uint64_t> counters;  // since start, by name
};

}  // namespace clawbridge::core
