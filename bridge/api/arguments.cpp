#include "bridge/api/arguments.h"

#include <simdjson.h>

#include <array>
#include <charconv>
#include <cmath>
#include <functional>
#include <span>
#include <vector>

#include "bridge/api/nearest.h"
#include "bridge/core/event.h"
#include "topics/address.h"
#include "topics/encoding.h"

namespace clawbridge::api {
namespace {

using simdjson::dom::element;
using simdjson::dom::element_type;

constexpr std::size_t kDepthMax = 64;
constexpr std::size_t kSessionBytesMax = 1024;
constexpr double kSecondsMax = 7.0 * 24 * 3600;

Error bad_request(std::string message) {
  return {ErrorCode::BadRequest, std::move(message), false};
}

std::string quoted(std::string_view text) {
  constexpr std::size_t kShownMax = 80;
  return '"' + std::string(text.substr(0, kShownMax)) + (text.size() > kShownMax ? "…\"" : "\"");
}

std::string_view type_name(element_type type) {
  switch (type) {
    case element_type::ARRAY:
      return "an array";
    case element_type::OBJECT:
      return "an object";
    case element_type::INT64:
    case element_type::UINT64:
    case element_type::DOUBLE:
      return "a number";
    case element_type::STRING:
      return "a string";
    case element_type::BOOL:
      return "a boolean";
    case element_type::NULL_VALUE:
      return "null";
  }
  return "something else";
}

/// One argument a tool knows: where its value goes. `take` returns what is wrong with the value, without the name.
struct Argument {
  std::string_view name;
  std::function<std::optional<std::string>(element)> take;
};

Argument text_argument(std::string_view name, std::string& into) {
  return {name, [&into](element value) -> std::optional<std::string> {
            std::string_view text;
            if (value.get(text)) return "must be a string, not " + std::string(type_name(value.type()));
            into.assign(text);
            return std::nullopt;
          }};
}

Argument seconds_argument(std::string_view name, std::function<void(std::chrono::milliseconds)> into) {
  return {name, [into = std::move(into)](element value) -> std::optional<std::string> {
            double seconds = 0;
            if (value.get(seconds)) return "must be a number of seconds, not " + std::string(type_name(value.type()));
            if (!(seconds >= 0 && seconds <= kSecondsMax)) return "must be between 0 and 604800 seconds (7 days)";
            into(std::chrono::milliseconds(std::llround(seconds * 1000)));
            return std::nullopt;
          }};
}

/// The C0 and C1 controls and DEL. REQUIRES: valid UTF-8.
bool has_control_character(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x20 || byte == 0x7f) return true;
    if (byte == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0) return true;
  }
  return false;
}

Error unknown_argument(std::string_view name, std::span<const Argument> known) {
  std::vector<std::string_view> names;
  std::string list;
  for (const Argument& argument : known) {
    names.push_back(argument.name);
    list += (list.empty() ? "" : ", ") + std::string(argument.name);
  }
  const std::string_view guess = nearest(name, names);
  return bad_request("unknown argument " + quoted(name) +
                     (guess.empty() ? "" : ": did you mean " + quoted(guess) + "?") +
                     (list.empty() ? " (this tool takes none)" : " (known: " + list + ")"));
}

Error malformed(std::string_view body, simdjson::error_code code) {
  if (const auto offset = find_invalid_utf8(body)) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    const auto byte = static_cast<unsigned char>(body[*offset]);
    return bad_request("the request body is not valid UTF-8: byte 0x" +
                       std::string{kDigits[byte >> 4], kDigits[byte & 15]} + " at offset " + std::to_string(*offset) +
                       "; send the text as UTF-8");
  }
  return bad_request("the request body is not valid JSON: " + std::string(simdjson::error_message(code)) +
                     "; send one JSON object with the tool's arguments");
}

}  // namespace

struct ArgumentParser::Parser {
  simdjson::dom::parser json;

  /// Hands each member of the body's object to its argument. An empty body counts as `{}`.
  std::optional<Error> read(std::string& body, std::span<const Argument> known) {
    if (body.empty()) return std::nullopt;
    if (json.max_depth() != kDepthMax && json.allocate(body.size(), kDepthMax)) {
      return Error{ErrorCode::Internal,
                   "cannot get memory to parse a request of " + std::to_string(body.size()) + " bytes", true};
    }
    body.reserve(body.size() + simdjson::SIMDJSON_PADDING);
    element root;
    if (const auto failure = json.parse(body.data(), body.size(), false).get(root)) return malformed(body, failure);
    simdjson::dom::object members;
    if (root.get(members)) {
      return bad_request("the request body must be one JSON object with the tool's arguments, not " +
                         std::string(type_name(root.type())));
    }
    return assign(members, known);
  }

 private:
  static std::optional<Error> assign(simdjson::dom::object members, std::span<const Argument> known) {
    std::vector<bool> seen(known.size(), false);
    for (const auto member : members) {
      std::size_t i = 0;
      while (i < known.size() && known[i].name != member.key) ++i;
      if (i == known.size()) return unknown_argument(member.key, known);
      if (seen[i]) return bad_request("argument " + quoted(member.key) + " is given twice");
      seen[i] = true;
      if (auto wrong = known[i].take(member.value)) return bad_request("argument " + quoted(member.key) + " " + *wrong);
    }
    return std::nullopt;
  }
};

