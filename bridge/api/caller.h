// Who calls.
#pragma once

#include <string>
#include <string_view>

#include "topics/address.h"
#include "topics/result.h"

namespace clawbridge::api {

/// Who may look at everything here and change nothing (in the settings: config::kWatchCaller). Never on the wire, and no agent id.
inline constexpr std::string_view kWatchCaller = "_watch";

/// A local agent and its session, or a person: the operator (`_bridge`, the default), or one who only looks (`_watch`).
struct Caller {
  std::string agent;
  std::string session;

  [[nodiscard]] bool is_operator() const { return agent == kBridgeAgent; }
  /// May see all that the operator sees, and change nothing.
  [[nodiscard]] bool is_watcher() const { return agent == kWatchCaller; }
  [[nodiscard]] bool is_person() const { return is_operator() || is_watcher(); }
};

/// From the headers X-Claw-Agent (or the owner of a token) and X-Claw-Session; empty: not given. BadRequest for what is
/// no agent id, and for a session that is none: too long, not UTF-8, with control characters, not `agent:<agent>:…`, or
/// a person's. Forbidden for a session of another agent.
[[nodiscard]] Result<Caller> parse_caller(std::string_view agent, std::string_view session);

}  // namespace clawbridge::api
