// The local gateway, its agents and their tools, as `clawbridge doctor` sees them.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

#include "bridge/cli/doctor_looks.h"
#include "bridge/cli/openclaw_sight.h"
#include "bridge/cli/render.h"
#include "config/openclaw.h"

namespace clawbridge::cli {
namespace {

using doctor::ToolsSeen;
using std::chrono::steady_clock;

constexpr std::chrono::seconds kPatience{8};  // for the handshake, and for each answer
constexpr std::chrono::seconds kLooking{8};   // at the tools of one agent after the other

bool is_program(const std::string& path) {
  struct stat about {};
  return ::stat(path.c_str(), &about) == 0 && S_ISREG(about.st_mode);
}

/// Why a program cannot be run; empty: it can. A name without a slash is looked for in PATH.
std::string program_problem(const Context& context, const std::string& program) {
  std::vector<std::string> places{program};
  if (program.find('/') == std::string::npos) {
    places.clear();
    std::istringstream folders(context.hooks.environment.variable("PATH").value_or("/usr/bin:/bin"));
    for (std::string folder; std::getline(folders, folder, ':');) places.push_back(folder + "/" + program);
  }
  const auto found = std::ranges::find_if(places, is_program);
  if (found == places.end()) return program.find('/') == std::string::npos ? "not found in PATH" : "not found";
  return ::access(found->c_str(), X_OK) == 0 ? "" : "it is not executable";
}

bool is_agent_name(const std::string& text) {
  return text.find('*') == std::string::npos && text != kBridgeAgent;
}

/// Names in the settings that are none of the gateway's agents.
std::vector<doctor::UnknownAgent> unknown_agents(const config::Settings& settings,
                                                 const std::vector<std::string>& agents) {
  std::vector<doctor::UnknownAgent> unknown;
  const auto note = [&](const std::string& key, const std::string& name) {
    if (is_agent_name(name) && std::ranges::find(agents, name) == agents.end()) unknown.push_back({key, name});
  };
  if (settings.expose) {
    for (const auto& name : *settings.expose) note("expose", name);
  }
  for (std::size_t i = 0; i < settings.policy.size(); ++i) {
    for (const auto& name : settings.policy[i].to) note("policy." + std::to_string(i + 1) + ".to", name);
  }
  for (std::size_t i = 0; i < settings.plain_clients.size(); ++i)
    note("plain_clients." + std::to_string(i + 1) + ".to", settings.plain_clients[i].to);
  for (const auto& [name, token] : settings.api.tokens) note("api.tokens", name);
  return unknown;
}

void look_at_tools(const Context& context, const AskOpenClaw& ask, const std::vector<std::string>& agents,
                   ToolsSeen& seen) {
  const OpenClawPlace place = find_openclaw(context, {});
  const auto state = config::plugin_state(place.text, place.file, place.plugin.folder);
  if (!state.loaded) {
    seen.plugin = ToolsSeen::Plugin::NotInstalled;
    seen.words = place.file + " does not load the plugin";
    return;
  }
  seen.plugin = has_our_files(context, place) ? ToolsSeen::Plugin::Installed : ToolsSeen::Plugin::OtherFiles;
  if (seen.plugin == ToolsSeen::Plugin::OtherFiles)
    seen.words = "the plugin's files in " + place.plugin.folder + " are not those of this program";
  const auto end = steady_clock::now() + kLooking;
  for (const auto& agent : agents) {
    if (steady_clock::now() >= end) break;
    const Sight sight = look(ask, place, agent);
    if (sight.sees_all()) {
      ++seen.sighted;
      continue;
    }
    const auto& hidden = sight.hidden;
    seen.blind.push_back(agent + " sees " + std::to_string(sight.tools.size()) + " of " +
                         std::to_string(std::size(config::kPluginTools)) + " tools" +
                         (hidden.empty() ? "" : ", " + hidden.front().rule));
  }
}

/// Only a gateway of this machine is the one whose settings lie here.
ToolsSeen look_at_tools(const Context& context, const AskOpenClaw& ask, const std::vector<std::string>& agents) {
  ToolsSeen seen;
  if (!context.hooks.environment.read_file(config::openclaw_settings_file(context.hooks.environment)).text) {
    seen.words = "there are no OpenClaw settings on this machine";
    return seen;
  }
  try {
    look_at_tools(context, ask, agents, seen);
  } catch (const std::exception& error) {
    if (seen.words.empty()) seen.words = error.what();
  }
  return seen;
}

void look_at_openclaw(const Context& context, const config::Settings& settings, doctor::Observations& seen) {
  auto& gateway = *seen.gateway;
  gateway.url = settings.gateway.url;
  auto line = context.hooks.connect_openclaw({settings.gateway.url, settings.gateway.token}, kPatience);
  if (!line) {
    gateway.error = line.error().message;
    return;
  }
  gateway.version = line->version;
  gateway.protocol = line->protocol;
  gateway.scopes = line->scopes;
  try {
    gateway.agents = agents_of(line->ask);
    seen.tools = look_at_tools(context, line->ask, *gateway.agents);
  } catch (const Failure&) {
    // It ended in between, or does not tell; the checks say that they could not ask.
  }
}

}  // namespace

void look_at_gateway(const Context& context, const config::Settings& settings, doctor::Observations& seen) {
  seen.gateway.emplace();
  auto& gateway = *seen.gateway;
  switch (settings.gateway.kind) {
    case config::GatewayKind::OpenClaw:
      look_at_openclaw(context, settings, seen);
      break;
    case config::GatewayKind::Command:
      gateway.program = settings.gateway.command.front();
      gateway.program_error = program_problem(context, gateway.program);
      gateway.agents = settings.gateway.agents;
      break;
    case config::GatewayKind::Echo:
      gateway.agents = settings.gateway.agents;
      break;
  }
  if (gateway.agents) seen.unknown_agents = unknown_agents(settings, *gateway.agents);
}

}  // namespace clawbridge::cli
