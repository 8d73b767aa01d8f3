#include "tests/sim/gateway.h"

#include <algorithm>
#include <numeric>

#include "bridge/gateway/outcome.h"

namespace clawbridge::sim {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr microseconds kDrainBudget = seconds{315};
constexpr microseconds kForgetsAfter = minutes{5};  // 2026.3.8

}  // namespace

std::string_view to_string(GatewayKind kind) {
  switch (kind) {
    case GatewayKind::Recent: return "2026.9.6";
    case GatewayKind::Older: return "2026.3.8";
    case GatewayKind::Echo: return "echo";
    case GatewayKind::RecordingEcho: return "recording echo";
  }
  return "";
}

Gateway::Gateway(std::string name, GatewayKind kind, std::vector<std::string> agents, std::function<WallTime()> clock, const RunOptions& options,
                 Scheduler& scheduler, Trace& trace, TurnObserver& observer, Dice dice)
    : name_(std::move(name)),
      kind_(kind),
      agents_(std::move(agents)),
      clock_(std::move(clock)),
      options_(options),
      scheduler_(scheduler),
      trace_(trace),
      observer_(observer),
      dice_(dice),
      hop_(dice_.spread(microseconds{20}, milliseconds{5})),
      booted_(scheduler.now()) {}

// ---- the process: turns ----

microseconds Gateway::duration() {
  if (healed_) return dice_.time(milliseconds{1}, milliseconds{50});
  if (dice_.chance(options_.slow)) return dice_.spread(minutes{1}, minutes{180});
  return dice_.spread(milliseconds{1}, seconds{5});
}

// 2026.3.8 forgets what it has run, 2026.9.6 does not until it restarts.
Gateway::TurnRef Gateway::known(const std::string& key) const {
  const auto found = turns_.find(key);
  if (found == turns_.end()) return nullptr;
  const auto& turn = found->second;
  if (kind_ == GatewayKind::Older && turn->ended && scheduler_.now() - turn->ended_at > kForgetsAfter) return nullptr;
  return turn;
}

// The method `agent` arrives.
void Gateway::take(const core::action::StartRun& order, std::uint64_t connection) {
  if (draining_) {
    auto refused = std::make_shared<Turn>();
    refused->run = order.run;
    refused->caller = connection;
    respond(refused, core::event::RunNotTaken{order.run, "Gateway is draining; new tasks are not accepted"}, true);
    return;
  }
  if (const auto turn = known(order.idempotency_key)) {
    if (connection != 0) turn->caller = connection;
    if (turn->ended) {
      respond(turn, core::event::RunEnded{order.run, reply_of(*turn)}, true);
    } else {
      respond(turn, core::event::RunStarted{order.run, turn->key}, false);
    }
    return;
  }
  if (kind_ == GatewayKind::Recent && keys_.contains(order.idempotency_key)) {
    trace_.violation("turn twice", name_ + " was sent the key " + order.idempotency_key + " again after a restart and wrote a junk row");
  }
  auto turn = std::make_shared<Turn>();
  turn->key = order.idempotency_key;
  turn->session = order.session_key;
  turn->text = order.text;
  turn->source_channel = order.source_channel;
  turn->run = order.run;
  turn->caller = connection;
  turn->boot = boot_;
  keys_.insert(turn->key);
  turns_.insert_or_assign(turn->key, turn);
  auto& session = sessions_[order.session_key];
  session.queue.push_back(turn);
  if (kind_ == GatewayKind::Recent) session.pending.push_back(turn);
  respond(turn, core::event::RunStarted{order.run, turn->key}, false);
  begin_next(session);
}

void Gateway::begin_next(Session& session) {
  if (session.current || session.queue.empty()) return;
  const auto turn = session.queue.front();
  session.queue.pop_front();
  std::erase(session.pending, turn);
  session.current = turn;
  session.rows.push_back(turn);
  session.exists = true;
  turn->begun = true;
  turn->row_time = clock_();
  observer_.turn_began(name_, turn->key, turn->session, turn->text);
  scheduler_.after(duration(), [this, turn, boot = boot_] { finish(turn, boot); });
}

void Gateway::finish(const TurnRef& turn, std::uint64_t boot) {
  if (boot != boot_ || !up_ || silent_ || turn->ended) return;
  if (dice_.chance(options_.fail)) {
    turn->status = ReplyStatus::Error;
  } else if (dice_.chance(options_.no_reply)) {
    turn->status = ReplyStatus::NoReply;
  } else {
    turn->reply = "echo: " + turn->text;
  }
  end_turn(turn);
}

void Gateway::end_turn(const TurnRef& turn) {
  turn->ended = true;
  turn->ended_at = scheduler_.now();
  observer_.turn_finished(turn->key, turn->status, turn->reply);
  respond(turn, core::event::RunEnded{turn->run, reply_of(*turn)}, true);
  for (const auto& [run, search] : searches_) {
    if (search.order.idempotency_key == turn->key) scheduler_.after(hop_, [this, run = run] { look(run); });
  }
  auto& session = sessions_[turn->session];
  session.current = nullptr;
  begin_next(session);
  if (draining_) drained();
}

// The method `chat.abort`. A turn that was stopped leaves no row; what waits or was taken up again is not known by that id.
bool Gateway::abort(const std::string& key) {
  const auto turn = known(key);
  if (!turn || !turn->begun || turn->ended || turn->again) return false;
  trace_.count("turns stopped");
  turn->status = ReplyStatus::Cancelled;
  std::erase(sessions_[turn->session].rows, turn);
  end_turn(turn);
  return true;
}

