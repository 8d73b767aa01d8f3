// The frames of the OpenClaw gateway protocol, versions 3 (2026.3) and 4 (2026.9), as values: no sockets here.
//
// The gateway sends requests' responses and, to every client that may read, the streaming events of every session.
// Those are told apart by their first bytes, and only those of a run that is watched are parsed: a busy gateway sends
// thousands of them.
#pragma once

#include <chrono>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "bridge/core/action.h"

namespace clawbridge::gateway {

// ---- received ----

struct Challenge {};
struct Tick {};
struct ShuttingDown {};
/// Something happened in a run, ours or not. Points into the frame.
struct AgentEvent {
  std::string_view run_id;
  std::string_view frame;
};
/// Any frame that asks nothing of us: other events, and what is no frame at all (the gateway ignores ours likewise).
struct Ignored {};

/// Details of a failed response, all may be empty.
struct Failure {
  std::string code;         // INVALID_REQUEST
  std::string detail_code;  // AUTH_TOKEN_MISMATCH
  std::string message;
};

/// A response to a request of ours. One request of method `agent` has two.
struct Response {
  std::string id;
  bool ok = false;
  nlohmann::json payload;  // null or an object
  Failure failure;         // when not ok
};

using Frame = std::variant<Ignored, Challenge, Tick, ShuttingDown, AgentEvent, Response>;

/// Decodes one text frame; what is nested deeper than 64 levels in it is left out. Never throws. Pure. An AgentEvent is valid as
/// long as `text` is.
[[nodiscard]] Frame decode_frame(std::string_view text);

/// The agent's text so far, when that is what the event tells and the text is not so long that nobody is told all of it anyway.
[[nodiscard]] std::optional<std::string> decode_progress(const AgentEvent& event);

/// What the gateway says of itself in the response to `connect`.
struct Hello {
  int protocol = 0;
  std::string version;
  std::string boot_id;                             // empty in 2026.3
  std::optional<std::vector<std::string>> scopes;  // granted; 2026.3 does not say
  std::chrono::milliseconds tick_interval{30'000};
  std::chrono::milliseconds uptime{0};  // of its process, at some moment while it answered
  std::uint64_t payload_bytes_max = 25 * 1024 * 1024;

  /// 2026.9 and later run an idempotency key once per boot and say which boot it is.
  [[nodiscard]] bool keeps_keys() const { return !boot_id.empty(); }
  [[nodiscard]] bool may_read_and_write() const;
};

/// REQUIRES: response.ok.
[[nodiscard]] Hello decode_hello(const Response& response);

/// REQUIRES: response.ok. Agents without an id are left out.
[[nodiscard]] std::vector<core::event::GatewayAgent> decode_agents(const Response& response);

// ---- helpers for payloads: a missing member, or one of another type, reads as empty; so does a number out of range
// ----

[[nodiscard]] std::string text_member(const nlohmann::json& object, const char* name);
[[nodiscard]] std::int64_t integer_member(const nlohmann::json& object, const char* name, std::int64_t otherwise);
/// The member, or null.
[[nodiscard]] const nlohmann::json& member(const nlohmann::json& object, const char* name);

// ---- sent ----

/// How long a turn may run: both versions take it (seconds). The bridge never ends a turn that the gateway still runs.
inline constexpr std::chrono::seconds kRunTimeout{7 * 24 * 3600};

/// Params of `connect`: a backend client with operator.read and operator.write, never more.
[[nodiscard]] nlohmann::json connect_params(const std::string& token, const std::string& version);

/// Params of `agent`. The text is guarded against being a command (command_text.h). REQUIRES: its files are of the kinds that the
/// gateway takes (attachments.h).
[[nodiscard]] nlohmann::json agent_params(const core::action::StartRun& order);

/// The text frame of one request. Invalid UTF-8 in `params` is replaced.
[[nodiscard]] std::string encode_request(const std::string& id, std::string_view method, const nlohmann::json& params);

}  // namespace clawbridge::gateway
