#include "bridge/cli/prompt.h"

#include <istream>

namespace clawbridge::cli {

bool can_ask(const Context& context) {
  return context.hooks.in_is_terminal && !context.json;
}

std::optional<std::string> ask(const Context& context, const std::string& question) {
  context.err() << question << " " << std::flush;
  std::string line;
  if (!std::getline(*context.hooks.in, line)) return std::nullopt;
  const auto first = line.find_first_not_of(" \t\r");
  if (first == std::string::npos) return "";
  return line.substr(first, line.find_last_not_of(" \t\r") - first + 1);
}

bool confirm(const Context& context, const std::string& question, std::optional<bool> given, bool otherwise_asked,
             bool otherwise) {
  if (given) return *given;
  if (!can_ask(context)) return otherwise;
  const auto word = ask(context, question + (otherwise_asked ? " [Y/n]" : " [y/N]"));
  if (!word || word->empty()) return word ? otherwise_asked : otherwise;
  return word->front() == 'y' || word->front() == 'Y';
}

}  // namespace clawbridge::cli
