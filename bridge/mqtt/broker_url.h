// The address of a broker, as people write it and as Paho wants it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "topics/result.h"

namespace clawbridge::mqtt {

struct BrokerUrl {
  std::string shown;  // as written: for people
  std::string paho;   // tcp://host:port or ssl://host:port; empty for WebSockets, which are not Paho's business here
  std::string host;   // without the brackets of an IPv6 address
  std::uint16_t port = 0;
  bool tls = false;
  bool websocket = false;
  std::string path;  // of the WebSocket: what was written, or /mqtt
};

/// `mqtt://host[:1883]`, `mqtts://host[:8883]`, `ws://host[:80][/path]`, `wss://host[:443][/path]`; `tcp://` and
/// `ssl://` are other words for the first two. An IPv6 address stands in brackets. Error: another scheme, no host, an
/// impossible port, a path where there can be none, or a user name in the URL, which would show up in logs
/// (broker.username and broker.password are the place for it). Pure: any thread.
[[nodiscard]] Result<BrokerUrl> parse_broker_url(std::string_view text);

}  // namespace clawbridge::mqtt
