// What `init` and `join` are going to write, decided before anything is written.
#pragma once

#include <string>
#include <vector>

#include "bridge/cli/setup_commands.h"
#include "bridge/cli/setup_place.h"
#include "bridge/setup/join_token.h"
#include "bridge/setup/settings_text.h"

namespace clawbridge::cli {

struct PlannedFile {
  std::string path;
  std::string text;
};

struct SetupPlan {
  std::vector<setup::Setting> settings;
  std::vector<PlannedFile> files;  // private ones, which the settings name
  std::string text;                // of the settings file
  config::Settings loaded;         // the same as the daemon will read it
  std::string broker_found;        // how the broker was found: `--broker`, `found on this machine`, …
  std::string openclaw_config;     // kind openclaw: OpenClaw's settings file
  std::vector<std::string> notes;  // what a person should know, one sentence each
};

/// The first machine of a federation. May ask at a terminal. Throws Failure, config::SettingsError.
[[nodiscard]] SetupPlan plan_first(const Context& context, const SetupPlace& place, const SetupOptions& options);

/// Another one, which was given `token`. The same.
[[nodiscard]] SetupPlan plan_joining(const Context& context, const SetupPlace& place, const SetupOptions& options,
                                     const setup::JoinToken& token);

}  // namespace clawbridge::cli
