// Exchanges answered here: the responder's half of the wire contract (exchange rules 1 to 10), and the turns they become.
//
// Life of one request that passes the checks:
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
#include <set>
#include <string>
#include <vector>

#include "bridge/core/context.h"
#include "bridge/core/event.h"
#include "bridge/core/peers.h"
#include "bridge/core/plain.h"
#include "bridge/core/policy.h"
#include "bridge/core/timers.h"

namespace clawbridge::core {

class Inbox {
 public:
  Inbox(Context& context, Peers& peers) : context_(context), peers_(peers), policy_(context) {}

  void restore(std::vector<IncomingRecord> records, std::vector<ReplayMark> marks,
               std::vector<std::pair<std::string, std::string>> newest_ids);

  // ---- authentic messages of a peer ----
  /// False when it is of a revoked peer: one refusal is all it gets, and only for what is not known already.
  [[nodiscard]] bool on_request(const Message& message, std::string_view payload);
  void on_ack(const Message& message);
  /// A plain request that refuse_plain() has nothing against.
  void on_plain(const Address& to, const event::BrokerMessage& message);

  // ---- the local gateway ----
  void on_gateway_up(const event::GatewayUp& up);
  void on_gateway_down(const event::GatewayDown& down);
  void on_gateway_agents(std::vector<event::GatewayAgent> agents);
  void on_session_resolved(const event::SessionResolved& resolved);
  void on_run_started(const event::RunStarted& started);
  void on_run_ended(const event::RunEnded& ended);
  void on_run_not_taken(const event::RunNotTaken& not_taken);
  void on_run_lost(const event::RunLost& lost);

  void on_time();
  [[nodiscard]] std::optional<Instant> next_deadline() const;
  /// No new requests from now on: shutting down, or another bridge bears our name.
  void stop_taking() { taking_ = false; }
  void take_again() { taking_ = true; }

  /// The chain of a request that a local session makes now: the exchanges it is being run for, first cause first; empty when
  /// it handles none of a peer's.
  [[nodiscard]] std::vector<std::string> chain_of(std::string_view agent, std::string_view session_key) const;

  [[nodiscard]] std::size_t open() const { return open_.size(); }
  [[nodiscard]] std::size_t running() const { return runs_.size(); }
  [[nodiscard]] bool gateway_connected() const { return gateway_up_; }
  [[nodiscard]] const event::GatewayUp& gateway() const { return gateway_; }
  [[nodiscard]] const std::string& gateway_error() const { return gateway_error_; }
  /// Agents that others may see.
  [[nodiscard]] const std::vector<body::AgentInfo>& exposed_agents() const { return exposed_; }
  [[nodiscard]] std::optional<ExchangeView> view(std::string_view id) const;
  [[nodiscard]] ExchangeView view_of(const IncomingRecord& record) const;

 private:
  using Key = std::pair<std::string, std::string>;  // source gateway, correlation id
  enum class Waiting { ForTurn, Resolving, ForSession, Running, Recovering, ForRecovery };
  struct Open {
    IncomingRecord record;        // without payloads
    std::uint64_t arrival = 0;    // order received
    std::string lane;             // target and session as asked
    Waiting waiting = Waiting::ForTurn;
    bool receipt_sent = false;
    std::string receipt_told;     // what the latest receipt said, to tell nothing twice
    std::chrono::microseconds retry_delay{0};
    bool held = false;            // not taken by the gateway: until the retry timer
    const PolicyRule* rule = nullptr;  // that let it in; nothing: the default
  };

