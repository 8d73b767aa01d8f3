// What the adapters ask of the machine they run on.
#pragma once

#include <string>

namespace clawbridge::gateway {

/// Names the present start of this machine; another text after each. Where the system tells none: another one in each process, so
/// that nothing is concluded from what is missing. Any thread.
[[nodiscard]] const std::string& machine_boot_id();

/// 32 hex digits from the system's randomness. Any thread.
[[nodiscard]] std::string random_id();

}  // namespace clawbridge::gateway
