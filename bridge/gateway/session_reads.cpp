#include "bridge/gateway/session_reads.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "bridge/gateway/gateway.h"
#include "bridge/gateway/sessions.h"

namespace clawbridge::gateway {

using nlohmann::json;

namespace {

constexpr std::uint64_t kPageRows = 200;     // of sessions.list of 2026.9, as its own tool asks
constexpr int kPagesMax = 10;                // with most of them hidden from the asker
constexpr std::uint64_t kRowsOfOld = 2'000;  // 2026.3.8 has no pages: its newest
// Rows asked for per message wanted: of a turn with tools most rows are the tools'.
constexpr std::uint64_t kRowsPerMessage = 4;

Error not_connected() {
  return {ErrorCode::GatewayDown, "the gateway is not connected; try again when it is", true};
}

Error refused(const std::string& what, const Failure& failure) {
  const auto code = failure.code == "INVALID_REQUEST" ? ErrorCode::BadRequest : failure.code == "UNAVAILABLE" ? ErrorCode::GatewayDown : ErrorCode::GatewayError;
  return {code, "the gateway cannot " + what + ": " + failure.message, code == ErrorCode::GatewayDown};
}

Error never_used(const std::string& key) {
  return {ErrorCode::UnknownSession, "No session found: " + key + " (nobody has sent anything to it yet; the first message makes it)", false};
}

Error not_theirs(const std::string& key, const std::string& agent) {
  return {ErrorCode::Forbidden, "session " + key + " does not belong to agent \"" + agent + "\"", false};
}

// What is made of braces inside a coroutine GCC 12 destroys twice, so everything of that kind is a function of its own.
json by_key(const char* name, const std::string& key) {
  return {{name, key}};
}
json history_params(const std::string& key, std::uint64_t limit, std::uint64_t offset) {
  json params = {{"sessionKey", key}, {"limit", std::min(limit, kHistoryMessagesMax)}};
  if (offset > 0) params["offset"] = offset;
  return params;
}

// One question. Lives in the frame of read_sessions().
class Reading {
 public:
  Reading(std::shared_ptr<Client> client, core::action::ReadSessions order, bool keeps_keys)
      : client_(std::move(client)), order_(std::move(order)), keeps_keys_(keeps_keys) {}

  asio::awaitable<Result<std::string>> run() {
    if (const auto* list = std::get_if<body::SessionsList>(&order_.what)) return read_list(*list);
    if (const auto* history = std::get_if<body::SessionsHistory>(&order_.what)) return read_history(*history);
    return read_status(std::get<body::SessionStatus>(order_.what));
  }

 private:
  // ---- sessions_list ----

  asio::awaitable<Result<std::string>> read_list(body::SessionsList asked) {
    const auto offset = asked.offset.value_or(0);
    const auto limit = std::clamp<std::uint64_t>(asked.limit.value_or(kListRowsDefault), 1, kListRowsMax);
    auto rows = co_await wanted_rows(asked, offset + limit + 1);
    if (!rows) co_return rows.error();
    ListListing listing(order_.bytes_max, offset);
    bool has_more = rows->size() > offset + limit;
    for (auto at = offset; at < std::min<std::uint64_t>(rows->size(), offset + limit); ++at) {
      auto& row = (*rows)[at];
      auto messages = co_await last_messages(row, std::min(asked.message_limit.value_or(0), kRowMessagesMax));
      if (!messages) co_return messages.error();
      if (!listing.add(std::move(row), std::move(*messages))) {
        has_more = true;
        break;
      }
    }
    co_return std::move(listing).finish(has_more);
  }

  // The first `count` rows that the asker may see and asks for.
  asio::awaitable<Result<std::vector<json>>> wanted_rows(body::SessionsList asked, std::uint64_t count) {
    std::vector<json> wanted;
    std::uint64_t from = 0;
    for (int page = 0; page < kPagesMax && wanted.size() < count; ++page) {
      const auto answer = co_await client_->ask("sessions.list", list_params(asked, from));
      if (answer.result != CallResult::Answered) co_return not_connected();
      if (!answer.response.ok) co_return refused("list its sessions", answer.response.failure);
      const auto& rows = member(answer.response.payload, "sessions");
      if (!rows.is_array()) break;
      for (const auto& row : rows) {
        auto told = session_row(row, order_.agents, order_.rules);
        if (told && is_kind_wanted(*told, asked.kinds) && wanted.size() < count) wanted.push_back(std::move(*told));
      }
      from += rows.size();
      if (rows.empty() || member(answer.response.payload, "hasMore") != true) break;
    }
    co_return wanted;
  }

  [[nodiscard]] json list_params(const body::SessionsList& asked, std::uint64_t from) const {
    json params = {{"limit", keeps_keys_ ? kPageRows : kRowsOfOld}};
    if (from > 0) params["offset"] = from;
    if (order_.agents.size() == 1) params["agentId"] = order_.agents.front();
    // Both versions take whole minutes; a gateway that never forgets says as much as one that is asked for 19 years.
    if (asked.active_minutes) params["activeMinutes"] = static_cast<std::uint64_t>(std::clamp(std::ceil(*asked.active_minutes), 1.0, 1e7));
    if (!asked.label.empty()) params["label"] = asked.label;
    if (!asked.search.empty()) params["search"] = asked.search;
    return params;
  }

