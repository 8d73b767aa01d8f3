// Which of the plugin's tools an agent of a running OpenClaw gateway is offered, and what hides the others.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <set>
#include <string>
#include <vector>

#include "bridge/cli/openclaw_place.h"

namespace clawbridge::cli {

/// An agent and the tools of ours that it is offered.
struct Sight {
  std::string agent;
  std::string session;  // that was looked at; empty: none, this is what the settings say
  std::set<std::string> tools;
  std::vector<config::HiddenTools> hidden;  // the reasons, as far as the settings have them

  [[nodiscard]] bool sees_all() const { return tools.size() == std::size(config::kPluginTools); }
};

/// The ids of the gateway's agents. Throws Failure, as look() does, when the gateway refuses or is gone.
[[nodiscard]] std::vector<std::string> agents_of(const AskOpenClaw& ask);

/// Asks the gateway; where it cannot tell, the settings do.
[[nodiscard]] Sight look(const AskOpenClaw& ask, const OpenClawPlace& place, const std::string& agent);

/// Whether the plugin's files are those of this program.
[[nodiscard]] bool has_our_files(const Context& context, const OpenClawPlace& place);

}  // namespace clawbridge::cli
