// Events and actions as one number for the trace's hash, and as a line for a person.
#pragma once

#include <cstdint>
#include <string>

#include "bridge/core/action.h"

namespace clawbridge::sim {

[[nodiscard]] std::uint64_t hash_of(const core::Event& event);
[[nodiscard]] std::uint64_t hash_of(const core::Action& action);
[[nodiscard]] std::string describe(const core::Event& event);
[[nodiscard]] std::string describe(const core::Action& action);

}  // namespace clawbridge::sim
