// A text frame from whatever answers as the gateway: decoded, then read as each response that the bridge may be waiting
// for. None of it throws, and what comes out may go to a peer, into a log line and into the journal.
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "bridge/gateway/command_text.h"
#include "bridge/gateway/frames.h"
#include "bridge/gateway/history.h"
#include "bridge/gateway/outcome.h"
#include "bridge/gateway/sessions.h"
#include "tests/fuzz/require.h"
#include "topics/encoding.h"

namespace clawbridge::fuzz {
namespace {

using nlohmann::json;

void check_text(const std::string& text) {
  require(!find_invalid_utf8(text), "texts of the gateway are valid UTF-8 when they reach a peer");
}

void check_reply(const body::Reply& reply) {
  check_text(reply.reply);
  check_text(reply.run_id);
  const bool failed = reply.status == ReplyStatus::Error || reply.status == ReplyStatus::Rejected ||
                      reply.status == ReplyStatus::Interrupted;
  require(failed == reply.error.has_value(), "a reply has an error exactly when it failed");
  require(failed || reply.status == ReplyStatus::Ok || reply.status == ReplyStatus::NoReply,
          "a run ends in one of five ways");
  require(reply.status != ReplyStatus::NoReply || reply.reply.empty(), "a silent end has no text");
  for (const auto& file : reply.attachments) require(base64_decode(file.content).has_value(), "a file is base64");
  if (reply.error) check_text(reply.error->message);
  if (reply.error) require(!reply.error->message.empty(), "a failure says why");
}

struct CheckOutcome {
  void operator()(const gateway::Accepted& accepted) const { check_text(accepted.run_id); }
  void operator()(const gateway::InFlight& running) const { check_text(running.run_id); }
  void operator()(const gateway::Ended& ended) const { check_reply(ended.reply); }
  void operator()(const gateway::NotTaken& not_taken) const { check_text(not_taken.reason); }
  void operator()(const gateway::StillOpen&) const {}
  void operator()(const gateway::EndedUntold& untold) const { check_text(untold.beginning); }
  void operator()(const gateway::LookAgain&) const {}
};

void check_hello(const gateway::Response& response) {
  const auto hello = gateway::decode_hello(response);
  require(hello.tick_interval >= std::chrono::seconds(1) && hello.tick_interval <= std::chrono::minutes(10),
          "ticks are believable");
  require(hello.uptime >= std::chrono::milliseconds(0) && hello.uptime <= std::chrono::hours(24 * 36'500),
          "an uptime can be taken from a time without overflow");
  require(hello.payload_bytes_max > 0, "a gateway takes something");
  check_text(hello.version);
  check_text(hello.boot_id);
}

void check_history(const json& history) {
  // As in tests/golden/gateway, so that inputs made from those files find their turn.
  const std::string key = "claw:macbook:P1795373098568:0";
  for (const bool keeps_keys : {false, true}) {
    const gateway::TurnQuery query{key, "mqtt:" + key, WallTime{std::chrono::milliseconds{1'795'373'098'700}},
                                   keeps_keys};
    const auto turn = gateway::find_turn(history, query);
    require(!(turn.queued && turn.abandoned), "a turn waits or was lost, not both");
    require(!turn.answer || turn.found, "only a turn that was found has an answer");
    for (const bool same_boot : {false, true}) {
      for (const bool ended : {false, true}) {
        for (const auto searched : {std::chrono::hours(0), std::chrono::hours(3)}) {
          const auto verdict = gateway::judge(turn, {same_boot, keeps_keys, ended, std::chrono::minutes(5), searched});
          std::visit(CheckOutcome{}, verdict);
          const bool taken_back = std::holds_alternative<gateway::NotTaken>(verdict);
          require(!taken_back || !turn.found, "a turn that the history shows is never handed over again");
        }
      }
    }
  }
}

void check_listing(const std::string& listing, std::size_t bytes_max) {
  check_text(listing);
  require(listing.size() <= bytes_max, "a listing is no longer than it may be");
  require(json::parse(listing, nullptr, false).is_object(), "a listing is an object");
}

void check_sessions(const json& payload) {
  const std::vector<std::string> agents{"jarvis", "pepper"};
  const auto& rows = gateway::member(payload, "sessions");
  for (const std::size_t bytes_max : {1'000U, 10'000U}) {
    gateway::ListListing list(bytes_max, 0);
    for (std::size_t i = 0; rows.is_array() && i < rows.size(); ++i) {
      auto row = gateway::session_row(rows[i], agents);
      if (!row) continue;
      require(gateway::may_be_told(row->at("key").get<std::string>(), agents), "only sessions of those agents are told");
      (void)list.add(std::move(*row), gateway::read_transcript(payload, {}));
    }
    check_listing(std::move(list).finish(false), bytes_max);
    for (const bool include_tools : {false, true}) {
      const auto transcript = gateway::read_transcript(payload, {.limit = 100, .skip_newest = 0, .include_tools = include_tools});
      check_listing(gateway::history_listing("agent:jarvis:main", transcript, 0, bytes_max), bytes_max);
    }
  }
}

void check_response(const gateway::Response& response) {
  require(response.payload.is_null() || response.payload.is_object(), "a payload is an object or missing");
  const auto copy = response;  // as for a coroutine that waits for it
  if (copy.ok) {
    require(copy.failure.code.empty() && copy.failure.message.empty(), "only a failure has details");
    check_hello(copy);
    for (const auto& agent : gateway::decode_agents(copy)) require(!agent.id.empty(), "an agent has an id");
  }
  std::visit(CheckOutcome{}, gateway::read_agent_response(copy, false));
  std::visit(CheckOutcome{}, gateway::read_agent_response(copy, true));
  std::visit(CheckOutcome{}, gateway::read_wait_response(copy));
  check_history(copy.payload);
  check_sessions(copy.payload);
}

// The way back: any text may be handed to the gateway, and none becomes a command.
void check_sending(const std::string& text) {
  const auto guarded = gateway::guard_commands(text);
  require(!gateway::looks_like_command(guarded), "a guarded text is no command");
  require(guarded.ends_with(text), "guarding changes no byte");
  const auto frame = json::parse(gateway::encode_request("1", "agent", {{"message", guarded}}), nullptr, false);
  require(frame.is_object() && frame["params"]["message"].is_string(), "a request is JSON, whatever its text");
  require(find_invalid_utf8(text) || frame["params"]["message"] == guarded, "a text arrives as it was sent");
}

}  // namespace
}  // namespace clawbridge::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace clawbridge;
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto frame = gateway::decode_frame(text);
  if (const auto* response = std::get_if<gateway::Response>(&frame)) fuzz::check_response(*response);
  if (const auto* event = std::get_if<gateway::AgentEvent>(&frame)) {
    if (const auto progress = gateway::decode_progress(*event)) fuzz::check_text(*progress);
  }
  fuzz::check_sending(text);
  return 0;
}
