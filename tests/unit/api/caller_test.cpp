// Who may be named as the caller.
#include "bridge/api/caller.h"

#include <gtest/gtest.h>

namespace clawbridge::api {
namespace {

TEST(ParseCaller, DefaultsToAPerson) {
  EXPECT_EQ(parse_caller("", "")->agent, "_bridge");
  EXPECT_EQ(parse_caller("_bridge", "")->agent, "_bridge");
  EXPECT_EQ(parse_caller("jarvis", "agent:jarvis:main")->session, "agent:jarvis:main");
}

TEST(ParseCaller, KnowsWhoOnlyLooks) {
  const auto watcher = parse_caller("_watch", "");
  ASSERT_TRUE(watcher);
  EXPECT_TRUE(watcher->is_watcher());
  EXPECT_TRUE(watcher->is_person());
  EXPECT_FALSE(watcher->is_operator());
  EXPECT_FALSE(parse_caller("_watch", "agent:_watch:main"));
  EXPECT_FALSE(parse_caller("jarvis", "")->is_person());
}

TEST(ParseCaller, RefusesWhatIsNoAgent) {
  EXPECT_FALSE(parse_caller("_other", ""));
  EXPECT_FALSE(parse_caller("imac/jarvis", ""));
  EXPECT_FALSE(parse_caller("jarvis", std::string(2000, 'x')));
  EXPECT_FALSE(parse_caller("jarvis", "\xff"));
}

TEST(ParseCaller, TakesSessionsOfTheAgentItself) {
  for (const std::string session : {"agent:jarvis:main", "agent:jarvis:subagent:0f", "agent:jarvis:whatsapp:+49 1 ä"}) {
    const auto caller = parse_caller("jarvis", session);
    ASSERT_TRUE(caller) << session;
    EXPECT_EQ(caller->session, session);
  }
  for (const std::string other : {"agent:pepper:main", "agent:jarvis2:main", "agent:_bridge:main", "agent::main1234",
                                  "agent:jarvi:main1", "agent:jarvis/../pepper:main"}) {
    const auto refused = parse_caller("jarvis", other);
    ASSERT_FALSE(refused) << other;
    EXPECT_EQ(refused.error().code, ErrorCode::Forbidden) << other;
  }
  for (const std::string none : {"main", "agent:", "agent:jarvis", "agent:jarvis:", "AGENT:jarvis:main",
                                 " agent:jarvis:x", "imac/agent:jarvis:main"}) {
    EXPECT_FALSE(parse_caller("jarvis", none)) << none;
  }
  EXPECT_FALSE(parse_caller("", "agent:main:main"));
  EXPECT_FALSE(parse_caller("_bridge", "agent:_bridge:main"));
}

TEST(ParseCaller, RefusesControlCharactersAndLongSessions) {
  using namespace std::string_literals;
  for (const std::string& control :
       {"\0"s, "\x01"s, "\t"s, "\n"s, "\r\n"s, "\x1b[2J"s, "\x7f"s, "\xc2\x80"s, "\xc2\x9f"s}) {
    const auto refused = parse_caller("jarvis", "agent:jarvis:a" + control + "b");
    ASSERT_FALSE(refused) << control;
    EXPECT_EQ(refused.error().code, ErrorCode::BadRequest);
  }
  EXPECT_TRUE(parse_caller("jarvis", "agent:jarvis:\xc2\xa0")) << "no control character";
  EXPECT_TRUE(parse_caller("jarvis", "agent:jarvis:" + std::string(1011, 'x')));
  EXPECT_FALSE(parse_caller("jarvis", "agent:jarvis:" + std::string(1012, 'x')));
  EXPECT_FALSE(parse_caller(std::string(65, 'a'), ""));
  EXPECT_FALSE(parse_caller("jarvis\n", ""));
}

}  // namespace
}  // namespace clawbridge::api
