#include "bridge/gateway/new_session.h"

#include <utility>

namespace clawbridge::gateway {

using core::action::StartRun;
using nlohmann::json;

namespace {

NotTaken no_connection() {
  return {"the gateway is not connected"};
}

Ended rejected(ErrorCode code, std::string message) {
  auto reply = make_reply(ReplyStatus::Rejected);
  reply.error = Error{code, std::move(message), false};
  return {std::move(reply)};
}

Ended taken(const StartRun& order) {
  return {label_taken_reply(order.agent, order.label)};
}

SessionPrepared no_models(const StartRun& order) {
  return rejected(ErrorCode::Unsupported, "this version of OpenClaw lets no other gateway choose a session's model: leave `model` out, or give agent \"" +
                                              order.agent + "\" that model in its gateway's settings; 2026.9 can");
}

SessionPrepared not_prepared(const std::string& what, const Failure& failure) {
  if (failure.code == "UNAVAILABLE") return NotTaken{"the gateway cannot " + what + " now: " + failure.message};
  return rejected(ErrorCode::BadRequest, "the gateway refused to " + what + ": " + failure.message);
}

// What is made of braces inside a coroutine GCC 12 destroys twice, so these are functions of their own.
json label_params(const StartRun& order) {
  return {{"label", order.label}, {"agentId", order.agent}};
}
json model_params(const StartRun& order) {
  return {{"key", order.session_key}, {"model", order.model}};
}

// A turn that is handed over a second time finds the label at its own session.
SessionPrepared judge_label(const StartRun& order, const Response& response) {
  const auto& message = response.failure.message;
  if (response.ok) return text_member(response.payload, "key") == order.session_key ? SessionPrepared(Ready{}) : taken(order);
  if (message.starts_with("No session found")) return Ready{};
  if (message.starts_with("Multiple sessions")) return taken(order);
  return not_prepared("give a session the label \"" + order.label + "\"", response.failure);
}

}  // namespace

bool needs_preparing(const StartRun& order) {
  return order.new_session && !(order.label.empty() && order.model.empty());
}

asio::awaitable<SessionPrepared> prepare_session(std::shared_ptr<Client> client, StartRun order, bool keeps_keys) {
  if (!order.model.empty() && !keeps_keys) co_return no_models(order);
  if (!order.label.empty()) {
    const auto answer = co_await client->ask("sessions.resolve", label_params(order));
    if (answer.result != CallResult::Answered) co_return no_connection();
    auto judged = judge_label(order, answer.response);
    if (!std::holds_alternative<Ready>(judged)) co_return judged;
  }
  if (!order.model.empty()) {
    const auto answer = co_await client->ask("sessions.patch", model_params(order));
    if (answer.result != CallResult::Answered) co_return no_connection();
    if (!answer.response.ok) co_return not_prepared("give the session the model \"" + order.model + "\"", answer.response.failure);
  }
  co_return SessionPrepared();
}

}  // namespace clawbridge::gateway
