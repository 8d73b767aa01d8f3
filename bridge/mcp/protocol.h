// The Model Context Protocol, without a transport: what a JSON-RPC message asks for, and the messages that answer it. The daemon
// speaks it over HTTP (api/mcp_endpoint), `clawbridge mcp` over stdin and stdout. No state is kept between messages: who calls, the
// transport knows; no argument can say it.
//
// Revision 2025-11-25 (modelcontextprotocol.io/specification/2025-11-25).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace clawbridge::mcp {

/// The newest revision first. What the official client of npm speaks, too.
inline constexpr std::string_view kVersions[] = {"2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05", "2024-10-07"};
[[nodiscard]] bool is_version(std::string_view text);

/// JSON-RPC 2.0, section 5.1.
enum class RpcError { Parse = -32700, InvalidRequest = -32600, MethodNotFound = -32601, InvalidParams = -32602 };

/// The message is answered; `refused`: because it could not be read as a message at all.
struct Answered {
  std::string message;
  bool refused = false;
  bool initialized = false;  // it began a session
};
/// A notification that changes nothing, or a response to something never asked.
struct Noted {};
/// The caller no longer waits for its request with this id (JSON).
struct Cancelled {
  std::string id;
};
/// A tool is to be called.
struct Call {
  std::string id;         // JSON
  std::string operation;  // sessions_send, …
  std::string arguments;  // a JSON object
  std::optional<std::string> progress_token;  // JSON; set: the caller wants to hear of progress
};
using Step = std::variant<Answered, Noted, Cancelled, Call>;

/// Reads one message. `version`: of clawbridge.
[[nodiscard]] Step read_message(std::string_view text, std::string_view version);

/// The response to a call. `result`: the tool's JSON object. `refused`: the call failed before it had a result, which is then
/// an error object. What became of a request stands in its status: one that has failed is an error to a model, too.
[[nodiscard]] std::string result_message(const Call& call, std::string_view result, bool refused);
/// The text so far, at most its end. `number` rises from 1 within a call. REQUIRES: a progress token.
[[nodiscard]] std::string progress_message(const Call& call, std::uint64_t number, std::string_view text);
/// `id`: JSON, `null` when it is not known.
[[nodiscard]] std::string error_message(std::string_view id, RpcError code, std::string_view why);

}  // namespace clawbridge::mcp
