// What a spawn needs before its turn can be handed over to an OpenClaw gateway. Runs nothing.
//
// Method `agent` makes the session of a new key by itself, with a label and a level of thinking. But it gives a second session
// a label that one has already, and then neither can be found by it; and it takes a model only from an administrator, which we
// never are. 2026.9 lets a client that may write set the model of a session beforehand, 2026.3.8 does not (measured, see the
// gateway contract).
#pragma once

#include <memory>
#include <variant>

#include "bridge/core/action.h"
#include "bridge/gateway/client.h"
#include "bridge/gateway/outcome.h"

namespace clawbridge::gateway {

struct Ready {};
using SessionPrepared = std::variant<Ready, Ended, NotTaken>;

/// Whether prepare_session() has anything to do.
[[nodiscard]] bool needs_preparing(const core::action::StartRun& order);

/// Ended is `rejected`: Unsupported, or BadRequest for a label that is taken. `keeps_keys`: 2026.9. On the io thread.
asio::awaitable<SessionPrepared> prepare_session(std::shared_ptr<Client> client, core::action::StartRun order, bool keeps_keys);

}  // namespace clawbridge::gateway
