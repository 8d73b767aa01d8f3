// Which texts a gateway could take for a command, and what is handed over instead.
#include "bridge/gateway/command_text.h"

#include <gtest/gtest.h>

namespace clawbridge::gateway {
namespace {

TEST(CommandText, LeavesOrdinaryTextAsItIs) {
  for (const std::string text : {"", " ", "hello", "  hello /new", "a/b", "!ls", "\u00ff/", "\n\nhello\n"}) {
    EXPECT_EQ(guard_commands(text), text);
  }
}

// Measured: 2026.3.8 wipes the session for every one of these that begins with what JavaScript trims.
TEST(CommandText, GuardsASlashBehindAnyBlank) {
  for (const std::string text :
       {"/reset", "/new x", "  /reset", "\n/new", "\t\r\n/new", "\u00a0/reset", "\u200b/reset", "\ufeff/reset",
        "\u2060/reset", "\u3000\u2028\u2029/new", "\u0085/new", "\u1680\u202f\u205f/new", "/"}) {
    EXPECT_EQ(guard_commands(text), "[remote message] " + text);
  }
}

TEST(CommandText, KnowsEveryBlankOfTheGeneralPunctuationBlock) {
  for (char last = '\x80'; last <= '\x8a'; ++last) {
    EXPECT_TRUE(looks_like_command(std::string("\xe2\x80") + last + "/new"));
  }
}

TEST(CommandText, TakesBrokenUtf8ForText) {
  EXPECT_FALSE(looks_like_command("\xe2\x80/new"));
  EXPECT_FALSE(looks_like_command("\xc2/new"));
}

}  // namespace
}  // namespace clawbridge::gateway