body::Reply Gateway::reply_of(const Turn& turn) const {
  if (turn.status == ReplyStatus::Cancelled) {
    auto stopped = gateway::cancelled_reply();
    stopped.run_id = turn.key;
    stopped.session_key = turn.session;
    return stopped;
  }
  auto reply = turn.status == ReplyStatus::Error ? gateway::failed_reply("the turn failed: the virtual model is out of order")
                                                 : gateway::make_reply(turn.status, turn.reply);
  reply.run_id = turn.key;
  reply.session_key = turn.session;
  return reply;
}

void Gateway::respond(const TurnRef& turn, core::Event event, bool final) {
  if (turn->caller == 0) return;
  scheduler_.after(hop_, [this, caller = turn->caller, run = turn->run, event = std::move(event), final] {
    if (caller != connection_ || !awaited_.contains(run)) return;
    if (final) awaited_.erase(run);
    if (sink_) sink_(event);
  });
}

std::size_t Gateway::running() const {
  return static_cast<std::size_t>(std::count_if(sessions_.begin(), sessions_.end(), [](const auto& entry) { return entry.second.current != nullptr; }));
}

// ---- the process: its end and its start ----

void Gateway::stop_process() {
  up_ = false;
  draining_ = false;
  silent_ = false;
  for (auto& [key, session] : sessions_) {
    if (session.current) session.current->cut_off = true;
    session.current = nullptr;
    session.queue.clear();
    // 2026.3.8 writes a session's first turn with its first answer.
    if (kind_ == GatewayKind::Older && session.rows.size() == 1 && !session.rows.front()->ended) session.rows.clear();
  }
  turns_.clear();
  observer_.turns_disturbed(name_);
  lose_socket("the connection to the virtual gateway was closed");
}

void Gateway::crash(microseconds down) {
  if (is_echo() || !up_) return;
  trace_.line(name_, "gateway.crash");
  trace_.count("gateway crashes");
  stop_process();
  scheduler_.after(down, [this, boot = boot_] {
    if (boot == boot_ && !up_) this->boot();
  });
}

void Gateway::terminate(microseconds down) {
  if (is_echo() || !up_ || draining_) return;
  trace_.line(name_, "gateway.terminate");
  trace_.count("gateway stops");
  down_for_ = down;
  draining_ = true;
  if (kind_ == GatewayKind::Recent) {
    for (auto& [key, session] : sessions_) {
      for (const auto& turn : std::exchange(session.queue, {})) {
        std::erase(session.pending, turn);
        turns_.erase(turn->key);
        respond(turn, core::event::RunNotTaken{turn->run, "Gateway is draining; new tasks are not accepted"}, true);
      }
    }
    scheduler_.after(kDrainBudget, [this, boot = boot_] {
      if (boot == boot_ && draining_) crash(down_for_);
    });
    drained();
  } else {
    draining_ = false;
    crash(down);
  }
}

// The last turn is over: the process ends, once its responses have left.
void Gateway::drained() {
  if (running() != 0) return;
  scheduler_.after(hop_ * 2, [this, boot = boot_] {
    if (boot == boot_ && draining_ && running() == 0) crash(down_for_);
  });
}

void Gateway::boot() {
  up_ = true;
  ++boot_;
  booted_ = scheduler_.now();
  trace_.line(name_, "gateway.boot", boot_);
  if (kind_ != GatewayKind::Recent) return;
  for (auto& [key, session] : sessions_) {
    if (!session.rows.empty() && session.rows.back()->cut_off && !session.rows.back()->again) take_up_again(session);
  }
}

// 2026.9.6 begins an interrupted turn again by itself, under a new run id, within seconds; new turns wait behind it.
void Gateway::take_up_again(Session& session) {
  const auto turn = session.rows.back();
  session.current = turn;
  scheduler_.after(dice_.time(seconds{1}, seconds{10}), [this, turn, boot = boot_] {
    if (boot != boot_ || !up_) return;
    trace_.line(name_, "gateway.takes_up", hash_of(turn->key), [&] { return turn->key; });
    trace_.count("turns taken up again by the gateway");
    turn->again = true;
    turn->cut_off = false;
    turn->caller = 0;
    scheduler_.after(duration(), [this, turn, boot] { finish(turn, boot); });
  });
}

void Gateway::fall_silent(microseconds time) {
  if (is_echo() || !up_ || silent_) return;
  trace_.line(name_, "gateway.silent");
  trace_.count("gateway silences");
  silent_ = true;
  scheduler_.after(time, [this, boot = boot_] {
    if (boot == boot_ && silent_) crash(seconds{1});
  });
}

void Gateway::heal() {
  healed_ = true;
  cut_ = false;
  ++cuts_;
  if (is_echo()) {
    for (const auto& [key, turn] : turns_) scheduler_.after(duration(), [this, turn = turn] { echo_finish(turn); });
    return;
  }
  if (silent_) crash(seconds{1});
  if (!up_) boot();
  down_for_ = seconds{1};
  for (const auto& [key, session] : sessions_) {
    if (const auto turn = session.current; turn && !turn->cut_off) scheduler_.after(duration(), [this, turn, boot = boot_] { finish(turn, boot); });
  }
}

}  // namespace clawbridge::sim
