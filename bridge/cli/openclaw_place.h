// Where the plugin and OpenClaw's settings are, for the three commands of `clawbridge openclaw`.
#pragma once

#include <string>

#include "bridge/cli/commands.h"
#include "config/openclaw_plugin.h"

namespace clawbridge::cli {

struct OpenClawPlace {
  config::Environment environment;  // in which OpenClaw's settings are the chosen ones
  std::string file;                 // OpenClaw's settings
  std::string text;                 // what stands there
  config::PluginPlace plugin;
};

/// The machine on which OpenClaw's settings are those that the options name, else the `configured` file, else the usual one.
[[nodiscard]] config::Environment openclaw_environment(const config::Environment& environment, const OpenClawOptions& options,
                                                       const std::string& configured);

/// Reads OpenClaw's settings. Throws config::SettingsError when there are none.
[[nodiscard]] OpenClawPlace find_openclaw(const Context& context, const OpenClawOptions& options);

/// How `rule` and `remedy` of hidden tools are told, without the agent's name.
[[nodiscard]] std::string hidden_text(const config::HiddenTools& hidden);
[[nodiscard]] nlohmann::json hidden_json(const config::HiddenTools& hidden);

}  // namespace clawbridge::cli
