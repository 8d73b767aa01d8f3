// What the simulator (tests/sim) found: clocks that jump, journals that are lost, states that never came, keys that changed in
// mid-exchange. Each is one scenario that once broke a promise.
#include "world.h"

namespace clawbridge::core {
namespace {

using namespace std::chrono_literals;

class DurabilityTest : public World {
 protected:
  /// The moment `time` later, with a wall clock that is off by `jump` beyond that.
  [[nodiscard]] Now later(std::chrono::microseconds time, std::chrono::milliseconds jump = 0ms) const {
    return {now.instant + time, now.wall + std::chrono::duration_cast<std::chrono::milliseconds>(time) + jump};
  }
  static bool lose_all(const action::Publish&) { return true; }
  static bool to_macbook(const action::Publish& message) { return message.topic.starts_with("claw/macbook/"); }
  /// What a node has ordered to publish of that type, with everything else it ordered taken out.
  static std::vector<std::string> published(Node& node, std::string_view type) {
    std::vector<std::string> payloads;
    for (auto& publish : node.take<action::Publish>()) {
      if (publish.payload.find("\"type\":\"" + std::string(type) + "\"") != std::string::npos) payloads.push_back(std::move(publish.payload));
    }
    return payloads;
  }
};

TEST_F(DurabilityTest, ARequesterWhoseWallClockJumpsAsksAboutWhatHasExpiredWithinTenMinutes) {
  bring_up();
  send("imac/jarvis", "hello", 0ms);
  settle(lose_all);
  macbook.step(later(10min, 25h), event::Tick{});
  EXPECT_EQ(published(macbook, "claw.v1.status.request").size(), 1u);
}

TEST_F(DurabilityTest, AResponderWhoseWallClockJumpsEndsWhatHasExpiredWithinTenMinutes) {
  bring_up();
  imac.step(now, event::GatewayDown{"it restarts"});
  send("imac/jarvis", "hello", 0ms);
  settle();
  imac.step(later(10min, 25h), event::Tick{});
  const auto replies = published(imac, "claw.v1.reply");
  ASSERT_EQ(replies.size(), 1u);
  EXPECT_NE(replies[0].find("\"status\":\"expired\""), std::string::npos);
}

TEST_F(DurabilityTest, ARequestIsRepeatedAgainAfterTheWallClockWasBeyondItsExpiryForAMoment) {
  bring_up();
  send("imac/jarvis", "hello", 0ms);
  settle(lose_all);
  macbook.step(later(3s, 25h), event::Tick{});  // a repetition is due, and not worth it now
  EXPECT_TRUE(published(macbook, "claw.v1.sessions_send.request").empty());
  macbook.step(later(10min + 1s), event::Tick{});
  macbook.step(later(10min + 4s), event::Tick{});
  EXPECT_EQ(published(macbook, "claw.v1.sessions_send.request").size(), 1u);
}

TEST_F(DurabilityTest, ALocalRequestThatWasTakenDoesNotExpireAtItsAskerAfterACrash) {
  bring_up();
  const auto id = answer(send("macbook/main", "hello", 0ms, 1s))->value().correlation_id;
  ASSERT_EQ(macbook.take<action::StartRun>().size(), 1u);
  macbook.crash();  // before its first receipt
  advance(1min);
  macbook.boot(now);
  EXPECT_EQ(macbook.core().exchange(id)->status, "accepted");
  gateway_up(macbook, {"main"});
  const auto recoveries = macbook.take<action::RecoverRun>();
  ASSERT_EQ(recoveries.size(), 1u);
  body::Reply outcome;
  outcome.reply = "it ran";
  macbook.step(now, event::RunEnded{recoveries[0].run, outcome});
  EXPECT_EQ(macbook.core().exchange(id)->status, "ok");
}

TEST_F(DurabilityTest, WhoIsRefusedAsUnknownIntroducesItself) {
  keeps_retained = false;
  const auto lose = [](const action::Publish& message) { return message.topic == "claw/macbook/state" || message.topic == "claw/_all/hello"; };
  gateway_up(macbook, {"main"});
  gateway_up(imac, {"jarvis"});
  settle(lose);
  pass(20s, lose);
  ASSERT_TRUE(imac.core().peers().empty());
  ASSERT_EQ(macbook.core().peers().size(), 1u);
  send("imac/jarvis", "hello", 0ms);
  pass(30s, lose);
  EXPECT_EQ(finish_all(imac), 1u);
}

TEST_F(DurabilityTest, WhoWaitsForAGatewayNeverSeenGoesOnLookingForIt) {
  keeps_retained = false;
  const auto lose = [](const action::Publish& message) { return message.topic.ends_with("/state") || message.topic == "claw/_all/hello"; };
  gateway_up(macbook, {"main"});
  gateway_up(imac, {"jarvis"});
  settle(lose);
  send("imac/jarvis", "hello", 0ms);
  pass(20s, lose);
  ASSERT_TRUE(imac.core().peers().empty());
  ASSERT_TRUE(macbook.core().peers().empty());
  pass(2min);
  EXPECT_EQ(finish_all(imac), 1u);
}

TEST_F(DurabilityTest, WhatMayHaveBeenPurgedUnderAWrongClockIsNotCalledNotFound) {
  bring_up();
  const auto id = answer(send("imac/jarvis", "hello", 0ms))->value().correlation_id;
  settle(to_macbook);
  ASSERT_EQ(finish_all(imac), 1u);
  settle(to_macbook);
  imac.step(later(11s, 9 * 24h), event::Tick{});  // purged: it ended a week ago, says the clock
  settle(lose_all);
  macbook.step(later(10min, 25h), event::Tick{});
  const auto questions = published(macbook, "claw.v1.status.request");
  ASSERT_EQ(questions.size(), 1u);
  imac.step(later(10min, 25h), event::BrokerMessage{"claw/imac/_bridge/inbox", questions[0], false, {}, {}});
  const auto answers = published(imac, "claw.v1.reply");
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_NE(answers[0].find("\"exchanges\":[]"), std::string::npos) << answers[0];
  macbook.step(later(10min, 25h), event::BrokerMessage{"claw/macbook/_bridge/reply", answers[0], false, {}, {}});
  EXPECT_EQ(macbook.core().exchange(id)->status, "accepted");
}

TEST_F(DurabilityTest, WhatNeverCameIsNotFoundAlthoughSomethingLaterWasAcknowledgedAndPurged) {
  bring_up();
  const auto id = answer(send("imac/jarvis", "lost", 0ms))->value().correlation_id;
  settle(lose_all);
  send("imac/pepper", "hello", 0ms);
  settle();
  ASSERT_EQ(finish_all(imac), 1u);
  pass(1500ms, [](const action::Publish& message) { return message.topic == "claw/imac/jarvis/inbox"; });  // acknowledged
  imac.step(later(11s, 5 * 24h), event::Tick{});
  imac.take<action::Publish>();
  macbook.step(later(10min, 5 * 24h), event::Tick{});
  const auto questions = published(macbook, "claw.v1.status.request");
  ASSERT_EQ(questions.size(), 1u);
  imac.step(later(10min, 5 * 24h), event::BrokerMessage{"claw/imac/_bridge/inbox", questions[0], false, {}, {}});
  const auto answers = published(imac, "claw.v1.reply");
  ASSERT_EQ(answers.size(), 1u);
  macbook.step(later(10min, 5 * 24h), event::BrokerMessage{"claw/macbook/_bridge/reply", answers[0], false, {}, {}});
  EXPECT_EQ(macbook.core().exchange(id)->status, "expired");
}

TEST_F(DurabilityTest, WhatWasAskedOfOnesOwnAgentsBeforeARotationOfKeysRunsAfterIt) {
  macbook.options().seal = Seal::Always;
  macbook.boot(now);
  send("macbook/main", "hello", 0ms);  // the gateway is not there yet
  auto& options = macbook.options();
  options.previous_keys = PreviousKeys{options.keys, now.wall + kPreviousKeysTaken, {}};
  options.keys = crypto::load_or_create_keys(folder_.path() / "rotated.keys.json", "macbook").value();
  macbook.boot(now);
  gateway_up(macbook, {"main"});
  const auto runs = macbook.take<action::StartRun>();
  ASSERT_EQ(runs.size(), 1u);
  EXPECT_EQ(runs[0].text, "hello");
}

TEST_F(DurabilityTest, TheStateOfALostJournalDoesNotStayWhenItsEpochIsTheHigherOne) {
  advance(48h);
  macbook.boot(now);
  bring_up();
  const auto old_epoch = macbook.core().status().epoch;
  macbook.crash();
  now.wall -= 48h;
  macbook.boot(now, true);
  settle();
  EXPECT_LT(macbook.core().status().epoch, old_epoch);
  const auto will = std::find_if(log.rbegin(), log.rend(), [&](const auto& message) {
    return message.topic == "claw/macbook/state" && message.payload.find("\"epoch\":" + std::to_string(old_epoch)) != std::string::npos;
  });
  ASSERT_NE(will, log.rend());
  macbook.step(later(1s), event::BrokerMessage{will->topic, will->payload, false, {}, {}});
  macbook.take<action::DisconnectBroker>();
  macbook.step(later(7s), event::Tick{});  // nobody answers to that name
  EXPECT_EQ(macbook.take<action::DisconnectBroker>().size(), 1u);
  macbook.step(later(20s), event::Tick{});
  const auto connects = macbook.take<action::ConnectBroker>();
  ASSERT_EQ(connects.size(), 1u);
  EXPECT_NE(connects[0].will_payload.find("\"epoch\":" + std::to_string(old_epoch + 1)), std::string::npos);
}

}  // namespace
}  // namespace clawbridge::core
