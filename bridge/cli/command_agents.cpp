// clawbridge agents: every agent of the federation.
#include <nlohmann/json.hpp>

#include "bridge/cli/commands.h"
#include "bridge/cli/render.h"
#include "bridge/cli/target.h"

namespace clawbridge::cli {

ExitCode agents(const Context& context, const AgentsOptions& options) {
  // Without --allowed nobody needs to be asked: the daemon knows who is there.
  const auto answer = options.allowed ? context.client().post("/v1/tools/agents_list", "{}", {}, parse_caller(options.as))
                                      : context.client().get("/v1/agents");
  print(context, answer, agents_text(answer.json));
  return ExitCode::Done;
}

}  // namespace clawbridge::cli
