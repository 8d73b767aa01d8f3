#include "bridge/core/content.h"

namespace clawbridge::core {
namespace {

std::string seal(const Context& context, const Peer& peer, const std::string& about, std::string_view data) {
  Nonce24 nonce{};
  context.random.fill(nonce);
  return context.crypto.seal(peer.channel().seal_out, nonce, about, data);
}

// With every key that it may have been sealed with: the current ones and those before a rotation.
void open_with(const Context& context, const Peer* peer, bool sent, MessageDecoder& decoder, Message& message) {
  const auto about = sealing_context(message);
  if (peer != nullptr) {
    for (const auto& channel : peer->channels) {
      if (const auto data = context.crypto.open(sent ? channel.seal_out : channel.seal_in, about, message.sealed_content)) {
        message.sealed_content.clear();
        decoder.decode_data(message, *data);
        return;
      }
    }
  }
  message.body = Error{ErrorCode::BadRequest, "the sealed content cannot be opened with the keys that the two gateways know of each other", false};
}

}  // namespace

std::string make_request(const Context& context, const Peer& peer, const RequestEnvelope& envelope, std::string_view data) {
  std::string event;
  if (context.options.seal == Seal::Off) {
    event = encode_request(envelope, context.topics, {data});
  } else {
    const auto about = sealing_context(request_type(to_string(envelope.op)), envelope.id, envelope.source, envelope.subject);
    event = encode_request(envelope, context.topics, {seal(context, peer, about, data), true});
  }
  context.authenticate(event, peer.channel().mac_out);
  return event;
}

std::string make_reply(const Context& context, const Peer& peer, const Envelope& envelope, const body::Reply& reply, bool sealed) {
  std::string event;
  if (sealed || context.options.seal != Seal::Off) {
    const auto about = sealing_context(kReplyType, envelope.id, envelope.source, envelope.subject);
    event = encode_reply(envelope, reply.status, {seal(context, peer, about, encode_data(reply)), true});
  } else {
    event = encode_reply(envelope, reply);
  }
  context.authenticate(event, peer.channel().mac_out);
  return event;
}

std::string make_progress(const Context& context, const Peer& peer, const Envelope& envelope, std::uint64_t number, const body::Progress& progress, bool sealed) {
  auto data = encode_data(progress);
  const bool seals = sealed || context.options.seal != Seal::Off;
  if (seals) data = seal(context, peer, sealing_context(kProgressType, envelope.id, envelope.source, envelope.subject), data);
  auto event = encode_progress(envelope, number, {data, seals});
  context.authenticate(event, peer.channel().mac_out);
  return event;
}

void open_content(const Context& context, const Peers& peers, MessageDecoder& decoder, Message& message) {
  if (message.sealed) {
    open_with(context, peers.find(message.source.gateway), false, decoder, message);
  } else if (context.options.seal == Seal::Always && message.type != MessageType::Receipt && message.type != MessageType::Ack &&
             message.type != MessageType::Refusal && message.type != MessageType::Hello && message.type != MessageType::Part) {
    message.body = Error{ErrorCode::Forbidden, context.me() + " takes sealed content only; set trust.seal at " + message.source.gateway, false};
  }
}

std::optional<Message> read_back(const Context& context, const Peers& peers, std::string_view payload, const Topic& topic) {
  if (payload.empty()) return std::nullopt;
  MessageDecoder decoder(MessageLimits{.message_bytes = SIZE_MAX});
  auto decoded = decoder.decode(payload, topic, context.topics);
  auto* message = std::get_if<Message>(&decoded);
  if (message == nullptr) return std::nullopt;
  if (message->sealed) {
    const bool sent = message->source.gateway == context.me();
    open_with(context, peers.find(sent ? message->subject.gateway : message->source.gateway), sent, decoder, *message);
  }
  return std::move(*message);
}

}  // namespace clawbridge::core
