// What the responses of both versions say about a turn.
#include "bridge/gateway/outcome.h"

#include <gtest/gtest.h>

#include "tests/unit/gateway/golden.h"

namespace clawbridge::gateway {
namespace {

Response response(const std::string& rest) {
  return std::get<Response>(decode_frame(R"({"type":"res","id":"1",)" + rest + "}"));
}

body::Reply ended(const Response& r, bool accepted = true) {
  const auto read = read_agent_response(r, accepted);
  EXPECT_TRUE(std::holds_alternative<Ended>(read));
  return std::get<Ended>(read).reply;
}

body::Reply ended_ok(const std::string& payloads, const std::string& meta = "{}") {
  return ended(response(R"("ok":true,"payload":{"runId":"k","status":"ok","result":{"payloads":)" + payloads +
                        R"(,"meta":)" + meta + "}}"));
}

Error refused(const std::string& code, const std::string& message) {
  const auto reply =
      ended(response(R"("ok":false,"error":{"code":")" + code + R"(","message":")" + message + "\"}"), false);
  EXPECT_EQ(reply.status, ReplyStatus::Rejected);
  return *reply.error;
}

class OutcomeOfBothVersions : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Versions, OutcomeOfBothVersions, testing::Values(kOld, kNew));

TEST_P(OutcomeOfBothVersions, ReadsAReply) {
  const auto reply = ended(golden("agent_ok", GetParam()));
  EXPECT_EQ(reply.status, ReplyStatus::Ok);
  EXPECT_EQ(reply.reply, "echo: hello one");
  EXPECT_TRUE(reply.run_id.starts_with("claw:macbook:"));
  EXPECT_FALSE(reply.truncated);
}

TEST_P(OutcomeOfBothVersions, CallsAProviderFailureAnError) {
  for (const auto* name : {"agent_failed_400", "agent_failed_500"}) {
    const auto reply = ended(golden(name, GetParam()));
    EXPECT_EQ(reply.status, ReplyStatus::Error);
    EXPECT_TRUE(reply.reply.empty());
    ASSERT_TRUE(reply.error);
    EXPECT_EQ(reply.error->code, ErrorCode::GatewayError);
    EXPECT_NE(reply.error->message.find("failed"), std::string::npos) << reply.error->message;
  }
}

TEST_P(OutcomeOfBothVersions, CallsATimedOutRunAnError) {
  const auto reply = ended(golden("agent_timed_out", GetParam()));
  EXPECT_EQ(reply.status, ReplyStatus::Error);
  EXPECT_EQ(reply.error->code, ErrorCode::GatewayError);
}

TEST_P(OutcomeOfBothVersions, CallsSilenceNoReply) {
  const auto reply = ended(golden("agent_silent", GetParam()));
  EXPECT_EQ(reply.status, ReplyStatus::NoReply);
  EXPECT_TRUE(reply.reply.empty());
}

TEST(Outcome, ReadsTheTwoResponsesOfATurn) {
  const auto accepted = response(R"("ok":true,"payload":{"runId":"k","status":"accepted","acceptedAt":1})");
  EXPECT_EQ(std::get<Accepted>(read_agent_response(accepted, false)).run_id, "k");
  const auto in_flight = response(R"("ok":true,"payload":{"runId":"k","status":"in_flight"})");
  EXPECT_EQ(std::get<InFlight>(read_agent_response(in_flight, false)).run_id, "k");
}

