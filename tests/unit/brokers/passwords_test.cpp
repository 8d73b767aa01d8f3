// Passwords and their hashes. That mosquitto takes them is shown by the integration test of the whole folder.
#include "bridge/brokers/passwords.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace clawbridge::brokers {
namespace {

TEST(Passwords, AreLongAndNeverTheSame) {
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) {
    const auto password = random_password();
    EXPECT_THAT(password, ::testing::MatchesRegex("[A-Za-z0-9_-]{32}"));
    EXPECT_TRUE(seen.insert(password).second);
  }
}

TEST(Passwords, AreHashedWithASaltOfTheirOwn) {
  const auto hash = mosquitto_hash("secret");
  EXPECT_THAT(hash, ::testing::MatchesRegex(R"(\$7\$101\$[A-Za-z0-9+/]{16}\$[A-Za-z0-9+/]{86}==)"));
  EXPECT_NE(hash, mosquitto_hash("secret"));
}

}  // namespace
}  // namespace clawbridge::brokers
