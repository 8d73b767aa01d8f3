// The yardstick: request and reply over bare Paho C++, QoS 1, everything stock, each side with two connections, one
// that only publishes and one that only subscribes. No parsing, no journal, no authentication: what the broker and the
// library allow at best.
#pragma once

#include <string>

#include "tests/bench/measurement.h"

namespace clawbridge::bench {

/// Sends back what it receives until standard input ends. Prints "ready" when subscribed.
void respond(const std::string& broker);

/// Makes `load` against a responder. Throws std::runtime_error when a reply is not what was sent or does not come in 30
/// s.
[[nodiscard]] Measurement request(const std::string& broker, const Load& load);

}  // namespace clawbridge::bench
