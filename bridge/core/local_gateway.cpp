#include "bridge/core/local_gateway.h"

#include <algorithm>
#include <utility>

#include "bridge/core/answers.h"

namespace clawbridge::core {

using action::Level;

void LocalGateway::choose_exposed() {
  const auto& expose = context_.options.expose;
  exposed_.clear();
  for (const auto& agent : info_.agents) {
    if (expose && std::find(expose->begin(), expose->end(), agent.id) == expose->end()) continue;
    if (!is_agent_id(agent.id)) continue;
    exposed_.push_back({agent.id, context_.options.agent_names ? agent.name : "", {}});
  }
}

void LocalGateway::on_up(const event::GatewayUp& up) {
  info_ = up;
  choose_exposed();
  if (!up_) since_ = context_.now.wall;
  up_ = true;
  agents_known_ = true;
  error_.clear();
  context_.note(Level::Info, "gateway.up", {{"kind", up.kind}, {"version", up.version}, {"agents", std::to_string(up.agents.size())}});
}

void LocalGateway::on_down(const event::GatewayDown& down) {
  if (up_ || error_ != down.reason) context_.note(Level::Warn, "gateway.down", {{"reason", down.reason}});
  if (up_ || since_ == WallTime{}) since_ = context_.now.wall;
  up_ = false;
  error_ = down.reason;
}

void LocalGateway::on_agents(std::vector<event::GatewayAgent> agents) {
  info_.agents = std::move(agents);
  choose_exposed();
  agents_known_ = true;
}

std::optional<body::Reply> LocalGateway::reject_agent(const Address& source, const std::string& agent) const {
  if (!agents_known_) return std::nullopt;  // judged when the gateway is there
  const auto is_it = [&](const auto& candidate) { return candidate.id == agent; };
  if (std::any_of(exposed_.begin(), exposed_.end(), is_it)) return std::nullopt;
  const bool own = source.gateway == context_.me();
  if (own && std::any_of(info_.agents.begin(), info_.agents.end(), is_it)) return std::nullopt;
  std::string known;
  for (const auto& candidate : exposed_) known.append(known.empty() ? "" : ", ").append(candidate.id);
  return rejected(ErrorCode::UnknownAgent, context_.me() + " has no agent \"" + agent + "\"; it has: " + (known.empty() ? "none" : known));
}

}  // namespace clawbridge::core
