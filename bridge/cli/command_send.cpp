// clawbridge send: a message to an agent, and its reply. clawbridge spawn: a task in a session of its own.
#include <nlohmann/json.hpp>

#include "bridge/cli/attached_files.h"
#include "bridge/cli/commands.h"
#include "bridge/cli/progress.h"
#include "bridge/cli/render.h"
#include "bridge/cli/target.h"

namespace clawbridge::cli {
namespace {

using nlohmann::json;

/// Replacing concerns only labels and the like: a message is known to be UTF-8.
std::string text_of(const json& body) {
  return body.dump(-1, ' ', false, json::error_handler_t::replace);
}

/// What both have in common.
json request_body(const Target& target, const RequestOptions& options) {
  json body;
  body["timeoutSeconds"] = options.timeout_seconds;
  if (!target.gateway.empty()) body["gateway"] = target.gateway;
  if (!target.agent.empty()) body["agentId"] = target.agent;
  if (!options.late_reply.empty()) body["lateReply"] = options.late_reply;
  if (options.expires_seconds > 0) body["expiresInSeconds"] = options.expires_seconds;
  if (!options.attach.empty()) body["attachments"] = read_attachments(options.attach);
  return body;
}

/// At a terminal the reply grows where it will stand; else progress goes to stderr, so that stdout holds the reply alone.
ExitCode send_streamed(const Context& context, const SendOptions& options, const std::string& body) {
  const bool in_place = context.hooks.out_is_terminal && !context.json;
  Progress progress(in_place ? context.out() : context.err());
  std::string shown;
  const auto answer = context.client().stream("/v1/tools/sessions_send", body, milliseconds_of(options.timeout_seconds),
                                              parse_caller(options.as), [&](const std::string& text) { progress.show(in_place ? text : printable(text, true)); });
  const auto reply = answer.json.find("reply");
  if (in_place && reply != answer.json.end() && reply->is_string()) {
    progress.show(reply->get_ref<const std::string&>() + "\n");
    return print_end(context, answer, options);
  }
  progress.end();
  return print_outcome(context, answer, options);
}

/// Whether the session is there, and so the caller has what it asked for.
bool has_started(const json& exchange) {
  return exchange.value("status", "") == "accepted" && (exchange.value("stage", "") == "started" || exchange.contains("childSessionKey"));
}

}  // namespace

ExitCode send(const Context& context, const SendOptions& options) {
  const Target target = parse_target(options.target, options.label, options.session);
  json body = request_body(target, options);
  body["message"] = read_message(options.message, *context.hooks.in, context.hooks.in_is_terminal);
  if (!target.session_key.empty()) body["sessionKey"] = target.session_key;
  if (!target.label.empty()) body["label"] = target.label;
  if (options.stream) return send_streamed(context, options, text_of(body));
  const auto wait = milliseconds_of(options.timeout_seconds);
  return print_outcome(context, context.client().post("/v1/tools/sessions_send", text_of(body), wait, parse_caller(options.as)), options);
}

ExitCode spawn(const Context& context, const SpawnOptions& options) {
  const Target target = parse_target(options.target, {}, {});
  if (!target.session_key.empty()) throw usage("\"" + printable(options.target) + "\" is a session, and a spawn makes its own; name an agent, for example imac/jarvis");
  json body = request_body(target, options);
  body["task"] = read_message(options.message, *context.hooks.in, context.hooks.in_is_terminal);
  if (!options.label.empty()) body["label"] = options.label;
  if (!options.model.empty()) body["model"] = options.model;
  if (!options.thinking.empty()) body["thinking"] = options.thinking;
  if (options.run_timeout_seconds > 0) body["runTimeoutSeconds"] = options.run_timeout_seconds;
  const auto answer = context.client().post("/v1/tools/sessions_spawn", text_of(body), milliseconds_of(options.timeout_seconds), parse_caller(options.as));
  if (!has_started(answer.json)) return print_outcome(context, answer, options);
  print(context, answer, spawn_text(answer.json));
  return ExitCode::Done;
}

}  // namespace clawbridge::cli
