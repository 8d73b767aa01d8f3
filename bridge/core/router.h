// Where a local caller's message goes: from what was typed to one gateway, agent and session. Pure.
#pragma once

#include <string>
#include <vector>

#include "bridge/core/context.h"
#include "bridge/core/peers.h"

namespace clawbridge::core {

struct Target {
  Address address;
  std::string session_key;  // empty for the default session or when label is set
  std::string label;
};

/// Whom a local caller means, as it was written. All may be empty.
struct WrittenTarget {
  std::string gateway;
  std::string agent;        // id, `gateway/agent`, or a remote_agents name
  std::string session_key;  // may be written `gateway/agent:<id>:<rest>`
  std::string label;
};

/// `local_agents`: what the own gateway has, exposed or not. `discovered`: the broker has told all the states it keeps,
/// so that a name nobody bears can be called unknown.
/// Errors: BadRequest (contradictions, impossible names), UnknownPeer, UnknownAgent, Ambiguous (with the candidates),
/// AwaitingTrust.
[[nodiscard]] Result<Target> resolve_target(const WrittenTarget& written, const Context& context, const Peers& peers,
                                            const std::vector<event::GatewayAgent>& local_agents, bool discovered);

/// The agent in a session key `agent:<id>:<rest>`; empty when it is none.
[[nodiscard]] std::string_view agent_of_session(std::string_view session_key);

/// `agent:<id>:main`.
[[nodiscard]] std::string default_session(std::string_view agent);

}  // namespace clawbridge::core
