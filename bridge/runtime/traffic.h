// What passes over the broker, for people who watch: each message as a note, read from its bytes. The core has judged
// it, or will; this only tells what is written there. Costs nothing while nobody watches.
#pragma once

#include <string_view>

#include "bridge/core/action.h"
#include "topics/message.h"
#include "topics/topic.h"

namespace clawbridge::runtime {

class Traffic {
 public:
  explicit Traffic(Topics topics) : topics_(std::move(topics)) {}

  /// `message.sent`, with the fields `cid`, `mid`, `from`, `to`, `type` (request, receipt, progress, reply, ack,
  /// refusal, part, state, hello, plain or unreadable), `what` (a request's operation, a receipt's stage, a reply's
  /// status, a state's presence, a refusal's code), `bytes`, `sealed` (true) and, where names cannot be read, `topic`;
  /// those that are known.
  [[nodiscard]] core::action::Note sent(std::string_view topic, std::string_view payload);
  /// `message.received`, the same. `refused`: why the core has dropped it (its counter), or empty; such a message may
  /// say anything.
  [[nodiscard]] core::action::Note received(std::string_view topic, std::string_view payload, std::string_view refused);

 private:
  [[nodiscard]] core::action::Note read(std::string_view name, std::string_view topic, std::string_view payload);

  Topics topics_;
  MessageDecoder decoder_;
};

}  // namespace clawbridge::runtime