  asio::awaitable<Result<Transcript>> last_messages(const json& row, std::uint64_t count) {
    if (count == 0) co_return Transcript();
    const auto rows = count * kRowsPerMessage;
    const auto answer = co_await client_->ask("chat.history", history_params(text_member(row, "key"), rows, 0));
    if (answer.result != CallResult::Answered) co_return not_connected();
    if (!answer.response.ok) co_return Transcript();  // it has gone meanwhile
    Window window;
    window.limit = rows;
    auto transcript = read_transcript(answer.response.payload, window);
    auto& entries = transcript.entries;
    if (entries.size() > count) entries.erase(entries.begin(), entries.end() - static_cast<std::ptrdiff_t>(count));
    co_return transcript;
  }

  // ---- sessions_history ----

  asio::awaitable<Result<std::string>> read_history(body::SessionsHistory asked) {
    const auto key = co_await resolve(asked.session_key);
    if (!key) co_return key.error();
    const auto offset = asked.offset.value_or(0);
    if (key->empty()) co_return history_listing(agents_main(), Transcript(), offset, order_.bytes_max);
    Window window;
    window.limit = std::clamp<std::uint64_t>(asked.limit.value_or(kHistoryMessagesDefault), 1, kHistoryMessagesMax);
    window.include_tools = asked.include_tools;
    auto params = history_params(*key, window.limit, offset);
    if (!keeps_keys_) {
      // It knows no offset. So its newest are left out here, and one more tells whether there are older ones.
      window.skip_newest = offset;
      params = history_params(*key, std::min(offset, kHistoryMessagesMax) + window.limit + 1, 0);
    }
    const auto answer = co_await client_->ask("chat.history", params);
    if (answer.result != CallResult::Answered) co_return not_connected();
    if (!answer.response.ok) co_return refused("show the history of " + *key, answer.response.failure);
    auto transcript = read_transcript(answer.response.payload, window);
    transcript.has_older = transcript.has_older || member(answer.response.payload, "hasMore") == true;
    co_return history_listing(*key, std::move(transcript), offset, order_.bytes_max);
  }

  // ---- session_status ----

  asio::awaitable<Result<std::string>> read_status(body::SessionStatus asked) {
    const auto key = co_await resolve(asked.session_key);
    if (!key) co_return key.error();
    if (key->empty()) co_return never_used(agents_main());
    const auto ask = keeps_keys_ ? &Reading::described : &Reading::listed;
    auto row = co_await (this->*ask)(*key);
    if (!row) co_return row.error();
    co_return status_listing(std::move(*row));
  }

  asio::awaitable<Result<json>> described(std::string key) {
    const auto answer = co_await client_->ask("sessions.describe", by_key("key", key));
    if (answer.result != CallResult::Answered) co_return not_connected();
    if (!answer.response.ok) co_return refused("describe " + key, answer.response.failure);
    auto told = session_row(member(answer.response.payload, "session"), order_.agents);
    if (!told) co_return no_session(key);
    co_return std::move(*told);
  }

  asio::awaitable<Result<json>> listed(std::string key) {
    body::SessionsList asked;
    asked.search = key;
    const auto answer = co_await client_->ask("sessions.list", list_params(asked, 0));
    if (answer.result != CallResult::Answered) co_return not_connected();
    if (!answer.response.ok) co_return refused("describe " + key, answer.response.failure);
    const auto& rows = member(answer.response.payload, "sessions");
    if (rows.is_array()) {
      for (const auto& row : rows) {
        if (text_member(row, "key") != key) continue;
        if (auto told = session_row(row, order_.agents)) co_return std::move(*told);
      }
    }
    co_return no_session(key);
  }

  // ---- which session ----

  [[nodiscard]] std::string agents_main() const { return agent_prefix(order_.agents.front()) + "main"; }

  [[nodiscard]] static std::string full_key(const std::string& asked, const std::string& agent) {
    return asked.empty() ? agent_prefix(agent) + "main" : asked.starts_with("agent:") ? asked : agent_prefix(agent) + asked;
  }

  // The key as the gateway has it; empty for an agent's main session that has had no turn yet.
  asio::awaitable<Result<std::string>> resolve(std::string asked) {
    const auto agent = order_.agents.empty() ? std::string() : order_.agents.front();
    const auto key = full_key(asked, agent);
    if (!key.starts_with(agent_prefix(agent))) co_return not_theirs(key, agent);
    const auto answer = co_await client_->ask("sessions.resolve", by_key("key", key));
    if (answer.result != CallResult::Answered) co_return not_connected();
    if (!answer.response.ok) {
      if (key == agents_main() && answer.response.failure.message.starts_with("No session found")) co_return std::string();
      co_return unresolved(agent, answer.response.failure);
    }
    co_return told_session(key, text_member(answer.response.payload, "key"), agent);
  }

  std::shared_ptr<Client> client_;
  core::action::ReadSessions order_;
  bool keeps_keys_;
};

}  // namespace

Error unresolved(const std::string& agent, const Failure& failure) {
  if (failure.message.starts_with("No session found"))
    return {ErrorCode::UnknownSession, failure.message + "; leave the session out for " + agent_prefix(agent) + "main, or ask for the agent's sessions", false};
  if (failure.message.starts_with("Multiple sessions"))
    return {ErrorCode::Ambiguous, failure.message + "; name the session by its key", false};
  if (failure.code == "UNAVAILABLE")
    return {ErrorCode::GatewayDown, "the gateway cannot look up the session now: " + failure.message, true};
  return {ErrorCode::GatewayError, "the gateway cannot look up the session: " + failure.message, false};
}

asio::awaitable<void> read_sessions(std::shared_ptr<Client> client, core::EventSink sink, core::action::ReadSessions order, bool keeps_keys) {
  const auto read = order.read;
  Reading reading(client, std::move(order), keeps_keys);
  auto listing = co_await reading.run();
  if (!client->is_stopped()) sink(core::event::SessionsRead{read, std::move(listing)});
}

}  // namespace clawbridge::gateway
