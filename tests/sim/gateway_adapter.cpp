// The adapter's half of the virtual gateway: what bridge/gateway would report to the core.
#include <algorithm>

#include "bridge/gateway/outcome.h"
#include "tests/sim/gateway.h"

namespace clawbridge::sim {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr microseconds kReconnectFirst = seconds{1};
constexpr microseconds kReconnectMost = seconds{30};
constexpr microseconds kWait = seconds{30};      // one agent.wait for a turn that this boot of the gateway may run
constexpr microseconds kLookAgain = seconds{3};  // the same after a restart

std::string main_session(const std::string& agent) { return "agent:" + agent + ":main"; }

}  // namespace

void Gateway::attach(Sink sink) {
  ++life_;
  sink_ = std::move(sink);
  boots_.emplace(name_);
  if (!is_echo()) {
    connect_soon(dice_.time(milliseconds{1}, milliseconds{200}));
    return;
  }
  ++boot_;
  connected_ = true;
  core::event::GatewayUp up{.kind = "echo", .version = {}, .boot_id = boot_id(), .keeps_keys = false, .agents = {}};
  for (const auto& agent : agents_) up.agents.push_back({agent, {}});
  report(std::move(up));
}

void Gateway::detach() {
  ++life_;
  ++connection_;
  connected_ = false;
  sink_ = nullptr;
  awaited_.clear();
  searches_.clear();
  if (is_echo()) turns_.clear();
  observer_.turns_disturbed(name_);
}

void Gateway::report(core::Event event) {
  scheduler_.after(microseconds{5}, [this, life = life_, event = std::move(event)] {
    if (life == life_ && sink_) sink_(event);
  });
}

// ---- the connection ----

void Gateway::connect_soon(microseconds delay) {
  scheduler_.after(delay, [this, delay, life = life_] {
    if (life != life_ || connected_) return;
    if (!up_ || cut_) {
      report(core::event::GatewayDown{"the virtual gateway cannot be reached; start it"});
      connect_soon(std::clamp(delay * 2, kReconnectFirst, kReconnectMost));
      return;
    }
    connected_ = true;
    const auto now = scheduler_.now();
    gateway::Hello hello;
    if (kind_ == GatewayKind::Recent) hello.boot_id = boot_id();
    hello.uptime = std::chrono::duration_cast<milliseconds>(now - booted_);
    seen_boot_ = boots_->name(hello, milliseconds{0}, clock_(), gateway::Boot::Steady(now.time_since_epoch()));
    core::event::GatewayUp up{.kind = "openclaw", .version = std::string(to_string(kind_)), .boot_id = seen_boot_.id, .keeps_keys = kind_ == GatewayKind::Recent, .agents = {}};
    for (const auto& agent : agents_) up.agents.push_back({agent, {}});
    report(std::move(up));
  });
}

// GatewayDown first, then what became of everything that was under way.
void Gateway::lose_socket(const std::string& why) {
  if (!connected_) return;
  connected_ = false;
  ++connection_;
  report(core::event::GatewayDown{why});
  for (const auto& [run, key] : std::exchange(awaited_, {})) report(core::event::RunLost{run, why});
  for (const auto& [run, search] : std::exchange(searches_, {})) report(core::event::RunLost{run, why});
  connect_soon(kReconnectFirst);
}

void Gateway::cut_socket(microseconds time) {
  if (is_echo()) return;
  trace_.line(name_, "gateway.cut");
  trace_.count("gateway connections cut");
  cut_ = true;
  observer_.turns_disturbed(name_);
  lose_socket("the connection to the virtual gateway broke");
  scheduler_.after(time, [this, cut = ++cuts_] {
    if (cut == cuts_) cut_ = false;
  });
}

std::string Gateway::boot_id() const { return name_ + "-boot-" + std::to_string(boot_); }

// ---- orders ----

void Gateway::carry_out(const core::action::ResolveSession& order) {
  const auto no = [&](ErrorCode code, std::string message) { return core::event::SessionResolved{order.run, Error{code, std::move(message), false}}; };
  if (!connected_) {
    report(no(ErrorCode::GatewayDown, "the virtual gateway is not connected"));
    return;
  }
  core::event::SessionResolved answer = no(ErrorCode::UnknownSession, "no such session");
  if (std::find(agents_.begin(), agents_.end(), order.agent) == agents_.end()) {
    answer = no(ErrorCode::UnknownAgent, "no such agent");
  } else if (order.session_key == main_session(order.agent)) {
    answer.session_key = order.session_key;
  } else if (!is_echo() && order.label == "desk") {
    answer.session_key = "agent:" + order.agent + ":desk";
  } else if (!is_echo() && order.label.empty() && order.session_key.ends_with(":work")) {
    answer.session_key = order.session_key;
  }
  scheduler_.after(hop_ * 2, [this, run = order.run, life = life_, connection = connection_, answer = std::move(answer)] {
    if (life != life_ || !sink_) return;
    if (connection == connection_) {
      sink_(answer);
    } else {
      sink_(core::event::SessionResolved{run, Error{ErrorCode::GatewayDown, "the connection to the virtual gateway broke", true}});
    }
  });
}

