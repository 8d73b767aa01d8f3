// What the core is told at start: who it is, whom it knows, and every limit.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "bridge/core/cryptography.h"
#include "bridge/core/event.h"
#include "topics/address.h"
#include "topics/limits.h"
#include "topics/message.h"
#include "topics/time.h"

namespace clawbridge::core {

struct Limits {
  MessageLimits message;
  std::size_t outgoing_open = 10'000;         // exchanges asked here and not ended
  std::uint64_t outgoing_bytes = std::uint64_t{1} << 30;  // of the requests among them
  std::size_t incoming_open = 10'000;         // exchanges taken here and not ended
  std::size_t incoming_open_per_peer = 4'000;
  std::size_t peers_pinned = 4'096;
  std::size_t peers_pending = 64;
  std::size_t runs = 16;                      // turns on the local gateway at once, one per session
  std::size_t asks = 1'024;                   // read-only questions of local callers under way
  std::size_t waiters = 4'096;                // local callers waiting
  std::uint64_t journal_bytes_per_peer = std::uint64_t{1} << 30;  // of requests and replies kept for one peer
  std::uint64_t per_minute_per_peer = 0;      // requests of one peer that are taken; 0: no limit
  std::uint64_t per_minute_per_pair = 0;      // of one source to one agent
  std::size_t max_hops = 8;                   // exchanges that may cause one another in a chain
};

/// Who may use which operations on which agents: see policy.h. Texts are globs.
struct PolicyRule {
  std::vector<std::string> from;      // gateway/agent
  std::vector<std::string> to;        // local agents, or `_bridge`
  std::vector<std::string> sessions;  // session keys; empty: every session of the agent
  std::vector<Operation> allow;
  std::vector<Operation> deny;
  std::uint64_t per_minute = 0;       // requests of one source to one agent; 0: limits.per_minute_per_pair
  std::uint64_t open = 0;             // exchanges taken under this rule and not ended; 0: no limit of its own
  std::uint64_t concurrent = 0;       // of them, turns at once; 0: no limit of its own
  std::uint64_t message_bytes = 0;    // of one message; 0: limits.message_bytes
  std::string place;                  // `clawbridge.yaml:12`, for the operator
};

/// Plain MQTT requests are taken for that agent when their response topic matches.
struct PlainClients {
  std::string agent;
  std::vector<std::string> reply_topics;  // MQTT filters, none below the base
};

/// Whether content is encrypted from bridge to bridge. `Always` neither sends nor takes anything readable.
enum class Seal { Off, WhenPossible, Always };

/// What is done where nobody can tell whether a turn ran: say so, or run it (again).
enum class OnInterrupted { Report, Rerun };

/// How long messages made with keys from before a rotation are taken: see the wire contract, "Rotation".
inline constexpr std::chrono::hours kPreviousKeysTaken{7 * 24};

/// Keys this bridge had before it rotated them: what was made for them is still taken for a while.
struct PreviousKeys {
  Keys keys;
  WallTime until{};
  Bytes64 proof{};  // the old signing key's signature over the new fingerprint
};

/// What may be replaced while the core runs: event::SettingsChanged. Each is read when it is needed, so that it holds for what
/// comes from then on; what has been taken goes on.
struct Changeable {
  Seal seal = Seal::Off;
  std::map<std::string, std::string> peers;   // gateway -> fingerprint (64 hex digits) pinned by configuration
  std::map<std::string, Address> remote_agents;  // short name -> address
  std::optional<std::vector<std::string>> expose;  // local agents others may see; nothing: all
  bool agent_names = true;                    // publish display names in the state
  std::chrono::milliseconds keep{std::chrono::hours{7 * 24}};  // ended outgoing exchanges
  OnInterrupted on_interrupted = OnInterrupted::Report;
  event::LateReply late_reply = event::LateReply::Deliver;  // where a request does not say
  std::vector<PolicyRule> policy;
  std::vector<PlainClients> plain_clients;
  Limits limits;                              // all but limits.message, which peers have been told
};

struct Options : Changeable {
  std::string gateway;                        // our name in the federation
  std::string version;                        // of this release
  std::string gateway_kind;                   // of the local gateway: openclaw, echo, command
  std::string base = "claw";
  bool broker_insecure = false;               // nobody checks who the broker is: status says so
  Keys keys;
  std::optional<PreviousKeys> previous_keys;
  std::optional<std::string> join_secret;     // decoded bytes
};

}  // namespace clawbridge::core
