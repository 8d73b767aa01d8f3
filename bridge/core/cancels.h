// Requests to stop an exchange, as the responder answers them (wire contract, exchange rule 9).
//
// What has not been handed over ends at once. What the gateway has is stopped if the gateway can; until it has told, the
// cancel request itself stands in the journal as stored, so that a crash forgets neither.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "bridge/core/answers.h"
#include "bridge/core/context.h"
#include "bridge/core/turns.h"

namespace clawbridge::core {

class Cancels {
 public:
  Cancels(Context& context, const Peers& peers, Answers& answers, Turns& turns)
      : context_(context), peers_(peers), answers_(answers), turns_(turns) {}

  /// Those without an answer; their exchanges are stopped again by start().
  void restore(std::vector<IncomingRecord> records);
  /// Once, in the first step.
  void start();
  /// Stops an open exchange. `record`: of the cancel request, with its payload; its `session` is the exchange's id. False when too
  /// many such requests wait for that exchange.
  [[nodiscard]] bool take(IncomingRecord record);
  /// Answers those whose exchange has ended or goes on.
  void on_settled(const Turns::Settled& settled);
  /// Ends a cancel request with its answer. `record`: with its payload when the journal does not hold it yet.
  void answer(IncomingRecord record, const body::Reply& reply);

 private:
  void look(const Turns::Key& target);

  Context& context_;
  const Peers& peers_;
  Answers& answers_;
  Turns& turns_;
  std::map<Turns::Key, std::vector<IncomingRecord>> waiting_;  // by the exchange to be stopped; without payloads
};

/// The answer for an exchange that ended with `status`. `ran`: of one that was cancelled, as far as it is known.
[[nodiscard]] body::Reply cancel_reply(std::string_view status, std::optional<bool> ran);

}  // namespace clawbridge::core
