// One run: several bridges around one broker, what is asked of them and what goes wrong, in two phases. In the first the checkers
// watch that nothing unsafe happens; then everything is healed, and every exchange must come to its end.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/sim/node.h"
#include "tests/sim/workload.h"

namespace clawbridge::sim {

struct Outcome {
  std::uint64_t hash = 0;
  Counts counts;
  std::vector<std::string> violations;  // empty: all is well
};

/// The whole run of a seed. `readable`: prints what happens.
[[nodiscard]] Outcome run_seed(std::uint64_t seed, bool readable);

class World {
 public:
  World(const RunOptions& options, bool readable);
  [[nodiscard]] Outcome run();

 private:
  [[nodiscard]] bool going_well() const { return trace_.violations().empty(); }
  /// Until then, or until something is violated.
  void run_until(Instant end);
  /// Until everything is over, at most that long. False when it is not.
  bool converge(std::chrono::microseconds time);

  void start_bridges();
  void schedule_faults();
  void schedule(unsigned count, std::function<void()> fault);
  void died(Node& node, bool crashed);
  void change_settings(Node& node);
  void draw_policy(std::vector<core::PolicyRule>& policy, bool with_denials);
  void reload(Node& node);
  void rotate_keys(Node& node);
  void jump_clocks();
  void revoke();
  void trust(Node& here, const Node& there);
  void heal();
  void trust_all();
  void let_time_pass(std::chrono::milliseconds time);
  [[nodiscard]] Node& any() { return *nodes_[dice_.below(nodes_.size())]; }

  const RunOptions options_;
  Scheduler scheduler_;
  Trace trace_;
  Dice dice_;
  Broker broker_;
  ExchangeChecker exchanges_;
  Surroundings surroundings_;
  std::vector<std::unique_ptr<Node>> nodes_;
  Workload workload_;
  CheapCryptography crypto_;
  std::vector<unsigned> key_generations_;
  std::chrono::milliseconds world_clock_off_{0};  // of time that passed everywhere while nobody was awake
  bool healed_ = false;
};

}  // namespace clawbridge::sim
