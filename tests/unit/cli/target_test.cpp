// How people write whom a message is for.
#include "bridge/cli/target.h"

#include <gtest/gtest.h>

#include "bridge/cli/failure.h"

namespace clawbridge::cli {
namespace {

Target target(std::string gateway, std::string agent, std::string session_key, std::string label = {}) {
  return {std::move(gateway), std::move(agent), std::move(session_key), std::move(label)};
}

TEST(Target, MayBeWrittenInFourWays) {
  EXPECT_EQ(parse_target("imac/jarvis", "", ""), target("imac", "jarvis", ""));
  EXPECT_EQ(parse_target("agent:jarvis:main", "", ""), target("", "", "agent:jarvis:main"));
  EXPECT_EQ(parse_target("imac/agent:jarvis:main", "", ""), target("imac", "", "agent:jarvis:main"));
  EXPECT_EQ(parse_target("jarvis", "", ""), target("", "jarvis", ""));
}

TEST(Target, KeepsSlashesOfASessionKey) {
  EXPECT_EQ(parse_target("agent:jarvis:chat/7", "", ""), target("", "", "agent:jarvis:chat/7"));
  EXPECT_EQ(parse_target("imac/agent:jarvis:chat/7", "", ""), target("imac", "", "agent:jarvis:chat/7"));
}

TEST(Target, TakesALabelOrASession) {
  EXPECT_EQ(parse_target("imac/jarvis", "Review", ""), target("imac", "jarvis", "", "Review"));
  EXPECT_EQ(parse_target("imac", "Review", ""), target("imac", "", "", "Review"));
  EXPECT_EQ(parse_target("imac/jarvis", "", "agent:jarvis:x"), target("imac", "jarvis", "agent:jarvis:x"));
  EXPECT_EQ(parse_target("jarvis", "", "agent:jarvis:x"), target("", "jarvis", "agent:jarvis:x"));
}

TEST(Target, IsRefusedWhenItMakesNoSense) {
  for (const char* wrong : {"", "/", "imac/", "/jarvis", "Imac/jarvis", "imac/jarvis/x", "imac/_bridge", "two words"}) {
    EXPECT_THROW((void)parse_target(wrong, "", ""), Failure) << wrong;
  }
  EXPECT_THROW((void)parse_target("imac/jarvis", "L", "K"), Failure);
  EXPECT_THROW((void)parse_target("agent:jarvis:main", "L", ""), Failure);
  EXPECT_THROW((void)parse_target("imac/agent:jarvis:main", "", "K"), Failure);
}

TEST(ParseCaller, TakesAnAgentOrOneOfItsSessions) {
  EXPECT_EQ(parse_caller("").agent, "");
  EXPECT_EQ(parse_caller("main").agent, "main");
  EXPECT_EQ(parse_caller("agent:main:work:1").agent, "main");
  EXPECT_EQ(parse_caller("agent:main:work:1").session, "agent:main:work:1");
  for (const char* wrong : {"imac/main", "agent:", "agent:main", "agent::main", "Main!"}) EXPECT_THROW((void)parse_caller(wrong), Failure) << wrong;
}

}  // namespace
}  // namespace clawbridge::cli
