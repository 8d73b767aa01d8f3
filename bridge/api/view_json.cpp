#include "bridge/api/view_json.h"

#include "topics/encoding.h"
#include "topics/time.h"

namespace clawbridge::api {
namespace {

constexpr std::size_t kFrameBytes = 1024;  // what an exchange's JSON takes beside its texts, roughly

void write_time(JsonWriter& json, std::string_view name, WallTime time) {
  if (time != WallTime{}) json.text(name, format_time(time));
}

void write_stages(JsonWriter& json, const std::vector<core::StageTime>& stages) {
  json.key("stages");
  json.begin_array();
  for (const auto& stage : stages) {
    json.begin_object();
    json.text("stage", stage.stage);
    json.text("time", format_time(stage.time));
    json.end_object();
  }
  json.end_array();
}

void write_attachments(JsonWriter& json, const std::vector<body::Attachment>& files) {
  json.key("attachments");
  json.begin_array();
  for (const auto& file : files) {
    json.begin_object();
    json.text_if_any("name", file.name);
    json.text_if_any("mimeType", file.mime_type);
    json.text("content", file.content);
    json.text("digest", file.digest);
    json.end_object();
  }
  json.end_array();
}

/// The members of a send's result, without the braces.
void write_result(JsonWriter& json, const core::ExchangeView& exchange) {
  json.text("status", exchange.status);
  json.text_if_any("runId", exchange.run_id);
  json.text_if_any("sessionKey", exchange.session_key);
  json.text_if_any("childSessionKey", exchange.child_session_key);
  if (exchange.reply) json.text("reply", *exchange.reply);
  if (!exchange.attachments.empty()) write_attachments(json, exchange.attachments);
  json.text("correlationId", exchange.correlation_id);
  json.text_if_any("gateway", exchange.gateway);
  json.text_if_any("agent", exchange.agent);
  json.flag("remote", exchange.remote);
  json.text_if_any("stage", exchange.stage);
  if (!exchange.stages.empty()) write_stages(json, exchange.stages);
  if (exchange.error) write_error(json, *exchange.error);
  if (exchange.truncated) json.flag("truncated", true);
  json.text_if_any("hint", printable(exchange.hint));
  json.text_if_any("reason", printable(exchange.reason));
  if (exchange.unreachable) json.flag("unreachable", true);
}

void write_exchange(JsonWriter& json, const core::ExchangeView& exchange) {
  json.begin_object();
  write_result(json, exchange);
  json.text("direction", exchange.outgoing ? "outgoing" : "incoming");
  json.text_if_any("source", exchange.source);
  json.text_if_any("operation", exchange.operation);
  write_time(json, "created", exchange.created);
  write_time(json, "expires", exchange.expiry);
  if (exchange.message) json.text("message", *exchange.message);
  json.end_object();
}

std::size_t text_bytes(const core::ExchangeView& exchange) {
  std::size_t bytes = (exchange.reply ? exchange.reply->size() : 0) + (exchange.message ? exchange.message->size() : 0);
  for (const auto& file : exchange.attachments) bytes += file.content.size();
  return bytes;
}

/// The members of an agent, without the braces.
void write_agent(JsonWriter& json, const core::AgentView& agent) {
  json.text("gateway", agent.gateway);
  json.text("id", agent.id);
  json.text_if_any("name", agent.name);
  json.text_if_any("presence", agent.presence);
  json.flag("remote", agent.remote);
}

void write_texts(JsonWriter& json, std::string_view name, const std::vector<std::string>& texts) {
  json.key(name);
  json.begin_array();
  for (const auto& text : texts) json.text(text);
  json.end_array();
}

void write_peer(JsonWriter& json, const core::PeerView& peer) {
  json.begin_object();
  json.text("gateway", peer.gateway);
  json.text("trust", peer.trust);
  json.text("presence", peer.presence);
  write_time(json, "since", peer.since);
  json.text_if_any("version", peer.version);
  json.text_if_any("fingerprint", peer.fingerprint);
  json.text_if_any("offeredFingerprint", peer.offered_fingerprint);
  json.text_if_any("gatewayKind", peer.gateway_kind);
  json.text_if_any("gatewayVersion", peer.gateway_version);
  json.key("agents");
  json.begin_array();
  for (const auto& agent : peer.agents) {
    json.begin_object();
    json.text("id", agent.id);
    json.text_if_any("name", agent.name);
    json.end_object();
  }
  json.end_array();
  json.number("openOutgoing", peer.open_outgoing);
  write_time(json, "seen", peer.seen);
  json.end_object();
}

}  // namespace

std::string printable(std::string_view text) {
  std::string good(text);
  while (const auto bad = find_invalid_utf8(good)) good[*bad] = '?';
  return good;
}

void write_error(JsonWriter& json, const Error& error) {
  json.key("error");
  json.begin_object();
  json.text("code", to_string(error.code));
  json.text("message", printable(error.message));
  json.flag("retryable", error.retryable);
  json.end_object();
}

std::string send_json(const core::ExchangeView& exchange) {
  JsonWriter json;
  json.reserve(text_bytes(exchange) + kFrameBytes);
  json.begin_object();
  write_result(json, exchange);
  json.end_object();
  return json.take();
}

std::string exchange_json(const core::ExchangeView& exchange) {
  JsonWriter json;
  json.reserve(text_bytes(exchange) + kFrameBytes);
  write_exchange(json, exchange);
  return json.take();
}

std::string cancel_json(const core::CancelView& cancel) {
  JsonWriter json;
  json.begin_object();
  json.text("result", cancel.result);
  if (cancel.ran) json.flag("ran", *cancel.ran);
  write_result(json, cancel.exchange);
  json.end_object();
  return json.take();
}

std::string exchanges_json(const std::vector<core::ExchangeView>& exchanges) {
  JsonWriter json;
  json.begin_object();
  json.key("exchanges");
  json.begin_array();
  for (const auto& exchange : exchanges) write_exchange(json, exchange);
  json.end_array();
  json.end_object();
  return json.take();
}

std::string agents_json(const std::vector<core::AgentView>& agents, std::string_view requester) {
  JsonWriter json;
  json.begin_object();
  json.text_if_any("requester", requester);
  json.key("agents");
  json.begin_array();
  for (const auto& agent : agents) {
    json.begin_object();
    write_agent(json, agent);
    json.end_object();
  }
  json.end_array();
  json.end_object();
  return json.take();
}

std::string survey_json(const std::vector<AskedAgent>& agents, std::string_view requester) {
  JsonWriter json;
  json.begin_object();
  json.text_if_any("requester", requester);
  json.key("agents");
  json.begin_array();
  for (const auto& asked : agents) {
    json.begin_object();
    write_agent(json, asked.agent);
    if (asked.ops) write_texts(json, "ops", *asked.ops);
    json.text_if_any("why", printable(asked.why));
    json.end_object();
  }
  json.end_array();
  json.end_object();
  return json.take();
}

std::string peer_agents_json(std::string_view gateway, const std::vector<body::AgentInfo>& agents,
                             std::string_view requester) {
  JsonWriter json;
  json.begin_object();
  json.text_if_any("requester", requester);
  json.key("agents");
  json.begin_array();
  for (const auto& agent : agents) {
    json.begin_object();
    json.text("gateway", gateway);
    json.text("id", agent.id);
    json.text_if_any("name", agent.name);
    json.flag("remote", true);
    write_texts(json, "ops", agent.ops);
    json.end_object();
  }
  json.end_array();
  json.end_object();
  return json.take();
}

std::string listing_json(std::string_view listing, std::string_view gateway, bool remote) {
  JsonWriter json;
  json.begin_object();
  json.text("gateway", gateway);
  json.flag("remote", remote);
  json.end_object();
  std::string ours = json.take();
  if (listing.size() <= 2) return ours;
  // Ours stand last: of two members of one name readers take the second.
  std::string all(listing.substr(0, listing.size() - 1));
  ours.front() = ',';
  return all += ours;
}

std::string peer_json(const core::PeerView& peer) {
  JsonWriter json;
  write_peer(json, peer);
  return json.take();
}

std::string peers_json(const std::vector<core::PeerView>& peers) {
  JsonWriter json;
  json.begin_object();
  json.key("peers");
  json.begin_array();
  for (const auto& peer : peers) write_peer(json, peer);
  json.end_array();
  json.end_object();
  return json.take();
}

namespace {

/// The members of a status, without the braces.
void write_status(JsonWriter& json, const core::StatusView& status) {
  json.text("gateway", status.gateway);
  json.text("version", status.version);
  json.text("state", status.state);
  json.text_if_any("fingerprint", status.fingerprint);
  json.text_if_any("incarnation", status.incarnation);
  json.number("epoch", status.epoch);
  json.key("broker");
  json.begin_object();
  json.text("state", status.broker_state);
  write_time(json, "since", status.broker_since);
  if (status.broker_protocol > 0) json.number("protocol", static_cast<std::uint64_t>(status.broker_protocol));
  if (status.broker_insecure) json.flag("insecure", true);
  json.text_if_any("error", printable(status.broker_error));
  json.end_object();
  json.key("agentGateway");
  json.begin_object();
  json.flag("connected", status.gateway_connected);
  write_time(json, "since", status.gateway_since);
  json.text_if_any("kind", status.gateway_kind);
  json.text_if_any("version", status.gateway_version);
  json.text_if_any("error", printable(status.gateway_error));
  json.end_object();
  write_texts(json, "agents", status.agents);
  json.number("peers", status.peers);
  json.number("peersOnline", status.peers_online);
  json.number("peersPending", status.peers_pending);
  json.number("outgoingOpen", status.outgoing_open);
  json.number("incomingOpen", status.incoming_open);
  json.key("queues");
  json.begin_array();
  for (const auto& queue : status.queues) {
    json.begin_object();
    json.text("name", queue.name);
    json.number("size", queue.size);
    json.number("limit", queue.limit);
    json.end_object();
  }
  json.end_array();
  json.key("counters");
  json.begin_object();
  for (const auto& [name, value] : status.counters) json.number(name, value);
  json.end_object();
}

std::string_view level_name(core::action::Level level) { return level == core::action::Level::Error ? "error" : "warn"; }

}  // namespace

std::string status_json(const core::StatusView& status) {
  JsonWriter json;
  json.begin_object();
  write_status(json, status);
  json.end_object();
  return json.take();
}

std::string operator_status_json(const core::StatusView& status, const core::SettingsView& settings,
                                 const std::vector<core::TroubleView>& troubles) {
  JsonWriter json;
  json.begin_object();
  write_status(json, status);
  json.key("settings");
  json.begin_object();
  json.text_if_any("file", printable(settings.file));
  write_time(json, "loaded", settings.loaded);
  json.text_if_any("error", printable(settings.error));
  if (!settings.restart_needed.empty()) write_texts(json, "restartNeeded", settings.restart_needed);
  json.end_object();
  json.key("troubles");
  json.begin_array();
  for (const auto& trouble : troubles) {
    json.begin_object();
    write_time(json, "time", trouble.time);
    json.text("level", level_name(trouble.level));
    json.text("event", trouble.event);
    json.text_if_any("text", printable(trouble.text));
    json.number("count", trouble.count);
    json.end_object();
  }
  json.end_array();
  json.end_object();
  return json.take();
}

std::string reload_json(const core::ReloadView& reload) {
  JsonWriter json;
  json.begin_object();
  json.text("status", "ok");
  write_texts(json, "changed", reload.changed);
  write_texts(json, "restartNeeded", reload.restart_needed);
  json.end_object();
  return json.take();
}

std::string caller_json(const Caller& caller) {
  JsonWriter json;
  json.begin_object();
  json.text("caller", caller.agent);
  json.flag("seesAll", caller.is_person());
  json.flag("mayOperate", caller.is_operator());
  json.end_object();
  return json.take();
}

std::string ping_json(std::string_view gateway, const body::Pong& pong, std::uint64_t round_trip_microseconds) {
  JsonWriter json;
  json.begin_object();
  json.text("status", "ok");
  json.text("gateway", gateway);
  json.text("version", pong.version);
  json.text("time", pong.time);
  json.text("incarnation", pong.incarnation);
  json.number("journalOpen", pong.journal_open);
  json.number("roundTripMicroseconds", round_trip_microseconds);
  json.end_object();
  return json.take();
}

std::vector<std::string> unready_reasons(const core::StatusView& status) {
  std::vector<std::string> reasons;
  if (status.broker_state != "connected" || !status.broker_error.empty()) {
    reasons.push_back("broker is " + status.broker_state +
                      (status.broker_error.empty() ? "" : ": " + printable(status.broker_error)));
  }
  if (status.state == "name_conflict") reasons.push_back("another bridge bears the name " + status.gateway);
  if (!status.gateway_connected) {
    reasons.push_back("the agent gateway is not connected" + (status.gateway_error.empty() ? "" : ": " + printable(status.gateway_error)));
  }
  if (status.journal_failing) reasons.push_back("the journal takes nothing: see the error store.commit_failed in the log");
  return reasons;
}

std::string readiness_json(const core::StatusView& status, const std::vector<std::string>& reasons) {
  JsonWriter json;
  json.begin_object();
  json.flag("ready", reasons.empty());
  json.text("state", status.state);
  json.key("failing");
  json.begin_array();
  for (const auto& reason : reasons) json.text(reason);
  json.end_array();
  json.end_object();
  return json.take();
}

}  // namespace clawbridge::api
