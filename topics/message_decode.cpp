// Decoding: one strict JSON parse, then the contract's checks in its order. The parser's document never leaves this file.
#include <simdjson.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "topics/message.h"
#include "topics/ulid.h"

namespace clawbridge {
namespace {

namespace dom = simdjson::dom;
using Text = std::string_view;

constexpr Text kMacBegin = ",\"mac\":\"";
constexpr Text kSignatureBegin = ",\"signature\":\"";
constexpr Text kEnd = "\"}";
constexpr std::size_t kMacDigits = 43;
constexpr std::size_t kSignatureDigits = 86;
constexpr Text kJson = "application/json";
constexpr Text kSealed = "application/vnd.clawbridge.sealed";
constexpr Text kOctets = "application/octet-stream";

Error bad(std::string message) { return {ErrorCode::BadRequest, std::move(message), false}; }

// ---- form: limits and duplicate members, in one walk over the document ----

class FormCheck {
 public:
  explicit FormCheck(const MessageLimits& limits) : limits_(limits) {}

  // Nothing when the value and all below it keep the limits.
  std::optional<Error> walk(dom::element value, std::size_t depth) {
    if (++values_ > limits_.values) return bad("more than " + std::to_string(limits_.values) + " values");
    if (value.is_object()) return walk_object(dom::object(value), depth);
    if (value.is_array()) return walk_array(dom::array(value), depth);
    return std::nullopt;
  }

 private:
  std::optional<Error> walk_object(dom::object object, std::size_t depth) {
    if (depth > limits_.depth) return too_deep();
    std::vector<Text> names;
    for (const auto field : object) {
      names.push_back(field.key);
      if (auto error = walk(field.value, depth + 1)) return error;
    }
    std::sort(names.begin(), names.end());
    const auto twice = std::adjacent_find(names.begin(), names.end());
    if (twice != names.end()) return bad("a member stands twice in one object");
    return std::nullopt;
  }

  std::optional<Error> walk_array(dom::array array, std::size_t depth) {
    if (depth > limits_.depth) return too_deep();
    for (const auto value : array) {
      if (auto error = walk(value, depth + 1)) return error;
    }
    return std::nullopt;
  }

  [[nodiscard]] Error too_deep() const { return bad("nested deeper than " + std::to_string(limits_.depth)); }

