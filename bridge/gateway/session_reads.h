// Answers questions about the sessions of an OpenClaw gateway: asks it, and has sessions.h make the listing. Runs and
// creates nothing: 2026.3.8 would create a session that it is asked about, so every session is resolved first.
#pragma once

#include <memory>
#include <string>

#include "bridge/core/action.h"
#include "bridge/gateway/client.h"
#include "topics/result.h"

namespace clawbridge::gateway {

/// Why the gateway did not find a session of `agent`, and what to do.
[[nodiscard]] Error unresolved(const std::string& agent, const Failure& failure);

/// Reports SessionsRead: the listing, or UnknownSession, Forbidden (a session of another agent), BadRequest, GatewayDown or
/// GatewayError. `keeps_keys`: 2026.9, which pages and describes. Spawned on the io thread; reports nothing once the client is
/// stopped.
asio::awaitable<void> read_sessions(std::shared_ptr<Client> client, core::EventSink sink, core::action::ReadSessions order, bool keeps_keys);

}  // namespace clawbridge::gateway
