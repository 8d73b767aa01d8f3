// What the daemon shows of itself as JSON: one function for each answer of the local API.
//
// Members without a value are left out. The result of a send is a superset of OpenClaw's own `sessions_send` result, so
// that an agent that knows that tool knows ours.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bridge/api/caller.h"
#include "bridge/api/json_writer.h"
#include "bridge/core/host.h"
#include "bridge/core/views.h"

namespace clawbridge::api {

/// The text with `?` for each byte that is not UTF-8.
[[nodiscard]] std::string printable(std::string_view text);

/// Writes the member `"error":{"code","message","retryable"}`. Bytes of the message that are not UTF-8 become `?`.
void write_error(JsonWriter& json, const Error& error);

/// Result of `sessions_send`:
/// `{"status","runId","sessionKey","childSessionKey","reply","attachments":[{"name","mimeType","content","digest"}],
/// "correlationId","gateway","agent","remote","stage","stages":[{"stage","time"}],"error","truncated","hint","reason",
/// "unreachable"}`.
[[nodiscard]] std::string send_json(const core::ExchangeView& exchange);

/// The same, and what only somebody who looks back wants: `direction` (outgoing, incoming), `source`, `operation`,
/// `created`, `expires` and, where known, the request's `message`.
[[nodiscard]] std::string exchange_json(const core::ExchangeView& exchange);
/// What a request to stop an exchange has come to.
[[nodiscard]] std::string cancel_json(const core::CancelView& cancel);
/// `{"exchanges":[…]}`
[[nodiscard]] std::string exchanges_json(const std::vector<core::ExchangeView>& exchanges);

/// `{"requester","agents":[{"gateway","id","name","presence","remote"}]}`; `requester` is left out when empty.
[[nodiscard]] std::string agents_json(const std::vector<core::AgentView>& agents, std::string_view requester);
/// An agent, and what its bridge says that the requester may ask of it; `why` there is no such word of it.
struct AskedAgent {
  core::AgentView agent;
  std::optional<std::vector<std::string>> ops;
  std::string why;
};
/// The same with `"ops"` or `"why"` of those that were asked about.
[[nodiscard]] std::string survey_json(const std::vector<AskedAgent>& agents, std::string_view requester);
/// A peer's own answer to agents_list: the same, with the operations allowed on each agent as `ops`.
[[nodiscard]] std::string peer_agents_json(std::string_view gateway, const std::vector<body::AgentInfo>& agents,
                                           std::string_view requester);

/// What a gateway's tool found, with `"gateway"` and `"remote"` beside it. `listing`: a JSON object, or empty.
[[nodiscard]] std::string listing_json(std::string_view listing, std::string_view gateway, bool remote);

/// `{"gateway","trust","presence","since","version","fingerprint","offeredFingerprint","gatewayKind","gatewayVersion","agents","openOutgoing","seen"}`
[[nodiscard]] std::string peer_json(const core::PeerView& peer);
/// `{"peers":[…]}`
[[nodiscard]] std::string peers_json(const std::vector<core::PeerView>& peers);

/// `{"gateway","version","state","fingerprint",…,"broker":{…},"agentGateway":{…},"queues":[{"name","size","limit"}],"counters":{…}}`
[[nodiscard]] std::string status_json(const core::StatusView& status);

/// The same and, for the operator, `"settings":{"file","loaded","error","restartNeeded":[…]}` and
/// `"troubles":[{"time","level","event","text","count"}]`, the latest warnings and errors, newest first.
[[nodiscard]] std::string operator_status_json(const core::StatusView& status, const core::SettingsView& settings,
                                               const std::vector<core::TroubleView>& troubles);
/// `{"status":"ok","changed":[…],"restartNeeded":[…]}`
[[nodiscard]] std::string reload_json(const core::ReloadView& reload);
/// `{"caller","seesAll","mayOperate"}`: who asks, whether it may see what is not its own, and whether it may do what the operator does.
[[nodiscard]] std::string caller_json(const Caller& caller);

/// `{"status":"ok","gateway","version","time","incarnation","journalOpen","roundTripMicroseconds"}`
[[nodiscard]] std::string ping_json(std::string_view gateway, const body::Pong& pong,
                                    std::uint64_t round_trip_microseconds);

/// Why the daemon cannot do all of its work, one sentence each; empty when it can: broker and gateway are there, and the journal
/// takes what it is given.
[[nodiscard]] std::vector<std::string> unready_reasons(const core::StatusView& status);
/// `{"ready","state","failing":[…]}`
[[nodiscard]] std::string readiness_json(const core::StatusView& status, const std::vector<std::string>& reasons);

}  // namespace clawbridge::api