  const MessageLimits& limits_;
  std::size_t values_ = 0;
};

// ---- reading members ----

std::optional<Text> text_of(dom::object object, Text name) {
  Text text;
  if (object.at_key(name).get(text) != simdjson::SUCCESS) return std::nullopt;
  return text;
}

bool has(dom::object object, Text name) { return object.at_key(name).error() == simdjson::SUCCESS; }

std::optional<std::uint64_t> count_of(dom::object object, Text name) {
  std::uint64_t value = 0;
  if (object.at_key(name).get(value) != simdjson::SUCCESS) return std::nullopt;
  return value;
}

// Absent is fine and leaves `out`; present with another type is an error that names the member.
std::optional<Error> read_text(dom::object object, Text name, std::string& out) {
  if (!has(object, name)) return std::nullopt;
  const auto text = text_of(object, name);
  if (!text) return bad("data." + std::string(name) + " must be a string");
  out.assign(*text);
  return std::nullopt;
}

std::optional<Error> read_bool(dom::object object, Text name, bool& out) {
  if (!has(object, name)) return std::nullopt;
  if (object.at_key(name).get(out) != simdjson::SUCCESS) return bad("data." + std::string(name) + " must be true or false");
  return std::nullopt;
}

std::optional<Error> read_count(dom::object object, Text name, std::optional<std::uint64_t>& out) {
  if (!has(object, name)) return std::nullopt;
  out = count_of(object, name);
  if (!out) return bad("data." + std::string(name) + " must be a whole number, 0 or more");
  return std::nullopt;
}

std::optional<Error> read_seconds(dom::object object, Text name, std::optional<double>& out) {
  if (!has(object, name)) return std::nullopt;
  double seconds = 0;
  if (object.at_key(name).get(seconds) != simdjson::SUCCESS || !std::isfinite(seconds) || seconds < 0) {
    return bad("data." + std::string(name) + " must be a number, 0 or more");
  }
  out = seconds;
  return std::nullopt;
}

// Whether the digests are true is for who has the cryptography.
std::optional<Error> read_attachments(dom::object object, std::vector<body::Attachment>& out) {
  if (!has(object, "attachments")) return std::nullopt;
  dom::array array;
  if (object.at_key("attachments").get(array) != simdjson::SUCCESS) return bad("data.attachments must be an array");
  for (const auto value : array) {
    dom::object file;
    if (value.get(file) != simdjson::SUCCESS) return bad("data.attachments must hold objects");
    if (out.size() == kAttachmentsMax) return bad("data.attachments holds more than " + std::to_string(kAttachmentsMax) + " files");
    body::Attachment attachment;
    if (auto error = read_text(file, "name", attachment.name)) return error;
    if (auto error = read_text(file, "mimeType", attachment.mime_type)) return error;
    const auto content = text_of(file, "content");
    if (!content || !base64_decode(*content)) return bad("data.attachments needs content, base64, in each");
    attachment.content.assign(*content);
    attachment.digest.assign(text_of(file, "digest").value_or(""));
    if (!is_hex(attachment.digest, 64)) return bad("data.attachments needs digest, 64 hex digits, in each");
    out.push_back(std::move(attachment));
  }
  return std::nullopt;
}

Result<std::vector<std::string>> read_ids(dom::object data) {
  dom::array array;
  if (data.at_key("ids").get(array) != simdjson::SUCCESS) return bad("data.ids must be an array of ids");
  std::vector<std::string> ids;
  for (const auto value : array) {
    Text id;
    if (value.get(id) != simdjson::SUCCESS || !is_ulid(id)) return bad("data.ids must hold ids only");
    if (ids.size() == kAckIdsMax) return bad("data.ids holds more than " + std::to_string(kAckIdsMax) + " ids");
    ids.emplace_back(id);
  }
  return ids;
}

// ---- bodies: the members of `data`, by type and operation ----

using BodyResult = std::variant<Body, Error>;

BodyResult decode_sessions_send(dom::object data) {
  body::SessionsSend send;
  const auto message = text_of(data, "message");
  if (!message || message->empty()) return bad("data.message must be a string that is not empty");
  send.message.assign(*message);
  if (auto error = read_text(data, "sessionKey", send.session_key)) return *error;
  if (auto error = read_text(data, "label", send.label)) return *error;
  if (auto error = read_bool(data, "progress", send.progress)) return *error;
  if (!send.session_key.empty() && !send.label.empty()) return bad("give data.sessionKey or data.label, not both");
  if (auto error = read_seconds(data, "timeoutSeconds", send.timeout_seconds)) return *error;
  if (auto error = read_attachments(data, send.attachments)) return *error;
  return Body{std::move(send)};
}

BodyResult decode_sessions_spawn(dom::object data) {
  body::SessionsSpawn spawn;
  const auto task = text_of(data, "task");
  if (!task || task->empty()) return bad("data.task must be a string that is not empty");
  spawn.task.assign(*task);
  if (auto error = read_text(data, "label", spawn.label)) return *error;
  if (auto error = read_text(data, "model", spawn.model)) return *error;
  if (auto error = read_text(data, "thinking", spawn.thinking)) return *error;
  if (auto error = read_seconds(data, "runTimeoutSeconds", spawn.run_timeout_seconds)) return *error;
  if (auto error = read_bool(data, "progress", spawn.progress)) return *error;
  if (auto error = read_attachments(data, spawn.attachments)) return *error;
  return Body{std::move(spawn)};
}

BodyResult decode_sessions_list(dom::object data) {
  body::SessionsList list;
  if (auto error = read_count(data, "limit", list.limit)) return *error;
  if (auto error = read_count(data, "offset", list.offset)) return *error;
  if (auto error = read_seconds(data, "activeMinutes", list.active_minutes)) return *error;
  if (auto error = read_count(data, "messageLimit", list.message_limit)) return *error;
  if (auto error = read_text(data, "label", list.label)) return *error;
  if (auto error = read_text(data, "search", list.search)) return *error;
  if (has(data, "kinds")) {
    dom::array kinds;
    if (data.at_key("kinds").get(kinds) != simdjson::SUCCESS) return bad("data.kinds must be an array of strings");
    for (const auto value : kinds) {
      Text kind;
      if (value.get(kind) != simdjson::SUCCESS) return bad("data.kinds must be an array of strings");
      list.kinds.emplace_back(kind);
    }
  }
  return Body{std::move(list)};
}

BodyResult decode_sessions_history(dom::object data) {
  body::SessionsHistory history;
  history.session_key.assign(text_of(data, "sessionKey").value_or(""));
  if (history.session_key.empty()) return bad("data.sessionKey must be a session's key");
  if (auto error = read_count(data, "limit", history.limit)) return *error;
  if (auto error = read_count(data, "offset", history.offset)) return *error;
  if (auto error = read_bool(data, "includeTools", history.include_tools)) return *error;
  return Body{std::move(history)};
}

BodyResult decode_session_status(dom::object data) {
  body::SessionStatus status;
  if (auto error = read_text(data, "sessionKey", status.session_key)) return *error;
  return Body{std::move(status)};
}

BodyResult decode_cancel(dom::object data) {
  const auto id = text_of(data, "id").value_or("");
  if (!is_ulid(id)) return bad("data.id must be the id of an exchange");
  const auto expiry = parse_time(text_of(data, "expirytime").value_or(""));
  if (!expiry) return bad("data.expirytime must be the exchange's expirytime");
  return Body{body::Cancel{std::string(id), *expiry}};
}

BodyResult decode_request_body(Operation op, dom::object data) {
  switch (op) {
    case Operation::SessionsSend: return decode_sessions_send(data);
    case Operation::SessionsSpawn: return decode_sessions_spawn(data);
    case Operation::SessionsList: return decode_sessions_list(data);
    case Operation::SessionsHistory: return decode_sessions_history(data);
    case Operation::SessionStatus: return decode_session_status(data);
    case Operation::AgentsList: return Body{body::AgentsList{}};
    case Operation::Ping: return Body{body::Ping{}};
    case Operation::Status: {
      auto ids = read_ids(data);
      if (!ids) return ids.error();
      return Body{body::Status{std::move(*ids)}};
    }
    case Operation::Cancel: return decode_cancel(data);
    default: return Body{body::Opaque{}};
  }
}

BodyResult decode_receipt(dom::object data) {
  const auto name = text_of(data, "stage").value_or("");
  constexpr std::array kStages{Stage::Deferred, Stage::Stored, Stage::Queued, Stage::Started};
  const auto* stage = std::find_if(kStages.begin(), kStages.end(), [&](Stage s) { return to_string(s) == name; });
  if (stage == kStages.end()) return bad("data.stage is none of the contract's");
  body::Receipt receipt{.stage = *stage, .reason = {}, .retry_after = {}, .position = count_of(data, "position"), .run_id = {}, .child_session_key = {}};
  if (auto error = read_text(data, "reason", receipt.reason)) return *error;
  if (auto error = read_text(data, "runId", receipt.run_id)) return *error;
  if (auto error = read_text(data, "childSessionKey", receipt.child_session_key)) return *error;
  if (const auto ms = count_of(data, "retryAfterMs")) {
    receipt.retry_after = std::chrono::milliseconds{static_cast<std::int64_t>(std::min<std::uint64_t>(*ms, 86'400'000))};
  }
  return Body{std::move(receipt)};
}

Error decode_error(dom::object object) {
  Error error{ErrorCode::Internal, {}, false};
  error.code = error_code_from(text_of(object, "code").value_or("")).value_or(ErrorCode::Internal);
  error.message.assign(text_of(object, "message").value_or(""));
  bool retryable = false;
  if (object.at_key("retryable").get(retryable) == simdjson::SUCCESS) error.retryable = retryable;
  return error;
}

std::vector<body::AgentInfo> decode_agents(dom::array array) {
  std::vector<body::AgentInfo> agents;
  for (const auto value : array) {
    dom::object object;
    if (value.get(object) != simdjson::SUCCESS) continue;
    const auto id = text_of(object, "id").value_or("");
    if (!is_agent_id(id)) continue;
    body::AgentInfo agent{std::string(id), std::string(text_of(object, "name").value_or("")), {}};
    dom::array ops;
    if (object.at_key("ops").get(ops) == simdjson::SUCCESS) {
      for (const auto op : ops) {
        Text name;
        if (op.get(name) == simdjson::SUCCESS) agent.ops.emplace_back(name);
      }
    }
    agents.push_back(std::move(agent));
  }
  return agents;
}

std::vector<body::ExchangeInfo> decode_exchanges(dom::array array) {
  std::vector<body::ExchangeInfo> exchanges;
  for (const auto value : array) {
    dom::object object;
    if (value.get(object) != simdjson::SUCCESS) continue;
    exchanges.push_back({std::string(text_of(object, "id").value_or("")), std::string(text_of(object, "state").value_or("")),
                         std::string(text_of(object, "status").value_or(""))});
  }
  return exchanges;
}

// What an operation that reads sessions has found: all that stands beside `status`, as it came.
std::string listing_of(dom::object data) {
  if (!has(data, "sessions") && !has(data, "messages") && !has(data, "session")) return {};
  std::string listing = "{";
  for (const auto member : data) {
    if (member.key == "status") continue;
    if (listing.size() > 1) listing += ',';
    append_json_string(listing, member.key);
    listing += ':';
    listing += simdjson::minify(member.value);
  }
  listing += '}';
  return listing;
}

BodyResult decode_reply(dom::object data, Text status_attribute) {
  body::Reply reply;
  const auto status = text_of(data, "status").value_or("");
  if (status != status_attribute) return bad("data.status is not the attribute status");
  reply.status = *reply_status_from(status);
  if (auto error = read_text(data, "reply", reply.reply)) return *error;
  if (auto error = read_text(data, "runId", reply.run_id)) return *error;
  if (auto error = read_text(data, "sessionKey", reply.session_key)) return *error;
  if (auto error = read_text(data, "childSessionKey", reply.child_session_key)) return *error;
  if (auto error = read_bool(data, "truncated", reply.truncated)) return *error;
  if (auto error = read_attachments(data, reply.attachments)) return *error;
  reply.listing = listing_of(data);
  if (auto error = read_text(data, "result", reply.cancel_result)) return *error;
  if (dom::object outcome; data.at_key("outcome").get(outcome) == simdjson::SUCCESS) reply.cancel_outcome = text_of(outcome, "status").value_or("");
  if (bool ran = false; data.at_key("ran").get(ran) == simdjson::SUCCESS) reply.ran = ran;
  if (dom::object object; data.at_key("error").get(object) == simdjson::SUCCESS) reply.error = decode_error(object);
  if (dom::array array; data.at_key("agents").get(array) == simdjson::SUCCESS) reply.agents = decode_agents(array);
  if (dom::array array; data.at_key("exchanges").get(array) == simdjson::SUCCESS) reply.exchanges = decode_exchanges(array);
  if (dom::object journal; data.at_key("journal").get(journal) == simdjson::SUCCESS) {
    reply.pong = body::Pong{std::string(text_of(data, "version").value_or("")), std::string(text_of(data, "time").value_or("")),
                            std::string(text_of(data, "incarnation").value_or("")), count_of(journal, "open").value_or(0)};
  }
  return Body{std::move(reply)};
}

BodyResult decode_refusal(dom::object data) {
  const auto digest = text_of(data, "digest").value_or("");
  const auto code = error_code_from(text_of(data, "code").value_or(""));
  if (!is_hex(digest, 64) || !code) return bad("data.digest or data.code is missing or not valid");
  return Body{body::Refusal{std::string(digest), *code}};
}

BodyResult decode_state(dom::object data) {
  body::State state;
  const auto presence = text_of(data, "state").value_or("");
  if (presence == "online") {
    state.presence = body::Presence::Online;
  } else if (presence == "degraded") {
    state.presence = body::Presence::Degraded;
  } else if (presence == "offline") {
    state.presence = body::Presence::Offline;
  } else {
    return bad("data.state must be online, degraded or offline");
  }
  const auto epoch = count_of(data, "epoch");
  const auto revision = count_of(data, "revision");
  const auto incarnation = text_of(data, "incarnation").value_or("");
  dom::object keys;
  if (!epoch || !revision || *revision > kWillRevision || !is_hex(incarnation, 32) ||
      data.at_key("keys").get(keys) != simdjson::SUCCESS) {
    return bad("data needs epoch, revision, incarnation and keys");
  }
  const auto sign_key = base64url_decode32(text_of(keys, "sign").value_or(""));
  const auto box_key = base64url_decode32(text_of(keys, "box").value_or(""));
  if (!sign_key || !box_key) return bad("data.keys needs sign and box, 43 digits of base64url each");
  state.epoch = *epoch;
  state.revision = *revision;
  state.incarnation.assign(incarnation);
  state.sign_key = *sign_key;
  state.box_key = *box_key;
  if (const auto since = parse_time(text_of(data, "since").value_or(""))) state.since = *since;
  if (auto error = read_text(data, "version", state.version)) return *error;
  if (const auto join = text_of(data, "join")) state.join = base64url_decode32(*join);
  if (dom::object rotation; data.at_key("rotation").get(rotation) == simdjson::SUCCESS) {
    const auto old_sign_key = base64url_decode32(text_of(rotation, "sign").value_or(""));
    const auto proof = base64url_decode64(text_of(rotation, "proof").value_or(""));
    if (old_sign_key && proof) state.rotation = body::Rotation{*old_sign_key, *proof};
  }
  if (dom::array ops; data.at_key("ops").get(ops) == simdjson::SUCCESS) {
    for (const auto op : ops) {
      Text name;
      if (op.get(name) == simdjson::SUCCESS) state.ops.emplace_back(name);
    }
  }
  if (dom::array agents; data.at_key("agents").get(agents) == simdjson::SUCCESS) state.agents = decode_agents(agents);
  if (dom::object limits; data.at_key("limits").get(limits) == simdjson::SUCCESS) {
    state.message_bytes = count_of(limits, "messageBytes").value_or(0);
  }
  if (dom::object gateway; data.at_key("gateway").get(gateway) == simdjson::SUCCESS) {
    state.gateway_kind.assign(text_of(gateway, "kind").value_or(""));
    state.gateway_version.assign(text_of(gateway, "version").value_or(""));
    if (bool connected = false; gateway.at_key("connected").get(connected) == simdjson::SUCCESS) {
      state.gateway_connected = connected;
    }
  }
  return Body{std::move(state)};
}

BodyResult decode_body(const Message& message, dom::object data) {
  switch (message.type) {
    case MessageType::Request:
      return message.major == 1 ? decode_request_body(message.op, data) : BodyResult{Body{body::Opaque{}}};
    case MessageType::Receipt: return decode_receipt(data);
    case MessageType::Progress: return Body{body::Progress{std::string(text_of(data, "text").value_or(""))}};
    case MessageType::Reply: return decode_reply(data, message.status);
    case MessageType::Ack: {
      auto ids = read_ids(data);
      if (!ids) return ids.error();
      return Body{body::Ack{std::move(*ids)}};
    }
    case MessageType::Refusal: return decode_refusal(data);
    case MessageType::State: return decode_state(data);
    case MessageType::Part: return Body{body::Opaque{}};
    case MessageType::Hello: return Body{body::Hello{}};
  }
  return Body{body::Opaque{}};
}

// ---- attributes ----

bool is_operation_name(Text name) {
  return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

// `claw.v<major>.<op>.request` or `claw.v1.<kind>`. False for anything else.
bool read_type(Text type, Message& message) {
  constexpr Text kPrefix = "claw.v";
  if (!type.starts_with(kPrefix)) return false;
  type.remove_prefix(kPrefix.size());
  const auto* const end = type.data() + type.size();
  const auto [rest, error] = std::from_chars(type.data(), end, message.major);
  if (error != std::errc{} || message.major < 1 || rest == end || *rest != '.' || type.front() == '0') return false;
  type.remove_prefix(static_cast<std::size_t>(rest + 1 - type.data()));
  constexpr Text kRequest = ".request";
  if (type.ends_with(kRequest)) {
    type.remove_suffix(kRequest.size());
    message.type = MessageType::Request;
    message.op_name.assign(type);
    message.op = message.major == 1 ? operation_from(type) : Operation::Unknown;
    return is_operation_name(type);
  }
  constexpr std::array<std::pair<Text, MessageType>, 8> kKinds{{{"receipt", MessageType::Receipt},
                                                               {"progress", MessageType::Progress},
                                                               {"reply", MessageType::Reply},
                                                               {"ack", MessageType::Ack},
                                                               {"refusal", MessageType::Refusal},
                                                               {"part", MessageType::Part},
                                                               {"state", MessageType::State},
                                                               {"hello", MessageType::Hello}}};
  const auto* kind = std::find_if(kKinds.begin(), kKinds.end(), [&](const auto& entry) { return entry.first == type; });
  if (kind == kKinds.end() || message.major != 1) return false;
  message.type = kind->second;
  return true;
}

bool belongs_to_exchange(MessageType type) {
  return type == MessageType::Request || type == MessageType::Receipt || type == MessageType::Progress ||
         type == MessageType::Reply || type == MessageType::Part;
}

bool may_be_sealed(MessageType type) {
  return type == MessageType::Request || type == MessageType::Progress || type == MessageType::Reply;
}

std::optional<Error> read_chain(dom::object event, Message& message) {
  const auto cause = text_of(event, "causationid");
  const auto chain = text_of(event, "chain");
  if (!cause && !chain) return std::nullopt;
  if (!cause || !chain) return bad("causationid and chain go together");
  for (std::size_t at = 0; at <= chain->size();) {
    const auto blank = std::min(chain->find(' ', at), chain->size());
    const auto id = chain->substr(at, blank - at);
    if (!is_ulid(id) || message.chain.size() == kChainIdsMax) return bad("chain must be ids, one blank between them");
    message.chain.emplace_back(id);
    at = blank + 1;
  }
  if (message.chain.back() != *cause) return bad("causationid must be the last id of chain");
  return std::nullopt;
}

std::optional<Error> read_request_attributes(dom::object event, const Topics& topics, Message& message) {
  if (message.correlation_id != message.id) return bad("a request's correlationid must be its id");
  message.reply_to.assign(text_of(event, "replyto").value_or(""));
  if (message.reply_to != topics.reply(message.source)) return bad("replyto must be the source's reply topic");
  if (!message.expiry) return bad("a request needs expirytime");
  const auto incarnation = text_of(event, "incarnation").value_or("");
  const bool required = message.op != Operation::Unknown && !is_read_only(message.op);
  if ((required || has(event, "incarnation")) && !is_hex(incarnation, 32)) {
    return bad("incarnation must be 32 hex digits, and a journaled request needs it");
  }
  message.incarnation.assign(incarnation);
  return read_chain(event, message);
}

std::optional<Error> read_part_attributes(dom::object event) {
  const auto index = count_of(event, "partindex");
  const auto count = count_of(event, "partcount");
  if (!index || !count || *count < 2 || *count > 64 || *index >= *count) {
    return bad("a part needs partcount from 2 to 64 and partindex below it");
  }
  if (!is_hex(text_of(event, "digest").value_or(""), 64)) return bad("a part needs digest, 64 hex digits");
  return std::nullopt;
}

std::optional<Error> read_addresses(dom::object event, Message& message) {
  if (const auto source = Address::parse(text_of(event, "source").value_or(""))) message.source = *source;
  if (message.source.gateway.empty()) return bad("source must be gateway/agent");
  const bool alone = message.type == MessageType::State || message.type == MessageType::Hello;
  if (!alone) {
    const auto subject = Address::parse(text_of(event, "subject").value_or(""));
    if (!subject) return bad("subject must be gateway/agent");
    message.subject = *subject;
  }
  if (alone && !message.source.is_bridge()) return bad("state and hello come from a bridge");
  if (message.type == MessageType::Ack && !(message.source.is_bridge() && message.subject.is_bridge())) {
    return bad("an ack goes from bridge to bridge");
  }
  return std::nullopt;
}

// datacontenttype, data and data_base64 as the type asks. `data`: set when the content is readable.
std::optional<Error> read_content(dom::object event, Message& message, std::optional<dom::object>& data) {
  if (message.type == MessageType::Hello) return std::nullopt;
  const auto type = text_of(event, "datacontenttype").value_or("");
  const bool readable = type == kJson && message.type != MessageType::Part;
  message.sealed = type == kSealed && may_be_sealed(message.type);
  const bool octets = type == kOctets && message.type == MessageType::Part;
  if (!readable && !message.sealed && !octets) return bad("datacontenttype is not what this type carries");
  if (readable) {
    dom::object object;
    if (event.at_key("data").get(object) != simdjson::SUCCESS) return bad("data must be an object");
    if (has(event, "data_base64")) return bad("data and data_base64 exclude each other");
    data = object;
    return std::nullopt;
  }
  const auto encoded = text_of(event, "data_base64");
  auto content = encoded && !has(event, "data") ? base64_decode(*encoded) : std::nullopt;
  if (!content) return bad("data_base64 must be base64, without data");
  if (message.sealed) message.sealed_content = std::move(*content);
  return std::nullopt;
}

std::optional<Error> read_attributes(dom::object event, const Topics& topics, Message& message) {
  if (text_of(event, "specversion") != "1.0") return bad("specversion must be 1.0");
  message.id.assign(text_of(event, "id").value_or(""));
  if (!is_ulid(message.id)) return bad("id must be a ULID");
  if (auto error = read_addresses(event, message)) return error;
  const auto time = parse_time(text_of(event, "time").value_or(""));
  if (!time) return bad("time must be RFC 3339, UTC, milliseconds");
  message.time = *time;
  message.key_id.assign(text_of(event, "keyid").value_or(""));
  if (!is_hex(message.key_id, 16)) return bad("keyid must be 16 hex digits");
  if (belongs_to_exchange(message.type)) {
    message.correlation_id.assign(text_of(event, "correlationid").value_or(""));
    if (!is_ulid(message.correlation_id)) return bad("correlationid must be a ULID");
  }
  if (has(event, "expirytime")) {
    message.expiry = parse_time(text_of(event, "expirytime").value_or(""));
    if (!message.expiry) return bad("expirytime must be RFC 3339, UTC, milliseconds");
  }
  switch (message.type) {
    case MessageType::Request: return read_request_attributes(event, topics, message);
    case MessageType::Part: return read_part_attributes(event);
    case MessageType::Reply:
      message.status.assign(text_of(event, "status").value_or(""));
      if (!reply_status_from(message.status)) return bad("a reply needs the attribute status");
      return std::nullopt;
    case MessageType::Progress: {
      message.sequence.assign(text_of(event, "sequence").value_or(""));
      const bool digits = std::all_of(message.sequence.begin(), message.sequence.end(), [](char c) { return c >= '0' && c <= '9'; });
      if (message.sequence.size() != 10 || !digits) return bad("sequence must be ten digits");
      return std::nullopt;
    }
    default: return std::nullopt;
  }
}

// ---- trailer and topic ----

// Reads `,"<name>":"<digits>"}` at the payload's end; false when it is not exactly that.
bool read_trailer(Text payload, Text begin, std::size_t digits, Text& covered, Text& value) {
  const auto length = begin.size() + digits + kEnd.size();
  if (payload.size() < length || !payload.ends_with(kEnd)) return false;
  const auto at = payload.size() - length;
  if (payload.substr(at, begin.size()) != begin) return false;
  covered = payload.substr(0, at);
  value = payload.substr(at + begin.size(), digits);
  return true;
}

std::optional<Error> read_proof(Text payload, dom::object event, Message& message) {
  const bool mac = has(event, "mac");
  const bool signature = has(event, "signature");
  if (!mac && !signature) {
    return Error{ErrorCode::Unauthentic, "the message has neither mac nor signature", false};
  }
  Text value;
  if (mac && !signature && read_trailer(payload, kMacBegin, kMacDigits, message.covered, value)) {
    message.mac = base64url_decode32(value);
  } else if (signature && !mac && read_trailer(payload, kSignatureBegin, kSignatureDigits, message.covered, value)) {
    message.signature = base64url_decode64(value);
  }
  if (!message.mac && !message.signature) return bad("mac or signature must be the very last member, without padding");
  return std::nullopt;
}

bool is_signed_type(MessageType type) {
  return type == MessageType::State || type == MessageType::Hello || type == MessageType::Refusal;
}

struct TopicCheck {
  const Message& message;

  bool operator()(const topic::Inbox& inbox) const {
    switch (message.type) {
      case MessageType::Request:
      case MessageType::Part:
      case MessageType::Ack: return inbox.to == message.subject;
      case MessageType::State: return inbox.to.is_bridge();
      default: return false;
    }
  }
  bool operator()(const topic::Reply& reply) const {
    switch (message.type) {
      case MessageType::Receipt:
      case MessageType::Progress:
      case MessageType::Reply:
      case MessageType::Refusal:
      case MessageType::Part: return reply.to == message.subject;
      default: return false;
    }
  }
  bool operator()(const topic::State& state) const {
    return message.type == MessageType::State && state.gateway == message.source.gateway;
  }
  bool operator()(const topic::Hello&) const { return message.type == MessageType::Hello; }
};

}  // namespace

struct MessageDecoder::Parser {
  dom::parser parser;
};

MessageDecoder::MessageDecoder(MessageLimits limits) : limits_(limits), parser_(std::make_unique<Parser>()) {}
MessageDecoder::~MessageDecoder() = default;
MessageDecoder::MessageDecoder(MessageDecoder&&) noexcept = default;
MessageDecoder& MessageDecoder::operator=(MessageDecoder&&) noexcept = default;

std::variant<Message, DecodeFailure> MessageDecoder::decode(std::string_view payload, const Topic& topic,
                                                            const Topics& topics) {
  DecodeFailure failure;
  const auto fail = [&](Check check, Error error) {
    failure.check = check;
    failure.error = std::move(error);
    return failure;
  };
  if (payload.size() > limits_.message_bytes) {
    return fail(Check::Size, {ErrorCode::TooLarge,
                              "the message has " + std::to_string(payload.size()) + " bytes; the limit is " +
                                  std::to_string(limits_.message_bytes),
                              false});
  }
  if (!payload.starts_with('{')) return fail(Check::Form, bad("not one JSON object"));
  dom::element root;
  dom::object event;
  if (const auto error = parser_->parser.parse(payload.data(), payload.size(), true).get(root)) {
    return fail(Check::Form, bad(std::string("not valid JSON: ") + simdjson::error_message(error)));
  }
  if (root.get(event) != simdjson::SUCCESS) return fail(Check::Form, bad("not one JSON object"));
  failure.claimed_source = Address::parse(text_of(event, "source").value_or(""));
  failure.claimed_subject = Address::parse(text_of(event, "subject").value_or(""));
  if (!payload.ends_with('}')) return fail(Check::Form, bad("something stands behind the closing brace"));
  if (auto error = FormCheck(limits_).walk(root, 1)) return fail(Check::Form, std::move(*error));

  Message message;
  if (auto error = read_proof(payload, event, message)) return fail(Check::Form, std::move(*error));
  const bool known_type = read_type(text_of(event, "type").value_or(""), message);
  if (!known_type) return fail(Check::Attributes, bad("type is none of the contract's"));
  if (is_signed_type(message.type) != message.signature.has_value()) {
    return fail(Check::Form, bad("state, hello and refusal carry a signature, everything else a mac"));
  }
  if (message.type == MessageType::State && payload.size() > kStateBytesMax) {
    return fail(Check::Size, {ErrorCode::TooLarge, "a state may have 64 KiB", false});
  }
  std::optional<dom::object> data;
  if (auto error = read_attributes(event, topics, message)) return fail(Check::Attributes, std::move(*error));
  if (auto error = read_content(event, message, data)) return fail(Check::Attributes, std::move(*error));
  if (!std::visit(TopicCheck{message}, topic)) {
    return fail(Check::TopicName, bad("the topic is not the one that the message's type and addresses ask for"));
  }
  if (data) message.body = decode_body(message, *data);
  return message;
}

void MessageDecoder::decode_data(Message& message, std::string_view json) {
  dom::element root;
  dom::object data;
  if (parser_->parser.parse(json.data(), json.size(), true).get(root) != simdjson::SUCCESS || root.get(data) != simdjson::SUCCESS) {
    message.body = bad("the sealed content is not one JSON object");
  } else if (auto error = FormCheck(limits_).walk(root, 2)) {
    message.body = std::move(*error);
  } else {
    message.body = decode_body(message, data);
  }
}

}  // namespace clawbridge
