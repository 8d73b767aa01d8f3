// The access rules in each broker's words, as files to be read; and that they say what the contract says.
// CLAWBRIDGE_UPDATE_GOLDEN=1 writes the files anew.
#include "bridge/brokers/access_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace clawbridge::brokers {
namespace {

using testing::HasSubstr;

const Federation kTwo{.gateways = {"macbook", "imac-2"}, .plain_replies = {"me/+", "answers/#"}};

struct Case {
  Kind kind;
  const char* name;
};

class AccessRules : public testing::TestWithParam<Case> {};

TEST_P(AccessRules, AreAsReviewed) {
  const std::string path = CLAWBRIDGE_SOURCE_DIR "/tests/golden/broker-acl/" + std::string(GetParam().name);
  check(kTwo, GetParam().kind);
  const auto rules = access_rules(kTwo, GetParam().kind);
  if (const char* update = std::getenv("CLAWBRIDGE_UPDATE_GOLDEN"); update != nullptr && std::string(update) == "1") {
    std::ofstream(path, std::ios::binary) << rules;
  }
  std::ifstream file(path, std::ios::binary);
  EXPECT_EQ((std::string{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()}), rules);
}

TEST_P(AccessRules, FollowTheBase) {
  const auto rules = access_rules({.gateways = {"imac"}, .base = "site/claw"}, GetParam().kind);
  EXPECT_THAT(rules, ::testing::ContainsRegex(R"(site(/|\.|\\\.)claw(/|\.|\\\.)_all(/|\.|\\\.)hello)"));
  EXPECT_THAT(rules, ::testing::Not(::testing::ContainsRegex(R"([ "(|]claw(/|\.|\\\.)(imac|_all|\+|\*))")));
}

INSTANTIATE_TEST_SUITE_P(Brokers, AccessRules,
                         testing::Values(Case{Kind::Mosquitto, "mosquitto.acl"}, Case{Kind::Emqx, "emqx-acl.conf"},
                                         Case{Kind::RabbitMq, "rabbitmq.sh"}, Case{Kind::Nats, "nats.conf"}),
                         [](const auto& one) { return std::string(one.param.name).substr(0, 4); });

std::string why(const Federation& federation, Kind kind = Kind::Mosquitto) {
  try {
    check(federation, kind);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return {};
}

TEST(Federation, TakesNamesBasesAndFiltersOfTheContractOnly) {
  EXPECT_EQ(why({.gateways = {"imac"}}), "");
  EXPECT_THAT(why({}), HasSubstr("--gateway NAME"));
  EXPECT_THAT(why({.gateways = {"imac", "imac"}}), HasSubstr("twice"));
  for (const char* name :
       {"", "IMAC", "_all", "i mac", "imac\"", "imac\ntopic read #", "+", "#", "a/b", "$x", "imac'"}) {
    EXPECT_THAT(why({.gateways = {name}}), HasSubstr("no gateway name")) << name;
  }
  for (const char* base : {"", "/", "claw/", "a b", "claw/#", "+", "$SYS", "cl\"aw", "a/b/c/d/e/f"}) {
    EXPECT_THAT(why({.gateways = {"imac"}, .base = base}), HasSubstr("no base")) << base;
  }
  for (const char* filter :
       {"", "#", "me/#/x", "me/+x", "me//x", "$SYS/x", "me\nuser root", "me/\"", "a/b/c/d/e/f/g/h/i"}) {
    EXPECT_NE(why({.gateways = {"imac"}, .plain_replies = {filter}}), "") << filter;
  }
}

TEST(Federation, KeepsPlainRepliesOutOfTheBase) {
  const auto with = [](const char* filter, const char* base) {
    return why({.gateways = {"imac"}, .base = base, .plain_replies = {filter}});
  };
  for (const char* filter : {"claw/x", "claw/#", "+/imac/state", "+/#", "claw", "+"}) {
    EXPECT_THAT(with(filter, "claw"), HasSubstr("outside of it")) << filter;
  }
  for (const char* filter : {"site/claw/x", "site/#", "site/+/state", "+/claw/#"}) {
    EXPECT_THAT(with(filter, "site/claw"), HasSubstr("outside of it")) << filter;
  }
  for (const char* filter : {"clawx/y", "me/claw", "me/#", "site", "site/other/#", "+"}) {
    EXPECT_EQ(with(filter, "site/claw"), "") << filter;
  }
}

TEST(Federation, HasNoDotsWhereTheySeparateLevels) {
  for (const auto kind : {Kind::RabbitMq, Kind::Nats}) {
    EXPECT_THAT(why({.gateways = {"imac"}, .base = "v1.claw"}, kind), HasSubstr("dot"));
    EXPECT_NE(why({.gateways = {"imac"}, .plain_replies = {"me.x/+"}}, kind), "");
  }
  EXPECT_EQ(why({.gateways = {"imac"}, .base = "v1.claw", .plain_replies = {"me.x/+"}}, Kind::Emqx), "");
}

// ---- RabbitMQ cannot be run here: its patterns are tried as its regular expressions would be ----

struct RabbitPatterns {
  std::string configure, write, read, topic_write, topic_read;
};

RabbitPatterns patterns_of(const std::string& gateway) {
  const auto rules = access_rules({.gateways = {"imac", "imac-2"}}, Kind::RabbitMq);
  const auto after = [&](const std::string& command, int which) {
    auto at = rules.find(command);
    EXPECT_NE(at, std::string::npos);
    for (int i = 0; i < 2 * which; ++i) at = rules.find('\'', at) + 1;
    at = rules.find('\'', at) + 1;
    return rules.substr(at, rules.find('\'', at) - at);
  };
  const std::string permissions = "set_permissions -p / " + gateway + " ";
  const std::string topics = "set_topic_permissions -p / " + gateway + " amq.topic ";
  return {after(permissions, 0), after(permissions, 1), after(permissions, 2), after(topics, 0), after(topics, 1)};
}

bool matches(const std::string& pattern, const std::string& text) {
  return ::testing::Matches(::testing::ContainsRegex(pattern))(text);
}

TEST(RabbitMq, PatternsAllowWhatTheContractAllows) {
  const auto imac = patterns_of("imac");
  const std::string queue = "mqtt-subscription-claw-imac-0123abcd-subqos1";
  EXPECT_TRUE(matches(imac.configure, queue));
  for (const auto* pattern : {&imac.write, &imac.read}) {
    EXPECT_TRUE(matches(*pattern, queue));
    EXPECT_TRUE(matches(*pattern, "amq.topic"));
  }
  for (const char* key : {"claw.imac.state", "claw.imac.jarvis.reply", "claw.macbook.main.inbox",
                          "claw.macbook._bridge.reply", "claw._all.hello"}) {
    EXPECT_TRUE(matches(imac.topic_write, key)) << key;
  }
  for (const char* key : {"claw.imac.*.inbox", "claw.imac.*.reply", "claw.*.state", "claw._all.hello"}) {
    EXPECT_TRUE(matches(imac.topic_read, key)) << key;
  }
}

TEST(RabbitMq, PatternsAllowNothingElse) {
  const auto imac = patterns_of("imac");
  for (const char* queue :
       {"mqtt-subscription-claw-imac-2-0123abcd-subqos1", "mqtt-subscription-claw-macbook-0123abcd-subqos1",
        "mqtt-subscription-claw-imac-0123abcd-subqos1x", "x-mqtt-subscription-claw-imac-0123abcd-subqos1",
        "amq.default", "amqxtopic", "amq.fanout", ""}) {
    EXPECT_FALSE(matches(imac.configure, queue) || matches(imac.write, queue) || matches(imac.read, queue)) << queue;
  }
  EXPECT_FALSE(matches(imac.configure, "amq.topic"));
  for (const char* key :
       {"claw.macbook.state", "claw.imac-2.state", "claw.imac", "claw.macbook.main.other", "claw.macbook.a.b.inbox",
        "other.imac.state", "clawximac.state", "x.claw.imac.state", "claw._all.other", "#", ""}) {
    EXPECT_FALSE(matches(imac.topic_write, key)) << key;
  }
  for (const char* key : {"claw.#", "#", "claw.*.*.inbox", "claw.imac-2.*.inbox", "claw.macbook.main.inbox",
                          "claw.imac.#", "claw.#.state", "claw.#.inbox", "*.imac.*.inbox", ""}) {
    EXPECT_FALSE(matches(imac.topic_read, key)) << key;
  }
}

TEST(Kinds, AreKnownByName) {
  EXPECT_EQ(kind_from("mosquitto"), Kind::Mosquitto);
  EXPECT_EQ(kind_from("emqx"), Kind::Emqx);
  EXPECT_EQ(kind_from("rabbitmq"), Kind::RabbitMq);
  EXPECT_EQ(kind_from("nats"), Kind::Nats);
  EXPECT_EQ(kind_from("hivemq"), std::nullopt);
}

}  // namespace
}  // namespace clawbridge::brokers
