#include "bridge/api/tools.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <vector>

#include "bridge/api/agents_survey.h"
#include "bridge/api/nearest.h"
#include "bridge/api/quoted.h"
#include "bridge/api/view_json.h"

namespace clawbridge::api {
namespace {

Answer ok(std::string body) {
  return {200, std::move(body), {}};
}

Answer send_answer(const core::SendResult& result) {
  return result ? ok(send_json(*result)) : error_answer(result.error());
}

std::string_view requester_of(const Caller& caller) {
  return caller.is_operator() ? std::string_view{} : std::string_view(caller.agent);
}

}  // namespace

const Tools::Tool Tools::kTools[] = {
    {"sessions_send", &Tools::sessions_send},       {"sessions_spawn", &Tools::sessions_spawn},
    {"sessions_list", &Tools::sessions_list},       {"sessions_history", &Tools::sessions_history},
    {"session_status", &Tools::session_status},     {"agents_list", &Tools::agents_list},
    {"exchange", &Tools::exchange},                 {"status", &Tools::show_status},
    {"ping", &Tools::ping},
};

Outcome Tools::call(ToolCall call) {
  constexpr std::string_view kPrefix = "claw_";
  if (call.name.starts_with(kPrefix)) call.name.remove_prefix(kPrefix.size());
  const auto* found = std::find_if(std::begin(kTools), std::end(kTools),
                                   [&](const Tool& tool) { return tool.name == call.name; });
  if (found != std::end(kTools)) return (this->*found->handler)(std::move(call));
  std::vector<std::string_view> names;
  std::string list;
  for (const auto& tool : kTools) {
    names.push_back(tool.name);
    list += (list.empty() ? "" : ", ") + std::string(tool.name);
  }
  const std::string_view guess = nearest(call.name, names);
  return error_answer(404, {ErrorCode::BadRequest,
                            "unknown tool " + quoted(call.name) +
                                (guess.empty() ? "" : ": did you mean " + quoted(guess) + "?") + " (known: " + list + ")",
                            false});
}

Outcome Tools::sessions_send(ToolCall call) {
  auto send = arguments_.sessions_send(call.arguments, call.caller);
  if (!send) return error_answer(send.error());
  if (call.progress) send->progress = true;
  return pending(service_.send(std::move(*send), later<core::SendResult>(std::move(call.respond), send_answer),
                               std::move(call.progress)));
}

Outcome Tools::sessions_spawn(ToolCall call) {
  auto spawn = arguments_.sessions_spawn(call.arguments, call.caller);
  if (!spawn) return error_answer(spawn.error());
  // Answered when the turn has started: there is no text before that.
  return pending(service_.spawn(std::move(*spawn), later<core::SendResult>(std::move(call.respond), send_answer), {}));
}

Outcome Tools::sessions_list(ToolCall call) {
  return ask_of_sessions(arguments_.sessions_list(call.arguments, call.caller), std::move(call.respond));
}

Outcome Tools::sessions_history(ToolCall call) {
  return ask_of_sessions(arguments_.sessions_history(call.arguments, call.caller), std::move(call.respond));
}

Outcome Tools::session_status(ToolCall call) {
  return ask_of_sessions(arguments_.session_status(call.arguments, call.caller), std::move(call.respond));
}

Outcome Tools::ask_of_sessions(Result<core::event::LocalAsk> ask, Respond respond) {
  if (!ask) return error_answer(ask.error());
  const std::string own = service_.status().gateway;
  return pending(service_.ask(
      std::move(*ask), later<core::AskResult>(std::move(respond), [own](const core::AskResult& result) {
        if (const auto error = failure_of(result)) return error_answer(*error);
        return ok(listing_json(result->listing, result->gateway, result->gateway != own));
      })));
}

Outcome Tools::agents_list(ToolCall call) {
  const auto arguments = arguments_.agents_list(call.arguments);
  if (!arguments) return error_answer(arguments.error());
  const std::string own = service_.status().gateway;
  const auto requester = requester_of(call.caller);
  if (arguments->gateway.empty()) return survey_agents(service_, call.caller, arguments->wait, std::move(call.respond));
  if (arguments->gateway == own) return survey_own_agents(service_, call.caller, arguments->wait, std::move(call.respond));
  core::event::LocalAsk ask;
  ask.caller_agent = call.caller.agent;
  ask.what = body::AgentsList{};
  ask.gateway = arguments->gateway;
  ask.wait = arguments->wait;
  return pending(service_.ask(
      std::move(ask), later<core::AskResult>(std::move(call.respond), [asker = std::string(requester)](const core::AskResult& result) {
        if (const auto error = failure_of(result)) return error_answer(*error);
        return ok(peer_agents_json(result->gateway, result->agents.value_or(std::vector<body::AgentInfo>{}), asker));
      })));
}

Outcome Tools::exchange(ToolCall call) {
  using Action = ExchangeArguments::Action;
  const auto arguments = arguments_.exchange(call.arguments);
  if (!arguments) return error_answer(arguments.error());
  switch (arguments->action) {
    case Action::Wait:
      return exchanges_.wait(arguments->id, arguments->wait, call.caller, std::move(call.respond));
    case Action::Cancel:
      return exchanges_.stop(arguments->id, arguments->wait, call.caller, std::move(call.respond));
    case Action::Show:
      break;
  }
  return exchanges_.show(arguments->id, call.caller);
}

Outcome Tools::show_status(ToolCall call) {
  if (const auto error = arguments_.none(call.arguments)) return error_answer(*error);
  return ok(status_json(status()));
}

Outcome Tools::ping(ToolCall call) {
  const auto arguments = arguments_.ping(call.arguments);
  if (!arguments) return error_answer(arguments.error());
  core::event::LocalAsk ask;
  ask.what = body::Ping{};
  ask.gateway = arguments->gateway;
  ask.wait = arguments->wait;
  const auto begin = std::chrono::steady_clock::now();
  return pending(service_.ask(
      std::move(ask), later<core::AskResult>(std::move(call.respond), [begin](const core::AskResult& result) {
        if (const auto error = failure_of(result)) return error_answer(*error);
        const auto took = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - begin);
        return ok(ping_json(result->gateway, result->pong.value_or(body::Pong{}), static_cast<std::uint64_t>(took.count())));
      })));
}

core::StatusView Tools::status() const {
  core::StatusView view = service_.status();
  for (const auto& [name, count] : refusals_.counts()) view.counters[std::string(name)] = count;
  return view;
}

Pending Tools::pending(core::Ticket ticket) {
  return {[this, ticket] { service_.cancel(ticket); }, {}};
}

}  // namespace clawbridge::api
