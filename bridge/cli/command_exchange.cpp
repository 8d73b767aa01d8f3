// clawbridge exchange: what became of a message.
#include "bridge/cli/commands.h"
#include "bridge/cli/render.h"
#include "topics/ulid.h"

namespace clawbridge::cli {
namespace {

/// Checked here because it becomes part of a path.
std::string path_of(const std::string& id) {
  if (is_ulid(id)) return "/v1/exchanges/" + id;
  throw usage("\"" + printable(id) +
              "\" is no exchange id: ids have 26 letters and digits, see `clawbridge exchange list`");
}

}  // namespace

ExitCode exchange_show(const Context& context, const ExchangeOptions& options) {
  const auto answer = context.client().get(path_of(options.id));
  print(context, answer, exchange_text(answer.json, context.hooks.now()));
  return ExitCode::Done;
}

ExitCode exchange_wait(const Context& context, const ExchangeOptions& options) {
  const std::string target = path_of(options.id) + "?wait=" + std::to_string(options.timeout_seconds);
  return print_outcome(context, context.client().get(target, milliseconds_of(options.timeout_seconds)), true);
}

ExitCode exchange_list(const Context& context, const ExchangeOptions& options) {
  const auto answer = context.client().get("/v1/exchanges?limit=" + std::to_string(options.limit));
  print(context, answer, exchanges_text(answer.json, context.hooks.now()));
  return ExitCode::Done;
}

}  // namespace clawbridge::cli
