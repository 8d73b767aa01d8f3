// A payload from the broker. Another JSON parser reads the same bytes, and the contract's rules are checked on what it
// found: decode() may accept nothing that they forbid and refuse no JSON that they allow. What was accepted is encoded
// again and must decode to the same.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "tests/fuzz/require.h"
#include "topics/message.h"
#include "topics/ulid.h"

namespace clawbridge::fuzz {
namespace {

using nlohmann::json;

// Lower than the contract's, so that short inputs reach them.
constexpr MessageLimits kLimits{.message_bytes = 16 * 1024, .depth = 64, .values = 1000};

const Topics& topics() {
  static const Topics made("claw");
  return made;
}

// ---- what the other parser sees ----

struct Form {
  json event;          // discarded when the bytes are no JSON
  bool twice = false;  // a member stands twice in one object
  bool wide = false;   // an integer that may not fit 64 bits: decode() is free to refuse it
  std::size_t depth = 0;
  std::size_t values = 0;

  [[nodiscard]] bool allowed() const {
    return event.is_object() && !twice && depth <= kLimits.depth && values <= kLimits.values;
  }
};

Form read_form(std::string_view payload) {
  Form form;
  std::vector<std::set<std::string>> names;
  const auto note = [&](int depth, json::parse_event_t event, json& parsed) {
    const auto below = static_cast<std::size_t>(depth);
    const bool begins = event == json::parse_event_t::object_start || event == json::parse_event_t::array_start;
    if (begins) form.depth = std::max(form.depth, below + 1);
    if (begins || event == json::parse_event_t::value) ++form.values;
    if (event == json::parse_event_t::object_start) {
      names.resize(below + 1);
      names.emplace_back();
    }
    if (event == json::parse_event_t::key && !names.at(below).insert(parsed.get<std::string>()).second)
      form.twice = true;
    if (event == json::parse_event_t::value && parsed.is_number_float() && std::abs(parsed.get<double>()) >= 9.2e18) {
      form.wide = true;
    }
    return true;
  };
  form.event = json::parse(payload, note, false);
  return form;
}

std::string text_of(const json& object, const char* name) {
  const auto found = object.is_object() ? object.find(name) : object.end();
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

bool is_signed(std::string_view type) {
  return type == "claw.v1.state" || type == "claw.v1.hello" || type == "claw.v1.refusal";
}

// The trailer, spelled as the contract says, at the very end; nothing when there is none.
std::string trailer_of(const json& event) {
  const bool mac = event.contains("mac");
  if (mac == event.contains("signature") || mac == is_signed(text_of(event, "type"))) return {};
  const std::string name = mac ? "mac" : "signature";
  const auto value = text_of(event, name.c_str());
  const bool good = mac ? base64url_decode32(value).has_value() : base64url_decode64(value).has_value();
  return good ? ",\"" + name + "\":\"" + value + "\"}" : std::string();
}

// ---- the contract's rules on what was accepted ----

void check_attributes(const Message& message, const json& event) {
  require(text_of(event, "specversion") == "1.0", "specversion is 1.0");
  require(is_ulid(message.id) && message.id == text_of(event, "id"), "id is the ULID that stands there");
  require(message.source.str() == text_of(event, "source"), "source is the address that stands there");
  require(Address::parse(message.source.str()).has_value(), "source is a valid address");
  require(format_time(message.time) == text_of(event, "time"), "time is the one that stands there");
  require(is_hex(message.key_id, 16) && message.key_id == text_of(event, "keyid"), "keyid is 16 hex digits");
  const bool alone = message.type == MessageType::State || message.type == MessageType::Hello;
  require(alone || (Address::parse(message.subject.str()) && message.subject.str() == text_of(event, "subject")),
          "subject is the address that stands there");
  require(!alone || message.source.is_bridge(), "state and hello come from a bridge");
  const auto type = text_of(event, "type");
  require(message.type != MessageType::Request ||
              type == "claw.v" + std::to_string(message.major) + "." + message.op_name + ".request",
          "a request's type is its version and operation");
  require(message.type == MessageType::Request || type.starts_with("claw.v1."), "everything else is version 1");
}

void check_request(const Message& message, const json& event) {
  require(message.correlation_id == message.id, "a request's correlation id is its id");
  require(text_of(event, "replyto") == "claw/" + message.source.str() + "/reply", "replyto is the source's");
  require(message.expiry && format_time(*message.expiry) == text_of(event, "expirytime"), "a request expires");
  const bool journaled = message.op == Operation::SessionsSend || message.op == Operation::SessionsSpawn ||
                         message.op == Operation::Cancel;
  require(message.incarnation.empty() ? !journaled : is_hex(message.incarnation, 32),
          "a journaled request names the incarnation");
  std::string chain;
  for (const auto& id : message.chain) {
    require(is_ulid(id), "a chain holds ids");
    chain += (chain.empty() ? "" : " ") + id;
  }
  require(chain == text_of(event, "chain") && message.chain.size() <= kChainIdsMax,
          "the chain is the one that stands there");
  require(message.chain.empty() || message.chain.back() == text_of(event, "causationid"),
          "the cause is the chain's last id");
}

void check_content(const Message& message, const json& event) {
  require(message.sealed == (text_of(event, "datacontenttype") == "application/vnd.clawbridge.sealed") ||
              message.type == MessageType::Hello,
          "sealed is what says so");
  const bool hidden = message.sealed || message.type == MessageType::Part;
  require(!hidden || (event.contains("data_base64") && !event.contains("data")), "hidden content is base64 alone");
  require(!hidden || message.get<body::Opaque>() != nullptr, "nothing of hidden content is read");
  require(hidden || message.type == MessageType::Hello || (event.contains("data") && event["data"].is_object()),
          "data is an object");
  if (const auto* send = message.get<body::SessionsSend>()) {
    require(!send->message.empty() && send->message == text_of(event["data"], "message"),
            "the message is the one that stands there");
    require(send->session_key.empty() || send->label.empty(), "a request names a session or a label");
  }
  if (const auto* reply = message.get<body::Reply>()) {
    require(to_string(reply->status) == message.status && message.status == text_of(event["data"], "status"),
            "the status agrees");
  }
  if (const auto* ack = message.get<body::Ack>()) require(ack->ids.size() <= kAckIdsMax, "an ack has 256 ids at most");
  if (const auto* state = message.get<body::State>()) {
    require(is_hex(state->incarnation, 32) && state->revision <= kWillRevision, "a state is complete");
  }
}

bool fits(const Message& message, const Topic& where) {
  using enum MessageType;
  const auto type = message.type;
  if (const auto* inbox = std::get_if<topic::Inbox>(&where)) {
    if (type == State) return inbox->to.is_bridge();
    return inbox->to == message.subject && (type == Request || type == Part || type == Ack);
  }
  if (const auto* reply = std::get_if<topic::Reply>(&where)) {
    return reply->to == message.subject &&
           (type == Receipt || type == Progress || type == Reply || type == Refusal || type == Part);
  }
  if (const auto* state = std::get_if<topic::State>(&where))
    return type == State && state->gateway == message.source.gateway;
  return type == Hello;
}

void check_accepted(const Message& message, std::string_view payload, const Form& form, const Topic& where) {
  require(payload.size() <= kLimits.message_bytes, "the size keeps the limit");
  require(form.allowed(), "it is JSON within the limits, and no member stands twice");
  const auto trailer = trailer_of(form.event);
  require(!trailer.empty() && payload.ends_with(trailer), "the trailer is spelled right and stands at the very end");
  require(message.covered.data() == payload.data() && message.covered.size() + trailer.size() == payload.size(),
          "what the trailer covers is everything before it, inside the payload");
  require(message.mac.has_value() != message.signature.has_value(), "there is one proof");
  require(!message.mac || trailer == ",\"mac\":\"" + base64url_encode(*message.mac) + "\"}",
          "the mac is the one that stands there");
  require(!message.signature || trailer == ",\"signature\":\"" + base64url_encode(*message.signature) + "\"}",
          "the signature is the one that stands there");
  require(fits(message, where), "type and addresses fit the topic");
  check_attributes(message, form.event);
  if (message.type == MessageType::Request) check_request(message, form.event);
  check_content(message, form.event);
}

// ---- encoding again ----

bool operator==(const body::AgentInfo& a, const body::AgentInfo& b) {
  return a.id == b.id && a.name == b.name && a.ops == b.ops;
}
bool operator==(const body::ExchangeInfo& a, const body::ExchangeInfo& b) {
  return a.id == b.id && a.state == b.state && a.status == b.status;
}
bool operator==(const body::Pong& a, const body::Pong& b) {
  return a.version == b.version && a.time == b.time && a.incarnation == b.incarnation &&
         a.journal_open == b.journal_open;
}

template <class T>
bool same_list(const std::optional<std::vector<T>>& a, const std::optional<std::vector<T>>& b) {
  if (a.has_value() != b.has_value() || (a && a->size() != b->size())) return false;
  for (std::size_t i = 0; a && i < a->size(); ++i) {
    if (!((*a)[i] == (*b)[i])) return false;
  }
  return true;
}

// What the content of one message says, compared with what the same content says after a trip over the wire.
struct Same {
  const Body& other;

  template <class T>
  const T& twin() const {
    const auto* found = std::get_if<T>(&other);
    require(found != nullptr, "the content is of the same type again");
    return *found;
  }
  void operator()(const body::SessionsSend& a) const {
    const auto& b = twin<body::SessionsSend>();
    require(a.message == b.message && a.session_key == b.session_key && a.label == b.label &&
                a.timeout_seconds == b.timeout_seconds && a.progress == b.progress,
            "sessions_send survives");
  }
  void operator()(const body::Status& a) const { require(a.ids == twin<body::Status>().ids, "status survives"); }
  void operator()(const body::Ack& a) const { require(a.ids == twin<body::Ack>().ids, "ack survives"); }
  void operator()(const body::Receipt& a) const {
    const auto& b = twin<body::Receipt>();
    require(a.stage == b.stage && a.reason == b.reason && a.retry_after == b.retry_after && a.position == b.position &&
                a.run_id == b.run_id,
            "receipt survives");
  }
  void operator()(const body::Refusal& a) const {
    const auto& b = twin<body::Refusal>();
    require(a.digest == b.digest && a.code == b.code, "refusal survives");
  }
  void operator()(const body::Reply& a) const {
    const auto& b = twin<body::Reply>();
    require(a.status == b.status && a.reply == b.reply && a.run_id == b.run_id && a.session_key == b.session_key &&
                a.truncated == b.truncated && a.ran == b.ran && a.error == b.error,
            "reply survives");
    require(same_list(a.agents, b.agents) && same_list(a.exchanges, b.exchanges), "a reply's lists survive");
    require(a.pong.has_value() == b.pong.has_value() && (!a.pong || *a.pong == *b.pong), "pong survives");
  }
  void operator()(const body::State& a) const {
    const auto& b = twin<body::State>();
    require(a.presence == b.presence && a.epoch == b.epoch && a.revision == b.revision && a.since == b.since &&
                a.version == b.version && a.ops == b.ops && a.incarnation == b.incarnation,
            "state survives");
    require(a.sign_key == b.sign_key && a.box_key == b.box_key && a.join == b.join, "a state's keys survive");
    require(a.message_bytes == b.message_bytes && a.gateway_kind == b.gateway_kind &&
                a.gateway_version == b.gateway_version && a.gateway_connected == b.gateway_connected &&
                a.agents.size() == b.agents.size(),
            "a state's gateway survives");
  }
  template <class T>
  void operator()(const T&) const {
    (void)twin<T>();
  }
};

std::string encode(const Message& message, const Body& content) {
  const Envelope envelope{message.id,   message.source,         message.subject,
                          message.time, message.correlation_id, message.key_id};
  const RequestEnvelope request{message.op,
                                message.id,
                                message.source,
                                message.subject,
                                message.time,
                                message.chain,
                                message.expiry.value_or(message.time),
                                message.incarnation,
                                message.key_id};
  const auto as_request = [&](const auto& asked) { return encode_request(request, topics(), {encode_data(asked)}); };
  if (const auto* send = std::get_if<body::SessionsSend>(&content)) return as_request(*send);
  if (const auto* status = std::get_if<body::Status>(&content)) return as_request(*status);
  if (const auto* ping = std::get_if<body::Ping>(&content)) return as_request(*ping);
  if (const auto* list = std::get_if<body::AgentsList>(&content)) return as_request(*list);
  if (const auto* receipt = std::get_if<body::Receipt>(&content)) return encode_receipt(envelope, *receipt);
  if (const auto* reply = std::get_if<body::Reply>(&content)) return encode_reply(envelope, *reply);
  if (const auto* ack = std::get_if<body::Ack>(&content)) return encode_ack(envelope, *ack);
  if (const auto* refusal = std::get_if<body::Refusal>(&content)) return encode_refusal(envelope, *refusal);
  if (const auto* state = std::get_if<body::State>(&content)) return encode_state(envelope, *state);
  if (std::holds_alternative<body::Hello>(content)) return encode_hello(envelope);
  return {};  // this release sends none of the others
}

void check_survival(const Message& message, const Topic& where) {
  const auto* content = std::get_if<Body>(&message.body);
  if (content == nullptr) return;
  auto payload = encode(message, *content);
  if (payload.empty()) return;
  if (message.mac) finish_with_mac(payload, *message.mac);
  if (message.signature) finish_with_signature(payload, *message.signature);
  // What was missing is written too, so the limit of a state may be passed.
  if (payload.size() > kStateBytesMax) return;
  MessageDecoder decoder;
  const auto decoded = decoder.decode(payload, where, topics());
  const auto* again = std::get_if<Message>(&decoded);
  require(again != nullptr, "what we encode, we accept");
  require(again->type == message.type && again->op == message.op && again->id == message.id &&
              again->source == message.source && again->subject == message.subject && again->time == message.time &&
              again->chain == message.chain && again->reply_to == message.reply_to && again->key_id == message.key_id &&
              again->mac == message.mac && again->signature == message.signature && again->status == message.status,
          "the attributes survive");
  const auto* twin = std::get_if<Body>(&again->body);
  require(twin != nullptr, "the content is good again");
  std::visit(Same{*twin}, *content);
}

void check_refused(const DecodeFailure& failure, const std::string& payload, const Form& form) {
  require(!failure.error.message.empty(), "a refusal says why");
  for (const auto& claimed : {failure.claimed_source, failure.claimed_subject}) {
    require(!claimed || Address::parse(claimed->str()) == claimed, "a claimed address is a valid one");
  }
  if (failure.check != Check::Form) return;
  const auto trailer = trailer_of(form.event);
  const bool good =
      payload.starts_with('{') && form.allowed() && !form.wide && !trailer.empty() && payload.ends_with(trailer);
  require(!good, "a form that the contract allows is not refused");
}

}  // namespace
}  // namespace clawbridge::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace clawbridge;
  static MessageDecoder decoder(fuzz::kLimits);
  const std::string payload(reinterpret_cast<const char*>(data), size);
  const auto form = fuzz::read_form(payload);
  const auto first = decoder.decode(payload, topic::Hello{}, fuzz::topics());
  std::vector<Topic> places{topic::Hello{}};
  if (const auto* failure = std::get_if<DecodeFailure>(&first)) {
    fuzz::check_refused(*failure, payload, form);
    // The topic is the last check, so nothing else can be wrong: somewhere it may fit.
    if (failure->check != Check::TopicName) return 0;
    const auto subject = failure->claimed_subject.value_or(Address::bridge_of("imac"));
    places = {topic::Inbox{subject}, topic::Reply{subject}, topic::State{failure->claimed_source->gateway},
              topic::Inbox{{"nobody", "else"}}};
  }
  for (const auto& place : places) {
    const auto decoded = decoder.decode(payload, place, fuzz::topics());
    if (const auto* message = std::get_if<Message>(&decoded)) {
      fuzz::check_accepted(*message, payload, form, place);
      fuzz::check_survival(*message, place);
    }
  }
  return 0;
}
