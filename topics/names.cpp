// The text names of the message's enumerations.
#include <array>
#include <utility>

#include "topics/message.h"

namespace clawbridge {
namespace {

constexpr std::array<std::pair<Operation, std::string_view>, 9> kOperations{{
    {Operation::SessionsSend, "sessions_send"},
    {Operation::SessionsSpawn, "sessions_spawn"},
    {Operation::SessionsList, "sessions_list"},
    {Operation::SessionStatus, "session_status"},
    {Operation::SessionsHistory, "sessions_history"},
    {Operation::AgentsList, "agents_list"},
    {Operation::Status, "status"},
    {Operation::Cancel, "cancel"},
    {Operation::Ping, "ping"},
}};

constexpr std::array<std::pair<ReplyStatus, std::string_view>, 7> kStatuses{{
    {ReplyStatus::Ok, "ok"},
    {ReplyStatus::NoReply, "no_reply"},
    {ReplyStatus::Error, "error"},
    {ReplyStatus::Rejected, "rejected"},
    {ReplyStatus::Expired, "expired"},
    {ReplyStatus::Cancelled, "cancelled"},
    {ReplyStatus::Interrupted, "interrupted"},
}};

template <class Table, class Value>
std::string_view name_in(const Table& table, Value value) {
  for (const auto& [known, name] : table) {
    if (known == value) return name;
  }
  return "unknown";
}

}  // namespace

std::string_view to_string(Operation op) { return name_in(kOperations, op); }

Operation operation_from(std::string_view name) {
  for (const auto& [op, known] : kOperations) {
    if (known == name) return op;
  }
  return Operation::Unknown;
}

bool is_read_only(Operation op) {
  switch (op) {
    case Operation::Ping:
    case Operation::Status:
    case Operation::AgentsList:
    case Operation::SessionsList:
    case Operation::SessionsHistory:
    case Operation::SessionStatus: return true;
    default: return false;
  }
}

std::string_view to_string(ReplyStatus status) { return name_in(kStatuses, status); }

std::optional<ReplyStatus> reply_status_from(std::string_view name) {
  for (const auto& [status, known] : kStatuses) {
    if (known == name) return status;
  }
  return std::nullopt;
}

std::string_view to_string(Stage stage) {
  switch (stage) {
    case Stage::Deferred: return "deferred";
    case Stage::Stored: return "stored";
    case Stage::Queued: return "queued";
    case Stage::Started: return "started";
  }
  return "stored";
}

std::string_view to_string(body::Presence presence) {
  switch (presence) {
    case body::Presence::Online: return "online";
    case body::Presence::Degraded: return "degraded";
    case body::Presence::Offline: return "offline";
  }
  return "offline";
}

}  // namespace clawbridge
