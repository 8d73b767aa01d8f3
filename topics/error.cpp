#include "topics/error.h"

#include <array>
#include <utility>

namespace clawbridge {
namespace {

constexpr std::array<std::pair<ErrorCode, std::string_view>, 25> kNames{{
    {ErrorCode::BadRequest, "bad_request"},
    {ErrorCode::Unsupported, "unsupported"},
    {ErrorCode::TooLarge, "too_large"},
    {ErrorCode::UnknownAgent, "unknown_agent"},
    {ErrorCode::UnknownSession, "unknown_session"},
    {ErrorCode::Ambiguous, "ambiguous"},
    {ErrorCode::Forbidden, "forbidden"},
    {ErrorCode::Unauthentic, "unauthentic"},
    {ErrorCode::UnknownPeer, "unknown_peer"},
    {ErrorCode::KeyChanged, "key_changed"},
    {ErrorCode::IdReused, "id_reused"},
    {ErrorCode::Replayed, "replayed"},
    {ErrorCode::JournalChanged, "journal_changed"},
    {ErrorCode::Expired, "expired"},
    {ErrorCode::Loop, "loop"},
    {ErrorCode::RateLimited, "rate_limited"},
    {ErrorCode::Busy, "busy"},
    {ErrorCode::StoreFull, "store_full"},
    {ErrorCode::AwaitingTrust, "awaiting_trust"},
    {ErrorCode::GatewayDown, "gateway_down"},
    {ErrorCode::GatewayError, "gateway_error"},
    {ErrorCode::UnknownExchange, "unknown_exchange"},
    {ErrorCode::BrokerDenied, "broker_denied"},
    {ErrorCode::Timeout, "timeout"},
    {ErrorCode::Internal, "internal"},
}};

}  // namespace

std::string_view to_string(ErrorCode code) {
  for (const auto& [value, name] : kNames) {
    if (value == code) return name;
  }
  return "internal";
}

std::optional<ErrorCode> error_code_from(std::string_view name) {
  for (const auto& [value, known] : kNames) {
    if (known == name) return value;
  }
  return std::nullopt;
}

}  // namespace clawbridge
