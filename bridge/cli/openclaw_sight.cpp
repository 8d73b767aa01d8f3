#include "bridge/cli/openclaw_sight.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "bridge/cli/plugin_files.h"

namespace clawbridge::cli {
namespace {

using nlohmann::json;
using Names = std::set<std::string>;

json value_of(Result<json> answer) {
  if (answer) return std::move(*answer);
  throw Failure(exit_code_of_error(to_string(answer.error().code)), std::string(to_string(answer.error().code)),
                answer.error().message, answer.error().retryable);
}

json list_in(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_array() ? *found : json::array();
}

std::string text_in(const json& object, const char* name) {
  const auto found = object.is_object() ? object.find(name) : object.end();
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

/// Those of our tools in an answer of tools.effective or tools.catalog.
Names ours_in(const json& answer) {
  Names found;
  for (const json& group : list_in(answer, "groups")) {
    if (!group.is_object()) continue;
    for (const json& tool : list_in(group, "tools")) {
      const std::string id = text_in(tool, "id");
      if (std::ranges::find(config::kPluginTools, id) != std::end(config::kPluginTools)) found.insert(id);
    }
  }
  return found;
}

/// The agent's main session, or its latest; empty when it has none yet.
std::string session_of(const AskOpenClaw& ask, const std::string& agent) {
  std::string latest;
  for (const json& row : list_in(value_of(ask("sessions.list", {{"limit", 200}})), "sessions")) {
    const std::string key = text_in(row, "key");
    if (key == "agent:" + agent + ":main") return key;
    if (latest.empty() && key.starts_with("agent:" + agent + ":")) latest = key;
  }
  return latest;
}

}  // namespace

std::vector<std::string> agents_of(const AskOpenClaw& ask) {
  std::vector<std::string> ids;
  for (const json& agent : list_in(value_of(ask("agents.list", json::object())), "agents")) {
    std::string id = text_in(agent, "id");
    if (!id.empty()) ids.push_back(std::move(id));
  }
  return ids;
}

bool has_our_files(const Context& context, const OpenClawPlace& place) {
  return std::ranges::all_of(plugin_files(), [&](const PluginFile& file) {
    return context.hooks.environment.read_file(place.plugin.folder + "/" + std::string(file.path)).text == file.text;
  });
}

Sight look(const AskOpenClaw& ask, const OpenClawPlace& place, const std::string& agent) {
  Sight sight{agent, session_of(ask, agent), {}, config::hidden_tools(place.text, place.file, {agent})};
  if (!sight.session.empty()) {
    const auto effective = ask("tools.effective", {{"sessionKey", sight.session}, {"agentId", agent}});
    if (effective) {
      sight.tools = ours_in(*effective);
      return sight;
    }
    if (effective.error().code != ErrorCode::Unsupported) (void)value_of(effective);
    sight.session.clear();
  }
  const auto catalog = ask("tools.catalog", {{"agentId", agent}});
  if (catalog || catalog.error().code != ErrorCode::Unsupported) {
    sight.tools = ours_in(value_of(catalog));
  } else {
    sight.tools.insert(std::begin(config::kPluginTools), std::end(config::kPluginTools));
  }
  for (const auto& hidden : sight.hidden) {
    for (const auto& tool : hidden.tools) sight.tools.erase(tool);
  }
  return sight;
}

}  // namespace clawbridge::cli
