#include "tests/sim/exchange_checker.h"

#include "bridge/core/late.h"
#include "tests/sim/policy_checker.h"
#include "topics/ulid.h"

namespace clawbridge::sim {
namespace {

using core::IncomingStage;
using std::chrono::hours;
using std::chrono::seconds;

constexpr hours kWeek{7 * 24};
constexpr seconds kSettles{300};  // after healing the last may come back, and learn new keys: from then on nothing excuses a lost acknowledgement

bool is_open(const core::IncomingRecord& record) { return record.stage != IncomingStage::Ended && record.stage != IncomingStage::Tombstone; }

}  // namespace

// claw:<source gateway>:<id>:<attempt>
ExchangeChecker::Key ExchangeChecker::key_of(std::string_view idempotency_key) {
  idempotency_key.remove_prefix(5);
  const auto colon = idempotency_key.find(':');
  const auto last = idempotency_key.rfind(':');
  return {std::string(idempotency_key.substr(0, colon)), std::string(idempotency_key.substr(colon + 1, last - colon - 1))};
}

std::string ExchangeChecker::describe(const Key& key, const Exchange& exchange) const {
  return key.second + " " + exchange.source.str() + " -> " + exchange.target.str() + " (outcome " + (exchange.outcome.empty() ? "open" : exchange.outcome) +
         ", answer " + (exchange.answer.empty() ? "none" : exchange.answer) + ", turns " + std::to_string(exchange.turns) +
         (exchange.finished ? ", finished " + std::string(to_string(exchange.turn_status)) : "") + ")";
}

// ---- the requester ----

void ExchangeChecker::outgoing_committed(const Site& site, const core::OutgoingRecord* before, const core::OutgoingRecord* after) {
  const Key key{site.name, after != nullptr ? after->id : before->id};
  auto& exchange = exchanges_[key];
  if (after == nullptr) {
    if (before->status.empty()) trace_.violation("lost", "an open exchange was purged: " + describe(key, exchange));
    return;
  }
  if (before == nullptr) {
    trace_.count(after->op == Operation::Cancel ? "cancels asked" : "exchanges accepted");
    exchange.order = ++accepted_;
    exchange.source = after->source;
    exchange.target = after->target;
    exchange.op = after->op;
    // Rule 3 keeps a lane's order in the requester's journal, and the responder starts what it receives in that order: what a lost
    // journal has published may still be under way, and the next journal, knowing nothing of it, cannot wait for it.
    const auto session = after->session.empty() ? "agent:" + after->target.agent + ":main" : after->session;
    exchange.lane = after->op != Operation::SessionsSend
                        ? std::string(to_string(after->op)) + " " + after->id
                        : after->source.str() + "|" + after->target.str() + "|" + session + "|journal " + std::to_string(site.journals);
  } else if (!before->incarnation.empty() && (before->request != after->request || before->incarnation != after->incarnation)) {
    trace_.violation("bytes changed", describe(key, exchange));
  }
  const std::string was = before == nullptr ? "" : before->status;
  if (after->status == was) return;
  if (!was.empty() && (was != "unknown" || after->reply.empty())) trace_.violation("outcome changed", "from " + was + " to " + after->status + ": " + describe(key, exchange));
  if (was.empty()) exchange.owes_late = before != nullptr && before->deliver_late && after->status != "cancelled";
  exchange.outcome = after->status;
  exchange.outcome_by_reply = !after->reply.empty();
  exchange.outcome_at = scheduler_.now();
  check_outcome(site, *after, exchange);
}

// What an outcome says of the turn must be true.
void ExchangeChecker::judge(const Key& key, const Exchange& exchange, std::string_view where, const std::string& status, std::string_view reply) {
  if (exchange.op != Operation::SessionsSend && exchange.op != Operation::SessionsSpawn) return;
  const auto wrong = [&](const std::string& why) { trace_.violation("outcome", std::string(where) + " says " + status + ", but " + why + ": " + describe(key, exchange)); };
  const auto* responder = sites_.at(exchange.target.gateway);
  const bool same_journal = exchange.turns == 0 || exchange.journal == responder->journals;
  if (status == "ok" || status == "no_reply" || status == "error") {
    const auto expected = status == "ok" ? ReplyStatus::Ok : status == "error" ? ReplyStatus::Error : ReplyStatus::NoReply;
    if (!exchange.finished) {
      wrong("the turn has not finished");
    } else if (exchange.turn_status != expected && !(status == "error" && exchange.turn_status == ReplyStatus::Cancelled)) {
      wrong("the turn ended otherwise");
    }
  } else if (status == "rejected" || status == "expired") {
    if (exchange.turns != 0 && same_journal) wrong("the turn ran");
  } else if (status == "cancelled") {
    const bool never_ran = reply.find("\"ran\":false") != std::string_view::npos;  // (not to be seen where it is sealed)
    if (never_ran && exchange.turns != 0 && same_journal) wrong("the turn ran");
  } else if (status == "interrupted") {
    if (!exchange.disturbed) wrong("nothing went down during the turn");
  }
}

void ExchangeChecker::check_outcome(const Site& site, const core::OutgoingRecord& record, Exchange& exchange) {
  const Key key{site.name, record.id};
  const auto found = sites_.find(record.target.gateway);
  trace_.count(record.status == "ok"            ? "outcome ok"
               : record.status == "no_reply"    ? "outcome no_reply"
               : record.status == "error"       ? "outcome error"
               : record.status == "rejected"    ? "outcome rejected"
               : record.status == "expired"     ? "outcome expired"
               : record.status == "cancelled"   ? "outcome cancelled"
               : record.status == "interrupted" ? "outcome interrupted"
               : record.status == "unknown"     ? "outcome unknown"
                                                : "outcome other");
  if (found == sites_.end()) {
    if (record.status != "expired" && record.status != "cancelled") trace_.violation("outcome", "of a gateway that is nowhere: " + describe(key, exchange));
    return;
  }
  if (record.status != "unknown") {
    judge(key, exchange, "the requester", record.status, record.reply);
    return;
  }
  // (Once a journal was lost while the clock went back, the late will of its connection may speak for it again.)
  const bool journal_lost = record.incarnation != found->second->journal->incarnation() || found->second->journals > 1;
  const bool given_up = site.decided >= record.expiry + kWeek;
  if (!journal_lost && !given_up && !exchange.responder_lost && !exchange.forgotten) {
    trace_.violation("unknown", "the responder's journal is whole and the week is not over: " + describe(key, exchange));
  }
}

void ExchangeChecker::answered(const Site& site, const core::SendResult& result, bool is_asker) {
  if (!result) {
    trace_.count("answers that refuse");
    return;
  }
  const Key key{site.name, result->correlation_id};
  const auto* record = site.journal->committed_outgoing(result->correlation_id);
  auto& exchange = exchanges_[key];
  if (record == nullptr) {
    if (exchange.outcome.empty()) trace_.violation("answered early", "a caller was told of an exchange that no commit holds: " + result->correlation_id);
    return;
  }
  if (result->status == "accepted") return;
  if (is_asker) exchange.told = true;
  if (result->status != exchange.outcome && result->status != "unknown") {
    trace_.violation("answer", "a caller was told " + result->status + ": " + describe(key, exchange));
  }
  if (result->status != "ok" || !result->reply) return;
  const bool whole = *result->reply == exchange.turn_text;
  if (!whole && !(result->truncated && exchange.turn_text.starts_with(*result->reply))) {
    trace_.violation("answer", "a caller was given another text than the turn's: " + describe(key, exchange));
  }
}

// What a caller is told of stopping an exchange.
void ExchangeChecker::answered(const Site& site, const core::CancelResult& result) {
  if (!result) return;
  const Key key{site.name, result->exchange.correlation_id};
  const auto& exchange = exchanges_[key];
  trace_.count(result->result == "cancelled" ? "cancel answered cancelled" : result->result == "cannot_abort" ? "cancel answered cannot_abort" : "cancel answered otherwise");
  if (result->result == "cancelled" && result->ran == false && exchange.turns != 0 && !exchange.responder_lost) {
    trace_.violation("answer", "a caller was told that it was stopped before it ran: " + describe(key, exchange));
  }
}

// ---- the responder ----

void ExchangeChecker::incoming_committed(const Site& site, const core::IncomingRecord* before, const core::IncomingRecord* after) {
  const auto& any = after != nullptr ? *after : *before;
  const Key key{any.source_gateway, any.id};
  if (any.source_gateway == core::kLateGateway && before == nullptr) {
    trace_.count("late replies");
    exchanges_[{site.name, any.id}].told_late = true;
  }
  auto& exchange = exchanges_[key];
  if (after == nullptr) {
    check_forgotten(site, *before, exchange);
    return;
  }
  if (after->stage == IncomingStage::Tombstone) {
    if (before == nullptr) trace_.count("tombstones");
    return;
  }
  // Once acknowledged it may be forgotten (rule 6), and a question about it that the broker replays is answered by a tombstone (rule 7).
  // What that answers says nothing of the exchange: its requester has the reply, and takes no other.
  if (exchange.put_away && before != nullptr && before->stage == IncomingStage::Tombstone) return;
  if (exchange.target.gateway.empty()) {  // its requester's journal was lost before anybody looked
    exchange.op = after->op;
    exchange.source = after->source;
    exchange.target = after->target;
  }
  const bool first = before == nullptr || before->stage == IncomingStage::Tombstone;
  if (first) exchange.taken = scheduler_.now();
  if (first && (after->stage != IncomingStage::Ended || after->attempt > 0)) check_taken(site, *after);
  if (after->source.gateway != site.name && (before == nullptr || before->session_key.empty())) {
    const auto why = forbidden_session(site, *after, exchange.taken);
    if (why && after->stage != IncomingStage::Ended) trace_.violation("policy", site.name + " goes on with what it may not: " + *why + ": " + describe(key, exchange));
  }
  const bool had_ended = before != nullptr && before->stage == IncomingStage::Ended;
  if (had_ended) {
    if (after->status != before->status || after->reply != before->reply) trace_.violation("answer changed", describe(key, exchange));
  } else if (after->stage == IncomingStage::Ended) {
    exchange.answer = after->status;
    judge(key, exchange, "the responder", after->status, after->reply);
  }
}

void ExchangeChecker::check_taken(const Site& site, const core::IncomingRecord& record) {
  trace_.count("requests taken");
  if (record.source.gateway == site.name || record.source_gateway == core::kLateGateway) return;
  if (const auto why = forbidden(site, record)) trace_.violation("policy", site.name + " took what it may not: " + *why + ": " + record.id);
}

// Rule 6: until it has ended and was acknowledged or ended a week ago, and an hour beyond its expiry.
void ExchangeChecker::check_forgotten(const Site& site, const core::IncomingRecord& record, Exchange& exchange) {
  trace_.count("exchanges purged");
  const Key key{record.source_gateway, record.id};
  const auto now = site.decided;
  if (is_open(record)) trace_.violation("forgotten", "while it was open: " + describe(key, exchange));
  if (now < record.expiry + hours{1}) trace_.violation("forgotten", "less than an hour after its expiry: " + describe(key, exchange));
  if (record.acknowledged) {
    exchange.put_away = true;
    return;
  }
  exchange.forgotten = true;
  exchange.may_wait = true;  // nobody knows any more: `unknown`, a week after its expiry
  if (now < record.ended + kWeek) trace_.violation("forgotten", "before it was acknowledged: " + describe(key, exchange));
}

void ExchangeChecker::journal_lost(const Site& site) {
  for (auto& [key, exchange] : exchanges_) {
    if (key.first == site.name) exchange.requester_lost = true;
    if (exchange.target.gateway != site.name || !exchange.outcome.empty()) continue;
    const auto requester = sites_.find(key.first);
    const auto* record = requester == sites_.end() ? nullptr : requester->second->journal->committed_outgoing(key.second);
    if (record == nullptr || !record->incarnation.empty()) exchange.responder_lost = true;
  }
}

// ---- the turns ----

void ExchangeChecker::turn_began(const std::string& gateway, const std::string& idempotency_key, const std::string&, const std::string& text) {
  const auto key = key_of(idempotency_key);
  auto& exchange = exchanges_[key];
  trace_.line(gateway, "turn.began", hash_of(idempotency_key), [&] { return idempotency_key + " " + text.substr(0, 24); });
  trace_.count("turns begun");
  const auto site = sites_.find(gateway);
  exchange.journal = site->second->journals;
  if (++exchange.turns > 1) trace_.violation("turn twice", describe(key, exchange));
  if (const auto [ran, fresh] = text_ran_.emplace(text, key); !fresh && ran->second != key && !asked_again_.contains(ran->second)) {
    trace_.violation("turn twice", "the same text under two ids: " + describe(key, exchange) + " and " + ran->second.second);
  }
  if (site->second->journal->committed_incoming(key.first, key.second) == nullptr && exchange.answer.empty() && !exchange.responder_lost) {
    // (A turn that waited in the gateway may begin long after it was answered `interrupted`, or its journal was lost.)
    trace_.violation("not stored", "a turn began that the journal does not hold: " + describe(key, exchange));
  }
  for (const auto* said : {&exchange.outcome, &exchange.answer}) {
    if ((*said == "rejected" || *said == "expired" || *said == "cancelled") && !exchange.responder_lost) trace_.violation("ran after all", describe(key, exchange));
  }
  if (exchange.order == 0) return;
  auto& latest = lane_began_[exchange.lane];
  if (exchange.order < latest) trace_.violation("lane order", "a turn began after one that was accepted later: " + describe(key, exchange));
  latest = std::max(latest, exchange.order);
}

void ExchangeChecker::turn_finished(const std::string& idempotency_key, ReplyStatus status, const std::string& text) {
  auto& exchange = exchanges_[key_of(idempotency_key)];
  trace_.line("turn", "turn.finished", hash_of(idempotency_key), [&] { return idempotency_key; });
  exchange.finished = true;
  exchange.turn_status = status;
  exchange.turn_text = text;
}

void ExchangeChecker::turns_disturbed(const std::string& gateway) {
  for (const auto& [key, row] : sites_.at(gateway)->journal->committed_incoming()) {
    const auto stage = row.record.stage;
    if (stage == IncomingStage::HandingOver || stage == IncomingStage::Started) exchanges_[key].disturbed = true;
  }
}

// ---- the end ----

bool ExchangeChecker::all_over() const {
  for (const auto& [name, site] : sites_) {
    for (const auto& [id, record] : site->journal->committed_outgoing()) {
      if (record.status.empty()) return false;
    }
    for (const auto& [key, row] : site->journal->committed_incoming()) {
      if (is_open(row.record)) return false;
    }
  }
  return true;
}

// The responder says nothing of an id it may have purged.
bool ExchangeChecker::below_mark(const core::OutgoingRecord& record) const {
  const auto responder = sites_.find(record.target.gateway);
  if (responder == sites_.end()) return false;
  for (const auto& mark : responder->second->journal->replay_marks()) {
    if (mark.gateway == record.source.gateway) return ulid_time(record.id) <= mark.forgotten;
  }
  return false;
}

std::vector<std::string> ExchangeChecker::stuck() const {
  std::vector<std::string> stuck;
  for (const auto& [name, site] : sites_) {
    // What waits for its expiry holds up its lane, and sixteen of them every lane to that peer.
    struct Ahead {
      std::set<std::string> lanes;
      std::size_t heads = 0;
    };
    std::map<std::string, Ahead> waiting;
    for (const auto& [id, record] : site->journal->committed_outgoing()) {
      if (!record.status.empty()) continue;
      const Key key{name, id};
      const auto& exchange = exchanges_.at(key);
      auto& ahead = waiting[record.target.gateway];
      if (exchange.forgotten && record.receipt) continue;
      if (!record.receipt && (exchange.may_wait || below_mark(record) || ahead.lanes.contains(exchange.lane) || ahead.heads >= 16)) {
        if (ahead.lanes.insert(exchange.lane).second) ++ahead.heads;
        continue;
      }
      if (sites_.contains(record.target.gateway)) stuck.push_back(describe(key, exchange) + ", stage " + record.stage + " " + record.reason);
    }
    for (const auto& [key, row] : site->journal->committed_incoming()) {
      if (is_open(row.record)) stuck.push_back("open at " + name + ": " + describe(key, exchanges_.at(key)));
    }
  }
  return stuck;
}

// The end reaches the asking session by its call, or late. By both only when the process died before it knew that the call was answered.
void ExchangeChecker::check_told(const Key& key, const Exchange& exchange) const {
  if (exchange.owes_late && !exchange.told && !exchange.told_late) trace_.violation("not told", "the asking session never heard of the end: " + describe(key, exchange));
}

void ExchangeChecker::check_agreement() {
  for (const auto& [key, exchange] : exchanges_) {
    if (exchange.order == 0 || exchange.requester_lost) continue;
    check_told(key, exchange);
    if (exchange.outcome.empty()) {
      trace_.violation("no outcome", describe(key, exchange));
      continue;
    }
    const auto responder = sites_.find(exchange.target.gateway);
    if (responder == sites_.end()) continue;
    const auto* record = responder->second->journal->committed_incoming(key.first, key.second);
    if (record == nullptr || exchange.put_away) continue;  // nothing, or a tombstone in its place
    // The turn was another journal's, which is lost: its reply may still have been under way when the new one, knowing nothing of it,
    // put a tombstone there (rules 8 and 9).
    if (record->stage == IncomingStage::Tombstone && exchange.turns != 0 && exchange.journal != responder->second->journals) continue;
    const bool agree = record->stage == IncomingStage::Tombstone ? exchange.outcome == "expired" || exchange.outcome == record->status : record->status == exchange.outcome;
    if (!agree && exchange.outcome != "unknown") trace_.violation("disagreement", describe(key, exchange));
    const bool in_peace = healed_at_ && exchange.outcome_at > *healed_at_ + kSettles && exchange.outcome_by_reply;
    if (in_peace && !record->acknowledged) trace_.violation("not acknowledged", describe(key, exchange));
  }
}

}  // namespace clawbridge::sim
