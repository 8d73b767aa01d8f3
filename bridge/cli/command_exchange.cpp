// clawbridge exchange: what became of a message, and stopping it. clawbridge dead: those that were not carried out.
#include <nlohmann/json.hpp>

#include "bridge/cli/commands.h"
#include "bridge/cli/render.h"
#include "topics/ulid.h"

namespace clawbridge::cli {
namespace {

/// Checked here because it becomes part of a path.
const std::string& checked(const std::string& id) {
  if (is_ulid(id)) return id;
  throw usage("\"" + printable(id) +
              "\" is no exchange id: ids have 26 letters and digits, see `clawbridge exchange list`");
}

ExitCode show(const Context& context, const std::string& id) {
  const auto answer = context.client().get("/v1/exchanges/" + checked(id));
  print(context, answer, exchange_text(answer.json, context.hooks.now()));
  return ExitCode::Done;
}

std::string limit_query(const ExchangeOptions& options) {
  return "?limit=" + std::to_string(options.limit);
}

}  // namespace

ExitCode exchange_show(const Context& context, const ExchangeOptions& options) {
  return show(context, options.id);
}

ExitCode exchange_wait(const Context& context, const ExchangeOptions& options) {
  const std::string target =
      "/v1/exchanges/" + checked(options.id) + "?wait=" + std::to_string(options.timeout_seconds);
  return print_outcome(context, context.client().get(target, milliseconds_of(options.timeout_seconds)), {true, options.save_attachments});
}

ExitCode exchange_cancel(const Context& context, const ExchangeOptions& options) {
  const std::string body = nlohmann::json{{"timeoutSeconds", options.timeout_seconds}}.dump();
  const auto answer = context.client().post("/v1/exchanges/" + checked(options.id) + "/cancel", body,
                                            milliseconds_of(options.timeout_seconds));
  print(context, answer, cancel_text(answer.json));
  const std::string result = answer.json.value("result", "");
  if (result == "cancelled") return ExitCode::Done;
  return result == "requested" ? ExitCode::WaitEnded : ExitCode::Failed;
}

ExitCode exchange_list(const Context& context, const ExchangeOptions& options) {
  const auto answer = context.client().get("/v1/exchanges" + limit_query(options));
  print(context, answer, exchanges_text(answer.json, context.hooks.now()));
  return ExitCode::Done;
}

ExitCode dead_list(const Context& context, const ExchangeOptions& options) {
  const auto answer = context.client().get("/v1/dead" + limit_query(options));
  print(context, answer, dead_text(answer.json, context.hooks.now()));
  return ExitCode::Done;
}

ExitCode dead_show(const Context& context, const ExchangeOptions& options) {
  return show(context, options.id);
}

ExitCode dead_replay(const Context& context, const ExchangeOptions& options) {
  const auto answer = context.client().post("/v1/dead/" + checked(options.id) + "/replay", "{}");
  const std::string id = printable(answer.json.value("correlationId", ""));
  print(context, answer, "asked again as " + id + "; see `clawbridge exchange wait " + id + "`\n");
  return ExitCode::Done;
}

ExitCode dead_drop(const Context& context, const ExchangeOptions& options) {
  const auto answer = context.client().post("/v1/dead/" + checked(options.id) + "/drop", "{}");
  print(context, answer, options.id + " is no dead letter any more; `clawbridge exchange show` still knows it\n");
  return ExitCode::Done;
}

}  // namespace clawbridge::cli
