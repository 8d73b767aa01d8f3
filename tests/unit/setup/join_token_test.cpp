#include "bridge/setup/join_token.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace clawbridge::setup {
namespace {

using testing::HasSubstr;
using testing::Not;

JoinToken full() {
  JoinToken token;
  token.inviter = "macbook";
  token.broker_url = "mqtts://hub.example:8883";
  token.base = "claw/home";
  token.ca = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
  token.login = BrokerLogin::Shared;
  token.username = "bridges";
  token.password = "p\"ä\\";
  token.join_secret = "AAECAwQFBgcICQoLDA0ODw";
  token.seal = "when_possible";
  return token;
}

std::string refusal(const std::string& text) {
  const auto token = decode_join_token(text);
  return token ? "taken" : token.error().message;
}

TEST(JoinToken, CarriesEverything) {
  const auto read = decode_join_token(encode_join_token(full()));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->inviter, "macbook");
  EXPECT_EQ(read->broker_url, full().broker_url);
  EXPECT_EQ(read->base, full().base);
  EXPECT_EQ(read->ca, full().ca);
  EXPECT_EQ(read->login, BrokerLogin::Shared);
  EXPECT_EQ(read->username, full().username);
  EXPECT_EQ(read->password, full().password);
  EXPECT_EQ(read->join_secret, full().join_secret);
  EXPECT_EQ(read->seal, full().seal);
}

TEST(JoinToken, IsOneWordAndHasDefaults) {
  JoinToken token;
  token.broker_url = "mqtt://hub:1883";
  token.join_secret = full().join_secret;
  const std::string word = encode_join_token(token);
  EXPECT_EQ(word.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."),
            std::string::npos);
  EXPECT_LT(word.size(), 150U);
  const auto read = decode_join_token(word);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->base, "claw");
  EXPECT_EQ(read->login, BrokerLogin::None);
  EXPECT_EQ(read->seal, "off");
}

TEST(JoinToken, IsTakenAsItWasPasted) {
  const std::string word = encode_join_token(full());
  EXPECT_EQ(refusal("  $ clawbridge join " + word + "\n"), "taken");
  std::string broken = word;
  for (std::size_t at = 60; at < broken.size(); at += 61) broken.insert(at, "\n");
  EXPECT_EQ(refusal(broken), "taken");
}

TEST(JoinToken, ThatWasCutOffSaysSoWhereverThatWas) {
  const std::string word = encode_join_token(full());
  for (std::size_t length = 4; length < word.size(); ++length) {
    ASSERT_THAT(refusal(word.substr(0, length)), HasSubstr("cut off")) << length;
  }
}

TEST(JoinToken, ThatWasChangedSaysSoAndNothingOfItIsShown) {
  const std::string word = encode_join_token(full());
  for (std::size_t at = 6; at < word.size(); ++at) {
    std::string changed = word;
    changed[at] = changed[at] == 'A' ? 'B' : 'A';
    if (word[at] == '.') continue;  // then it looks cut off
    ASSERT_THAT(refusal(changed), HasSubstr("changed or left out")) << at;
    ASSERT_THAT(refusal(changed), Not(HasSubstr(changed.substr(6, 12))));
  }
  std::string shorter = word;
  shorter.erase(40, 1);
  EXPECT_THAT(refusal(shorter), HasSubstr("changed or left out"));
}

TEST(JoinToken, OfAnotherReleaseOrNoneAtAllIsNamed) {
  EXPECT_THAT(refusal("claw2.AAAA.00000000"), HasSubstr("another release"));
  EXPECT_THAT(refusal("hello"), HasSubstr("does not begin with \"claw\""));
  EXPECT_THAT(refusal(""), HasSubstr("does not begin"));
  EXPECT_THAT(refusal(std::string(70'000, 'A')), HasSubstr("longer than any"));
  JoinToken wrong = full();
  wrong.broker_url = "ftp://hub";
  EXPECT_THAT(refusal(encode_join_token(wrong)), HasSubstr("not for this release"));
  wrong = full();
  wrong.join_secret = "short";
  EXPECT_THAT(refusal(encode_join_token(wrong)), HasSubstr("not for this release"));
}

}  // namespace
}  // namespace clawbridge::setup
