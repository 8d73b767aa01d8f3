#include "bridge/gateway/inquiry.h"

#include <utility>

namespace clawbridge::gateway {
namespace {

Error down(std::string reason) {
  return {ErrorCode::GatewayDown, std::move(reason), true};
}

}  // namespace

Inquiry::Inquiry(ClientSettings settings, std::chrono::seconds patience)
    : client_(std::make_shared<Client>(io_, std::move(settings))), patience_(patience) {}

Inquiry::~Inquiry() {
  client_->stop();
  io_.restart();
  io_.poll();  // its coroutines end
}

void Inquiry::run_until(const bool& done) {
  const auto end = std::chrono::steady_clock::now() + patience_;
  while (!done && std::chrono::steady_clock::now() < end) io_.run_one_until(end);
}

std::optional<Error> Inquiry::connect() {
  client_->start({.up =
                      [this](const Hello& hello, std::chrono::milliseconds) {
                        told_ = true;
                        hello_ = hello;
                      },
                  .down =
                      [this](std::string reason) {
                        told_ = true;
                        down_ = std::move(reason);
                      },
                  .tick = [] {}});
  run_until(told_);
  if (client_->is_up()) return std::nullopt;
  return down(told_ ? down_ : "the OpenClaw gateway did not answer in time; is it still starting?");
}

Result<nlohmann::json> Inquiry::ask(const std::string& method, const nlohmann::json& params) {
  // Shared: an answer may come after the wait for it.
  struct Answer {
    bool done = false;
    CallResult result = CallResult::Lost;
    Response response;
  };
  const auto answer = std::make_shared<Answer>();
  client_->call(method, params, [answer](CallResult result, const Response* response) {
    answer->done = true;
    answer->result = result;
    if (response != nullptr) answer->response = *response;
    return false;
  });
  run_until(answer->done);
  if (!answer->done) return down("the OpenClaw gateway did not answer " + method + " in time; see its log");
  if (answer->result != CallResult::Answered)
    return down(down_.empty() ? "lost the connection to the OpenClaw gateway" : down_);
  if (answer->response.ok) return std::move(answer->response.payload);
  const auto& failure = answer->response.failure;
  // Of a method that it does not have, 2026.3.8 says that it needs operator.admin, which we never have.
  const bool unknown = failure.message.find("unknown method") != std::string::npos ||
                       failure.message.find("missing scope: operator.admin") != std::string::npos;
  return Error{unknown ? ErrorCode::Unsupported : ErrorCode::GatewayError,
               "the OpenClaw gateway refused " + method + ": " + failure.message, false};
}

}  // namespace clawbridge::gateway
