// The OpenClaw plugin's files (bridge/gateway/openclaw-plugin), which the program carries so that one binary suffices.
// The build makes the texts from these files (embed_files.cmake).
#pragma once

#include <span>
#include <string_view>

namespace clawbridge::cli {

struct PluginFile {
  std::string_view path;  // below the plugin's folder: `skills/clawbridge/SKILL.md`
  std::string_view text;
};

[[nodiscard]] std::span<const PluginFile> plugin_files();

}  // namespace clawbridge::cli