  // checks, in the contract's order
  bool answer_known(const Message& message, std::string_view payload, const Bytes32& digest);
  void answer_known_record(IncomingRecord record, const Message& message, std::string_view payload, const Bytes32& digest);
  [[nodiscard]] std::optional<ErrorCode> refuse_old(const Message& message);
  [[nodiscard]] std::optional<body::Reply> reject(const Message& message, const PolicyRule*& rule);
  [[nodiscard]] std::optional<body::Reply> reject_target(const Message& message, const body::SessionsSend& send) const;
  [[nodiscard]] std::optional<body::Reply> reject_agent(const Address& source, const std::string& agent) const;
  [[nodiscard]] std::optional<body::Reply> reject_by_policy(const Address& source, Operation op, const std::string& op_name, const Address& target,
                                                            const std::optional<std::string>& session, const PolicyRule*& rule);
  [[nodiscard]] std::optional<body::Reply> reject_session(Open& open, const std::string& session_key);
  [[nodiscard]] std::optional<body::Reply> reject_loop(const std::vector<std::string>& chain, std::string_view session_key) const;
  struct Deferral {
    std::string_view reason;
    std::string_view counter;
    std::chrono::milliseconds retry_after;
  };
  [[nodiscard]] std::optional<Deferral> reason_to_defer(const Address& source, const Address& target, std::size_t bytes, const PolicyRule* rule, bool allowed);
  [[nodiscard]] bool is_full(const Open& open) const;
  void leave_rule(const Open& open);
  void answer_read_only(const Message& message);
  [[nodiscard]] body::Reply answer_status(const Message& message);
  [[nodiscard]] bool may_be_purged(const std::string& gateway, std::string_view id);
  void refresh_marks();
  void tombstone(const std::string& gateway, const std::string& id);

  void answer_plain(const PlainRequest& request, const body::Reply& reply);
  void take_record(IncomingRecord full, const PolicyRule* rule, const std::string& text);
  void take(const Message& message, std::string_view payload, const Bytes32& digest, const PolicyRule* rule);
  void record_rejection(const Message& message, std::string_view payload, const Bytes32& digest, const body::Reply& reply);
  [[nodiscard]] IncomingRecord record_of(const Message& message, std::string_view payload, const Bytes32& digest) const;

  // turns
  void advance(const std::string& lane);
  void advance_all();
  void start(Open& open, const std::string* text);
  [[nodiscard]] bool may_run_at_once(const Open& open) const;
  void run(Open& open, const std::string& text);
  void hand_over(Open& open);
  void order_run(const Open& open, const std::string& text);
  void recover(Open& open);
  void wait_for_session(Open& open);
  void release_session(const std::string& session_key);
  void fill_slots();
  void end(Open& open, body::Reply reply);
  bool expired(const Open& open) const { return open.record.expiry + kClockSkew < context_.now.wall; }
  [[nodiscard]] std::optional<std::string> text_of(const IncomingRecord& record) const;
  Open* find(const RunKey& run);
  Open* find(const Key& key);

  // telling the requester
  void owe_receipt(Open& open);
  void send_receipt(const Key& key);
  void publish_receipt(const Message& message, const body::Receipt& receipt);
  void publish_reply(const Address& to, const std::string& correlation_id, std::string payload);
  void refuse(const Message& message, std::string_view payload, ErrorCode code);
  [[nodiscard]] std::string encode(const Address& from, const Address& to, const std::string& correlation_id, const body::Reply& reply, bool sealed) const;
  void save(const Open& open, std::string receipt = {}, std::string reply = {});
  void reached(Open& open, std::string_view stage);
  void purge();
  void choose_exposed();

  Context& context_;
  Peers& peers_;
  Policy policy_;
  std::map<Key, Open> open_;
  std::vector<std::string> to_advance_;
  bool advancing_ = false;
  std::map<std::string, std::deque<Key>> lanes_;            // by lane: target and session as asked
  std::map<std::string, std::map<std::uint64_t, Key>> session_waiters_;  // by session key, in order received
  std::map<std::string, Key> runs_;                          // by session key: the turn under way
  std::map<std::string, std::size_t, std::less<>> open_by_peer_;
  std::map<const PolicyRule*, std::size_t> open_by_rule_;
  std::map<std::string, std::size_t, std::less<>> tombstones_by_peer_;  // of a day
  Instant tombstones_counted_since_{};
  std::map<std::string, ReplayMark, std::less<>> marks_;
  std::map<std::string, std::string, std::less<>> newest_id_;  // by source gateway: ids above it are certainly new
  Timers<Key> receipts_;
  Timers<Key> held_;
  Timers<Key> expiries_;
  Timers<int> purges_;
  event::GatewayUp gateway_;
  std::vector<body::AgentInfo> exposed_;
  bool gateway_up_ = false;
  bool agents_known_ = false;
  bool taking_ = true;
  bool marks_stale_ = false;    // a purge may have raised the marks in the journal
  std::string gateway_error_;
  std::uint64_t arrivals_ = 0;
};

}  // namespace clawbridge::core