TEST(Outcome, JoinsPayloadsAndNamesMedia) {
  EXPECT_EQ(ended_ok(R"([{"text":"one","mediaUrl":null},{"text":"two"}])").reply, "one\n\ntwo");
  EXPECT_EQ(ended_ok(R"([{"text":"see","mediaUrl":"file:///a.png"}])").reply, "see\n\n[media: file:///a.png]");
  EXPECT_EQ(ended_ok(R"([{"mediaUrls":["a","b"],"mediaUrl":"a"}])").reply, "[media: a]\n\n[media: b]");
  EXPECT_EQ(ended_ok(R"([{"text":"thinking","isReasoning":true},{"text":"said"}])").reply, "said");
}

TEST(Outcome, TakesTheVisibleTextOnlyWherePayloadsHaveNone) {
  EXPECT_EQ(ended_ok("[]", R"({"finalAssistantVisibleText":"shown"})").reply, "shown");
  EXPECT_EQ(ended_ok(R"([{"text":"said"}])", R"({"finalAssistantVisibleText":"shown"})").reply, "said");
  EXPECT_EQ(ended_ok("[]", R"({"finalAssistantVisibleText":"NO_REPLY"})").status, ReplyStatus::NoReply);
}

TEST(Outcome, CallsARunWithNothingButErrorPayloadsAnError) {
  EXPECT_EQ(ended_ok(R"([{"text":"context overflow","isError":true}])").status, ReplyStatus::Error);
  const auto mixed = ended_ok(R"([{"text":"tool failed","isError":true},{"text":"done"}])");
  EXPECT_EQ(mixed.status, ReplyStatus::Ok);
  EXPECT_EQ(mixed.reply, "tool failed\n\ndone");
}

TEST(Outcome, DoesNotPassOnTheStaleTextOfAnAbortedRun) {
  const auto reply = ended_ok(R"([{"text":"an earlier answer"}])", R"({"aborted":true})");
  EXPECT_EQ(reply.status, ReplyStatus::Error);
  EXPECT_EQ(reply.error->message.find("earlier"), std::string::npos);
}

TEST(Outcome, PutsATurnBackThatADrainingGatewayDidNotRun) {
  const auto draining = response(
      R"("ok":false,"payload":{"status":"error"},"error":{"code":"UNAVAILABLE","message":"Gateway is draining; new tasks are not accepted"})");
  EXPECT_TRUE(std::holds_alternative<NotTaken>(read_agent_response(draining, true)));
  const auto rebuilding = response(
      R"("ok":false,"error":{"code":"UNAVAILABLE","message":"Session transcript projection is rebuilding: x"})");
  EXPECT_TRUE(std::holds_alternative<NotTaken>(read_agent_response(rebuilding, true)));
  const auto changed = response(
      R"("ok":false,"error":{"code":"UNAVAILABLE","message":"Session \"agent:jarvis:main\" changed while starting work. Retry. | SESSION_WORK_START_CHANGED"})");
  EXPECT_TRUE(std::holds_alternative<NotTaken>(read_agent_response(changed, true)));
  const auto restarting = response(
      R"("ok":false,"error":{"code":"UNAVAILABLE","message":"agent unavailable during gateway restart","retryable":true})");
  EXPECT_TRUE(std::holds_alternative<NotTaken>(read_agent_response(restarting, false)));
  // After it was accepted, any other failure is the turn's own.
  EXPECT_TRUE(std::holds_alternative<Ended>(read_agent_response(restarting, true)));
}

TEST(Outcome, RejectsWhatTheGatewayRefuses) {
  EXPECT_EQ(refused("INVALID_REQUEST", R"(invalid agent params: unknown agent id \"nobody\")").code,
            ErrorCode::UnknownAgent);
  EXPECT_EQ(refused("INVALID_REQUEST", R"(Agent \"nobody\" no longer exists in configuration)").code,
            ErrorCode::UnknownAgent);
  EXPECT_EQ(refused("INVALID_REQUEST", "invalid agent params: at root: unexpected property 'foo'").code,
            ErrorCode::BadRequest);
  EXPECT_EQ(refused("FORBIDDEN", "missing scope: operator.admin").code, ErrorCode::Forbidden);
}

TEST(Outcome, DoesNotGuessWhenTheGatewayHasSeenTheKey) {
  const auto reply = ended(
      response(
          R"("ok":false,"error":{"code":"UNAVAILABLE","message":"Pending input idempotency key conflicts with the accepted input"})"),
      false);
  EXPECT_EQ(reply.status, ReplyStatus::Interrupted);
}

// ---- agent.wait ----

TEST(OutcomeOfWait, ReadsTheTextOf2026_9) {
  const auto read = read_wait_response(response(
      R"("ok":true,"payload":{"runId":"k","status":"ok","endedAt":1,"terminalReply":{"disposition":"visible","text":"hi"}})"));
  EXPECT_EQ(std::get<Ended>(read).reply.reply, "hi");
}

// Measured: 2026.9.6 cuts the text at 4096 characters and does not say so.
TEST(OutcomeOfWait, DoesNotTrustALongText) {
  const auto read = read_wait_response(
      response(R"("ok":true,"payload":{"status":"ok","endedAt":1,"terminalReply":{"disposition":"visible","text":")" +
               std::string(4096, 'x') + "\"}}"));
  EXPECT_EQ(std::get<EndedUntold>(read).beginning.size(), 4096U);
}

TEST(OutcomeOfWait, LeavesTheTextOf2026_3ToTheHistory) {
  EXPECT_TRUE(std::holds_alternative<EndedUntold>(
      read_wait_response(response(R"("ok":true,"payload":{"runId":"k","status":"ok","endedAt":1})"))));
}

TEST(OutcomeOfWait, TellsATimedOutWaitFromATimedOutRun) {
  EXPECT_FALSE(
      std::get<StillOpen>(read_wait_response(response(R"("ok":true,"payload":{"runId":"k","status":"timeout"})")))
          .known);
  EXPECT_TRUE(std::get<StillOpen>(
                  read_wait_response(response(R"("ok":true,"payload":{"status":"pending","timeoutPhase":"queue"})")))
                  .known);
  const auto run = read_wait_response(
      response(R"("ok":true,"payload":{"status":"timeout","startedAt":1,"endedAt":2,"error":"Request timed out"})"));
  EXPECT_EQ(std::get<Ended>(run).reply.status, ReplyStatus::Error);
}

TEST(OutcomeOfWait, ReadsSilenceAndFailure) {
  const auto silent = read_wait_response(
      response(R"("ok":true,"payload":{"status":"ok","endedAt":1,"terminalReply":{"disposition":"silent"}})"));
  EXPECT_EQ(std::get<Ended>(silent).reply.status, ReplyStatus::NoReply);
  const auto failed = read_wait_response(
      response(R"("ok":true,"payload":{"status":"error","endedAt":1,"error":"LLM request failed"})"));
  EXPECT_EQ(std::get<Ended>(failed).reply.error->message, "the turn failed: LLM request failed");
}

TEST(OutcomeOfWait, ReadsThatSomebodyStoppedIt) {
  const auto stopped = read_wait_response(
      response(R"("ok":true,"payload":{"runId":"k","status":"error","startedAt":1,"endedAt":2,"stopReason":"rpc"})"));
  EXPECT_EQ(std::get<Ended>(stopped).reply.status, ReplyStatus::Cancelled);
}

}  // namespace
}  // namespace clawbridge::gateway
