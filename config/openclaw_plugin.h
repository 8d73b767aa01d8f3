// The plugin's place in OpenClaw's settings: puts it in and takes it out, and says which rules of these settings keep
// its tools from an agent. Pure: texts in, texts out.
//
// OpenClaw 2026.3.8 and 2026.9.6 read the same keys. A file is only edited when nothing but its blanks would change
// beside the edit; one with comments, or written otherwise than JSON.stringify does, is left to its author.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace clawbridge::config {

/// The plugin's id in OpenClaw's settings; in lists of tools it stands for all of its tools.
inline constexpr std::string_view kPluginId = "clawbridge";

/// The tools that it registers; the same as in openclaw.plugin.json.
inline constexpr std::string_view kPluginTools[] = {
    "claw_sessions_send",  "claw_sessions_spawn", "claw_sessions_list", "claw_sessions_history",
    "claw_session_status", "claw_agents_list",    "claw_exchange"};

struct PluginPlace {
  std::string folder;  // with openclaw.plugin.json; absolute
  std::string socket;  // the daemon's; absolute
};

struct PluginEdit {
  std::string text;                  // the whole file; the same as before when there are no changes
  std::vector<std::string> changes;  // one line for a person each, beginning with the key
};

/// Loads the plugin from `place`. `also_allow`: also adds it to the lists of tools that leave it out.
/// Nothing when the text cannot be rewritten without loss. Throws SettingsError, which names `file`, when it is no
/// JSON5 object, or keys on the way are of another type.
[[nodiscard]] std::optional<PluginEdit> install_plugin(std::string_view text, const std::string& file,
                                                       const PluginPlace& place, bool also_allow);

/// Takes out the path, the entry, and the id from every list; lists and objects that are empty then go too. As above.
[[nodiscard]] std::optional<PluginEdit> uninstall_plugin(std::string_view text, const std::string& file,
                                                         const std::string& folder);

/// The settings that install_plugin() would make of an empty file, for a person to merge by hand.
[[nodiscard]] std::string plugin_settings(const PluginPlace& place);

/// Whether these settings load the plugin from `folder`, and the socket they give it (empty: none).
struct PluginState {
  bool loaded = false;
  std::string socket;
};
[[nodiscard]] PluginState plugin_state(std::string_view text, const std::string& file, const std::string& folder);

/// Tools that an agent is not offered.
struct HiddenTools {
  std::string agent;
  std::vector<std::string> tools;
  std::string rule;    // `tools.profile is "coding"`
  std::string remedy;  // `add "clawbridge" to tools.alsoAllow`
};

/// What these settings hide from the agents. `agents`: their ids; when there are none, those in the settings.
/// Knows profiles, allow and deny of tools and of plugins; not the rules for providers, groups and sandboxes.
[[nodiscard]] std::vector<HiddenTools> hidden_tools(std::string_view text, const std::string& file,
                                                    std::vector<std::string> agents = {});

}  // namespace clawbridge::config
