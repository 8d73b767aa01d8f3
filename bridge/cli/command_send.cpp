// clawbridge send: a message to an agent, and its reply.
#include <nlohmann/json.hpp>

#include "bridge/cli/commands.h"
#include "bridge/cli/target.h"

namespace clawbridge::cli {

ExitCode send(const Context& context, const SendOptions& options) {
  const Target target = parse_target(options.target, options.label, options.session);
  nlohmann::json body;
  body["message"] = read_message(options.message, *context.hooks.in, context.hooks.in_is_terminal);
  body["timeoutSeconds"] = options.timeout_seconds;
  if (!target.gateway.empty()) body["gateway"] = target.gateway;
  if (!target.agent.empty()) body["agentId"] = target.agent;
  if (!target.session_key.empty()) body["sessionKey"] = target.session_key;
  if (!target.label.empty()) body["label"] = target.label;
  // Replacing concerns only the label and the session: the message is known to be UTF-8.
  std::string text = body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  const auto wait = milliseconds_of(options.timeout_seconds);
  const auto answer = context.client().post("/v1/tools/sessions_send", std::move(text), wait, options.agent);
  return print_outcome(context, answer, options.timeout_seconds > 0);
}

}  // namespace clawbridge::cli
