// Passwords and their hashes. That mosquitto takes them is shown by the integration test of the whole folder.
#include "bridge/brokers/passwords.h"

#include <gtest/gtest.h>

#include <regex>
#include <set>

namespace clawbridge::brokers {
namespace {

TEST(Passwords, AreLongAndNeverTheSame) {
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) {
    const auto password = random_password();
    EXPECT_TRUE(std::regex_match(password, std::regex("[A-Za-z0-9_-]{32}"))) << password;
    EXPECT_TRUE(seen.insert(password).second);
  }
}

TEST(Passwords, AreHashedWithASaltOfTheirOwn) {
  const auto hash = mosquitto_hash("secret");
  EXPECT_TRUE(std::regex_match(hash, std::regex(R"(\$7\$101\$[A-Za-z0-9+/]{16}\$[A-Za-z0-9+/]{86}==)"))) << hash;
  EXPECT_NE(hash, mosquitto_hash("secret"));
}

}  // namespace
}  // namespace clawbridge::brokers
