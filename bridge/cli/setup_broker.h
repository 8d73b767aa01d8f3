// Which broker `init` takes, and how this machine logs in there.
#pragma once

#include "bridge/cli/setup_plan.h"

namespace clawbridge::cli {

/// Puts the broker of the options into the plan; else one that answers on this machine, else one that the local network
/// announces, else the one that a person names.
void choose_broker(const Context& context, const SetupPlace& place, const SetupOptions& options, SetupPlan& plan);

/// Puts the broker of the token into the plan.
void take_broker(const SetupPlace& place, const SetupOptions& options, const setup::JoinToken& token, SetupPlan& plan);

}  // namespace clawbridge::cli
