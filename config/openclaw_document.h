// OpenClaw's settings as values: reading, printing in their own layout, and the places that the plugin's files look at.
#pragma once

#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace clawbridge::config {

using OrderedJson = nlohmann::ordered_json;  // keeps the order of keys

/// Throws SettingsError, which names `file`, when `text` is no JSON5 object, or nested deeper than 64 levels.
[[nodiscard]] OrderedJson parse_openclaw(std::string_view text, const std::string& file);

/// Whether printing `root` again would give `text`, but for blanks.
[[nodiscard]] bool is_printed(const OrderedJson& root, std::string_view text);

/// `root` with the indentation and the last newline of `text`.
[[nodiscard]] std::string print_like(const OrderedJson& root, std::string_view text);

/// The value at a path, or null.
[[nodiscard]] const OrderedJson* find(const OrderedJson& root, std::initializer_list<const char*> path);
/// The text at a path; empty when there is none.
[[nodiscard]] std::string text_at(const OrderedJson& root, std::initializer_list<const char*> path);

/// An array with something in it: OpenClaw takes an empty list for none.
[[nodiscard]] bool has_items(const OrderedJson* value);
[[nodiscard]] bool contains(const OrderedJson& list, std::string_view word);

/// An agent and its own rules for tools.
struct OpenClawAgent {
  std::string id;
  std::string place;                   // of its tools: `agents.entries.main.tools`
  const OrderedJson* tools = nullptr;  // null: none
};

/// 2026.3.8 keeps agents in the list `agents.list`, 2026.9.6 in the object `agents.entries`; it still reads the list.
[[nodiscard]] std::vector<OpenClawAgent> agents_of(const OrderedJson& root);
/// Their ids; `main`, which OpenClaw makes itself, when the settings name none.
[[nodiscard]] std::vector<std::string> agent_ids(const OrderedJson& root);
/// The agent's own object. REQUIRES: it is one of agents_of(root).
[[nodiscard]] OrderedJson& entry_of(OrderedJson& root, const std::string& id);

/// A rule that hides tools.
struct HidingRule {
  std::string rule;
  std::string remedy;
  std::string list{};  // the list of tools that our id is missing from, where that is all; empty: a person must decide
  bool of_agent = false;  // that list is the agent's own, not the one for all
};

/// The rule that hides `tool` from the agent, with the precedence of OpenClaw's resolveEffectiveToolPolicy (both
/// versions).
[[nodiscard]] std::optional<HidingRule> rule_about(std::string_view tool, const OpenClawAgent& agent,
                                                   const OrderedJson* global);

}  // namespace clawbridge::config
