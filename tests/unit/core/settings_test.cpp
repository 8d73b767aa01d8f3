// Settings that change while the core runs: what holds from then on, and what was taken before goes on.
#include <numeric>

#include "world.h"

namespace clawbridge::core {
namespace {

using namespace std::chrono_literals;

class SettingsTest : public World {
 protected:
  void SetUp() override {
    World::SetUp();
    bring_up();
  }

  /// Other settings for a node, beginning with those it has.
  void change(Node& node, const std::function<void(Changeable&)>& edit) {
    edit(node.options());
    node.step(now, event::SettingsChanged{std::make_shared<const Changeable>(node.options())});
    settle();
  }

  static PolicyRule rule(std::vector<Operation> allow, std::vector<Operation> deny) {
    PolicyRule made;
    made.from = {"*"};
    made.to = {"*"};
    made.allow = std::move(allow);
    made.deny = std::move(deny);
    made.place = "clawbridge.yaml:7";
    return made;
  }

  /// The gateway's peers as macbook sees imac.
  [[nodiscard]] PeerView imac_at_macbook() const {
    for (const auto& peer : macbook.core().peers()) {
      if (peer.gateway == "imac") return peer;
    }
    return {};
  }

  std::string status_of(Ticket ticket) {
    const auto result = answer(ticket);
    if (!result) return "open";
    return *result ? (*result)->status : std::string(to_string(result->error().code));
  }
};

TEST_F(SettingsTest, ATurnThatWasTakenGoesOnUnderARuleThatForbidsIt) {
  const auto before = send("imac/jarvis", "one");
  pass(10ms);  // until its receipt: the next one leaves after it
  const auto runs = imac.take<action::StartRun>();
  ASSERT_EQ(runs.size(), 1U);
  change(imac, [](auto& to) { to.policy = {rule({}, {Operation::SessionsSend})}; });
  const auto after = send("imac/jarvis", "two");
  settle();
  EXPECT_EQ(status_of(after), "rejected");
  finish(imac, runs[0], "done");
  settle();
  EXPECT_EQ(status_of(before), "ok");
}

TEST_F(SettingsTest, AnExchangeThatWaitsForItsSessionGoesOnToo) {
  const auto first = send("imac/jarvis", "one");
  const auto second = send("imac/jarvis", "two");
  pass(10ms);
  change(imac, [](auto& to) { to.policy = {rule({}, {Operation::SessionsSend})}; });
  while (finish_all(imac) > 0) settle();
  EXPECT_EQ(status_of(first), "ok");
  EXPECT_EQ(status_of(second), "ok");
}

TEST_F(SettingsTest, AllowsWhatWasForbidden) {
  change(imac, [](auto& to) { to.policy = {rule({}, {Operation::SessionsSend})}; });
  const auto before = send("imac/jarvis", "one");
  settle();
  EXPECT_EQ(status_of(before), "rejected");
  change(imac, [](auto& to) { to.policy.clear(); });
  const auto after = send("imac/jarvis", "two");
  settle();
  finish_all(imac);
  settle();
  EXPECT_EQ(status_of(after), "ok");
}

TEST_F(SettingsTest, WhatIsOpenCountsUnderTheRuleThatHoldsNow) {
  auto one_at_once = rule({Operation::SessionsSend}, {});
  one_at_once.open = 1;
  change(imac, [&](auto& to) { to.policy = {one_at_once}; });
  const auto first = send("imac/jarvis", "one");
  settle();
  // The same rule anew, and another before it: the first exchange must still be seen below it.
  change(imac, [&](auto& to) { to.policy = {rule({Operation::SessionsHistory}, {}), one_at_once}; });
  const auto second = send("imac/pepper", "two");
  settle();
  EXPECT_EQ(imac.count("request.deferred.busy"), 1U);
  finish_all(imac);
  settle();
  EXPECT_EQ(status_of(first), "ok");
  pass(10s);
  finish_all(imac);
  settle();
  EXPECT_EQ(status_of(second), "ok");
}

TEST_F(SettingsTest, MoreTurnsAtOnceBeginAtOnce) {
  change(imac, [](auto& to) { to.limits.runs = 1; });
  send("imac/jarvis", "one");
  send("imac/pepper", "two");
  settle();
  EXPECT_EQ(imac.take<action::StartRun>().size(), 1U);
  change(imac, [](auto& to) { to.limits.runs = 2; });
  EXPECT_EQ(imac.take<action::StartRun>().size(), 1U);
}

TEST_F(SettingsTest, ALoweredLimitDropsNothing) {
  const auto first = send("imac/jarvis", "one");
  const auto second = send("imac/jarvis", "two");
  settle();
  change(macbook, [](auto& to) { to.limits.outgoing_open = 1; });
  EXPECT_EQ(status_of(send("imac/jarvis", "three")), "busy");
  while (finish_all(imac) > 0) settle();
  EXPECT_EQ(status_of(first), "ok");
  EXPECT_EQ(status_of(second), "ok");
}

TEST_F(SettingsTest, TheLengthOfAMessageStaysWhatPeersWereTold) {
  const auto before = macbook.options().limits.message.message_bytes;
  change(macbook, [](auto& to) { to.limits.message.message_bytes = 70'000; });
  const auto ticket = send("imac/jarvis", std::string(100'000, 'x'));
  settle();
  finish_all(imac);
  settle();
  EXPECT_EQ(status_of(ticket), "ok");
  macbook.options().limits.message.message_bytes = before;
}

TEST_F(SettingsTest, OthersAreToldWhichAgentsTheyMaySee) {
  ASSERT_EQ(imac_at_macbook().agents.size(), 2U);
  change(imac, [](auto& to) { to.expose = {{"jarvis"}}; });
  ASSERT_EQ(imac_at_macbook().agents.size(), 1U);
  EXPECT_EQ(imac_at_macbook().agents[0].id, "jarvis");
  const auto hidden = send("imac/pepper", "one");
  settle();
  EXPECT_NE(status_of(hidden), "ok");
  change(imac, [](auto& to) { to.expose.reset(); });
  EXPECT_EQ(imac_at_macbook().agents.size(), 2U);
}

TEST_F(SettingsTest, NamesForAgentsElsewhereHoldAtOnce) {
  EXPECT_EQ(status_of(send("friend", "one")), "unknown_agent");
  change(macbook, [](auto& to) { to.remote_agents["friend"] = {"imac", "jarvis"}; });
  const auto ticket = send("friend", "two");
  settle();
  finish_all(imac);
  settle();
  EXPECT_EQ(status_of(ticket), "ok");
}

TEST_F(SettingsTest, APinIsMadeAndTakenBack) {
  const auto fingerprint = imac_at_macbook().fingerprint;
  EXPECT_EQ(imac_at_macbook().trust, "joined");
  change(macbook, [&](auto& to) { to.peers["imac"] = fingerprint; });
  EXPECT_EQ(imac_at_macbook().trust, "configured");
  change(macbook, [](auto& to) { to.peers.clear(); });
  EXPECT_EQ(imac_at_macbook().trust, "joined");
}

TEST_F(SettingsTest, APinOfOtherKeysShutsAPeerOutUntilItIsTakenBack) {
  change(macbook, [](auto& to) { to.peers["imac"] = std::string(64, 'a'); });
  EXPECT_EQ(imac_at_macbook().gateway, "");
  pass(30s);
  EXPECT_EQ(imac_at_macbook().gateway, "") << "its state came again, with the keys that are not those pinned";
  const auto shut_out = send("imac/jarvis", "one", 0s);
  settle();
  EXPECT_TRUE(imac.take<action::StartRun>().empty());
  (void)shut_out;
  change(macbook, [](auto& to) { to.peers.clear(); });
  pass(30s);
  EXPECT_EQ(imac_at_macbook().trust, "joined");
  const auto let_in = send("imac/jarvis", "two");
  settle();
  while (finish_all(imac) > 0) settle();
  EXPECT_EQ(status_of(let_in), "ok");
}

TEST_F(SettingsTest, APendingPeerIsLetInByAPin) {
  macbook.options().join_secret.reset();
  macbook.boot(now, true);
  gateway_up(macbook, {"main"});
  settle();
  pass(3s);
  ASSERT_EQ(imac_at_macbook().trust, "pending");
  const auto fingerprint = imac_at_macbook().fingerprint;
  change(macbook, [&](auto& to) { to.peers["imac"] = fingerprint; });
  EXPECT_EQ(imac_at_macbook().trust, "configured");
  change(macbook, [](auto& to) { to.peers.clear(); });
  EXPECT_EQ(imac_at_macbook().trust, "pending");
}

TEST_F(SettingsTest, TheMeasurementsTellHowExchangesEnded) {
  const auto ticket = send("imac/jarvis", "one");
  settle();
  finish_all(imac);
  settle();
  ASSERT_EQ(status_of(ticket), "ok");
  const auto& asked = macbook.core().tally();
  const auto& answered = imac.core().tally();
  EXPECT_EQ(asked.begun.at({Direction::Outgoing, Operation::SessionsSend}), 1U);
  EXPECT_EQ(asked.ended.at({Direction::Outgoing, Operation::SessionsSend, "ok"}), 1U);
  EXPECT_EQ(answered.begun.at({Direction::Incoming, Operation::SessionsSend}), 1U);
  EXPECT_EQ(answered.ended.at({Direction::Incoming, Operation::SessionsSend, "ok"}), 1U);
  for (const char* stage : {"published", "ended"}) {
    const auto& counts = asked.stages.at({Direction::Outgoing, stage}).counts();
    EXPECT_EQ(std::accumulate(counts.begin(), counts.end(), std::uint64_t{0}), 1U) << stage;
  }
  change(imac, [](auto& to) { to.policy = {rule({}, {Operation::SessionsSend})}; });
  send("imac/jarvis", "two");
  settle();
  EXPECT_EQ(imac.core().tally().refused.at(ErrorCode::Forbidden), 1U);
}

TEST(Histogram, PutsEachDurationBelowTheLeastBoundThatHoldsIt) {
  Histogram histogram;
  histogram.observe(100us);
  histogram.observe(101us);
  histogram.observe(-5s);
  histogram.observe(1h);
  EXPECT_EQ(histogram.counts().front(), 2U);
  EXPECT_EQ(histogram.counts()[1], 1U);
  EXPECT_EQ(histogram.counts().back(), 1U);
  EXPECT_NEAR(histogram.sum(), 3600.000201, 1e-6);
}

}  // namespace
}  // namespace clawbridge::core
