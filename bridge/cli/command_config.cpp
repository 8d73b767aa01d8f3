// clawbridge config: checking the settings, and what can be set.
#include <nlohmann/json.hpp>

#include "bridge/cli/commands.h"
#include "bridge/cli/render.h"

namespace clawbridge::cli {

ExitCode config_check(const Context& context) {
  const config::Settings settings = config::load(context.config_file, context.hooks.environment);
  const std::string& gateway = settings.gateway.name;
  if (context.json) {
    context.out() << line({{"status", "ok"}, {"file", settings.file}, {"gateway", gateway}});
  } else if (settings.file.empty()) {
    context.out() << "there is no settings file, and the defaults are fine: gateway " << gateway << "\n";
  } else {
    context.out() << settings.file << ": the settings are fine: gateway " << gateway << "\n";
  }
  return ExitCode::Done;
}

ExitCode config_schema(const Context& context) {
  context.out() << config::schema_json();
  return ExitCode::Done;
}

ExitCode config_reference(const Context& context) {
  const std::string text = config::reference_markdown();
  context.out() << (context.json ? line({{"reference", text}}) : text);
  return ExitCode::Done;
}

}  // namespace clawbridge::cli
