// Brokers that go away: the loss is told once, the will is published, and the next connect works.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "broker_client.h"
#include "relay.h"

namespace clawbridge::mqtt {
namespace {

using core::event::BrokerConnected;
using core::event::BrokerConnectFailed;
using core::event::BrokerFailure;
using core::event::BrokerLost;
using core::event::BrokerMessage;
using core::event::BrokerPublished;
using testing_support::BrokerClient;
using testing_support::BrokerProcess;

class BrokerLoss : public testing::TestWithParam<int> {
 protected:
  BrokerLoss() : process_("mosquitto") { process_.start(); }
  BrokerProcess process_;
};

TEST_P(BrokerLoss, IsToldOnceAndTheNextConnectWorks) {
  BrokerClient client(process_.url());
  client.connected("a", GetParam());
  client.subscribe({{"contract/a/inbox", false}});
  process_.stop("KILL");
  EXPECT_THAT(client.wait<BrokerLost>().reason, testing::HasSubstr(process_.url()));
  const auto failed = client.refused("a", GetParam());
  EXPECT_EQ(failed.failure, BrokerFailure::Unreachable);
  EXPECT_THAT(failed.reason, testing::AllOf(testing::HasSubstr(process_.url()), testing::HasSubstr("refused")));
  process_.start();
  client.connected("a", GetParam());
  client.subscribe({{"contract/a/inbox", false}});
  client.publish("contract/a/inbox", "again", 1);
  EXPECT_EQ(client.wait<BrokerMessage>().payload, "again");
  EXPECT_EQ(client.count<BrokerLost>(), 0U);
  EXPECT_EQ(client.count<BrokerConnectFailed>(), 0U);
  EXPECT_EQ(client.count<BrokerConnected>(), 0U);
}

TEST_P(BrokerLoss, ReportsEveryTokenThatTheBrokerNeverAnswered) {
  BrokerClient client(process_.url());
  client.connected("b", GetParam());
  process_.stop("KILL");
  for (std::uint64_t token = 1; token <= 100; ++token) client.publish("contract/b/inbox", "x", token);
  std::vector<std::uint64_t> tokens;
  for (int n = 0; n < 100; ++n) {
    const auto published = client.wait<BrokerPublished>();
    EXPECT_FALSE(published.ok);
    EXPECT_NE(published.reason, "");
    tokens.push_back(published.token);
  }
  std::sort(tokens.begin(), tokens.end());
  EXPECT_EQ(std::unique(tokens.begin(), tokens.end()), tokens.end());
}

TEST_P(BrokerLoss, OfTheNetworkPublishesTheWill) {
  BrokerClient watcher(process_.url());
  watcher.connected("watcher", GetParam());
  watcher.subscribe({{"contract/+/state", true}});
  testing_support::Relay relay(process_.port());
  BrokerClient victim(relay.url());
  victim.connected("victim", GetParam());
  relay.cut();
  EXPECT_THAT(victim.wait<BrokerLost>().reason, testing::HasSubstr(relay.url()));
  const auto will = watcher.wait<BrokerMessage>();
  EXPECT_EQ(will.topic, "contract/victim/state");
  EXPECT_EQ(will.payload, "offline");
  victim.connected("victim", GetParam());
  EXPECT_EQ(victim.count<BrokerLost>(), 0U) << "told once, though both connections were lost";
}

// A client id taken over by another process is how a broker ends one of the two connections only.
TEST_P(BrokerLoss, OfThePublishingConnectionEndsBoth) {
  BrokerClient victim(process_.url());
  victim.connected("victim", GetParam());
  BrokerClient thief(process_.url());
  thief.connect_as("thief", "victim", GetParam());
  thief.wait<BrokerConnected>();
  EXPECT_NE(victim.wait<BrokerLost>().reason, "");
  victim.connected("victim", GetParam());
  EXPECT_NE(thief.wait<BrokerLost>().reason, "");
}

TEST_P(BrokerLoss, OfTheSubscribingConnectionEndsBoth) {
  BrokerClient victim(process_.url());
  victim.connected("victim", GetParam());
  BrokerClient thief(process_.url());
  thief.connect_as("victim", "thief", GetParam());
  thief.wait<BrokerConnected>();
  EXPECT_NE(victim.wait<BrokerLost>().reason, "");
  victim.publish("contract/victim/inbox", "x", 1);
  EXPECT_FALSE(victim.wait<BrokerPublished>().ok);
}

TEST_P(BrokerLoss, IsNotToldAfterAnOrderedDisconnectAndLeavesNoWill) {
  BrokerClient watcher(process_.url());
  watcher.connected("watcher", GetParam());
  watcher.subscribe({{"contract/+/state", true}});
  {
    BrokerClient quiet(process_.url());
    quiet.connected("quiet", GetParam());
    quiet.broker.carry_out(core::action::DisconnectBroker{});
    EXPECT_TRUE(quiet.broker.stop(std::chrono::seconds(10)));
    EXPECT_EQ(quiet.count<BrokerLost>(), 0U);
  }
  watcher.publish("contract/other/state", "marker", 1);
  EXPECT_EQ(watcher.wait<BrokerMessage>().payload, "marker");
}

INSTANTIATE_TEST_SUITE_P(Mqtt, BrokerLoss, testing::Values(5, 4),
                         [](const auto& version) { return version.param == 5 ? "5" : "311"; });

}  // namespace
}  // namespace clawbridge::mqtt
