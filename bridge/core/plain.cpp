#include "bridge/core/plain.h"

#include <algorithm>
#include <charconv>

namespace clawbridge::core {
namespace {

constexpr std::size_t kResponseTopicBytesMax = 256;
constexpr std::size_t kCorrelationBytesMax = 256;

std::string_view take_level(std::string_view& rest, bool& more) {
  const auto slash = rest.find('/');
  const auto level = rest.substr(0, slash);
  more = slash != std::string_view::npos;
  rest.remove_prefix(more ? slash + 1 : rest.size());
  return level;
}

void append_field(std::string& out, std::string_view field) { out.append(std::to_string(field.size())).append(" ").append(field); }

std::optional<std::string> take_field(std::string_view& rest) {
  std::size_t size = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), size);
  if (error != std::errc{} || end == rest.data() + rest.size()) return std::nullopt;
  rest.remove_prefix(static_cast<std::size_t>(end - rest.data()) + 1);
  if (rest.size() < size) return std::nullopt;
  std::string field(rest.substr(0, size));
  rest.remove_prefix(size);
  return field;
}

}  // namespace

bool is_plain(std::string_view payload) {
  const auto first = payload.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && payload[first] != '{';
}

bool matches_filter(std::string_view filter, std::string_view topic) {
  bool more_filter = true;
  bool more_topic = true;
  while (more_filter && more_topic) {
    const auto wanted = take_level(filter, more_filter);
    if (wanted == "#") return true;
    const auto level = take_level(topic, more_topic);
    if (wanted != "+" && wanted != level) return false;
  }
  return (!more_filter && !more_topic) || (more_filter && filter == "#");
}

std::optional<std::string> refuse_plain(const Options& options, std::string_view agent, const event::BrokerMessage& message) {
  const auto rule = std::find_if(options.plain_clients.begin(), options.plain_clients.end(), [&](const auto& each) { return each.agent == agent; });
  if (rule == options.plain_clients.end()) return "plain_clients has no entry for " + std::string(agent);
  const auto& topic = message.response_topic;
  if (topic.empty()) return "it has no MQTT 5 Response Topic, so nobody could be answered";
  const bool is_topic = topic.size() <= kResponseTopicBytesMax && topic.find_first_of("#+") == std::string::npos && topic.front() != '$' &&
                        std::none_of(topic.begin(), topic.end(), [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; }) &&
                        !find_invalid_utf8(topic);
  if (!is_topic) return "its Response Topic is no topic that an answer could be published to";
  if (topic == options.base || topic.starts_with(options.base + "/")) return "its Response Topic lies below " + options.base + ", where only bridges speak";
  const auto& allowed = rule->reply_topics;
  if (std::none_of(allowed.begin(), allowed.end(), [&](const auto& filter) { return matches_filter(filter, topic); })) {
    return "its Response Topic " + topic + " matches none of the entry's reply_topics";
  }
  if (message.correlation_data.size() > kCorrelationBytesMax) return "its Correlation Data is longer than 256 bytes";
  return std::nullopt;
}

std::string plain_session(const Context& context, std::string_view agent, std::string_view response_topic) {
  return "agent:" + std::string(agent) + ":plain-" + hex_encode(context.crypto.sha256(response_topic)).substr(0, 16);
}

std::string plain_to_record(const PlainRequest& request) {
  std::string out;
  append_field(out, request.response_topic);
  append_field(out, request.correlation_data);
  append_field(out, request.text);
  return out;
}

std::optional<PlainRequest> plain_from_record(std::string_view bytes) {
  auto response_topic = take_field(bytes);
  auto correlation_data = response_topic ? take_field(bytes) : std::nullopt;
  auto text = correlation_data ? take_field(bytes) : std::nullopt;
  if (!text) return std::nullopt;
  return PlainRequest{std::move(*text), std::move(*response_topic), std::move(*correlation_data)};
}

std::string plain_answer(const body::Reply& reply) {
  if (reply.status == ReplyStatus::Ok || reply.status == ReplyStatus::NoReply) return reply.reply;
  return "error: " + (reply.error ? reply.error->message : std::string(to_string(reply.status)));
}

}  // namespace clawbridge::core
