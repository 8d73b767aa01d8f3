// The local agent gateway as the core sees it: it is asked to resolve sessions and to run turns, and reports by events.
//
// One implementation per kind: openclaw.h, echo.h, command.h. Each is constructed with the io_context whose one thread owns it, a
// plain settings struct, and the sink that its events go to.
#pragma once

#include <string>

#include "bridge/core/action.h"

namespace clawbridge::gateway {

/// What the key of every session of an agent begins with.
[[nodiscard]] inline std::string agent_prefix(const std::string& agent) {
  return "agent:" + agent + ":";
}

/// All calls on the io thread. No call blocks; every answer is an event, later, never from inside the call.
///
/// Events: GatewayUp once agents are known, GatewayDown for every lost connection and every failed attempt to connect,
/// GatewayAgents when the agents changed in between. A run that was handed over and whose fate is unknown when the
/// connection ends is reported RunLost, after GatewayDown; the gateway keeps no memory of it: the core asks with
/// RecoverRun after the next GatewayUp.
class Gateway {
 public:
  virtual ~Gateway() = default;

  /// Connects, and goes on connecting until stop(). Call once.
  virtual void start() = 0;

  /// Answered by SessionResolved.
  virtual void carry_out(const core::action::ResolveSession& order) = 0;
  /// Answered by RunStarted and RunEnded, or RunNotTaken, or RunLost. Between them RunProgress, when it asks for it.
  virtual void carry_out(const core::action::StartRun& order) = 0;
  /// Answered by RunEnded, whatever the turn's outcome then is, or AbortRefused, or RunLost.
  virtual void carry_out(const core::action::AbortRun& order) = 0;
  /// Answered by RunStarted (it still runs) and RunEnded, or RunNotTaken, or RunLost (ask again after GatewayUp).
  /// The core asks for every turn of an earlier life of the bridge before it orders the first StartRun.
  virtual void carry_out(const core::action::RecoverRun& order) = 0;
  /// Answered by SessionsRead.
  virtual void carry_out(const core::action::ReadSessions& order) = 0;
  /// No answer. Whatever is kept to answer RecoverRun for this run may go.
  virtual void carry_out(const core::action::ForgetRun& order) = 0;

  /// Closes the connection; no event comes after it. Destroying without stop() does the same.
  virtual void stop() = 0;
};

}  // namespace clawbridge::gateway
