#include "config/openclaw_plugin.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/openclaw_document.h"
#include "config/settings.h"

namespace clawbridge::config {
namespace {

/// One edit of a file: the values, and what has been done to them.
class Editor {
 public:
  Editor(OrderedJson root, const std::string& file) : root_(std::move(root)), file_(file) {}

  [[nodiscard]] OrderedJson& root() { return root_; }
  [[nodiscard]] std::vector<std::string> take_changes() { return std::move(changes_); }

  /// The object below `object` with this name, made when it is not there.
  OrderedJson& object(OrderedJson& object, const std::string& name, const std::string& place) {
    return child(object, name, place, OrderedJson::object());
  }

  void add_to_list(OrderedJson& object, const std::string& name, const std::string& place, std::string_view word) {
    OrderedJson& list = child(object, name, place, OrderedJson::array());
    if (contains(list, word)) return;
    list.push_back(word);
    changes_.push_back(fmt::format("{}: \"{}\" added", place, word));
  }

  void set(OrderedJson& object, const std::string& name, const std::string& place, const OrderedJson& value) {
    if (object.contains(name) && object[name] == value) return;
    object[name] = value;
    changes_.push_back(fmt::format("{}: {}", place, value.dump()));
  }

  /// Takes `word` out of the list at this path, and out goes what is empty then.
  void remove_from_list(OrderedJson& object, const std::vector<std::string>& path, const std::string& place,
                        std::string_view word) {
    remove(object, path, 0, [&](OrderedJson& list) {
      if (!list.is_array() || !contains(list, word)) return false;
      std::erase_if(list.get_ref<OrderedJson::array_t&>(), [&](const OrderedJson& item) { return item == word; });
      changes_.push_back(fmt::format("{}: \"{}\" removed", place, word));
      return true;
    });
  }

  /// Takes the member at this path out.
  void remove_member(OrderedJson& object, const std::vector<std::string>& path, const std::string& place) {
    remove(object, path, 0, [&](OrderedJson& value) {
      value = OrderedJson::object();
      changes_.push_back(place + " removed");
      return true;
    });
  }

 private:
  OrderedJson& child(OrderedJson& object, const std::string& name, const std::string& place,
                     const OrderedJson& otherwise) {
    if (!object.is_object() && !object.is_null()) {
      throw SettingsError(fmt::format("what {} is to stand in is no object in OpenClaw's settings {}; correct it", place, file_));
    }
    if (!object.contains(name)) object[name] = otherwise;
    if (object[name].type() != otherwise.type()) {
      throw SettingsError(fmt::format("{} in OpenClaw's settings {} is no {}; correct it", place, file_,
                                      otherwise.is_array() ? "list" : "object"));
    }
    return object[name];
  }

  template <class Act>
  bool remove(OrderedJson& object, const std::vector<std::string>& path, std::size_t depth, const Act& act) {
    if (depth == path.size()) return act(object);
    if (!object.is_object() || !object.contains(path[depth])) return false;
    OrderedJson& next = object[path[depth]];
    if (!remove(next, path, depth + 1, act)) return false;
    if (next.empty()) object.erase(path[depth]);
    return true;
  }

