// The requester's limits and its local callers.
#include "world.h"

namespace clawbridge::core {
namespace {

using namespace std::chrono_literals;

class OutboxTest : public World {
 protected:
  void SetUp() override {
    World::SetUp();
    bring_up();
    log.clear();
  }
};

TEST_F(OutboxTest, BeyondItsLimitNewWorkIsRefused) {
  macbook.options().limits.outgoing_open = 2;
  macbook.boot(now);
  gateway_up(macbook, {"main"});
  pass(5s);
  send("imac/jarvis", "one");
  send("imac/jarvis", "two");
  const auto result = answer(send("imac/jarvis", "three"));
  ASSERT_TRUE(result);
  ASSERT_FALSE(*result);
  EXPECT_EQ(result->error().code, ErrorCode::Busy);
}

TEST_F(OutboxTest, OneCallerMayWaitForWhatAnotherAsked) {
  const auto id = answer(send("imac/jarvis", "hello", 0ms))->value().correlation_id;
  macbook.step(now, event::LocalWait{500, id, 10s});
  settle();
  EXPECT_FALSE(answer(500));
  finish_all(imac);
  settle();
  EXPECT_EQ(answer(500)->value().reply, "echo: hello");
  macbook.step(now, event::LocalWait{501, id, 10s});
  EXPECT_EQ(answer(501)->value().reply, "echo: hello");
  macbook.step(now, event::LocalWait{502, "01M820XBZAC4PEAQ5JRFVJ00CF", 10s});
  EXPECT_EQ(answer(502)->error().code, ErrorCode::UnknownExchange);
}

TEST_F(OutboxTest, ACallerThatHasGoneGetsNoAnswerAndTheExchangeGoesOn) {
  const auto ticket = send("imac/jarvis", "hello");
  macbook.step(now, event::LocalGone{ticket});
  settle();
  finish_all(imac);
  settle();
  EXPECT_FALSE(answer(ticket));
  EXPECT_EQ(macbook.core().exchanges(1).at(0).status, "ok");
}

TEST_F(OutboxTest, ARefusedPublishIsToldAsTheReason) {
  const auto ticket = send("imac/jarvis", "hello", 1s);
  const auto published = macbook.take<action::Publish>();
  ASSERT_EQ(published.size(), 1u);
  ASSERT_NE(published[0].token, 0u);
  macbook.step(now, event::BrokerPublished{published[0].token, false, "not authorized"});
  pass(1100ms, [](const action::Publish&) { return true; });
  const auto result = answer(ticket);
  ASSERT_TRUE(result && *result);
  EXPECT_TRUE((*result)->unreachable);
  EXPECT_NE((*result)->hint.find("the broker refused it: not authorized"), std::string::npos) << (*result)->hint;
}

TEST_F(OutboxTest, APublishThatTheConnectionLostIsNoRefusal) {
  const auto ticket = send("imac/jarvis", "hello", 1s);
  const auto published = macbook.take<action::Publish>();
  ASSERT_EQ(published.size(), 1u);
  macbook.step(now, event::BrokerPublished{published[0].token, false, "lost the connection", true});
  for (const auto& note : macbook.take<action::Note>()) EXPECT_NE(note.level, action::Level::Error) << note.name;
  EXPECT_EQ(macbook.count("request.broker_denied"), 0u);
  pass(3s);  // it is repeated by itself
  finish_all(imac);
  settle();
  const auto result = answer(ticket);
  ASSERT_TRUE(result && *result);
  EXPECT_EQ((*result)->hint.find("refused"), std::string::npos) << (*result)->hint;
  EXPECT_EQ(macbook.core().exchanges(1).at(0).status, "ok");
}

TEST_F(OutboxTest, APublishThatEndsTheConnectionEachTimeIsSuspected) {
  const auto id = answer(send("imac/jarvis", "hello", 0ms))->value().correlation_id;
  for (int time = 0; time < 3; ++time) {
    EXPECT_EQ(macbook.core().exchange(id)->hint.find("perhaps"), std::string::npos);
    for (const auto& message : macbook.take<action::Publish>()) {
      if (message.token % 2 == 1) macbook.step(now, event::BrokerPublished{message.token, false, "no answer", true});
    }
    advance(1min);
    macbook.step(now, event::Tick{});
  }
  EXPECT_NE(macbook.core().exchange(id)->hint.find("perhaps the broker does not allow it"), std::string::npos);
  settle();  // once it gets through nothing is suspected any more
  finish_all(imac);
  pass(1s);
  EXPECT_EQ(macbook.core().exchange(id)->hint, "");
}

TEST_F(OutboxTest, AnExchangeCanBeLookedAtRightAfterTheStepThatAcceptedIt) {
  const auto id = answer(send("imac/jarvis", "hello", 0ms))->value().correlation_id;
  const auto view = macbook.core().exchange(id);
  ASSERT_TRUE(view);
  EXPECT_EQ(view->message, "hello");
}

TEST_F(OutboxTest, TooLargeWithoutWaitingIsAnsweredToo) {
  const auto result = answer(send("imac/jarvis", std::string(std::size_t{2} << 20, 'x'), 0ms));
  ASSERT_TRUE(result && *result);
  EXPECT_EQ((*result)->status, "rejected");
  EXPECT_EQ((*result)->error->code, ErrorCode::TooLarge);
}

TEST_F(OutboxTest, WhatIsStoredAndPublishedInOneStepKeepsItsText) {
  gateway_up(macbook, {"main", "second"});
  send("main", "one", 0ms);
  macbook.crash();
  broker_up = false;
  macbook.boot(now);
  // Restored and not yet acknowledged by the own inbox; now a second one is accepted in the step that publishes both.
  gateway_up(macbook, {"main", "second"});
  send("second", "two", 0ms);
  pass(5s);
  for (const auto& recovery : macbook.take<action::RecoverRun>()) macbook.step(now, event::RunNotTaken{recovery.run, "never ran"});
  pass(5s);
  while (finish_all(macbook) > 0) pass(2s);
  std::set<std::string> texts;
  for (const auto& turn : turns) texts.insert(turn.text);
  EXPECT_EQ(texts, (std::set<std::string>{"one", "two"}));
  for (const auto& exchange : macbook.core().exchanges(2)) EXPECT_EQ(exchange.status, "ok");
}

TEST_F(OutboxTest, BehindAReceiptInTheSameStepTheNextOfTheLaneKeepsItsText) {
  send("main", "one", 0ms);
  const auto first = macbook.take<action::StartRun>();
  advance(6ms);  // the receipt of `one` is due in the very step that accepts `two`
  send("main", "two", 0ms);
  finish(macbook, first.at(0), "done");
  pass(1s);
  const auto second = macbook.take<action::StartRun>();
  ASSERT_EQ(second.size(), 1u);
  EXPECT_EQ(second[0].text, "two");
}

TEST_F(OutboxTest, AReplyFromSomeoneElseIsIgnored) {
  const auto id = answer(send("imac/jarvis", "hello", 0ms))->value().correlation_id;
  settle();
  // An authentic receipt of imac, but not from the agent that was asked.
  finish_all(imac);
  auto forged = imac.take<action::Publish>().at(0);
  const auto at = forged.payload.find("imac/jarvis");
  forged.payload.replace(at, 11, "imac/pepper");
  publish(forged);
  EXPECT_EQ(macbook.core().exchange(id)->status, "accepted");
  EXPECT_EQ(macbook.count("dropped.unauthentic"), 1u);
}

}  // namespace
}  // namespace clawbridge::core
