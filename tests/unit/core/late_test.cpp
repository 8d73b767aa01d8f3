// Late replies: what ends when the asking agent no longer waits is told to its session, exactly once.
#include <algorithm>

#include "agent_world.h"

namespace clawbridge::core {
namespace {

using namespace std::chrono_literals;

class Late : public AgentWorld {
 protected:
  void SetUp() override {
    World::SetUp();
    bring_up();
  }
};

TEST_F(Late, ReplyIsDeliveredToTheAskingSessionAsAnotherSessionsMessage) {
  const auto ticket = ask(to_jarvis("think about it", 0ms));
  ASSERT_TRUE(answer(ticket));
  finish_all(imac);
  settle();
  const auto told = only_run(macbook);
  EXPECT_EQ(told.agent, "main");
  EXPECT_EQ(told.session_key, "agent:main:desk");
  EXPECT_EQ(told.source_session, "imac/jarvis");
  EXPECT_EQ(told.source_channel, "mqtt:" + turns.front().run.id + ":reply") << "the request may have run in the same session";
  EXPECT_NE(told.text.find("Late reply of imac/jarvis"), std::string::npos) << told.text;
  EXPECT_NE(told.text.find("echo: think about it"), std::string::npos) << told.text;
}

TEST_F(Late, ReplyWithFilesSaysWhereTheyAre) {
  ask(to_jarvis("draw it", 0ms));
  const auto run = only_run(imac);
  body::Reply drawn;
  drawn.reply = "Here it is.";
  drawn.attachments.push_back({"a.png", "image/png", "iVBORw==", {}});
  imac.step(now, event::RunEnded{run.run, std::move(drawn)});
  settle();
  const auto told = only_run(macbook);
  EXPECT_NE(told.text.find("Here it is.\n[files came with it: 1; claw_exchange with the correlation id brings them]"), std::string::npos) << told.text;
  EXPECT_EQ(macbook.core().exchange(run.run.id)->attachments.size(), 1U);
}

TEST_F(Late, ReplyIsNotDeliveredToWhoStillWaits) {
  const auto ticket = ask(to_jarvis("quick", 30s));
  finish_all(imac);
  settle();
  ASSERT_TRUE(answer(ticket));
  pass(1min);
  EXPECT_TRUE(macbook.take<action::StartRun>().empty());
}

TEST_F(Late, ReplyOfAWaitThatHasEndedIsDelivered) {
  const auto ticket = ask(to_jarvis("slow", 1s));
  const auto run = only_run(imac);
  pass(2s);
  ASSERT_TRUE(answer(ticket));
  finish(imac, run, "at last");
  settle();
  EXPECT_NE(only_run(macbook).text.find("at last"), std::string::npos);
}

TEST_F(Late, ReplyOfACallerThatHasGoneIsDelivered) {
  const auto ticket = ask(to_jarvis("hello", 30s));
  macbook.step(now, event::LocalGone{ticket});
  finish_all(imac);
  settle();
  EXPECT_EQ(macbook.take<action::StartRun>().size(), 1U);
}

TEST_F(Late, ReplyOfACallerThatWentWhileItWasAnsweredIsDelivered) {
  const auto ticket = ask(to_jarvis("hello", 30s));
  finish_all(imac);
  settle();
  macbook.step(now, event::LocalGone{ticket});
  EXPECT_EQ(macbook.take<action::StartRun>().size(), 1U);
}

TEST_F(Late, ReplyIsGivenToTheAgentThatWaitsForItAgainAndNotOnceMore) {
  ask(to_jarvis("hello", 0ms));
  const auto run = only_run(imac);
  event::LocalWait wait{.ticket = 9'000, .id = run.run.id, .wait = 30s, .caller_agent = "main", .caller_session = "agent:main:desk"};
  macbook.step(now, wait);
  finish(imac, run, "here");
  settle();
  ASSERT_TRUE(answer(9'000));
  EXPECT_TRUE(macbook.take<action::StartRun>().empty());
}

TEST_F(Late, ReplyIsDeliveredAlthoughAnotherSessionOfTheAgentLooksOn) {
  ask(to_jarvis("hello", 0ms));
  const auto run = only_run(imac);
  event::LocalWait wait{.ticket = 9'000, .id = run.run.id, .wait = 30s, .caller_agent = "main", .caller_session = "agent:main:cron"};
  macbook.step(now, wait);
  finish(imac, run, "here");
  settle();
  ASSERT_TRUE(answer(9'000));
  EXPECT_EQ(only_run(macbook).session_key, "agent:main:desk");
}

TEST_F(Late, ReplyIsDeliveredAlthoughAPersonLooksOn) {
  ask(to_jarvis("hello", 0ms));
  const auto run = only_run(imac);
  macbook.step(now, event::LocalWait{.ticket = 9'000, .id = run.run.id, .wait = 30s});
  finish(imac, run, "here");
  settle();
  ASSERT_TRUE(answer(9'000));
  EXPECT_EQ(macbook.take<action::StartRun>().size(), 1U);
}

TEST_F(Late, ReplyIsOnlyKeptWhereTheRequestSaysSo) {
  auto send = to_jarvis("keep it", 0ms);
  send.late_reply = event::LateReply::Keep;
  ask(std::move(send));
  finish_all(imac);
  settle();
  EXPECT_TRUE(macbook.take<action::StartRun>().empty());
  EXPECT_EQ(macbook.core().exchange(turns.front().run.id)->reply, "echo: keep it");
}

TEST_F(Late, ReplyToAPersonIsOnlyKept) {
  const auto ticket = send("imac/jarvis", "from a person", 0ms);
  settle();
  ASSERT_TRUE(answer(ticket));
  finish_all(imac);
  settle();
  EXPECT_TRUE(macbook.take<action::StartRun>().empty());
}

TEST_F(Late, EndWithoutAReplyIsDeliveredWithItsReason) {
  auto send = to_jarvis("to nobody", 0ms);
  send.agent = "nobody";
  ask(std::move(send));
  settle();
  const auto told = only_run(macbook);
  EXPECT_NE(told.text.find("There is no reply: rejected (imac has no agent \"nobody\""), std::string::npos) << told.text;
}

TEST_F(Late, ReplyThatCameWhileTheOwnGatewayWasDownIsDeliveredOnceAfterACrash) {
  ask(to_jarvis("hello", 0ms));
  macbook.step(now, event::GatewayDown{"stopped"});
  finish_all(imac);
  settle();
  EXPECT_TRUE(macbook.take<action::StartRun>().empty());
  macbook.crash();
  macbook.boot(now);
  gateway_up(macbook, {"main"});
  pass(5s);
  const auto told = only_run(macbook);
  finish(macbook, told, "thanks");
  pass(1min);
  // The responder's journal repeats its reply; nothing comes of it.
  macbook.crash();
  macbook.boot(now);
  gateway_up(macbook, {"main"});
  pass(1min);
  EXPECT_TRUE(macbook.take<action::StartRun>().empty());
}

TEST_F(Late, ReplyWhoseCallerWasAnsweredByAProcessThatDiedAtOnceIsDeliveredAfterwards) {
  ask(to_jarvis("hello", 30s));
  finish_all(imac);
  settle();
  macbook.crash();  // nobody knows whether the answer got out
  macbook.boot(now);
  gateway_up(macbook, {"main"});
  pass(5s);
  EXPECT_EQ(macbook.take<action::StartRun>().size(), 1U);
}

TEST_F(Late, ReplyWhoseCallerWasAnsweredInTimeIsNotDeliveredAfterALaterCrash) {
  ask(to_jarvis("hello", 30s));
  finish_all(imac);
  pass(2s);
  macbook.crash();
  macbook.boot(now);
  gateway_up(macbook, {"main"});
  pass(5s);
  EXPECT_TRUE(macbook.take<action::StartRun>().empty());
}

TEST_F(Late, ReplyIsNotDeliveredTwiceByARepeatedReply) {
  ask(to_jarvis("hello", 0ms));
  finish_all(imac);
  settle();
  finish(macbook, only_run(macbook), "thanks");
  for (const auto& message : std::vector(log)) {
    if (message.payload.find("claw.v1.reply") != std::string::npos) publish(message);
  }
  settle();
  EXPECT_TRUE(macbook.take<action::StartRun>().empty());
}

TEST_F(Late, ReplyReachesAnAgentThatOthersMayNotSee) {
  macbook.options().expose = std::vector<std::string>{};
  macbook.boot(now);
  bring_up();
  ask(to_jarvis("hello", 0ms));
  finish_all(imac);
  settle();
  EXPECT_EQ(macbook.take<action::StartRun>().size(), 1U);
}

TEST_F(Late, ReplyContinuesTheChainSoThatACircleEnds) {
  ask(to_jarvis("first", 0ms));
  finish_all(imac);
  settle();
  const auto told = only_run(macbook);
  macbook.step(now, event::RunStarted{told.run, "late"});
  ask(to_jarvis("asked because of it", 0ms));
  const auto request = std::find_if(log.rbegin(), log.rend(), [](const auto& message) { return message.payload.find("sessions_send.request") != std::string::npos; });
  ASSERT_NE(request, log.rend());
  EXPECT_NE(request->payload.find("\"causationid\":\"" + told.run.id + "\""), std::string::npos) << request->payload;
}

TEST_F(Late, RepliesThatAreAnsweredWithNewRequestsEndWithTheChain) {
  for (auto* node : {&macbook, &imac}) node->options().limits.max_hops = 3;
  macbook.boot(now);
  imac.boot(now);
  bring_up();
  ask(to_jarvis("first", 0ms));
  std::size_t turns_at_macbook = 0;
  for (int round = 0; round < 20; ++round) {
    finish_all(imac);
    settle();
    for (const auto& told : macbook.take<action::StartRun>()) {
      ++turns_at_macbook;
      macbook.step(now, event::RunStarted{told.run, "late"});
      ask(to_jarvis("and again", 0ms));
      finish(macbook, told, "asked again");
      settle();
    }
  }
  EXPECT_EQ(turns_at_macbook, 4U) << "the first, and three that it caused";
  EXPECT_EQ(macbook.count("send.loop"), 1U);
}

}  // namespace
}  // namespace clawbridge::core
