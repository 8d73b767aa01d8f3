// Exchanges asked here: the requester's half of the wire contract (exchange rules 1 to 8).
//
// Life of one exchange:
//
//   accepted ──▶ published ──▶ (deferred ◀─▶ published) ──▶ stored, queued, started ──▶ ended
//   journaled    head of its   the same bytes again after       a receipt: never        reply, or what we
//                lane, bytes   2, 4, 8 … 60 s                   published again,        conclude: expired,
//                journaled                                      only `status` is asked  unknown
//
// Before it is published the journal holds only its data: the bytes, with the peer's incarnation and our MAC, are made when
// it leaves, because only then the peer's keys and incarnation are certain. From then on the bytes never change.
// Order: only the head of a lane may be on the wire without a receipt, and at most 16 such heads per peer.
//
// A request to stop one is an exchange of its own, kept and repeated like the others, but in no lane and not among the 16.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "bridge/core/acknowledgements.h"
#include "bridge/core/asks.h"
#include "bridge/core/context.h"
#include "bridge/core/peers.h"
#include "bridge/core/router.h"
#include "bridge/core/timers.h"

namespace clawbridge::core {

inline constexpr std::size_t kOnWireMax = 16;

class Outbox {
 public:
  Outbox(Context& context, Peers& peers, Asks& asks) : context_(context), peers_(peers), asks_(asks), acknowledgements_(context, peers) {}

  /// `answered`: those that have a reply, which may not have been acknowledged. `untold`: those that have ended and whose asking
  /// session may not have heard of it.
  void restore(std::vector<OutgoingRecord> records, std::vector<std::pair<std::string, std::string>> answered, std::vector<std::string> untold);
  /// Once, in the first step: what was asked of our own agents goes on without the broker, and what the callers of an earlier life
  /// were to hear is delivered to their sessions.
  void start();

  // ---- local callers ----
  void send(const event::LocalSend& send, const Target& target, std::vector<std::string> chain);
  void spawn(const event::LocalSpawn& spawn, const Target& target, std::vector<std::string> chain);
  void wait(const event::LocalWait& wait);
  void cancel(const event::LocalCancel& cancel);
  /// Dead letters: asked again under a new id, or let rest.
  void replay(const event::LocalReplay& replay);
  /// False when there is no such dead letter.
  [[nodiscard]] bool drop(const event::LocalDrop& drop);
  void forget(Ticket ticket);

  // ---- the peer's messages; each counts only for an open exchange of ours whose target is the message's source ----
  void on_receipt(const Message& message);
  void on_progress(const Message& message);
  void on_reply(const Message& message, std::string_view payload);
  void on_refusal(const Message& message);
  void on_status(std::string_view gateway, const std::vector<body::ExchangeInfo>& exchanges);

  // ---- what changed around us ----
  void on_peer(const PeerChange& change);
  void on_link(bool up, std::string_view broker_error);
  void on_publish_failed(const event::BrokerPublished& published);
  void on_time();
  [[nodiscard]] std::optional<Instant> next_deadline() const;

  [[nodiscard]] std::size_t open() const { return open_.size(); }
  [[nodiscard]] std::size_t open_to(std::string_view gateway) const;
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
  [[nodiscard]] std::size_t waiting() const { return waiting_for_.size(); }
  /// A request waits for a gateway whose state has never come.
  [[nodiscard]] bool waits_for_unseen() const;
  /// The exchange as it is now, open or in the journal. With texts when asked.
  [[nodiscard]] std::optional<ExchangeView> view(std::string_view id, bool with_texts) const;
  [[nodiscard]] ExchangeView view_of(const OutgoingRecord& record) const;

 private:
  struct Waiter {
    Ticket ticket = 0;
    bool for_start = false;      // answered when the turn has started
    bool is_asker = false;       // the agent that asked: what it is told here is not delivered to it late
  };
  struct Open {
    OutgoingRecord record;       // without payloads
    std::string lane;
    bool on_wire = false;        // published in this connection's life or before, and no receipt yet
    std::chrono::microseconds retry_delay{0};
    std::string publish_error;   // why it does not get through
    int publishes_lost = 0;      // in a row
    std::optional<Instant> begun;  // in this life
    std::vector<Waiter> waiters;   // for its end or its start
    std::uint64_t progress_seen = 0;
    std::vector<Ticket> stoppers;  // of a request to stop another: for what comes of that
  };
  // One peer's open exchanges.
  struct Flow {
    std::map<std::string, std::deque<std::string>> lanes;  // ids without a receipt, in order
    std::set<std::string> ready;                           // heads that may leave, oldest first
    std::set<std::string> loose;                           // in no lane: may leave whatever else is under way
    std::size_t on_wire = 0;
    std::set<std::string> asked;                           // have a receipt, or expired: `status` is asked about these
    std::optional<Instant> probe_allowed;                  // while the peer is offline
    std::optional<Instant> status_asked;                   // last
    std::optional<Instant> refusal_read;                   // last
    bool pumping = false;
  };

