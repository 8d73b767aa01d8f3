// The full path: sessions_send through the requester bridge's HTTP API on its Unix socket, over the broker, through the
// responder bridge and its echo gateway, and back. As many keep-alive connections as exchanges in flight.
#pragma once

#include <string>

#include "tests/bench/measurement.h"

namespace clawbridge::bench {

/// Where to send: connection i asks agent i modulo `agents` of `gateway`: jarvis, jarvis1, jarvis2 …
struct Target {
  std::string socket;
  std::string gateway = "imac";
  std::size_t agents = 1;
};

/// Makes `load`. Throws std::runtime_error when an answer is not `ok` with the echoed text.
[[nodiscard]] Measurement ask(const Target& target, const Load& load);

}  // namespace clawbridge::bench
