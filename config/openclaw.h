// Where the local OpenClaw gateway listens and which token it wants, from OpenClaw's own settings, so that a bridge
// beside it needs none of its own. Both 2026.3.8 and 2026.9.6 keep them in `gateway.port` and `gateway.auth.token`.
#pragma once

#include <string>

#include "config/environment.h"
#include "config/secret.h"

namespace clawbridge::config {

struct OpenClawGateway {
  std::string url;  // ws://127.0.0.1:18789 when nothing else is said
  Secret token;     // empty: none found
};

/// Where OpenClaw keeps its settings: `$OPENCLAW_CONFIG_PATH`, or `openclaw.json` in `$OPENCLAW_STATE_DIR` or ~/.openclaw.
/// Empty without a home.
[[nodiscard]] std::string openclaw_settings_file(const Environment& environment);

/// The same machine, on which OpenClaw's settings are `file`.
[[nodiscard]] Environment with_openclaw_config(const Environment& environment, const std::string& file);

/// Reads openclaw_settings_file(); it may be missing.
/// OPENCLAW_GATEWAY_PORT and OPENCLAW_GATEWAY_TOKEN come first, as in OpenClaw itself (docs/gateway, both versions).
/// Throws SettingsError when the file is there and cannot be used.
[[nodiscard]] OpenClawGateway find_openclaw_gateway(const Environment& environment);

}  // namespace clawbridge::config
