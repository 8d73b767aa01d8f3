// What the checkers may know of one bridge: nothing of its core's memory, only what survives it and what its machine shows.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "bridge/core/options.h"
#include "tests/sim/journal.h"

namespace clawbridge::sim {

struct Site {
  std::string name;
  core::Options options;               // in force; changed at restarts and by the step that takes others
  struct FormerPolicy {
    std::vector<core::PolicyRule> rules;
    Instant until{};
  };
  std::vector<FormerPolicy> former_policies;  // of this process
  std::unique_ptr<Journal> journal;
  unsigned journals = 1;               // how many it has had
  std::chrono::milliseconds clock_off{0};
  std::function<WallTime()> clock;
  WallTime decided{};                  // the wall clock when what is being committed was decided
};

}  // namespace clawbridge::sim
