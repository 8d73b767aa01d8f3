// The words of the setup commands on the command line; command_line.cpp declares all the others.
#pragma once

#include "bridge/cli/command_line.h"

namespace CLI {
class App;
}

namespace clawbridge::cli {

/// Adds `init`, `join`, `invite`, `service` and `uninstall`, and `manual` and `completion`, which are not shown. When
/// one of them is on the command line, `chosen` becomes what it does. `context` and `chosen` must outlive `app`.
void declare_setup(CLI::App& app, Context& context, Command& chosen);

}  // namespace clawbridge::cli
