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
