#include "bridge/cli/local_paths.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <map>

#include "config/entries.h"
#include "config/keys.h"
#include "config/placeholders.h"
#include "config/settings.h"

namespace clawbridge::cli {
namespace {

struct Given {
  std::string text;
  std::string place;  // where it was said, for errors
};
using GivenByVariable = std::map<std::string, Given>;

constexpr const char* kOpenClawConfig = "CLAWBRIDGE_GATEWAY_OPENCLAW_CONFIG";

std::optional<std::string> settings_file(const std::optional<std::string>& file,
                                         const config::Environment& environment) {
  if (file) return file;
  if (environment.home.empty() && !environment.variable("XDG_CONFIG_HOME")) return std::nullopt;
  return config::default_file(environment);
}

/// What the user set for the three keys, by the names of their variables; from the file unless a variable is set.
GivenByVariable given_paths(const std::optional<std::string>& file, const config::Environment& environment) {
  GivenByVariable given;
  const auto note = [&given](const std::vector<config::Entry>& entries) {
    for (const auto& entry : entries) {
      if (entry.key->path == "api.socket") given["CLAWBRIDGE_API_SOCKET"] = {entry.texts.front(), entry.place};
      if (entry.key->path == "store.path") given["CLAWBRIDGE_STORE_PATH"] = {entry.texts.front(), entry.place};
      if (entry.key->path == "gateway.openclaw_config") given[kOpenClawConfig] = {entry.texts.front(), entry.place};
    }
  };
  if (const auto path = settings_file(file, environment)) {
    const config::FileText read = environment.read_file(*path);
    const bool missing = read.error_number == ENOENT || read.error_number == ENOTDIR;
    if (!read.text && (file || !missing)) {
      throw config::SettingsError("cannot read settings " + *path + ": " + std::strerror(read.error_number));
    }
    if (read.text) note(config::entries_of_file(*read.text, *path));
  }
  note(config::entries_of_variables(environment));
  return given;
}

/// The machine as it would be if these variables were all that was set.
config::Environment reduced(const config::Environment& environment, const GivenByVariable& given) {
  config::Environment result = environment;
  result.host_name = "local";
  result.variable = [environment, given](const std::string& name) -> std::optional<std::string> {
    const auto found = given.find(name);
    if (found != given.end()) return found->second.text;
    return name.starts_with("CLAWBRIDGE_") ? std::nullopt : environment.variable(name);
  };
  result.variable_names = [given] {
    std::vector<std::string> names;
    for (const auto& [name, value] : given) names.push_back(name);
    return names;
  };
  result.read_file = [environment, file = settings_file({}, environment)](const std::string& path) {
    return path == file ? config::FileText{std::nullopt, ENOENT} : environment.read_file(path);
  };
  return result;
}

}  // namespace

LocalPaths find_local_paths(const std::optional<std::string>& file, const config::Environment& environment) {
  GivenByVariable given = given_paths(file, environment);
  std::string openclaw_config;
  if (const auto found = given.find(kOpenClawConfig); found != given.end()) {
    openclaw_config = config::expand_home(found->second.text, environment);
    given.erase(found);
  }
  // Kind echo, so that no gateway is looked for. The defaults and the checks of the two paths are the daemon's own.
  given["CLAWBRIDGE_GATEWAY_KIND"] = {"echo", {}};
  try {
    const config::Settings settings = config::load(std::nullopt, reduced(environment, given));
    const auto folder = std::filesystem::path(settings.store.path).parent_path();
    return {settings.api.socket, (folder / "keys.json").string(), settings.store.path, openclaw_config};
  } catch (const config::SettingsError& error) {
    const std::string message = error.what();
    for (const auto& [name, value] : given) {
      if (message.starts_with(name + ": ")) throw config::SettingsError(value.place + message.substr(name.size()));
    }
    throw;
  }
}

}  // namespace clawbridge::cli
