#include "bridge/cli/render.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace clawbridge::cli {
namespace {

using nlohmann::json;
using Rows = std::vector<std::vector<std::string>>;

/// Characters as a terminal counts them, roughly: UTF-8 continuation bytes take no room.
std::size_t width(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

std::string text_of(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? printable(found->get_ref<const std::string&>()) : "";
}

std::string text_or_dash(const json& object, const char* name) {
  std::string text = text_of(object, name);
  return text.empty() ? "-" : text;
}

json list_of(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_array() ? *found : json::array();
}

/// `gateway/agent`, as far as known.
std::string address_of(const json& exchange) {
  const std::string gateway = text_of(exchange, "gateway");
  const std::string agent = text_of(exchange, "agent");
  return gateway.empty() ? agent : gateway + "/" + agent;
}

std::string count_of(const json& object, const char* name) {
  return std::to_string(object.value(name, std::uint64_t{0}));
}

/// Lines of `name  value`; rows without a value are left out.
std::string facts(Rows rows) {
  std::erase_if(rows, [](const auto& row) { return row[1].empty(); });
  return table(rows);
}

/// Texts joined by commas.
std::string joined(const json& texts) {
  std::string all;
  for (const json& text : texts) {
    if (text.is_string()) all += (all.empty() ? "" : ", ") + printable(text.get_ref<const std::string&>());
  }
  return all;
}

std::string names_of_files(const json& exchange) {
  std::string names;
  for (const json& file : list_of(exchange, "attachments")) names += (names.empty() ? "" : ", ") + text_or_dash(file, "name");
  return names;
}

std::string allowed_text(const json& agent) {
  if (!agent.contains("ops")) return agent.contains("why") ? "? (" + text_of(agent, "why") + ")" : "-";
  const std::string ops = joined(agent["ops"]);
  return ops.empty() ? "nothing" : ops;
}

/// A time as a gateway gives it, in text or in milliseconds.
std::string time_of(const json& object, const char* name, WallTime now) {
  const auto found = object.find(name);
  if (found == object.end()) return "-";
  if (!found->is_number_integer()) return relative_time(text_of(object, name), now);
  return relative_time(format_time(WallTime{std::chrono::milliseconds(found->get<std::int64_t>())}), now);
}

/// The text of a message, as a string or in parts.
std::string message_text(const json& message) {
  const auto content = message.find("content");
  if (content == message.end()) return "";
  if (content->is_string()) return printable(content->get_ref<const std::string&>(), true);
  std::string text;
  if (!content->is_array()) return text;
  for (const json& part : *content) {
    if (!part.is_object()) continue;
    const auto found = part.find("text");
    const bool is_text = found != part.end() && found->is_string();
    text += (text.empty() ? "" : "\n") +
            (is_text ? printable(found->get_ref<const std::string&>(), true) : "[" + text_of(part, "type") + " " + text_of(part, "name") + "]");
  }
  return text;
}

/// Of what another gateway tells, nothing is sure: not even that a flag is one.
bool is_set(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && *found == true;
}

/// A value of any kind in one line.
std::string value_text(const json& value) {
  return value.is_string() ? printable(value.get_ref<const std::string&>()) : printable(value.dump(-1, ' ', false, json::error_handler_t::replace));
}

std::string stages_text(const json& exchange, WallTime now) {
  std::string text;
  for (const json& stage : list_of(exchange, "stages")) {
    text += (text.empty() ? "" : ", ") + text_of(stage, "stage") + " " + relative_time(text_of(stage, "time"), now);
  }
  return text;
}

std::string error_text(const json& exchange) {
  const auto found = exchange.find("error");
  if (found == exchange.end() || !found->is_object()) return "";
  return text_of(*found, "message") + " (" + text_of(*found, "code") + ")";
}

std::string block(const json& exchange, const char* name) {
  const auto found = exchange.find(name);
  if (found == exchange.end() || !found->is_string()) return "";
  return "\n" + std::string(name) + ":\n" + printable(found->get_ref<const std::string&>(), true) + "\n";
}

}  // namespace

std::string line(const json& object) {
  return object.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

std::string table(const Rows& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width(row[i]));
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) line += row[i] + std::string(widths[i] - width(row[i]) + 2, ' ');
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

std::string relative_time(std::string_view time, WallTime now) {
  const auto when = parse_time(time);
  if (!when) return "-";
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now - *when).count();
  const auto distance = std::abs(seconds);
  if (distance < 1) return "now";
  std::string amount = std::to_string(distance / 86400) + " d";
  if (distance < 60)
    amount = std::to_string(distance) + " s";
  else if (distance < 3600)
    amount = std::to_string(distance / 60) + " min";
  else if (distance < 86400)
    amount = std::to_string(distance / 3600) + " h";
  return seconds > 0 ? amount + " ago" : "in " + amount;
}

