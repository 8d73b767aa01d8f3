#include "tests/sim/node.h"

#include <algorithm>

#include "tests/sim/describe.h"

namespace clawbridge::sim {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

const WallTime kStart = *parse_time("2026-11-22T16:20:00.000Z");
constexpr std::size_t kEventsPerTurn = 512;
constexpr microseconds kCommitRetry = seconds{1};
constexpr std::size_t kActionsPerStepMax = 4'000;
constexpr unsigned kTicksInPlaceMax = 20;
constexpr microseconds kAnswerSlack = seconds{5};

// What an operator must hear of although nothing is wrong with the bridge: the faults of this world.
constexpr std::string_view kErrorsAllowed[] = {
    "broker.not_delivering",  // messages to oneself are lost, too
    "peer.key_changed",       // keys made anew
    "link.name_conflict",     // a lost journal, and the old incarnation's answer
    "turn.dead_letter",       // a gateway that went down again and again
};

std::string incarnation_of(std::string_view name, unsigned number) {
  std::array<std::uint8_t, 16> bytes{};
  Dice(hash_of(name) + number).fill(bytes);
  return hex_encode(bytes);
}

}  // namespace

Node::Node(std::size_t number, std::string name, std::vector<std::string> agents, Surroundings world, Dice dice)
    : number_(number),
      agents_(std::move(agents)),
      world_(world),
      dice_(dice),
      site_{name, {}, {}, std::make_unique<Journal>(incarnation_of(name, 1)), 1, {}, {}, {}},
      gateway_(name, world.options.gateways[number], agents_, [this] { return site_.clock(); }, world.options, world.scheduler, world.trace, world.exchanges, dice_.fork()),
      wire_(site_, world.trace, world.exchanges) {
  site_.clock = [this] {
    const auto passed = world_.scheduler.now().time_since_epoch() - std::chrono::hours{1};
    return kStart + std::chrono::duration_cast<milliseconds>(passed) + site_.clock_off;
  };
  auto& options = site_.options;
  options.gateway = std::move(name);
  options.version = "sim";
  options.gateway_kind = "test";
  options.join_secret = std::string(16, 'j');
  options.keys = make_keys(options.gateway, 0);
  options.seal = world.options.seal;
  options.limits = world.options.limits;
  world_.broker.add_client(site_.name, [this](core::Event event) { post(std::move(event)); });
}

Now Node::clocks() const { return {world_.scheduler.now(), site_.clock()}; }

// ---- the process ----

void Node::boot(bool lose_journal) {
  ++life_;
  site_.former_policies.clear();
  if (lose_journal) {
    world_.trace.count("journals lost");
    world_.exchanges.journal_lost(site_);
    ++site_.journals;
    site_.journal = std::make_unique<Journal>(incarnation_of(site_.name, site_.journals));
  }
  world_.trace.line(site_.name, "boot", lose_journal ? 1 : 0, [&] { return site_.journal->incarnation().substr(0, 8); });
  random_ = std::make_unique<Dice>(dice_.fork());
  core_ = std::make_unique<core::Core>(site_.options, site_.journal->restore(), *site_.journal, crypto_, *random_);
  stopping_ = false;
  gateway_.attach([this](core::Event event) { post(std::move(event)); });
  post(core::event::Tick{});
}

void Node::crash() {
  if (!running()) return;
  world_.trace.line(site_.name, "crash");
  end_process();
  world_.broker.vanish(number_);
}

void Node::end_process() {
  gateway_.detach();
  core_.reset();
  site_.journal->roll_back();
  events_.clear();
  pending_.clear();
  turn_pending_ = false;
  commit_failing_ = false;
  paused_ = false;
  ++pauses_;
  armed_.reset();
  callers_.clear();
  wire_.restarted();
  ++life_;
}

void Node::shut_down() {
  if (!running() || std::exchange(stopping_, true)) return;
  world_.trace.count("shutdowns");
  post(core::event::Shutdown{});
}

void Node::carry_out(core::action::Stopped&) {
  world_.trace.line(site_.name, "stopped");
  end_process();  // the connection to the broker was closed in order
  on_death(false);
}

bool Node::dies_here() {
  if (dies_in_ == 0 || --dies_in_ != 0) return false;
  world_.trace.count("crashes");
  crash();
  on_death(true);
  return true;
}

void Node::change(std::shared_ptr<const core::Changeable> to) {
  post(core::event::SettingsChanged{std::move(to)});
}

// ---- the loop: see bridge/runtime/runtime.cpp ----

void Node::post(core::Event event) {
  if (!running()) return;
  events_.push_back(std::move(event));
  schedule_turn(dice_.time(microseconds{0}, microseconds{200}));
}

