#include "bridge/cli/reference.h"

#include <algorithm>

namespace clawbridge::cli {
namespace {

constexpr const char* kIntroduction =
    "# Commands\n"
    "\n"
    "This page is made from the program's own description; `CLAWBRIDGE_UPDATE_GOLDEN=1` with the command line's test "
    "writes it anew.\n";

/// One line, in which nothing ends a cell of a table.
std::string cell(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out;
}

std::string name_of_option(const OptionDescription& option) {
  std::string all;
  for (const auto& name : option.names) all += (all.empty() ? "" : ", ") + name;
  if (!option.value.empty()) all += (all.empty() ? "" : " ") + option.value;
  return all;
}

bool is_help(const OptionDescription& option) {
  return std::ranges::find(option.names, "--help") != option.names.end();
}

std::string synopsis(const std::string& path, const CommandDescription& command) {
  std::string line = path;
  for (const auto& option : command.options) {
    if (option.names.empty()) line += option.required ? " " + option.value : " [" + option.value + "]";
  }
  const bool has_options = std::ranges::any_of(
      command.options, [](const auto& option) { return !option.names.empty() && !is_help(option); });
  return line + (has_options ? " [OPTIONS]" : "");
}

std::string table_of(const CommandDescription& command) {
  std::string rows;
  for (const auto& option : command.options) {
    if (is_help(option)) continue;
    std::string about = cell(option.about) + (option.required && !option.names.empty() ? " (required)" : "");
    for (const auto& choice : option.choices)
      about += (&choice == &option.choices.front() ? ": `" : ", `") + choice + "`";
    rows += "| `" + cell(name_of_option(option)) + "` | " + about + " |\n";
  }
  return rows.empty() ? "" : "\n| option | meaning |\n|---|---|\n" + rows;
}

void write(std::string& page, const std::string& path, const CommandDescription& command) {
  if (command.commands.empty()) {
    page += "\n## " + path + "\n\n" + command.about + ".\n\n```\n" + synopsis(path, command) + "\n```\n" +
            table_of(command);
    if (!command.footer.empty()) page += "\n```\n" + command.footer + "\n```\n";
  }
  for (const auto& each : command.commands) write(page, path + " " + each.name, each);
}

}  // namespace

std::string command_reference(const CommandDescription& program) {
  std::string page = kIntroduction;
  page +=
      "\n" + program.about + "\n\nWith every command:\n" + table_of(program) + "\n```\n" + program.footer + "\n```\n";
  for (const auto& command : program.commands) write(page, program.name + " " + command.name, command);
  return page;
}

}  // namespace clawbridge::cli
