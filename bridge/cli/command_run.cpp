// clawbridge run: the daemon itself, in the foreground.
#include "bridge/cli/commands.h"

namespace clawbridge::cli {

ExitCode run_daemon(const Context& context) {
  const auto load = [socket = context.socket,
                     environment = context.hooks.environment](const std::optional<std::string>& file) {
    config::Settings settings = config::load(file, environment);
    if (socket) settings.api.socket = *socket;
    return settings;
  };
  const auto settings = load(context.config_file);
  Reread reread;
  // A file that was there and is gone is no reason to fall back to the defaults.
  const auto file = settings.file.empty() ? context.config_file : std::optional(settings.file);
  reread.load = [load, file] { return load(file); };
  if (file) {
    reread.file = *file;
  } else if (!context.hooks.environment.home.empty()) {
    reread.file = config::default_file(context.hooks.environment);
  }
  return static_cast<ExitCode>(context.hooks.run_daemon(settings, reread));
}

}  // namespace clawbridge::cli
