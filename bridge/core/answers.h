// What goes back to a requester: replies, receipts and refusals, made and published.
#pragma once

#include <string>
#include <string_view>

#include "bridge/core/context.h"
#include "bridge/core/peers.h"
#include "bridge/core/plain.h"

namespace clawbridge::core {

[[nodiscard]] body::Reply failure(ReplyStatus status, ErrorCode code, std::string message, bool retryable = false);
[[nodiscard]] body::Reply rejected(ErrorCode code, std::string message);
[[nodiscard]] body::Reply expired_reply();
/// `ran`: whether the turn had started.
[[nodiscard]] body::Reply cancelled_reply(bool ran);

class Answers {
 public:
  Answers(Context& context, const Peers& peers) : context_(context), peers_(peers) {}

  /// The reply's payload, cut to what the requester and the broker take. Empty when the requester's keys are not known.
  [[nodiscard]] std::string encode(const Address& from, const Address& to, const std::string& correlation_id, const body::Reply& reply, bool sealed) const;
  /// Publishes a payload made earlier; nothing when it is empty.
  void publish(const Address& to, const std::string& correlation_id, std::string payload);
  /// A reply that nobody keeps.
  void reply(const Message& request, const body::Reply& reply);
  /// A receipt for what was not taken: nothing of it is kept.
  void receipt(const Message& request, const body::Receipt& receipt);
  /// A receipt's payload. REQUIRES: the requester's keys are known.
  [[nodiscard]] std::string encode(const Address& from, const Address& to, const std::string& correlation_id, const body::Receipt& receipt) const;
  /// `id_reused`, `replayed` and `journal_changed`: one per arrival, signed, nothing journaled.
  void refuse(const Message& request, std::string_view payload, ErrorCode code);
  void plain(const PlainRequest& request, const body::Reply& reply);

 private:
  Context& context_;
  const Peers& peers_;
};

}  // namespace clawbridge::core
