#include "tests/sim/policy_checker.h"

#include <algorithm>

namespace clawbridge::sim {
namespace {

// The simulator's globs end in `*` or have none.
bool fits(const std::vector<std::string>& globs, std::string_view text) {
  return std::any_of(globs.begin(), globs.end(), [&](std::string_view glob) {
    return glob.ends_with('*') ? text.starts_with(glob.substr(0, glob.size() - 1)) : text == glob;
  });
}

bool denied(const std::vector<core::PolicyRule>& policy, const core::IncomingRecord& record, const std::string& session) {
  const auto speaks_of = [&](const std::vector<Operation>& operations) { return std::find(operations.begin(), operations.end(), record.op) != operations.end(); };
  for (const auto& rule : policy) {
    if (!speaks_of(rule.allow) && !speaks_of(rule.deny)) continue;
    if (!fits(rule.from, record.source.str()) || !fits(rule.to, record.target.agent)) continue;
    if (!rule.sessions.empty()) {
      if (session.empty()) return false;  // judged when it is known
      if (!fits(rule.sessions, session)) continue;
    }
    return rule.allow.empty();
  }
  return record.op == Operation::SessionsSpawn;
}

}  // namespace

std::optional<std::string> forbidden(const Site& site, const core::IncomingRecord& record) {
  if (site.journal->committed_peer(record.source_gateway) == nullptr) return "its peer is unknown";
  if (!site.journal->was_trusted(record.source_gateway)) return "its peer is not trusted";
  if (record.op != Operation::SessionsSend && record.op != Operation::SessionsSpawn) return std::nullopt;  // the simulator's rules speak of nothing else
  const bool label = record.session.starts_with("label:");
  const auto session = label ? std::string() : record.session.empty() ? "agent:" + record.target.agent + ":main" : record.session;
  if (denied(site.options.policy, record, session)) return "a rule denies it";
  return std::nullopt;
}

std::optional<std::string> forbidden_session(const Site& site, const core::IncomingRecord& record, Instant taken) {
  if (!record.session.starts_with("label:") || record.session_key.empty()) return std::nullopt;
  if (!denied(site.options.policy, record, record.session_key)) return std::nullopt;
  const auto allows = [&](const Site::FormerPolicy& former) { return former.until >= taken && !denied(former.rules, record, record.session_key); };
  if (std::any_of(site.former_policies.begin(), site.former_policies.end(), allows)) return std::nullopt;
  return "a rule denies the session " + record.session_key;
}

}  // namespace clawbridge::sim
