// The forms of values. See values.h.
#include "config/values.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <utility>

#include "topics/address.h"
#include "topics/encoding.h"
#include "topics/message.h"

namespace clawbridge::config {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t milliseconds;
};
constexpr std::array<Unit, 5> kUnits{
    {{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}}};  // greatest first
constexpr std::uint64_t kDurationMsMax = 36'500 * kUnits[0].milliseconds;

constexpr std::size_t kJoinSecretBytesMin = 16;
constexpr std::size_t kSocketPathBytesMax = sizeof(sockaddr_un::sun_path) - 1;
constexpr std::size_t kApiTokenBytesMin = 32;
constexpr std::size_t kApiTokenBytesMax = 512;

bool is_blank_or_control(char c) {
  return static_cast<unsigned char>(c) <= ' ' || c == '\x7f';
}

}  // namespace

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const std::optional<std::uint64_t> count = parse_integer(text.substr(0, digits));
  const auto unit = std::ranges::find(kUnits, text.substr(digits), &Unit::name);
  if (!count || unit == kUnits.end() || *count > kDurationMsMax / unit->milliseconds) return std::nullopt;
  return std::chrono::milliseconds(static_cast<std::int64_t>(*count * unit->milliseconds));
}

std::string format_duration(std::chrono::milliseconds duration) {
  const auto count = static_cast<std::uint64_t>(duration.count());
  for (const Unit& unit : kUnits) {
    if (count != 0 && count % unit.milliseconds == 0) {
      return std::to_string(count / unit.milliseconds) + std::string(unit.name);
    }
  }
  return "0ms";
}

std::optional<std::uint64_t> parse_integer(std::string_view text) {
  std::uint64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  if (text.empty() || error != std::errc{} || rest != end) return std::nullopt;
  return value;
}

std::optional<bool> parse_boolean(std::string_view text) {
  if (text == "true") return true;
  if (text == "false") return false;
  return std::nullopt;
}

std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> items;
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    std::string_view item = text.substr(0, comma);
    while (!item.empty() && is_blank_or_control(item.front())) item.remove_prefix(1);
    while (!item.empty() && is_blank_or_control(item.back())) item.remove_suffix(1);
    if (!item.empty()) items.emplace_back(item);
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return items;
}

std::optional<Url> parse_url(std::string_view text) {
  const std::size_t colon = text.find("://");
  if (colon == std::string_view::npos || colon == 0 || std::ranges::any_of(text, is_blank_or_control)) {
    return std::nullopt;
  }
  Url url;
  url.scheme = text.substr(0, colon);
  std::string_view authority = text.substr(colon + 3);
  const std::size_t slash = std::min(authority.find_first_of("/?#"), authority.size());
  url.path = authority.substr(slash);
  authority = authority.substr(0, slash);
  if (const std::size_t at = authority.rfind('@'); at != std::string_view::npos) {
    url.user_info = true;
    authority.remove_prefix(at + 1);
  }
  const bool bracketed = authority.starts_with('[');
  const std::size_t host_end = bracketed ? authority.find(']') : std::min(authority.find(':'), authority.size());
  if (host_end == std::string_view::npos) return std::nullopt;
  url.host = bracketed ? authority.substr(1, host_end - 1) : authority.substr(0, host_end);
  authority.remove_prefix(bracketed ? host_end + 1 : host_end);
  if (url.host.empty()) return std::nullopt;
  if (authority.empty()) return url;
  const std::optional<std::uint64_t> port = parse_integer(authority.substr(1));
  if (authority.front() != ':' || !port || *port == 0 || *port > 65'535) return std::nullopt;
  url.port = static_cast<std::uint16_t>(*port);
  return url;
}

bool is_loopback(const Url& url) {
  const bool numeric = url.host.find_first_not_of("0123456789.") == std::string::npos;  // not 127.example.com
  return url.host == "localhost" || url.host == "::1" || (numeric && url.host.starts_with("127."));
}

std::optional<Listen> parse_listen(std::string_view text) {
  const std::optional<Url> url = parse_url("tcp://" + std::string(text));
  if (!url || url->user_info || !url->path.empty() || url->port == 0) return std::nullopt;
  const std::string address = url->host == "localhost" ? "127.0.0.1" : url->host;
  in_addr v4{};
  if (inet_pton(AF_INET, address.c_str(), &v4) == 1) {
    const bool here = (ntohl(v4.s_addr) >> 24U) == 127;
    return here && !text.starts_with('[') ? std::optional(Listen{address, url->port}) : std::nullopt;
  }
  in6_addr v6{};
  if (inet_pton(AF_INET6, address.c_str(), &v6) != 1 || !text.starts_with('[')) return std::nullopt;
  if (std::memcmp(&v6, &in6addr_loopback, sizeof v6) != 0) return std::nullopt;
  return Listen{"::1", url->port};
}

bool is_broker_url(std::string_view text) {
  static constexpr std::array<std::string_view, 6> schemes{"mqtt", "mqtts", "tcp", "ssl", "ws", "wss"};
  const std::optional<Url> url = parse_url(text);
  if (!url || url->user_info || std::ranges::find(schemes, url->scheme) == schemes.end()) return false;
  return url->path.empty() || url->path == "/" || url->scheme.starts_with("ws");
}

bool is_broker_tls(std::string_view url) {
  return url.starts_with("mqtts://") || url.starts_with("ssl://") || url.starts_with("wss://");
}

bool is_gateway_url(std::string_view text) {
  const std::optional<Url> url = parse_url(text);
  return url && !url->user_info && (url->scheme == "ws" || url->scheme == "wss");
}

bool is_fingerprint(std::string_view text) {
  return is_hex(text, 64);
}

bool is_address(std::string_view text) {
  const std::optional<Address> address = Address::parse(text);
  return address && !address->is_bridge();
}

bool is_join_secret(std::string_view text) {
  const std::optional<std::string> bytes = base64url_decode(text);
  return bytes && bytes->size() >= kJoinSecretBytesMin;
}

bool is_socket_path(std::string_view text) {
  return !text.empty() && text.size() <= kSocketPathBytesMax;
}

bool is_listen(std::string_view text) {
  return parse_listen(text).has_value();
}

bool is_api_token(std::string_view text) {
  if (text.size() < kApiTokenBytesMin || text.size() > kApiTokenBytesMax) return false;
  return std::ranges::all_of(text, [](char c) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    return letter || (c >= '0' && c <= '9') || std::string_view("-._~+/=").find(c) != std::string_view::npos;
  });
}