void Gateway::carry_out(const core::action::StartRun& order) {
  trace_.count("turns handed over");
  if (is_echo()) {
    echo_run(order);
    return;
  }
  if (!connected_) {
    report(core::event::RunNotTaken{order.run, "the virtual gateway is not connected"});
    return;
  }
  awaited_.insert_or_assign(order.run, order.idempotency_key);
  scheduler_.after(hop_, [this, order, connection = connection_, boot = boot_] {
    if (!up_ || boot != boot_) return;
    if (connection == connection_) {
      take(order, connection);
    } else if (dice_.chance(0.5)) {
      take(order, 0);  // the frame got through, the connection did not last
    }
  });
}

void Gateway::carry_out(const core::action::AbortRun& order) {
  trace_.count("turns to be stopped");
  if (is_echo()) {
    echo_abort(order);
    return;
  }
  if (!connected_) return;  // what became of the turn is asked when it is there again
  scheduler_.after(hop_, [this, order, connection = connection_] {
    if (connection != connection_ || !up_) return;
    const bool stopped = kind_ == GatewayKind::Recent && abort(order.idempotency_key);
    if (stopped) return;
    scheduler_.after(hop_, [this, run = order.run, connection] {
      if (connection == connection_ && sink_) sink_(core::event::AbortRefused{run, "the virtual gateway cannot stop it"});
    });
  });
}

void Gateway::carry_out(const core::action::RecoverRun& order) {
  trace_.count("turns looked for");
  if (is_echo()) {
    echo_recover(order);
    return;
  }
  if (!connected_) {
    report(core::event::RunLost{order.run, "the virtual gateway is not connected"});
    return;
  }
  searches_.insert_or_assign(order.run, Search{order, scheduler_.now(), false, connection_});
  scheduler_.after(hop_ * 2, [this, run = order.run] { look(run); });
}

// ---- looking for a turn: as bridge/gateway/recovery.cpp does ----

bool Gateway::is_same_boot(const Search& search) const {
  return gateway::is_same_boot(seen_boot_, search.order.boot_id, search.order.handed_over);
}

// What chat.history would show.
gateway::Turn Gateway::history_of(const Search& search) const {
  gateway::Turn seen;
  const auto found = sessions_.find(search.order.session_key);
  if (found == sessions_.end()) {
    seen.covers = true;
    return seen;
  }
  const auto& session = found->second;
  auto rows = session.rows;
  if (kind_ == GatewayKind::Older && !rows.empty() && !rows.front()->ended) rows.erase(rows.begin());
  if (kind_ == GatewayKind::Recent && session.current && !session.current->cut_off) {
    seen.running_id = (session.current->again ? "again:" : "") + session.current->key;
  }
  seen.awaited = kind_ == GatewayKind::Recent && session.current && session.current->cut_off;
  seen.covers = rows.empty() ? !session.exists && session.pending.empty() : rows.front()->row_time < search.order.handed_over;
  for (auto at = rows.begin(); at != rows.end(); ++at) {
    const auto& turn = **at;
    const auto& order = search.order;
    const bool first = order.idempotency_key.ends_with(":1");
    const bool ours = kind_ == GatewayKind::Recent ? turn.key == order.idempotency_key
                                                   : turn.source_channel == order.source_channel && (first || turn.row_time >= order.handed_over);
    if (!ours) continue;
    seen.found = true;
    seen.superseded = at + 1 != rows.end();
    seen.recovered = turn.again;
    if (turn.ended && turn.status == ReplyStatus::Ok) seen.answer = gateway::Turn::Answer{.text = turn.reply, .stop_reason = {}, .error = {}};
    if (turn.ended && turn.status == ReplyStatus::Error) seen.answer = gateway::Turn::Answer{.text = {}, .stop_reason = "error", .error = "out of order"};
    return seen;
  }
  for (const auto& turn : session.pending) {
    if (turn->key != search.order.idempotency_key) continue;
    seen.queued = turn->boot == boot_;
    seen.abandoned = !seen.queued;
  }
  return seen;
}

body::Reply Gateway::finished(body::Reply reply, const Search& search) {
  if (reply.run_id.empty()) reply.run_id = search.order.idempotency_key;
  reply.session_key = search.order.session_key;
  return reply;
}

