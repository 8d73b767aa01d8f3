#include "bridge/runtime/traffic.h"

#include <string>
#include <utility>

namespace clawbridge::runtime {
namespace {

using core::action::Note;

std::string_view type_name(MessageType type) {
  switch (type) {
    case MessageType::Request:
      return "request";
    case MessageType::Receipt:
      return "receipt";
    case MessageType::Progress:
      return "progress";
    case MessageType::Reply:
      return "reply";
    case MessageType::Ack:
      return "ack";
    case MessageType::Refusal:
      return "refusal";
    case MessageType::Part:
      return "part";
    case MessageType::State:
      return "state";
    case MessageType::Hello:
      return "hello";
  }
  return "unreadable";
}

/// The one word that says most about a message of its type.
std::string what_of(const Message& message) {
  if (message.type == MessageType::Request) return message.op_name;
  if (message.type == MessageType::Reply) return message.status;
  if (const auto* receipt = message.get<body::Receipt>()) return std::string(to_string(receipt->stage));
  if (const auto* state = message.get<body::State>()) return std::string(to_string(state->presence));
  if (const auto* refusal = message.get<body::Refusal>()) return std::string(to_string(refusal->code));
  if (const auto* ack = message.get<body::Ack>()) return std::to_string(ack->ids.size());
  return {};
}

void add(Note& note, std::string_view name, std::string value) {
  if (!value.empty()) note.fields.emplace_back(name, std::move(value));
}

std::string name_of(const Address& address) {
  return address.gateway.empty() ? std::string{} : address.str();
}

}  // namespace

Note Traffic::sent(std::string_view topic, std::string_view payload) {
  return read("message.sent", topic, payload);
}

Note Traffic::received(std::string_view topic, std::string_view payload, std::string_view refused) {
  auto note = read("message.received", topic, payload);
  add(note, "refused", std::string(refused));
  return note;
}

Note Traffic::read(std::string_view name, std::string_view topic_text, std::string_view payload) {
  Note note{core::action::Level::Debug, name, {}};
  const auto topic = topics_.parse(topic_text);
  const auto* state = topic ? std::get_if<topic::State>(&*topic) : nullptr;
  if (state != nullptr && payload.empty()) {
    add(note, "from", state->gateway + "/_bridge");
    add(note, "type", "state");
    add(note, "what", "removed");
  } else if (!topic) {
    add(note, "type", "plain");
    add(note, "topic", std::string(topic_text));
  } else {
    const auto decoded = decoder_.decode(payload, *topic, topics_);
    if (const auto* message = std::get_if<Message>(&decoded)) {
      add(note, "cid", message->type == MessageType::Request ? message->id : message->correlation_id);
      add(note, "mid", message->id);
      add(note, "from", name_of(message->source));
      add(note, "to", name_of(message->subject));
      add(note, "type", std::string(type_name(message->type)));
      add(note, "what", what_of(*message));
      if (message->sealed) add(note, "sealed", "true");
    } else {
      add(note, "type", payload.starts_with('{') ? "unreadable" : "plain");
      add(note, "topic", std::string(topic_text));
    }
  }
  add(note, "bytes", std::to_string(payload.size()));
  return note;
}

}  // namespace clawbridge::runtime
