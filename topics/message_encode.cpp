// Encoding: each message is written once, member by member, into the bytes that travel.
#include <charconv>

#include "topics/message.h"

namespace clawbridge {
namespace {

// Writes the members of one JSON object, in the order of the calls.
class ObjectWriter {
 public:
  explicit ObjectWriter(std::string& out) : out_(out) { out_ += '{'; }

  void text(std::string_view name, std::string_view value) {
    key(name);
    append_json_string(out_, value);
  }
  void text_if(std::string_view name, std::string_view value) {
    if (!value.empty()) text(name, value);
  }
  void number(std::string_view name, std::uint64_t value) { raw(name, std::to_string(value)); }
  void seconds_if(std::string_view name, std::optional<double> value) {
    if (!value) return;
    char digits[32];
    const auto [end, error] = std::to_chars(digits, digits + sizeof digits, *value);
    if (error == std::errc{}) raw(name, std::string_view(digits, static_cast<std::size_t>(end - digits)));
  }
  void flag(std::string_view name, bool value) { raw(name, value ? "true" : "false"); }
  // `json` must be a JSON value.
  void raw(std::string_view name, std::string_view json) {
    key(name);
    out_ += json;
  }
  // `json` must be a JSON object without blanks around it, none of whose members has been written.
  void members_of(std::string_view json) {
    json = json.substr(1, json.size() - 2);
    if (json.empty()) return;
    if (!first_) out_ += ',';
    first_ = false;
    out_ += json;
  }
  void close() { out_ += '}'; }
  // The text behind which a nested value is to be written.
  std::string& nested(std::string_view name) {
    key(name);
    return out_;
  }

 private:
  void key(std::string_view name) {
    if (!first_) out_ += ',';
    first_ = false;
    out_ += '"';
    out_ += name;
    out_ += "\":";
  }

  std::string& out_;
  bool first_ = true;
};

void write_texts(std::string& out, const std::vector<std::string>& texts) {
  out += '[';
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (i != 0) out += ',';
    append_json_string(out, texts[i]);
  }
  out += ']';
}

template <class T, class Write>
void write_objects(std::string& out, const std::vector<T>& values, Write write) {
  out += '[';
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i != 0) out += ',';
    ObjectWriter object(out);
    write(object, values[i]);
    object.close();
  }
  out += ']';
}

void write_agents(std::string& out, const std::vector<body::AgentInfo>& agents, bool with_ops) {
  write_objects(out, agents, [&](ObjectWriter& object, const body::AgentInfo& agent) {
    object.text("id", agent.id);
    object.text_if("name", agent.name);
    if (with_ops) write_texts(object.nested("ops"), agent.ops);
  });
}

void write_attachments(ObjectWriter& data, const std::vector<body::Attachment>& attachments) {
  if (attachments.empty()) return;
  write_objects(data.nested("attachments"), attachments, [](ObjectWriter& object, const body::Attachment& attachment) {
    object.text_if("name", attachment.name);
    object.text_if("mimeType", attachment.mime_type);
    object.text("digest", attachment.digest);
    object.text("content", attachment.content);
  });
}

void write_error(std::string& out, const Error& error) {
  ObjectWriter object(out);
  object.text("code", to_string(error.code));
  object.text("message", error.message);
  object.flag("retryable", error.retryable);
  object.close();
}

// The attributes that every message of ours begins with.
ObjectWriter begin_event(std::string& out, const Envelope& envelope, std::string_view type) {
  ObjectWriter event(out);
  event.text("specversion", "1.0");
  event.text("id", envelope.id);
  event.text("type", type);
  event.text("source", envelope.source.str());
  if (!envelope.subject.gateway.empty()) event.text("subject", envelope.subject.str());
  event.text("time", format_time(envelope.time));
  event.text_if("correlationid", envelope.correlation_id);
  return event;
}

constexpr std::string_view kJsonType = "application/json";
constexpr std::string_view kSealedType = "application/vnd.clawbridge.sealed";

