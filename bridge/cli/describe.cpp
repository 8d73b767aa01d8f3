#include "bridge/cli/describe.h"

#include <CLI/CLI.hpp>
#include <sstream>

namespace clawbridge::cli {
namespace {

/// CLI11 writes the choices of a value behind its name: `KIND:{openclaw,echo}`.
void read_value(OptionDescription& described, const std::string& type) {
  const auto brace = type.find(":{");
  described.value = type.substr(0, type.find(':'));
  if (brace == std::string::npos) return;
  std::istringstream list(type.substr(brace + 2, type.find('}', brace) - brace - 2));
  for (std::string choice; std::getline(list, choice, ',');) described.choices.push_back(choice);
}

OptionDescription describe_option(const CLI::Option& option) {
  OptionDescription described;
  for (const auto& name : option.get_snames()) described.names.push_back("-" + name);
  for (const auto& name : option.get_lnames()) described.names.push_back("--" + name);
  described.about = option.get_description();
  described.required = option.get_required();
  if (option.get_expected_max() > 0) read_value(described, option.get_type_name());
  return described;
}

}  // namespace

CommandDescription describe(const CLI::App& app) {
  CommandDescription described;
  described.name = app.get_name();
  described.about = app.get_description();
  described.footer = app.get_footer();
  for (const auto* option : app.get_options()) described.options.push_back(describe_option(*option));
  for (const auto* command : app.get_subcommands([](const CLI::App* each) { return !each->get_group().empty(); })) {
    described.commands.push_back(describe(*command));
  }
  return described;
}

}  // namespace clawbridge::cli
