#include "bridge/api/answer.h"

#include <boost/beast/http/status.hpp>

#include "bridge/api/json_writer.h"
#include "bridge/api/view_json.h"

namespace clawbridge::api {

std::string http_head(unsigned status, std::size_t body_bytes, bool keep_alive) {
  const auto reason = boost::beast::http::obsolete_reason(static_cast<boost::beast::http::status>(status));
  std::string head = "HTTP/1.1 " + std::to_string(status) + ' ';
  head.append(reason.data(), reason.size());
  head += "\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body_bytes);
  if (status == 401) head += "\r\nWWW-Authenticate: Bearer realm=\"clawbridge\"";  // RFC 9110, section 15.5.2
  head += keep_alive ? "\r\n\r\n" : "\r\nConnection: close\r\n\r\n";
  return head;
}

unsigned http_status(ErrorCode code) {
  switch (code) {
    case ErrorCode::BadRequest:
    case ErrorCode::Unsupported:
      return 400;
    case ErrorCode::Forbidden:
    case ErrorCode::Unauthentic:
      return 403;
    case ErrorCode::UnknownAgent:
    case ErrorCode::UnknownSession:
    case ErrorCode::UnknownPeer:
    case ErrorCode::UnknownExchange:
      return 404;
    case ErrorCode::Ambiguous:
    case ErrorCode::KeyChanged:
    case ErrorCode::IdReused:
    case ErrorCode::Replayed:
    case ErrorCode::JournalChanged:
    case ErrorCode::Expired:
    case ErrorCode::Loop:
      return 409;
    case ErrorCode::TooLarge:
      return 413;
    case ErrorCode::RateLimited:
    case ErrorCode::Busy:
      return 429;
    case ErrorCode::GatewayError:
      return 502;
    case ErrorCode::AwaitingTrust:
    case ErrorCode::GatewayDown:
    case ErrorCode::BrokerDenied:
      return 503;
    case ErrorCode::Timeout:
      return 504;
    case ErrorCode::StoreFull:
      return 507;
    case ErrorCode::Internal:
      return 500;
  }
  return 500;
}

Answer error_answer(const Error& error) {
  return error_answer(http_status(error.code), error);
}

Answer error_answer(unsigned status, const Error& error) {
  JsonWriter json;
  json.begin_object();
  json.text("status", "error");
  write_error(json, error);
  json.end_object();
  return {status, json.take()};
}

}  // namespace clawbridge::api
