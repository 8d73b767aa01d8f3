#include "bridge/gateway/turn_end.h"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

#include "topics/encoding.h"

namespace clawbridge::gateway {
namespace {

using nlohmann::json;
using How = TurnEnd::How;

constexpr int kVersion = 1;
constexpr std::size_t kShownBytesMax = 4096;  // of what a failed program printed

constexpr std::pair<How, std::string_view> kHow[] = {
    {How::NotStarted, "not_started"}, {How::Exited, "exited"}, {How::Signalled, "signalled"}};
constexpr std::pair<TurnEnd::Ended, std::string_view> kEnded[] = {{TurnEnd::Ended::ByItself, "by_itself"},
                                                                  {TurnEnd::Ended::AtTimeLimit, "at_time_limit"},
                                                                  {TurnEnd::Ended::OnAbort, "on_abort"},
                                                                  {TurnEnd::Ended::OnSignal, "on_signal"}};

template <class Table, class Value>
std::string_view name_of(const Table& table, Value value) {
  return std::ranges::find(table, value, [](const auto& entry) { return entry.first; })->second;
}

template <class Value, class Table>
std::optional<Value> value_of(const Table& table, const json& header, const char* member) {
  const auto name = header.find(member);
  if (name == header.end() || !name->is_string()) return std::nullopt;
  const auto found =
      std::ranges::find(table, name->get_ref<const std::string&>(), [](const auto& entry) { return entry.second; });
  if (found == std::end(table)) return std::nullopt;
  return found->first;
}

std::string text_of(const json& header, const char* member) {
  const auto text = header.find(member);
  return text != header.end() && text->is_string() ? text->get<std::string>() : std::string();
}

bool is_continuation(char byte) {
  return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U;
}

/// Without a character that the limit cut in two. Bytes that never began one stay, and are found invalid.
std::string_view whole_characters(std::string_view text) {
  auto start = text.size();
  while (start > 0 && text.size() - start < 3 && is_continuation(text[start - 1])) --start;
  if (start == 0) return text;
  const auto lead = static_cast<unsigned char>(text[start - 1]);
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
  return text.size() - (start - 1) < length ? text.substr(0, start - 1) : text;
}

std::string last_part(const std::string& text) {
  auto from = text.size() - std::min(text.size(), kShownBytesMax);
  while (from < text.size() && from > 0 && is_continuation(text[from])) ++from;
  auto part = text.substr(from);
  while (!part.empty() && (part.back() == '\n' || part.back() == '\r')) part.pop_back();
  return part;
}

/// What the program itself said about its failure: on stderr, or else on stdout.
std::string in_its_own_words(const TurnEnd& end) {
  if (auto words = last_part(end.last_errors); !words.empty()) return "; the last it wrote to stderr: " + words;
  if (auto words = last_part(make_utf8(end.output)); !words.empty()) return "; the last it wrote to stdout: " + words;
  return "; it wrote nothing to stderr";
}

std::string what_happened(const TurnEnd& end, const std::string& program) {
  if (end.ended == TurnEnd::Ended::AtTimeLimit) return program + " ran longer than gateway.time_limit or its spawn allows, and was ended";
  if (end.ended == TurnEnd::Ended::OnSignal) return program + " was ended because its supervisor was told to stop";
  if (end.how == How::Exited) return program + " ended with exit code " + std::to_string(end.code);
  return program + " was ended by signal " + std::to_string(end.code) + " (" + ::strsignal(end.code) + ")";
}

body::Reply failed(ErrorCode code, std::string message) {
  body::Reply reply;
  reply.status = ReplyStatus::Error;
  reply.error = Error{code, std::move(message), false};
  return reply;
}

}  // namespace

std::string encode(const TurnEnd& end) {
  const json header = {{"version", kVersion},
                       {"how", name_of(kHow, end.how)},
                       {"code", end.code},
                       {"ended", name_of(kEnded, end.ended)},
                       {"outputBytes", end.output.size()},
                       {"truncated", end.truncated},
                       {"stderr", end.last_errors},
                       {"reason", end.reason}};
  return header.dump(-1, ' ', false, json::error_handler_t::replace) + "\n" + end.output;
}

std::optional<TurnEnd> decode_turn_end(std::string_view bytes) {
  const auto line = bytes.find('\n');
  if (line == std::string_view::npos) return std::nullopt;
  const json header = json::parse(bytes.substr(0, line), nullptr, false);
  if (!header.is_object() || header.value("version", json()) != kVersion) return std::nullopt;
  const auto how = value_of<How>(kHow, header, "how");
  const auto ended = value_of<TurnEnd::Ended>(kEnded, header, "ended");
  const auto code = header.value("code", json());
  if (!how || !ended || !code.is_number_integer()) return std::nullopt;
  const auto output = bytes.substr(line + 1);
  if (header.value("outputBytes", json()) != output.size()) return std::nullopt;
  return TurnEnd{.how = *how,
                 .code = code.get<int>(),
                 .ended = *ended,
                 .output = std::string(output),
                 .truncated = header.value("truncated", json()) == true,
                 .last_errors = text_of(header, "stderr"),
                 .reason = text_of(header, "reason")};
}

std::string make_utf8(std::string_view bytes) {
  std::string text;
  while (!bytes.empty()) {
    const auto good = find_invalid_utf8(bytes).value_or(bytes.size());
    text.append(bytes.substr(0, good));
    bytes.remove_prefix(good);
    if (bytes.empty()) break;
    text += "\xEF\xBF\xBD";
    bytes.remove_prefix(1);
  }
  return text;
}

body::Reply outcome_of(const TurnEnd& end, const std::string& program) {
  if (end.ended == TurnEnd::Ended::OnAbort) {
    body::Reply reply;
    reply.status = ReplyStatus::Cancelled;
    reply.ran = true;
    return reply;
  }
  if (end.ended == TurnEnd::Ended::AtTimeLimit)
    return failed(ErrorCode::Timeout, what_happened(end, program) + in_its_own_words(end));
  if (end.ended != TurnEnd::Ended::ByItself || end.how != How::Exited || end.code != 0) {
    return failed(ErrorCode::GatewayError, what_happened(end, program) + in_its_own_words(end));
  }
  const auto text = end.truncated ? whole_characters(end.output) : std::string_view(end.output);
  if (const auto at = find_invalid_utf8(text)) {
    return failed(ErrorCode::GatewayError, program + " ran, and its output is not UTF-8 (byte " +
                                               std::to_string(*at + 1) + " of " + std::to_string(end.output.size()) +
                                               "); make it print UTF-8");
  }
  body::Reply reply;
  reply.status = text.empty() ? ReplyStatus::NoReply : ReplyStatus::Ok;
  reply.reply.assign(text);
  reply.truncated = end.truncated;
  return reply;
}

}  // namespace clawbridge::gateway
