// The forms of values.
#include "config/values.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace clawbridge::config {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Values, ReadDurations) {
  EXPECT_EQ(parse_duration("7d"), 7 * 24h);
  EXPECT_EQ(parse_duration("24h"), 24h);
  EXPECT_EQ(parse_duration("3m"), 3min);
  EXPECT_EQ(parse_duration("30s"), 30s);
  EXPECT_EQ(parse_duration("5ms"), 5ms);
  EXPECT_EQ(parse_duration("0ms"), 0ms);
  for (const std::string text :
       {"", "7", "d", "7 d", " 7d", "7D", "-7d", "+7d", "1.5h", "7dd", "7d1h", "99999999999999999999ms", "36501d"}) {
    EXPECT_EQ(parse_duration(text), std::nullopt) << text;
  }
}

TEST(Values, WriteDurationsInTheGreatestUnit) {
  for (const std::string text : {"7d", "25h", "90m", "30s", "1500ms", "0ms"}) {
    EXPECT_EQ(format_duration(parse_duration(text).value()), text);
  }
}

TEST(Values, ReadIntegersAndBooleans) {
  EXPECT_EQ(parse_integer("0"), 0U);
  EXPECT_EQ(parse_integer("18446744073709551615"), UINT64_MAX);
  for (const std::string text : {"", "-1", "+1", "1 ", "0x10", "1e3", "1_000", "18446744073709551616"}) {
    EXPECT_EQ(parse_integer(text), std::nullopt) << text;
  }
  EXPECT_EQ(parse_boolean("true"), true);
  EXPECT_EQ(parse_boolean("false"), false);
  for (const std::string text : {"", "yes", "on", "1", "True"}) EXPECT_EQ(parse_boolean(text), std::nullopt) << text;
}

TEST(Values, SplitLists) {
  EXPECT_THAT(split_list("a, b ,c"), ElementsAre("a", "b", "c"));
  EXPECT_THAT(split_list(",a,, "), ElementsAre("a"));
  EXPECT_THAT(split_list(""), IsEmpty());
}

TEST(Values, TakeUrlsApart) {
  const auto url = parse_url("wss://[fe80::1]:8084/mqtt?x");
  ASSERT_TRUE(url.has_value());
  EXPECT_EQ(url->scheme, "wss");
  EXPECT_EQ(url->host, "fe80::1");
  EXPECT_EQ(url->port, 8084);
  EXPECT_EQ(url->path, "/mqtt?x");
  EXPECT_EQ(parse_url("mqtt://hub")->port, 0);
  for (const std::string text :
       {"", "hub", "hub:1883", "://hub", "mqtt://", "mqtt://:1883", "mqtt://hub:", "mqtt://hub:0", "mqtt://hub:65536",
        "mqtt://hub:x", "mqtt://[::1", "mqtt://[::1]x", "mqtt://a b", "mqtt://a\n"}) {
    EXPECT_FALSE(parse_url(text).has_value()) << text;
  }
}

TEST(Values, KnowBrokerUrls) {
  for (const std::string text : {"mqtt://hub", "mqtts://hub:8883", "tcp://10.0.0.1:1883", "ssl://hub", "ws://hub/mqtt",
                                 "wss://hub:443/a/b", "mqtt://[::1]:1883", "mqtt://hub/"}) {
    EXPECT_TRUE(is_broker_url(text)) << text;
  }
  for (const std::string text : {"http://hub", "hub", "mqtt://hub/path", "mqtt://u:p@hub", "MQTT://hub"}) {
    EXPECT_FALSE(is_broker_url(text)) << text;
  }
  EXPECT_TRUE(is_broker_tls("mqtts://x") && is_broker_tls("ssl://x") && is_broker_tls("wss://x"));
  EXPECT_FALSE(is_broker_tls("mqtt://x") || is_broker_tls("tcp://x") || is_broker_tls("ws://x"));
}

TEST(Values, WantEnoughRandomnessInAJoinSecret) {
  EXPECT_TRUE(is_join_secret("AAECAwQFBgcICQoLDA0ODw"));     // 16 bytes
  EXPECT_FALSE(is_join_secret("AAECAwQFBgcICQoLDA0O"));      // 15
  EXPECT_FALSE(is_join_secret("AAECAwQFBgcICQoLDA0ODw=="));  // padded
  EXPECT_FALSE(is_join_secret(""));
}

}  // namespace
}  // namespace clawbridge::config
