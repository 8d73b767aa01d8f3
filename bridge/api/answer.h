// One answer over HTTP, and how an error becomes one: its status, and the JSON that every refused request gets.
#pragma once

#include <string>

#include "topics/error.h"

namespace clawbridge::api {

/// One HTTP answer. `body` is JSON.
struct Answer {
  unsigned status = 200;
  std::string body;
};

/// The status line and header of an answer with a JSON body of that size.
[[nodiscard]] std::string http_head(unsigned status, std::size_t body_bytes, bool keep_alive);

/// The HTTP status for an error before there is an exchange, for example 404 for `unknown_agent`.
[[nodiscard]] unsigned http_status(ErrorCode code);

/// `{"status":"error","error":{"code","message","retryable"}}` with that status. Bytes of the message that are not
/// UTF-8 are replaced by `?`: some messages come from libraries.
[[nodiscard]] Answer error_answer(const Error& error);
[[nodiscard]] Answer error_answer(unsigned status, const Error& error);

}  // namespace clawbridge::api
