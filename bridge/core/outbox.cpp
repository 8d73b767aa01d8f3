#include "bridge/core/outbox.h"

#include <algorithm>
#include <charconv>

#include "bridge/core/content.h"
#include "bridge/core/late.h"
#include "bridge/core/planted.h"
#include "bridge/core/router.h"
#include "bridge/core/task.h"

namespace clawbridge::core {
namespace {

using action::Level;
using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr microseconds kRetryFirst = seconds{2};
constexpr microseconds kRetryMost = seconds{60};
constexpr microseconds kConfirmWait = seconds{2};      // for a peer's retained state after a reconnect
constexpr microseconds kOfflineProbe = minutes{5};
constexpr microseconds kStatusEvery = minutes{5};
constexpr microseconds kStatusPause = seconds{10};
constexpr microseconds kRefusalPause = seconds{1};    // each may cost a look at every request on the wire
constexpr microseconds kToldDelay = seconds{1};        // longer than any step's answers take to leave
constexpr milliseconds kStatusWait = seconds{30};
constexpr hours kGiveUpAfterExpiry{7 * 24};
constexpr std::size_t kTokensMax = 65'536;
constexpr int kLossesBeforeHint = 3;

std::string session_name(const Target& target) {
  return target.label.empty() ? target.session_key : "label:" + target.label;
}

// A request without a session is in the lane of the agent's default session.
bool is_in_a_lane(const OutgoingRecord& record) { return record.op != Operation::Cancel; }

// Ended, and nobody can say that it was carried out.
bool is_dead(const OutgoingRecord& record) {
  constexpr std::string_view kDead[] = {"expired", "rejected", "interrupted", "unknown"};
  return is_in_a_lane(record) && std::find(std::begin(kDead), std::end(kDead), record.status) != std::end(kDead);
}

std::string lane_of(const OutgoingRecord& record) {
  // A spawn's session is its own, and comes into being with it.
  if (record.op == Operation::SessionsSpawn) return "spawn|" + record.id;
  const auto& session = record.session.empty() ? default_session(record.target.agent) : record.session;
  return record.source.str() + "|" + record.target.str() + "|" + session;
}

Error too_many_waiters() { return {ErrorCode::Busy, "too many callers are waiting; try again later", true}; }

Error unknown_here(const std::string& id) {
  return {ErrorCode::UnknownExchange, "no exchange \"" + id + "\" was asked here; `clawbridge exchange list` shows those that were", false};
}

ExchangeView view_without_texts(const OutgoingRecord& record, const std::string& me) {
  ExchangeView view;
  view.correlation_id = record.id;
  view.outgoing = true;
  view.remote = record.target.gateway != me;
  view.status = record.status.empty() ? "accepted" : record.status;
  view.gateway = record.target.gateway;
  view.agent = record.target.agent;
  view.source = record.source.str();
  view.operation = to_string(record.op);
  view.session_key = record.session.starts_with("label:") ? "" : record.session;
  view.run_id = record.run_id;
  view.child_session_key = record.child_session_key;
  view.stage = record.stage;
  view.reason = record.status.empty() ? record.reason : "";
  view.stages = record.stages;
  view.error = record.error;
  view.created = record.created;
  view.expiry = record.expiry;
  return view;
}

}  // namespace

Error no_dead_letter(const std::string& id) {
  return {ErrorCode::UnknownExchange, id + " is no dead letter here; `clawbridge dead list` shows those that are", false};
}

void add_reply(ExchangeView& view, const body::Reply& reply) {
  if (reply.status == ReplyStatus::Ok || !reply.reply.empty()) view.reply = reply.reply;
  view.truncated = reply.truncated;
  view.attachments = reply.attachments;
  if (!reply.child_session_key.empty()) view.child_session_key = reply.child_session_key;
  if (!reply.run_id.empty()) view.run_id = reply.run_id;
  if (!reply.session_key.empty()) view.session_key = reply.session_key;
  if (reply.error) view.error = reply.error;
}

// ---- start ----

void Outbox::restore(std::vector<OutgoingRecord> records, std::vector<std::pair<std::string, std::string>> answered, std::vector<std::string> untold) {
  acknowledgements_.restore(std::move(answered));
  untold_ = std::move(untold);
  for (auto& record : records) {
    Open open;
    open.record = std::move(record);
    open.lane = lane_of(open.record);
    const auto id = open.record.id;
    bytes_ += open.record.request_bytes;
    if (open.record.op == Operation::Cancel) stopped_by_.insert_or_assign(open.record.session, id);
    const auto [at, inserted] = open_.emplace(id, std::move(open));
    auto& entry = at->second;
    if (entry.record.receipt) {
      flow_of(entry).asked.insert(id);
    } else {
      enter_lane(entry);
    }
    expiries_.schedule(id, context_.now.instant);
  }
}

void Outbox::start() {
  acknowledgements_.start();
  pump(context_.me());
  for (const auto& id : std::exchange(untold_, {})) tell_late(id);
}

// One that has ended before.
void Outbox::tell_late(const std::string& id) {
  const auto ended = context_.outgoing(id);
  if (!ended) return;
  const auto message = read_back(context_, peers_, ended->reply, topic::Reply{ended->source});
  tell_late(*ended, message ? message->get<body::Reply>() : nullptr);
  context_.store(store::Told{{id}});
}

void Outbox::tell_late(const OutgoingRecord& ended, const body::Reply* reply) {
  if (!agent_of_session(ended.asker).empty()) context_.late_replies.push_back(late_turn(context_, ended, reply));
}

// ---- lanes ----

void Outbox::enter_lane(Open& open) {
  auto& flow = flow_of(open);
  if (!is_in_a_lane(open.record)) {
    flow.loose.insert(open.record.id);
    return;
  }
  auto& lane = flow.lanes[open.lane];
  lane.push_back(open.record.id);
  if (lane.size() == 1 || planted(Planted::LaneOrderAcrossLoss)) flow.ready.insert(open.record.id);
}

void Outbox::leave_lane(Open& open) {
  auto& flow = flow_of(open);
  if (open.on_wire) {
    open.on_wire = false;
    if (is_in_a_lane(open.record)) --flow.on_wire;
  }
  flow.ready.erase(open.record.id);
  flow.loose.erase(open.record.id);
  retries_.cancel(open.record.id);
  const auto lane = flow.lanes.find(open.lane);
  if (lane == flow.lanes.end()) return;
  const bool was_head = lane->second.front() == open.record.id;
  if (was_head) {
    lane->second.pop_front();
  } else {
    std::erase(lane->second, open.record.id);
  }
  if (lane->second.empty()) {
    flow.lanes.erase(lane);
  } else if (was_head) {
    flow.ready.insert(lane->second.front());
  }
}

bool Outbox::may_leave(const Peer& peer, const Flow& flow, std::size_t on_wire_max) const {
  if (!peer.can_be_told()) return false;
  if (peer.record.gateway == context_.me()) return true;
  if (unconfirmed_.next() && !confirmed_.contains(peer.record.gateway)) return false;
  if (!link_up_ || flow.on_wire >= on_wire_max || peer.record.incarnation.empty()) return false;
  if (peer.reachable()) return true;
  // Presence is advice: one request may try, now and then.
  return flow.on_wire == 0 && (!flow.probe_allowed || *flow.probe_allowed <= context_.now.instant);
}

// Publishes the heads that may leave.
void Outbox::pump(const std::string& gateway) {
  const auto found = flows_.find(gateway);
  const auto* peer = peers_.find_pinned(gateway);
  if (found == flows_.end() || peer == nullptr) return;
  auto& flow = found->second;
  // What ends while it is published pumps again: the loop below goes on, however many there are.
  if (std::exchange(flow.pumping, true)) return;
  while (!flow.loose.empty() && may_leave(*peer, flow, SIZE_MAX)) {
    const auto id = *flow.loose.begin();
    flow.loose.erase(flow.loose.begin());
    publish(open_.at(id), *peer, nullptr);
  }
  while (!flow.ready.empty() && may_leave(*peer, flow, kOnWireMax)) {
    const auto id = *flow.ready.begin();
    flow.ready.erase(flow.ready.begin());
    publish(open_.at(id), *peer, nullptr);
  }
  flow.pumping = false;
  // A probe that is allowed already, and yet did not leave, waits for something else, which pumps again.
  const bool probe_later = flow.probe_allowed && *flow.probe_allowed > context_.now.instant;
  if (!(flow.ready.empty() && flow.loose.empty()) && link_up_ && flow.on_wire == 0 && probe_later) probes_.schedule(gateway, *flow.probe_allowed);
}

// ---- publishing ----

// Puts the exchange on the wire. `data`: its data object when it is at hand, else it is read from the journal.
// False when it could not leave and has ended instead.
bool Outbox::publish(Open& open, const Peer& peer, const std::string* data) {
  std::string bytes;
  if (open.record.incarnation.empty()) {
    std::string stored;
    if (data == nullptr) {
      auto record = context_.outgoing(open.record.id);
      if (record) stored = std::move(record->request);
      data = &stored;
    }
    if (!make_bytes(open, peer, *data, bytes)) return false;
  } else {
    auto record = context_.outgoing(open.record.id);
    if (record) bytes = std::move(record->request);
  }
  auto& flow = flow_of(open);
  if (!open.on_wire) {
    open.on_wire = true;
    if (is_in_a_lane(open.record)) ++flow.on_wire;
  }
  if (!peer.reachable() && peer.record.gateway != context_.me()) {
    flow.probe_allowed = context_.now.instant + kOfflineProbe;
    schedule_retry(open, kOfflineProbe);
  } else {
    open.retry_delay = open.retry_delay.count() == 0 ? kRetryFirst : std::min(open.retry_delay * 2, kRetryMost);
    schedule_retry(open, open.retry_delay * 4 / 5 + context_.jitter(open.retry_delay * 2 / 5));
  }
  send_bytes(open, std::move(bytes));
  return true;
}

// Makes the bytes that will never change again, and journals them with the peer's incarnation.
bool Outbox::make_bytes(Open& open, const Peer& peer, const std::string& data, std::string& bytes) {
  auto& record = open.record;
  bytes = make_request(context_, peer,
                       {.op = record.op,
                        .id = record.id,
                        .source = record.source,
                        .subject = record.target,
                        .time = record.created,
                        .chain = record.chain,
                        .expiry = record.expiry,
                        .incarnation = peer.record.incarnation,
                        .key_id = context_.key_id},
                       data);
  const auto most = context_.message_bytes_max(peer.state.message_bytes);
  if (bytes.size() > most) {
    auto full = record;
    full.request = data;  // a dead letter keeps its text
    context_.store(store::PutOutgoing{std::move(full)});
    end(open, "rejected",
        Error{ErrorCode::TooLarge,
              "the message would have " + std::to_string(bytes.size()) + " bytes on the wire; " + record.target.gateway +
                  " and the broker take " + std::to_string(most),
              false},
        {}, nullptr);
    return false;
  }
  record.incarnation = peer.record.incarnation;
  reached(open, "published");
  auto full = record;
  full.request = bytes;
  context_.store(store::PutOutgoing{std::move(full)});
  return true;
}

void Outbox::send_bytes(const Open& open, std::string bytes) {
  const auto& record = open.record;
  const auto left = record.expiry - context_.now.wall;
  context_.count("request.published");
  context_.note(Level::Debug, "request.published",
                {{"cid", record.id}, {"from", record.source.str()}, {"to", record.target.str()}, {"bytes", std::to_string(bytes.size())}});
  std::uint64_t token = 0;
  if (tokens_.size() < kTokensMax) {
    token = next_token_++ << 1 | 1;  // odd: the link uses even ones
    tokens_.emplace(token, record.id);
    if (tokens_.size() > 4 * kOnWireMax * (flows_.size() + 1)) tokens_.erase(tokens_.begin());
  }
  context_.publish({.topic = context_.topics.inbox(record.target),
                    .payload = std::move(bytes),
                    .token = token,
                    .correlation_id = record.id,
                    .response_topic = context_.topics.reply(record.source),
                    .expires_in = std::max(seconds{1}, std::chrono::ceil<seconds>(left))},
                   record.target.gateway);
}

void Outbox::schedule_retry(Open& open, microseconds delay) { retries_.schedule(open.record.id, context_.now.instant + delay); }

void Outbox::retry(const std::string& id) {
  const auto found = open_.find(id);
  if (found == open_.end() || found->second.record.receipt) return;
  auto& open = found->second;
  const auto* peer = peers_.find_pinned(open.record.target.gateway);
  auto& flow = flow_of(open);
  if (peer == nullptr || context_.now.wall >= open.record.expiry) return;
  if (peer->record.gateway != context_.me()) {
    if (!link_up_) return;  // on_link() goes on from here
    if (!peer->reachable() && flow.probe_allowed && *flow.probe_allowed > context_.now.instant) {
      schedule_retry(open, *flow.probe_allowed - context_.now.instant);
      return;
    }
  }
  context_.count("request.repeated");
  publish(open, *peer, nullptr);
}

// ---- local callers ----

std::optional<Error> Outbox::refuse_more(std::size_t bytes) const {
  const auto& limits = context_.options.limits;
  if (open_.size() >= limits.outgoing_open) {
    return Error{ErrorCode::Busy, std::to_string(open_.size()) + " exchanges are open, which is the limit (limits.outgoing_open); try again when some have ended", true};
  }
  if (bytes_ + bytes > limits.outgoing_bytes) {
    return Error{ErrorCode::StoreFull, "the exchanges that are open hold " + std::to_string(bytes_) + " bytes, and limits.outgoing_bytes is " +
                                           std::to_string(limits.outgoing_bytes) + "; try again when some have ended", true};
  }
  return std::nullopt;
}

// Opens an exchange. `record`: what is asked; `data`: the JSON of its data object, which leave_or_wait() takes on.
Outbox::Open& Outbox::accept(OutgoingRecord record, const std::string& data) {
  record.id = context_.new_id();
  record.created = context_.now.wall;
  record.stage = "accepted";
  record.stages.assign(1, {"accepted", context_.now.wall});
  record.request_bytes = data.size();
  bytes_ += data.size();
  context_.count("exchange.accepted");
  ++context_.tally.begun[{Direction::Outgoing, record.op}];
  context_.note(Level::Debug, "exchange.accepted", {{"cid", record.id}, {"from", record.source.str()}, {"to", record.target.str()}});
  Open open;
  open.lane = lane_of(record);
  open.record = std::move(record);
  open.begun = context_.now.instant;
  const auto id = open.record.id;
  expiries_.schedule(id, context_.now.instant + std::min<microseconds>(open.record.expiry - open.record.created, kExpiryLook));
  auto& entry = open_.emplace(id, std::move(open)).first->second;
  enter_lane(entry);
  return entry;
}

// Publishes a new exchange if nothing is before it, and journals it in any case. It may have ended when this returns.
void Outbox::leave_or_wait(const std::string& id, const std::string& data) {
  auto& entry = open_.at(id);
  const auto gateway = entry.record.target.gateway;
  auto& flow = flow_of(entry);
  const auto* peer = peers_.find_pinned(gateway);
  // Straight to the wire when nothing is before it: then one write to the journal holds everything.
  if (peer != nullptr && flow.ready.size() == 1 && flow.ready.contains(id) && may_leave(*peer, flow, kOnWireMax)) {
    flow.ready.clear();
    publish(entry, *peer, &data);
  } else {
    auto full = entry.record;
    full.request = data;
    context_.store(store::PutOutgoing{std::move(full)});
    pump(gateway);
  }
}

void Outbox::send(const event::LocalSend& send, const Target& target, std::vector<std::string> chain) {
  const auto data = encode_data(body::SessionsSend{
      send.message, target.session_key, target.label,
      std::chrono::duration<double>(send.wait).count(), send.progress, send.attachments});
  OutgoingRecord record;
  record.target = target.address;
  record.session = session_name(target);
  record.chain = std::move(chain);
  ask({send.ticket, send.caller_agent, send.caller_session, send.wait, send.expires_in, send.late_reply}, std::move(record), data);
}

void Outbox::spawn(const event::LocalSpawn& spawn, const Target& target, std::vector<std::string> chain) {
  OutgoingRecord record;
  record.op = Operation::SessionsSpawn;
  record.target = target.address;
  record.chain = std::move(chain);
  ask({spawn.ticket, spawn.caller_agent, spawn.caller_session, spawn.wait, spawn.expires_in, spawn.late_reply, !spawn.until_ended},
      std::move(record), encode_data(spawn.spawn));
}

// `record`: what is asked, of whom.
void Outbox::ask(const Wish& wish, OutgoingRecord record, const std::string& data) {
  if (auto error = refuse_more(data.size())) {
    context_.count("send.busy");
    answer(wish.ticket, SendResult(std::move(*error)));
    return;
  }
  record.source = {context_.me(), wish.caller_agent};
  if (wish.caller_agent != kBridgeAgent) record.asker = wish.caller_session.empty() ? default_session(wish.caller_agent) : wish.caller_session;
  record.deliver_late = !record.asker.empty() && wish.late_reply.value_or(context_.options.late_reply) == event::LateReply::Deliver;
  record.expiry = context_.now.wall + std::clamp<milliseconds>(wish.expires_in.value_or(kExpiryDefault), seconds{1}, kExpiryMax);
  auto& entry = accept(std::move(record), data);
  const auto id = entry.record.id;
  entry.waiters.push_back({wish.ticket, wish.until_started, true});
  if (wish.wait.count() > 0) {
    waiting_for_.emplace(wish.ticket, id);
    wait_timers_.schedule(wish.ticket, context_.now.instant + wish.wait);
    if (!entry.record.asker.empty()) context_.awaited.emplace(id, entry.record.asker);
  }
  leave_or_wait(id, data);
  // It may have ended already (too large), and then everyone who waits was answered.
  const auto still = open_.find(id);
  if (wish.wait.count() > 0 || still == open_.end()) return;
  stop_waiting(id, wish.ticket);
  answer(wish.ticket, SendResult(*view(id, false)));
}

void Outbox::wait(const event::LocalWait& wait) {
  const auto found = open_.find(wait.id);
  if (found != open_.end() && wait.wait.count() > 0) {
    if (waiting_for_.size() >= context_.options.limits.waiters) {
      answer(wait.ticket, SendResult(too_many_waiters()));
      return;
    }
    auto& open = found->second;
    const bool of_its_session = wait.caller_session.empty() || wait.caller_session == open.record.asker;
    const bool is_asker = wait.caller_agent != kBridgeAgent && wait.caller_agent == open.record.source.agent && of_its_session;
    open.waiters.push_back({wait.ticket, false, is_asker});
    if (is_asker) context_.awaited.emplace(wait.id, open.record.asker);
    waiting_for_.emplace(wait.ticket, wait.id);
    wait_timers_.schedule(wait.ticket, context_.now.instant + wait.wait);
    return;
  }
  if (auto seen = view(wait.id, true)) {
    answer(wait.ticket, SendResult(std::move(*seen)));
  } else {
    answer(wait.ticket, SendResult(unknown_here(wait.id)));
  }
}

// Those who wanted to know that it has started.
void Outbox::answer_starters(Open& open) {
  std::vector<Ticket> starters;
  for (const auto& waiter : open.waiters) {
    if (waiter.for_start) starters.push_back(waiter.ticket);
  }
  const auto id = open.record.id;
  for (const auto ticket : starters) {
    stop_waiting(id, ticket);
    answer(ticket, SendResult(*view(id, false)));
  }
}

// ---- stopping ----

void Outbox::cancel(const event::LocalCancel& cancel) {
  const auto found = open_.find(cancel.id);
  if (found == open_.end()) {
    if (auto seen = view(cancel.id, false)) {
      const bool stopped = seen->status == "cancelled";
      answer(cancel.ticket, CancelResult(CancelView{std::move(*seen), stopped ? "cancelled" : "already_ended", {}}));
    } else {
      answer(cancel.ticket, CancelResult(unknown_here(cancel.id)));
    }
    return;
  }
  auto& open = found->second;
  if (open.record.op == Operation::Cancel) {
    answer(cancel.ticket, CancelResult(Error{ErrorCode::BadRequest, cancel.id + " is itself a request to stop " + open.record.session, false}));
    return;
  }
  context_.note(Level::Info, "exchange.cancel", {{"cid", cancel.id}, {"peer", open.record.target.gateway}});
  if (open.record.incarnation.empty()) {
    // It never left: nobody else needs to know.
    end(open, "cancelled", std::nullopt, {}, nullptr);
    answer(cancel.ticket, CancelResult(CancelView{*view(cancel.id, false), "cancelled", false}));
    return;
  }
  if (waiting_for_.size() >= context_.options.limits.waiters) {
    answer(cancel.ticket, CancelResult(too_many_waiters()));
    return;
  }
  const auto by = ask_to_stop(open);
  const auto asked = open_.find(by);
  if (asked == open_.end()) return;
  asked->second.stoppers.push_back(cancel.ticket);
  waiting_for_.emplace(cancel.ticket, by);
  wait_timers_.schedule(cancel.ticket, context_.now.instant + cancel.wait);
}

// The id of the open request that stops that exchange; a second one would say the same.
std::string Outbox::ask_to_stop(const Open& open) {
  const auto& target = open.record;
  if (const auto found = stopped_by_.find(target.id); found != stopped_by_.end()) return found->second;
  const auto data = encode_data(body::Cancel{target.id, target.expiry});
  OutgoingRecord record;
  record.op = Operation::Cancel;
  record.source = Address::bridge_of(context_.me());
  record.target = Address::bridge_of(target.target.gateway);
  record.session = target.id;
  record.expiry = context_.now.wall + kExpiryDefault;
  const auto target_id = target.id;
  auto& entry = accept(std::move(record), data);
  auto id = entry.record.id;
  stopped_by_.emplace(target_id, id);
  leave_or_wait(id, data);
  return id;
}

// The request to stop an exchange has been answered, or given up.
void Outbox::on_stopped(const OutgoingRecord& cancel, const body::Reply* reply, const std::vector<Ticket>& stoppers) {
  const auto& id = cancel.session;
  stopped_by_.erase(id);
  const bool answered = reply != nullptr && !reply->cancel_result.empty();
  if (const auto found = open_.find(id); answered && found != open_.end()) {
    if (reply->cancel_result == "cancelled") {
      end(found->second, "cancelled", std::nullopt, {}, nullptr);
    } else if (reply->cancel_result == "already_ended") {
      // Its reply was lost on the way, or is behind this one.
      const auto& gateway = found->second.record.target.gateway;
      flow_of(found->second).asked.insert(id);
      status_timers_.schedule_by(gateway, context_.now.instant + kStatusPause);
    }
  }
  if (stoppers.empty()) return;
  auto seen = view(id, false);
  for (const auto ticket : stoppers) {
    if (answered && seen) {
      answer(ticket, CancelResult(CancelView{*seen, reply->cancel_result, reply->ran}));
    } else if (reply != nullptr && reply->error) {
      answer(ticket, CancelResult(*reply->error));
    } else {
      answer(ticket, CancelResult(cancel.error.value_or(Error{ErrorCode::Internal, cancel.target.gateway + " answered the request to stop " + id + " with " + cancel.status, false})));
    }
  }
}

// ---- dead letters ----

// What was asked, as JSON; nothing when it cannot be read back any more.
std::optional<std::string> Outbox::data_of(const OutgoingRecord& record) const {
  if (record.incarnation.empty()) return record.request.empty() ? std::nullopt : std::optional(record.request);
  const auto message = read_back(context_, peers_, record.request, topic::Inbox{record.target});
  return message ? core::data_of(*message) : std::nullopt;
}

// The same under a new id, which is returned. `ended`: with its payload.
Result<std::string> Outbox::ask_again(const OutgoingRecord& ended) {
  const auto data = data_of(ended);
  if (!data) return Error{ErrorCode::Internal, "the request of " + ended.id + " cannot be read back: the keys it was sealed with are gone; ask anew", false};
  if (auto error = refuse_more(data->size())) return *error;
  OutgoingRecord record;
  record.op = ended.op;
  record.source = ended.source;
  record.asker = ended.asker;
  record.chain = ended.chain;
  record.target = ended.target;
  record.session = ended.session;
  record.deliver_late = ended.deliver_late;
  record.expiry = context_.now.wall + std::clamp<milliseconds>(ended.expiry - ended.created, seconds{1}, kExpiryMax);
  auto id = accept(std::move(record), *data).record.id;
  leave_or_wait(id, *data);
  context_.note(Level::Info, "exchange.asked_again", {{"cid", id}, {"instead_of", ended.id}, {"peer", ended.target.gateway}});
  return id;
}

// The peer has forgotten it: nobody can tell whether it ran.
void Outbox::lose(Open& open, Error error) {
  const auto id = open.record.id;
  const bool rerun = context_.options.on_interrupted == OnInterrupted::Rerun && is_in_a_lane(open.record);
  const auto stored = rerun ? context_.outgoing(id) : std::nullopt;
  const auto again = stored ? ask_again(*stored) : Result<std::string>(error);
  if (!again) {
    end(open, "unknown", std::move(error), {}, nullptr);
    return;
  }
  error.message += "; it is asked again as " + *again;
  // Whoever waits goes on waiting, for the new one.
  if (const auto next = open_.find(*again); next != open_.end()) {
    for (const auto& waiter : open.waiters) waiting_for_.insert_or_assign(waiter.ticket, *again);
    next->second.waiters = std::exchange(open.waiters, {});
  }
  open.record.deliver_late = false;
  end(open, "unknown", std::move(error), {}, nullptr);
  context_.store(store::BuryDead{{}, id});
}

void Outbox::replay(const event::LocalReplay& replay) {
  const auto record = context_.outgoing(replay.id);
  if (!record || !record->dead) {
    answer(replay.ticket, SendResult(no_dead_letter(replay.id)));
    return;
  }
  const auto id = ask_again(*record);
  if (!id) {
    answer(replay.ticket, SendResult(id.error()));
    return;
  }
  context_.store(store::BuryDead{{}, replay.id});
  answer(replay.ticket, SendResult(*view(*id, false)));
}

bool Outbox::drop(const event::LocalDrop& drop) {
  const auto record = context_.outgoing(drop.id);
  if (!record || !record->dead) return false;
  context_.store(store::BuryDead{{}, drop.id});
  answer(drop.ticket, SendResult(view_of(*record)));
  return true;
}

void Outbox::forget(Ticket ticket) {
  const auto found = waiting_for_.find(ticket);
  if (found == waiting_for_.end()) {
    // It had been answered, and was gone by then.
    for (auto told = told_.begin(); told != told_.end(); ++told) {
      if (std::erase(told->second, ticket) == 0) continue;
      if (told->second.empty()) tell_late(told_.extract(told).key());
      return;
    }
    return;
  }
  stop_waiting(found->second, ticket);
  wait_timers_.cancel(ticket);
  waiting_for_.erase(found);
}

void Outbox::stop_waiting(const std::string& id, Ticket ticket) {
  const auto open = open_.find(id);
  if (open == open_.end()) return;
  auto& waiters = open->second.waiters;
  std::erase_if(waiters, [&](const auto& waiter) { return waiter.ticket == ticket; });
  std::erase(open->second.stoppers, ticket);
  if (std::none_of(waiters.begin(), waiters.end(), [](const auto& waiter) { return waiter.is_asker; })) context_.awaited.erase(id);
}

template <class Result>
void Outbox::answer(Ticket ticket, Result result) {
  wait_timers_.cancel(ticket);
  waiting_for_.erase(ticket);
  if (ticket != 0) context_.actions.emplace_back(action::Answer{ticket, std::move(result)});
}

// ---- the peer's messages ----

Outbox::Open* Outbox::find_from(const Message& message) {
  const auto found = open_.find(message.correlation_id);
  if (found == open_.end() || found->second.record.target != message.source || found->second.record.source != message.subject) {
    return nullptr;
  }
  return &found->second;
}

void Outbox::on_receipt(const Message& message) {
  const auto* receipt = message.get<body::Receipt>();
  auto* open = find_from(message);
  if (receipt == nullptr || open == nullptr) {
    context_.count("receipt.ignored");
    return;
  }
  auto& record = open->record;
  context_.note(Level::Debug, "receipt.received",
                {{"cid", record.id}, {"peer", record.target.gateway}, {"stage", std::string(to_string(receipt->stage))}});
  record.reason = receipt->reason;
  open->publish_error.clear();
  open->publishes_lost = 0;
  if (receipt->stage == Stage::Deferred) {
    if (record.receipt) return;  // what was taken cannot be put off again
    reached(*open, "deferred");
    save(*open);
    const auto again = std::clamp<milliseconds>(receipt->retry_after.value_or(seconds{2}), seconds{1}, minutes{5});
    schedule_retry(*open, again + context_.jitter(again / 5));
    return;
  }
  if (record.receipt && record.stage == "started" && receipt->stage != Stage::Started) return;  // overtaken
  if (!receipt->run_id.empty()) record.run_id = receipt->run_id;
  if (!receipt->child_session_key.empty()) record.child_session_key = receipt->child_session_key;
  reached(*open, to_string(receipt->stage));
  const bool first = !record.receipt;
  record.receipt = true;
  save(*open);
  if (receipt->stage == Stage::Started) answer_starters(*open);
  if (!first) return;
  auto& flow = flow_of(*open);
  flow.probe_allowed.reset();  // it is there, whatever its state says
  leave_lane(*open);
  flow.asked.insert(record.id);
  status_timers_.schedule_by(record.target.gateway, context_.now.instant + kStatusEvery);
  pump(std::string(record.target.gateway));
}

void Outbox::on_progress(const Message& message) {
  const auto* progress = message.get<body::Progress>();
  auto* open = find_from(message);
  std::uint64_t number = 0;
  std::from_chars(message.sequence.data(), message.sequence.data() + message.sequence.size(), number);
  if (progress == nullptr || open == nullptr || number <= open->progress_seen) {
    context_.count("progress.ignored");
    return;
  }
  open->progress_seen = number;
  action::Progress told{open->record.id, {}, progress->text};
  for (const auto& waiter : open->waiters) told.tickets.push_back(waiter.ticket);
  context_.actions.emplace_back(std::move(told));
}

void Outbox::on_reply(const Message& message, std::string_view payload) {
  const auto* reply = message.get<body::Reply>();
  if (auto* open = find_from(message)) {
    flow_of(*open).probe_allowed.reset();  // it is there, whatever its state says
    if (reply == nullptr) {
      const auto* error = std::get_if<Error>(&message.body);
      context_.count("reply.unreadable");
      context_.note(Level::Warn, "reply.unreadable", {{"cid", message.correlation_id}, {"peer", message.source.gateway}});
      end(*open, "error",
          Error{error != nullptr ? error->code : ErrorCode::Internal,
                "the reply of " + message.source.str() + " (" + message.status + ") is not taken: " + (error != nullptr ? error->message : "it has no content"), false},
          payload, nullptr);
      return;
    }
    end(*open, std::string(to_string(reply->status)), std::nullopt, payload, reply);
    return;
  }
  auto record = context_.outgoing(message.correlation_id);
  if (!record || record->target != message.source || record->status.empty()) {
    context_.count("reply.ignored");
    return;
  }
  if (record->status == "unknown" && record->reply.empty() && reply != nullptr) {
    replace_unknown(std::move(*record), message, *reply, payload);
  }
  acknowledgements_.owe(message.source.gateway, message.correlation_id);
}

// `unknown` is the only outcome that a later reply may still replace.
void Outbox::replace_unknown(OutgoingRecord record, const Message& message, const body::Reply& reply, std::string_view payload) {
  record.status = to_string(reply.status);
  record.error.reset();
  record.reply.assign(payload);
  record.stages.push_back({"ended", context_.now.wall});
  record.ended = context_.now.wall;
  record.dead = record.dead && is_dead(record);
  context_.store(store::PutOutgoing{std::move(record)});
  context_.note(Level::Info, "exchange.ended_late", {{"cid", message.correlation_id}, {"peer", message.source.gateway}, {"status", message.status}});
}

void Outbox::on_refusal(const Message& message) {
  const auto* refusal = message.get<body::Refusal>();
  if (refusal == nullptr) return;
  auto& read_at = flows_[message.source.gateway].refusal_read;
  if (read_at && context_.now.instant < *read_at + kRefusalPause) {
    context_.count("refusal.ignored");
    return;
  }
  read_at = context_.now.instant;
  // Only bytes that we published, to the one who refuses them, count; and it ends nothing.
  for (auto& [id, open] : open_) {
    if (!open.on_wire || open.record.target.gateway != message.source.gateway) continue;
    const auto record = context_.outgoing(id);
    if (!record || hex_encode(context_.crypto.sha256(record->request)) != refusal->digest) continue;
    context_.count("refusal.received");
    context_.note(Level::Warn, "request.refused",
                  {{"cid", id}, {"peer", message.source.gateway}, {"code", std::string(to_string(refusal->code))}});
    open.publish_error = message.source.gateway + " refused it: " + std::string(to_string(refusal->code));
    return;
  }
  context_.count("refusal.ignored");
}

void Outbox::on_status(std::string_view gateway, const std::vector<body::ExchangeInfo>& exchanges) {
  if (const auto flow = flows_.find(gateway); flow != flows_.end()) flow->second.probe_allowed.reset();  // it is there
  for (const auto& info : exchanges) {
    const auto found = open_.find(info.id);
    if (found == open_.end() || found->second.record.target.gateway != gateway) continue;
    auto& open = found->second;
    if (info.state == "not_found") {
      if (open.record.receipt) {
        lose(open, {ErrorCode::JournalChanged, std::string(gateway) + " had taken the request and does not know it any more; it may have run", false});
      } else if (context_.now.wall >= open.record.expiry) {
        end(open, "expired", Error{ErrorCode::Expired, "the request did not reach " + std::string(gateway) + " before it expired; it did not run", true}, {}, nullptr);
      }
    } else if (info.state == "ended" && info.status == "cancelled" && !open.record.receipt) {
      end(open, "cancelled", std::nullopt, {}, nullptr);  // it was stopped before it came: there is no reply of its own
    } else if (info.state != "ended") {
      if (info.state == "started" || info.state == "queued" || info.state == "stored") {
        const bool first = !open.record.receipt;
        open.record.receipt = true;
        reached(open, info.state);
        save(open);
        if (first) leave_lane(open);
        flow_of(open).asked.insert(info.id);
        if (info.state == "started") answer_starters(open);
      }
    }
  }
  pump(std::string(gateway));
}

// ---- ends ----

void Outbox::reached(Open& open, std::string_view stage) {
  if (open.record.stage == stage) return;
  open.record.stage = stage;
  context_.reached(Direction::Outgoing, stage, open.begun, open.record.created);
  // A request that is put off again and again does not fill the journal.
  if (open.record.stages.size() < 16) open.record.stages.push_back({std::string(stage), context_.now.wall});
}

void Outbox::save(const Open& open, std::string reply) {
  const auto& record = open.record;
  context_.store(store::UpdateOutgoing{record.id, record.receipt, record.stage, record.reason, record.run_id, record.stages,
                                       record.status, std::move(reply), record.error, record.ended, record.dead, record.child_session_key, record.deliver_late});
}

void Outbox::end(Open& open, std::string status, std::optional<Error> error, std::string_view payload, const body::Reply* reply) {
  leave_lane(open);
  auto& record = open.record;
  const auto gateway = record.target.gateway;
  const auto id = record.id;
  record.status = std::move(status);
  record.error = std::move(error);
  record.ended = context_.now.wall;
  record.dead = is_dead(record);
  // An answer that leaves in this step may be lost with this process: until that is over, the session is owed the end.
  std::vector<Ticket> hearing;
  for (const auto& waiter : open.waiters) {
    if (record.deliver_late && waiter.is_asker) hearing.push_back(waiter.ticket);
  }
  const bool tell = record.deliver_late && hearing.empty() && record.status != "cancelled";
  record.deliver_late = !hearing.empty();
  if (!hearing.empty()) {
    told_.insert_or_assign(id, std::move(hearing));
    told_timer_.schedule_by(0, context_.now.instant + kToldDelay);
  }
  if (reply != nullptr && !reply->run_id.empty()) record.run_id = reply->run_id;
  if (reply != nullptr && !reply->child_session_key.empty()) record.child_session_key = reply->child_session_key;
  reached(open, "ended");
  if (record.incarnation.empty()) {
    // Never left: the journal may not even hold it yet.
    auto full = record;
    if (auto stored = context_.outgoing(id)) full.request = std::move(stored->request);
    context_.store(store::PutOutgoing{std::move(full)});
  } else {
    save(open, std::string(payload));
  }
  context_.count("exchange.ended");
  ++context_.tally.ended[{Direction::Outgoing, record.op, record.status}];
  const auto took = std::chrono::duration_cast<milliseconds>(record.ended - record.created);
  context_.note(Level::Info, "exchange.ended",
                {{"cid", id}, {"peer", gateway}, {"agent", record.target.agent}, {"status", record.status}, {"ms", std::to_string(took.count())}});
  const auto waiters = std::move(open.waiters);
  const auto stoppers = std::move(open.stoppers);
  const auto ended = std::move(record);
  context_.awaited.erase(id);
  expiries_.cancel(id);
  flows_[gateway].asked.erase(id);
  bytes_ -= std::min(bytes_, ended.request_bytes);
  open_.erase(id);
  if (!payload.empty()) acknowledgements_.owe(gateway, id);
  if (ended.op == Operation::Cancel) on_stopped(ended, reply, stoppers);
  if (!waiters.empty()) {
    auto view = view_without_texts(ended, context_.me());
    if (reply != nullptr) add_reply(view, *reply);
    for (const auto& waiter : waiters) answer(waiter.ticket, SendResult(view));
  }
  if (tell) tell_late(ended, reply);
  pump(gateway);
}

// ---- what changed around us ----

void Outbox::on_peer(const PeerChange& change) {
  confirmed_.insert(change.gateway);
  const bool speaks_anew = change.new_epoch || change.came_back || change.newly_pinned;
  if (speaks_anew) acknowledgements_.say_again(change.gateway);
  const auto found = flows_.find(change.gateway);
  const auto* peer = peers_.find_pinned(change.gateway);
  if (found == flows_.end() || peer == nullptr) return;
  if (change.new_incarnation || change.new_epoch || change.newly_pinned) {
    std::vector<std::string> lost;
    for (const auto& [id, open] : open_) {
      if (open.record.target.gateway == change.gateway && !open.record.incarnation.empty() &&
          open.record.incarnation != peer->record.incarnation) {
        lost.push_back(id);
      }
    }
    for (const auto& id : lost) {
      lose(open_.at(id), {ErrorCode::JournalChanged, change.gateway + " has lost its journal; the request was on its way and may have run", false});
    }
  }
  auto& flow = flows_.find(change.gateway)->second;
  if (speaks_anew) {
    flow.probe_allowed.reset();
    for (auto& [id, open] : open_) {
      if (open.record.target.gateway != change.gateway || !open.on_wire) continue;
      open.retry_delay = microseconds{0};
      schedule_retry(open, context_.jitter(kSpread));
    }
    if (!flow.asked.empty()) status_timers_.schedule(change.gateway, context_.now.instant + context_.jitter(kSpread));
  }
  pump(change.gateway);
}

void Outbox::on_link(bool up, std::string_view broker_error) {
  broker_error_ = broker_error;
  if (link_up_ == up) return;
  link_up_ = up;
  acknowledgements_.on_link(up);
  confirmed_.clear();
  if (!up) return;
  unconfirmed_.schedule(0, context_.now.instant + kConfirmWait);
  for (auto& [id, open] : open_) {
    if (!open.on_wire && open.record.incarnation.empty()) continue;
    if (open.record.receipt) continue;
    open.retry_delay = microseconds{0};
    if (open.on_wire) schedule_retry(open, context_.jitter(kSpread));
  }
  for (auto& [gateway, flow] : flows_) {
    if (!flow.asked.empty()) status_timers_.schedule(gateway, context_.now.instant + context_.jitter(kSpread));
    pump(gateway);
  }
}

void Outbox::on_publish_failed(const event::BrokerPublished& published) {
  const auto token = tokens_.extract(published.token);
  if (token.empty()) return;
  const auto open = open_.find(token.mapped());
  if (published.lost) {
    context_.count("request.publish_lost");  // it goes out again by itself
    // Some brokers answer to what they do not allow by closing the connection.
    if (open != open_.end() && ++open->second.publishes_lost == kLossesBeforeHint) {
      open->second.publish_error = "the connection to the broker has ended each time this was sent; perhaps the broker does not allow it (`clawbridge doctor` tries)";
    }
    return;
  }
  if (open != open_.end()) {
    open->second.publish_error = "the broker refused it: " + published.reason;
    context_.note(Level::Error, "request.broker_denied",
                  {{"cid", open->first}, {"peer", open->second.record.target.gateway}, {"reason", published.reason}});
  }
  context_.count("request.broker_denied");
}

// Asks the peer what became of the exchanges it has taken, and of those that expired unanswered.
void Outbox::ask_status(const std::string& gateway) {
  const auto found = flows_.find(gateway);
  const auto* peer = peers_.find_pinned(gateway);
  if (found == flows_.end() || peer == nullptr || found->second.asked.empty()) return;
  auto& asked_at = found->second.status_asked;
  if (asked_at && context_.now.instant < *asked_at + kStatusPause) {
    status_timers_.schedule(gateway, *asked_at + kStatusPause);
    return;
  }
  asked_at = context_.now.instant;
  status_timers_.schedule(gateway, context_.now.instant + kStatusEvery);
  if (!link_up_ || gateway == context_.me()) return;
  body::Status status;
  for (const auto& id : found->second.asked) {
    status.ids.push_back(id);
    if (status.ids.size() < kAckIdsMax) continue;
    asks_.ask(*peer, Operation::Status, encode_data(status), AskForExchanges{}, kStatusWait, peer->record.incarnation);
    status.ids.clear();
  }
  if (!status.ids.empty()) asks_.ask(*peer, Operation::Status, encode_data(status), AskForExchanges{}, kStatusWait, peer->record.incarnation);
}

void Outbox::expire(const std::string& id) {
  const auto found = open_.find(id);
  if (found == open_.end()) return;
  auto& open = found->second;
  const auto left = open.record.expiry - context_.now.wall;
  if (left.count() > 0) {
    // While the wall clock was ahead of it, repeating had stopped.
    if (open.on_wire && !open.record.receipt && !retries_.is_scheduled(id)) schedule_retry(open, context_.jitter(kSpread));
    expiries_.schedule(id, context_.now.instant + std::min<microseconds>(left, kExpiryLook));
    return;
  }
  if (open.record.incarnation.empty()) {
    end(open, "expired", Error{ErrorCode::Expired, "the request could not be sent before it expired; it did not run", true}, {}, nullptr);
    return;
  }
  const bool own = open.record.target.gateway == context_.me();
  if (own && !open.record.receipt && !context_.incoming(context_.me(), id)) {
    end(open, "expired", Error{ErrorCode::Expired, "the request was not taken before it expired; it did not run", true}, {}, nullptr);
    return;
  }
  if (-left > kGiveUpAfterExpiry) {
    end(open, "unknown", Error{ErrorCode::Timeout, open.record.target.gateway + " has not answered for 7 days after the request expired; it may have run", false}, {}, nullptr);
    return;
  }
  expiries_.schedule(id, context_.now.instant + kExpiryLook);
  if (open.record.stage == "started") return;
  auto& flow = flow_of(open);
  if (!open.record.receipt) retries_.cancel(id);
  const bool first = flow.asked.insert(id).second;
  status_timers_.schedule_by(open.record.target.gateway, context_.now.instant + (first ? microseconds{0} : kStatusEvery));
}

void Outbox::on_time() {
  const auto now = context_.now.instant;
  if (unconfirmed_.pop_due(now)) {
    for (auto& [gateway, flow] : flows_) pump(gateway);
  }
  while (const auto id = retries_.pop_due(now)) retry(*id);
  while (const auto id = expiries_.pop_due(now)) expire(*id);
  while (const auto gateway = status_timers_.pop_due(now)) ask_status(*gateway);
  while (const auto gateway = probes_.pop_due(now)) pump(*gateway);
  acknowledgements_.on_time();
  if (told_timer_.pop_due(now)) {
    store::Told told;
    for (auto& [id, tickets] : std::exchange(told_, {})) told.ids.push_back(id);
    context_.store(std::move(told));
  }
  while (const auto ticket = wait_timers_.pop_due(now)) {
    const auto found = waiting_for_.find(*ticket);
    if (found == waiting_for_.end()) continue;
    const auto id = found->second;
    const auto open = open_.find(id);
    const bool stops = open != open_.end() && std::ranges::find(open->second.stoppers, *ticket) != open->second.stoppers.end();
    stop_waiting(id, *ticket);
    const auto about = stops ? open->second.record.session : id;
    auto seen = view(about, false);
    // It may have ended and been forgotten meanwhile, by a clock that jumped.
    if (stops) {
      answer(*ticket, seen ? CancelResult(CancelView{std::move(*seen), "requested", {}}) : CancelResult(unknown_here(about)));
    } else {
      answer(*ticket, seen ? SendResult(std::move(*seen)) : SendResult(unknown_here(about)));
    }
  }
}

std::optional<Instant> Outbox::next_deadline() const {
  return earliest(earliest(earliest(retries_.next(), expiries_.next()), earliest(acknowledgements_.next_deadline(), status_timers_.next())),
                  earliest(earliest(wait_timers_.next(), probes_.next()), earliest(unconfirmed_.next(), told_timer_.next())));
}

// ---- views ----

std::size_t Outbox::open_to(std::string_view gateway) const {
  return static_cast<std::size_t>(std::count_if(open_.begin(), open_.end(), [&](const auto& entry) {
    return entry.second.record.target.gateway == gateway;
  }));
}

bool Outbox::waits_for_unseen() const {
  return std::any_of(flows_.begin(), flows_.end(), [&](const auto& entry) {
    const auto* peer = peers_.find(entry.first);
    return !entry.second.lanes.empty() && (peer == nullptr || !peer->known_state) && entry.first != context_.me();
  });
}

void Outbox::hint(ExchangeView& view, const Open& open) const {
  const auto& gateway = open.record.target.gateway;
  const auto* peer = peers_.find(gateway);
  const auto unreachable = [&](std::string text) {
    view.hint = std::move(text);
    view.unreachable = true;
  };
  if (!view.remote) {
    if (open.record.reason == "gateway_down") unreachable("the agent gateway here is not reachable; the request waits for it");
  } else if (!open.publish_error.empty()) {
    unreachable(open.publish_error + "; it is tried again");
  } else if (!link_up_) {
    unreachable((broker_error_.empty() ? std::string("the broker is not reachable") : broker_error_) +
                "; the request is journaled and goes out when the broker is there");
  } else if (peer == nullptr || !peer->pinned()) {
    unreachable(gateway + " has not been seen yet; the request waits in the journal");
  } else if (!peer->reachable()) {
    unreachable(gateway + " is offline since " + format_time(peer->state.since) + "; the request waits for it");
  } else if (open.record.reason == "gateway_down" || peer->state.presence == body::Presence::Degraded) {
    unreachable(gateway + "'s bridge is there, but its agent gateway is not reachable; the request waits there");
  } else if (open.record.stage == "deferred") {
    view.hint = gateway + " puts it off (" + open.record.reason + "); it is tried again";
  }
}

ExchangeView Outbox::view_of(const OutgoingRecord& record) const { return view_without_texts(record, context_.me()); }

std::optional<ExchangeView> Outbox::view(std::string_view id, bool with_texts) const {
  const auto open = open_.find(id);
  if (open != open_.end() && !with_texts) {
    auto view = view_without_texts(open->second.record, context_.me());
    hint(view, open->second);
    return view;
  }
  const auto record = context_.outgoing(id);
  if (!record) return std::nullopt;
  auto view = view_without_texts(record->status.empty() && open != open_.end() ? open->second.record : *record, context_.me());
  if (open != open_.end()) hint(view, open->second);
  if (!record->incarnation.empty()) {
    if (const auto message = read_back(context_, peers_, record->request, topic::Inbox{record->target})) {
      if (auto task = task_of(*message)) view.message = std::move(task->text);
    }
  }
  if (record->error) return view;  // what came was not taken: it is kept as it came, and shown to nobody
  if (const auto message = read_back(context_, peers_, record->reply, topic::Reply{record->source})) {
    if (const auto* body = message->get<body::Reply>()) add_reply(view, *body);
  }
  return view;
}

}  // namespace clawbridge::core