void write_content(ObjectWriter& event, Content content) {
  event.text("datacontenttype", content.sealed ? kSealedType : kJsonType);
  if (content.sealed) {
    event.text("data_base64", base64_encode(as_bytes(content.bytes)));
  } else {
    event.raw("data", content.bytes);
  }
}

void write_reply(ObjectWriter& data, const body::Reply& reply) {
  data.text("status", to_string(reply.status));
  const bool is_read = reply.agents || reply.exchanges || reply.pong || !reply.listing.empty();
  if (reply.status == ReplyStatus::Ok && !is_read && reply.cancel_result.empty()) {
    data.text("reply", reply.reply);
  } else {
    data.text_if("reply", reply.reply);
  }
  data.text_if("runId", reply.run_id);
  data.text_if("sessionKey", reply.session_key);
  data.text_if("childSessionKey", reply.child_session_key);
  if (reply.truncated) data.flag("truncated", true);
  data.text_if("result", reply.cancel_result);
  if (reply.ran) data.flag("ran", *reply.ran);
  if (!reply.cancel_outcome.empty()) {
    ObjectWriter outcome(data.nested("outcome"));
    outcome.text("status", reply.cancel_outcome);
    outcome.close();
  }
  if (reply.error) write_error(data.nested("error"), *reply.error);
  write_attachments(data, reply.attachments);
  if (!reply.listing.empty()) data.members_of(reply.listing);
  if (reply.agents) write_agents(data.nested("agents"), *reply.agents, true);
  if (reply.exchanges) {
    write_objects(data.nested("exchanges"), *reply.exchanges, [](ObjectWriter& object, const body::ExchangeInfo& exchange) {
      object.text("id", exchange.id);
      object.text("state", exchange.state);
      object.text_if("status", exchange.status);
    });
  }
  if (reply.pong) {
    data.text("version", reply.pong->version);
    data.text("time", reply.pong->time);
    data.text("incarnation", reply.pong->incarnation);
    ObjectWriter journal(data.nested("journal"));
    journal.number("open", reply.pong->journal_open);
    journal.close();
  }
  data.close();
}

std::string encode_ids(const std::vector<std::string>& ids) {
  std::string out;
  ObjectWriter data(out);
  write_texts(data.nested("ids"), ids);
  data.close();
  return out;
}

}  // namespace

std::string encode_data(const body::SessionsSend& send) {
  std::string out;
  out.reserve(send.message.size() + send.message.size() / 16 + 128);
  ObjectWriter data(out);
  data.text("message", send.message);
  data.text_if("sessionKey", send.session_key);
  data.text_if("label", send.label);
  data.seconds_if("timeoutSeconds", send.timeout_seconds);
  if (send.progress) data.flag("progress", true);
  write_attachments(data, send.attachments);
  data.close();
  return out;
}

std::string encode_data(const body::SessionsSpawn& spawn) {
  std::string out;
  out.reserve(spawn.task.size() + spawn.task.size() / 16 + 128);
  ObjectWriter data(out);
  data.text("task", spawn.task);
  data.text_if("label", spawn.label);
  data.text_if("model", spawn.model);
  data.text_if("thinking", spawn.thinking);
  data.seconds_if("runTimeoutSeconds", spawn.run_timeout_seconds);
  if (spawn.progress) data.flag("progress", true);
  write_attachments(data, spawn.attachments);
  data.close();
  return out;
}

std::string encode_data(const body::SessionsList& list) {
  std::string out;
  ObjectWriter data(out);
  if (list.limit) data.number("limit", *list.limit);
  if (list.offset) data.number("offset", *list.offset);
  data.seconds_if("activeMinutes", list.active_minutes);
  if (list.message_limit) data.number("messageLimit", *list.message_limit);
  if (!list.kinds.empty()) write_texts(data.nested("kinds"), list.kinds);
  data.text_if("label", list.label);
  data.text_if("search", list.search);
  data.close();
  return out;
}

