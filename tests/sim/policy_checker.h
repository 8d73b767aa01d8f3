// Who may ask what, judged a second time and independently of bridge/core/policy: the simulator's rules are simple enough.
#pragma once

#include <optional>
#include <string>

#include "bridge/core/journal.h"
#include "tests/sim/site.h"

namespace clawbridge::sim {

/// Why the site must not take that request now; nothing when it may. A session named by a label is judged by forbidden_session().
[[nodiscard]] std::optional<std::string> forbidden(const Site& site, const core::IncomingRecord& record);

/// Why the turn must not begin: what the rules say of the session it was found to be in. They may have been replaced since it was
/// found, which no journal shows: any that were in force since the request was `taken` will do.
[[nodiscard]] std::optional<std::string> forbidden_session(const Site& site, const core::IncomingRecord& record, Instant taken);

}  // namespace clawbridge::sim
