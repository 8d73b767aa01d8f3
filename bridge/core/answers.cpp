#include "bridge/core/answers.h"

#include <utility>

#include "bridge/core/content.h"

namespace clawbridge::core {

using action::Level;

body::Reply failure(ReplyStatus status, ErrorCode code, std::string message, bool retryable) {
  body::Reply reply;
  reply.status = status;
  reply.error = Error{code, std::move(message), retryable};
  return reply;
}

body::Reply rejected(ErrorCode code, std::string message) { return failure(ReplyStatus::Rejected, code, std::move(message)); }

body::Reply expired_reply() {
  return failure(ReplyStatus::Expired, ErrorCode::Expired, "expirytime passed before the turn started; the request did not run", true);
}

body::Reply cancelled_reply(bool ran) {
  body::Reply reply;
  reply.status = ReplyStatus::Cancelled;
  reply.ran = ran;
  return reply;
}

std::string Answers::encode(const Address& from, const Address& to, const std::string& correlation_id, const body::Reply& reply, bool sealed) const {
  const auto* peer = peers_.find(to.gateway);
  if (peer == nullptr || !peer->can_be_told()) return {};
  const auto write = [&](const body::Reply& what) {
    return make_reply(context_, *peer, {context_.new_id(), from, to, context_.now.wall, correlation_id, context_.key_id}, what, sealed);
  };
  auto event = write(reply);
  const auto most = context_.message_bytes_max(peer->state.message_bytes);
  if (event.size() <= most) return event;
  if (!reply.listing.empty()) {
    return write(failure(ReplyStatus::Error, ErrorCode::TooLarge, "the answer is longer than the " + std::to_string(most) + " bytes that a message may have; ask for less with limit", false));
  }
  // The turn has run: its outcome must arrive, even if not all of its words can.
  auto cut = reply;
  cut.truncated = true;
  cut.attachments.clear();
  if (!reply.attachments.empty()) event = write(cut);
  if (event.size() <= most) return event;
  auto keep = static_cast<std::size_t>(static_cast<double>(reply.reply.size()) * static_cast<double>(most) / static_cast<double>(event.size()));
  for (;; keep -= keep / 8 + 1) {
    keep = utf8_prefix(reply.reply, keep);
    cut.reply.assign(reply.reply, 0, keep);
    event = write(cut);
    if (event.size() <= most || keep == 0) return event;
  }
}

std::string Answers::encode(const Address& from, const Address& to, const std::string& correlation_id, const body::Receipt& receipt) const {
  auto event = encode_receipt({context_.new_id(), from, to, context_.now.wall, correlation_id, context_.key_id}, receipt);
  context_.authenticate(event, peers_.find(to.gateway)->channel().mac_out);
  return event;
}

void Answers::publish(const Address& to, const std::string& correlation_id, std::string payload) {
  if (payload.empty()) return;
  context_.publish({.topic = context_.topics.reply(to), .payload = std::move(payload), .correlation_id = correlation_id, .response_topic = {}, .expires_in = {}},
                   to.gateway);
}

void Answers::reply(const Message& request, const body::Reply& reply) {
  publish(request.source, request.id, encode(request.subject, request.source, request.id, reply, request.sealed));
}

void Answers::receipt(const Message& request, const body::Receipt& receipt) {
  const auto* peer = peers_.find(request.source.gateway);
  if (peer == nullptr || !peer->can_be_told()) return;
  publish(request.source, request.id, encode(request.subject, request.source, request.id, receipt));
}

void Answers::refuse(const Message& request, std::string_view payload, ErrorCode code) {
  context_.count("request.refused");
  context_.note(Level::Warn, "request.refused_here",
                {{"cid", request.id}, {"peer", request.source.gateway}, {"code", std::string(to_string(code))}});
  auto event = encode_refusal({context_.new_id(), request.subject, request.source, context_.now.wall, {}, context_.key_id},
                              {hex_encode(context_.crypto.sha256(payload)), code});
  context_.sign(event);
  publish(request.source, {}, std::move(event));
}

void Answers::plain(const PlainRequest& request, const body::Reply& reply) {
  context_.actions.emplace_back(action::Publish{.topic = request.response_topic,
                                                .payload = plain_answer(reply),
                                                .correlation_id = request.correlation_data,
                                                .response_topic = {},
                                                .expires_in = {},
                                                .plain = true});
}

}  // namespace clawbridge::core