void Node::schedule_turn(microseconds delay) {
  if (turn_pending_ || commit_failing_ || paused_) return;
  turn_pending_ = true;
  world_.scheduler.after(delay, [this, life = life_] {
    if (life != life_) return;
    turn_pending_ = false;
    if (!paused_) turn();
  });
}

void Node::turn() {
  const auto now = clocks();
  site_.decided = now.wall;
  for (std::size_t taken = 0; taken < kEventsPerTurn && !events_.empty(); ++taken) {
    if (dies_here()) return;
    // Alone in its commit: checkers judge what is committed by the settings that are in force then.
    const bool changes = std::holds_alternative<core::event::SettingsChanged>(events_.front());
    if (changes && taken != 0) break;
    const auto event = std::move(events_.front());
    events_.pop_front();
    if (changes) take_settings(*std::get<core::event::SettingsChanged>(event).to);
    world_.trace.line(site_.name, "event", hash_of(event), [&] { return describe(event); });
    begin_wait(event);
    auto actions = core_->step(now, event);
    check_step(event, actions.size());
    for (auto& action : actions) {
      if (const auto* store = std::get_if<core::action::Store>(&action)) {
        if (dies_here()) return;
        world_.trace.line(site_.name, "store", store->order.index(), [&] { return describe(action); });
        site_.journal->apply(store->order);
      } else {
        pending_.push_back(std::move(action));
      }
    }
    if (changes) break;
  }
  commit_and_act();
}

void Node::take_settings(const core::Changeable& to) {
  world_.trace.count("settings read again");
  site_.former_policies.push_back({std::move(site_.options.policy), world_.scheduler.now()});
  static_cast<core::Changeable&>(site_.options) = to;
}

void Node::commit_and_act() {
  if (dies_here()) return;
  if (disk_full_) {
    world_.trace.count("commits that failed");
    commit_failing_ = true;
    world_.scheduler.after(kCommitRetry, [this, life = life_] {
      if (life == life_) commit_and_act();
    });
    return;
  }
  commit_failing_ = false;
  site_.journal->commit(*this);
  const auto life = life_;
  act();
  if (life != life_) return;
  arm_timer();
  if (!events_.empty()) schedule_turn(microseconds{0});
}

void Node::act() {
  auto actions = std::exchange(pending_, {});
  const auto life = life_;
  for (auto& action : actions) {
    if (dies_here()) return;
    world_.trace.line(site_.name, "action", hash_of(action), [&] { return describe(action); });
    std::visit([this](auto& order) { carry_out(order); }, action);
    if (life != life_) return;
  }
}

void Node::arm_timer() {
  const auto next = core_->next_deadline();
  if (next == armed_) return;
  armed_ = next;
  if (!next) return;
  const auto late = world_.options.tick_late.count() == 0 ? microseconds{0} : dice_.time(microseconds{0}, world_.options.tick_late);
  world_.scheduler.at(*next + late, [this, life = life_, next] {
    if (life != life_ || armed_ != next) return;
    armed_.reset();
    post(core::event::Tick{});
  });
}

// ---- checks of single steps ----

// A caller's wait begins when the core hears of it.
void Node::begin_wait(const core::Event& event) {
  std::visit(
      [this](const auto& request) {
        if constexpr (requires { request.ticket; }) {
          const auto caller = callers_.find(request.ticket);
          if (caller != callers_.end()) caller->second.latest = world_.scheduler.now() + caller->second.wait + world_.options.tick_late + kAnswerSlack;
        }
      },
      event);
}

