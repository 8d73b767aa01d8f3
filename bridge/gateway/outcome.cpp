#include "bridge/gateway/outcome.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "bridge/gateway/attachments.h"

namespace clawbridge::gateway {

using nlohmann::json;

namespace {

// 2026.9.6 cuts the text in the answer to agent.wait at 4096 UTF-16 units without saying so (measured). Bytes are at
// least as many as units, so a text of fewer bytes is whole.
constexpr std::size_t kWaitTextWhole = 4096;

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// Refusals that say that the turn did not run and that trying again helps. They also come as the final response of a
// turn that was accepted (measured, 2026.9.6). The last one: another run, such as the gateway's own recovery, took the
// session first.
bool says_not_run(std::string_view message) {
  return message.starts_with("Gateway is draining") ||
         message.starts_with("Session transcript projection is rebuilding") ||
         contains(message, "changed while starting work. Retry.");
}

body::Reply rejected_reply(ErrorCode code, std::string message) {
  auto reply = make_reply(ReplyStatus::Rejected);
  reply.error = Error{code, std::move(message), false};
  return reply;
}

// A failed response before the turn was accepted: nothing ran.
std::variant<Accepted, InFlight, Ended, NotTaken> read_refusal(const Failure& failure) {
  const auto& message = failure.message;
  if (contains(message, "unknown agent id") || contains(message, "no longer exists in configuration")) {
    return Ended{rejected_reply(ErrorCode::UnknownAgent, "the gateway does not know the agent: " + message)};
  }
  if (contains(message, "idempotency key conflicts")) {
    return Ended{
        interrupted_reply("the gateway has seen this turn before and does not say what became of it: " + message)};
  }
  if (failure.code == "UNAVAILABLE") return NotTaken{"the gateway did not take the turn: " + message};
  if (failure.code == "FORBIDDEN" || contains(message, "missing scope")) {
    return Ended{rejected_reply(ErrorCode::Forbidden, "the gateway does not allow the turn: " + message)};
  }
  return Ended{rejected_reply(ErrorCode::BadRequest, "the gateway refused the turn: " + message)};
}

void append_part(std::string& text, const std::string& part) {
  if (part.empty()) return;
  if (!text.empty()) text += "\n\n";
  text += part;
}

// The type and the base64 of a data: URL.
struct DataUrl {
  std::string mime_type;
  std::string content;
};
std::optional<DataUrl> read_data_url(std::string_view url) {
  constexpr std::string_view kStart = "data:";
  constexpr std::string_view kEncoding = ";base64,";
  if (!url.starts_with(kStart)) return std::nullopt;
  const auto end = url.find(kEncoding);
  if (end == std::string_view::npos) return DataUrl{};
  const auto type = url.substr(kStart.size(), end - kStart.size());
  return DataUrl{std::string(type.substr(0, type.find(';'))), std::string(url.substr(end + kEncoding.size()))};
}

// What is said of a medium in the text. What it holds itself travels as a file. What it only names, a path or a URL, is not fetched:
// the name is the model's words, and behind it could be any file of this machine or any address of its network.
std::string take_media(const std::string& url, ReplyFiles& files) {
  auto data = read_data_url(url);
  if (!data) return "[media: " + url + "]";
  const auto number = std::to_string(files.count() + 1);
  auto name = "media-" + number + extension_of(data->mime_type);
  if (!data->content.empty() && files.add_base64(name, std::move(data->mime_type), std::move(data->content))) return "[media: " + name + "]";
  return "[media: a file that could not be attached, of " + std::to_string(url.size()) + " characters]";
}

std::string media_of(const json& payload, ReplyFiles& files) {
  std::string text;
  const auto name_media = [&](const json& url) {
    if (url.is_string() && !url.get_ref<const std::string&>().empty()) append_part(text, take_media(url.get_ref<const std::string&>(), files));
  };
  const auto& urls = member(payload, "mediaUrls");
  if (urls.is_array() && !urls.empty()) {
    for (const auto& url : urls) name_media(url);
  } else {
    name_media(member(payload, "mediaUrl"));
  }
  return text;
}

struct Payloads {
  std::string text;  // all, joined by an empty line
  bool only_errors = false;
  ReplyFiles files;
};

Payloads join_payloads(const json& payloads) {
  Payloads joined;
  if (!payloads.is_array()) return joined;
  bool any_good = false;
  for (const auto& payload : payloads) {
    if (member(payload, "isReasoning") == true) continue;
    append_part(joined.text, text_member(payload, "text"));
    append_part(joined.text, media_of(payload, joined.files));
    any_good = any_good || member(payload, "isError") != true;
  }
  joined.only_errors = !payloads.empty() && !any_good;
  return joined;
}

std::string first_of(std::initializer_list<std::string> texts) {
  for (const auto& text : texts) {
    if (!text.empty()) return text;
  }
  return "the gateway gives no reason";
}

// The text that a run without payloads shows all the same; the silent token is none.
std::string visible_text(const json& meta) {
  auto text = text_member(meta, "finalAssistantVisibleText");
  return text == "NO_REPLY" || text_member(meta, "terminalReplyKind") == "silent-empty" ? std::string() : text;
}

body::Reply read_result(const json& payload) {
  const auto& result = member(payload, "result");
  const auto& meta = member(result, "meta");
  const auto stop_reason = text_member(meta, "stopReason");
  const auto status = text_member(payload, "status");
  auto joined = join_payloads(member(result, "payloads"));
  // Somebody stopped it. A time limit looks the same but for this (2026.9.6).
  if (status == "timeout" && text_member(payload, "stopReason") == "rpc") return cancelled_reply();
  if (status == "timeout") {
    return failed_reply("the turn was aborted on the gateway: " +
                        first_of({joined.text, text_member(payload, "summary")}));
  }
  if (status != "ok")
    return failed_reply("the turn failed: " + first_of({joined.text, text_member(payload, "summary")}));
  if (member(meta, "aborted") == true) {
    // The payloads may hold an earlier turn's text (2026.3.8), so they are no explanation either.
    return failed_reply("the turn was aborted on the gateway, or ran into its time limit");
  }
  if (stop_reason == "error" || joined.only_errors) return failed_reply("the turn failed: " + first_of({joined.text}));
  auto reply = make_reply(ReplyStatus::Ok, joined.text.empty() ? visible_text(meta) : joined.text);
  if (reply.reply.empty()) reply.status = ReplyStatus::NoReply;
  reply.attachments = std::move(joined.files).take();
  return reply;
}

}  // namespace

body::Reply make_reply(ReplyStatus status, std::string text) {
  body::Reply reply;
  reply.status = status;
  reply.reply = std::move(text);
  return reply;
}

body::Reply failed_reply(std::string message) {
  auto reply = make_reply(ReplyStatus::Error);
  reply.error = Error{ErrorCode::GatewayError, std::move(message), false};
  return reply;
}

body::Reply label_taken_reply(const std::string& agent, const std::string& label) {
  return rejected_reply(ErrorCode::BadRequest,
                        "another session of agent \"" + agent + "\" has the label \"" + label + "\": choose another one, or send to that session by its label");
}

body::Reply cancelled_reply() {
  auto reply = make_reply(ReplyStatus::Cancelled);
  reply.ran = true;
  return reply;
}

body::Reply interrupted_reply(std::string message) {
  auto reply = make_reply(ReplyStatus::Interrupted);
  reply.error = Error{ErrorCode::GatewayDown, std::move(message), false};
  return reply;
}

std::variant<Accepted, InFlight, Ended, NotTaken> read_agent_response(const Response& response, bool accepted) {
  const auto& payload = response.payload;
  const auto run_id = text_member(payload, "runId");
  if (!response.ok) {
    if (says_not_run(response.failure.message))
      return NotTaken{response.failure.message};
    if (!accepted) return read_refusal(response.failure);
    auto reply = failed_reply("the turn failed: " + first_of({response.failure.message, response.failure.code}));
    reply.run_id = run_id;
    return Ended{std::move(reply)};
  }
  const auto status = text_member(payload, "status");
  if (status == "accepted") return Accepted{run_id};
  if (status == "in_flight") return InFlight{run_id};
  auto reply = read_result(payload);
  reply.run_id = run_id;
  return Ended{std::move(reply)};
}

std::variant<StillOpen, Ended, EndedUntold, NotTaken> read_wait_response(const Response& response) {
  const auto& payload = response.payload;
  const auto status = text_member(payload, "status");
  const bool ended = member(payload, "endedAt").is_number();
  if (status == "pending") return StillOpen{};
  if (!response.ok || (status == "timeout" && !ended)) return StillOpen{.known = false};
  if (status != "ok") {
    if (text_member(payload, "stopReason") == "rpc") return Ended{cancelled_reply()};
    const auto error = text_member(payload, "error");
    if (says_not_run(error)) return NotTaken{error};
    return Ended{failed_reply("the turn failed: " + first_of({error, status}))};
  }
  const auto& terminal = member(payload, "terminalReply");
  const auto disposition = text_member(terminal, "disposition");
  if (disposition == "silent" || disposition == "empty") return Ended{make_reply(ReplyStatus::NoReply)};
  auto text = text_member(terminal, "text");
  if (disposition != "visible" || text.empty() || text.size() >= kWaitTextWhole) return EndedUntold{std::move(text)};
  return Ended{make_reply(ReplyStatus::Ok, std::move(text))};
}

}  // namespace clawbridge::gateway
