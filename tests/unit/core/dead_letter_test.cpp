// What was not carried out for certain: dead letters, turns that take the gateway down, and on_interrupted.
#include "world.h"

namespace clawbridge::core {
namespace {

using namespace std::chrono_literals;

class DeadLetters : public World {
 protected:
  void SetUp() override {
    World::SetUp();
    bring_up();
  }

  std::string accepted(std::string message = "hello", std::string agent = "imac/jarvis") {
    const auto result = answer(send(std::move(agent), std::move(message), 0ms));
    EXPECT_TRUE(result && *result);
    return (*result)->correlation_id;
  }

  static std::vector<std::string> dead(const Node& node) {
    std::vector<std::string> ids;
    for (const auto& view : node.core().dead(100)) ids.push_back(view.correlation_id);
    return ids;
  }

  void restart_gateway(Node& node, std::string boot) {
    node.step(now, event::GatewayDown{"it died"});
    event::GatewayUp up{.kind = "test", .version = "1", .boot_id = std::move(boot), .keeps_keys = false, .agents = {{"jarvis", ""}, {"pepper", ""}}};
    node.step(now, std::move(up));
  }

  // The gateway dies with the turn in its hands, and says afterwards what `outcome` says.
  void lose_turn(std::string boot) {
    const auto runs = imac.take<action::StartRun>();
    ASSERT_EQ(runs.size(), 1u) << boot;
    imac.step(now, event::GatewayDown{"it died"});
    imac.step(now, event::RunLost{runs[0].run, "it died"});
    restart_gateway(imac, std::move(boot));
    recoveries = imac.take<action::RecoverRun>();
    ASSERT_EQ(recoveries.size(), 1u);
  }

  static body::Reply interrupted() {
    body::Reply reply;
    reply.status = ReplyStatus::Interrupted;
    reply.error = Error{ErrorCode::GatewayDown, "nobody knows", false};
    return reply;
  }

