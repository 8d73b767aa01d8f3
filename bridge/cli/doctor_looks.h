// What `clawbridge doctor` looks at on this machine and through the daemon. Each look changes nothing but, for a
// moment, an empty file in the state folder; each has a time limit, and none throws for what it finds.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <vector>

#include "bridge/cli/commands.h"
#include "bridge/core/options.h"
#include "bridge/doctor/observations.h"
#include "config/settings.h"

namespace clawbridge::cli {

/// Loads the settings as the daemon does, and notes which files with secrets it read. Nothing: `seen.error` says why
/// not.
[[nodiscard]] std::optional<config::Settings> look_at_settings(const Context& context, doctor::SettingsSeen& seen);

[[nodiscard]] doctor::StateSeen look_at_state(const std::filesystem::path& folder);

/// `keys`: those that can be used; nothing when there are none.
[[nodiscard]] doctor::KeysSeen look_at_keys(const std::filesystem::path& path, const std::string& gateway,
                                            std::optional<core::Keys>& keys);

[[nodiscard]] doctor::DaemonSeen look_at_daemon(const Context& context, const std::string& socket);

/// What a running daemon knows of the others; those that are online are asked by ping, up to a limit. Nothing when it
/// does not tell.
[[nodiscard]] std::optional<std::vector<doctor::PeerSeen>> ask_daemon_for_peers(const Context& context,
                                                                                const std::string& socket);

/// Asks the gateway, or looks for the program of kind command. Fills in the gateway, the agents that the settings name
/// and it does not have, and who sees the tools.
void look_at_gateway(const Context& context, const config::Settings& settings, doctor::Observations& seen);

}  // namespace clawbridge::cli
