// The page CLI.md: every command with its options, and the exit codes.
#pragma once

#include <string>

#include "bridge/cli/describe.h"

namespace clawbridge::cli {

/// Pure.
[[nodiscard]] std::string command_reference(const CommandDescription& program);

}  // namespace clawbridge::cli
