// Tries a broker out: the way in, what this user may publish and receive, and what the broker can. With clients of its
// own, beside whatever bridge is running: it touches no state, no session of a bridge, and no topic that a gateway
// listens to, but for one hello, which is a message of the contract.
#pragma once

#include <chrono>
#include <future>
#include <string>

#include "bridge/doctor/observations.h"
#include "bridge/mqtt/settings.h"

namespace clawbridge::mqtt {

struct InspectionOrder {
  Settings settings;
  std::string base;
  std::string gateway;
  int protocol = 0;  // 5, 4; 0: as the broker likes
  std::uint64_t message_bytes = 0;
  bool is_online = false;  // the bridge of that name is, so that its state should be there, and others know it
  std::string hello;       // signed; sent when the others know this bridge. Empty: never
  std::string nonce;       // sets this run's messages apart
  std::chrono::milliseconds limit{20'000};
};

/// Takes at most about order.limit; goes on on a thread of its own, and never throws. Removes http_proxy and
/// https_proxy from the environment (paho_client.h): begin it before other threads.
[[nodiscard]] std::future<doctor::BrokerSeen> begin_inspection(InspectionOrder order);

}  // namespace clawbridge::mqtt
