// clawbridge openclaw check: what agents see, from the running gateway.
//
// 2026.9.6 tells which tools a session is offered (tools.effective); 2026.3.8, and an agent without a session yet, only
// which there are (tools.catalog). What hides the others is read from OpenClaw's settings.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "bridge/cli/openclaw_place.h"
#include "bridge/cli/openclaw_sight.h"
#include "bridge/cli/render.h"
#include "config/openclaw.h"

namespace clawbridge::cli {
namespace {

using nlohmann::json;

struct Report {
  std::string url;
  std::string socket;   // that the settings give the plugin
  std::string problem;  // of the plugin or the daemon; empty: none
  std::vector<Sight> agents;

  [[nodiscard]] bool is_good() const {
    return problem.empty() && std::ranges::all_of(agents, [](const Sight& sight) {
             return sight.sees_all();
           });
  }
};

/// What is wrong with the installation itself, before any agent is looked at.
std::string problem_of(const Context& context, const OpenClawPlace& place, const config::PluginState& state) {
  if (!state.loaded) return place.file + " does not load the plugin; run `clawbridge openclaw install`";
  if (!has_our_files(context, place)) {
    return "the plugin's files in " + place.plugin.folder +
           " are not those of this program; run `clawbridge openclaw install`, and restart the gateway";
  }
  try {
    (void)Client(state.socket.empty() ? place.plugin.socket : state.socket).get("/healthz");
  } catch (const Failure& failure) {
    return failure.what();
  }
  return {};
}

std::string verdict(const Sight& sight) {
  const std::size_t all = std::size(config::kPluginTools);
  std::string text = sight.tools.size() == all
                         ? "sees the tools"
                         : "sees " + std::to_string(sight.tools.size()) + " of " + std::to_string(all) + " tools";
  if (sight.session.empty()) text += " (by the settings; the gateway tells no more)";
  if (sight.tools.size() == all) return text;
  for (const auto& hidden : sight.hidden) text += "\n    " + hidden_text(hidden);
  if (!sight.hidden.empty()) return text;
  return text + (sight.tools.empty() ? "\n    was the gateway restarted since the installation? If so, its log says "
                                       "why the plugin was not loaded"
                                     : "\n    a rule for its provider, group or sandbox hides the others");
}

std::string report_text(const Report& report) {
  std::string text = "gateway " + printable(report.url) + ", daemon " + printable(report.socket) + "\n";
  if (!report.problem.empty()) text += printable(report.problem) + "\n";
  for (const Sight& sight : report.agents)
    text += printable(sight.agent) + ": " + printable(verdict(sight), true) + "\n";
  return text;
}

json report_json(const Report& report) {
  json agents = json::array();
  for (const Sight& sight : report.agents) {
    json one{{"agent", sight.agent}, {"tools", sight.tools}, {"by", sight.session.empty() ? "settings" : "gateway"}};
    if (!sight.session.empty()) one["session"] = sight.session;
    if (sight.tools.size() < std::size(config::kPluginTools)) {
      one["hidden"] = json::array();
      for (const auto& hidden : sight.hidden) one["hidden"].push_back(hidden_json(hidden));
    }
    agents.push_back(std::move(one));
  }
  json answer{{"status", report.is_good() ? "ok" : "incomplete"},
              {"gateway", report.url},
              {"socket", report.socket},
              {"agents", agents}};
  if (!report.problem.empty()) answer["problem"] = report.problem;
  return answer;
}

}  // namespace

ExitCode openclaw_check(const Context& context, const OpenClawOptions& options) {
  const OpenClawPlace place = find_openclaw(context, options);
  const config::OpenClawGateway gateway = config::find_openclaw_gateway(place.environment);
  const auto state = config::plugin_state(place.text, place.file, place.plugin.folder);
  auto ask = context.hooks.connect_openclaw(gateway, std::chrono::seconds{30});
  if (!ask) throw Failure(ExitCode::Unreachable, "gateway_down", ask.error().message, true);
  Report report{
      gateway.url, state.socket.empty() ? place.plugin.socket : state.socket, problem_of(context, place, state), {}};
  for (const std::string& agent : agents_of(ask->ask)) report.agents.push_back(look(ask->ask, place, agent));
  context.out() << (context.json ? line(report_json(report)) : report_text(report));
  return report.is_good() ? ExitCode::Done : ExitCode::Failed;
}

}  // namespace clawbridge::cli
