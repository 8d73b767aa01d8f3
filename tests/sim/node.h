// One virtual bridge: a real core between a virtual journal, a virtual gateway and the virtual broker. It does what
// bridge/runtime and bridge/main.cpp do: every event that waits goes through the core, its store orders are applied as they
// come, then one commit, then everything else that was ordered. It can die between any two of these.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "bridge/core/core.h"
#include "tests/sim/broker.h"
#include "tests/sim/cryptography.h"
#include "tests/sim/exchange_checker.h"
#include "tests/sim/gateway.h"
#include "tests/sim/options.h"
#include "tests/sim/site.h"
#include "tests/sim/wire_checker.h"

namespace clawbridge::sim {

/// What a node lives in.
struct Surroundings {
  Scheduler& scheduler;
  Trace& trace;
  const RunOptions& options;
  Broker& broker;
  ExchangeChecker& exchanges;
};

class Node final : private CommitObserver {
 public:
  Node(std::size_t number, std::string name, std::vector<std::string> agents, Surroundings world, Dice dice);
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  // ---- its process ----
  /// `lose_journal`: from an empty one. `settings` may change what is in force.
  void boot(bool lose_journal);
  void crash();
  void shut_down();
  [[nodiscard]] bool running() const { return core_ != nullptr; }
  /// It runs, and nothing waits to be taken or carried out.
  [[nodiscard]] bool idle() const { return running() && events_.empty() && pending_.empty(); }
  [[nodiscard]] unsigned lives() const { return life_; }

  // ---- its machine ----
  /// Stops the process for a while, without its knowing.
  void pause(std::chrono::microseconds time);
  void fill_disk(std::chrono::microseconds time);
  void jump_clock(std::chrono::milliseconds by);
  void set_clock(std::chrono::milliseconds off);
  /// In so many micro-steps it dies; 0: not.
  void die_in(std::uint64_t micro_steps) { dies_in_ = micro_steps; }
  /// Called when it has died by itself, or has stopped when told to.
  std::function<void(bool crashed)> on_death;
  void heal();
  /// Other settings, while it runs. They hold from the step that takes them; one that has not taken them when it dies never has them.
  void change(std::shared_ptr<const core::Changeable> to);

  // ---- local callers ----
  core::Ticket ask(core::event::LocalSend send);
  core::Ticket ask(core::event::LocalSpawn spawn);
  core::Ticket ask(core::event::LocalWait wait);
  core::Ticket ask(core::event::LocalCancel cancel);
  core::Ticket ask(core::event::LocalAsk ask);
  void ask(core::event::LocalReplay replay);
  void ask(core::event::LocalDrop drop);
  void leave(core::Ticket ticket);
  void ask(core::event::LocalTrust trust);
  void ask(core::event::LocalRevoke revoke);
  /// Callers that should have had their answer.
  void check_answers();

  [[nodiscard]] Site& site() { return site_; }
  [[nodiscard]] const Site& site() const { return site_; }
  [[nodiscard]] Gateway& gateway() { return gateway_; }
  [[nodiscard]] const std::vector<std::string>& agents() const { return agents_; }

 private:
  void post(core::Event event);
  void schedule_turn(std::chrono::microseconds delay);
  void turn();
  void take_settings(const core::Changeable& to);
  void commit_and_act();
  void act();
  void arm_timer();
  [[nodiscard]] bool dies_here();
  /// Memory is gone, and what was not committed.
  void end_process();
  void begin_wait(const core::Event& event);
  void check_step(const core::Event& event, std::size_t actions);
  void note(const core::action::Note& note);
  template <class Request>
  core::Ticket ask_core(Request request, std::chrono::microseconds wait, bool is_asker = false);
  [[nodiscard]] Now clocks() const;

  void carry_out(core::action::Store&) {}
  void carry_out(core::action::ConnectBroker& order) { world_.broker.connect(number_, order); }
  void carry_out(core::action::DisconnectBroker&) { world_.broker.disconnect(number_); }
  void carry_out(core::action::Subscribe& order) { world_.broker.subscribe(number_, order); }
  void carry_out(core::action::Publish& order);
  void carry_out(core::action::ResolveSession& order) { gateway_.carry_out(order); }
  void carry_out(core::action::StartRun& order) { gateway_.carry_out(order); }
  void carry_out(core::action::AbortRun& order) { gateway_.carry_out(order); }
  void carry_out(core::action::RecoverRun& order) { gateway_.carry_out(order); }
  void carry_out(core::action::ForgetRun&) {}
  void carry_out(core::action::ReadSessions&) {}
  void carry_out(core::action::Progress&) {}
  void carry_out(core::action::Answer& answer);
  void carry_out(core::action::Note& order) { note(order); }
  void carry_out(core::action::Stopped&);

  void outgoing_committed(const core::OutgoingRecord* before, const core::OutgoingRecord* after) override;
  void incoming_committed(const core::IncomingRecord* before, const core::IncomingRecord* after) override;

  const std::size_t number_;
  const std::vector<std::string> agents_;
  Surroundings world_;
  Dice dice_;
  Site site_;
  CheapCryptography crypto_;
  Gateway gateway_;
  WireChecker wire_;

  unsigned life_ = 0;
  std::unique_ptr<Dice> random_;
  std::unique_ptr<core::Core> core_;
  std::deque<core::Event> events_;
  core::Actions pending_;            // of this turn, waiting for the commit
  bool turn_pending_ = false;
  bool commit_failing_ = false;
  bool disk_full_ = false;
  unsigned disk_fills_ = 0;
  bool paused_ = false;
  unsigned pauses_ = 0;
  bool stopping_ = false;
  bool healed_ = false;
  std::uint64_t dies_in_ = 0;
  std::optional<Instant> armed_;
  unsigned ticks_in_place_ = 0;      // without the time having moved
  Instant ticked_{};
  core::Ticket next_ticket_ = 1;
  struct Caller {
    std::chrono::microseconds wait{};
    bool is_asker = false;           // an agent's own call, which tells it the end
    std::optional<Instant> latest;   // when it must have been answered; nothing while its request waits with the events
  };
  std::map<core::Ticket, Caller> callers_;
};

}  // namespace clawbridge::sim
