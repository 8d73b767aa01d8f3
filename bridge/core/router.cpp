#include "bridge/core/router.h"

#include <algorithm>
#include <utility>

namespace clawbridge::core {
namespace {

Error bad(std::string message) { return {ErrorCode::BadRequest, std::move(message), false}; }

std::string joined(const std::vector<std::string>& names) {
  std::string out;
  for (const auto& name : names) out.append(out.empty() ? "" : ", ").append(name);
  return out;
}


// Sets `slot`, or says that two ways of naming it disagree.
std::optional<Error> agree(std::string& slot, std::string_view value, std::string_view what) {
  if (!slot.empty() && slot != value) {
    return bad("two different " + std::string(what) + "s are named, \"" + slot + "\" and \"" + std::string(value) + "\"; name one");
  }
  slot.assign(value);
  return std::nullopt;
}

// Gateway, agent and session key each in their own place, but not yet looked up.
Result<WrittenTarget> take_apart(WrittenTarget written, const Context& context) {
  auto agent = std::exchange(written.agent, {});
  // `imac/agent:jarvis:main`: a session key as it is known here.
  if (const auto at = written.session_key.find("/agent:"); at != std::string::npos) {
    const auto gateway = written.session_key.substr(0, at);
    if (is_gateway_name(gateway)) {
      if (auto error = agree(written.gateway, gateway, "gateway")) return *error;
      written.session_key.erase(0, at + 1);
    }
  }
  const auto& remotes = context.options.remote_agents;
  if (const auto remote = remotes.find(agent); remote != remotes.end() && written.gateway.empty()) {
    written.gateway = remote->second.gateway;
    agent = remote->second.agent;
  } else if (const auto slash = agent.find('/'); slash != std::string::npos) {
    if (auto error = agree(written.gateway, agent.substr(0, slash), "gateway")) return *error;
    agent.erase(0, slash + 1);
  }
  written.agent = agent;
  if (!written.session_key.empty()) {
    const auto owner = agent_of_session(written.session_key);
    if (owner.empty()) {
      return bad("\"" + written.session_key + "\" is not a session key; write agent:<id>:<name>, or imac/agent:<id>:<name> for another gateway");
    }
    if (auto error = agree(written.agent, owner, "agent")) return *error;
  }
  if (!written.gateway.empty() && !is_gateway_name(written.gateway)) {
    return bad("\"" + written.gateway + "\" cannot be a gateway's name: lower-case letters, digits, _ and -");
  }
  if (!written.agent.empty() && !is_agent_id(written.agent)) {
    return bad("\"" + written.agent + "\" cannot be an agent's id: lower-case letters, digits, _ and -");
  }
  return written;
}

std::vector<std::string> agents_of(std::string_view gateway, const Context& context, const Peers& peers,
                                   const std::vector<event::GatewayAgent>& local_agents) {
  std::vector<std::string> ids;
  if (gateway == context.me()) {
    for (const auto& agent : local_agents) ids.push_back(agent.id);
  } else if (const auto* peer = peers.find(gateway)) {
    for (const auto& agent : peer->state.agents) ids.push_back(agent.id);
  }
  return ids;
}

// The gateway that has the agent, when none was named: our own first, else the only one.
Result<std::string> find_gateway(const std::string& agent, const Context& context, const Peers& peers,
                                 const std::vector<event::GatewayAgent>& local_agents) {
  const auto is_it = [&](const auto& candidate) { return candidate.id == agent; };
  if (std::any_of(local_agents.begin(), local_agents.end(), is_it)) return context.me();
  std::vector<std::string> owners;
  std::vector<std::string> all;
  for (const auto& [gateway, peer] : peers.all()) {
    if (gateway == context.me() || !peer.pinned()) continue;
    for (const auto& candidate : peer.state.agents) {
      all.push_back(gateway + "/" + candidate.id);
      if (candidate.id == agent) owners.push_back(all.back());
    }
  }
  if (owners.size() == 1) return owners.front().substr(0, owners.front().find('/'));
  if (owners.size() > 1) {
    return Error{ErrorCode::Ambiguous, "agent \"" + agent + "\" is on several gateways: " + joined(owners) + "; name one of them", false};
  }
  for (const auto& local : local_agents) all.push_back(context.me() + "/" + local.id);
  std::sort(all.begin(), all.end());
  return Error{ErrorCode::UnknownAgent,
               "no gateway known here has an agent \"" + agent + "\"" + (all.empty() ? "; none is known at all yet" : "; there are: " + joined(all)), false};
}

std::optional<Error> check_gateway(const std::string& gateway, const Context& context, const Peers& peers, bool discovered) {
  if (gateway == context.me()) return std::nullopt;
  const auto* peer = peers.find(gateway);
  if (peer != nullptr && peer->revoked()) {
    return Error{ErrorCode::UnknownPeer, gateway + " was revoked here; `clawbridge peers trust " + gateway + " FINGERPRINT` lets it in again", false};
  }
  if (peer != nullptr && !peer->pinned()) {
    return Error{ErrorCode::AwaitingTrust,
                 gateway + "'s keys are not trusted here; compare its fingerprint with `clawbridge key show` there, then `clawbridge peers trust " +
                     gateway + " " + peer->fingerprint.substr(0, kTrustDigits) + "`",
                 true};
  }
  if (peer != nullptr || !discovered || peers.configured(gateway)) return std::nullopt;
  std::vector<std::string> names;
  for (const auto& [name, other] : peers.all()) names.push_back(name);
  return Error{ErrorCode::UnknownPeer, "no gateway \"" + gateway + "\" is known here; there are: " + joined(names), false};
}

}  // namespace

std::string_view agent_of_session(std::string_view session_key) {
  constexpr std::string_view kPrefix = "agent:";
  if (!session_key.starts_with(kPrefix)) return {};
  session_key.remove_prefix(kPrefix.size());
  const auto colon = session_key.find(':');
  if (colon == std::string_view::npos || colon + 1 == session_key.size()) return {};
  const auto agent = session_key.substr(0, colon);
  return is_agent_id(agent) ? agent : std::string_view{};
}

std::string default_session(std::string_view agent) { return "agent:" + std::string(agent) + ":main"; }

Result<Target> resolve_target(const WrittenTarget& as_written, const Context& context, const Peers& peers,
                              const std::vector<event::GatewayAgent>& local_agents, bool discovered) {
  if (!as_written.session_key.empty() && !as_written.label.empty()) return bad("give a session key or a label, not both");
  auto taken_apart = take_apart(as_written, context);
  if (!taken_apart) return taken_apart.error();
  auto written = std::move(*taken_apart);
  if (written.gateway.empty() && written.agent.empty()) {
    return bad("name an agent: gateway/agent, an agent's id, or a session key");
  }
  if (written.gateway.empty()) {
    auto gateway = find_gateway(written.agent, context, peers, local_agents);
    if (!gateway) return gateway.error();
    written.gateway = *gateway;
  }
  if (auto error = check_gateway(written.gateway, context, peers, discovered)) return *error;
  if (written.agent.empty()) {
    const auto ids = agents_of(written.gateway, context, peers, local_agents);
    if (ids.size() != 1) {
      return Error{ErrorCode::Ambiguous,
                   "name an agent of " + written.gateway + (ids.empty() ? "; it has told of none" : ": " + joined(ids)), false};
    }
    written.agent = ids.front();
  }
  return Target{{written.gateway, written.agent}, std::move(written.session_key), std::move(written.label)};
}

}  // namespace clawbridge::core
