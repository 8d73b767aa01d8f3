// clawbridge doctor: what is wrong, and what to do. Looks at everything, with the daemon or without it; the checks
// judge.
#include <filesystem>
#include <nlohmann/json.hpp>

#include "bridge/cli/commands.h"
#include "bridge/cli/doctor_looks.h"
#include "bridge/cli/doctor_peers.h"
#include "bridge/cli/render.h"
#include "bridge/doctor/checks.h"

namespace clawbridge::cli {
namespace {

using nlohmann::json;

/// Everything beyond the settings, which can be used.
void look_around(const Context& context, const config::Settings& settings, doctor::Observations& seen) {
  const auto folder = std::filesystem::path(settings.store.path).parent_path();
  const std::string socket = context.socket ? *context.socket : settings.api.socket;
  std::optional<core::Keys> keys;
  core::Snapshot snapshot;
  seen.state = look_at_state(folder);
  seen.keys = look_at_keys(folder / "keys.json", settings.gateway.name, keys);
  seen.daemon = look_at_daemon(context, socket);
  seen.journal = context.hooks.look_at_journal(settings.store.path, snapshot);

  const bool is_online = seen.daemon->answers() && seen.daemon->gateway == settings.gateway.name &&
                         (seen.daemon->state == "online" || seen.daemon->state == "degraded");
  Acquaintance others(settings, keys, std::move(snapshot), seen.now);
  // Beside the broker, which takes longest.
  auto broker = context.hooks.begin_broker_inspection(settings, {is_online, others.hello(), others.nonce()});
  look_at_gateway(context, settings, seen);
  if (seen.daemon->answers()) seen.peers = ask_daemon_for_peers(context, socket);
  seen.broker = broker.get();

  const auto& states = seen.broker->states;
  const bool first_start = seen.journal->is == doctor::JournalSeen::Is::Missing;
  seen.name = others.own_name(states, first_start ? "none" : seen.journal->incarnation);
  if (seen.broker->let_in == doctor::Shown::Yes) others.add_to(seen.peers, states);
}

std::string report_of(const std::vector<doctor::Finding>& findings) {
  std::string text;
  for (const auto& finding : findings) {
    std::string name(finding.check);
    std::string status(to_string(finding.verdict.status));
    status.resize(5, ' ');
    name.resize(std::max<std::size_t>(name.size(), 19), ' ');
    text += status + name + " " + printable(finding.verdict.found);
    if (!finding.remedy.empty()) text.append(". ").append(finding.remedy);
    text += "\n";
  }
  return text;
}

std::string summary_of(const std::vector<doctor::Finding>& findings) {
  const auto count = [&](doctor::Status status) {
    return std::to_string(
        std::ranges::count_if(findings, [&](const auto& one) { return one.verdict.status == status; }));
  };
  std::string text = count(doctor::Status::Ok) + " ok, " + count(doctor::Status::Warn) + " warn, " +
                     count(doctor::Status::Fail) + " fail, " + count(doctor::Status::Skip) + " skip";
  const auto first =
      std::ranges::find_if(findings, [](const auto& one) { return one.verdict.status == doctor::Status::Fail; });
  return first == findings.end() ? text : text + "; begin with " + std::string(first->check);
}

json json_of(const std::vector<doctor::Finding>& findings, int code) {
  json checks = json::array();
  bool warned = false;
  for (const auto& finding : findings) {
    json one{{"name", finding.check}, {"status", to_string(finding.verdict.status)}, {"found", finding.verdict.found}};
    if (!finding.verdict.fault.empty()) one["fault"] = finding.verdict.fault;
    if (!finding.remedy.empty()) one["remedy"] = finding.remedy;
    if (!finding.cause.empty()) one["needs"] = finding.cause;
    warned = warned || finding.verdict.status == doctor::Status::Warn;
    checks.push_back(std::move(one));
  }
  return {{"status", code != 0 ? "fail"
                     : warned  ? "warn"
                               : "ok"},
          {"summary", summary_of(findings)},
          {"exitCode", code},
          {"checks", std::move(checks)}};
}

}  // namespace

ExitCode doctor_reference(const Context& context) {
  const std::string text = doctor::troubleshooting_markdown();
  context.out() << (context.json ? line({{"reference", text}}) : text);
  return ExitCode::Done;
}

ExitCode diagnose(const Context& context) {
  doctor::Observations seen;
  seen.now = context.hooks.now();
  if (const auto settings = look_at_settings(context, seen.settings)) look_around(context, *settings, seen);
  const auto findings = doctor::examine(seen);
  const int code = doctor::exit_code(findings);
  context.out() << (context.json ? line(json_of(findings, code)) : report_of(findings) + summary_of(findings) + "\n");
  return static_cast<ExitCode>(code);
}

}  // namespace clawbridge::cli