std::string printable(std::string_view text, bool lines) {
  std::string result(text);
  for (std::size_t i = 0; i < result.size(); ++i) {
    const auto byte = static_cast<unsigned char>(result[i]);
    if (lines && (byte == '\n' || byte == '\t')) continue;
    // U+0080 to U+009F are control characters too: 0xC2 and one of these bytes.
    const bool second = byte >= 0x80 && byte <= 0x9F && i > 0 && static_cast<unsigned char>(result[i - 1]) == 0xC2;
    if (second)
      result[--i] = '?', result.erase(i + 1, 1);
    else if (byte < 0x20 || byte == 0x7F)
      result[i] = '?';
  }
  return result;
}

std::string grouped(std::string_view fingerprint) {
  std::string text;
  for (std::size_t i = 0; i < fingerprint.size(); i += 4)
    text += (i == 0 ? "" : " ") + std::string(fingerprint.substr(i, 4));
  return text;
}

std::string agents_text(const json& answer) {
  const json agents = list_of(answer, "agents");
  const bool asked = std::ranges::any_of(agents, [](const json& agent) { return agent.contains("ops") || agent.contains("why"); });
  Rows rows{{"AGENT", "NAME", "WHERE", "PRESENCE"}};
  if (asked) rows[0].emplace_back("ALLOWED");
  for (const json& agent : agents) {
    rows.push_back({text_of(agent, "gateway") + "/" + text_of(agent, "id"), text_or_dash(agent, "name"),
                    agent.value("remote", true) ? "remote" : "here", text_or_dash(agent, "presence")});
    if (asked) rows.back().push_back(allowed_text(agent));
  }
  return rows.size() == 1
             ? "no agents are known yet; `clawbridge status` tells whether the broker and the gateway are reached\n"
             : table(rows);
}

std::string peers_text(const json& answer, WallTime now) {
  Rows rows{{"GATEWAY", "TRUST", "PRESENCE", "SINCE", "SEEN", "AGENTS", "OPEN", "VERSION", "FINGERPRINT"}};
  constexpr std::size_t kDigitsShown = 32;  // enough for `peers trust`
  for (const json& peer : list_of(answer, "peers")) {
    const std::string fingerprint = text_of(peer, "fingerprint").substr(0, kDigitsShown);
    rows.push_back({text_of(peer, "gateway"), text_of(peer, "trust"), text_of(peer, "presence"),
                    relative_time(text_of(peer, "since"), now), relative_time(text_of(peer, "seen"), now),
                    std::to_string(list_of(peer, "agents").size()), count_of(peer, "openOutgoing"),
                    text_or_dash(peer, "version"), fingerprint.empty() ? "-" : grouped(fingerprint)});
  }
  if (rows.size() == 1) return "no other gateway has been seen yet; check that they use the same broker and base\n";
  std::string text = table(rows);
  for (const json& peer : list_of(answer, "peers")) {
    const std::string offered = text_of(peer, "offeredFingerprint").substr(0, kDigitsShown);
    if (offered.empty()) continue;
    const std::string name = text_of(peer, "gateway");
    text += "\n" + name +
            ": other keys claim this name and are refused (key_changed). If they were made anew on purpose:\n  "
            "clawbridge peers trust " +
            name + " " + grouped(offered) + "\n";
  }
  return text;
}

namespace {

constexpr std::size_t kTroublesShown = 5;

std::string queues_text(const json& answer) {
  std::string text;
  for (const json& queue : list_of(answer, "queues")) {
    if (queue.value("size", std::uint64_t{0}) == 0) continue;
    text += (text.empty() ? "" : ", ") + text_of(queue, "name") + " " + count_of(queue, "size") + "/" + count_of(queue, "limit");
  }
  return text.empty() ? "empty" : text;
}

/// The latest warnings and errors, a line each, after a blank line.
std::string troubles_text(const json& answer, WallTime now) {
  Rows rows;
  for (const json& trouble : list_of(answer, "troubles")) {
    if (rows.size() == kTroublesShown) break;
    const auto count = trouble.value("count", std::uint64_t{1});
    rows.push_back({relative_time(text_of(trouble, "time"), now), text_of(trouble, "level"),
                    text_of(trouble, "event") + (count > 1 ? " (" + std::to_string(count) + " times)" : "") + "  " + text_of(trouble, "text")});
  }
  return rows.empty() ? "" : "\nlatest warnings and errors:\n" + table(rows);
}

}  // namespace

std::string reload_text(const json& answer) {
  const auto changed = joined(list_of(answer, "changed"));
  const auto waiting = joined(list_of(answer, "restartNeeded"));
  return (changed.empty() ? "nothing that may change without a restart has changed\n" : "now in force: " + changed + "\n") +
         (waiting.empty() ? "" : "in force after a restart: " + waiting + "\n");
}

