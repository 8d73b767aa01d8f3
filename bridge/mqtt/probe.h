// What is wrong with the way to a broker: Paho says "-1" for a name that does not exist, a port nobody listens on and a
// certificate that has expired. After such a failure this goes the same way once more, by itself, and says where it
// ended.
#pragma once

#include <string>

#include "bridge/mqtt/broker_url.h"
#include "bridge/mqtt/settings.h"

namespace clawbridge::mqtt {

struct ProbeResult {
  bool reached = false;     // a TCP connection came up
  std::string tcp_error;    // why not
  std::string tls_error;    // which check of TLS failed; empty when it worked or was not tried
  bool speaks_tls = false;  // there is TLS on a port that the URL takes for a plain one
  // Of a WebSocket, which the probe itself does not try: why none came up, as the relay saw it.
  std::string websocket_error{};
  bool resolved = true;  // the host name has an address
};

/// Connects to the broker by TCP and, where the URL asks for it, TLS, with the same files and checks, and closes again.
/// Where it does not ask for TLS, a TLS greeting tells whether it should have.
/// Blocks for some seconds at most, and as long as the system's name lookup does. Any thread; never throws.
[[nodiscard]] ProbeResult probe(const BrokerUrl& url, const Settings& settings) noexcept;

}  // namespace clawbridge::mqtt
