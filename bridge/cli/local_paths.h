// Where the daemon's socket, keys and journal are, without the rest of the settings.
#pragma once

#include <optional>
#include <string>

#include "config/environment.h"

namespace clawbridge::cli {

struct LocalPaths {
  std::string socket;
  std::string keys;  // keys.json, beside the journal
  std::string journal;
  std::string openclaw_config;  // gateway.openclaw_config, as it stands there; empty: not set
};

/// Reads api.socket, store.path and gateway.openclaw_config as the daemon does. Other settings are not looked at beyond their spelling: a client
/// must work where a token's variable is not set. Throws config::SettingsError.
[[nodiscard]] LocalPaths find_local_paths(const std::optional<std::string>& file,
                                          const config::Environment& environment);

}  // namespace clawbridge::cli
