// The command line as data, for all that is made of it: the man page, completion for the shells, the page CLI.md. It comes
// from the one declaration of the commands, so it cannot say something else than the program does.
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

/// In the language of man(7), section 1. Pure.
[[nodiscard]] std::string manual_page(const CommandDescription& program, const std::string& version);

/// `shell`: bash, zsh or fish. Pure.
[[nodiscard]] std::string completion_script(const CommandDescription& program, const std::string& shell);

}  // namespace clawbridge::cli
