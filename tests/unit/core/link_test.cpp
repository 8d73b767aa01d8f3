// The broker connection: epochs, the will, falling back, retained states that never come.
#include "world.h"

namespace clawbridge::core {
namespace {

using namespace std::chrono_literals;

class LinkTest : public World {
 protected:
  std::string field(const std::string& payload, std::string_view name) {
    const auto at = payload.find("\"" + std::string(name) + "\":") + name.size() + 3;
    return payload.substr(at, payload.find_first_of(",}", at) - at);
  }
};

TEST_F(LinkTest, ConnectsSubscribesAndOnlyThenSaysThatItIsThere) {
  const auto connects = macbook.take<action::ConnectBroker>();
  ASSERT_EQ(connects.size(), 1u);
  EXPECT_TRUE(connects[0].sub_client_id.starts_with("claw-macbook-"));
  EXPECT_TRUE(connects[0].sub_client_id.ends_with("-sub"));
  EXPECT_EQ(field(connects[0].will_payload, "revision"), "4294967295");
  EXPECT_EQ(field(connects[0].will_payload, "epoch"), std::to_string(kStart.time_since_epoch().count() / 1000));
  macbook.step(now, event::BrokerConnected{5, 0, false});
  const auto subscribes = macbook.take<action::Subscribe>();
  ASSERT_EQ(subscribes.size(), 1u);
  std::vector<std::string> filters;
  for (const auto& subscription : subscribes[0].subscriptions) filters.push_back(subscription.filter);
  EXPECT_EQ(filters, (std::vector<std::string>{"claw/macbook/+/inbox", "claw/macbook/+/reply", "claw/+/state", "claw/_all/hello"}));
  EXPECT_TRUE(macbook.take<action::Publish>().empty());
  macbook.step(now, event::BrokerSubscribed{{{"claw/macbook/+/inbox", true}, {"claw/macbook/+/reply", true}, {"claw/+/state", true}, {"claw/_all/hello", true}}});
  const auto states = macbook.take<action::Publish>();
  ASSERT_EQ(states.size(), 1u);
  EXPECT_TRUE(states[0].retain);
  EXPECT_EQ(field(states[0].payload, "state"), "\"degraded\"");  // no gateway yet
}

TEST_F(LinkTest, AFailedAttemptUsesUpNoEpochAndALaterConnectionHasAHigherOne) {
  broker_up = false;
  settle();
  broker_up = true;
  pass(5s);
  const auto first = macbook.core().status().epoch;
  lose_broker(macbook);
  pass(5s);
  const auto second = macbook.core().status().epoch;
  EXPECT_GT(second, first);
  macbook.crash();
  now.wall -= 24h;  // the clock was wrong
  macbook.boot(now);
  settle();
  EXPECT_EQ(macbook.core().status().epoch, second + 1);
}

TEST_F(LinkTest, FallsBackToMqtt311WhenTheBrokerRefusesFive) {
  macbook.take<action::ConnectBroker>();
  macbook.step(now, event::BrokerConnectFailed{event::BrokerFailure::ProtocolRefused, "mqtt://test speaks no MQTT 5"});
  const auto connects = macbook.take<action::ConnectBroker>();
  ASSERT_EQ(connects.size(), 1u);
  EXPECT_EQ(connects[0].protocol, 4);
}

TEST_F(LinkTest, ARefusedSubscriptionIsNamed) {
  macbook.take<action::ConnectBroker>();
  macbook.step(now, event::BrokerConnected{5, 0, false});
  macbook.step(now, event::BrokerSubscribed{{{"claw/macbook/+/inbox", false}, {"claw/+/state", true}}});
  EXPECT_EQ(macbook.core().status().state, "offline");
  EXPECT_EQ(macbook.core().status().broker_error,
            "the broker refused the subscription to claw/macbook/+/inbox; give this user the right to subscribe to it");
}

TEST_F(LinkTest, TheWillEndsItsEpochForThePeersAndANewOneBeginsAfterIt) {
  bring_up();
  EXPECT_EQ(macbook.core().peers().at(0).presence, "online");
  lose_broker(imac);
  EXPECT_EQ(macbook.core().peers().at(0).presence, "offline");
  pass(5s);
  EXPECT_EQ(macbook.core().peers().at(0).presence, "online");
}

TEST_F(LinkTest, WithoutRetainedMessagesAHelloFindsTheOthers) {
  keeps_retained = false;
  gateway_up(macbook, {"main"});
  gateway_up(imac, {"jarvis"});
  // imac is there first; its state is not kept, so macbook cannot see it by subscribing.
  for (auto* node : {&imac, &macbook}) {
    for (const auto& connect : node->take<action::ConnectBroker>()) {
      (void)connect;
    }
  }
  imac.boot(now);
  macbook.crash();
  settle();
  macbook.boot(now);
  pass(10s);
  EXPECT_GE(macbook.count("hello.said"), 1u);
  ASSERT_EQ(macbook.core().peers().size(), 1u);
  EXPECT_EQ(macbook.core().peers().at(0).gateway, "imac");
}

TEST_F(LinkTest, AWrongStateOnOurTopicIsReplaced) {
  bring_up();
  log.clear();
  publish({.topic = "claw/macbook/state", .payload = "{\"nonsense\":1}", .retain = true, .correlation_id = {}, .response_topic = {}, .expires_in = {}});
  pass(6s);
  ASSERT_GE(log.size(), 2u);
  EXPECT_EQ(log.back().topic, "claw/macbook/state");
  EXPECT_EQ(field(log.back().payload, "state"), "\"online\"");
  EXPECT_EQ(macbook.core().status().state, "online");
}

TEST_F(LinkTest, WhoIsAskedForALostJournalPublishesItsStateAgain) {
  bring_up();
  imac.crash();
  imac.boot(now, true);
  gateway_up(imac, {"jarvis"});
  // Only imac sees its new state: the broker keeps the lost journal's, as if its late will had come after, unseen by imac.
  pass(20s, [&](const action::Publish& message) {
    if (message.topic != "claw/imac/state") return false;
    imac.step(now, event::BrokerMessage{message.topic, message.payload, false, {}, {}});
    return true;
  });
  const auto lost = send("imac/jarvis", "named for the lost journal");
  pass(6s);
  ASSERT_TRUE(answer(lost) && *answer(lost));
  EXPECT_EQ((*answer(lost))->status, "unknown");
  const auto taken = send("imac/jarvis", "named for the new one");
  settle();
  EXPECT_EQ(finish_all(imac), 1u);
  settle();
  ASSERT_TRUE(answer(taken) && *answer(taken));
  EXPECT_EQ((*answer(taken))->status, "ok");
}

TEST_F(LinkTest, ShutdownSaysOfflineThenCloses) {
  bring_up();
  macbook.step(now, event::Shutdown{});
  settle();
  pass(3s);
  EXPECT_EQ(macbook.take<action::Stopped>().size(), 1u);
  EXPECT_EQ(imac.core().peers().at(0).presence, "offline");
}

TEST_F(LinkTest, AStateThatDidNotReachTheBrokerIsPublishedAgainAndNotCalledRefused) {
  settle();
  gateway_up(macbook, {"main"});
  const auto states = macbook.take<action::Publish>();
  ASSERT_EQ(states.size(), 1u);
  macbook.step(now, event::BrokerPublished{states[0].token, false, "too many messages wait", true});
  EXPECT_EQ(macbook.core().status().broker_error, "");
  log.clear();
  pass(6s);
  ASSERT_FALSE(log.empty());
  EXPECT_EQ(field(log.back().payload, "state"), "\"online\"");
}

TEST_F(LinkTest, AnAttemptThatNobodyAnswersIsGivenUpAndMadeAnew) {
  Node lone("studio", folder_.path(), 9);
  lone.boot(now);
  EXPECT_EQ(lone.take<action::ConnectBroker>().size(), 1u);
  for (int n = 0; n < 30; ++n) {
    advance(1s);
    lone.step(now, event::Tick{});
  }
  EXPECT_EQ(lone.take<action::DisconnectBroker>().size(), 1u);
  EXPECT_EQ(lone.take<action::ConnectBroker>().size(), 1u);
  EXPECT_NE(lone.core().status().broker_error.find("has not answered"), std::string::npos);
}

TEST_F(LinkTest, SaysSinceWhenBrokerAndGatewayAreThereOrNot) {
  bring_up();
  const auto up = macbook.core().status();
  EXPECT_GE(up.broker_since, kStart);
  advance(10s);
  const auto gone = now.wall;
  macbook.step(now, event::BrokerLost{"it went"});
  macbook.step(now, event::GatewayDown{"it went too"});
  for (int n = 0; n < 3; ++n) {
    advance(5s);
    macbook.step(now, event::Tick{});
    EXPECT_EQ(macbook.take<action::ConnectBroker>().size(), 1u);
    macbook.step(now, event::BrokerConnectFailed{event::BrokerFailure::Unreachable, "no broker"});
    macbook.step(now, event::GatewayDown{"still not there"});
  }
  EXPECT_EQ(macbook.core().status().broker_since, gone);
  EXPECT_EQ(macbook.core().status().gateway_since, gone);
  advance(30s);
  const auto back = now.wall;
  gateway_up(macbook, {"main"});
  EXPECT_EQ(macbook.core().status().gateway_since, back);
  advance(1s);
  gateway_up(macbook, {"main", "scout"});
  EXPECT_EQ(macbook.core().status().gateway_since, back) << "it was there all the time";
}

}  // namespace
}  // namespace clawbridge::core