bool is_api_caller(std::string_view name) {
  return is_agent_id(name) || name == kBridgeAgent || name == kWatchCaller;
}

bool is_not_empty(std::string_view text) {
  return !text.empty();
}

bool is_argument(std::string_view text) {
  return text.find('\0') == std::string_view::npos;
}

bool is_variable_name(std::string_view text) {
  const auto is_letter = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_'; };
  const auto is_part = [&](char c) { return is_letter(c) || (c >= '0' && c <= '9'); };
  return !text.empty() && is_letter(text.front()) && std::ranges::all_of(text, is_part) && !text.starts_with("CLAW_");
}

bool is_item_number(std::string_view text) {
  return !text.empty() && text.size() < 6 && text.front() != '0' && text.find_first_not_of("0123456789") == std::string_view::npos;
}

namespace {

constexpr std::string_view kNamePattern = "abcdefghijklmnopqrstuvwxyz0123456789_-*";

bool is_name_pattern(std::string_view text) {
  return !text.empty() && text.size() <= 64 && text.find_first_not_of(kNamePattern) == std::string_view::npos;
}

}  // namespace

bool is_source_pattern(std::string_view text) {
  if (text == "*") return true;
  const auto slash = text.find('/');
  return slash != std::string_view::npos && is_name_pattern(text.substr(0, slash)) && is_name_pattern(text.substr(slash + 1));
}

bool is_target_pattern(std::string_view text) {
  return is_name_pattern(text);
}

bool is_session_pattern(std::string_view text) {
  const auto is_plain = [](char c) { return c > ' ' && c < '\x7f'; };
  return (text == "*" || text.starts_with("agent:")) && text.size() <= 512 && std::ranges::all_of(text, is_plain);
}

bool is_operation(std::string_view text) {
  return text == "*" || operation_from(text) != Operation::Unknown;
}

bool is_reply_filter(std::string_view text) {
  if (text.empty() || text.size() > 256 || text.front() == '$' || text.front() == '#' || text.front() == '+') return false;
  for (std::size_t at = 0; at <= text.size();) {
    const auto end = std::min(text.find('/', at), text.size());
    const auto level = text.substr(at, end - at);
    if (level.empty() || (level == "#" && end != text.size())) return false;
    if (level != "#" && level != "+" && level.find_first_of("#+") != std::string_view::npos) return false;
    if (std::ranges::any_of(level, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; })) return false;
    at = end + 1;
  }
  return !find_invalid_utf8(text);
}

}  // namespace clawbridge::config
