// The address of a gateway: ws://host[:port][/path] or wss://….
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace clawbridge::gateway {

struct Url {
  bool tls = false;
  std::string host;  // without the brackets of an IPv6 address
  std::string port;
  std::string path = "/";
};

/// Nothing for another scheme, an empty host, a port that is not 1 to 65535, or user information. Pure.
[[nodiscard]] std::optional<Url> parse_url(std::string_view text);

}  // namespace clawbridge::gateway