std::string encode_data(const body::SessionsHistory& history) {
  std::string out;
  ObjectWriter data(out);
  data.text("sessionKey", history.session_key);
  if (history.limit) data.number("limit", *history.limit);
  if (history.offset) data.number("offset", *history.offset);
  if (history.include_tools) data.flag("includeTools", true);
  data.close();
  return out;
}

std::string encode_data(const body::SessionStatus& status) {
  std::string out;
  ObjectWriter data(out);
  data.text_if("sessionKey", status.session_key);
  data.close();
  return out;
}

std::string encode_data(const body::Progress& progress) {
  std::string out;
  ObjectWriter data(out);
  data.text("text", progress.text);
  data.close();
  return out;
}

std::string encode_data(const body::Status& status) { return encode_ids(status.ids); }
std::string encode_data(const body::Cancel& cancel) {
  std::string out;
  ObjectWriter data(out);
  data.text("id", cancel.id);
  data.text("expirytime", format_time(cancel.expiry));
  data.close();
  return out;
}
std::string encode_data(const body::Ping&) { return "{}"; }
std::string encode_data(const body::AgentsList&) { return "{}"; }

std::string encode_data(const body::Reply& reply) {
  std::string out;
  out.reserve(reply.reply.size() + reply.reply.size() / 16 + 256);
  ObjectWriter data(out);
  write_reply(data, reply);
  return out;
}

std::string request_type(std::string_view op_name) { return "claw.v1." + std::string(op_name) + ".request"; }

std::string sealing_context(std::string_view type, std::string_view id, const Address& source, const Address& subject) {
  std::string context(type);
  context.append("|").append(id).append("|").append(source.str()).append("|").append(subject.str());
  return context;
}

std::string sealing_context(const Message& message) {
  const auto type = message.type == MessageType::Request ? request_type(message.op_name)
                    : message.type == MessageType::Reply ? std::string(kReplyType)
                                                         : std::string(kProgressType);
  return sealing_context(type, message.id, message.source, message.subject);
}

std::string encode_request(const RequestEnvelope& envelope, const Topics& topics, Content content) {
  std::string out;
  out.reserve(content.bytes.size() + content.bytes.size() / (content.sealed ? 3 : 8) + 640);
  auto event = begin_event(out, {envelope.id, envelope.source, envelope.subject, envelope.time, envelope.id, {}},
                           request_type(to_string(envelope.op)));
  if (!envelope.chain.empty()) {
    std::string chain;
    for (const auto& id : envelope.chain) chain.append(chain.empty() ? "" : " ").append(id);
    event.text("causationid", envelope.chain.back());
    event.text("chain", chain);
  }
  event.text("replyto", topics.reply(envelope.source));
  event.text("expirytime", format_time(envelope.expiry));
  event.text_if("incarnation", envelope.incarnation);
  write_content(event, content);
  event.text("keyid", envelope.key_id);
  return out;
}

std::string encode_receipt(const Envelope& envelope, const body::Receipt& receipt) {
  std::string out;
  out.reserve(512);
  auto event = begin_event(out, envelope, "claw.v1.receipt");
  event.text("datacontenttype", kJsonType);
  ObjectWriter data(event.nested("data"));
  data.text("stage", to_string(receipt.stage));
  data.text_if("reason", receipt.reason);
  if (receipt.retry_after) data.number("retryAfterMs", static_cast<std::uint64_t>(receipt.retry_after->count()));
  if (receipt.position) data.number("position", *receipt.position);
  data.text_if("runId", receipt.run_id);
  data.text_if("childSessionKey", receipt.child_session_key);
  data.close();
  event.text("keyid", envelope.key_id);
  return out;
}

std::string encode_progress(const Envelope& envelope, std::uint64_t number, Content content) {
  auto digits = std::to_string(number);
  digits.insert(0, digits.size() < 10 ? 10 - digits.size() : 0, '0');
  std::string out;
  out.reserve(content.bytes.size() + content.bytes.size() / (content.sealed ? 3 : 8) + 640);
  auto event = begin_event(out, envelope, kProgressType);
  event.text("sequence", digits);
  write_content(event, content);
  event.text("keyid", envelope.key_id);
  return out;
}

