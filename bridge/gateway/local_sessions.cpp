#include "bridge/gateway/local_sessions.h"

#include <algorithm>
#include <utility>

#include "bridge/gateway/gateway.h"

namespace clawbridge::gateway {

using core::action::ReadSessions;
using nlohmann::json;

namespace {

json row_of(const LocalSession& session) {
  json row = {{"key", session.key}, {"hasActiveRun", session.is_running}};
  if (!session.label.empty()) row["label"] = session.label;
  if (session.updated != WallTime{}) row["updatedAt"] = session.updated.time_since_epoch().count();
  return row;
}

bool is_asked_for(const LocalSession& session, const body::SessionsList& asked, WallTime now) {
  if (!asked.label.empty() && session.label != asked.label) return false;
  if (!asked.search.empty() && session.key.find(asked.search) == std::string::npos && session.label.find(asked.search) == std::string::npos) return false;
  if (!asked.active_minutes) return true;
  return std::chrono::duration<double, std::ratio<60>>(now - session.updated).count() <= *asked.active_minutes;
}

std::string list(const ReadSessions& order, const body::SessionsList& asked, const std::vector<LocalSession>& sessions, WallTime now) {
  std::vector<json> rows;
  for (const auto& session : sessions) {
    if (!is_asked_for(session, asked, now)) continue;
    auto row = session_row(row_of(session), order.agents, order.rules);
    if (row && is_kind_wanted(*row, asked.kinds)) rows.push_back(std::move(*row));
  }
  const auto offset = asked.offset.value_or(0);
  const auto end = std::min<std::uint64_t>(rows.size(), offset + std::clamp<std::uint64_t>(asked.limit.value_or(kListRowsDefault), 1, kListRowsMax));
  ListListing listing(order.bytes_max, offset);
  auto at = offset;
  while (at < end && listing.add(std::move(rows[at]))) ++at;
  return std::move(listing).finish(at < rows.size());
}

}  // namespace

Result<std::string> asked_session(const ReadSessions& order) {
  const auto* history = std::get_if<body::SessionsHistory>(&order.what);
  const auto* status = std::get_if<body::SessionStatus>(&order.what);
  const auto& asked = history != nullptr ? history->session_key : status->session_key;
  if (order.agents.empty()) return Error{ErrorCode::Forbidden, "no agent's sessions may be read", false};
  const auto prefix = agent_prefix(order.agents.front());
  auto key = asked.empty() ? prefix + "main" : asked.starts_with("agent:") ? asked : prefix + asked;
  if (key.starts_with(prefix)) return key;
  return Error{ErrorCode::Forbidden, "session " + key + " does not belong to agent \"" + order.agents.front() + "\"", false};
}

Result<std::string> tell_sessions(const ReadSessions& order, const std::vector<LocalSession>& sessions, WallTime now) {
  if (const auto* asked = std::get_if<body::SessionsList>(&order.what)) return list(order, *asked, sessions, now);
  const auto key = asked_session(order);
  if (!key) return key.error();
  const auto found = std::ranges::find(sessions, *key, &LocalSession::key);
  auto row = found == sessions.end() ? std::nullopt : session_row(row_of(*found), order.agents);
  if (!row) return Error{ErrorCode::UnknownSession, "No session found: " + *key + "; ask for the agent's sessions", false};
  return status_listing(std::move(*row));
}

}  // namespace clawbridge::gateway