  OrderedJson root_;
  std::string file_;
  std::vector<std::string> changes_;
};

/// Adds the plugin to each list of tools that does no more than leave it out.
void allow_tools(Editor& editor, const std::string& id, std::string_view tool) {
  OrderedJson& root = editor.root();
  while (true) {  // ends: each turn mends one of the three lists there are
    const auto agents = agents_of(root);
    const auto agent = std::ranges::find(agents, id, &OpenClawAgent::id);
    const auto rule =
        rule_about(tool, agent == agents.end() ? OpenClawAgent{id, {}, nullptr} : *agent, find(root, {"tools"}));
    if (!rule || rule->list.empty() || (rule->of_agent && agent == agents.end())) return;
    const std::string place = rule->of_agent ? agent->place : "tools";
    OrderedJson& tools = editor.object(rule->of_agent ? entry_of(root, id) : root, "tools", place);
    editor.add_to_list(tools, rule->list, place + "." + rule->list, kPluginId);
  }
}

/// Runs `edit` on the values of `text`. Nothing when printing them would lose anything but blanks.
template <class Edit>
std::optional<PluginEdit> edited(std::string_view text, const std::string& file, const Edit& edit) {
  Editor editor(parse_openclaw(text, file), file);
  if (!is_printed(editor.root(), text)) return std::nullopt;
  edit(editor);
  auto changes = editor.take_changes();
  if (changes.empty()) return PluginEdit{std::string(text), {}};
  return PluginEdit{print_like(editor.root(), text), std::move(changes)};
}

bool names_others(const OrderedJson* list) {
  return list != nullptr && list->is_array() && std::ranges::any_of(*list, [](const OrderedJson& item) { return item != kPluginId; });
}

void load_plugin(Editor& editor, const PluginPlace& place) {
  OrderedJson& plugins = editor.object(editor.root(), "plugins", "plugins");
  // An empty list allows everything; one with our id in it would switch all others off.
  if (has_items(find(plugins, {"allow"}))) editor.add_to_list(plugins, "allow", "plugins.allow", kPluginId);
  editor.add_to_list(editor.object(plugins, "load", "plugins.load"), "paths", "plugins.load.paths", place.folder);
  const std::string at = "plugins.entries.clawbridge";
  OrderedJson& entry = editor.object(editor.object(plugins, "entries", "plugins.entries"), "clawbridge", at);
  editor.set(entry, "enabled", at + ".enabled", true);
  editor.set(editor.object(entry, "config", at + ".config"), "socket", at + ".config.socket", place.socket);
}

}  // namespace

std::optional<PluginEdit> install_plugin(std::string_view text, const std::string& file, const PluginPlace& place,
                                         bool also_allow) {
  return edited(text, file, [&](Editor& editor) {
    load_plugin(editor, place);
    if (!also_allow) return;
    for (const std::string& id : agent_ids(editor.root())) {
      for (const std::string_view tool : kPluginTools) allow_tools(editor, id, tool);
    }
  });
}

std::optional<PluginEdit> uninstall_plugin(std::string_view text, const std::string& file, const std::string& folder) {
  return edited(text, file, [&](Editor& editor) {
    OrderedJson& root = editor.root();
    editor.remove_from_list(root, {"plugins", "load", "paths"}, "plugins.load.paths", folder);
    editor.remove_member(root, {"plugins", "entries", "clawbridge"}, "plugins.entries.clawbridge");
    // Without a list every plugin would be let in; of one that is not there OpenClaw only warns.
    if (names_others(find(root, {"plugins", "allow"}))) editor.remove_from_list(root, {"plugins", "allow"}, "plugins.allow", kPluginId);
    for (const std::string list : {"allow", "alsoAllow"}) {
      editor.remove_from_list(root, {"tools", list}, "tools." + list, kPluginId);
      for (const OpenClawAgent& agent : agents_of(root)) {
        editor.remove_from_list(entry_of(root, agent.id), {"tools", list}, agent.place + "." + list, kPluginId);
      }
    }
  });
}

std::string plugin_settings(const PluginPlace& place) {
  Editor editor(OrderedJson::object(), {});
  load_plugin(editor, place);
  return editor.root().dump(2);
}

PluginState plugin_state(std::string_view text, const std::string& file, const std::string& folder) {
  const OrderedJson root = parse_openclaw(text, file);
  const OrderedJson* paths = find(root, {"plugins", "load", "paths"});
  return {paths != nullptr && paths->is_array() && contains(*paths, folder),
          text_at(root, {"plugins", "entries", "clawbridge", "config", "socket"})};
}

}  // namespace clawbridge::config