void Node::check_step(const core::Event& event, std::size_t actions) {
  world_.trace.count("steps");
  if (actions > kActionsPerStepMax) {
    world_.trace.violation("endless", site_.name + " ordered " + std::to_string(actions) + " things in one step, after " + describe(event));
  }
  if (!std::holds_alternative<core::event::Tick>(event)) return;
  const auto now = world_.scheduler.now();
  const auto next = core_->next_deadline();
  if (now - ticked_ > microseconds{1'000} || !next || *next > now) ticks_in_place_ = 0;
  ticked_ = now;
  if (++ticks_in_place_ > kTicksInPlaceMax) world_.trace.violation("endless", site_.name + " wants one tick after another without the time moving on");
}

void Node::note(const core::action::Note& note) {
  const auto field = [&](std::string_view name) -> std::string {
    for (const auto& [key, value] : note.fields) {
      if (key == name) return value;
    }
    return {};
  };
  if (note.name == "request.refused_here" && field("code") != "journal_changed") world_.exchanges.may_wait(field("peer"), field("cid"));
  if (note.level != core::action::Level::Error) return;
  if (std::find(std::begin(kErrorsAllowed), std::end(kErrorsAllowed), note.name) != std::end(kErrorsAllowed)) return;
  world_.trace.violation("error note", site_.name + ": " + std::string(note.name) + " " + field("reason"));
}

void Node::carry_out(core::action::Publish& order) {
  wire_.published(order);
  world_.broker.publish(number_, order);
}

void Node::outgoing_committed(const core::OutgoingRecord* before, const core::OutgoingRecord* after) { world_.exchanges.outgoing_committed(site_, before, after); }

void Node::incoming_committed(const core::IncomingRecord* before, const core::IncomingRecord* after) { world_.exchanges.incoming_committed(site_, before, after); }

// ---- local callers ----

template <class Request>
core::Ticket Node::ask_core(Request request, microseconds wait, bool is_asker) {
  if (!running()) return 0;
  request.ticket = next_ticket_++;
  callers_.emplace(request.ticket, Caller{wait, is_asker, std::nullopt});
  const auto ticket = request.ticket;
  post(std::move(request));
  return ticket;
}

core::Ticket Node::ask(core::event::LocalSend send) {
  const auto wait = send.wait;
  return ask_core(std::move(send), wait, true);
}
core::Ticket Node::ask(core::event::LocalSpawn spawn) {
  const auto wait = spawn.wait;
  return ask_core(std::move(spawn), wait, true);
}
core::Ticket Node::ask(core::event::LocalWait wait) {
  const auto time = wait.wait;
  return ask_core(std::move(wait), time);
}
core::Ticket Node::ask(core::event::LocalCancel cancel) {
  const auto wait = cancel.wait;
  return ask_core(std::move(cancel), wait);
}
core::Ticket Node::ask(core::event::LocalAsk ask) {
  const auto wait = ask.wait;
  return ask_core(std::move(ask), wait);
}
void Node::ask(core::event::LocalReplay replay) {
  world_.exchanges.may_run_again(site_.name, replay.id);
  (void)ask_core(std::move(replay), microseconds{0});
}
void Node::ask(core::event::LocalDrop drop) { (void)ask_core(std::move(drop), microseconds{0}); }
void Node::ask(core::event::LocalTrust trust) { (void)ask_core(std::move(trust), microseconds{0}); }
void Node::ask(core::event::LocalRevoke revoke) { (void)ask_core(std::move(revoke), microseconds{0}); }

void Node::leave(core::Ticket ticket) {
  if (callers_.erase(ticket) != 0) post(core::event::LocalGone{ticket});
}

void Node::carry_out(core::action::Answer& answer) {
  const auto caller = callers_.extract(answer.ticket);
  if (caller.empty()) return;
  world_.trace.count("callers answered");
  if (const auto* sent = std::get_if<core::SendResult>(&answer.result)) world_.exchanges.answered(site_, *sent, caller.mapped().is_asker);
  if (const auto* cancelled = std::get_if<core::CancelResult>(&answer.result)) world_.exchanges.answered(site_, *cancelled);
}

void Node::check_answers() {
  for (const auto& [ticket, caller] : callers_) {
    if (caller.latest && *caller.latest < world_.scheduler.now()) world_.trace.violation("no answer", site_.name + " has not answered caller " + std::to_string(ticket) + " when its wait was over");
  }
}

// ---- the machine ----

void Node::pause(microseconds time) {
  if (!running() || paused_) return;
  world_.trace.line(site_.name, "paused", static_cast<std::uint64_t>(time.count()));
  world_.trace.count("pauses");
  paused_ = true;
  world_.broker.cut(number_, true, true, time);
  for (auto& [ticket, caller] : callers_) caller.wait += time;
  for (auto& [ticket, caller] : callers_) {
    if (caller.latest) *caller.latest += time;
  }
  world_.scheduler.after(time, [this, life = life_, pause = ++pauses_] {
    if (life != life_ || pause != pauses_) return;
    paused_ = false;
    if (!events_.empty()) schedule_turn(microseconds{0});
  });
}

void Node::fill_disk(microseconds time) {
  world_.trace.line(site_.name, "disk.full");
  disk_full_ = true;
  for (auto& [ticket, caller] : callers_) {
    caller.wait += time + kCommitRetry;
    if (caller.latest) *caller.latest += time + kCommitRetry;
  }
  world_.scheduler.after(time, [this, fill = ++disk_fills_] {
    if (fill == disk_fills_) disk_full_ = false;
  });
}

void Node::jump_clock(milliseconds by) { set_clock(site_.clock_off + by); }

void Node::set_clock(milliseconds off) {
  world_.trace.line(site_.name, "clock", static_cast<std::uint64_t>(off.count()), [&] { return std::to_string(off.count() / 1000) + " s off"; });
  site_.clock_off = off;
}

void Node::heal() {
  healed_ = true;
  dies_in_ = 0;
  disk_full_ = false;
  ++disk_fills_;
  paused_ = false;
  ++pauses_;
  if (running() && !events_.empty()) schedule_turn(microseconds{0});
}

}  // namespace clawbridge::sim
