// Placeholders in texts. See placeholders.h.
#include "config/placeholders.h"

#include <fmt/format.h>

#include <cstring>
#include <optional>

#include "config/settings.h"

namespace clawbridge::config {
namespace {

constexpr std::string_view kForms = "${env:NAME}, ${file:PATH}, ${command:PROGRAM ARGUMENTS}, or $${ for a literal ${";

std::string from_variable(const std::string& name, const Environment& environment) {
  if (std::optional<std::string> value = environment.variable(name)) return *value;
  throw SettingsError(fmt::format("${{env:{}}}: environment variable {} is not set; set it", name, name));
}

std::string from_file(const std::string& path, const Environment& environment) {
  FileText file = environment.read_file(expand_home(path, environment));
  if (!file.text) {
    throw SettingsError(fmt::format("${{file:{}}}: cannot read the file: {}; create it, or correct the path", path,
                                    std::strerror(file.error_number)));
  }
  std::string text = std::move(*file.text);
  if (text.ends_with('\n')) text.pop_back();
  if (text.ends_with('\r')) text.pop_back();
  return text;
}

std::string from_command(const std::string& command, const Environment& environment) {
  const CommandOutcome outcome = environment.run_command(split_command(command));
  if (!outcome.problem.empty()) {
    throw SettingsError(
        fmt::format("${{command:{}}}: the program {}; run it by hand to see why", command, outcome.problem));
  }
  std::string line = outcome.output.substr(0, outcome.output.find('\n'));
  if (line.ends_with('\r')) line.pop_back();
  return line;
}

std::string resolve(std::string_view placeholder, const Environment& environment) {
  const std::size_t colon = placeholder.find(':');
  const std::string_view kind = placeholder.substr(0, colon);
  const std::string rest(colon == std::string_view::npos ? "" : placeholder.substr(colon + 1));
  if (!rest.empty()) {
    if (kind == "env") return from_variable(rest, environment);
    if (kind == "file") return from_file(rest, environment);
    if (kind == "command") return from_command(rest, environment);
  }
  throw SettingsError(fmt::format("${{{}}} is no known placeholder; write {}", placeholder, kForms));
}

}  // namespace

std::string expand(std::string_view text, const Environment& environment) {
  std::string out;
  while (!text.empty()) {
    const std::size_t start = std::min(text.find("${"), text.size());
    out += text.substr(0, start);
    text.remove_prefix(start);
    if (text.empty()) break;
    if (!out.empty() && start > 0 && out.back() == '$') {
      out += '{';  // the `$` of `$${` is already there
      text.remove_prefix(2);
      continue;
    }
    const std::size_t end = text.find('}');
    if (end == std::string_view::npos) {
      throw SettingsError(fmt::format("a placeholder lacks its closing brace; write {}", kForms));
    }
    out += resolve(text.substr(2, end - 2), environment);
    text.remove_prefix(end + 1);
  }
  return out;
}

std::vector<std::string> split_command(std::string_view text) {
  std::vector<std::string> words;
  bool in_word = false;
  char quote = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (quote == 0 && (c == ' ' || c == '\t')) {
      in_word = false;
      continue;
    }
    if (!in_word) words.emplace_back();
    in_word = true;
    if (quote == 0 && (c == '\'' || c == '"')) {
      quote = c;
    } else if (quote != 0 && c == quote) {
      quote = 0;
    } else {
      if (c == '\\' && quote != '\'' && i + 1 < text.size()) c = text[++i];
      words.back() += c;
    }
  }
  if (quote != 0 || words.empty() || words.front().empty()) {
    throw SettingsError(fmt::format("${{command:{}}}: {}; write a program and its arguments", text,
                                    quote != 0 ? "a quote is left open" : "there is no program to run"));
  }
  return words;
}

std::string expand_home(std::string_view path, const Environment& environment) {
  if (path != "~" && !path.starts_with("~/")) return std::string(path);
  if (environment.home.empty()) {
    throw SettingsError(
        fmt::format("{} needs a home directory, and there is none; set HOME or write a whole path", path));
  }
  return environment.home + std::string(path.substr(1));
}

}  // namespace clawbridge::config