const std::size_t ArgumentParser::kPadding = simdjson::SIMDJSON_PADDING;

ArgumentParser::ArgumentParser() : parser_(std::make_unique<Parser>()) {}
ArgumentParser::~ArgumentParser() = default;

Result<core::event::LocalSend> ArgumentParser::sessions_send(std::string& body, const Caller& caller) {
  core::event::LocalSend send;
  const std::array known{
      text_argument("message", send.message),
      text_argument("sessionKey", send.session_key),
      text_argument("label", send.label),
      text_argument("agentId", send.agent),
      text_argument("gateway", send.gateway),
      seconds_argument("timeoutSeconds", [&send](auto wait) { send.wait = wait; }),
      seconds_argument("expiresInSeconds", [&send](auto expiry) { send.expires_in = expiry; }),
  };
  if (auto error = parser_->read(body, known)) return std::move(*error);
  if (send.message.empty()) return bad_request("argument \"message\" is missing or empty: give the text to send");
  if (send.expires_in && send.expires_in->count() == 0)
    return bad_request("argument \"expiresInSeconds\" must be more than 0");
  send.caller_agent = caller.agent;
  send.caller_session = caller.session;
  return send;
}

Result<AgentsListArguments> ArgumentParser::agents_list(std::string& body) {
  AgentsListArguments arguments;
  const std::array known{text_argument("gateway", arguments.gateway),
                         seconds_argument("timeoutSeconds", [&](auto wait) { arguments.wait = wait; })};
  if (auto error = parser_->read(body, known)) return std::move(*error);
  return arguments;
}

Result<PingArguments> ArgumentParser::ping(std::string& body) {
  PingArguments arguments;
  const std::array known{text_argument("gateway", arguments.gateway),
                         seconds_argument("timeoutSeconds", [&](auto wait) { arguments.wait = wait; })};
  if (auto error = parser_->read(body, known)) return std::move(*error);
  if (arguments.gateway.empty()) return bad_request("argument \"gateway\" is missing: name the gateway to ping");
  return arguments;
}

std::optional<Error> ArgumentParser::status(std::string& body) {
  return parser_->read(body, {});
}

Result<std::chrono::milliseconds> ArgumentParser::wait(std::string& body) {
  std::chrono::milliseconds wait{30'000};
  const std::array known{seconds_argument("timeoutSeconds", [&wait](auto given) { wait = given; })};
  if (auto error = parser_->read(body, known)) return std::move(*error);
  return wait;
}

Result<core::event::LocalTrust> ArgumentParser::trust(std::string& body, std::string_view gateway) {
  std::string text;
  const std::array known{text_argument("fingerprint", text)};
  if (auto error = parser_->read(body, known)) return std::move(*error);
  core::event::LocalTrust trust;
  trust.gateway = gateway;
  for (const char c : text) {
    if (c == ' ' || c == ':' || c == '-') continue;
    trust.fingerprint += c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  const std::size_t digits = trust.fingerprint.size();
  if (digits < core::kTrustDigits || digits > 64 || !is_hex(trust.fingerprint, digits)) {
    return bad_request(
        "argument \"fingerprint\" must be 32 to 64 hex digits, as `clawbridge key show` prints them on " +
        std::string(gateway));
  }
  return trust;
}

Result<Caller> parse_caller(std::string_view agent, std::string_view session) {
  if (agent.empty()) agent = kBridgeAgent;
  if (agent != kBridgeAgent && !is_agent_id(agent)) {
    return bad_request(
        "header X-Claw-Agent is no agent id ([a-z0-9][a-z0-9_-]{0,63}); leave it out when a person calls");
  }
  if (session.empty()) return Caller{std::string(agent), {}};
  if (session.size() > kSessionBytesMax || find_invalid_utf8(session) || has_control_character(session)) {
    return bad_request("header X-Claw-Session is no session key (at most 1024 bytes of UTF-8, no control characters)");
  }
  if (agent == kBridgeAgent) {
    return bad_request("header X-Claw-Session needs X-Claw-Agent beside it: sessions are agents', a person has none");
  }
  const std::string own = "agent:" + std::string(agent) + ":";
  if (!session.starts_with("agent:") || session == own) {
    return bad_request("header X-Claw-Session is no session key of " + std::string(agent) + "; give " + own + "<name>");
  }
  if (!session.starts_with(own)) {
    return Error{ErrorCode::Forbidden,
                 "header X-Claw-Session is " + quoted(session) + ", which is no session of " + std::string(agent) +
                     "; give " + own + "<name>, or leave it out",
                 false};
  }
  return Caller{std::string(agent), std::string(session)};
}

Result<std::chrono::milliseconds> parse_seconds(std::string_view name, std::string_view text) {
  double seconds = -1;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (failure != std::errc{} || end != text.data() + text.size() || !(seconds >= 0 && seconds <= kSecondsMax)) {
    return bad_request("query parameter " + std::string(name) +
                       " must be a number of seconds between 0 and 604800 (7 days)");
  }
  return std::chrono::milliseconds(std::llround(seconds * 1000));
}

}  // namespace clawbridge::api
