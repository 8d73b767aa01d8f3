#include "bridge/cli/watch_line.h"

#include <algorithm>
#include <array>

#include "bridge/cli/render.h"
#include "topics/encoding.h"

namespace clawbridge::cli {
namespace {

using nlohmann::json;

constexpr std::size_t kTextBytesMax = 160;

/// Each of these is the sending or the arrival of a message, which is shown as such.
constexpr std::array<std::string_view, 6> kToldByMessages{"exchange.accepted", "request.published", "request.taken",
                                                          "receipt.received",  "exchange.answered", "exchange.ended"};
/// Of exchanges between agents of this machine, which no message tells of.
constexpr std::array<std::string_view, 2> kOfLocal{"exchange.accepted", "exchange.ended"};

std::string member(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

std::string_view gateway_of(std::string_view address) {
  return address.substr(0, address.find('/'));
}

bool is_agent(const std::string& address, const std::string& wanted) {
  return address == wanted || (wanted.find('/') == std::string::npos && address.ends_with("/" + wanted));
}

std::string size_text(const std::string& bytes) {
  if (bytes.empty()) return "";
  if (bytes.size() <= 4) return bytes + " B";
  return std::to_string(std::stoull(bytes) / 1024) + " KiB";
}

std::string latency_text(const json& shown) {
  const auto found = shown.find("latencyMilliseconds");
  if (found == shown.end()) return "";
  const auto milliseconds = found->get<std::int64_t>();
  if (milliseconds < 10'000) return "+" + std::to_string(milliseconds) + " ms";
  return "+" + std::to_string(milliseconds / 1000) + " s";
}

std::string what_text(const json& shown) {
  std::string type = member(shown, "type");
  std::string text = type.empty() ? member(shown, "event") : type;
  for (const char* name : {"what", "op", "status", "session", "reason", "result", "code"}) {
    if (const auto value = member(shown, name); !value.empty()) text += " " + value;
  }
  if (!member(shown, "sealed").empty()) text += " (sealed)";
  if (const auto why = member(shown, "refused"); !why.empty()) text += " REFUSED: " + why;
  if (const auto topic = member(shown, "topic"); !topic.empty()) text += " on " + topic;
  return text;
}

/// Columns as a terminal counts them: UTF-8 continuation bytes take none.
std::string padded(std::string text, std::size_t columns) {
  const auto taken = static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
  if (taken < columns) text.append(columns - taken, ' ');
  return text;
}

std::string_view direction(const std::string& event) {
  if (event == "message.sent") return "> ";
  return event == "message.received" ? "< " : "  ";
}

}  // namespace

WatchLines::Seen& WatchLines::seen(const std::string& cid) {
  const auto [entry, is_new] = seen_.try_emplace(cid);
  if (!is_new) return entry->second;
  order_.push_back(cid);
  if (order_.size() > kRememberedMax) {
    seen_.erase(order_.front());
    order_.pop_front();
  }
  return seen_[cid];
}

std::optional<json> WatchLines::take(const std::string& name, json data) {
  if (name == "exchange.progress" || !data.is_object()) return std::nullopt;
  data["event"] = name;
  const bool is_message = name.starts_with("message.");
  const auto told = [&](const auto& names) { return std::ranges::find(names, name) != names.end(); };
  if (const auto cid = member(data, "correlationId"); !cid.empty()) {
    auto& exchange = seen(cid);
    const auto time = parse_time(member(data, "time"));
    if (!exchange.first) exchange.first = time;
    if (time && exchange.first) data["latencyMilliseconds"] = (*time - *exchange.first).count();
    if (const auto from = member(data, "from"), to = member(data, "to");
        exchange.from.empty() && !from.empty() && !to.empty()) {
      exchange.from = from;
      exchange.to = to;
      exchange.local = !is_message && gateway_of(from) == gateway_of(to);
    }
    const bool shown = is_message || !told(kToldByMessages) || (exchange.local && told(kOfLocal)) ||
                       (name == "exchange.ended" && !exchange.replied);
    if (is_message && member(data, "type") == "reply") exchange.replied = true;
    if (!shown) return std::nullopt;
    if (!data.contains("from") && !exchange.from.empty()) data["from"] = exchange.from;
    if (!data.contains("to") && !exchange.to.empty()) data["to"] = exchange.to;
  }
  return agrees(data) ? std::optional(std::move(data)) : std::nullopt;
}

bool WatchLines::agrees(const json& data) const {
  const auto from = member(data, "from");
  const auto to = member(data, "to");
  const auto one_is = [&](const auto& is_it) { return is_it(from) || is_it(to); };
  if (!filter_.gateway.empty() && !one_is([&](const auto& address) { return gateway_of(address) == filter_.gateway; }))
    return false;
  if (!filter_.agent.empty() && !one_is([&](const auto& address) { return is_agent(address, filter_.agent); }))
    return false;
  return filter_.cid.empty() || member(data, "correlationId").starts_with(filter_.cid);
}

std::string watch_text(const json& shown) {
  const auto time = member(shown, "time");
  const auto from = member(shown, "from");
  const auto to = member(shown, "to");
  std::string line = time.size() > 11 ? time.substr(11) : padded("-", 13);
  line.append("  ").append(direction(member(shown, "event"))) += padded(from.empty() ? "?" : from + (to.empty() ? "" : " → " + to), 34);
  line += "  " + padded(what_text(shown), 30);
  line += "  " + padded(size_text(member(shown, "bytes")), 8) + "  " + padded(latency_text(shown), 8) + "  " +
          member(shown, "correlationId");
  line = printable(line);
  line.erase(line.find_last_not_of(' ') + 1);
  return line + "\n";
}

std::string shortened(std::string_view text) {
  const auto size = utf8_prefix(text, kTextBytesMax);
  return printable(text.substr(0, size)) + (size < text.size() ? "…" : "");
}

}  // namespace clawbridge::cli
