#include "bridge/gateway/frames.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <utility>

#include "bridge/gateway/attachments.h"
#include "bridge/gateway/command_text.h"

namespace clawbridge::gateway {

using nlohmann::json;

namespace {

// Nothing that is read stands deeper. What does is left out, because copying nested values takes stack at each level.
constexpr int kDepthMax = 64;
// Taken from a time, anything longer could leave what a time can hold.
constexpr std::chrono::hours kUptimeMax{100 * 365 * 24};

constexpr std::string_view kEventStart = R"({"type":"event","event":")";

// What both versions write before the run of an `agent` event, whichever stream it is of.
constexpr std::string_view kAgentEventStart = R"({"type":"event","event":"agent","payload":{"runId":")";
// Where they write the stream, before or after the session.
constexpr std::size_t kStreamWithin = 1'024;
constexpr std::string_view kAssistantStream = R"("stream":"assistant")";
// With escapes, of more than is told of a text under way (turns.cpp).
constexpr std::size_t kProgressFrameBytesMax = std::size_t{128} * 1024;

// The name of an event frame written as both versions write it, without parsing the rest.
std::optional<std::string_view> event_name(std::string_view text) {
  if (!text.starts_with(kEventStart)) return std::nullopt;
  text.remove_prefix(kEventStart.size());
  return text.substr(0, text.find('"'));
}

// Nothing is discarded but what is nested too deep; the result is discarded when it is no JSON.
json parse(std::string_view text) {
  return json::parse(
      text, [](int depth, json::parse_event_t, json&) { return depth <= kDepthMax; }, false);
}

// The UTF-16 unit that the six characters at `at` are the escape of.
std::optional<unsigned> escaped_unit(std::string_view text, std::size_t at) {
  if (text.size() < at + 6 || text[at] != '\\' || text[at + 1] != 'u') return std::nullopt;
  unsigned unit = 0;
  const auto* digits = text.data() + at + 2;
  const auto [end, error] = std::from_chars(digits, digits + 4, unit, 16);
  return error == std::errc() && end == digits + 4 ? std::optional(unit) : std::nullopt;
}

// 2026.3.8 cuts long texts between the two halves of a character, and writes the one that is left as an escape. No text can hold
// it, so the parser takes nothing of such a frame; here each becomes U+FFFD.
std::string without_half_characters(std::string_view text) {
  std::string whole;
  whole.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    std::size_t length = text[at] == '\\' ? 2 : 1;
    const auto unit = escaped_unit(text, at);
    if (unit) length = 6;
    const bool is_high = unit && (*unit & 0xFC00U) == 0xD800U;
    const bool is_pair = is_high && (escaped_unit(text, at + 6).value_or(0) & 0xFC00U) == 0xDC00U;
    if (is_pair) length = 12;
    const bool is_half = unit && (*unit & 0xF800U) == 0xD800U && !is_pair;
    whole += is_half ? std::string_view(R"(\ufffd)") : text.substr(at, length);
    at += length;
  }
  return whole;
}

Frame event_frame(std::string_view name) {
  if (name == "connect.challenge") return Challenge{};
  if (name == "tick") return Tick{};
  if (name == "shutdown") return ShuttingDown{};
  return Ignored{};
}

#ifdef __APPLE__
constexpr const char* kPlatform = "darwin";
#else
constexpr const char* kPlatform = "linux";
#endif

}  // namespace

std::string text_member(const json& object, const char* name) {
  const auto& value = member(object, name);
  return value.is_string() ? value.get<std::string>() : std::string();
}

std::int64_t integer_member(const json& object, const char* name, std::int64_t otherwise) {
  const auto& value = member(object, name);
  if (value.is_number_unsigned()) {
    const auto number = value.get<std::uint64_t>();
    return number <= std::numeric_limits<std::int64_t>::max() ? static_cast<std::int64_t>(number) : otherwise;
  }
  if (value.is_number_integer()) return value.get<std::int64_t>();
  constexpr double kExact =
      9'007'199'254'740'992;  // 2^53: no gateway counts further, and a cast beyond 2^63 is undefined
  if (!value.is_number_float() || !(std::abs(value.get<double>()) <= kExact)) return otherwise;
  return static_cast<std::int64_t>(value.get<double>());
}

const json& member(const json& object, const char* name) {
  static const json nothing;
  if (!object.is_object()) return nothing;
  const auto found = object.find(name);
  return found == object.end() ? nothing : *found;
}

