// Suggestions for mistyped words.
#include "bridge/api/nearest.h"

#include <gtest/gtest.h>

#include <array>

namespace clawbridge::api {
namespace {

constexpr std::array<std::string_view, 4> kKnown{"message", "sessionKey", "timeoutSeconds", "label"};

TEST(Nearest, FindsAWordWithAFewMistakes) {
  EXPECT_EQ(nearest("mesage", kKnown), "message");
  EXPECT_EQ(nearest("sesionkey", kKnown), "sessionKey");
  EXPECT_EQ(nearest("timeout_seconds", kKnown), "timeoutSeconds");
  EXPECT_EQ(nearest("lable", kKnown), "label");
}

TEST(Nearest, SuggestsNothingForAWordThatIsFarAway) {
  EXPECT_EQ(nearest("prompt", kKnown), "");
  EXPECT_EQ(nearest("", kKnown), "");
  EXPECT_EQ(nearest(std::string(100'000, 'm'), kKnown), "");
}

}  // namespace
}  // namespace clawbridge::api
