// Settings as earlier releases showed them, saved in saved/: what could be written once can still be read, and means
// the same. And what a release says of settings that are newer than it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <sstream>

#include "machine.h"

namespace clawbridge::config {
namespace {

using testing::HasSubstr;

class SavedSettings : public testing::TestWithParam<int> {
 protected:
  /// With everything that the file shows switched on.
  static std::string text() {
    std::ifstream file(std::string(CLAWBRIDGE_SOURCE_DIR "/tests/unit/config/saved/example-") +
                       std::to_string(GetParam()) + ".yaml");
    std::string all;
    for (std::string line; std::getline(file, line);) {
      const bool setting = line.starts_with('#') && !line.starts_with("# ");
      const bool indented = line.starts_with("#  ");
      if (setting || indented) line.erase(0, 1);
      all += line + "\n";
    }
    return all;
  }
};

TEST_P(SavedSettings, LoadAndMeanTheSame) {
  Machine machine;
  machine.variables = {{"OPENCLAW_GATEWAY_TOKEN", "t"}, {"XDG_RUNTIME_DIR", "/run/user/1000"}};
  machine.files = {{"/home/tony/.config/clawbridge/broker-password", "p\n"},
                   {"/home/tony/.config/clawbridge/join-secret", "AAECAwQFBgcICQoLDA0ODw\n"},
                   {"/home/tony/.config/clawbridge/token-jarvis", std::string(64, '1') + "\n"},
                   {"/home/tony/.config/clawbridge/token-bridge", std::string(64, '2') + "\n"}};
  ASSERT_GT(text().size(), 500U);
  const auto settings = machine.load(text());
  EXPECT_EQ(settings.gateway.name, "imac");
  EXPECT_EQ(settings.gateway.token.reveal(), "t");
  EXPECT_EQ(settings.broker.url, "mqtt://127.0.0.1:1883");
  EXPECT_EQ(settings.broker.password.reveal(), "p");
  EXPECT_EQ(settings.broker.base, "claw");
  EXPECT_EQ(settings.remote_agents.at("pepper").str(), "studio/pepper");
  EXPECT_TRUE(settings.peers.contains("macbook"));
  EXPECT_EQ(settings.trust.join.reveal().size(), 16U);
  EXPECT_EQ(settings.trust.seal, Seal::Off);
  EXPECT_EQ(settings.store.path, "/home/tony/.local/state/clawbridge/journal.db");
  EXPECT_EQ(settings.store.keep, std::chrono::hours(7 * 24));
  EXPECT_EQ(settings.api.socket, "/run/user/1000/clawbridge.sock");
  EXPECT_EQ(settings.limits.message_bytes, 1'048'576U);
}

INSTANTIATE_TEST_SUITE_P(Releases, SavedSettings, testing::Values(1, 2, 3, 4), testing::PrintToStringParamName());

TEST(NewerSettings, AreRefusedWithTheirPlace) {
  Machine machine;
  EXPECT_THAT(machine.error("version: 2\n"), HasSubstr("clawbridge.yaml:1: version is \"2\"; allowed: 1"));
  EXPECT_THAT(machine.error("version: 1\nbroker:\n  url: mqtt://hub\n  topic_aliases: true\n"),
              HasSubstr("clawbridge.yaml:4: unknown key \"broker.topic_aliases\""));
}

}  // namespace
}  // namespace clawbridge::config
