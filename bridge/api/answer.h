// One answer over HTTP, whole or as a stream of events, and how an error becomes one: its status, and the JSON that every
// refused request gets.
#pragma once

#include <exception>
#include <functional>
#include <string>
#include <string_view>
#include <variant>

#include "topics/error.h"

namespace clawbridge::api {

/// One HTTP answer. `body` is JSON unless `content_type` says otherwise, or empty.
struct Answer {
  unsigned status = 200;
  std::string body;
  std::string headers;  // further ones, each with its line's end
  std::string_view content_type = "application/json";  // a literal
};

/// One server-sent event (WHATWG HTML, section 9.2) of an answer that comes as a stream. Without name and data it is a
/// comment, which keeps the connection alive.
struct StreamEvent {
  std::string name;
  std::string data;             // JSON
  bool last = false;            // ends the answer
  bool may_be_skipped = false;  // when the reader is slow; without it, a reader who is too slow is cut off
};

/// An answer, or one event of it.
using Piece = std::variant<Answer, StreamEvent>;

/// Takes an answer: one Answer, or events up to one that is the last.
using Respond = std::function<void(Piece)>;

/// An answer that comes later.
struct Pending {
  std::function<void()> cancel;  // the caller has gone, and is told nothing more
  /// Set: the answer comes as events, and ends like this when the daemon does.
  std::function<StreamEvent(const Answer&)> farewell;
  bool endless = false;          // the stream begins at once and has no end of its own
};

/// What a request gets at once.
using Outcome = std::variant<Answer, Pending>;

/// The status line and header of an answer with a body of that size.
[[nodiscard]] std::string http_head(const Answer& answer, bool keep_alive);
/// Of a stream of events; `chunked`: in chunks (HTTP/1.1), else it goes on to the connection's end.
[[nodiscard]] std::string stream_head(bool chunked, bool keep_alive);
/// The event as it travels, in a chunk when they are in chunks.
[[nodiscard]] std::string stream_bytes(const StreamEvent& event, bool chunked);

/// The HTTP status for an error before there is an exchange, for example 404 for `unknown_agent`.
[[nodiscard]] unsigned http_status(ErrorCode code);

/// `{"status":"error","error":{"code","message","retryable"}}` with that status. Bytes of the message that are not
/// UTF-8 are replaced by `?`: some messages come from libraries.
[[nodiscard]] Answer error_answer(const Error& error);
[[nodiscard]] Answer error_answer(unsigned status, const Error& error);
/// For an exception that nobody expected.
[[nodiscard]] Answer error_answer(const std::exception& failure);

/// A callback for the service that answers with what `render` makes of a result, and lets nothing escape into it.
template <class R, class Render>
[[nodiscard]] std::function<void(R)> later(Respond respond, Render render) {
  return [respond = std::move(respond), render = std::move(render)](const R& result) {
    Answer answer;
    try {
      answer = render(result);
    } catch (const std::exception& failure) {
      answer = error_answer(failure);
    }
    respond(std::move(answer));
  };
}

}  // namespace clawbridge::api