  Flow& flow_of(const Open& open) { return flows_[open.record.target.gateway]; }
  void enter_lane(Open& open);
  void leave_lane(Open& open);
  void pump(const std::string& gateway);
  [[nodiscard]] bool may_leave(const Peer& peer, const Flow& flow, std::size_t on_wire_max) const;
  [[nodiscard]] std::optional<Error> refuse_more(std::size_t bytes) const;
  // What one local caller asks of one agent.
  struct Wish {
    Ticket ticket = 0;
    const std::string& caller_agent;
    const std::string& caller_session;
    std::chrono::milliseconds wait;
    std::optional<std::chrono::milliseconds> expires_in;
    std::optional<event::LateReply> late_reply;
    bool until_started = false;
  };
  void ask(const Wish& wish, OutgoingRecord record, const std::string& data);
  Open& accept(OutgoingRecord record, const std::string& data);
  void leave_or_wait(const std::string& id, const std::string& data);
  std::string ask_to_stop(const Open& open);
  void on_stopped(const OutgoingRecord& cancel, const body::Reply* reply, const std::vector<Ticket>& stoppers);
  [[nodiscard]] std::optional<std::string> data_of(const OutgoingRecord& record) const;
  void lose(Open& open, Error error);
  [[nodiscard]] Result<std::string> ask_again(const OutgoingRecord& ended);
  bool publish(Open& open, const Peer& peer, const std::string* data);
  bool make_bytes(Open& open, const Peer& peer, const std::string& data, std::string& bytes);
  void send_bytes(const Open& open, std::string bytes);
  void schedule_retry(Open& open, std::chrono::microseconds delay);
  void retry(const std::string& id);
  void expire(const std::string& id);
  void ask_status(const std::string& gateway);
  void reached(Open& open, std::string_view stage);
  void save(const Open& open, std::string reply = {});
  void end(Open& open, std::string status, std::optional<Error> error, std::string_view payload, const body::Reply* reply);
  void replace_unknown(OutgoingRecord record, const Message& message, const body::Reply& reply, std::string_view payload);
  template <class Result>
  void answer(Ticket ticket, Result result);
  void stop_waiting(const std::string& id, Ticket ticket);
  void answer_starters(Open& open);
  void tell_late(const OutgoingRecord& ended, const body::Reply* reply);
  void tell_late(const std::string& id);
  Open* find_from(const Message& message);
  void hint(ExchangeView& view, const Open& open) const;

  Context& context_;
  Peers& peers_;
  Asks& asks_;
  Acknowledgements acknowledgements_;
  std::map<std::string, Open, std::less<>> open_;
  std::map<std::string, Flow, std::less<>> flows_;
  Timers<std::string> retries_;
  Timers<std::string> expiries_;
  Timers<std::string> probes_;        // by gateway: when one more request to an offline peer may leave
  Timers<std::string> status_timers_; // by gateway
  Timers<Ticket> wait_timers_;
  std::vector<std::string> untold_;   // of an earlier life
  // Their asking callers were answered: journaled a moment later, when the answers are out, unless those callers turn out to be gone.
  std::map<std::string, std::vector<Ticket>> told_;
  Timers<int> told_timer_;
  std::map<std::string, std::string, std::less<>> stopped_by_;  // exchange -> the open request to stop it
  std::uint64_t bytes_ = 0;                                    // of the requests that are open
  std::map<Ticket, std::string> waiting_for_;
  std::map<std::uint64_t, std::string> tokens_;  // of publishes the broker has not judged; bounded by on-wire limits
  std::uint64_t next_token_ = 1;
  bool link_up_ = false;
  // What has never left waits after a reconnect until the peer's state has come again: it may have a new journal.
  std::set<std::string, std::less<>> confirmed_;  // gateways whose state came in this connection
  Timers<int> unconfirmed_;                       // until then; peers whose broker keeps no state cannot wait for ever
  std::string broker_error_;
};

[[nodiscard]] Error no_dead_letter(const std::string& id);

/// Adds what a reply says to a view.
void add_reply(ExchangeView& view, const body::Reply& reply);

}  // namespace clawbridge::core
