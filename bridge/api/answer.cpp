#include "bridge/api/answer.h"

#include <array>
#include <boost/beast/http/status.hpp>
#include <charconv>
#include <ostream>  // which Boost 1.74 needs for status.hpp, and does not include

#include "bridge/api/json_writer.h"
#include "bridge/api/view_json.h"

namespace clawbridge::api {

std::string http_head(const Answer& answer, bool keep_alive) {
  const auto reason = boost::beast::http::obsolete_reason(static_cast<boost::beast::http::status>(answer.status));
  std::string head = "HTTP/1.1 " + std::to_string(answer.status) + ' ';
  head.append(reason.data(), reason.size());
  if (!answer.body.empty()) head.append("\r\nContent-Type: ").append(answer.content_type);
  head += "\r\nContent-Length: " + std::to_string(answer.body.size());
  if (answer.status == 401) head += "\r\nWWW-Authenticate: Bearer realm=\"clawbridge\"";  // RFC 9110, section 15.5.2
  head += "\r\n" + answer.headers;
  head += keep_alive ? "\r\n" : "Connection: close\r\n\r\n";
  return head;
}

std::string stream_head(bool chunked, bool keep_alive) {
  std::string head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n";
  if (chunked) head += "Transfer-Encoding: chunked\r\n";
  head += keep_alive ? "\r\n" : "Connection: close\r\n\r\n";
  return head;
}

std::string stream_bytes(const StreamEvent& event, bool chunked) {
  std::string text;
  if (event.name.empty() && event.data.empty()) {
    if (!event.last) text = ":\n\n";
  } else {
    text.reserve(event.name.size() + event.data.size() + 20);
    text += "event: " + event.name + "\ndata: ";
    // In JSON a line's end can only stand between tokens; in an event it would end the data.
    for (const char c : event.data) text += c == '\n' || c == '\r' ? ' ' : c;
    text += "\n\n";
  }
  if (!chunked) return text;
  std::string chunks;
  if (!text.empty()) {
    std::array<char, 16> size{};
    const auto end = std::to_chars(size.data(), size.data() + size.size(), text.size(), 16).ptr;
    chunks.reserve(text.size() + 24);
    chunks.append(size.data(), end).append("\r\n").append(text).append("\r\n");
  }
  if (event.last) chunks += "0\r\n\r\n";
  return chunks;
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
  return {status, json.take(), {}};
}

Answer error_answer(const std::exception& failure) {
  return error_answer({ErrorCode::Internal, "cannot carry out the request: " + std::string(failure.what()), true});
}

}  // namespace clawbridge::api
