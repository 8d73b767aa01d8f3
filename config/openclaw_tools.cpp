// Which of OpenClaw's rules keep the plugin's tools from an agent. See openclaw_plugin.h.
#include <fmt/format.h>

#include <algorithm>

#include "config/openclaw_document.h"
#include "config/openclaw_plugin.h"

namespace clawbridge::config {
namespace {

bool is_false(const OrderedJson* value) {
  return value != nullptr && value->is_boolean() && !value->get<bool>();
}

/// Whether `pattern`, in which `*` is any run of characters, matches all of `word`.
bool matches(std::string_view pattern, std::string_view word) {
  std::size_t p = 0, w = 0, star = std::string_view::npos, resume = 0;
  while (w < word.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = w;
    } else if (p < pattern.size() && pattern[p] == word[w]) {
      ++p, ++w;
    } else if (star != std::string_view::npos) {
      p = star + 1;  // the last star takes one character more
      w = ++resume;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

/// Whether a list of tools covers one of ours: by its name, a pattern, the plugin's id, or all plugins.
bool covers(const OrderedJson& list, std::string_view tool) {
  return contains(list, kPluginId) || contains(list, "group:plugins") ||
         std::ranges::any_of(list, [&](const OrderedJson& item) {
           return item.is_string() && matches(item.get_ref<const std::string&>(), tool);
         });
}

const OrderedJson* list_in(const OrderedJson* tools, const char* name) {
  return tools == nullptr ? nullptr : find(*tools, {name});
}

std::string addition(const std::string& list) {
  return fmt::format("add \"{}\" to {}", kPluginId, list);
}

/// A rule about the whole plugin.
std::optional<HidingRule> rule_about_plugin(const OrderedJson& root) {
  const OrderedJson* plugins = find(root, {"plugins"});
  if (plugins == nullptr) return std::nullopt;
  if (is_false(find(*plugins, {"enabled"}))) return HidingRule{"plugins.enabled is false", "set it to true"};
  const OrderedJson* deny = find(*plugins, {"deny"});
  if (has_items(deny) && contains(*deny, kPluginId))
    return HidingRule{"plugins.deny has \"clawbridge\" in it", "take it out"};
  if (is_false(find(*plugins, {"entries", "clawbridge", "enabled"})))
    return HidingRule{"plugins.entries.clawbridge.enabled is false", "set it to true"};
  const OrderedJson* allow = find(*plugins, {"allow"});
  if (has_items(allow) && !contains(*allow, kPluginId))
    return HidingRule{"plugins.allow leaves it out", addition("plugins.allow")};
  return std::nullopt;
}

std::vector<HiddenTools> hidden_in(const OrderedJson& root, const std::vector<OpenClawAgent>& agents) {
  std::vector<HiddenTools> hidden;
  const auto all = rule_about_plugin(root);
  const OrderedJson* global = find(root, {"tools"});
  for (const OpenClawAgent& agent : agents) {
    for (const std::string_view tool : kPluginTools) {
      const auto rule = all ? all : rule_about(tool, agent, global);
      if (!rule) continue;
      if (hidden.empty() || hidden.back().agent != agent.id || hidden.back().rule != rule->rule)
        hidden.push_back({agent.id, {}, rule->rule, rule->remedy});
      hidden.back().tools.emplace_back(tool);
    }
  }
  return hidden;
}

}  // namespace

std::optional<HidingRule> rule_about(std::string_view tool, const OpenClawAgent& agent, const OrderedJson* global) {
  const auto by_lists = [&](const OrderedJson* tools, const std::string& place,
                            bool of_agent) -> std::optional<HidingRule> {
    if (const OrderedJson* deny = list_in(tools, "deny"); has_items(deny) && covers(*deny, tool))
      return HidingRule{place + ".deny covers them", "take them out there"};
    if (const OrderedJson* allow = list_in(tools, "allow"); has_items(allow) && !covers(*allow, tool))
      return HidingRule{place + ".allow leaves them out", addition(place + ".allow"), "allow", of_agent};
    return std::nullopt;
  };
  if (auto rule = by_lists(global, "tools", false)) return rule;
  if (auto rule = by_lists(agent.tools, agent.place, true)) return rule;
  const bool own_profile = agent.tools != nullptr && !text_at(*agent.tools, {"profile"}).empty();
  const OrderedJson* owner = own_profile ? agent.tools : global;
  const std::string profile = owner == nullptr ? std::string{} : text_at(*owner, {"profile"});
  if (profile.empty() || profile == "full") return std::nullopt;
  const OrderedJson* own = list_in(agent.tools, "alsoAllow");
  const bool own_list = own != nullptr && own->is_array();
  const OrderedJson* also = own_list ? own : list_in(global, "alsoAllow");
  if (also != nullptr && also->is_array() && covers(*also, tool)) return std::nullopt;
  // OpenClaw refuses allow and alsoAllow in one place. An agent's empty list is somebody's wish.
  const bool of_agent = own_list || has_items(list_in(global, "allow"));
  return HidingRule{fmt::format("{}.profile is \"{}\"", own_profile ? agent.place : "tools", profile),
                    addition((of_agent ? agent.place : "tools") + ".alsoAllow"),
                    own_list && own->empty() ? "" : "alsoAllow", of_agent};
}

std::vector<HiddenTools> hidden_tools(std::string_view text, const std::string& file, std::vector<std::string> agents) {
  const OrderedJson root = parse_openclaw(text, file);
  if (agents.empty()) agents = agent_ids(root);
  const std::vector<OpenClawAgent> known = agents_of(root);
  std::vector<OpenClawAgent> asked;
  for (const std::string& id : agents) {
    const auto found = std::ranges::find(known, id, &OpenClawAgent::id);
    asked.push_back(found == known.end() ? OpenClawAgent{id, {}, nullptr} : *found);
  }
  return hidden_in(root, asked);
}

}  // namespace clawbridge::config
