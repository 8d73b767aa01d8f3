// What any broker with MQTT 5 and anonymous access must do for two connections: carry messages both ways, in order,
// more of them than fit its receive window, keep retained ones, and speak MQTT 3.1.1 as well.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "broker_client.h"

namespace clawbridge::mqtt {
namespace {

using core::event::BrokerLost;
using core::event::BrokerMessage;
using core::event::BrokerPublished;
using testing_support::BrokerClient;
using testing_support::BrokerProcess;

struct Way {
  const char* name;
  int protocol;
  bool websocket;
};

class BrokerContract : public testing::TestWithParam<Way> {
 protected:
  BrokerContract() {
    if (GetParam().websocket) {
      const auto port = std::to_string(testing_support::free_port());
      own_.emplace("nats");  // mosquitto has no WebSockets everywhere; nats puts several packets into one frame
      own_->start("websocket { listen: \"127.0.0.1:" + port + "\", no_tls: true }");
      url_ = "ws://127.0.0.1:" + port;
      return;
    }
    if (const char* port = std::getenv("CLAWBRIDGE_BROKER_PORT"); port != nullptr) {
      url_ = std::string("mqtt://127.0.0.1:") + port;
      return;
    }
    own_.emplace("mosquitto");
    own_->start();
    url_ = own_->url();
  }
  /// Names that a broker which is used again has not seen.
  static std::string fresh(const std::string& name) {
    return name + std::to_string(std::chrono::steady_clock::now().time_since_epoch().count());
  }

  static int protocol() { return GetParam().protocol; }

