// How a command fails: thrown where it is found out, printed and turned into the exit code in one place, run().
#pragma once

#include <exception>
#include <string>
#include <utility>

#include "bridge/cli/exit_code.h"

namespace clawbridge::cli {

class Failure : public std::exception {
 public:
  /// `code`: a wire name such as `bad_request`, for --json; `message`: for a person.
  Failure(ExitCode exit_code, std::string code, std::string message, bool retryable = false)
      : exit_code_(exit_code), code_(std::move(code)), message_(std::move(message)), retryable_(retryable) {}

  [[nodiscard]] const char* what() const noexcept override { return message_.c_str(); }
  [[nodiscard]] ExitCode exit_code() const { return exit_code_; }
  [[nodiscard]] const std::string& code() const { return code_; }
  [[nodiscard]] bool retryable() const { return retryable_; }

 private:
  ExitCode exit_code_;
  std::string code_;
  std::string message_;
  bool retryable_;
};

/// The user's words cannot be understood: exit code 2.
inline Failure usage(std::string message) {
  return {ExitCode::Usage, "bad_request", std::move(message)};
}

}  // namespace clawbridge::cli