std::string encode_reply(const Envelope& envelope, ReplyStatus status, Content content) {
  std::string out;
  out.reserve(content.bytes.size() + content.bytes.size() / (content.sealed ? 3 : 8) + 640);
  auto event = begin_event(out, envelope, kReplyType);
  event.text("status", to_string(status));
  write_content(event, content);
  event.text("keyid", envelope.key_id);
  return out;
}

// As above, without a copy of the reply's text between.
std::string encode_reply(const Envelope& envelope, const body::Reply& reply) {
  std::string out;
  out.reserve(reply.reply.size() + reply.reply.size() / 16 + 640);
  auto event = begin_event(out, envelope, kReplyType);
  event.text("status", to_string(reply.status));
  event.text("datacontenttype", kJsonType);
  ObjectWriter data(event.nested("data"));
  write_reply(data, reply);
  event.text("keyid", envelope.key_id);
  return out;
}

std::string encode_ack(const Envelope& envelope, const body::Ack& ack) {
  std::string out;
  out.reserve(ack.ids.size() * 30 + 400);
  auto event = begin_event(out, envelope, "claw.v1.ack");
  event.text("datacontenttype", kJsonType);
  event.raw("data", encode_ids(ack.ids));
  event.text("keyid", envelope.key_id);
  return out;
}

std::string encode_refusal(const Envelope& envelope, const body::Refusal& refusal) {
  std::string out;
  auto event = begin_event(out, envelope, "claw.v1.refusal");
  event.text("datacontenttype", kJsonType);
  ObjectWriter data(event.nested("data"));
  data.text("digest", refusal.digest);
  data.text("code", to_string(refusal.code));
  data.close();
  event.text("keyid", envelope.key_id);
  return out;
}

std::string encode_state(const Envelope& envelope, const body::State& state) {
  std::string out;
  out.reserve(1024 + state.agents.size() * 64);
  auto event = begin_event(out, envelope, "claw.v1.state");
  event.text("datacontenttype", kJsonType);
  ObjectWriter data(event.nested("data"));
  data.text("state", to_string(state.presence));
  data.number("epoch", state.epoch);
  data.number("revision", state.revision);
  data.text("since", format_time(state.since));
  data.text("version", state.version);
  write_texts(data.nested("ops"), state.ops);
  data.text("incarnation", state.incarnation);
  ObjectWriter keys(data.nested("keys"));
  keys.text("sign", base64url_encode(state.sign_key));
  keys.text("box", base64url_encode(state.box_key));
  keys.close();
  if (state.join) data.text("join", base64url_encode(*state.join));
  if (state.rotation) {
    ObjectWriter rotation(data.nested("rotation"));
    rotation.text("sign", base64url_encode(state.rotation->old_sign_key));
    rotation.text("proof", base64url_encode(state.rotation->proof));
    rotation.close();
  }
  write_agents(data.nested("agents"), state.agents, false);
  ObjectWriter limits(data.nested("limits"));
  limits.number("messageBytes", state.message_bytes);
  limits.close();
  ObjectWriter gateway(data.nested("gateway"));
  gateway.text("kind", state.gateway_kind);
  gateway.text("version", state.gateway_version);
  gateway.flag("connected", state.gateway_connected);
  gateway.close();
  data.close();
  event.text("keyid", envelope.key_id);
  return out;
}

std::string encode_hello(const Envelope& envelope) {
  std::string out;
  auto event = begin_event(out, envelope, "claw.v1.hello");
  event.text("keyid", envelope.key_id);
  return out;
}

void finish_with_mac(std::string& event, const Bytes32& mac) {
  event.append(",\"mac\":\"").append(base64url_encode(mac)).append("\"}");
}

void finish_with_signature(std::string& event, const Bytes64& signature) {
  event.append(",\"signature\":\"").append(base64url_encode(signature)).append("\"}");
}

}  // namespace clawbridge
