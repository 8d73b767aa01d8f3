// Asks an OpenClaw gateway a few things, one after the other, and waits for each answer: for commands, not for the
// daemon.
#pragma once

#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "bridge/gateway/client.h"
#include "topics/result.h"

namespace clawbridge::gateway {

class Inquiry {
 public:
  /// `patience`: for the connection, and for each answer. 2026.9.6 may take seconds to list the tools of a session.
  explicit Inquiry(ClientSettings settings, std::chrono::seconds patience = std::chrono::seconds{30});
  ~Inquiry();
  Inquiry(const Inquiry&) = delete;
  Inquiry& operator=(const Inquiry&) = delete;

  /// Connects, once. The error (gateway_down) says what went wrong.
  [[nodiscard]] std::optional<Error> connect();

  /// What the gateway said of itself. REQUIRES: connect() succeeded.
  [[nodiscard]] const Hello& hello() const { return hello_; }

  /// REQUIRES: connect() succeeded. The answer's payload; `unsupported` for a method that this version does not have,
  /// `gateway_error` for another refusal, `gateway_down` when the connection is lost or nothing comes for a while.
  Result<nlohmann::json> ask(const std::string& method, const nlohmann::json& params);

 private:
  /// Runs until `done`, or the time is over.
  void run_until(const bool& done);

  asio::io_context io_{1};
  std::shared_ptr<Client> client_;
  const std::chrono::seconds patience_;
  Hello hello_;
  bool told_ = false;  // the attempt to connect has ended
  std::string down_;   // why there is no connection
};

}  // namespace clawbridge::gateway
