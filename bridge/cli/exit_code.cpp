#include "bridge/cli/exit_code.h"

#include <nlohmann/json.hpp>

#include "topics/error.h"

namespace clawbridge::cli {

ExitCode exit_code_of_error(std::string_view code) {
  const auto known = error_code_from(code);
  if (!known) return ExitCode::Failed;
  switch (*known) {
    case ErrorCode::BadRequest:
    case ErrorCode::Unsupported:
    case ErrorCode::TooLarge:
    case ErrorCode::UnknownAgent:
    case ErrorCode::UnknownSession:
    case ErrorCode::UnknownPeer:
    case ErrorCode::UnknownExchange:
    case ErrorCode::Ambiguous:
    case ErrorCode::Forbidden:
    case ErrorCode::Unauthentic:
    case ErrorCode::KeyChanged:
    case ErrorCode::AwaitingTrust:
    case ErrorCode::Loop:
      return ExitCode::Refused;
    case ErrorCode::GatewayDown:
    case ErrorCode::BrokerDenied:
      return ExitCode::Unreachable;
    case ErrorCode::Timeout:
      return ExitCode::WaitEnded;
    case ErrorCode::IdReused:
    case ErrorCode::Replayed:
    case ErrorCode::JournalChanged:
    case ErrorCode::Expired:
    case ErrorCode::RateLimited:
    case ErrorCode::Busy:
    case ErrorCode::StoreFull:
    case ErrorCode::GatewayError:
    case ErrorCode::Internal:
      return ExitCode::Failed;
  }
  return ExitCode::Failed;
}

ExitCode exit_code_of_exchange(const nlohmann::json& exchange, bool waited) {
  const std::string status = exchange.value("status", "");
  if (status == "ok" || status == "no_reply") return ExitCode::Done;
  if (status == "accepted") {
    if (!waited) return ExitCode::Done;
    return exchange.value("unreachable", false) ? ExitCode::Unreachable : ExitCode::WaitEnded;
  }
  const std::string code = exchange.contains("error") ? exchange["error"].value("code", "") : "";
  const ExitCode by_code = exit_code_of_error(code);
  if (status == "rejected" || by_code == ExitCode::Unreachable) return by_code;
  return ExitCode::Failed;
}

}  // namespace clawbridge::cli