  std::optional<BrokerProcess> own_;
  std::string url_;
};

TEST_P(BrokerContract, ConnectsSubscribesAndCarriesAMessage) {
  BrokerClient client(url_);
  const auto connected = client.connected(fresh("a"), protocol());
  EXPECT_EQ(connected.protocol, protocol());
  EXPECT_FALSE(connected.session_present);
  const auto topic = "contract/" + fresh("x") + "/inbox";
  const auto subscribed = client.subscribe({{topic, false}, {"contract/+/state", true}});
  ASSERT_EQ(subscribed.results.size(), 2U);
  EXPECT_EQ(subscribed.results[0].filter, topic);
  EXPECT_TRUE(subscribed.results[0].granted);
  EXPECT_TRUE(subscribed.results[1].granted);
  const std::string payload("caf\xc3\xa9 \0 end", 12);
  client.publish(topic, payload, 7);
  const auto published = client.wait<BrokerPublished>();
  EXPECT_EQ(published.token, 7U);
  EXPECT_TRUE(published.ok) << published.reason;
  const auto message = client.wait<BrokerMessage>();
  EXPECT_EQ(message.topic, topic);
  EXPECT_EQ(message.payload, payload);
  EXPECT_FALSE(message.retained);
  EXPECT_EQ(client.count<BrokerLost>(), 0U);
}

TEST_P(BrokerContract, CarriesMoreThanTheReceiveWindowInOrder) {
  constexpr std::uint64_t kMessages = 2'000;
  BrokerClient client(url_);
  client.connected(fresh("b"), protocol());
  const auto topic = "contract/" + fresh("y") + "/inbox";
  client.subscribe({{topic, false}});
  const auto begin = std::chrono::steady_clock::now();
  // mosquitto queues 1,000 for a slow subscriber and drops the rest: never more than that without a look at the
  // answers.
  for (std::uint64_t n = 1; n <= kMessages; ++n) {
    client.publish(topic, std::to_string(n), n);
    if (n % 500 != 0) continue;
    for (std::uint64_t back = n - 499; back <= n; ++back) {
      ASSERT_EQ(client.wait<BrokerMessage>().payload, std::to_string(back));
      const auto published = client.wait<BrokerPublished>();
      ASSERT_EQ(published.token, back);
      ASSERT_TRUE(published.ok) << published.reason;
    }
  }
  // Without our own window Paho waits a second for every 20 of them.
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(60));
  EXPECT_EQ(client.broker.counters().published, kMessages);
}

TEST_P(BrokerContract, KeepsRetainedMessagesForThoseWhoAsk) {
  BrokerClient client(url_);
  client.connected(fresh("c"), protocol());
  const auto level = fresh("z");
  client.publish("contract/" + level + "/state", "kept", 1, true);
  EXPECT_TRUE(client.wait<BrokerPublished>().ok);
  client.subscribe({{"contract/" + level + "/+", true}});
  const auto message = client.wait<BrokerMessage>();
  EXPECT_EQ(message.payload, "kept");
  EXPECT_TRUE(message.retained);
  client.publish("contract/" + level + "/state", "", 2, true);  // leave nothing behind
  client.wait<BrokerPublished>();
}

// MQTT 3.1.1 has no such choice.
using BrokerContractOfMqtt5 = BrokerContract;

TEST_P(BrokerContractOfMqtt5, SendsNoRetainedMessagesToThoseWhoDoNotAsk) {
  BrokerClient client(url_);
  client.connected(fresh("d"), protocol());
  const auto topic = "contract/" + fresh("w") + "/inbox";
  client.publish(topic, "kept", 1, true);
  client.wait<BrokerPublished>();
  client.subscribe({{topic, false}});
  client.publish(topic, "live", 2);
  EXPECT_EQ(client.wait<BrokerMessage>().payload, "live");
  client.publish(topic, "", 3, true);
  client.wait<BrokerPublished>();
}

TEST_P(BrokerContract, PublishesEverythingBeforeItDisconnects) {
  BrokerClient reader(url_);
  reader.connected(fresh("e"), protocol());
  const auto topic = "contract/" + fresh("v") + "/inbox";
  reader.subscribe({{topic, false}});
  BrokerClient writer(url_);
  writer.connected(fresh("f"), protocol());
  for (int n = 1; n <= 200; ++n) writer.publish(topic, std::to_string(n), static_cast<std::uint64_t>(n));
  EXPECT_TRUE(writer.broker.stop(std::chrono::seconds(10)));
  EXPECT_EQ(writer.count<BrokerPublished>(), 200U);
  EXPECT_EQ(writer.count<BrokerLost>(), 0U);
  for (int n = 1; n <= 200; ++n) ASSERT_EQ(reader.wait<BrokerMessage>().payload, std::to_string(n));
}

TEST_P(BrokerContract, FindsItsSessionAndWhatWasQueuedAgain) {
  const auto name = fresh("g");
  const auto topic = "contract/" + fresh("u") + "/inbox";
  BrokerClient sleeper(url_);
  sleeper.connected(name, protocol());
  sleeper.subscribe({{topic, false}});
  ASSERT_TRUE(sleeper.broker.stop(std::chrono::seconds(10)));
  BrokerClient writer(url_);
  writer.connected(fresh("h"), protocol());
  for (const char* text : {"one", "two", "three"}) writer.publish(topic, text, 1);
  for (int n = 0; n < 3; ++n) EXPECT_TRUE(writer.wait<BrokerPublished>().ok);
  EXPECT_TRUE(sleeper.connected(name, protocol()).session_present);
  for (const char* text : {"one", "two", "three"}) EXPECT_EQ(sleeper.wait<BrokerMessage>().payload, text);
}

TEST_P(BrokerContract, CarriesALargeMessage) {
  BrokerClient client(url_);
  client.connected(fresh("i"), protocol());
  const auto topic = "contract/" + fresh("t") + "/inbox";
  client.subscribe({{topic, false}});
  const std::string payload(1 << 20, 'x');
  client.publish(topic, payload, 1);
  EXPECT_EQ(client.wait<BrokerMessage>().payload, payload);
}

INSTANTIATE_TEST_SUITE_P(Mqtt, BrokerContract,
                         testing::Values(Way{"5", 5, false}, Way{"311", 4, false}, Way{"311OverWebSockets", 4, true}),
                         [](const auto& way) { return way.param.name; });

INSTANTIATE_TEST_SUITE_P(Mqtt, BrokerContractOfMqtt5, testing::Values(Way{"5", 5, false}));

TEST(Broker, DropsAndReportsWhatIsPublishedWithoutAConnection) {
  BrokerClient client("mqtt://127.0.0.1:1");
  client.publish("contract/none/inbox", "x", 9);
  const auto published = client.wait<BrokerPublished>();
  EXPECT_EQ(published.token, 9U);
  EXPECT_FALSE(published.ok);
  EXPECT_THAT(published.reason, testing::HasSubstr("mqtt://127.0.0.1:1"));
  client.publish("contract/none/inbox", "x");
  EXPECT_EQ(client.broker.counters().dropped, 2U);
}

TEST(Broker, RefusesSettingsWithoutAUsableUrl) {
  EXPECT_THROW(BrokerClient("http://127.0.0.1"), std::invalid_argument);
}

}  // namespace
}  // namespace clawbridge::mqtt
