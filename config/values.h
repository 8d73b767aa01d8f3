// From a text to a value: the forms that settings may take. Pure; nothing here knows a key's name.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace clawbridge::config {

/// A whole number and one unit, `ms`, `s`, `m`, `h` or `d`: `7d`, `30s`, `0ms`. Nothing for any other form or above
/// 36500d.
[[nodiscard]] std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

/// The shortest text that parse_duration() reads back.
[[nodiscard]] std::string format_duration(std::chrono::milliseconds duration);

/// Decimal digits only.
[[nodiscard]] std::optional<std::uint64_t> parse_integer(std::string_view text);

/// `true` or `false`, as in YAML 1.2: `yes` and `on` mean different things to different readers.
[[nodiscard]] std::optional<bool> parse_boolean(std::string_view text);

/// Comma-separated, blanks around each item dropped, empty items dropped.
[[nodiscard]] std::vector<std::string> split_list(std::string_view text);

/// The parts of `scheme://host[:port][/path]`. `host` is without the brackets of an IPv6 address.
struct Url {
  std::string scheme;
  std::string host;
  std::uint16_t port = 0;  // 0: not given
  std::string path;
  bool user_info = false;  // something stands before an `@`; the host is what follows it
};
/// Nothing without a scheme or host, with a port that is none, or with blanks or control characters.
[[nodiscard]] std::optional<Url> parse_url(std::string_view text);

/// True for `localhost`, `127.…` and `::1`.
[[nodiscard]] bool is_loopback(const Url& url);

/// Where to listen on this machine only: `127.0.0.1:18790`, `[::1]:18790`, or `localhost:18790`, which is 127.0.0.1.
struct Listen {
  std::string address;  // of 127.0.0.0/8, or ::1
  std::uint16_t port = 0;
};
/// Nothing for any other address or form, and without a port.
[[nodiscard]] std::optional<Listen> parse_listen(std::string_view text);

// Whole values, for the table of keys.
[[nodiscard]] bool is_broker_url(std::string_view text);
[[nodiscard]] bool is_broker_tls(std::string_view url);
[[nodiscard]] bool is_gateway_url(std::string_view text);
[[nodiscard]] bool is_fingerprint(std::string_view text);
[[nodiscard]] bool is_address(std::string_view text);
[[nodiscard]] bool is_join_secret(std::string_view text);
[[nodiscard]] bool is_socket_path(std::string_view text);
[[nodiscard]] bool is_listen(std::string_view text);
/// True for 32 to 512 of the characters that a bearer token may have (RFC 6750, b64token).
[[nodiscard]] bool is_api_token(std::string_view text);
/// Whose token shows everything and changes nothing (in the API: api::kWatchCaller).
inline constexpr std::string_view kWatchCaller = "_watch";
/// A local agent, `_bridge` or `_watch`.
[[nodiscard]] bool is_api_caller(std::string_view name);
[[nodiscard]] bool is_not_empty(std::string_view text);
/// What a program can get as an argument: anything without NUL.
[[nodiscard]] bool is_argument(std::string_view text);
/// The name of an environment variable that is not ours: letters, digits and `_`, not beginning with a digit or CLAW_.
[[nodiscard]] bool is_variable_name(std::string_view text);
[[nodiscard]] bool is_item_number(std::string_view text);
// Patterns in which `*` is any run of characters.
[[nodiscard]] bool is_source_pattern(std::string_view text);
[[nodiscard]] bool is_target_pattern(std::string_view text);
[[nodiscard]] bool is_session_pattern(std::string_view text);
/// An operation of the wire contract, or `*`.
[[nodiscard]] bool is_operation(std::string_view text);
/// An MQTT topic filter that a reply may go to: not the whole broker, not its own topics.
[[nodiscard]] bool is_reply_filter(std::string_view text);

}  // namespace clawbridge::config
