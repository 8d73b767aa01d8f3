// Everything a bridge can do, as orders. The core gives them; adapters carry them out and report by events.
//
// Store, then act: the caller of Core::step() applies every StoreOrder at once, in order, and carries out no other
// action of the same or a later step before all orders given so far are durable. So a crash at any point leaves a
// journal from which the next start goes on as if the actions had been lost on the way.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "bridge/core/event.h"
#include "bridge/core/journal.h"
#include "bridge/core/views.h"

namespace clawbridge::core {

namespace action {

struct Store {
  StoreOrder order;
};

// ---- broker ----

/// Open both connections. Answered by BrokerConnected or BrokerConnectFailed, later BrokerLost.
struct ConnectBroker {
  std::string sub_client_id;  // keeps its session, holds the will
  std::string pub_client_id;  // clean
  int protocol = 5;           // 5, or 4 for MQTT 3.1.1
  std::string will_topic;
  std::string will_payload;   // retained, QoS 1
};
struct DisconnectBroker {};
struct Subscription {
  std::string filter;
  // True: Retain Handling 0 and Retain As Published 0. False: 2, and 1 so that a retained message is known as one.
  // MQTT 5 only; 3.1.1 has no such choice.
  bool wants_retained = false;
};
/// At QoS 1 on the subscribing connection. Answered by BrokerSubscribed.
struct Subscribe {
  std::vector<Subscription> subscriptions;
};
/// At QoS 1 on the publishing connection, in the order given.
struct Publish {
  std::string topic;
  std::string payload;
  bool retain = false;
  std::uint64_t token = 0;      // not 0: report BrokerPublished when the broker refuses it
  bool report_success = false;  // and when it takes it
  // MQTT 5 properties, from the payload.
  std::string correlation_id;
  std::string response_topic;
  std::optional<std::chrono::seconds> expires_in;
  bool plain = false;  // the answer to a plain request: text, not a message of the contract
};

// ---- the local gateway ----

/// Which session is meant. Exactly one of session_key and label is set, and it belongs to `agent`.
struct ResolveSession {
  RunKey run;
  std::string agent;
  std::string session_key;
  std::string label;
};
/// Run a turn: "handing over" is already durable. Answered by RunStarted and RunEnded, RunNotTaken or RunLost.
struct StartRun {
  RunKey run;
  std::string idempotency_key;  // claw:<source gateway>:<correlation id>:<attempt>
  std::string agent;
  std::string session_key;
  std::string text;
  std::string source_session;   // provenance: <gateway>/<agent>
  std::string source_channel;   // mqtt:<correlation id>, of a late reply mqtt:<correlation id>:reply
  std::vector<body::Attachment> attachments;
  bool progress = false;        // report RunProgress
  // Of a spawn, whose session_key is new: the gateway makes that session. All may be empty.
  bool new_session = false;
  std::string label;
  std::string model;
  std::string thinking;
  std::optional<std::chrono::seconds> time_limit;  // nothing: the gateway's longest
};
/// Stop a turn that was handed over. Answered by RunEnded, whatever its outcome then is, or AbortRefused, or RunLost.
struct AbortRun {
  RunKey run;
  std::string idempotency_key;
  std::string agent;
  std::string session_key;
};
/// Find out what became of a turn handed over earlier, without running anything. Answered by RunStarted (it still
/// runs) and RunEnded, or RunNotTaken when it certainly never ran.
struct RecoverRun {
  RunKey run;
  std::string idempotency_key;
  std::string agent;
  std::string session_key;
  std::string source_channel;
  std::string text;             // to find it in the history of a gateway that keeps no keys
  std::string boot_id;          // of the gateway when it was handed over
  WallTime handed_over{};
};

/// Whether sessions of `agent` may be told, those whose keys match `glob`. Of several rules the first that matches decides.
struct SessionRule {
  std::string agent;
  std::string glob;
  bool told = true;
};

/// Look something up in the gateway's sessions; nothing runs. Answered by SessionsRead, also when the gateway is down.
struct ReadSessions {
  std::uint64_t read = 0;
  std::vector<std::string> agents;  // whose sessions may be told. Of a history or a status: the session's agent
  std::vector<SessionRule> rules;   // which of them, of a list; none that matches: told
  std::variant<body::SessionsList, body::SessionsHistory, body::SessionStatus> what;  // session_key: full, or empty for the agent's default
  std::size_t bytes_max = 0;        // of the listing: it is cut to fit, oldest first, and says so as OpenClaw does
};

/// The outcome of a run is journaled: nobody asks for that run again, and the gateway may forget it. Not answered.
struct ForgetRun {
  RunKey run;
  std::string idempotency_key;
};

// ---- local callers ----

struct Answer {
  Ticket ticket = 0;
  std::variant<SendResult, AskResult, TrustResult, CancelResult> result;
};

/// The agent's text so far, for callers that asked for it.
struct Progress {
  std::string id;
  std::vector<Ticket> tickets;
  std::string text;
};

// ---- telling people ----

enum class Level { Debug, Info, Warn, Error };
struct Note {
  Level level = Level::Info;
  std::string_view name;  // stable, dotted: `exchange.ended`; a literal
  std::vector<std::pair<std::string_view, std::string>> fields;  // `cid`, `mid`, `peer`, `agent` when known
};

/// The last action after event::Shutdown: everything that could be finished is.
struct Stopped {};

}  // namespace action

using Action = std::variant<action::Store, action::ConnectBroker, action::DisconnectBroker, action::Subscribe,
                            action::Publish, action::ResolveSession, action::StartRun, action::AbortRun, action::RecoverRun,
                            action::ForgetRun, action::ReadSessions, action::Answer, action::Progress, action::Note, action::Stopped>;
using Actions = std::vector<Action>;

}  // namespace clawbridge::core
