// A turn found again in the history of both versions, and what is concluded from it. The rows have the shapes that real
// gateways showed before and after being killed in the middle of a turn.
#include "bridge/gateway/history.h"

#include <gtest/gtest.h>

#include "tests/unit/gateway/golden.h"

namespace clawbridge::gateway {
namespace {

using nlohmann::json;

const std::string kKey = "claw:macbook:01A:1";

TurnQuery query(bool keeps_keys) {
  return {kKey, "mqtt:01A", WallTime(std::chrono::milliseconds(5'000)), keeps_keys};
}

json input_row(bool keeps_keys, const std::string& key = kKey, const std::string& channel = "mqtt:01A") {
  json row = {{"role", keeps_keys ? "assistant" : "user"},
              {"content", "SLEEP 20000"},
              {"timestamp", 5'001},
              {"provenance", {{"kind", "inter_session"}, {"sourceChannel", channel}}}};
  if (keeps_keys) row["idempotencyKey"] = key + ":user";
  return row;
}
json earlier_row() {
  return {{"role", "user"}, {"content", "hello"}, {"timestamp", 1'000}};
}
json next_input() {
  return {{"role", "user"}, {"content", "and now?"}, {"timestamp", 9'000}};
}
json recovery_notice() {
  return {{"role", "user"},
          {"content", "[System] Your previous turn was interrupted by a gateway restart while …"},
          {"timestamp", 8'000}};
}
json answer_row(const std::string& text, const std::string& run_id, const std::string& stop_reason = "stop") {
  return {{"role", "assistant"},
          {"content", {{{"type", "text"}, {"text", text}}}},
          {"stopReason", stop_reason},
          {"timestamp", 6'000},
          {"__openclaw", {{"runId", run_id}}}};
}
json history(std::vector<json> rows) {
  return {{"sessionKey", "agent:jarvis:main"},
          {"sessionId", "s"},
          {"messages", std::move(rows)},
          {"pendingInputs", {{"items", json::array()}, {"total", 0}}}};
}

Circumstances same_boot(bool keeps_keys) {
  return {.same_boot = true, .keeps_keys = keeps_keys, .ended = false, .uptime = std::chrono::hours(1), .searched = {}};
}
Circumstances restarted(bool keeps_keys) {
  return {.same_boot = false,
          .keeps_keys = keeps_keys,
          .ended = false,
          .uptime = std::chrono::minutes(10),
          .searched = std::chrono::minutes(1)};
}

body::Reply ended(const json& shown, bool keeps_keys, const Circumstances& circumstances) {
  const auto verdict = judge(find_turn(shown, query(keeps_keys)), circumstances);
  EXPECT_TRUE(std::holds_alternative<Ended>(verdict)) << verdict.index();
  return std::holds_alternative<Ended>(verdict) ? std::get<Ended>(verdict).reply : body::Reply{};
}
bool looks_again(const json& shown, bool keeps_keys, const Circumstances& circumstances, bool runs) {
  const auto verdict = judge(find_turn(shown, query(keeps_keys)), circumstances);
  return std::holds_alternative<LookAgain>(verdict) && std::get<LookAgain>(verdict).runs == runs;
}
bool not_taken(const json& shown, bool keeps_keys, const Circumstances& circumstances) {
  return std::holds_alternative<NotTaken>(judge(find_turn(shown, query(keeps_keys)), circumstances));
}

class HistoryOfBothVersions : public testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(KeepsKeys, HistoryOfBothVersions, testing::Bool());

TEST_P(HistoryOfBothVersions, FindsTheReplyAfterARestart) {
  const auto reply = ended(history({earlier_row(), input_row(GetParam()), answer_row("slept", kKey)}), GetParam(),
                           restarted(GetParam()));
  EXPECT_EQ(reply.status, ReplyStatus::Ok);
  EXPECT_EQ(reply.reply, "slept");
  EXPECT_FALSE(reply.truncated);
}

TEST_P(HistoryOfBothVersions, FindsTheReplyInALiveGateway) {
  EXPECT_EQ(ended(history({earlier_row(), input_row(GetParam()), answer_row("slept", kKey)}), GetParam(),
                  same_boot(GetParam()))
                .reply,
            "slept");
}

TEST_P(HistoryOfBothVersions, DoesNotTakeTheAnswerToALaterInput) {
  const auto reply =
      ended(history({earlier_row(), input_row(GetParam()), next_input(), answer_row("to the other", "other")}),
            GetParam(), restarted(GetParam()));
  EXPECT_EQ(reply.status, ReplyStatus::Interrupted);
}

TEST_P(HistoryOfBothVersions, CallsAHalfTurnInterrupted) {
  const auto reply = ended(history({earlier_row(), input_row(GetParam())}), GetParam(), restarted(GetParam()));
  EXPECT_EQ(reply.status, ReplyStatus::Interrupted);
  EXPECT_EQ(reply.error->code, ErrorCode::GatewayDown);
}

TEST_P(HistoryOfBothVersions, DoesNotTakeAToolCallForTheEnd) {
  const auto reply = ended(history({earlier_row(), input_row(GetParam()), answer_row("let me see", kKey, "toolUse")}),
                           GetParam(), restarted(GetParam()));
  EXPECT_EQ(reply.status, ReplyStatus::Interrupted);
}

TEST_P(HistoryOfBothVersions, PutsATurnBackThatHadNotBegun) {
  EXPECT_TRUE(not_taken(history({earlier_row()}), GetParam(), restarted(GetParam())));
}

TEST_P(HistoryOfBothVersions, DoesNotPutATurnBackThatMayStandFurtherUp) {
  const auto reply = ended(history({next_input()}), GetParam(), restarted(GetParam()));
  EXPECT_EQ(reply.status, ReplyStatus::Interrupted);
}

// A first turn of 2026.3.8 is not on disk before its answer; a session of either version may have been reset.
TEST_P(HistoryOfBothVersions, DoesNotPutATurnBackIntoASessionWithoutHistory) {
  EXPECT_EQ(ended(history({}), GetParam(), restarted(GetParam())).status, ReplyStatus::Interrupted);
}

TEST_P(HistoryOfBothVersions, PutsATurnBackIntoASessionThatWasNeverMade) {
  EXPECT_TRUE(
      not_taken({{"sessionKey", "agent:jarvis:main"}, {"messages", json::array()}}, GetParam(), restarted(GetParam())));
}

TEST_P(HistoryOfBothVersions, SaysWhenAReplyIsCut) {
  auto cut = answer_row("begin\n...(truncated)...", kKey);
  EXPECT_TRUE(ended(history({earlier_row(), input_row(GetParam()), cut}), GetParam(), restarted(GetParam())).truncated);
  auto omitted = answer_row("[chat.history omitted: message too large]", "");
  omitted["__openclaw"] = {{"truncated", true}, {"reason", "oversized"}};
  omitted.erase("stopReason");
  const auto turn = find_turn(history({earlier_row(), input_row(GetParam()), omitted}), query(GetParam()));
  EXPECT_TRUE(turn.answer->omitted);
  EXPECT_TRUE(turn.answer->cut);
}

TEST_P(HistoryOfBothVersions, CallsASilentEndNoReply) {
  auto circumstances = same_boot(GetParam());
  circumstances.ended = true;
  EXPECT_EQ(ended(history({earlier_row(), input_row(GetParam())}), GetParam(), circumstances).status,
            ReplyStatus::NoReply);
}

TEST_P(HistoryOfBothVersions, CallsAFailureAnError) {
  auto circumstances = same_boot(GetParam());
  circumstances.ended = true;
  auto failure = answer_row("", kKey, "error");
  failure["errorMessage"] = "500 mock failure";
  const auto reply = ended(history({earlier_row(), input_row(GetParam()), failure}), GetParam(), circumstances);
  EXPECT_EQ(reply.status, ReplyStatus::Error);
  EXPECT_EQ(reply.error->message, "the turn failed: 500 mock failure");
}

// Both attempts carry the channel of the exchange. The first one was cut by a crash and reported, the second one ran.
TEST_P(HistoryOfBothVersions, TellsASecondAttemptFromTheFirst) {
  const auto second_input = [] {
    auto row = input_row(GetParam(), "claw:macbook:01A:2");
    row["timestamp"] = 8'000;
    return row;
  };
  TurnQuery second{"claw:macbook:01A:2", "mqtt:01A", WallTime(std::chrono::milliseconds(7'000)), GetParam()};
  const auto shown = history({earlier_row(), input_row(GetParam()), second_input(), answer_row("again", second.idempotency_key)});
  const auto verdict = judge(find_turn(shown, second), restarted(GetParam()));
  ASSERT_TRUE(std::holds_alternative<Ended>(verdict));
  EXPECT_EQ(std::get<Ended>(verdict).reply.reply, "again");
  EXPECT_EQ(ended(shown, GetParam(), restarted(GetParam())).status, ReplyStatus::Interrupted);
  // The second one that never began must not be taken for the first.
  const auto missing = judge(find_turn(history({earlier_row(), input_row(GetParam())}), second), restarted(GetParam()));
  EXPECT_TRUE(std::holds_alternative<NotTaken>(missing));
}

// A gateway that starts or stops refuses to show a history (measured: 2026.9.6 while it drains). That is no empty one.
TEST(History, TakesARefusalForNoAnswer) {
  const Failure refused{"UNAVAILABLE", {}, "chat.history unavailable during gateway restart"};
  EXPECT_TRUE(std::holds_alternative<LookAgain>(judge_unreadable(refused, std::chrono::minutes(5))));
  const auto verdict = judge_unreadable(refused, std::chrono::minutes(16));
  ASSERT_TRUE(std::holds_alternative<Ended>(verdict));
  EXPECT_EQ(std::get<Ended>(verdict).reply.status, ReplyStatus::Interrupted);
}

TEST_P(HistoryOfBothVersions, WaitsForATurnThatALiveGatewayDoesNotShowYet) {
  EXPECT_TRUE(looks_again(history({earlier_row()}), GetParam(), same_boot(GetParam()), false));
  EXPECT_TRUE(looks_again(history({earlier_row(), input_row(GetParam())}), GetParam(), same_boot(GetParam()), true));
}

// ---- 2026.3.8 ----

TEST(HistoryOf2026_3, DoesNotTakeAFailedTryForTheEnd) {
  EXPECT_TRUE(looks_again(history({earlier_row(), input_row(false), answer_row("", "", "error")}), false,
                          same_boot(false), true));
  EXPECT_EQ(
      ended(history({earlier_row(), input_row(false), answer_row("", "", "error")}), false, restarted(false)).status,
      ReplyStatus::Interrupted);
}

TEST(HistoryOf2026_3, NeverPutsBackWhatALiveGatewayMayHaveQueued) {
  auto circumstances = same_boot(false);
  circumstances.searched = std::chrono::hours(24);
  EXPECT_EQ(ended(history({earlier_row()}), false, circumstances).status, ReplyStatus::Interrupted);
}

TEST(HistoryOf2026_3, TakesARowTooLargeToShowForADoubt) {
  const json omitted = {{"role", "user"},
                        {"content", {{{"type", "text"}, {"text", "[chat.history omitted: message too large]"}}}},
                        {"timestamp", 6'000}};
  EXPECT_EQ(ended(history({earlier_row(), omitted}), false, restarted(false)).status, ReplyStatus::Interrupted);
}

TEST(HistoryOf2026_3, ReadsARealOne) {
  const auto payload = golden("history", kOld).payload;
  TurnQuery wanted{"claw:macbook:P1795373077140:2", "mqtt:claw:macbook:P1795373077140:2",
                   WallTime(std::chrono::milliseconds(1795373077140)), false};
  auto turn = find_turn(payload, wanted);
  ASSERT_TRUE(turn.answer);
  EXPECT_EQ(turn.answer->text, "echo: timeout 30d");
  wanted.source_channel = "mqtt:claw:macbook:P1795373077198:3";  // FAIL 500: four tries
  turn = find_turn(payload, wanted);
  EXPECT_EQ(turn.answer->error, "500 mock failure");
  EXPECT_TRUE(turn.superseded);
  wanted.source_channel = "mqtt:claw:macbook:P1795373096537:5";  // NO_REPLY
  turn = find_turn(payload, wanted);
  EXPECT_TRUE(turn.found);
  EXPECT_FALSE(turn.answer);
}

// ---- 2026.9.6 ----

TEST(HistoryOf2026_9, FollowsATurnThatTheGatewayBeganAgain) {
  auto shown = history({earlier_row(), input_row(true), recovery_notice()});
  shown["inFlightRun"] = {{"runId", "edecb22a"}, {"startedAt", 8'001}};
  const auto turn = find_turn(shown, query(true));
  EXPECT_TRUE(turn.recovered);
  EXPECT_EQ(turn.running_id, "edecb22a");
  EXPECT_TRUE(looks_again(shown, true, restarted(true), true));

  const auto reply =
      ended(history({earlier_row(), input_row(true), recovery_notice(), answer_row("slept", "edecb22a")}), true,
            restarted(true));
  EXPECT_EQ(reply.reply, "slept");
}

TEST(HistoryOf2026_9, GivesTheGatewayTimeToBeginAgain) {
  auto circumstances = restarted(true);
  circumstances.uptime = std::chrono::seconds(20);
  EXPECT_TRUE(looks_again(history({earlier_row(), input_row(true)}), true, circumstances, true));
}

// It begins the cut turns of several sessions one after the other, and says of each session that its turn is due.
TEST(HistoryOf2026_9, WaitsAsLongAsTheGatewayMeansToBeginAgain) {
  auto shown = history({earlier_row(), input_row(true)});
  EXPECT_EQ(ended(shown, true, restarted(true)).status, ReplyStatus::Interrupted);
  shown["sessionInfo"] = {{"status", "running"}, {"abortedLastRun", true}, {"hasActiveRun", false}};
  EXPECT_TRUE(looks_again(shown, true, restarted(true), true));
  shown["sessionInfo"] = {{"status", "running"}, {"abortedLastRun", false}, {"hasActiveRun", true}};
  EXPECT_TRUE(looks_again(shown, true, restarted(true), true));
  auto circumstances = restarted(true);
  circumstances.searched = std::chrono::hours(7);
  EXPECT_EQ(ended(shown, true, circumstances).status, ReplyStatus::Interrupted);
}

// A busy machine needs minutes to start it: the uptime says little of how long it has been letting anybody in.
TEST(HistoryOf2026_9, GivesAGatewayThatStartedSlowlyTimeToShowIt) {
  auto circumstances = restarted(true);
  circumstances.searched = std::chrono::seconds(1);
  EXPECT_TRUE(looks_again(history({earlier_row(), input_row(true)}), true, circumstances, true));
}

TEST(HistoryOf2026_9, PutsATurnBackThatWasTakenButNeverBegan) {
  auto shown = history({earlier_row()});
  shown["pendingInputs"] = {{"items", {{{"runId", kKey}, {"state", "interrupted"}}}}, {"total", 1}};
  EXPECT_TRUE(not_taken(shown, true, restarted(true)));
  shown["pendingInputs"]["items"][0]["state"] = "queued";
  EXPECT_TRUE(looks_again(shown, true, same_boot(true), true));
  shown["pendingInputs"]["items"][0]["state"] = "cancelled";
  EXPECT_EQ(ended(shown, true, restarted(true)).status, ReplyStatus::Interrupted);
}

TEST(HistoryOf2026_9, PutsATurnBackThatALiveGatewayNeverGot) {
  auto circumstances = same_boot(true);
  circumstances.searched = std::chrono::minutes(1);
  EXPECT_TRUE(not_taken(history({earlier_row()}), true, circumstances));
}

TEST(HistoryOf2026_9, KeepsWaitingWhileTheSessionIsInOurRun) {
  auto shown = history({earlier_row(), input_row(true)});
  shown["inFlightRun"] = {{"runId", kKey}};
  auto circumstances = same_boot(true);
  circumstances.searched = std::chrono::hours(24);
  EXPECT_TRUE(looks_again(shown, true, circumstances, true));
}

TEST(HistoryOf2026_9, ReadsARealOne) {
  const auto payload = golden("history", kNew).payload;
  TurnQuery wanted{"claw:macbook:P1795373098568:0", "mqtt:claw:macbook:P1795373098568:0",
                   WallTime(std::chrono::milliseconds(1795373098568)), true};
  auto turn = find_turn(payload, wanted);
  ASSERT_TRUE(turn.answer);
  EXPECT_EQ(turn.answer->text, "echo: hello one");
  wanted = {"claw:macbook:P1795373104395:3", "mqtt:claw:macbook:P1795373104395:3",
            WallTime(std::chrono::milliseconds(1795373104395)), true};
  turn = find_turn(payload, wanted);
  EXPECT_EQ(turn.answer->stop_reason, "error");
}

}  // namespace
}  // namespace clawbridge::gateway
