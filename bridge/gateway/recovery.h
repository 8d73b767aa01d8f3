// Finds out what became of a turn that was handed over earlier: asks agent.wait, then chat.history, until it is known
// or certain that it cannot be. Runs nothing.
#pragma once

#include <memory>
#include <string>

#include "bridge/core/action.h"
#include "bridge/gateway/boots.h"
#include "bridge/gateway/client.h"

namespace clawbridge::gateway {

struct Recovery {
  core::action::RecoverRun order;
  Hello hello;  // of the connection it begins on
  Boot boot;
  bool is_started = false;  // RunStarted has been reported
};

/// Reports RunStarted at most once, then RunEnded or RunNotTaken; or RunLost when the connection ends meanwhile.
/// Spawned on the io thread; reports nothing once the client is stopped.
asio::awaitable<void> recover(std::shared_ptr<Client> client, core::EventSink sink, Recovery recovery);

}  // namespace clawbridge::gateway
