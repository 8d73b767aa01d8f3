// clawbridge openclaw install, uninstall: the plugin's files, and its place in OpenClaw's settings. Works without the
// daemon and without the gateway.
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "bridge/cli/local_files.h"
#include "bridge/cli/local_paths.h"
#include "bridge/cli/openclaw_place.h"
#include "bridge/cli/plugin_files.h"
#include "bridge/cli/render.h"

namespace clawbridge::cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kRestart = "Restart the OpenClaw gateway, then look with `clawbridge openclaw check`.\n";

std::string backup_of(const OpenClawPlace& place) {
  return place.file + ".before-clawbridge";
}

/// The new settings, with the old ones kept beside them. Nothing happens when nothing changes, nor when somebody else, such as
/// OpenClaw itself, has changed them since they were read.
void write_settings(const OpenClawPlace& place, const config::PluginEdit& edit) {
  if (edit.changes.empty()) return;
  if (place.environment.read_file(place.file).text != place.text) {
    throw Failure(ExitCode::Failed, "busy", place.file + " was changed by somebody else just now; it was not touched, run this again", true);
  }
  write_file(backup_of(place), place.text);
  write_file(place.file, edit.text);
}

void write_plugin(const std::string& folder) {
  for (const PluginFile& file : plugin_files()) write_file(fs::path(folder) / file.path, file.text, 0644);
}

void remove_plugin(const std::string& folder) {
  std::error_code ignored;
  for (const PluginFile& file : plugin_files()) {
    // What is not ours stays, and so does a folder with something else in it.
    for (fs::path path = fs::path(folder) / file.path; path != fs::path(folder).parent_path();
         path = path.parent_path()) {
      if (!fs::remove(path, ignored)) break;
    }
  }
}

std::string lines_of(const std::vector<std::string>& changes) {
  std::string lines;
  for (const auto& change : changes) lines += "  " + printable(change) + "\n";
  return lines;
}

std::string told(const OpenClawPlace& place, const config::PluginEdit& edit) {
  if (edit.changes.empty()) return "Nothing to change in " + printable(place.file) + ".\n";
  return "Changed " + printable(place.file) + ":\n" + lines_of(edit.changes) + "The file before is " +
         printable(backup_of(place)) + ".\n";
}

json told_json(const OpenClawPlace& place, const config::PluginEdit& edit) {
  json answer{{"status", "ok"},
              {"file", place.file},
              {"folder", place.plugin.folder},
              {"changes", edit.changes},
              {"restart", !edit.changes.empty()}};
  if (!edit.changes.empty()) answer["backup"] = backup_of(place);
  return answer;
}

[[noreturn]] void by_hand(const OpenClawPlace& place, const std::string& what) {
  throw Failure(
      ExitCode::Failed, "unsupported",
      place.file + " has comments, or is written in another way that would be lost; it was not touched. " + what);
}

}  // namespace

config::Environment openclaw_environment(const config::Environment& environment, const OpenClawOptions& options, const std::string& configured) {
  if (!options.config.empty()) return config::with_openclaw_config(environment, options.config);
  if (!options.home.empty()) return config::with_openclaw_config(environment, options.home + "/openclaw.json");
  return configured.empty() ? environment : config::with_openclaw_config(environment, configured);
}

OpenClawPlace find_openclaw(const Context& context, const OpenClawOptions& options) {
  const LocalPaths paths = find_local_paths(context.config_file, context.hooks.environment);
  OpenClawPlace place;
  place.environment = openclaw_environment(context.hooks.environment, options, paths.openclaw_config);
  place.file = config::openclaw_settings_file(place.environment);
  const config::FileText read = place.environment.read_file(place.file);
  if (!read.text) {
    throw config::SettingsError("cannot read OpenClaw's settings " + place.file + ": " +
                                std::strerror(read.error_number) +
                                "; name them with --openclaw-home or --openclaw-config");
  }
  place.text = *read.text;
  const auto folder = fs::path(config::default_file(context.hooks.environment)).parent_path() / "openclaw-plugin";
  const std::string socket = context.socket ? *context.socket : paths.socket;
  place.plugin = {fs::absolute(folder).lexically_normal().string(), fs::absolute(socket).lexically_normal().string()};
  return place;
}

std::string hidden_text(const config::HiddenTools& hidden) {
  std::string tools;
  if (hidden.tools.size() < std::size(config::kPluginTools)) {
    for (const auto& tool : hidden.tools) tools += (tools.empty() ? " " : ", ") + tool;
  }
  return printable("hidden" + tools + ": " + hidden.rule + "; " + hidden.remedy);
}

json hidden_json(const config::HiddenTools& hidden) {
  return {{"agent", hidden.agent}, {"tools", hidden.tools}, {"rule", hidden.rule}, {"remedy", hidden.remedy}};
}

ExitCode openclaw_install(const Context& context, const OpenClawOptions& options) {
  const OpenClawPlace place = find_openclaw(context, options);
  const auto edit = config::install_plugin(place.text, place.file, place.plugin, options.also_allow);
  write_plugin(place.plugin.folder);  // first: OpenClaw refuses settings that name a folder which is not there
  if (!edit) {
    by_hand(place, "Add by hand, and \"clawbridge\" to plugins.allow if that list has anything in it:\n" +
                       config::plugin_settings(place.plugin));
  }
  write_settings(place, *edit);
  const auto hidden = config::hidden_tools(edit->text, place.file);
  if (context.json) {
    json answer = told_json(place, *edit);
    answer["hidden"] = json::array();
    for (const auto& one : hidden) answer["hidden"].push_back(hidden_json(one));
    context.out() << line(answer);
    return ExitCode::Done;
  }
  context.out() << told(place, *edit);
  if (!hidden.empty()) context.out() << "Not every agent will see the tools; --also-allow makes what can be added:\n";
  for (const auto& one : hidden) context.out() << "  " << printable(one.agent) << ": " << hidden_text(one) << "\n";
  context.out() << kRestart;
  return ExitCode::Done;
}

ExitCode openclaw_uninstall(const Context& context, const OpenClawOptions& options) {
  const OpenClawPlace place = find_openclaw(context, options);
  const auto edit = config::uninstall_plugin(place.text, place.file, place.plugin.folder);
  if (!edit) {
    by_hand(place, "Take out by hand: \"" + place.plugin.folder +
                       "\" from plugins.load.paths, plugins.entries.clawbridge, and \"clawbridge\" from "
                       "plugins.allow and the lists of tools.");
  }
  write_settings(place, *edit);
  remove_plugin(place.plugin.folder);
  context.out() << (context.json
                        ? line(told_json(place, *edit))
                        : told(place, *edit) + (edit->changes.empty() ? "" : "Restart the OpenClaw gateway.\n"));
  return ExitCode::Done;
}

}  // namespace clawbridge::cli