std::string status_text(const json& answer, WallTime now) {
  const json broker = answer.value("broker", json::object());
  const json gateway = answer.value("agentGateway", json::object());
  const json settings = answer.value("settings", json::object());
  const std::string file = text_of(settings, "file").empty() ? "the defaults" : text_of(settings, "file");
  std::string agents;
  for (const json& agent : list_of(answer, "agents")) {
    if (agent.is_string()) agents += (agents.empty() ? "" : ", ") + printable(agent.get_ref<const std::string&>());
  }
  const int protocol = broker.value("protocol", 0);
  const std::string protocol_text = protocol == 5 ? " (MQTT 5)" : protocol == 4 ? " (MQTT 3.1.1)" : "";
  const auto pending = answer.value("peersPending", std::uint64_t{0});
  return facts({
      {"gateway", text_of(answer, "gateway")},
      {"state", text_of(answer, "state")},
      {"version", text_of(answer, "version")},
      {"broker", text_of(broker, "state") + protocol_text},
      {"BROKER WARNING",
       broker.value("insecure", false)
           ? "broker.insecure is true: whoever answers is believed to be the broker; set broker.ca instead"
           : ""},
      {"broker error", text_of(broker, "error")},
      {"agents from", text_or_dash(gateway, "kind") + " " + text_of(gateway, "version") +
                          (gateway.value("connected", false) ? " (connected)" : " (not connected)")},
      {"gateway error", text_of(gateway, "error")},
      {"agents", agents.empty() ? "-" : agents},
      {"peers", count_of(answer, "peers") + " (" + count_of(answer, "peersOnline") + " online)" +
                    (pending > 0 ? ", " + std::to_string(pending) + " not trusted yet (`clawbridge peers list`)" : "")},
      {"open",
       count_of(answer, "outgoingOpen") + " asked here, " + count_of(answer, "incomingOpen") + " answered here"},
      {"queues", queues_text(answer)},
      {"settings", settings.empty() ? "" : file + ", read " + relative_time(text_of(settings, "loaded"), now)},
      {"SETTINGS REFUSED", text_of(settings, "error")},
      {"after a restart", joined(list_of(settings, "restartNeeded"))},
      {"fingerprint", text_of(answer, "fingerprint")},
  }) + troubles_text(answer, now);
}

std::string ping_text(const json& answer) {
  const auto microseconds = answer.value("roundTripMicroseconds", std::uint64_t{0});
  const std::string hundredths = std::to_string(microseconds % 1000 / 10);
  return text_of(answer, "gateway") + " answered in " + std::to_string(microseconds / 1000) + "." +
         std::string(2 - hundredths.size(), '0') + hundredths + " ms: version " + text_or_dash(answer, "version") +
         ", its time " + text_or_dash(answer, "time") + ", " + count_of(answer, "journalOpen") + " exchanges open\n";
}

std::string exchange_text(const json& exchange, WallTime now) {
  return facts({
             {"id", text_of(exchange, "correlationId")},
             {"direction", text_of(exchange, "direction")},
             {"from", text_of(exchange, "source")},
             {"to", address_of(exchange)},
             {"session", text_of(exchange, "sessionKey")},
             {"spawned", text_of(exchange, "childSessionKey")},
             {"run", text_of(exchange, "runId")},
             {"status",
              text_of(exchange, "status") + (exchange.value("truncated", false) ? " (the reply may be cut)" : "")},
             {"stages", stages_text(exchange, now)},
             {"reason", text_of(exchange, "reason")},
             {"hint", text_of(exchange, "hint")},
             {"error", error_text(exchange)},
             {"files", names_of_files(exchange)},
             {"created", text_of(exchange, "created")},
             {"expires", text_of(exchange, "expires")},
         }) +
         block(exchange, "message") + block(exchange, "reply");
}

std::string exchanges_text(const json& answer, WallTime now) {
  Rows rows{{"ID", "DIRECTION", "FROM", "TO", "STATUS", "STAGE", "CREATED"}};
  for (const json& exchange : list_of(answer, "exchanges")) {
    rows.push_back({text_of(exchange, "correlationId"), text_of(exchange, "direction"),
                    text_or_dash(exchange, "source"), address_of(exchange), text_of(exchange, "status"),
                    text_or_dash(exchange, "stage"), relative_time(text_of(exchange, "created"), now)});
  }
  return rows.size() == 1 ? "no exchanges yet\n" : table(rows);
}