Frame decode_frame(std::string_view text) {
  if (text.starts_with(kAgentEventStart)) {
    const auto run_id = text.substr(kAgentEventStart.size());
    return AgentEvent{run_id.substr(0, run_id.find('"')), text};
  }
  if (const auto name = event_name(text)) return event_frame(*name);
  json frame = parse(text);
  if (frame.is_discarded()) frame = parse(without_half_characters(text));
  const auto type = text_member(frame, "type");
  if (type == "event") return event_frame(text_member(frame, "event"));
  if (type != "res") return Ignored{};
  Response response{.id = text_member(frame, "id"), .ok = member(frame, "ok") == true, .payload = {}, .failure = {}};
  if (const auto found = frame.find("payload"); found != frame.end() && found->is_object())
    response.payload = std::move(*found);
  if (!response.ok) {
    const auto& error = member(frame, "error");
    response.failure = {text_member(error, "code"), text_member(member(error, "details"), "code"),
                        text_member(error, "message")};
  }
  return response;
}

std::optional<std::string> decode_progress(const AgentEvent& event) {
  if (event.frame.size() > kProgressFrameBytesMax || event.frame.substr(0, kStreamWithin).find(kAssistantStream) == std::string_view::npos) return std::nullopt;
  const auto frame = parse(event.frame);
  auto text = text_member(member(member(frame, "payload"), "data"), "text");
  if (text.empty()) return std::nullopt;
  return text;
}

bool Hello::may_read_and_write() const {
  if (!scopes) return true;
  const auto has = [&](std::string_view scope) { return std::ranges::find(*scopes, scope) != scopes->end(); };
  return has("operator.read") && has("operator.write");
}

Hello decode_hello(const Response& response) {
  const auto& payload = response.payload;
  const auto& server = member(payload, "server");
  const auto& policy = member(payload, "policy");
  Hello hello;
  hello.protocol = static_cast<int>(integer_member(payload, "protocol", 0));
  hello.version = text_member(server, "version");
  hello.boot_id = text_member(server, "bootId");
  if (const auto& scopes = member(member(payload, "auth"), "scopes"); scopes.is_array()) {
    hello.scopes.emplace();
    for (const auto& scope : scopes) {
      if (scope.is_string()) hello.scopes->push_back(scope.get<std::string>());
    }
  }
  // A gateway that ticks faster than once a second or slower than every ten minutes is misread, not believed.
  hello.tick_interval = std::chrono::milliseconds(
      std::clamp<std::int64_t>(integer_member(policy, "tickIntervalMs", 30'000), 1'000, 600'000));
  hello.uptime = std::clamp<std::chrono::milliseconds>(
      std::chrono::milliseconds(integer_member(member(payload, "snapshot"), "uptimeMs", 0)), {}, kUptimeMax);
  if (const auto bytes = integer_member(policy, "maxPayload", 0); bytes > 0)
    hello.payload_bytes_max = static_cast<std::uint64_t>(bytes);
  return hello;
}

std::vector<core::event::GatewayAgent> decode_agents(const Response& response) {
  std::vector<core::event::GatewayAgent> agents;
  const auto& list = member(response.payload, "agents");
  if (!list.is_array()) return agents;
  for (const auto& entry : list) {
    auto id = text_member(entry, "id");
    if (!id.empty()) agents.push_back({std::move(id), text_member(entry, "name")});
  }
  return agents;
}

json connect_params(const std::string& token, const std::string& version) {
  return {
      {"minProtocol", 3},
      {"maxProtocol", 4},
      {"role", "operator"},
      {"scopes", {"operator.read", "operator.write"}},
      {"caps", json::array()},
      {"client", {{"id", "gateway-client"}, {"version", version}, {"platform", kPlatform}, {"mode", "backend"}}},
      {"auth", {{"token", token}}},
  };
}

json agent_params(const core::action::StartRun& order) {
  json params = {
      {"message", guard_commands(order.text) + files_as_text(order.attachments)},
      {"agentId", order.agent},
      {"sessionKey", order.session_key},
      {"idempotencyKey", order.idempotency_key},
      {"timeout", order.time_limit.value_or(kRunTimeout).count()},
      {"deliver", false},
      {"inputProvenance",
       {{"kind", "inter_session"},
        {"sourceSessionKey", order.source_session},
        {"sourceChannel", order.source_channel},
        {"sourceTool", order.new_session ? "sessions_spawn" : "sessions_send"}}},
  };
  if (auto images = images_of(order.attachments); !images.empty()) params["attachments"] = std::move(images);
  if (!order.label.empty()) params["label"] = order.label;
  if (!order.thinking.empty()) params["thinking"] = order.thinking;
  return params;
}

std::string encode_request(const std::string& id, std::string_view method, const json& params) {
  const json frame = {{"type", "req"}, {"id", id}, {"method", method}, {"params", params}};
  return frame.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace clawbridge::gateway
