#include "bridge/gateway/sessions.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "bridge/core/policy.h"
#include "bridge/gateway/frames.h"
#include "bridge/gateway/gateway.h"
#include "bridge/gateway/history.h"
#include "topics/encoding.h"

namespace clawbridge::gateway {

using nlohmann::json;

namespace {

constexpr std::string_view kAgentPrefix = "agent:";
// Beside what each row says for itself: the key, its agent, the kind.
constexpr const char* kRowMembers[] = {
    "label",       "displayName",      "sessionId",        "updatedAt",     "createdAt",   "lastInteractionAt",
    "status",      "hasActiveRun",     "startedAt",        "endedAt",       "runtimeMs",   "abortedLastRun",
    "model",       "modelProvider",    "thinkingLevel",    "contextTokens", "inputTokens", "outputTokens",
    "totalTokens", "totalTokensFresh", "estimatedCostUsd", "archived",      "pinned"};
constexpr const char* kMessageMembers[] = {"role",     "timestamp", "stopReason", "errorMessage", "model",
                                           "provider", "toolName",  "toolCallId", "isError",      "senderLabel"};
constexpr const char* kProvenanceMembers[] = {"kind", "sourceSessionKey", "sourceChannel", "sourceTool"};
constexpr const char* kToolCallMembers[] = {"id", "name", "arguments", "input"};

// What a message of the wire may hold (topics/limits.h), less what stands around a listing.
constexpr std::size_t kValuesMax = 15'000;
constexpr std::size_t kToolDepthMax = 32;
constexpr std::size_t kListAround = 128;     // {"count":…,"hasMore":…,"nextOffset":…,"sessions":[]}
constexpr std::size_t kHistoryAround = 320;  // the same of a history, without its key
constexpr std::size_t kRoleMax = 32;
constexpr std::string_view kTooLarge = "[sessions_history omitted: message too large]";

std::string dump(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

// Scalars only: a member that a later version fills with an object could hold anything.
void copy_scalar(const json& from, json& to, const char* name) {
  const auto& value = member(from, name);
  if (value.is_string() || value.is_number() || value.is_boolean()) to[name] = value;
}

std::size_t values_in(const json& value) {
  std::size_t count = 1;
  if (value.is_structured()) {
    for (const auto& each : value) count += values_in(each);
  }
  return count;
}

std::size_t depth_of(const json& value) {
  std::size_t deepest = 0;
  if (value.is_structured()) {
    for (const auto& each : value) deepest = std::max(deepest, depth_of(each));
  }
  return deepest + 1;
}

std::string_view rest_of_key(std::string_view key) {
  return key.substr(kAgentPrefix.size() + agent_of_key(key).size() + 1);
}

// A session of 2026.9 that its owner keeps out of every list.
bool is_incognito(std::string_view key) {
  const auto rest = rest_of_key(key);
  const auto colon = rest.find(':');
  return colon != std::string_view::npos && rest.substr(colon + 1).starts_with("incognito-");
}

// As OpenClaw's sessions_list names them: main, group, cron, hook, node, other.
std::string kind_of(std::string_view key, const json& row) {
  const auto rest = rest_of_key(key);
  if (rest == "main") return "main";
  for (const std::string_view kind : {"cron", "hook", "node"}) {
    if (rest.starts_with(kind) && rest.size() > kind.size() &&
        (rest[kind.size()] == ':' || (kind == "node" && rest[kind.size()] == '-')))
      return std::string(kind);
  }
  const bool is_group = text_member(row, "kind") == "group" || key.find(":group:") != std::string_view::npos ||
                        key.find(":channel:") != std::string_view::npos;
  return is_group ? "group" : "other";
}

std::string channel_of(const std::string& kind, const json& row) {
  if (kind == "cron" || kind == "hook" || kind == "node") return "internal";
  for (auto channel : {text_member(row, "channel"), text_member(member(row, "deliveryContext"), "channel"),
                       text_member(row, "lastChannel")}) {
    if (!channel.empty()) return channel;
  }
  return "unknown";
}

bool is_tool_call(const std::string& type) {
  return type == "toolCall" || type == "toolUse" || type == "tool_use" || type == "functionCall";
}

json tool_call(const json& block) {
  json call = {{"type", "toolCall"}};
  for (const auto* name : kToolCallMembers) {
    if (const auto& value = member(block, name); !value.is_null())
      call[name] = depth_of(value) > kToolDepthMax ? json(dump(value)) : value;
  }
  return call;
}

// A part of a message; null when nothing of it is told.
json visible_block(const json& block, bool include_tools) {
  const auto type = text_member(block, "type");
  if (type == "text") return {{"type", "text"}, {"text", text_member(block, "text")}};
  if (type == "thinking")
    return include_tools ? json{{"type", "thinking"}, {"thinking", text_member(block, "thinking")}} : json();
  if (is_tool_call(type)) return include_tools ? tool_call(block) : json();
  json omitted = {{"type", type.empty() ? "unknown" : type}, {"omitted", true}};
  copy_scalar(block, omitted, "mimeType");
  return omitted;
}

json visible_content(const json& content, bool include_tools) {
  if (content.is_string()) return content;
  json blocks = json::array();
  if (!content.is_array()) return blocks;
  for (const auto& block : content) {
    if (auto visible = visible_block(block, include_tools); !visible.is_null()) blocks.push_back(std::move(visible));
  }
  return blocks;
}

// Null when nothing of it is told.
json visible_message(const json& row, bool include_tools) {
  const auto role = text_member(row, "role");
  if (!include_tools && (role == "tool" || role == "toolResult")) return {};
  auto content = visible_content(member(row, "content"), include_tools);
  if (content.empty() && text_member(row, "errorMessage").empty()) return {};
  json message = {{"content", std::move(content)}};
  for (const auto* name : kMessageMembers) copy_scalar(row, message, name);
  json provenance;
  for (const auto* name : kProvenanceMembers) copy_scalar(member(row, "provenance"), provenance, name);
  if (!provenance.is_null()) message["provenance"] = std::move(provenance);
  return message;
}

// What a message costs in a listing, with the comma behind it.
struct Cost {
  std::size_t bytes = 0;
  std::size_t values = 0;
};
Cost cost_of(const json& value) {
  return {dump(value).size() + 1, values_in(value)};
}

// How many of the newest messages fit.
std::size_t count_that_fit(const std::vector<Transcript::Entry>& entries, Cost room) {
  std::size_t count = 0;
  while (count < entries.size()) {
    const auto cost = cost_of(entries[entries.size() - 1 - count].message);
    if (cost.bytes > room.bytes || cost.values > room.values) break;
    room.bytes -= cost.bytes;
    room.values -= cost.values;
    ++count;
  }
  return count;
}

// The newest `count`, as they stand in a listing.
json newest(std::vector<Transcript::Entry>& entries, std::size_t count) {
  json messages = json::array();
  for (auto at = entries.size() - count; at < entries.size(); ++at) messages.push_back(std::move(entries[at].message));
  return messages;
}

// Its text, as much as fits. Escapes may make a text six times as long, so what is kept is measured, not reckoned.
json cut_message(const json& message, std::size_t bytes_max) {
  std::string text;
  const auto& content = message.at("content");
  if (content.is_string()) text = content.get<std::string>();
  if (content.is_array()) {
    for (const auto& block : content) {
      const auto part = text_member(block, "text");
      if (!part.empty()) text += (text.empty() ? "" : "\n\n") + part;
    }
  }
  const auto role = text_member(message, "role");
  json cut = {{"role", role.size() <= kRoleMax ? role : "unknown"}};
  if (member(message, "timestamp").is_number()) cut["timestamp"] = message.at("timestamp");
  for (std::size_t keep = std::min(text.size(), bytes_max); keep > 0; keep = keep * 3 / 4) {
    cut["content"] = text.substr(0, utf8_prefix(text, keep)) + std::string(kCutMark);
    if (cost_of(cut).bytes <= bytes_max) return cut;
  }
  cut["content"] = kTooLarge;
  return cut;
}

}  // namespace

std::string_view agent_of_key(std::string_view session_key) {
  if (!session_key.starts_with(kAgentPrefix)) return {};
  session_key.remove_prefix(kAgentPrefix.size());
  const auto end = session_key.find(':');
  return end == std::string_view::npos || end + 1 == session_key.size() ? std::string_view()
                                                                        : session_key.substr(0, end);
}

bool may_be_told(std::string_view session_key, const std::vector<std::string>& agents) {
  const auto agent = agent_of_key(session_key);
  return !agent.empty() && std::ranges::find(agents, agent) != agents.end() && !is_incognito(session_key);
}

Error no_session(const std::string& key) {
  return {ErrorCode::UnknownSession, "No session found: " + key + "; ask for the agent's sessions", false};
}

Result<std::string> told_session(const std::string& asked, const std::string& found, const std::string& agent) {
  const auto prefix = agent_prefix(agent);
  if (!found.starts_with(prefix) || !may_be_told(found, {agent})) return no_session(asked);
  if (found == asked || asked == prefix + "main") return found;
  return Error{
      ErrorCode::UnknownSession,
      "No session found: " + asked + "; write its key as sessions_list has it, in small letters and without blanks",
      false};
}

std::optional<json> session_row(const json& row, const std::vector<std::string>& agents,
                                const std::vector<core::action::SessionRule>& rules) {
  const auto key = text_member(row, "key");
  if (!may_be_told(key, agents)) return std::nullopt;
  const std::string agent(agent_of_key(key));
  if (!core::is_told(rules, agent, key)) return std::nullopt;
  if (const auto owner = text_member(row, "agentId"); !owner.empty() && owner != agent) return std::nullopt;
  const auto kind = kind_of(key, row);
  json told = {{"key", key}, {"agentId", agent}, {"kind", kind}, {"channel", channel_of(kind, row)}};
  for (const auto* name : kRowMembers) copy_scalar(row, told, name);
  return told;
}

bool is_kind_wanted(const json& row, const std::vector<std::string>& kinds) {
  return kinds.empty() || std::ranges::find(kinds, text_member(row, "kind")) != kinds.end();
}

Transcript read_transcript(const json& history, const Window& window) {
  Transcript transcript;
  const auto& rows = member(history, "messages");
  if (!rows.is_array()) return transcript;
  const std::size_t end = rows.size() - std::min<std::size_t>(rows.size(), window.skip_newest);
  const std::size_t begin = end - std::min<std::size_t>(end, window.limit);
  transcript.rows = end - begin;
  transcript.has_older = begin > 0;
  for (auto at = begin; at < end; ++at) {
    auto message = visible_message(rows[at], window.include_tools);
    if (message.is_null()) continue;
    transcript.cut = transcript.cut || is_cut(rows[at]);
    transcript.entries.push_back({std::move(message), end - 1 - at});
  }
  return transcript;
}

ListListing::ListListing(std::size_t bytes_max, std::uint64_t offset)
    : bytes_max_(bytes_max), offset_(offset), bytes_(kListAround) {}

bool ListListing::add(json row, Transcript last_messages) {
  const auto bare = cost_of(row);
  const auto left = bytes_max_ > bytes_ ? bytes_max_ - bytes_ : 0;
  if (bare.bytes > left || bare.values > kValuesMax - values_) return false;
  if (auto& messages = last_messages.entries; !messages.empty()) {
    constexpr std::size_t kMember = sizeof R"(,"messages":[])";
    const Cost room{left - bare.bytes > kMember ? left - bare.bytes - kMember : 0, kValuesMax - values_ - bare.values};
    row["messages"] = newest(messages, count_that_fit(messages, room));
  }
  const auto cost = cost_of(row);
  bytes_ += cost.bytes;
  values_ += cost.values;
  rows_.push_back(std::move(row));
  return true;
}

std::string ListListing::finish(bool has_more) && {
  json listing = {{"count", rows_.size()}, {"hasMore", has_more}, {"nextOffset", nullptr}};
  // Past a row that does not fit by itself: whoever pages must not come to it again and again.
  if (has_more) listing["nextOffset"] = offset_ + std::max<std::size_t>(rows_.size(), 1);
  listing["sessions"] = std::move(rows_);
  return dump(listing);
}

std::string history_listing(const std::string& session_key, Transcript transcript, std::uint64_t offset,
                            std::size_t bytes_max) {
  auto& entries = transcript.entries;
  const auto around = kHistoryAround + dump(session_key).size();
  const auto room = bytes_max > around ? bytes_max - around : 0;
  auto fit = count_that_fit(entries, {room, kValuesMax});
  if (fit == 0 && !entries.empty()) {
    entries.back().message = cut_message(entries.back().message, room);
    transcript.cut = true;
    fit = 1;
  }
  const bool dropped = fit < entries.size();
  const auto told_rows = dropped ? entries[entries.size() - fit].newer_rows + 1 : transcript.rows;
  const auto messages = newest(entries, fit);
  json listing = {{"sessionKey", session_key},
                  {"truncated", dropped || transcript.cut},
                  {"droppedMessages", dropped},
                  {"contentTruncated", transcript.cut},
                  {"bytes", dump(messages).size()},
                  {"messages", messages},
                  {"offset", offset},
                  {"hasMore", dropped || transcript.has_older}};
  if (listing.at("hasMore") == true) listing["nextOffset"] = offset + told_rows;
  return dump(listing);
}

std::string status_listing(json row) {
  auto key = row.at("key");
  return dump({{"sessionKey", std::move(key)}, {"session", std::move(row)}});
}

}  // namespace clawbridge::gateway
