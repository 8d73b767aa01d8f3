// Asks an OpenClaw gateway a few things, one after the other, and waits for each answer: for commands, not for the
// daemon.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "bridge/gateway/client.h"
#include "topics/result.h"

namespace clawbridge::gateway {

class Inquiry {
 public:
  explicit Inquiry(ClientSettings settings);
  ~Inquiry();
  Inquiry(const Inquiry&) = delete;
  Inquiry& operator=(const Inquiry&) = delete;

  /// Connects, once. The error (gateway_down) says what went wrong.
  [[nodiscard]] std::optional<Error> connect();

  /// REQUIRES: connect() succeeded. The answer's payload; `unsupported` for a method that this version does not have,
  /// `gateway_error` for another refusal, `gateway_down` when the connection is lost or nothing comes for a while.
  Result<nlohmann::json> ask(const std::string& method, const nlohmann::json& params);

 private:
  /// Runs until `done`, or the time is over.
  void run_until(const bool& done);

  asio::io_context io_{1};
  std::shared_ptr<Client> client_;
  bool told_ = false;  // the attempt to connect has ended
  std::string down_;   // why there is no connection
};

}  // namespace clawbridge::gateway