std::string dead_text(const json& answer, WallTime now) {
  Rows rows{{"ID", "FROM", "TO", "STATUS", "CREATED", "REASON"}};
  for (const json& exchange : list_of(answer, "exchanges")) {
    const std::string error = error_text(exchange);
    rows.push_back({text_of(exchange, "correlationId"), text_or_dash(exchange, "source"), address_of(exchange),
                    text_of(exchange, "status"), relative_time(text_of(exchange, "created"), now),
                    error.empty() ? "-" : error});
  }
  return rows.size() == 1 ? "no dead letters\n" : table(rows);
}

std::string cancel_text(const json& answer) {
  const std::string id = text_of(answer, "correlationId");
  const std::string gateway = text_of(answer, "gateway");
  const std::string result = text_of(answer, "result");
  if (result == "cancelled") {
    const auto ran = answer.find("ran");
    if (ran == answer.end()) return id + " is cancelled\n";
    return id + (*ran == true ? " is cancelled; its turn had started, and what it did so far stands\n"
                              : " is cancelled; it did not run\n");
  }
  if (result == "already_ended") return id + " had ended already: " + text_of(answer, "status") + "\n";
  if (result == "cannot_abort")
    return id + " goes on to its natural end: " + gateway + "'s gateway cannot stop a turn\n";
  const std::string hint = text_of(answer, "hint");
  return id + ": " + gateway + " has not answered the request to stop it yet" +
         (hint.empty() ? "" : " (" + hint + ")") + "; it goes on being asked, see `clawbridge exchange show " + id +
         "`\n";
}

std::string spawn_text(const json& exchange) {
  const std::string id = text_of(exchange, "correlationId");
  return "started " + text_or_dash(exchange, "childSessionKey") + " on " + text_of(exchange, "gateway") + " as " + id + "; see `clawbridge exchange wait " +
         id + "`\n";
}

std::string files_text(const json& exchange) {
  const std::string names = names_of_files(exchange);
  return names.empty() ? "" : "the reply has files: " + names + " (--save-attachments DIR keeps them)";
}

std::string sessions_text(const json& answer, WallTime now) {
  Rows rows{{"SESSION", "KIND", "LABEL", "STATUS", "UPDATED"}};
  for (const json& session : list_of(answer, "sessions")) {
    if (!session.is_object()) continue;
    rows.push_back({text_of(session, "key"), text_or_dash(session, "kind"), text_or_dash(session, "label"),
                    is_set(session, "hasActiveRun") ? "running" : text_or_dash(session, "status"), time_of(session, "updatedAt", now)});
  }
  if (rows.size() == 1) return "no sessions that may be seen\n";
  const auto next = answer.find("nextOffset");
  const bool more = is_set(answer, "hasMore") && next != answer.end() && next->is_number_unsigned();
  return table(rows) + (more ? "there are more: --offset " + next->dump() + "\n" : "");
}

std::string history_text(const json& answer, WallTime now) {
  std::string text;
  for (const json& message : list_of(answer, "messages")) {
    if (!message.is_object()) continue;
    text += (text.empty() ? "" : "\n") + text_or_dash(message, "role") + ", " + time_of(message, "timestamp", now) + ":\n" + message_text(message) + "\n";
  }
  if (text.empty()) return "no messages\n";
  return is_set(answer, "truncated") ? "(older messages are left out)\n\n" + text : text;
}

std::string session_status_text(const json& answer, WallTime now) {
  Rows rows;
  const auto add = [&](const json& object, const std::string& name) {
    rows.push_back({printable(name), name == "updatedAt" ? time_of(object, "updatedAt", now) : value_text(object[name])});
  };
  for (const auto& [name, value] : answer.items()) {
    if (name == "session" && value.is_object()) {
      for (const auto& [inner, what] : value.items()) add(value, inner);
    } else if (name != "remote") {
      add(answer, name);
    }
  }
  return facts(std::move(rows));
}

std::string outcome_text(const json& exchange) {
  const std::string status = text_of(exchange, "status");
  const std::string id = text_of(exchange, "correlationId");
  if (status == "ok")
    return exchange.value("truncated", false) ? "the reply was taken from the session's history and may be cut" : "";
  if (status == "no_reply") return address_of(exchange) + " finished without a visible reply";
  if (status == "accepted") {
    const std::string reason = text_of(exchange, "reason");
    const std::string hint = text_of(exchange, "hint");
    return "accepted as " + id + ", stage " + text_or_dash(exchange, "stage") +
           (reason.empty() ? "" : " (" + reason + ")") + (hint.empty() ? "" : ": " + hint) +
           "; see `clawbridge exchange wait " + id + "`";
  }
  const std::string error = error_text(exchange);
  return status + (error.empty() ? "" : ": " + error) +
         (id.empty() ? "" : "; see `clawbridge exchange show " + id + "`");
}

}  // namespace clawbridge::cli
