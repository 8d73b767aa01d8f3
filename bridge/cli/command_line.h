// Reading the command line: which command, with which options; and the help texts.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "bridge/cli/commands.h"
#include "bridge/cli/describe.h"

namespace clawbridge::cli {

/// What to do. For --help and --version it prints the text that was asked for.
using Command = std::function<ExitCode()>;

/// `words`: the arguments without the program's name. Sets the global options of `context`, which must outlive the
/// command. Throws Failure (usage), with a suggestion where one word is nearly another.
[[nodiscard]] Command read_command_line(const std::vector<std::string>& words, Context& context);

/// Every command and option there is.
[[nodiscard]] CommandDescription describe_program(Context& context);

}  // namespace clawbridge::cli
