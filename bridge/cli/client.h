// Asks the daemon over its Unix socket: one request, one connection, one answer.
#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>

#include "bridge/cli/failure.h"

namespace clawbridge::cli {

/// What the daemon answered with success: its words, and the same parsed.
struct DaemonAnswer {
  std::string text;
  nlohmann::json json;
};

class Client {
 public:
  explicit Client(std::string socket_path) : socket_path_(std::move(socket_path)) {}

  /// Blocks until the answer is there. `wait`: how long the daemon itself may wait before it answers; some seconds are
  /// added. `agent`: on whose behalf; empty: a person's.
  /// Throws Failure: unreachable when no daemon answers, by the error's code when it refuses.
  DaemonAnswer get(const std::string& target, std::chrono::milliseconds wait = {});
  DaemonAnswer post(const std::string& target, std::string body, std::chrono::milliseconds wait = {},
                    const std::string& agent = {});

 private:
  std::string socket_path_;
};

}  // namespace clawbridge::cli
