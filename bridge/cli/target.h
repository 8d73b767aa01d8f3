// Whom a message is for, as a person writes it: `imac/jarvis`, `agent:jarvis:main`, `imac/agent:jarvis:main`, `jarvis`.
#pragma once

#include <string>

#include "bridge/cli/client.h"

namespace clawbridge::cli {

/// The target arguments of sessions_send. Empty: not given.
struct Target {
  std::string gateway;
  std::string agent;  // id or remote_agents name
  std::string session_key;
  std::string label;

  friend bool operator==(const Target&, const Target&) = default;
};

/// `label`, `session`: from --label and --session, empty when not given; at most one of them.
///   gateway/agent            that agent's default session, or the one with that label or key
///   gateway/agent:ID:REST    that session on that gateway
///   agent:ID:REST            that session, wherever the daemon finds it
///   NAME                     an agent or remote_agents name; with --label a gateway
/// Throws Failure (usage) for anything else.
[[nodiscard]] Target parse_target(const std::string& text, const std::string& label, const std::string& session);

/// Whom `--as` names: a local agent (`main`), or one of its sessions (`agent:main:main`), to which a late reply then comes.
/// Empty: a person. Throws Failure (usage) for anything else.
[[nodiscard]] Caller parse_caller(const std::string& text);

}  // namespace clawbridge::cli
