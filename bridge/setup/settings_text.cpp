#include "bridge/setup/settings_text.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <stdexcept>

namespace clawbridge::setup {
namespace {

using Lines = std::vector<std::string>;

Lines lines_of(std::string_view text) {
  std::istringstream in{std::string(text)};
  Lines lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

/// The comment behind a value, with the blank before it.
std::string comment_of(const std::string& line) {
  const auto at = line.rfind(" # ");
  return at == std::string::npos ? "" : line.substr(at);
}

bool is_key(const std::string& line, const std::string& key) {
  return line.starts_with("  " + key + ":") || line.starts_with("#  " + key + ":");
}

void put(Lines& lines, const Setting& setting) {
  const auto section = std::ranges::find(lines, setting.section + ":");
  if (section == lines.end()) throw std::logic_error("the example has no section " + setting.section);
  const auto end = std::find_if(section + 1, lines.end(), [](const std::string& line) {
    return !line.empty() && line[0] != ' ' && line[0] != '#';
  });
  const auto found = std::find_if(section + 1, end, [&](const std::string& line) { return is_key(line, setting.key); });
  const std::string text = "  " + setting.key + ": " + setting.value;
  if (found == end) {
    lines.insert(section + 1, text);
  } else {
    *found = text + comment_of(*found);
  }
}

}  // namespace

std::string settings_text(std::string_view example, std::string_view head, const std::vector<Setting>& settings) {
  Lines lines = lines_of(example);
  lines.erase(lines.begin(),
              std::find_if(lines.begin(), lines.end(), [](const std::string& line) { return !line.starts_with('#'); }));
  for (const auto& setting : settings) put(lines, setting);
  std::string text(head);
  for (const auto& line : lines) text += line + "\n";
  return text;
}

std::string yaml_text(std::string_view text) {
  std::string literal;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i).starts_with("${")) literal += '$';  // `$${` stands for `${`
    literal += text[i];
  }
  return nlohmann::json(literal).dump(-1, ' ', false,
                                      nlohmann::json::error_handler_t::replace);  // JSON's quotes are YAML's
}

std::string yaml_file(std::string_view path) {
  return nlohmann::json("${file:" + std::string(path) + "}")
      .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string yaml_list(const std::vector<std::string>& texts) {
  std::string list;
  for (const auto& text : texts) list += (list.empty() ? "" : ", ") + yaml_text(text);
  return "[" + list + "]";
}

}  // namespace clawbridge::setup
