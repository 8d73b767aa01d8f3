#include "bridge/mqtt/broker_url.h"

#include <array>
#include <charconv>

namespace clawbridge::mqtt {
namespace {

struct Scheme {
  std::string_view name;
  std::string_view paho;
  std::uint16_t port;
  bool tls;
  bool websocket;
};

constexpr std::array<Scheme, 6> kSchemes = {{{"mqtt", "tcp", 1883, false, false},
                                             {"mqtts", "ssl", 8883, true, false},
                                             {"tcp", "tcp", 1883, false, false},
                                             {"ssl", "ssl", 8883, true, false},
                                             {"ws", "", 80, false, true},
                                             {"wss", "", 443, true, true}}};

const Scheme* find_scheme(std::string_view name) {
  for (const auto& scheme : kSchemes) {
    if (scheme.name == name) return &scheme;
  }
  return nullptr;
}

/// `text` must not hold a password here.
Error bad_url(std::string_view text, const std::string& why) {
  return {ErrorCode::BadRequest, "cannot use broker.url \"" + std::string(text) + "\": " + why, false};
}

struct Authority {
  std::string_view host;
  std::string_view port;
  bool brackets = false;
};

/// Splits `host:port` or `[host]:port`. An unclosed bracket gives an empty host.
Authority split_authority(std::string_view text) {
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == std::string_view::npos) return {};
    const auto rest = text.substr(end + 1);
    if (!rest.empty() && !rest.starts_with(':')) return {};
    return {text.substr(1, end - 1), rest.empty() ? rest : rest.substr(1), true};
  }
  const auto colon = text.find(':');
  if (colon == std::string_view::npos) return {text, {}, false};
  return {text.substr(0, colon), text.substr(colon + 1), false};
}

}  // namespace

Result<BrokerUrl> parse_broker_url(std::string_view text) {
  const auto mark = text.find("://");
  const Scheme* scheme = mark == std::string_view::npos ? nullptr : find_scheme(text.substr(0, mark));
  if (text.find('@') != std::string_view::npos) {
    return bad_url("…@…", "a URL is logged; put user name and password into broker.username and broker.password");
  }
  if (scheme == nullptr) return bad_url(text, "it must begin with mqtt://, mqtts://, ws:// or wss://");
  const auto rest = text.substr(mark + 3);
  const auto slash = rest.find('/');
  const auto path = slash == std::string_view::npos ? std::string_view{} : rest.substr(slash);
  if (!scheme->websocket && path.size() > 1) return bad_url(text, "a path has a meaning only with ws:// and wss://");
  if (path.find_first_of(" \t\r\n#") != std::string_view::npos) {
    return bad_url(text, "the path is sent as it stands, and may hold no blanks and no #; write them as %20 and %23");
  }
  const auto authority = split_authority(rest.substr(0, slash));
  if (authority.host.empty()) return bad_url(text, "it names no host");

  BrokerUrl url;
  url.shown = std::string(text);
  url.host = std::string(authority.host);
  url.tls = scheme->tls;
  url.port = scheme->port;
  if (!authority.port.empty()) {
    const auto* end = authority.port.data() + authority.port.size();
    const auto parsed = std::from_chars(authority.port.data(), end, url.port);
    if (parsed.ec != std::errc{} || parsed.ptr != end || url.port == 0) {
      return bad_url(text, "the port must be a number from 1 to 65535");
    }
  } else if (rest.substr(0, slash).ends_with(':')) {
    return bad_url(text, "the port is missing after the colon");
  }
  url.websocket = scheme->websocket;
  if (url.websocket) {
    url.path = path.empty() ? "/mqtt" : std::string(path);
    return url;
  }
  const std::string host = authority.brackets ? "[" + url.host + "]" : url.host;
  url.paho = std::string(scheme->paho) + "://" + host + ":" + std::to_string(url.port);
  return url;
}

}  // namespace clawbridge::mqtt
