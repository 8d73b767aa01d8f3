// clawbridge sessions: what sessions another gateway's agents have, what was said in one, and how it is.
#include <nlohmann/json.hpp>

#include "bridge/cli/commands.h"
#include "bridge/cli/render.h"
#include "bridge/cli/target.h"
#include "topics/address.h"

namespace clawbridge::cli {
namespace {

using nlohmann::json;

DaemonAnswer ask(const Context& context, const char* tool, json body, const Target& target, const SessionsOptions& options) {
  body["timeoutSeconds"] = options.timeout_seconds;
  if (!target.gateway.empty()) body["gateway"] = target.gateway;
  if (!target.agent.empty()) body["agentId"] = target.agent;
  if (!target.session_key.empty()) body["sessionKey"] = target.session_key;
  return context.client().post(std::string("/v1/tools/") + tool, body.dump(-1, ' ', false, json::error_handler_t::replace),
                               milliseconds_of(options.timeout_seconds), parse_caller(options.as));
}

}  // namespace

ExitCode sessions_list(const Context& context, const SessionsOptions& options) {
  Target target;
  // A name alone is a gateway's here: one looks around there.
  if (is_gateway_name(options.target)) {
    target.gateway = options.target;
  } else if (!options.target.empty()) {
    target = parse_target(options.target, {}, {});
    if (!target.session_key.empty()) throw usage("\"" + printable(options.target) + "\" is a session; name a gateway or an agent, for example imac or imac/jarvis");
  }
  json body = json::object();
  if (options.limit) body["limit"] = *options.limit;
  if (options.offset > 0) body["offset"] = options.offset;
  if (options.active_minutes > 0) body["activeMinutes"] = options.active_minutes;
  if (options.message_limit > 0) body["messageLimit"] = options.message_limit;
  if (!options.kinds.empty()) body["kinds"] = options.kinds;
  if (!options.label.empty()) body["label"] = options.label;
  if (!options.search.empty()) body["search"] = options.search;
  const auto answer = ask(context, "sessions_list", std::move(body), target, options);
  print(context, answer, sessions_text(answer.json, context.hooks.now()));
  return ExitCode::Done;
}

ExitCode sessions_history(const Context& context, const SessionsOptions& options) {
  Target target = parse_target(options.target, {}, options.session);
  if (target.session_key.empty()) target.session_key = "agent:" + target.agent + ":main";
  json body = json::object();
  if (options.limit) body["limit"] = *options.limit;
  if (options.offset > 0) body["offset"] = options.offset;
  if (options.include_tools) body["includeTools"] = true;
  const auto answer = ask(context, "sessions_history", std::move(body), target, options);
  print(context, answer, history_text(answer.json, context.hooks.now()));
  return ExitCode::Done;
}

ExitCode session_status(const Context& context, const SessionsOptions& options) {
  const auto answer = ask(context, "session_status", json::object(), parse_target(options.target, {}, options.session), options);
  print(context, answer, session_status_text(answer.json, context.hooks.now()));
  return ExitCode::Done;
}

}  // namespace clawbridge::cli
