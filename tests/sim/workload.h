// What local agents and people ask of the bridges: every text once, few lanes, so that they are deep.
#pragma once

#include <memory>
#include <vector>

#include "tests/sim/node.h"

namespace clawbridge::sim {

class Workload {
 public:
  Workload(Surroundings world, std::vector<std::unique_ptr<Node>>& nodes, Dice dice) : world_(world), nodes_(nodes), dice_(dice) {}

  /// Draws when what is asked, over phase one.
  void start();

 private:
  void send();
  [[nodiscard]] core::event::LocalSpawn spawn_like(const core::event::LocalSend& send);
  void ask_again();
  void cancel();
  void deal_with_dead();

  Surroundings world_;
  std::vector<std::unique_ptr<Node>>& nodes_;
  Dice dice_;
  std::uint64_t texts_ = 0;
};

}  // namespace clawbridge::sim
