// clawbridge run: the daemon itself, in the foreground.
#include "bridge/cli/commands.h"

namespace clawbridge::cli {

ExitCode run_daemon(const Context& context) {
  config::Settings settings = config::load(context.config_file, context.hooks.environment);
  if (context.socket) settings.api.socket = *context.socket;
  return static_cast<ExitCode>(context.hooks.run_daemon(settings));
}

}  // namespace clawbridge::cli
