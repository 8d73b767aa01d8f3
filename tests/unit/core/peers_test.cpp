// Whom a bridge believes: pinning by join secret, by hand and by configuration.
#include "world.h"

namespace clawbridge::core {
namespace {

using namespace std::chrono_literals;

class PeersTest : public World {
 protected:
  void start_with(std::optional<std::string> imacs_secret) {
    imac.options().join_secret = std::move(imacs_secret);
    imac.boot(now);
    bring_up();
  }
  PeerView imac_seen() { return macbook.core().peers().at(0); }
};

TEST_F(PeersTest, TheJoinSecretPinsAtFirstSight) {
  start_with(kJoinSecret);
  EXPECT_EQ(imac_seen().trust, "joined");
}

TEST_F(PeersTest, WithoutItAPeerIsPendingAndItsRequestsWait) {
  start_with(std::nullopt);
  EXPECT_EQ(imac_seen().trust, "pending");
  // Without a secret imac cannot check macbook's proof either.
  EXPECT_EQ(imac.core().peers().at(0).trust, "pending");
  const auto refused = answer(send("imac/jarvis", "hello"));
  ASSERT_TRUE(refused);
  ASSERT_FALSE(*refused);
  EXPECT_EQ(refused->error().code, ErrorCode::AwaitingTrust);

  // A person on macbook trusts imac; imac still does not trust macbook and puts its request off.
  macbook.step(now, event::LocalTrust{900, "imac", imac_seen().fingerprint.substr(0, 16)});
  EXPECT_EQ(imac_seen().trust, "trusted");
  const auto ticket = send("imac/jarvis", "hello", 10min);
  settle();
  EXPECT_EQ(macbook.core().exchanges(1).at(0).reason, "awaiting_trust");
  EXPECT_TRUE(imac.take<action::StartRun>().empty());
  imac.step(now, event::LocalTrust{901, "macbook", imac.core().peers().at(0).fingerprint});
  pass(90s);
  EXPECT_EQ(finish_all(imac), 1u);
  settle();
  EXPECT_EQ(answer(ticket)->value().status, "ok");
}

TEST_F(PeersTest, AWrongFingerprintIsNotTrusted) {
  start_with(std::nullopt);
  macbook.step(now, event::LocalTrust{900, "imac", "0000000000000000"});
  EXPECT_EQ(imac_seen().trust, "pending");
}

TEST_F(PeersTest, OtherKeysUnderAPinnedNameAreRefused) {
  start_with(kJoinSecret);
  const auto fingerprint = imac_seen().fingerprint;
  lose_broker(imac);
  imac.crash();
  // A newcomer with its own keys and even the secret.
  imac.options().keys = crypto::load_or_create_keys(folder_.path() / "other.keys.json", "imac").value();
  imac.boot(now, true);
  pass(10s);
  EXPECT_EQ(imac_seen().fingerprint, fingerprint);
  EXPECT_EQ(imac_seen().presence, "offline");
  EXPECT_GE(macbook.count("state.key_changed"), 1u);
}

TEST_F(PeersTest, PinsSurviveARestart) {
  start_with(kJoinSecret);
  macbook.options().join_secret.reset();
  macbook.boot(now);
  EXPECT_EQ(imac_seen().trust, "joined");
  EXPECT_EQ(imac_seen().agents.size(), 2u);
}

TEST_F(PeersTest, ThePinOfTheConfigurationDecides) {
  start_with(kJoinSecret);
  const auto fingerprint = imac_seen().fingerprint;
  macbook.options().peers = {{"imac", std::string(64, '0')}};
  macbook.boot(now);
  pass(10s);
  EXPECT_TRUE(macbook.core().peers().empty());
  macbook.options().peers = {{"imac", fingerprint}};
  macbook.boot(now);
  pass(10s);
  EXPECT_EQ(imac_seen().trust, "configured");
}

TEST_F(PeersTest, AnOlderStateIsIgnored) {
  start_with(kJoinSecret);
  std::string old;
  for (const auto& message : log) {
    if (message.topic == "claw/imac/state") old = message.payload;
  }
  lose_broker(imac);
  EXPECT_EQ(imac_seen().presence, "offline");
  publish({.topic = "claw/imac/state", .payload = old, .correlation_id = {}, .response_topic = {}, .expires_in = {}});
  EXPECT_EQ(imac_seen().presence, "offline");
}

TEST_F(PeersTest, AnotherIncarnationWithALowerEpochIsBelievedWhenItAnswers) {
  start_with(kJoinSecret);
  const auto ticket = send("imac/jarvis", "hello", 0ms);
  const auto id = answer(ticket)->value().correlation_id;
  settle();
  // imac loses its journal and its clock: its next epoch lies below the one macbook knows.
  lose_broker(imac);
  imac.crash();
  imac.boot({now.instant, now.wall - 48h}, true);
  gateway_up(imac, {"jarvis"});
  settle();
  pass(15s);
  EXPECT_EQ(imac_seen().presence, "online");
  EXPECT_EQ(macbook.core().exchange(id)->status, "unknown");
}

TEST_F(PeersTest, AnOldJournalsStateReplayedAsksOnceNotForEver) {
  start_with(kJoinSecret);
  std::string old;
  for (const auto& message : log) {
    if (message.topic == "claw/imac/state") old = message.payload;
  }
  lose_broker(imac);
  imac.crash();
  imac.boot(now, true);
  gateway_up(imac, {"jarvis", "pepper"});
  pass(10s);
  log.clear();
  publish({.topic = "claw/imac/state", .payload = old, .correlation_id = {}, .response_topic = {}, .expires_in = {}});
  pass(5s);
  std::size_t pings = 0;
  for (const auto& message : log) pings += message.payload.find("claw.v1.ping.request") != std::string::npos ? 1 : 0;
  EXPECT_LE(pings, 2u);
  EXPECT_EQ(imac_seen().presence, "online");
}

}  // namespace
}  // namespace clawbridge::core
