// A machine that a test makes up: variables and files from maps.
#pragma once

#include <cerrno>
#include <map>
#include <string>

#include "config/environment.h"

namespace clawbridge::cli {

struct TestMachine {
  std::map<std::string, std::string> variables{{"XDG_RUNTIME_DIR", "/run/user/1000"}};
  std::map<std::string, std::string> files;

  /// The machine must outlive it.
  [[nodiscard]] config::Environment environment() const {
    config::Environment result;
    result.home = "/home/ada";
    result.host_name = "macbook";
    result.variable = [this](const std::string& name) -> std::optional<std::string> {
      const auto found = variables.find(name);
      return found == variables.end() ? std::nullopt : std::optional(found->second);
    };
    result.variable_names = [this] {
      std::vector<std::string> names;
      for (const auto& [name, value] : variables) names.push_back(name);
      return names;
    };
    result.read_file = [this](const std::string& path) {
      const auto found = files.find(path);
      return found == files.end() ? config::FileText{std::nullopt, ENOENT} : config::FileText{found->second, 0};
    };
    result.run_command = [](const std::vector<std::string>&) {
      return config::CommandOutcome{"", "there are no programs here"};
    };
    return result;
  }
};

}  // namespace clawbridge::cli
