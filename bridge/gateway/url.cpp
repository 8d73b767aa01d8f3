#include "bridge/gateway/url.h"

#include <charconv>
#include <cstdint>

namespace clawbridge::gateway {

namespace {

bool is_port(std::string_view text) {
  std::uint32_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc{} && end == text.data() + text.size() && port >= 1 && port <= 65535;
}

// Splits `host:port`, `[v6]:port` or either without a port.
bool split_authority(std::string_view authority, Url& url) {
  const bool bracketed = authority.starts_with('[');
  const auto host_end = bracketed ? authority.find(']') : authority.find(':');
  if (bracketed && host_end == std::string_view::npos) return false;
  url.host = authority.substr(bracketed ? 1 : 0, bracketed ? host_end - 1 : host_end);
  if (host_end == std::string_view::npos) return true;
  const auto rest = authority.substr(host_end + (bracketed ? 1 : 0));
  if (rest.empty()) return true;
  url.port = rest.substr(1);
  return rest.front() == ':' && is_port(url.port);
}

}  // namespace

std::optional<Url> parse_url(std::string_view text) {
  Url url;
  if (text.starts_with("wss://")) {
    url.tls = true;
    text.remove_prefix(6);
  } else if (text.starts_with("ws://")) {
    text.remove_prefix(5);
  } else {
    return std::nullopt;
  }
  url.port = url.tls ? "443" : "80";
  const auto slash = text.find('/');
  if (slash != std::string_view::npos) url.path = text.substr(slash);
  const auto authority = text.substr(0, slash);
  if (authority.find('@') != std::string_view::npos) return std::nullopt;
  if (!split_authority(authority, url) || url.host.empty()) return std::nullopt;
  return url;
}

}  // namespace clawbridge::gateway
