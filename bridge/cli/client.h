// Asks the daemon over its Unix socket: one request, one connection, one answer.
#pragma once

#include <chrono>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "bridge/cli/failure.h"

namespace clawbridge::cli {

/// What the daemon answered with success: its words, and the same parsed.
struct DaemonAnswer {
  std::string text;
  nlohmann::json json;
};

/// Whose request it is: a local agent's, with its session if that is known; without both a person's.
struct Caller {
  std::string agent;
  std::string session;
};

class Client {
 public:
  /// `slack`: what the daemon may take beyond its own wait.
  explicit Client(std::string socket_path, std::chrono::milliseconds slack = std::chrono::seconds{15})
      : socket_path_(std::move(socket_path)), slack_(slack) {}
  [[nodiscard]] const std::string& socket_path() const { return socket_path_; }

  /// Blocks until the answer is there. `wait`: how long the daemon itself may wait before it answers; the slack is
  /// added. Throws Failure: unreachable when no daemon answers, by the error's code when it refuses.
  DaemonAnswer get(const std::string& target, std::chrono::milliseconds wait = {});
  DaemonAnswer post(const std::string& target, std::string body, std::chrono::milliseconds wait = {},
                    const Caller& caller = {});
  /// The same of a tool, whose answer comes as events: `progress` is called with the text so far, before it returns.
  DaemonAnswer stream(const std::string& target, std::string body, std::chrono::milliseconds wait, const Caller& caller,
                      const std::function<void(const std::string&)>& progress);

 private:
  std::string socket_path_;
  std::chrono::milliseconds slack_;
};

}  // namespace clawbridge::cli