void Gateway::look(const core::RunKey& run) {
  const auto found = searches_.find(run);
  if (found == searches_.end() || found->second.connection != connection_) return;
  auto& search = found->second;
  const auto end = [&](core::Event event) {
    searches_.erase(run);
    if (sink_) sink_(std::move(event));
  };
  const auto turn = known(search.order.idempotency_key);
  if (turn && turn->ended && kind_ == GatewayKind::Recent) {
    const bool stopped = turn->status == ReplyStatus::Cancelled;  // agent.wait does not say by whom
    end(core::event::RunEnded{run, finished(stopped ? gateway::failed_reply("the turn failed: timeout") : reply_of(*turn), search)});
    return;
  }
  const bool queued = turn && !turn->begun && kind_ == GatewayKind::Recent;
  const bool ended = turn && turn->ended;
  const auto now = scheduler_.now();
  std::variant<gateway::LookAgain, gateway::Ended, gateway::NotTaken> verdict = gateway::LookAgain{.runs = true};
  if (!queued) {
    verdict = gateway::judge(history_of(search), {.same_boot = is_same_boot(search),
                                                  .keeps_keys = kind_ == GatewayKind::Recent,
                                                  .ended = ended,
                                                  .uptime = std::chrono::duration_cast<milliseconds>(now - booted_),
                                                  .searched = std::chrono::duration_cast<milliseconds>(now - search.began)});
  }
  if (const auto* over = std::get_if<gateway::Ended>(&verdict)) {
    end(core::event::RunEnded{run, finished(over->reply, search)});
    return;
  }
  if (const auto* not_taken = std::get_if<gateway::NotTaken>(&verdict)) {
    end(core::event::RunNotTaken{run, not_taken->reason});
    return;
  }
  const bool runs = std::get<gateway::LookAgain>(verdict).runs;
  if (runs && !std::exchange(search.told_started, true) && sink_) sink_(core::event::RunStarted{run, search.order.idempotency_key});
  scheduler_.after(is_same_boot(search) || runs ? kWait : kLookAgain, [this, run] { look(run); });
}

// ---- echo: in the bridge's own process ----

void Gateway::echo_run(const core::action::StartRun& order) {
  auto turn = std::make_shared<Turn>();
  turn->key = order.idempotency_key;
  turn->session = order.session_key;
  turn->text = order.text;
  turn->run = order.run;
  turns_.insert_or_assign(turn->key, turn);
  report(core::event::RunStarted{order.run, order.idempotency_key});
  // Without a record a turn counts as run from its beginning, with one from its line in it.
  if (kind_ == GatewayKind::Echo) observer_.turn_began(name_, turn->key, turn->session, turn->text);
  scheduler_.after(std::max(duration(), microseconds{10}), [this, turn] { echo_finish(turn); });
}

void Gateway::echo_finish(const TurnRef& turn) {
  const auto running = turns_.find(turn->key);
  if (running == turns_.end() || running->second != turn) return;  // ended, or gone with its process
  turns_.erase(running);
  if (kind_ == GatewayKind::RecordingEcho) {
    observer_.turn_began(name_, turn->key, turn->session, turn->text);
    record_.insert(turn->run.id + " " + turn->text);
  }
  turn->reply = "echo: " + turn->text;
  observer_.turn_finished(turn->key, ReplyStatus::Ok, turn->reply);
  if (sink_) sink_(core::event::RunEnded{turn->run, reply_of(*turn)});
}

void Gateway::echo_abort(const core::action::AbortRun& order) {
  const auto found = turns_.find(order.idempotency_key);
  if (found == turns_.end()) {
    report(core::event::AbortRefused{order.run, "the turn has ended"});
    return;
  }
  const auto turn = found->second;
  turns_.erase(found);
  trace_.count("turns stopped");
  if (kind_ == GatewayKind::Echo) observer_.turn_finished(turn->key, ReplyStatus::Cancelled, {});  // (in no record it never was)
  auto reply = gateway::cancelled_reply();
  reply.run_id = order.idempotency_key;
  reply.session_key = order.session_key;
  report(core::event::RunEnded{order.run, std::move(reply)});
}

void Gateway::echo_recover(const core::action::RecoverRun& order) {
  const Search search{order, {}, false, 0};
  if (turns_.contains(order.idempotency_key)) {
    report(core::event::RunStarted{order.run, order.idempotency_key});
  } else if (kind_ == GatewayKind::Echo) {
    report(core::event::RunEnded{order.run, finished(gateway::interrupted_reply("the echo gateway restarted during the turn and keeps no record"), search)});
  } else if (record_.contains(order.run.id + " " + order.text)) {
    report(core::event::RunEnded{order.run, finished(gateway::make_reply(ReplyStatus::Ok, "echo: " + order.text), search)});
  } else {
    report(core::event::RunNotTaken{order.run, "the echo gateway has no record of this turn"});
  }
}

}  // namespace clawbridge::sim
