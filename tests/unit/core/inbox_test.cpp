// The responder: what is taken, in which order it runs, and what the requester is told.
#include "world.h"

namespace clawbridge::core {
namespace {

using namespace std::chrono_literals;

class InboxTest : public World {
 protected:
  void SetUp() override {
    World::SetUp();
    bring_up();
    log.clear();
  }

  Ticket send_to_session(std::string session_key, std::string label, std::string message) {
    event::LocalSend request;
    request.ticket = ++last_ticket_;
    request.caller_agent = "_bridge";
    request.gateway = "imac";
    request.agent = "jarvis";
    request.session_key = std::move(session_key);
    request.label = std::move(label);
    request.message = std::move(message);
    macbook.step(now, request);
    return last_ticket_;
  }

  Error rejection(Ticket ticket) {
    settle();
    const auto result = answer(ticket);
    if (!result || !*result) return {ErrorCode::Internal, "no answer", false};
    EXPECT_EQ((*result)->status, "rejected");
    return (*result)->error.value_or(Error{});
  }

 private:
  Ticket last_ticket_ = 1000;
};

TEST_F(InboxTest, TurnsOfOneSessionRunOneAfterTheOther) {
  send("imac/jarvis", "one");
  settle();
  // Another source, so another lane, for the same session.
  event::LocalSend request;
  request.caller_agent = "main";
  request.agent = "imac/jarvis";
  request.message = "two";
  macbook.step(now, request);
  settle();
  const auto runs = imac.take<action::StartRun>();
  ASSERT_EQ(runs.size(), 1u);
  pass(1s);
  EXPECT_EQ(macbook.core().exchanges(1).at(0).stage, "queued");
  EXPECT_EQ(macbook.core().exchanges(1).at(0).reason, "busy");
  finish(imac, runs[0], "done");
  settle();
  const auto next = imac.take<action::StartRun>();
  ASSERT_EQ(next.size(), 1u);
  EXPECT_EQ(next[0].text, "two");
}

TEST_F(InboxTest, ARunIsForgottenOnceItsOutcomeIsJournaled) {
  send("imac/jarvis", "one");
  settle();
  const auto runs = imac.take<action::StartRun>();
  ASSERT_EQ(runs.size(), 1u);
  EXPECT_TRUE(imac.take<action::ForgetRun>().empty());
  imac.step(now, event::RunNotTaken{runs[0].run, "busy"});
  EXPECT_TRUE(imac.take<action::ForgetRun>().empty()) << "the next attempt has another key";
  pass(2s);
  const auto again = imac.take<action::StartRun>();
  ASSERT_EQ(again.size(), 1u);
  finish(imac, again[0], "done");
  const auto forgotten = imac.take<action::ForgetRun>();
  ASSERT_EQ(forgotten.size(), 1u);
  EXPECT_EQ(forgotten[0].run, again[0].run);
  EXPECT_EQ(forgotten[0].idempotency_key, again[0].idempotency_key);
}

TEST_F(InboxTest, WhatNeverReachedTheGatewayIsNotForgottenThere) {
  send("imac/nobody", "one");
  settle();
  EXPECT_TRUE(imac.take<action::ForgetRun>().empty());
}

TEST_F(InboxTest, DifferentSessionsRunInParallelUpToTheLimit) {
  imac.options().limits.runs = 1;
  imac.boot(now);
  gateway_up(imac, {"jarvis", "pepper"});
  pass(5s);
  send("imac/jarvis", "one");
  send("imac/pepper", "two");
  settle();
  auto runs = imac.take<action::StartRun>();
  ASSERT_EQ(runs.size(), 1u);
  finish(imac, runs[0], "done");
  runs = imac.take<action::StartRun>();
  ASSERT_EQ(runs.size(), 1u);
  EXPECT_EQ(runs[0].agent, "pepper");
}

TEST_F(InboxTest, WithoutTheGatewayRequestsWaitAndTheRequesterIsTold) {
  imac.step(now, event::GatewayDown{"ws://127.0.0.1:1 refused the connection"});
  settle();
  const auto ticket = send("imac/jarvis", "hello", 2s);
  settle();
  pass(3s);
  const auto result = answer(ticket);
  ASSERT_TRUE(result && *result);
  EXPECT_EQ((*result)->status, "accepted");
  EXPECT_EQ((*result)->stage, "queued");
  EXPECT_EQ((*result)->reason, "gateway_down");
  EXPECT_TRUE((*result)->unreachable);
  gateway_up(imac, {"jarvis", "pepper"});
  EXPECT_EQ(finish_all(imac), 1u);
}

TEST_F(InboxTest, AnUnknownAgentIsRejectedWithTheCandidates) {
  const auto error = rejection(send("imac/nobody", "hello"));
  EXPECT_EQ(error.code, ErrorCode::UnknownAgent);
  EXPECT_EQ(error.message, "imac has no agent \"nobody\"; it has: jarvis, pepper");
}

TEST_F(InboxTest, AHiddenAgentIsUnknownToOthers) {
  imac.options().expose = std::vector<std::string>{"pepper"};
  imac.boot(now);
  gateway_up(imac, {"jarvis", "pepper"});
  pass(5s);
  EXPECT_EQ(rejection(send("imac/jarvis", "hello")).code, ErrorCode::UnknownAgent);
  ASSERT_EQ(macbook.core().peers().at(0).agents.size(), 1u);
  EXPECT_EQ(macbook.core().peers().at(0).agents.at(0).id, "pepper");
}

TEST_F(InboxTest, ASessionKeyIsResolvedBeforeItsTurn) {
  const auto ticket = send_to_session("agent:jarvis:work", "", "hello");
  settle();
  EXPECT_TRUE(imac.take<action::StartRun>().empty());
  const auto questions = imac.take<action::ResolveSession>();
  ASSERT_EQ(questions.size(), 1u);
  EXPECT_EQ(questions[0].session_key, "agent:jarvis:work");
  imac.step(now, event::SessionResolved{questions[0].run, std::string("agent:jarvis:work")});
  EXPECT_EQ(finish_all(imac), 1u);
  settle();
  EXPECT_EQ(answer(ticket)->value().session_key, "agent:jarvis:work");
}

TEST_F(InboxTest, ALabelIsResolvedThereAndAnUnknownOneRejected) {
  const auto ticket = send_to_session("", "work", "hello");
  settle();
  const auto questions = imac.take<action::ResolveSession>();
  ASSERT_EQ(questions.size(), 1u);
  EXPECT_EQ(questions[0].label, "work");
  imac.step(now, event::SessionResolved{questions[0].run, Error{ErrorCode::UnknownSession, "No session found with label: work", false}});
  const auto error = rejection(ticket);
  EXPECT_EQ(error.code, ErrorCode::UnknownSession);
  EXPECT_EQ(error.message, "No session found with label: work");
}

TEST_F(InboxTest, MoreThanTheLimitIsPutOffAndTriedAgain) {
  imac.options().limits.incoming_open_per_peer = 1;
  imac.boot(now);
  gateway_up(imac, {"jarvis", "pepper"});
  pass(5s);
  send("imac/jarvis", "one");
  settle();
  const auto runs = imac.take<action::StartRun>();
  const auto ticket = send("imac/pepper", "two");
  settle();
  EXPECT_EQ(macbook.core().exchanges(1).at(0).stage, "deferred");
  finish(imac, runs.at(0), "done");
  pass(5s);
  EXPECT_EQ(finish_all(imac), 1u);
  settle();
  EXPECT_EQ(answer(ticket)->value().status, "ok");
}

TEST_F(InboxTest, ALongQueueForAnAgentThatIsNotThereEndsAtOnce) {
  imac.boot(now);  // its gateway has not come yet: which agents it has is not known
  pass(5s);
  for (int i = 0; i < 300; ++i) {
    send("imac/nobody", "hello", 0ms);
    pass(10ms);
  }
  EXPECT_EQ(imac.core().status().incoming_open, 300u);
  gateway_up(imac, {"jarvis"});
  settle();
  EXPECT_EQ(imac.core().status().incoming_open, 0u);
  EXPECT_EQ(macbook.core().status().outgoing_open, 0u);
}

TEST_F(InboxTest, AReportOfATurnThatWasGivenBackChangesNothing) {
  send("imac/jarvis", "one");
  settle();
  const auto first = imac.take<action::StartRun>().at(0);
  imac.step(now, event::RunNotTaken{first.run, "draining"});
  // `one` is held for a second and its session free: one that names it by a label takes it.
  send_to_session("", "boss", "two");
  settle();
  imac.step(now, event::SessionResolved{imac.take<action::ResolveSession>().at(0).run, std::string("agent:jarvis:main")});
  ASSERT_EQ(imac.take<action::StartRun>().size(), 1u);
  imac.step(now, event::RunNotTaken{first.run, "draining"});
  pass(5s);
  EXPECT_TRUE(imac.take<action::StartRun>().empty());  // the session still runs `two`
}

TEST_F(InboxTest, AReplyTooLargeForTheWireIsCutAndSaysSo) {
  const auto ticket = send("imac/jarvis", "hello");
  settle();
  finish(imac, imac.take<action::StartRun>().at(0), std::string(std::size_t{2} << 20, '"'));
  settle();
  const auto result = answer(ticket);
  ASSERT_TRUE(result && *result);
  EXPECT_EQ((*result)->status, "ok");
  EXPECT_TRUE((*result)->truncated);
  EXPECT_GT((*result)->reply->size(), 100'000u);
}

TEST_F(InboxTest, AMessageTooLargeForTheWireIsRefusedAtOnce) {
  const auto ticket = send("imac/jarvis", std::string(std::size_t{2} << 20, 'x'));
  const auto result = answer(ticket);
  ASSERT_TRUE(result && *result);
  EXPECT_EQ((*result)->error->code, ErrorCode::TooLarge);
  EXPECT_TRUE(log.empty());
}

}  // namespace
}  // namespace clawbridge::core
