// Late replies: an exchange that ends when the asking agent no longer waits for it becomes a turn of the asking session, as
// another session's message. The turn is journaled in the same transaction as the end, under the exchange's own id: so it
// happens exactly once, whatever dies in between.
#pragma once

#include "bridge/core/context.h"

namespace clawbridge::core {

/// Stands where a peer's gateway does. No gateway's name begins with `_`.
inline constexpr std::string_view kLateGateway = "_late";

/// The turn that tells of the end. `reply`: nothing when the requester itself ended it. REQUIRES: `ended.asker` is a session.
[[nodiscard]] IncomingRecord late_turn(const Context& context, const OutgoingRecord& ended, const body::Reply* reply);

}  // namespace clawbridge::core
