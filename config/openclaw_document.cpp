#include "config/openclaw_document.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/json5.h"
#include "config/settings.h"

namespace clawbridge::config {
namespace {

constexpr int kNestingMax = 64;  // copying nested values takes stack at each level

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/// `text` without the blanks between its tokens.
std::string without_blanks(std::string_view text) {
  std::string kept;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!in_string && is_blank(text[i])) continue;
    kept += text[i];
    if (in_string && text[i] == '\\' && i + 1 < text.size()) {
      kept += text[++i];
    } else if (text[i] == '"') {
      in_string = !in_string;
    }
  }
  return kept;
}

/// What the author's own layout looks like, as far as a printed file can follow it.
struct Layout {
  int indent = -1;  // -1: all in one line
  char with = ' ';
  bool last_newline = false;
};

Layout layout_of(std::string_view text) {
  Layout layout;
  layout.last_newline = text.ends_with('\n');
  const std::size_t line = text.find('\n', text.find('{'));
  if (line == std::string_view::npos) return layout;
  const std::size_t end = std::min(text.find_first_not_of(" \t", line + 1), text.size());
  if (end > line + 1) layout.with = text[line + 1];
  layout.indent = static_cast<int>(end - line - 1);
  return layout;
}

}  // namespace

OrderedJson parse_openclaw(std::string_view text, const std::string& file) {
  bool too_deep = false;
  const auto note_depth = [&too_deep](int depth, OrderedJson::parse_event_t, OrderedJson&) {
    return !(too_deep |= depth > kNestingMax);
  };
  OrderedJson root = OrderedJson::parse(json_from_json5(text), note_depth, /*allow_exceptions=*/false);
  if (!root.is_object() || too_deep) {
    throw SettingsError(
        fmt::format("OpenClaw's settings {} are not JSON5 with an object in it; correct the file", file));
  }
  return root;
}

bool is_printed(const OrderedJson& root, std::string_view text) {
  return root.dump() == without_blanks(text);
}

std::string print_like(const OrderedJson& root, std::string_view text) {
  const Layout layout = layout_of(text);
  return root.dump(layout.indent, layout.with) + (layout.last_newline ? "\n" : "");
}

const OrderedJson* find(const OrderedJson& root, std::initializer_list<const char*> path) {
  const OrderedJson* at = &root;
  for (const char* name : path) {
    if (!at->is_object()) return nullptr;
    const auto found = at->find(name);
    if (found == at->end()) return nullptr;
    at = &*found;
  }
  return at;
}

std::string text_at(const OrderedJson& root, std::initializer_list<const char*> path) {
  const OrderedJson* found = find(root, path);
  return found != nullptr && found->is_string() ? found->get<std::string>() : std::string{};
}

bool has_items(const OrderedJson* value) {
  return value != nullptr && value->is_array() && !value->empty();
}

bool contains(const OrderedJson& list, std::string_view word) {
  return std::ranges::any_of(
      list, [&](const OrderedJson& item) { return item.is_string() && item.get_ref<const std::string&>() == word; });
}

std::vector<OpenClawAgent> agents_of(const OrderedJson& root) {
  std::vector<OpenClawAgent> agents;
  if (const OrderedJson* entries = find(root, {"agents", "entries"}); entries != nullptr && entries->is_object()) {
    for (const auto& [id, entry] : entries->items())
      agents.push_back({id, fmt::format("agents.entries.{}.tools", id), find(entry, {"tools"})});
    return agents;
  }
  if (const OrderedJson* list = find(root, {"agents", "list"}); list != nullptr && list->is_array()) {
    for (const OrderedJson& entry : *list) {
      const std::string id = text_at(entry, {"id"});
      if (!id.empty()) agents.push_back({id, fmt::format("agents.list[{}].tools", id), find(entry, {"tools"})});
    }
  }
  return agents;
}

std::vector<std::string> agent_ids(const OrderedJson& root) {
  std::vector<std::string> ids;
  for (const OpenClawAgent& agent : agents_of(root)) ids.push_back(agent.id);
  if (ids.empty()) ids.emplace_back("main");  // OpenClaw's own, when the settings name none
  return ids;
}

OrderedJson& entry_of(OrderedJson& root, const std::string& id) {
  OrderedJson& agents = root["agents"];
  if (agents.contains("entries") && agents["entries"].is_object()) return agents["entries"][id];
  return *std::ranges::find_if(agents["list"], [&](const OrderedJson& entry) { return text_at(entry, {"id"}) == id; });
}

}  // namespace clawbridge::config
