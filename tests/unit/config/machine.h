// A machine made of maps, in a few lines: what config::Environment sees in these tests.
#pragma once

#include <gtest/gtest.h>

#include <cerrno>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/environment.h"
#include "config/settings.h"

namespace clawbridge::config {

struct Machine {
  std::string home = "/home/tony";
  std::string host_name = "imac";
  std::map<std::string, std::string> variables;
  std::map<std::string, std::string> files;
  std::map<std::vector<std::string>, CommandOutcome> commands;

  [[nodiscard]] Environment environment() const {
    Environment made;
    made.home = home;
    made.host_name = host_name;
    made.variable = [this](const std::string& name) -> std::optional<std::string> {
      const auto found = variables.find(name);
      return found == variables.end() ? std::nullopt : std::optional(found->second);
    };
    made.variable_names = [this] {
      std::vector<std::string> names;
      for (const auto& [name, value] : variables) names.push_back(name);
      return names;
    };
    made.read_file = [this](const std::string& path) -> FileText {
      const auto found = files.find(path);
      if (found == files.end()) return {std::nullopt, ENOENT};
      return {found->second, 0};
    };
    made.run_command = [this](const std::vector<std::string>& argv) -> CommandOutcome {
      const auto found = commands.find(argv);
      return found == commands.end() ? CommandOutcome{"", "cannot be started: No such file or directory"}
                                     : found->second;
    };
    return made;
  }

  /// Loads settings from a file `clawbridge.yaml` with this text.
  [[nodiscard]] Settings load(const std::string& yaml) {
    files["clawbridge.yaml"] = yaml;
    return config::load("clawbridge.yaml", environment());
  }

  /// What the user is told when that cannot be loaded; empty when it can.
  [[nodiscard]] std::string error(const std::string& yaml) {
    try {
      (void)load(yaml);
    } catch (const SettingsError& error) {
      return error.what();
    }
    return {};
  }
};

}  // namespace clawbridge::config
