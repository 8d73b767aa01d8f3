// The error codes of the wire contract and the one error type the project passes around.
//
// A code is for programs and part of the contract (topics/README.md, "Errors"); a message is for a person and says
// what was attempted, on what, and what to do.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace clawbridge {

enum class ErrorCode {
  BadRequest,
  Unsupported,
  TooLarge,
  UnknownAgent,
  UnknownSession,
  Ambiguous,
  Forbidden,
  Unauthentic,
  UnknownPeer,
  KeyChanged,
  IdReused,
  Replayed,
  JournalChanged,
  Expired,
  Loop,
  RateLimited,
  Busy,
  StoreFull,
  AwaitingTrust,
  GatewayDown,
  GatewayError,
  UnknownExchange,
  BrokerDenied,
  Timeout,
  Internal,
};

/// The code's name on the wire, for example `unknown_agent`. Any thread.
[[nodiscard]] std::string_view to_string(ErrorCode code);

/// The code with that wire name; nothing for a name this release does not know.
[[nodiscard]] std::optional<ErrorCode> error_code_from(std::string_view name);

struct Error {
  ErrorCode code = ErrorCode::Internal;
  std::string message;     // for a person
  bool retryable = false;  // the same request may succeed later, unchanged

  friend bool operator==(const Error&, const Error&) = default;
};

}  // namespace clawbridge
