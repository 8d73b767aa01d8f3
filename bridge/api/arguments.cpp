#include "bridge/api/arguments.h"

#include <array>
#include <cmath>
#include <cstdlib>
#include <string>

#include "bridge/api/argument_reader.h"
#include "topics/encoding.h"

namespace clawbridge::api {
namespace {

using core::event::LateReply;
using std::chrono::milliseconds;


Argument wait_argument(milliseconds& wait) {
  return seconds_argument("timeoutSeconds", [&wait](auto given) { wait = given; });
}

Argument expiry_argument(std::optional<milliseconds>& expiry) {
  return seconds_argument("expiresInSeconds", [&expiry](auto given) { expiry = given; });
}

Argument late_reply_argument(std::optional<LateReply>& late_reply) {
  return choice_argument("lateReply", {"deliver", "keep"},
                         [&late_reply](std::size_t i) { late_reply = i == 0 ? LateReply::Deliver : LateReply::Keep; });
}

std::optional<Error> check_expiry(const std::optional<milliseconds>& expiry) {
  if (!expiry || expiry->count() > 0) return std::nullopt;
  return bad_request("argument \"expiresInSeconds\" must be more than 0");
}

core::event::LocalAsk question_of(const Caller& caller) {
  core::event::LocalAsk ask;
  ask.caller_agent = caller.agent;
  return ask;
}

}  // namespace

const std::size_t ArgumentParser::kPadding = simdjson::SIMDJSON_PADDING;

ArgumentParser::ArgumentParser(const core::Cryptography& crypto)
    : crypto_(crypto), reader_(std::make_unique<ArgumentReader>()) {}
ArgumentParser::~ArgumentParser() = default;

Result<core::event::LocalSend> ArgumentParser::sessions_send(std::string& body, const Caller& caller) {
  core::event::LocalSend send;
  const std::array known{text_argument("message", send.message),
                         text_argument("sessionKey", send.session_key),
                         text_argument("label", send.label),
                         text_argument("agentId", send.agent),
                         text_argument("gateway", send.gateway),
                         wait_argument(send.wait),
                         expiry_argument(send.expires_in),
                         late_reply_argument(send.late_reply),
                         flag_argument("progress", send.progress),
                         attachments_argument("attachments", crypto_, send.attachments)};
  if (auto error = reader_->read(body, known)) return std::move(*error);
  if (send.message.empty()) return bad_request("argument \"message\" is missing or empty: give the text to send");
  if (auto error = check_expiry(send.expires_in)) return std::move(*error);
  send.caller_agent = caller.agent;
  send.caller_session = caller.session;
  return send;
}

Result<core::event::LocalSpawn> ArgumentParser::sessions_spawn(std::string& body, const Caller& caller) {
  core::event::LocalSpawn spawn;
  auto& task = spawn.spawn;
  const std::array known{text_argument("task", task.task),
                         text_argument("label", task.label),
                         text_argument("agentId", spawn.agent),
                         text_argument("gateway", spawn.gateway),
                         text_argument("model", task.model),
                         text_argument("thinking", task.thinking),
                         amount_argument("runTimeoutSeconds", task.run_timeout_seconds),
                         wait_argument(spawn.wait),
                         expiry_argument(spawn.expires_in),
                         late_reply_argument(spawn.late_reply),
                         attachments_argument("attachments", crypto_, task.attachments)};
  if (auto error = reader_->read(body, known)) return std::move(*error);
  if (task.task.empty()) return bad_request("argument \"task\" is missing or empty: say what is to be done");
  if (auto error = check_expiry(spawn.expires_in)) return std::move(*error);
  spawn.caller_agent = caller.agent;
  spawn.caller_session = caller.session;
  return spawn;
}

Result<core::event::LocalAsk> ArgumentParser::sessions_list(std::string& body, const Caller& caller) {
  auto ask = question_of(caller);
  body::SessionsList list;
  const std::array known{text_argument("gateway", ask.gateway),
                         text_argument("agentId", ask.agent),
                         count_argument("limit", list.limit),
                         count_argument("offset", list.offset),
                         amount_argument("activeMinutes", list.active_minutes),
                         count_argument("messageLimit", list.message_limit),
                         texts_argument("kinds", list.kinds),
                         text_argument("label", list.label),
                         text_argument("search", list.search),
                         wait_argument(ask.wait)};
  if (auto error = reader_->read(body, known)) return std::move(*error);
  ask.what = std::move(list);
  return ask;
}

Result<core::event::LocalAsk> ArgumentParser::sessions_history(std::string& body, const Caller& caller) {
  auto ask = question_of(caller);
  body::SessionsHistory history;
  const std::array known{text_argument("gateway", ask.gateway),
                         text_argument("agentId", ask.agent),
                         text_argument("sessionKey", history.session_key),
                         count_argument("limit", history.limit),
                         count_argument("offset", history.offset),
                         flag_argument("includeTools", history.include_tools),
                         wait_argument(ask.wait)};
  if (auto error = reader_->read(body, known)) return std::move(*error);
  if (history.session_key.empty()) {
    return bad_request("argument \"sessionKey\" is missing: name the session, for example imac/agent:jarvis:main");
  }
  ask.what = std::move(history);
  return ask;
}

Result<core::event::LocalAsk> ArgumentParser::session_status(std::string& body, const Caller& caller) {
  auto ask = question_of(caller);
  body::SessionStatus status;
  const std::array known{text_argument("gateway", ask.gateway), text_argument("agentId", ask.agent),
                         text_argument("sessionKey", status.session_key), wait_argument(ask.wait)};
  if (auto error = reader_->read(body, known)) return std::move(*error);
  ask.what = std::move(status);
  return ask;
}

Result<AgentsListArguments> ArgumentParser::agents_list(std::string& body) {
  AgentsListArguments arguments;
  const std::array known{text_argument("gateway", arguments.gateway), wait_argument(arguments.wait)};
  if (auto error = reader_->read(body, known)) return std::move(*error);
  return arguments;
}

Result<ExchangeArguments> ArgumentParser::exchange(std::string& body) {
  ExchangeArguments arguments;
  const std::array known{text_argument("correlationId", arguments.id),
                         choice_argument("action", {"show", "wait", "cancel"},
                                         [&](std::size_t i) { arguments.action = static_cast<ExchangeArguments::Action>(i); }),
                         wait_argument(arguments.wait)};
  if (auto error = reader_->read(body, known)) return std::move(*error);
  if (arguments.id.empty()) {
    return bad_request("argument \"correlationId\" is missing: name the exchange; the result of each request has it");
  }
  return arguments;
}

Result<PingArguments> ArgumentParser::ping(std::string& body) {
  PingArguments arguments;
  const std::array known{text_argument("gateway", arguments.gateway), wait_argument(arguments.wait)};
  if (auto error = reader_->read(body, known)) return std::move(*error);
  if (arguments.gateway.empty()) return bad_request("argument \"gateway\" is missing: name the gateway to ping");
  return arguments;
}

std::optional<Error> ArgumentParser::none(std::string& body) {
  return reader_->read(body, {});
}

Result<milliseconds> ArgumentParser::wait(std::string& body) {
  milliseconds wait{30'000};
  const std::array known{wait_argument(wait)};
  if (auto error = reader_->read(body, known)) return std::move(*error);
  return wait;
}

Result<core::event::LocalTrust> ArgumentParser::trust(std::string& body, std::string_view gateway) {
  std::string text;
  const std::array known{text_argument("fingerprint", text)};
  if (auto error = reader_->read(body, known)) return std::move(*error);
  core::event::LocalTrust trust;
  trust.gateway = gateway;
  for (const char c : text) {
    if (c == ' ' || c == ':' || c == '-') continue;
    trust.fingerprint += c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  const std::size_t digits = trust.fingerprint.size();
  if (digits < core::kTrustDigits || digits > 64 || !is_hex(trust.fingerprint, digits)) {
    return bad_request(
        "argument \"fingerprint\" must be 32 to 64 hex digits, as `clawbridge key show` prints them on " +
        std::string(gateway));
  }
  return trust;
}

Result<milliseconds> parse_seconds(std::string_view name, std::string_view text) {
  // strtod() would also take blanks, a plus, "inf" and hexadecimal numbers; libc++ has no from_chars() for a double.
  const bool is_plain = text.find_first_not_of("0123456789.eE+-") == std::string_view::npos && !text.starts_with('+');
  const std::string digits(is_plain ? text : "");
  char* end = nullptr;
  const double seconds = std::strtod(digits.c_str(), &end);
  if (digits.empty() || end != digits.c_str() + digits.size() || !(seconds >= 0 && seconds <= kSecondsMax)) {
    return bad_request("query parameter " + std::string(name) +
                       " must be a number of seconds between 0 and 604800 (7 days)");
  }
  return milliseconds(std::llround(seconds * 1000));
}

}  // namespace clawbridge::api
