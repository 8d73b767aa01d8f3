// Exchanges answered here: the responder's half of the wire contract (exchange rules 1 to 10). What arrives is checked in the
// contract's order, known ids first, and what passes becomes a turn (turns.h).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "bridge/core/admission.h"
#include "bridge/core/answers.h"
#include "bridge/core/cancels.h"
#include "bridge/core/context.h"
#include "bridge/core/event.h"
#include "bridge/core/local_gateway.h"
#include "bridge/core/peers.h"
#include "bridge/core/policy.h"
#include "bridge/core/reads.h"
#include "bridge/core/timers.h"
#include "bridge/core/turns.h"

namespace clawbridge::core {

class Inbox {
 public:
  Inbox(Context& context, const Peers& peers, const LocalGateway& gateway)
      : context_(context),
        peers_(peers),
        gateway_(gateway),
        policy_(context),
        answers_(context, peers),
        admission_(context, gateway, policy_),
        turns_(context, peers, gateway, answers_, admission_, policy_),
        cancels_(context, peers, answers_, turns_),
        reads_(context, answers_) {}

  /// `records`: those not ended, in the order received.
  void restore(std::vector<IncomingRecord> records, std::vector<ReplayMark> marks, std::vector<std::pair<std::string, std::string>> newest_ids);
  /// Once, in the first step.
  void start() { cancels_.start(); }
  /// Answers the cancel requests whose exchange has ended or goes on.
  void settle_cancels() {
    for (const auto& settled : turns_.take_settled()) cancels_.on_settled(settled);
  }

  // ---- authentic messages of a peer ----
  /// False when it is of a revoked peer: one refusal is all it gets, and only for what is not known already.
  [[nodiscard]] bool on_request(const Message& message, std::string_view payload);
  void on_ack(const Message& message);
  /// A plain request that refuse_plain() has nothing against.
  void on_plain(const Address& to, const event::BrokerMessage& message);

  /// Gives late replies to the sessions that asked for them.
  void take_late_replies();
  void on_sessions_read(const event::SessionsRead& read) { reads_.on_read(read); }

  void on_time();
  [[nodiscard]] std::optional<Instant> next_deadline() const { return earliest(purges_.next(), reads_.next_deadline()); }
  /// No new requests from now on: shutting down, or another bridge bears our name.
  void stop_taking() { taking_ = false; }
  void take_again() { taking_ = true; }

  [[nodiscard]] Turns& turns() { return turns_; }
  [[nodiscard]] const Turns& turns() const { return turns_; }
  [[nodiscard]] std::optional<ExchangeView> view(std::string_view id) const;
  [[nodiscard]] ExchangeView view_of(const IncomingRecord& record) const;

 private:
  // checks, in the contract's order
  bool answer_known(const Message& message, std::string_view payload, const Bytes32& digest);
  void answer_known_record(IncomingRecord record, const Message& message, std::string_view payload, const Bytes32& digest);
  [[nodiscard]] std::optional<ErrorCode> refuse_old(const Message& message);
  struct Deferral {
    std::string_view reason;
    std::string_view counter;
    std::chrono::milliseconds retry_after;
  };
  [[nodiscard]] std::optional<Deferral> reason_to_defer(const Address& source, const Address& target, std::size_t bytes, const PolicyRule* rule, bool allowed);

  void answer_read_only(const Message& message);
  [[nodiscard]] body::Reply answer_status(const Message& message);
  [[nodiscard]] bool is_below_mark(const std::string& gateway, std::string_view id, WallTime expiry);
  [[nodiscard]] bool may_be_purged(const std::string& gateway, std::string_view id);
  void refresh_marks();
  void tombstone(const std::string& gateway, const std::string& id, ReplyStatus status, WallTime expiry);
  void take_cancel(const Message& message, std::string_view payload, const Bytes32& digest);

  void take(const Message& message, std::string_view payload, const Bytes32& digest, const PolicyRule* rule);
  void record_rejection(const Message& message, std::string_view payload, const Bytes32& digest, const body::Reply& reply);
  [[nodiscard]] IncomingRecord record_of(const Message& message, std::string_view payload, const Bytes32& digest) const;
  void purge();

  Context& context_;
  const Peers& peers_;
  const LocalGateway& gateway_;
  Policy policy_;
  Answers answers_;
  Admission admission_;
  Turns turns_;
  Cancels cancels_;
  Reads reads_;
  std::map<std::string, std::size_t, std::less<>> tombstones_by_peer_;  // of a day
  Instant tombstones_counted_since_{};
  std::map<std::string, ReplayMark, std::less<>> marks_;
  std::map<std::string, std::string, std::less<>> newest_id_;  // by source gateway: ids above it are certainly new
  Timers<int> purges_;
  bool taking_ = true;
  bool marks_stale_ = false;  // a purge may have raised the marks in the journal
};

}  // namespace clawbridge::core
