// The command line as data, for all that is made of it. It comes from the one declaration of the commands, so it cannot
// say something else than the program does.
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace clawbridge::cli {

struct OptionDescription {
  std::vector<std::string> names;    // `--timeout`; empty: it is known by its place
  std::string value;                 // `SECONDS`; empty: a flag
  std::vector<std::string> choices;  // of the value
  std::string about;
  bool required = false;
};

struct CommandDescription {
  std::string name;
  std::string about;
  std::string footer;
  std::vector<OptionDescription> options;
  std::vector<CommandDescription> commands;  // those shown to people, in the order declared
};

[[nodiscard]] CommandDescription describe(const CLI::App& app);

}  // namespace clawbridge::cli
