// Who may ask what, judged a second time and independently of bridge/core/policy: the simulator's rules are simple enough.
#pragma once

#include <optional>
#include <string>

#include "bridge/core/journal.h"
#include "tests/sim/site.h"

namespace clawbridge::sim {

/// Why the site must not take that request now; nothing when it may. A session named by a label is judged by forbidden_session().
[[nodiscard]] std::optional<std::string> forbidden(const Site& site, const core::IncomingRecord& record);

/// Why the turn must not begin: what the rules in force say of the session it was found to be in.
[[nodiscard]] std::optional<std::string> forbidden_session(const Site& site, const core::IncomingRecord& record);

}  // namespace clawbridge::sim
