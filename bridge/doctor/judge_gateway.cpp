// The local gateway, its agents and their tools.
#include "bridge/doctor/judges.h"
#include "bridge/doctor/marks.h"

namespace clawbridge::doctor {
namespace {

/// How far the handshake came.
constexpr Mark kGatewayReachMarks[] = {
    {"certificate", "gateway.reach.certificate"},          {"it answered", "gateway.reach.no_gateway"},
    {"is no gateway address", "gateway.reach.no_gateway"}, {"did not answer in time", "gateway.reach.starting"},
    {"still starting", "gateway.reach.starting"},          {"cannot connect to", "gateway.reach.refused"},
    {"lost the connection", "gateway.reach.starting"},
};
constexpr Mark kGatewayProtocolMarks[] = {{"another protocol", "gateway.protocol.mismatch"}};
constexpr Mark kGatewayLoginMarks[] = {
    {"set gateway.token to", "gateway.login.no_token"},
    {"gateway.token is not the gateway's", "gateway.login.token"},
    {"refused the connection", "gateway.login.refused"},
};
constexpr std::string_view kScopesMark = "without operator.read and operator.write";

bool is_openclaw(const Observations& seen) {
  return seen.settings.gateway_kind == "openclaw";
}
Verdict of_another_kind(const Observations& seen) {
  return skip("gateway.kind is " + seen.settings.gateway_kind);
}
/// "the sentence: what to do", as the gateway's client writes it.
std::string without_advice(const std::string& sentence) {
  const auto text = what_of(sentence);
  const auto end = text.find("): ");
  return end == std::string::npos ? text : text.substr(0, end + 1);
}

}  // namespace

Verdict judge_gateway_program(const Observations& seen) {
  if (seen.settings.gateway_kind != "command") return of_another_kind(seen);
  const auto& gateway = *seen.gateway;
  if (gateway.program_error.empty()) return good(gateway.program);
  const bool missing = gateway.program_error.find("not found") != std::string::npos;
  return fail(missing ? "gateway.program.missing" : "gateway.program.not_executable",
              gateway.program + ": " + gateway.program_error);
}

Verdict judge_gateway_reach(const Observations& seen) {
  if (!is_openclaw(seen)) return of_another_kind(seen);
  const auto& gateway = *seen.gateway;
  if (gateway.error.empty() || gateway.error.find(kScopesMark) != std::string::npos) return good(gateway.url);
  // What it refuses it has at least read.
  if (!fault_by(gateway.error, kGatewayProtocolMarks, {}).empty() || !fault_by(gateway.error, kGatewayLoginMarks, {}).empty())
    return good(gateway.url);
  return fail(fault_by(gateway.error, kGatewayReachMarks, "gateway.reach.refused"), without_advice(gateway.error));
}

Verdict judge_gateway_protocol(const Observations& seen) {
  if (!is_openclaw(seen)) return of_another_kind(seen);
  const auto& gateway = *seen.gateway;
  if (const auto fault = fault_by(gateway.error, kGatewayProtocolMarks, {}); !fault.empty())
    return fail(fault, without_advice(gateway.error));
  if (!gateway.error.empty()) return good("a known one");
  return good("version " + std::to_string(gateway.protocol) + ", of OpenClaw " + gateway.version);
}

Verdict judge_gateway_login(const Observations& seen) {
  if (!is_openclaw(seen)) return of_another_kind(seen);
  const auto& error = seen.gateway->error;
  if (const auto fault = fault_by(error, kGatewayLoginMarks, {}); !fault.empty()) return fail(fault, without_advice(error));
  return good("the token is the gateway's");
}

Verdict judge_gateway_scopes(const Observations& seen) {
  if (!is_openclaw(seen)) return of_another_kind(seen);
  const auto& gateway = *seen.gateway;
  if (gateway.error.find(kScopesMark) != std::string::npos)
    return fail("gateway.scopes.missing", "it let us in without operator.read and operator.write");
  return good(gateway.scopes ? joined(*gateway.scopes)
                             : "asked for operator.read and operator.write; this version does not say what it grants");
}

Verdict judge_gateway_agents(const Observations& seen) {
  if (!seen.gateway || !seen.gateway->agents) return skip("the gateway did not tell its agents");
  const auto& agents = *seen.gateway->agents;
  if (!seen.unknown_agents.empty()) {
    std::vector<std::string> names;
    for (const auto& one : seen.unknown_agents) names.push_back(one.agent + " (" + one.key + ")");
    return fail("gateway.agents.unknown", "no agent of this gateway: " + joined(names) + "; it has " + joined(agents));
  }
  if (agents.empty()) return warn("gateway.agents.none", "the gateway has no agents");
  return good(joined(agents));
}

Verdict judge_gateway_plugin(const Observations& seen) {
  if (!is_openclaw(seen)) return of_another_kind(seen);
  if (!seen.tools) return skip("not looked at");
  switch (seen.tools->plugin) {
    case ToolsSeen::Plugin::NotInstalled:
      return warn("gateway.plugin.not_installed", seen.tools->words);
    case ToolsSeen::Plugin::OtherFiles:
      return warn("gateway.plugin.other_files", seen.tools->words);
    case ToolsSeen::Plugin::Untried:
      return skip(seen.tools->words);
    case ToolsSeen::Plugin::Installed:
      break;
  }
  return good("installed");
}

Verdict judge_gateway_tools(const Observations& seen) {
  if (!is_openclaw(seen)) return of_another_kind(seen);
  if (!seen.tools || seen.tools->plugin == ToolsSeen::Plugin::Untried) return skip("not looked at");
  if (seen.tools->plugin == ToolsSeen::Plugin::NotInstalled) return skip("the plugin is not installed");
  if (!seen.tools->blind.empty()) return warn("gateway.tools.hidden", joined(seen.tools->blind, "; "));
  if (seen.tools->sighted == 0)
    return skip(seen.tools->words.empty() ? "the gateway told of no agent" : seen.tools->words);
  return good(std::to_string(seen.tools->sighted) + " agents see them");
}

}  // namespace clawbridge::doctor
