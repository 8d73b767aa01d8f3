// Questions to a person at a terminal. Asked on stderr, so that stdout stays the answer of the command.
#pragma once

#include <optional>
#include <string>

#include "bridge/cli/commands.h"

namespace clawbridge::cli {

/// Whether there is somebody to ask: a terminal, and no --json.
[[nodiscard]] bool can_ask(const Context& context);

/// A line without the blanks around it; nothing at the end of the input.
[[nodiscard]] std::optional<std::string> ask(const Context& context, const std::string& question);

/// Yes at once when `given` says so, no likewise; else the person's word, `otherwise` when they only press Enter or
/// nobody can be asked.
[[nodiscard]] bool confirm(const Context& context, const std::string& question, std::optional<bool> given,
                           bool otherwise_asked, bool otherwise);

}  // namespace clawbridge::cli
