#include "bridge/core/turns.h"

#include <algorithm>

#include "bridge/core/content.h"
#include "bridge/core/late.h"
#include "bridge/core/plain.h"
#include "bridge/core/planted.h"
#include "bridge/core/router.h"

namespace clawbridge::core {
namespace {

using action::Level;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr microseconds kReceiptHold = milliseconds{5};
constexpr microseconds kHoldFirst = seconds{1};
constexpr microseconds kHoldMost = seconds{30};
constexpr std::string_view kHandingOver = "handing_over";
constexpr std::uint32_t kLossesMax = 3;
constexpr microseconds kProgressPause = milliseconds{100};
constexpr std::size_t kProgressBytesMax = 64 * 1024;  // of a longer text only its beginning is told: the reply brings all

std::string lane_of(const IncomingRecord& record) {
  return record.target.agent + "|" + (record.session.empty() ? default_session(record.target.agent) : record.session);
}

RunKey run_key(const IncomingRecord& record) { return {record.source_gateway, record.id, record.attempt}; }

std::string idempotency_key(const IncomingRecord& record) {
  return "claw:" + record.source_gateway + ":" + record.id + ":" + std::to_string(record.attempt);
}

// The gateway has it, as far as we know: only then its reports count.
bool is_handed_over(const IncomingRecord& record) { return record.stage == IncomingStage::HandingOver || record.stage == IncomingStage::Started; }

// Nobody waits for its reply, and no peer asks about it: it is from our own outbox.
bool is_late_reply(const IncomingRecord& record) { return record.source_gateway == kLateGateway; }

// By which a turn is found again in the gateway's history. An agent may ask its own session: the late reply is another turn there.
std::string source_channel(const IncomingRecord& record) { return "mqtt:" + record.id + (is_late_reply(record) ? ":reply" : ""); }

}  // namespace

void Turns::restore(std::vector<IncomingRecord> records) {
  for (auto& record : records) {
    Open open;
    open.record = std::move(record);
    open.arrival = ++arrivals_;
    open.lane = lane_of(open.record);
    const Key key{open.record.source_gateway, open.record.id};
    const bool handed_over = open.record.stage == IncomingStage::HandingOver || open.record.stage == IncomingStage::Started;
    open.waiting = handed_over ? Waiting::ForRecovery : Waiting::ForTurn;
    if (handed_over) runs_.insert_or_assign(open.record.session_key, key);
    ++open_by_peer_[key.first];
    enter_rule(open);
    lanes_[open.lane].push_back(key);
    expiries_.schedule(key, Instant{});
    open_.emplace(key, std::move(open));
  }
}

void Turns::take(IncomingRecord full, const PolicyRule* rule, Task task) {
  const Key key{full.source_gateway, full.id};
  Open open;
  open.record = full;
  open.record.request.clear();
  open.arrival = ++arrivals_;
  open.taken = context_.now.instant;
  open.lane = lane_of(full);
  open.rule = rule;
  ++open_by_rule_[rule];
  ++open_by_peer_[key.first];
  expiries_.schedule(key, context_.now.instant + std::min<microseconds>(full.expiry + kClockSkew - context_.now.wall, kExpiryLook));
  context_.count("request.taken");
  ++context_.tally.begun[{Direction::Incoming, full.op}];
  context_.note(Level::Debug, "request.taken", {{"cid", key.second}, {"peer", key.first}, {"from", full.source.str()}, {"agent", full.target.agent}});
  auto& entry = open_.emplace(key, std::move(open)).first->second;
  auto& lane = lanes_[entry.lane];
  lane.push_back(key);
  if (lane.size() == 1 && may_run_at_once(entry)) {
    // One write to the journal holds the request and its handing over.
    hand_over(entry);
    full.session_key = entry.record.session_key;
    full.stage = entry.record.stage;
    full.attempt = entry.record.attempt;
    full.boot_id = entry.record.boot_id;
    full.stages = entry.record.stages;
    context_.store(store::PutIncoming{std::move(full)});
    order_run(entry, std::move(task));
  } else {
    context_.store(store::PutIncoming{std::move(full)});
    if (lane.size() == 1) start(entry, &task);
  }
  if (find_open(key) != nullptr) owe_receipt(entry);
}

// ---- what is open ----

std::size_t Turns::open_of(std::string_view gateway) const {
  const auto found = open_by_peer_.find(gateway);
  return found == open_by_peer_.end() ? 0 : found->second;
}

std::size_t Turns::open_under(const PolicyRule* rule) const {
  const auto found = open_by_rule_.find(rule);
  return found == open_by_rule_.end() ? 0 : found->second;
}

const IncomingRecord* Turns::find(const Key& key) const {
  const auto found = open_.find(key);
  return found == open_.end() ? nullptr : &found->second.record;
}

std::string_view Turns::state_of(const Key& key) const {
  const auto& open = open_.at(key);
  if (is_handed_over(open.record)) return "started";
  return open.waiting == Waiting::ForTurn ? "stored" : "queued";
}

void Turns::tell_again(const Key& key) {
  const auto& open = open_.at(key);
  if (receipts_.is_scheduled(key)) return;  // a newer one is on its way
  const auto stored = context_.incoming(key.first, key.second);
  // A turn that the gateway gave back is not `started` any more.
  const bool is_true = stored && (open.record.stage == IncomingStage::Started || stored->receipt.find(R"("stage":"started")") == std::string::npos);
  if (is_true && !stored->receipt.empty()) {
    answers_.publish(open.record.source, key.second, stored->receipt);
  } else {
    owe_receipt(open);
  }
}

// ---- turns ----

Turns::Open* Turns::find_open(const Key& key) {
  const auto found = open_.find(key);
  return found == open_.end() ? nullptr : &found->second;
}

// The exchange whose current attempt that is.
Turns::Open* Turns::find_open(const RunKey& run) {
  auto* open = find_open(Key{run.source_gateway, run.id});
  return open != nullptr && open->record.attempt == run.attempt ? open : nullptr;
}

std::optional<Task> Turns::stored_task(const IncomingRecord& record) const {
  const auto stored = context_.incoming(record.source_gateway, record.id);
  if (!stored) return std::nullopt;
  Task task;
  if (record.source_gateway == kPlainGateway) {
    auto plain = plain_from_record(stored->request);
    if (!plain) return std::nullopt;
    task.text = std::move(plain->text);
    return task;
  }
  if (context_.crypto.sha256(stored->request) != record.digest) return std::nullopt;  // the disk has changed it
  if (is_late_reply(record)) {
    task.text = stored->request;
    return task;
  }
  const auto message = read_back(context_, peers_, stored->request, topic::Inbox{record.target});
  return message ? task_of(*message) : std::nullopt;
}

// Who is let in: a late reply comes from a peer's agent, but it is our own agent that asked for it.
Address Turns::judged_as(const IncomingRecord& record) const {
  return is_late_reply(record) ? Address::bridge_of(context_.me()) : record.source;
}

std::vector<std::string> Turns::chain_of(std::string_view agent, std::string_view session_key) const {
  if (agent == kBridgeAgent) return {};
  const auto run = runs_.find(session_key.empty() ? default_session(agent) : std::string(session_key));
  if (run == runs_.end()) return {};
  const auto record = context_.incoming(run->second.first, run->second.second);
  if (!record) return {};
  std::vector<std::string> chain;
  if (is_late_reply(*record)) {
    if (const auto asked = context_.outgoing(record->id)) chain = asked->chain;
  }
  if (const auto message = read_back(context_, peers_, record->request, topic::Inbox{record->target})) chain = message->chain;
  chain.push_back(record->id);
  return chain;
}

// Moves the head of a lane on, if it can move.
void Turns::advance(const std::string& lane) {
  // What ends at once advances its lane again: a list instead of recursion, however long the lane is.
  to_advance_.push_back(lane);
  if (std::exchange(advancing_, true)) return;
  while (!to_advance_.empty()) {
    const auto next = std::move(to_advance_.back());
    to_advance_.pop_back();
    const auto found = lanes_.find(next);
    if (found == lanes_.end()) continue;
    auto* head = find_open(found->second.front());
    if (head != nullptr && head->waiting == Waiting::ForTurn && !head->held) start(*head, nullptr);
  }
  advancing_ = false;
}

void Turns::advance_all() {
  std::vector<std::string> lanes;
  for (const auto& [lane, keys] : lanes_) lanes.push_back(lane);
  for (const auto& lane : lanes) advance(lane);
}

// The head of a lane: finds its session, then its turn. `task`: what is asked, when it is at hand; it is used up.
void Turns::start(Open& open, Task* task) {
  if (!gateway_.is_up()) return;
  auto& record = open.record;
  if (expired(open)) {
    end(open, expired_reply());
    return;
  }
  if (auto no = gateway_.reject_agent(judged_as(record), record.target.agent)) {
    end(open, std::move(*no));
    return;
  }
  const auto fallback = default_session(record.target.agent);
  if (record.session.empty() || record.session == fallback) record.session_key = fallback;
  if (record.session_key.empty()) {
    open.waiting = Waiting::Resolving;
    const bool label = record.session.starts_with("label:");
    context_.actions.emplace_back(action::ResolveSession{run_key(record), record.target.agent, label ? std::string() : record.session,
                                                         label ? record.session.substr(6) : std::string()});
    return;
  }
  if (runs_.contains(record.session_key) || is_full(open)) {
    wait_for_session(open);
    return;
  }
  if (task != nullptr) {
    run(open, std::move(*task));
  } else if (auto stored = stored_task(record)) {
    run(open, std::move(*stored));
  } else {
    end(open, rejected(ErrorCode::Internal, "the request could not be read back from " + context_.me() + "'s journal, so it did not run; ask again"));
  }
}

// The session, now that it is known: the rules about sessions and loops can be asked. (A gateway may know a session by another
// spelling than the one asked for.)
std::optional<body::Reply> Turns::reject_session(Open& open, const std::string& session_key) {
  const auto& record = open.record;
  if (agent_of_session(session_key) != record.target.agent) {
    return rejected(ErrorCode::Forbidden, "the session found is not " + record.target.agent + "'s own");
  }
  if (session_key == record.session) return std::nullopt;  // judged when it came
  const PolicyRule* rule = nullptr;
  if (auto no = admission_.reject_by_policy(record.source, record.op, std::string(to_string(record.op)), record.target, session_key, rule)) return no;
  leave_rule(open);
  open.rule = rule;
  ++open_by_rule_[rule];
  const auto stored = context_.incoming(record.source_gateway, record.id);
  const auto message = stored ? read_back(context_, peers_, stored->request, topic::Inbox{record.target}) : std::nullopt;
  return message ? admission_.reject_loop(message->chain, session_key) : std::nullopt;
}

// No slot is free: of all turns, or of those that its rule lets run at once.
bool Turns::is_full(const Open& open) const {
  if (runs_.size() >= context_.options.limits.runs) return true;
  if (open.rule == nullptr || open.rule->concurrent == 0) return false;
  const auto of_rule = std::count_if(runs_.begin(), runs_.end(), [&](const auto& run) {
    const auto running = open_.find(run.second);
    return running != open_.end() && running->second.rule == open.rule;
  });
  return static_cast<std::size_t>(of_rule) >= open.rule->concurrent;
}

void Turns::wait_for_session(Open& open) {
  open.waiting = Waiting::ForSession;
  if (open.record.stage == IncomingStage::Stored) open.record.stage = IncomingStage::Queued;
  session_waiters_[open.record.session_key].emplace(open.arrival, Key{open.record.source_gateway, open.record.id});
}

// Nothing is in the way of the turn of a request for its agent's default session.
bool Turns::may_run_at_once(const Open& open) const {
  const auto& record = open.record;
  const auto session_key = default_session(record.target.agent);
  if (!gateway_.is_up() || !(record.session.empty() || record.session == session_key)) return false;
  if (runs_.contains(session_key) || is_full(open)) return false;
  return !gateway_.reject_agent(judged_as(record), record.target.agent);
}

// "Handing over" is journaled before the gateway hears of the turn.
void Turns::run(Open& open, Task task) {
  hand_over(open);
  save(open);
  order_run(open, std::move(task));
}

void Turns::hand_over(Open& open) {
  auto& record = open.record;
  if (record.session_key.empty()) record.session_key = default_session(record.target.agent);
  open.waiting = Waiting::Running;
  ++record.attempt;
  record.stage = IncomingStage::HandingOver;
  record.boot_id = gateway_.info().boot_id;
  reached(open, kHandingOver);
  runs_.insert_or_assign(record.session_key, Key{record.source_gateway, record.id});
}

void Turns::order_run(Open& open, Task task) {
  const auto& record = open.record;
  open.wants_progress = task.progress;
  context_.count("turn.handed_over");
  context_.note(Level::Debug, "turn.handed_over", {{"cid", record.id}, {"agent", record.target.agent}, {"session", record.session_key}});
  context_.actions.emplace_back(action::StartRun{.run = run_key(record),
                                                 .idempotency_key = idempotency_key(record),
                                                 .agent = record.target.agent,
                                                 .session_key = record.session_key,
                                                 .text = std::move(task.text),
                                                 .source_session = record.source.str(),
                                                 .source_channel = source_channel(record),
                                                 .attachments = std::move(task.attachments),
                                                 .progress = task.progress,
                                                 .new_session = record.op == Operation::SessionsSpawn,
                                                 .label = std::move(task.label),
                                                 .model = std::move(task.model),
                                                 .thinking = std::move(task.thinking),
                                                 .time_limit = task.time_limit});
}

void Turns::recover(Open& open) {
  open.waiting = Waiting::Recovering;
  if (planted(Planted::BlindResend)) return order_run(open, stored_task(open.record).value_or(Task{}));
  const auto& record = open.record;
  context_.count("turn.recovering");
  context_.note(Level::Info, "turn.recovering", {{"cid", record.id}, {"agent", record.target.agent}, {"session", record.session_key}});
  const auto latest = std::find_if(record.stages.rbegin(), record.stages.rend(), [](const auto& stage) { return stage.stage == kHandingOver; });
  const auto handed_over = latest == record.stages.rend() ? record.received : latest->time;
  context_.actions.emplace_back(action::RecoverRun{.run = run_key(record),
                                                   .idempotency_key = idempotency_key(record),
                                                   .agent = record.target.agent,
                                                   .session_key = record.session_key,
                                                   .source_channel = source_channel(record),
                                                   .text = stored_task(record).value_or(Task{}).text,
                                                   .boot_id = record.boot_id,
                                                   .handed_over = handed_over});
}

// The session is free, and with it a slot.
void Turns::release_session(const std::string& session_key) {
  runs_.erase(session_key);
  fill_slots();
}

// Starts those whose session is free, whoever arrived first.
void Turns::fill_slots() {
  while (runs_.size() < context_.options.limits.runs) {
    auto oldest = session_waiters_.end();
    for (auto at = session_waiters_.begin(); at != session_waiters_.end(); ++at) {
      const auto* first = find_open(at->second.begin()->second);
      if (runs_.contains(at->first) || (first != nullptr && is_full(*first))) continue;
      if (oldest == session_waiters_.end() || at->second.begin()->first < oldest->second.begin()->first) oldest = at;
    }
    if (oldest == session_waiters_.end()) return;
    const auto key = oldest->second.begin()->second;
    oldest->second.erase(oldest->second.begin());
    if (oldest->second.empty()) session_waiters_.erase(oldest);
    if (auto* open = find_open(key)) {
      open->waiting = Waiting::ForTurn;
      start(*open, nullptr);
    }
  }
}

void Turns::on_settings() {
  open_by_rule_.clear();
  for (auto& [key, open] : open_) enter_rule(open);
  advance_all();
  fill_slots();
}

// For what was taken before these rules were made.
void Turns::enter_rule(Open& open) {
  const auto& record = open.record;
  auto session = std::optional(record.session_key);
  if (session->empty()) session = record.session.empty() ? default_session(record.target.agent) : record.session;
  if (session->starts_with("label:")) session.reset();
  open.rule = is_late_reply(record) ? nullptr : policy_.judge(record.source, record.op, record.target.agent, session).rule;
  ++open_by_rule_[open.rule];
}

void Turns::leave_rule(const Open& open) {
  const auto of_rule = open_by_rule_.find(open.rule);
  if (of_rule != open_by_rule_.end() && --of_rule->second == 0) open_by_rule_.erase(of_rule);
}

void Turns::end(Open& open, body::Reply reply) {
  for (auto& attachment : reply.attachments) {  // gateways have no cryptography
    if (const auto content = base64_decode(attachment.content)) attachment.digest = hex_encode(context_.crypto.sha256(*content));
  }
  auto& record = open.record;
  const Key key{record.source_gateway, record.id};
  const auto lane = open.lane;
  const auto session_key = record.session_key;
  if (reply.session_key.empty() && reply.status != ReplyStatus::Rejected) reply.session_key = session_key;
  if (record.op == Operation::SessionsSpawn && record.attempt > 0) reply.child_session_key = session_key;
  if (!reply.run_id.empty()) record.run_id = reply.run_id;
  record.stage = IncomingStage::Ended;
  record.status = to_string(reply.status);
  record.ended = context_.now.wall;
  reached(open, "ended");
  std::optional<PlainRequest> plain;
  if (record.source_gateway == kPlainGateway) {
    if (const auto stored = context_.incoming(key.first, key.second)) plain = plain_from_record(stored->request);
  }
  const bool is_ours = plain || is_late_reply(record);  // no peer asked, so none acknowledges it
  std::string payload;
  if (plain) payload = plain_answer(reply);
  if (!is_ours) payload = answers_.encode(record.target, record.source, record.id, reply, record.sealed);
  save(open, {}, payload);
  if (record.attempt > 0) context_.actions.emplace_back(action::ForgetRun{run_key(record), idempotency_key(record)});
  context_.count("turn.ended");
  ++context_.tally.ended[{Direction::Incoming, record.op, record.status}];
  const auto took = std::chrono::duration_cast<milliseconds>(record.ended - record.received);
  context_.note(Level::Info, "exchange.answered",
                {{"cid", record.id}, {"peer", record.source_gateway}, {"agent", record.target.agent}, {"session", session_key},
                 {"status", record.status}, {"ms", std::to_string(took.count())}});
  if (plain) answers_.plain(*plain, reply);
  if (is_ours) {
    context_.store(store::AcknowledgeIncoming{key.first, {key.second}});
  } else {
    answers_.publish(record.source, record.id, std::move(payload));
  }

  if (open.cancelled) settled_.push_back({key, record.status, reply.ran});

  const auto run = runs_.find(session_key);
  const bool was_running = run != runs_.end() && run->second == key;
  if (const auto waiters = session_waiters_.find(session_key); waiters != session_waiters_.end()) {
    waiters->second.erase(open.arrival);
    if (waiters->second.empty()) session_waiters_.erase(waiters);
  }
  receipts_.cancel(key);
  progress_.cancel(key);
  held_.cancel(key);
  expiries_.cancel(key);
  if (auto of_peer = open_by_peer_.find(key.first); of_peer != open_by_peer_.end() && --of_peer->second == 0) open_by_peer_.erase(of_peer);
  leave_rule(open);
  open_.erase(key);
  if (const auto queue = lanes_.find(lane); queue != lanes_.end()) {
    if (queue->second.front() == key) {
      queue->second.pop_front();
    } else {
      std::erase(queue->second, key);
    }
    if (queue->second.empty()) lanes_.erase(queue);
  }
  advance(lane);
  if (was_running) release_session(session_key);
}

// ---- the local gateway ----

void Turns::on_gateway_up() {
  std::vector<Key> lost;
  for (const auto& [key, open] : open_) {
    if (open.waiting == Waiting::ForRecovery) lost.push_back(key);
  }
  for (const auto& key : lost) {
    if (auto* open = find_open(key)) recover(*open);
  }
  advance_all();
}

void Turns::on_gateway_down(bool was_up) {
  // Questions about sessions die with the connection.
  for (auto& [key, open] : open_) {
    if (open.waiting == Waiting::Resolving) open.waiting = Waiting::ForTurn;
    if (open.waiting == Waiting::Recovering) open.waiting = Waiting::ForRecovery;
    if (was_up && open.waiting == Waiting::ForTurn) owe_receipt(open);
  }
}

void Turns::on_session_resolved(const event::SessionResolved& resolved) {
  auto* open = find_open(resolved.run);
  if (open == nullptr || open->waiting != Waiting::Resolving) return;
  open->waiting = Waiting::ForTurn;
  if (resolved.session_key) {
    if (auto no = reject_session(*open, *resolved.session_key)) {
      end(*open, std::move(*no));
      return;
    }
    open->record.session_key = *resolved.session_key;
    start(*open, nullptr);
  } else if (resolved.session_key.error().code == ErrorCode::GatewayDown) {
    open->held = true;
    held_.schedule({open->record.source_gateway, open->record.id}, context_.now.instant + kHoldFirst);
  } else {
    end(*open, rejected(resolved.session_key.error().code, resolved.session_key.error().message));
  }
}

void Turns::on_run_started(const event::RunStarted& started) {
  auto* open = find_open(started.run);
  if (open == nullptr || !is_handed_over(open->record)) return;
  const bool found_again = open->waiting == Waiting::Recovering;
  if (found_again) open->waiting = Waiting::Running;
  open->record.stage = IncomingStage::Started;
  open->record.run_id = started.run_id;
  reached(*open, "started");
  owe_receipt(*open);
  if (found_again && open->cancelled) abort(*open);
}

void Turns::on_run_progress(const event::RunProgress& progress) {
  auto* open = find_open(progress.run);
  if (open == nullptr || !open->wants_progress || !is_handed_over(open->record)) return;
  open->progress_text.assign(progress.text, 0, utf8_prefix(progress.text, kProgressBytesMax));
  const Key key{open->record.source_gateway, open->record.id};
  if (!progress_.is_scheduled(key)) progress_.schedule(key, std::max(context_.now.instant, open->progress_next));
}

void Turns::on_run_ended(const event::RunEnded& ended) {
  auto* open = find_open(ended.run);
  if (open == nullptr) {
    context_.count("turn.late_outcome");
    return;
  }
  if (ended.outcome.status == ReplyStatus::Interrupted && context_.options.on_interrupted == OnInterrupted::Rerun && !open->cancelled &&
      is_handed_over(open->record)) {
    if (gave_up(*open, true)) return;
    context_.note(Level::Warn, "turn.rerun", {{"cid", open->record.id}, {"agent", open->record.target.agent}, {"reason", "on_interrupted is rerun: it may have run before"}});
    context_.actions.emplace_back(action::ForgetRun{run_key(open->record), idempotency_key(open->record)});  // the next attempt has another key
    queue_again(*open);
    return;
  }
  end(*open, ended.outcome);
}

void Turns::on_run_not_taken(const event::RunNotTaken& not_taken) {
  auto* open = find_open(not_taken.run);
  if (open == nullptr || !is_handed_over(open->record)) return;
  const auto& record = open->record;
  context_.count("turn.not_taken");
  context_.note(Level::Warn, "turn.not_taken", {{"cid", record.id}, {"agent", record.target.agent}, {"reason", not_taken.reason}});
  if (open->cancelled) {
    // A turn that was stopped leaves no trace in OpenClaw 2026.9: what is looked for and not found may have begun.
    const bool was_looked_for = open->waiting == Waiting::Recovering;
    end(*open, cancelled_reply(was_looked_for));
  } else if (!gave_up(*open, record.boot_id != gateway_.info().boot_id)) {
    queue_again(*open);
  }
}

// A turn that takes the gateway down whenever it is handed over ends as a dead letter. `lost`: it was handed over and the gateway
// has gone down since. True when this one ended.
bool Turns::gave_up(Open& open, bool lost) {
  auto& record = open.record;
  if (!lost || ++record.losses < kLossesMax) return false;
  record.dead = true;
  context_.note(Level::Error, "turn.dead_letter",
                {{"cid", record.id}, {"agent", record.target.agent}, {"remedy", "see `clawbridge dead list`; the gateway's own log says why it went down"}});
  end(open, failure(ReplyStatus::Interrupted, ErrorCode::GatewayDown,
                    context_.me() + "'s gateway went down " + std::to_string(record.losses) + " times while it had this request; it is not tried again"));
  return true;
}

// Back into the queue, for another attempt after a while.
void Turns::queue_again(Open& open) {
  auto& record = open.record;
  record.stage = IncomingStage::Queued;
  open.waiting = Waiting::ForTurn;
  open.held = true;
  open.retry_delay = open.retry_delay.count() == 0 ? kHoldFirst : std::min(open.retry_delay * 2, kHoldMost);
  reached(open, "queued");
  save(open);
  const Key key{record.source_gateway, record.id};
  held_.schedule(key, context_.now.instant + open.retry_delay);
  expiries_.schedule(key, context_.now.instant);
  owe_receipt(open);
  if (const auto run = runs_.find(record.session_key); run != runs_.end() && run->second == key) release_session(std::string(record.session_key));
}

// ---- stopping ----

void Turns::cancel(const Key& key) {
  auto& open = open_.at(key);
  if (!is_handed_over(open.record)) {
    end(open, cancelled_reply(false));
    settled_.push_back({key, std::string(to_string(ReplyStatus::Cancelled)), false});
    return;
  }
  if (std::exchange(open.cancelled, true)) return;
  if (open.waiting == Waiting::Running) abort(open);
}

void Turns::abort(const Open& open) {
  const auto& record = open.record;
  context_.count("turn.abort");
  context_.actions.emplace_back(action::AbortRun{run_key(record), idempotency_key(record), record.target.agent, record.session_key});
}

void Turns::on_abort_refused(const event::AbortRefused& refused) {
  auto* open = find_open(refused.run);
  if (open == nullptr || !std::exchange(open->cancelled, false)) return;
  const auto& record = open->record;
  context_.note(Level::Warn, "turn.abort_refused", {{"cid", record.id}, {"agent", record.target.agent}, {"reason", refused.reason}});
  settled_.push_back({{record.source_gateway, record.id}, {}, std::nullopt});
}

void Turns::on_run_lost(const event::RunLost& lost) {
  auto* open = find_open(lost.run);
  if (open == nullptr || !is_handed_over(open->record)) return;
  context_.note(Level::Warn, "turn.lost", {{"cid", open->record.id}, {"agent", open->record.target.agent}, {"reason", lost.reason}});
  open->waiting = Waiting::ForRecovery;
  if (gateway_.is_up()) recover(*open);
}

// ---- telling the requester ----

void Turns::owe_receipt(const Open& open) {
  receipts_.schedule_by({open.record.source_gateway, open.record.id}, context_.now.instant + kReceiptHold);
}

void Turns::send_receipt(const Key& key) {
  auto* open = find_open(key);
  if (open == nullptr) return;
  auto& record = open->record;
  const auto* peer = peers_.find(key.first);
  if (peer == nullptr || !peer->can_be_told()) return;
  body::Receipt receipt;
  if (record.stage == IncomingStage::Started) {
    receipt.stage = Stage::Started;
    receipt.run_id = record.run_id;
    if (record.op == Operation::SessionsSpawn) receipt.child_session_key = record.session_key;
  } else if (!gateway_.is_up()) {
    receipt.stage = Stage::Queued;
    receipt.reason = "gateway_down";
  } else if (record.stage == IncomingStage::Stored && open->waiting != Waiting::ForSession && lanes_[open->lane].front() == key) {
    receipt.stage = Stage::Stored;
  } else if (record.stage == IncomingStage::HandingOver) {
    receipt.stage = Stage::Stored;
  } else {
    receipt.stage = Stage::Queued;
    receipt.reason = "busy";
  }
  const auto told = std::string(to_string(receipt.stage)) + receipt.reason;
  if (open->receipt_sent && told == open->receipt_told) {
    // The same again only for a duplicate, and then the same bytes.
    if (const auto stored = context_.incoming(key.first, key.second); stored && !stored->receipt.empty()) {
      answers_.publish(record.source, record.id, stored->receipt);
    }
    return;
  }
  open->receipt_sent = true;
  open->receipt_told = told;
  auto event = answers_.encode(record.target, record.source, record.id, receipt);
  if (!planted(Planted::StagePublishedBeforeStored)) save(*open, event);
  answers_.publish(record.source, record.id, std::move(event));
}

void Turns::send_progress(const Key& key) {
  auto* open = find_open(key);
  if (open == nullptr) return;
  const auto& record = open->record;
  const auto* peer = peers_.find(key.first);
  if (peer == nullptr || !peer->can_be_told()) return;
  open->progress_next = context_.now.instant + kProgressPause;
  auto event = make_progress(context_, *peer, {context_.new_id(), record.target, record.source, context_.now.wall, record.id, context_.key_id},
                             ++open->progress_told, {std::exchange(open->progress_text, {})}, record.sealed);
  answers_.publish(record.source, record.id, std::move(event));
}

void Turns::reached(Open& open, std::string_view stage) {
  auto& stages = open.record.stages;
  if (!stages.empty() && stages.back().stage == stage) return;
  context_.reached(Direction::Incoming, stage, open.taken, open.record.received);
  if (stages.size() < 16) stages.push_back({std::string(stage), context_.now.wall});
}

void Turns::save(const Open& open, std::string receipt, std::string reply) {
  const auto& record = open.record;
  context_.store(store::UpdateIncoming{record.source_gateway, record.id, record.session_key, record.stage, record.attempt, record.boot_id,
                                       record.run_id, std::move(receipt), std::move(reply), record.status, record.stages, record.losses,
                                       record.ended, record.dead});
}

void Turns::on_time() {
  const auto now = context_.now.instant;
  while (const auto key = receipts_.pop_due(now)) send_receipt(*key);
  while (const auto key = progress_.pop_due(now)) send_progress(*key);
  while (const auto key = held_.pop_due(now)) {
    if (auto* open = find_open(*key)) {
      open->held = false;
      advance(std::string(open->lane));
    }
  }
  while (const auto key = expiries_.pop_due(now)) {
    auto* open = find_open(*key);
    if (open == nullptr || open->waiting == Waiting::Running || open->waiting == Waiting::Recovering || open->waiting == Waiting::ForRecovery) continue;
    if (expired(*open)) {
      end(*open, expired_reply());
    } else {
      const auto left = open->record.expiry + kClockSkew - context_.now.wall + milliseconds{1};
      expiries_.schedule(*key, now + std::min<microseconds>(left, kExpiryLook));
    }
  }
}

}  // namespace clawbridge::core
