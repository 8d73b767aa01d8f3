// What became of every exchange, judged from outside the core: from committed journals, from the truth that the virtual gateways
// keep, and from what local callers were answered. The promises are those of the wire contract, exchange rules 1 to 9.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/sim/gateway.h"
#include "tests/sim/journal.h"
#include "tests/sim/site.h"
#include "tests/sim/trace.h"

namespace clawbridge::sim {

class ExchangeChecker final : public TurnObserver {
 public:
  ExchangeChecker(Scheduler& scheduler, Trace& trace) : scheduler_(scheduler), trace_(trace) {}
  void add_site(const Site& site) { sites_.emplace(site.name, &site); }

  // ---- what happens ----
  void outgoing_committed(const Site& site, const core::OutgoingRecord* before, const core::OutgoingRecord* after);
  void incoming_committed(const Site& site, const core::IncomingRecord* before, const core::IncomingRecord* after);
  void journal_lost(const Site& site);
  /// `is_asker`: the call by which the exchange was asked.
  void answered(const Site& site, const core::SendResult& result, bool is_asker);
  void answered(const Site& site, const core::CancelResult& result);
  /// A person asks a dead letter again: its text may run under another id, too.
  void may_run_again(const std::string& source_gateway, const std::string& id) { asked_again_.insert({source_gateway, id}); }
  void turn_began(const std::string& gateway, const std::string& key, const std::string& session, const std::string& text) override;
  void turn_finished(const std::string& key, ReplyStatus status, const std::string& text) override;
  void turns_disturbed(const std::string& gateway) override;
  /// That request cannot be taken any more, whatever its requester does: it may wait until it expires.
  void may_wait(const std::string& source_gateway, const std::string& id) { exchanges_[{source_gateway, id}].may_wait = true; }
  [[nodiscard]] bool was_answered(const std::string& source_gateway, const std::string& id) const {
    const auto found = exchanges_.find({source_gateway, id});
    return found != exchanges_.end() && !found->second.answer.empty();
  }
  void healed() { healed_at_ = scheduler_.now(); }

  // ---- the end ----
  /// Exchanges that have not ended at both sides and have no reason to wait for their expiry.
  [[nodiscard]] std::vector<std::string> stuck() const;
  /// Anything that is still open, anywhere.
  [[nodiscard]] bool all_over() const;
  /// After healing: both sides agree, what came to its end was acknowledged.
  void check_agreement();

 private:
  using Key = std::pair<std::string, std::string>;  // source gateway, id
  struct Exchange {
    std::uint64_t order = 0;        // of acceptance; 0: not seen to be accepted
    Address source;
    Address target;
    Operation op = Operation::SessionsSend;
    std::string lane;
    Instant taken{};                // by the responder, at last
    bool requester_lost = false;    // with its journal
    bool responder_lost = false;    // its journal, after it may have had this
    bool may_wait = false;
    bool forgotten = false;         // by the responder, unacknowledged, when its time had come
    bool put_away = false;          // by the responder, acknowledged
    unsigned turns = 0;
    unsigned journal = 0;           // of the responder when the turn began
    bool finished = false;
    ReplyStatus turn_status = ReplyStatus::Ok;
    std::string turn_text;
    bool disturbed = false;
    std::string outcome;            // at the requester
    bool outcome_by_reply = false;
    Instant outcome_at{};
    std::string answer;             // at the responder
    bool owes_late = false;         // it has ended, and the asking session is to hear of it
    bool told = false;              // the caller that asked it was
    bool told_late = false;         // its session was
  };

  [[nodiscard]] static Key key_of(std::string_view idempotency_key);
  [[nodiscard]] std::string describe(const Key& key, const Exchange& exchange) const;
  [[nodiscard]] bool below_mark(const core::OutgoingRecord& record) const;
  void judge(const Key& key, const Exchange& exchange, std::string_view where, const std::string& status, std::string_view reply);
  void check_outcome(const Site& site, const core::OutgoingRecord& record, Exchange& exchange);
  void check_taken(const Site& site, const core::IncomingRecord& record);
  void check_told(const Key& key, const Exchange& exchange) const;
  void check_forgotten(const Site& site, const core::IncomingRecord& record, Exchange& exchange);

  Scheduler& scheduler_;
  Trace& trace_;
  std::map<std::string, const Site*> sites_;
  std::map<Key, Exchange> exchanges_;
  std::map<std::string, std::uint64_t> lane_began_;  // acceptance order of the lane's latest turn
  std::map<std::string, Key> text_ran_;              // every text is sent once
  std::set<Key> asked_again_;
  std::uint64_t accepted_ = 0;
  std::optional<Instant> healed_at_;
};

}  // namespace clawbridge::sim
