#include "topics/topic.h"

#include <gtest/gtest.h>

namespace clawbridge {
namespace {

TEST(Topics, AreBuiltAndTakenApart) {
  const Topics topics("site/claw");
  EXPECT_EQ(topics.inbox({"imac", "jarvis"}), "site/claw/imac/jarvis/inbox");
  EXPECT_EQ(topics.reply({"imac", "_bridge"}), "site/claw/imac/_bridge/reply");
  EXPECT_EQ(topics.inbox_filter("imac"), "site/claw/imac/+/inbox");
  EXPECT_EQ(topics.state_filter(), "site/claw/+/state");

  const auto inbox = topics.parse("site/claw/imac/jarvis/inbox");
  ASSERT_TRUE(inbox);
  EXPECT_EQ(std::get<topic::Inbox>(*inbox).to, (Address{"imac", "jarvis"}));
  EXPECT_TRUE(std::holds_alternative<topic::Hello>(*topics.parse("site/claw/_all/hello")));
  EXPECT_EQ(std::get<topic::State>(*topics.parse("site/claw/imac/state")).gateway, "imac");
}

TEST(Topics, RefuseWhatIsNotTheirs) {
  const Topics topics("claw");
  for (const auto* text : {"claw", "claw/", "claw/imac", "claw/_all/inbox", "claw/_all/state", "claw/IMAC/state", "claws/imac/state",
                           "claw/imac/jarvis/inbox/x", "claw/imac//inbox", "claw/imac/_pool/inbox", "/claw/imac/state"}) {
    EXPECT_FALSE(topics.parse(text)) << text;
  }
}

TEST(TopicBase, HasAtMostFiveLevelsWithoutDollar) {
  EXPECT_TRUE(is_topic_base("claw"));
  EXPECT_TRUE(is_topic_base("a/b/c/d/e"));
  for (const auto* text : {"", "/claw", "claw/", "a//b", "$SYS", "claw/+", "claw/#", "a/b/c/d/e/f", "with blank"}) {
    EXPECT_FALSE(is_topic_base(text)) << text;
  }
}

TEST(Names, FollowTheContract) {
  EXPECT_TRUE(is_gateway_name("imac-2_x"));
  EXPECT_FALSE(is_gateway_name("_bridge"));
  EXPECT_FALSE(is_gateway_name("Imac"));
  EXPECT_FALSE(is_gateway_name(std::string(64, 'a')));
  EXPECT_TRUE(is_agent_id(std::string(64, 'a')));
  EXPECT_TRUE(Address::parse("imac/_bridge"));
  for (const auto* text : {"imac", "imac/", "/jarvis", "imac/_x", "imac/a/b", "imac/../x"}) EXPECT_FALSE(Address::parse(text)) << text;
}

}  // namespace
}  // namespace clawbridge