  std::vector<action::RecoverRun> recoveries;
};

TEST_F(DeadLetters, ARefusedRequestIsOneUntilItIsDropped) {
  const auto id = accepted("hello", "imac/nobody");
  settle();
  EXPECT_EQ(macbook.core().exchange(id)->status, "rejected");
  EXPECT_EQ(dead(macbook), std::vector<std::string>{id});
  macbook.step(now, event::LocalDrop{800, id});
  ASSERT_TRUE(answer(800) && *answer(800));
  EXPECT_TRUE(dead(macbook).empty());
  macbook.step(now, event::LocalDrop{801, id});
  EXPECT_EQ(answer(801)->error().code, ErrorCode::UnknownExchange);
  EXPECT_EQ(macbook.core().exchange(id)->status, "rejected");  // what happened stays known
}

TEST_F(DeadLetters, AReplayAsksTheSameUnderANewId) {
  lose_broker(macbook);
  broker_up = false;
  const auto id = accepted("read me twice");
  advance(25h);
  pass(1s);
  EXPECT_EQ(macbook.core().exchange(id)->status, "expired");
  EXPECT_EQ(dead(macbook), std::vector<std::string>{id});
  broker_up = true;
  pass(2min);
  macbook.step(now, event::LocalReplay{802, id});
  const auto again = answer(802);
  ASSERT_TRUE(again && *again);
  EXPECT_NE((*again)->correlation_id, id);
  EXPECT_TRUE(dead(macbook).empty());
  pass(5s);
  EXPECT_EQ(finish_all(imac), 1u);
  settle();
  EXPECT_EQ(turns[0].text, "read me twice");
  EXPECT_EQ(macbook.core().exchange((*again)->correlation_id)->status, "ok");
}

TEST_F(DeadLetters, AReplayOfWhatIsNoneIsAnError) {
  const auto id = accepted();
  settle();
  finish_all(imac);
  settle();
  macbook.step(now, event::LocalReplay{803, id});
  EXPECT_EQ(answer(803)->error().code, ErrorCode::UnknownExchange);
}

TEST_F(DeadLetters, TheyOutliveARestart) {
  const auto id = accepted("hello", "imac/nobody");
  settle();
  macbook.crash();
  macbook.boot(now);
  EXPECT_EQ(dead(macbook), std::vector<std::string>{id});
}

TEST_F(DeadLetters, ATurnThatTakesTheGatewayDownThreeTimesIsNotTriedAgain) {
  const auto id = accepted();
  settle();
  for (int n = 2; n <= 4; ++n) {
    lose_turn("boot-" + std::to_string(n));
    imac.step(now, event::RunNotTaken{recoveries[0].run, "the gateway has no trace of it"});
    pass(1min);
  }
  EXPECT_TRUE(imac.take<action::StartRun>().empty());
  const auto view = imac.core().exchange(id);
  EXPECT_EQ(view->status, "interrupted");
  EXPECT_NE(view->error->message.find("3 times"), std::string::npos);
  EXPECT_EQ(dead(imac), std::vector<std::string>{id});
  EXPECT_EQ(macbook.core().exchange(id)->status, "interrupted");
  EXPECT_EQ(dead(macbook), std::vector<std::string>{id});
}

TEST_F(DeadLetters, AGatewayThatOnlyPutsItOffIsAskedAsOftenAsItTakes) {
  const auto id = accepted();
  settle();
  for (int n = 0; n < 8; ++n) {
    const auto runs = imac.take<action::StartRun>();
    ASSERT_EQ(runs.size(), 1u);
    imac.step(now, event::RunNotTaken{runs[0].run, "Gateway is draining"});
    pass(1min);
  }
  EXPECT_EQ(finish_all(imac), 1u);
  settle();
  EXPECT_EQ(macbook.core().exchange(id)->status, "ok");
}

TEST_F(DeadLetters, TheLossesOfATurnOutliveTheBridge) {
  const auto id = accepted();
  settle();
  for (int n = 2; n <= 4; ++n) {
    lose_turn("boot-" + std::to_string(n));
    imac.step(now, event::RunNotTaken{recoveries[0].run, "the gateway has no trace of it"});
    imac.crash();
    imac.boot(now);
    settle();
    restart_gateway(imac, "boot-" + std::to_string(n));
    pass(1min);
  }
  EXPECT_EQ(imac.core().exchange(id)->status, "interrupted");
}

TEST_F(DeadLetters, AnInterruptedTurnIsReportedByDefault) {
  const auto id = accepted();
  settle();
  lose_turn("boot-2");
  imac.step(now, event::RunEnded{recoveries[0].run, interrupted()});
  pass(1min);
  EXPECT_TRUE(imac.take<action::StartRun>().empty());
  EXPECT_EQ(macbook.core().exchange(id)->status, "interrupted");
}

TEST_F(DeadLetters, AnInterruptedTurnIsRunAgainWhenTheSettingsSaySo) {
  imac.options().on_interrupted = OnInterrupted::Rerun;
  imac.crash();
  imac.boot(now);
  restart_gateway(imac, "boot-1");
  pass(5s);
  const auto id = accepted();
  settle();
  lose_turn("boot-2");
  imac.step(now, event::RunEnded{recoveries[0].run, interrupted()});
  pass(5s);
  const auto runs = imac.take<action::StartRun>();
  ASSERT_EQ(runs.size(), 1u);
  EXPECT_EQ(runs[0].idempotency_key, "claw:macbook:" + id + ":2");  // never the same key again
  finish(imac, runs[0], "the second time");
  settle();
  EXPECT_EQ(macbook.core().exchange(id)->reply, "the second time");
}

TEST_F(DeadLetters, WhatALostJournalTookIsAskedAgainWhenTheSettingsSaySo) {
  macbook.options().on_interrupted = OnInterrupted::Rerun;
  macbook.crash();
  macbook.boot(now);
  gateway_up(macbook, {"main"});
  pass(5s);
  const auto ticket = send("imac/jarvis", "again, please", std::chrono::minutes{10});
  settle();
  ASSERT_EQ(imac.take<action::StartRun>().size(), 1u);
  imac.crash();
  imac.boot(now, true);
  restart_gateway(imac, "boot-2");
  pass(10s);
  EXPECT_EQ(finish_all(imac), 1u);
  settle();
  const auto result = answer(ticket);
  ASSERT_TRUE(result && *result);
  EXPECT_EQ((*result)->status, "ok");
  EXPECT_TRUE(dead(macbook).empty());
}

TEST_F(DeadLetters, TheBytesOfOpenRequestsHaveALimit) {
  macbook.options().limits.outgoing_bytes = 10'000;
  macbook.crash();
  macbook.boot(now);
  gateway_up(macbook, {"main"});
  lose_broker(macbook);
  for (int restarts = 0; restarts < 2; ++restarts) {
    const auto first = answer(send("imac/jarvis", std::string(6'000, 'a'), 0ms));
    if (restarts == 0) {
      ASSERT_TRUE(first && *first);
    }
    const auto second = answer(send("imac/jarvis", std::string(6'000, 'b'), 0ms));
    ASSERT_TRUE(second && !*second);
    EXPECT_EQ(second->error().code, ErrorCode::StoreFull);
    EXPECT_NE(second->error().message.find("limits.outgoing_bytes"), std::string::npos);
    macbook.crash();
    macbook.boot(now);
    gateway_up(macbook, {"main"});
    lose_broker(macbook);
  }
}

}  // namespace
}  // namespace clawbridge::core
