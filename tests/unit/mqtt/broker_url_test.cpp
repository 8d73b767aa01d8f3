// Broker addresses as people write them.
#include "bridge/mqtt/broker_url.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace clawbridge::mqtt {
namespace {

struct Good {
  const char* text;
  const char* paho;
  const char* host;
  int port;
  bool tls;
};

TEST(BrokerUrl, TakesEverySchemeWithItsPort) {
  for (const Good& good :
       {Good{"mqtt://hub", "tcp://hub:1883", "hub", 1883, false},
        Good{"mqtt://hub:1884", "tcp://hub:1884", "hub", 1884, false},
        Good{"mqtt://hub/", "tcp://hub:1883", "hub", 1883, false},
        Good{"mqtts://hub.example", "ssl://hub.example:8883", "hub.example", 8883, true},
        Good{"tcp://hub", "tcp://hub:1883", "hub", 1883, false}, Good{"ssl://hub:1", "ssl://hub:1", "hub", 1, true},
        Good{"mqtt://[::1]", "tcp://[::1]:1883", "::1", 1883, false},
        Good{"mqtts://[fe80::1]:65535", "ssl://[fe80::1]:65535", "fe80::1", 65535, true}}) {
    const auto url = parse_broker_url(good.text);
    ASSERT_TRUE(url) << good.text << ": " << url.error().message;
    EXPECT_EQ(url->shown, good.text);
    EXPECT_EQ(url->paho, good.paho);
    EXPECT_EQ(url->host, good.host);
    EXPECT_EQ(url->port, good.port);
    EXPECT_EQ(url->tls, good.tls);
  }
}

TEST(BrokerUrl, KeepsTheWayOfAWebSocketFromPaho) {
  struct Way {
    const char* text;
    const char* host;
    int port;
    bool tls;
    const char* path;
  };
  for (const Way& way : {Way{"ws://hub", "hub", 80, false, "/mqtt"}, Way{"wss://hub/mqtt", "hub", 443, true, "/mqtt"},
                         Way{"ws://hub:8080/a/b?c", "hub", 8080, false, "/a/b?c"},
                         Way{"wss://[::1]:8084/", "::1", 8084, true, "/"}}) {
    const auto url = parse_broker_url(way.text);
    ASSERT_TRUE(url) << way.text << ": " << url.error().message;
    EXPECT_TRUE(url->websocket);
    EXPECT_EQ(url->paho, "");
    EXPECT_EQ(url->host, way.host);
    EXPECT_EQ(url->port, way.port);
    EXPECT_EQ(url->tls, way.tls);
    EXPECT_EQ(url->path, way.path);
  }
  EXPECT_FALSE(parse_broker_url("mqtts://hub")->websocket);
}

TEST(BrokerUrl, RefusesWhatItCannotUseAndSaysWhy) {
  for (const char* text : {"", "hub", "hub:1883", "http://hub", "mqtt:hub", "mqtt://", "mqtt://:1883",
                           "mqtt://hub:", "mqtt://hub:0", "mqtt://hub:65536", "mqtt://hub:18x", "mqtt://hub:-1",
                           "mqtt://hub/path", "mqtt://[::1", "mqtt://[::1]x", "mqtt://[]:1883", "MQTT://hub", "ws://hub/a b",
                           "ws://hub/a\r\nX: y", "wss://hub/#a"}) {
    const auto url = parse_broker_url(text);
    ASSERT_FALSE(url) << text;
    EXPECT_THAT(url.error().message, testing::HasSubstr("broker.url \"" + std::string(text) + "\"")) << text;
  }
}

TEST(BrokerUrl, NeverRepeatsAPasswordThatStandsInIt) {
  for (const char* text : {"mqtt://imac:hunter2@hub", "nonsense://imac:hunter2@hub"}) {
    const auto url = parse_broker_url(text);
    ASSERT_FALSE(url);
    EXPECT_THAT(url.error().message, testing::Not(testing::HasSubstr("hunter2")));
    EXPECT_THAT(url.error().message, testing::HasSubstr("broker.password"));
  }
}

}  // namespace
}  // namespace clawbridge::mqtt
