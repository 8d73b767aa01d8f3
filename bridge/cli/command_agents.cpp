// clawbridge agents: every agent of the federation.
#include "bridge/cli/commands.h"
#include "bridge/cli/render.h"

namespace clawbridge::cli {

ExitCode agents(const Context& context) {
  const auto answer = context.client().get("/v1/agents");
  print(context, answer, agents_text(answer.json));
  return ExitCode::Done;
}

}  // namespace clawbridge::cli
