// Questions about sessions, for the kinds of gateway that have few sessions and know them all: `echo` and `command`. Pure.
#pragma once

#include <string>
#include <vector>

#include "bridge/core/action.h"
#include "bridge/gateway/sessions.h"
#include "topics/result.h"
#include "topics/time.h"

namespace clawbridge::gateway {

/// One of them. What it does not know stays empty.
struct LocalSession {
  std::string key;
  std::string label;
  WallTime updated{};  // its last turn began
  bool is_running = false;
};

/// The listing for a sessions_list or session_status. REQUIRES: it is one of those.
[[nodiscard]] Result<std::string> tell_sessions(const core::action::ReadSessions& order, const std::vector<LocalSession>& sessions, WallTime now);

/// The key of the session that is asked about; an Error when it is of another agent. REQUIRES: a history or a status.
[[nodiscard]] Result<std::string> asked_session(const core::action::ReadSessions& order);

}  // namespace clawbridge::gateway
