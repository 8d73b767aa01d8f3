// Requests that were taken, and the turns they become on the local gateway.
//
// Life of one:
//
//   stored ──▶ queued ──▶ handing over ──▶ started ──▶ ended
//   journaled   until its    journaled before   the gateway    reply journaled, then published;
//               session, a   the gateway hears   took it        kept for duplicates until purged
//               slot and the  of it
//               gateway are free
//
// An exchange that was handed over when the bridge or the gateway went down is not run again blindly: the gateway is asked
// what became of it (action::RecoverRun), and where nobody can tell, the outcome is `interrupted`.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "bridge/core/admission.h"
#include "bridge/core/answers.h"
#include "bridge/core/context.h"
#include "bridge/core/event.h"
#include "bridge/core/local_gateway.h"
#include "bridge/core/peers.h"
#include "bridge/core/policy.h"
#include "bridge/core/task.h"
#include "bridge/core/timers.h"

namespace clawbridge::core {

class Turns {
 public:
  using Key = std::pair<std::string, std::string>;  // source gateway, correlation id

  Turns(Context& context, const Peers& peers, const LocalGateway& gateway, Answers& answers, const Admission& admission, const Policy& policy)
      : context_(context), peers_(peers), gateway_(gateway), answers_(answers), admission_(admission), policy_(policy) {}

  /// Those not ended, in the order received.
  void restore(std::vector<IncomingRecord> records);
  /// Journals the request and starts its turn as soon as it can. `full`: with its payload. `task`: what that asks.
  void take(IncomingRecord full, const PolicyRule* rule, Task task);
  /// Stops an open exchange: at once when the gateway has not got it, otherwise as soon as the gateway tells; take_settled() says
  /// how it went. REQUIRES: it is open.
  void cancel(const Key& key);
  /// What became of the exchanges that were to be stopped, since the last call.
  struct Settled {
    Key key;
    std::string status;        // that it ended with; empty: the gateway cannot stop it
    std::optional<bool> ran;
  };
  [[nodiscard]] std::vector<Settled> take_settled() { return std::exchange(settled_, {}); }

  [[nodiscard]] std::size_t open() const { return open_.size(); }
  [[nodiscard]] std::size_t open_of(std::string_view gateway) const;
  [[nodiscard]] std::size_t open_under(const PolicyRule* rule) const;
  [[nodiscard]] std::size_t running() const { return runs_.size(); }
  /// The open exchange; nothing when it is not open.
  [[nodiscard]] const IncomingRecord* find(const Key& key) const;
  /// How far an open exchange is, in the words of `status`: stored, queued or started. REQUIRES: it is open.
  [[nodiscard]] std::string_view state_of(const Key& key) const;
  /// Answers a duplicate of an open exchange's request: the latest receipt again. REQUIRES: it is open.
  void tell_again(const Key& key);
  /// The chain of a request that a local session makes now: the exchanges it is being run for, first cause first; empty when
  /// it handles none of a peer's.
  [[nodiscard]] std::vector<std::string> chain_of(std::string_view agent, std::string_view session_key) const;

  /// Other rules hold. What has been taken stays so, and counts under the rule that would take it now, as after a restart.
  void on_settings();

  // ---- the local gateway; LocalGateway knows it already ----
  void on_gateway_up();
  void on_gateway_down(bool was_up);
  void on_session_resolved(const event::SessionResolved& resolved);
  void on_run_started(const event::RunStarted& started);
  void on_run_ended(const event::RunEnded& ended);
  void on_run_not_taken(const event::RunNotTaken& not_taken);
  void on_run_progress(const event::RunProgress& progress);
  void on_abort_refused(const event::AbortRefused& refused);
  void on_run_lost(const event::RunLost& lost);

  void on_time();
  [[nodiscard]] std::optional<Instant> next_deadline() const { return earliest(earliest(receipts_.next(), held_.next()), earliest(expiries_.next(), progress_.next())); }

 private:
  enum class Waiting { ForTurn, Resolving, ForSession, Running, Recovering, ForRecovery };
  struct Open {
    IncomingRecord record;        // without payloads
    std::uint64_t arrival = 0;    // order received
    std::optional<Instant> taken; // in this life
    std::string lane;             // target and session as asked
    Waiting waiting = Waiting::ForTurn;
    bool receipt_sent = false;
    std::string receipt_told;     // what the latest receipt said, to tell nothing twice
    std::chrono::microseconds retry_delay{0};
    bool held = false;            // not taken by the gateway: until the retry timer
    bool cancelled = false;       // to be stopped as soon as the gateway lets us
    bool wants_progress = false;  // and is told until a restart of the bridge: nobody depends on it
    std::string progress_text;    // not told yet
    std::uint64_t progress_told = 0;
    Instant progress_next{};      // not before
    const PolicyRule* rule = nullptr;  // that let it in; nothing: the default
  };

  Open* find_open(const Key& key);
  Open* find_open(const RunKey& run);
  [[nodiscard]] std::optional<Task> stored_task(const IncomingRecord& record) const;
  [[nodiscard]] Address judged_as(const IncomingRecord& record) const;
  [[nodiscard]] std::optional<body::Reply> reject_session(Open& open, const std::string& session_key);
  void advance(const std::string& lane);
  void advance_all();
  void start(Open& open, Task* task);
  [[nodiscard]] bool is_full(const Open& open) const;
  [[nodiscard]] bool may_run_at_once(const Open& open) const;
  void run(Open& open, Task task);
  void hand_over(Open& open);
  void order_run(Open& open, Task task);
  void recover(Open& open);
  void abort(const Open& open);
  void queue_again(Open& open);
  [[nodiscard]] bool gave_up(Open& open, bool lost);
  void wait_for_session(Open& open);
  void release_session(const std::string& session_key);
  void fill_slots();
  void enter_rule(Open& open);
  void leave_rule(const Open& open);
  void end(Open& open, body::Reply reply);
  [[nodiscard]] bool expired(const Open& open) const { return open.record.expiry + kClockSkew < context_.now.wall; }

  void owe_receipt(const Open& open);
  void send_receipt(const Key& key);
  void send_progress(const Key& key);
  void save(const Open& open, std::string receipt = {}, std::string reply = {});
  void reached(Open& open, std::string_view stage);

  Context& context_;
  const Peers& peers_;
  const LocalGateway& gateway_;
  Answers& answers_;
  const Admission& admission_;
  const Policy& policy_;
  std::map<Key, Open> open_;
  std::vector<std::string> to_advance_;
  bool advancing_ = false;
  std::map<std::string, std::deque<Key>> lanes_;            // by lane: target and session as asked
  std::map<std::string, std::map<std::uint64_t, Key>> session_waiters_;  // by session key, in order received
  std::map<std::string, Key> runs_;                          // by session key: the turn under way
  std::map<std::string, std::size_t, std::less<>> open_by_peer_;
  std::map<const PolicyRule*, std::size_t> open_by_rule_;
  std::vector<Settled> settled_;
  Timers<Key> receipts_;
  Timers<Key> progress_;
  Timers<Key> held_;
  Timers<Key> expiries_;
  std::uint64_t arrivals_ = 0;
};

}  // namespace clawbridge::core
