// Whether `init` and `join` switch the web page on, where, and with which token.
#pragma once

#include "bridge/cli/setup_plan.h"

namespace clawbridge::cli {

/// Puts api.listen and a token for the person into the plan, if the options say so or the person does.
void plan_page(const Context& context, const SetupPlace& place, const SetupOptions& options, SetupPlan& plan);

}  // namespace clawbridge::cli
