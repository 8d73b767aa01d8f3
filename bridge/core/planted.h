// Bugs that the simulator must find (tests/sim): each is a promise broken on purpose, in one line of the core. In every build
// but the simulator's own they are constantly off, and the compiler removes them.
#pragma once

#ifdef CLAWBRIDGE_PLANTED_BUGS
#include <optional>
#endif

namespace clawbridge::core {

enum class Planted {
  ExpiryBeforeKnownIds,        // an expired duplicate is answered by its expiry, not by what became of it
  RejectionNotJournaled,
  StagePublishedBeforeStored,
  PurgeWithoutMarks,
  CancelWithoutTombstone,
  LaneOrderAcrossLoss,         // the next of a lane leaves before the one before it has a receipt
  ReplyForgottenBeforeAck,
  BlindResend,                 // after a restart of the gateway the turn is handed over again instead of looked for
};

#ifdef CLAWBRIDGE_PLANTED_BUGS
/// Chosen once, before any core is made.
inline std::optional<Planted> planted_bug;
inline bool planted(Planted bug) { return planted_bug == bug; }
#else
constexpr bool planted(Planted) { return false; }
#endif

}  // namespace clawbridge::core
