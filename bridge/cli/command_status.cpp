// clawbridge status: how the daemon is.
#include "bridge/cli/commands.h"
#include "bridge/cli/render.h"

namespace clawbridge::cli {

ExitCode status(const Context& context) {
  const auto answer = context.client().get("/v1/status");
  print(context, answer, status_text(answer.json, context.hooks.now()));
  return ExitCode::Done;
}

}  // namespace clawbridge::cli
