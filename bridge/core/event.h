// Everything that can happen to a bridge, as facts. Reading this file and action.h tells what the core does.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "topics/error.h"
#include "topics/message.h"
#include "topics/result.h"
#include "topics/time.h"

namespace clawbridge::core {

struct Changeable;  // options.h

/// Names a local caller that waits for an answer. Chosen by the runtime, never reused while the daemon runs.
using Ticket = std::uint64_t;

/// Names one attempt at one turn on the local gateway.
struct RunKey {
  std::string source_gateway;  // who asked
  std::string id;              // correlation id
  std::uint32_t attempt = 0;

  friend auto operator<=>(const RunKey&, const RunKey&) = default;
};

/// Hex digits of a fingerprint that two people have to compare at least: 128 bits.
inline constexpr std::size_t kTrustDigits = 32;

namespace event {

/// Nothing but the time has changed: next_deadline() has come.
struct Tick {};

// ---- broker ----

/// Both connections are up. `protocol`: 5 or 4 (3.1.1). `packet_bytes_max`: largest packet the broker takes, 0 unknown.
struct BrokerConnected {
  int protocol = 5;
  std::uint64_t packet_bytes_max = 0;
  bool session_present = false;
};
enum class BrokerFailure {
  Unreachable,      // no TCP connection, name not found, timed out
  Tls,              // the reason says which check failed
  ProtocolRefused,  // may speak only MQTT 3.1.1
  BadCredentials,   // user name or password
  NotAuthorized,
  Other,
};
struct BrokerConnectFailed {
  BrokerFailure failure = BrokerFailure::Other;
  std::string reason;  // for a person; names the broker
};
struct BrokerLost {
  std::string reason;
};
struct SubscribeResult {
  std::string filter;
  bool granted = false;
};
struct BrokerSubscribed {
  std::vector<SubscribeResult> results;
};
/// The broker acknowledged, refused or never got a publish that carried a token (action::Publish::token).
struct BrokerPublished {
  std::uint64_t token = 0;
  bool ok = false;
  std::string reason;
  bool lost = false;  // not ok because the connection ended, or too much waited for it: the broker has refused nothing
};
struct BrokerMessage {
  std::string topic;
  std::string payload;
  bool retained = false;  // the RETAIN flag as received
  // MQTT 5 properties, for plain requests only: nothing of ours is read from them.
  std::string response_topic;
  std::string correlation_data;
};

// ---- the local gateway ----

struct GatewayAgent {
  std::string id;
  std::string name;  // may be empty
};
struct GatewayUp {
  std::string kind;     // openclaw, echo, command
  std::string version;
  std::string boot_id;  // differs after a restart of the gateway; empty where it tells none
  bool keeps_keys = false;  // the same idempotency key to the same boot does not run twice (OpenClaw 2026.9)
  std::vector<GatewayAgent> agents;
};
struct GatewayDown {
  std::string reason;  // for a person; names the gateway and what to do
};
/// The agents have changed while the gateway was up.
struct GatewayAgents {
  std::vector<GatewayAgent> agents;
};
/// Answer to action::ResolveSession: the full session key, or UnknownSession, UnknownAgent, Ambiguous, GatewayDown.
struct SessionResolved {
  RunKey run;
  Result<std::string> session_key;
};
/// The gateway took the turn.
struct RunStarted {
  RunKey run;
  std::string run_id;
};
/// The turn has ended and its outcome is known. `outcome.status` is Ok, NoReply, Error, Rejected or Interrupted.
struct RunEnded {
  RunKey run;
  body::Reply outcome;
};
/// The turn certainly did not run and may be handed over again (the gateway drains, is busy, or is gone).
struct RunNotTaken {
  RunKey run;
  std::string reason;
};
/// The agent's text so far, while the turn runs. As often as the gateway likes, only when action::StartRun asked for it, and
/// never needed: it may stop coming at any time.
struct RunProgress {
  RunKey run;
  std::string text;
};
/// Answer to action::ReadSessions: the result as a JSON object in the shape of OpenClaw's own tool, without blanks around it;
/// or UnknownSession, Unsupported, GatewayDown, GatewayError.
struct SessionsRead {
  std::uint64_t read = 0;
  Result<std::string> listing;
};
/// Answer to action::AbortRun: the turn goes on to its natural end. (One that was stopped is reported RunEnded, Cancelled.)
struct AbortRefused {
  RunKey run;
  std::string reason;
};
/// The connection ended after the turn was handed over: whether it ran is not known yet.
struct RunLost {
  RunKey run;
  std::string reason;
};

// ---- local callers ----

/// What becomes of a reply that comes when the asking agent no longer waits for it: given to its session as a message of
/// another session, or only kept.
enum class LateReply { Deliver, Keep };

/// `sessions_send` of a local agent or person. Targets are resolved by the core (see router.h).
struct LocalSend {
  Ticket ticket = 0;
  std::string caller_agent;    // a local agent's id, or `_bridge` for a person
  std::string caller_session;  // may be empty
  std::string gateway;         // may be empty
  std::string agent;           // id, `gateway/agent`, or a remote_agents name; may be empty
  std::string session_key;     // may be written `gateway/agent:<id>:<rest>`; may be empty
  std::string label;           // may be empty
  std::string message;
  std::chrono::milliseconds wait{30'000};  // 0: do not wait
  std::optional<std::chrono::milliseconds> expires_in;
  std::optional<LateReply> late_reply;     // nothing: as the settings say
  bool progress = false;                   // action::Progress as the text grows
  std::vector<body::Attachment> attachments;
};
/// `sessions_spawn`: answered as soon as the turn has started there, or has ended, or the wait has.
struct LocalSpawn {
  Ticket ticket = 0;
  std::string caller_agent;
  std::string caller_session;
  std::string gateway;
  std::string agent;
  body::SessionsSpawn spawn;
  std::chrono::milliseconds wait{30'000};
  std::optional<std::chrono::milliseconds> expires_in;
  std::optional<LateReply> late_reply;
  bool until_ended = false;                // wait for the end, not for the start
};
/// A question that only reads: to a gateway as a whole, or of the sessions of one agent.
struct LocalAsk {
  Ticket ticket = 0;
  std::string caller_agent = "_bridge";    // policy there judges it
  std::string gateway;
  std::string agent;                       // empty: the gateway as a whole
  std::variant<body::Ping, body::AgentsList, body::SessionsList, body::SessionsHistory, body::SessionStatus> what;
  std::chrono::milliseconds wait{10'000};
};
/// Answer when the exchange has ended or the wait has.
struct LocalWait {
  Ticket ticket = 0;
  std::string id;
  std::chrono::milliseconds wait{30'000};
  std::string caller_agent = "_bridge";    // the asking agent itself: then its reply is not delivered to it once more,
  std::string caller_session = {};         // unless it is another session than the one that asked; may be empty
};
/// Stop an exchange that was asked here. Answered when its fate is known or the wait has ended.
struct LocalCancel {
  Ticket ticket = 0;
  std::string id;
  std::chrono::milliseconds wait{30'000};
};
/// A dead letter: ask it again under a new id, which is the answer, or let it rest.
struct LocalReplay {
  Ticket ticket = 0;
  std::string id;
};
struct LocalDrop {
  Ticket ticket = 0;
  std::string id;
};
/// The local caller is gone: forget its ticket. The exchange goes on.
struct LocalGone {
  Ticket ticket = 0;
};
/// A person trusts a pending peer's keys, or the other keys that claim a peer's name. `fingerprint`: hex, at least 32 digits, must match the keys seen.
struct LocalTrust {
  Ticket ticket = 0;
  std::string gateway;
  std::string fingerprint;
};

/// A person withdraws the trust in a peer's keys, for good.
struct LocalRevoke {
  Ticket ticket = 0;
  std::string gateway;
};

/// The settings that may change while the core runs, all of them, and already checked.
struct SettingsChanged {
  std::shared_ptr<const Changeable> to;
};

/// Stop: publish offline, then action::Stopped.
struct Shutdown {};

}  // namespace event

using Event = std::variant<event::Tick, event::BrokerConnected, event::BrokerConnectFailed, event::BrokerLost,
                           event::BrokerSubscribed, event::BrokerPublished, event::BrokerMessage, event::GatewayUp,
                           event::GatewayDown, event::GatewayAgents, event::SessionResolved, event::RunStarted,
                           event::RunEnded, event::RunNotTaken, event::RunProgress, event::AbortRefused, event::RunLost,
                           event::SessionsRead, event::LocalSend, event::LocalSpawn, event::LocalAsk, event::LocalWait,
                           event::LocalCancel, event::LocalReplay, event::LocalDrop, event::LocalGone, event::LocalTrust,
                           event::LocalRevoke, event::SettingsChanged, event::Shutdown>;

/// Where an adapter reports what happened. Safe to call from any thread: it copies, posts and returns.
using EventSink = std::function<void(Event)>;

}  // namespace clawbridge::core
