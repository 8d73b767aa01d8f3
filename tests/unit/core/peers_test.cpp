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
  macbook.step(now, event::LocalTrust{900, "imac", imac_seen().fingerprint.substr(0, kTrustDigits)});
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
  macbook.step(now, event::LocalTrust{900, "imac", std::string(64, '0')});
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

TEST_F(PeersTest, ASecretThatIsSetLaterPinsWhoWasPending) {
  macbook.options().join_secret.reset();
  macbook.boot(now);
  start_with(kJoinSecret);
  EXPECT_EQ(imac_seen().trust, "pending");
  macbook.options().join_secret = kJoinSecret;
  macbook.boot(now);
  pass(10s);
  EXPECT_EQ(imac_seen().trust, "joined") << "by the very state that is retained";
}

class KeysTest : public PeersTest {
 protected:
  /// imac stops, gets other keys, and comes again with the same journal.
  void restart_imac_with(Keys keys, std::optional<PreviousKeys> previous) {
    lose_broker(imac);
    imac.crash();
    imac.options().keys = keys;
    imac.options().previous_keys = std::move(previous);
    imac.boot(now);
    gateway_up(imac, {"jarvis", "pepper"});
    settle();
    pass(10s);
  }
  [[nodiscard]] std::filesystem::path key_file() const { return folder_.path() / "imac.keys.json"; }
  Keys rotate() {
    const auto keys = crypto::rotate_keys(key_file(), "imac", now.wall);
    EXPECT_TRUE(keys) << keys.error().message;
    return keys.value();
  }
  std::string ask() {
    const auto ticket = send("imac/jarvis", "hello", 10min);
    settle();
    finish_all(imac);
    settle();
    const auto result = answer(ticket);
    if (result && *result) return (*result)->status;
    return "none, broker " + macbook.core().status().broker_state + " " + macbook.core().status().broker_error;
  }
};

TEST_F(KeysTest, RotatedKeysAreFollowedAndOldBytesTakenForAWhile) {
  start_with(kJoinSecret);
  const auto before = imac_seen().fingerprint;
  // One request is on its way, made for imac's old keys.
  const auto ticket = send("imac/jarvis", "made for the old keys", 10min);
  settle([](const auto& message) { return message.topic.ends_with("/inbox"); });
  const auto keys = rotate();
  restart_imac_with(keys, crypto::load_previous_keys(key_file(), "imac").value());
  EXPECT_NE(imac_seen().fingerprint, before);
  EXPECT_EQ(imac_seen().trust, "joined");
  EXPECT_EQ(imac_seen().presence, "online");
  EXPECT_EQ(macbook.count("peer.rotated"), 1u);
  pass(20s);
  EXPECT_EQ(finish_all(imac), 1u) << "retransmitted, the same bytes";
  settle();
  EXPECT_EQ(answer(ticket)->value().status, "ok");
  EXPECT_EQ(ask(), "ok") << "with the new keys";
  // What macbook knows survives its restart.
  macbook.boot(now);
  pass(10s);
  EXPECT_EQ(imac_seen().trust, "joined");
  EXPECT_EQ(ask(), "ok");
}

TEST_F(KeysTest, ASecondRotationHasToWait) {
  start_with(kJoinSecret);
  rotate();
  EXPECT_FALSE(crypto::rotate_keys(key_file(), "imac", now.wall + 24h));
  EXPECT_TRUE(crypto::rotate_keys(key_file(), "imac", now.wall + 24h * 8));
}

TEST_F(KeysTest, ARotationThatTheOldKeyDidNotSignIsNone) {
  start_with(kJoinSecret);
  const auto before = imac_seen().fingerprint;
  const auto old_keys = imac.options().keys;
  const auto stranger = crypto::load_or_create_keys(folder_.path() / "stranger.json", "imac").value();
  restart_imac_with(stranger, PreviousKeys{old_keys, now.wall + 24h, Bytes64{1, 2, 3}});
  EXPECT_EQ(imac_seen().fingerprint, before);
  EXPECT_EQ(macbook.count("peer.rotated"), 0u);
  EXPECT_GE(macbook.count("state.key_changed"), 1u);
}

TEST_F(KeysTest, OtherKeysAreShownAndMayBeTrustedByAPerson) {
  start_with(kJoinSecret);
  const auto before = imac_seen().fingerprint;
  restart_imac_with(crypto::load_or_create_keys(folder_.path() / "new.json", "imac").value(), std::nullopt);
  EXPECT_EQ(imac_seen().fingerprint, before);
  const auto offered = imac_seen().offered_fingerprint;
  ASSERT_EQ(offered.size(), 64u);
  macbook.step(now, event::LocalTrust{900, "imac", offered.substr(0, 16)});
  EXPECT_EQ(imac_seen().fingerprint, before) << "too few digits";
  macbook.step(now, event::LocalTrust{901, "imac", offered});
  EXPECT_EQ(imac_seen().fingerprint, offered);
  EXPECT_EQ(imac_seen().trust, "trusted");
  EXPECT_EQ(ask(), "ok");
}

TEST_F(KeysTest, ARevokedPeerHasNoEffectAndItsKeysNeverComeBackByThemselves) {
  start_with(kJoinSecret);
  const auto fingerprint = macbook.core().peers().at(0).fingerprint;
  imac.step(now, event::LocalRevoke{900, "macbook"});
  EXPECT_EQ(imac.core().peers().at(0).trust, "revoked");
  send("imac/jarvis", "hello", 0ms);
  pass(30s);
  EXPECT_TRUE(imac.take<action::StartRun>().empty());
  EXPECT_GE(imac.count("request.revoked_peer"), 1u);
  // A newer state, the right join secret, a restart of either: it stays revoked.
  lose_broker(macbook);
  pass(10s);
  macbook.boot(now);
  gateway_up(macbook, {"main"});
  imac.boot(now);
  gateway_up(imac, {"jarvis"});
  pass(10s);
  EXPECT_EQ(imac.core().peers().at(0).trust, "revoked");
  EXPECT_TRUE(imac.take<action::StartRun>().empty());
  // Only a person lets it in again.
  imac.step(now, event::LocalTrust{901, "macbook", macbook.core().status().fingerprint});
  EXPECT_EQ(imac.core().peers().at(0).trust, "trusted");
  pass(90s);
  EXPECT_EQ(finish_all(imac), 1u);
}

TEST_F(KeysTest, ARevokedKeyRotatesToNothing) {
  start_with(kJoinSecret);
  macbook.step(now, event::LocalRevoke{900, "imac"});
  const auto keys = rotate();
  restart_imac_with(keys, crypto::load_previous_keys(key_file(), "imac").value());
  EXPECT_EQ(macbook.count("peer.rotated"), 0u);
  EXPECT_EQ(imac_seen().trust, "pending") << "neither the old key's word nor the join secret counts";
  restart_imac_with(keys, crypto::load_previous_keys(key_file(), "imac").value());
  EXPECT_EQ(imac_seen().trust, "pending") << "nor does saying it again";
}

TEST_F(KeysTest, TheKeysBeforeARotationAreRevokedToo) {
  start_with(kJoinSecret);
  const auto old_keys = imac.options().keys;
  const auto keys = rotate();
  restart_imac_with(keys, crypto::load_previous_keys(key_file(), "imac").value());
  macbook.step(now, event::LocalRevoke{900, "imac"});
  restart_imac_with(old_keys, std::nullopt);
  EXPECT_EQ(imac_seen().trust, "revoked");
  EXPECT_GE(macbook.count("state.revoked"), 1u);
}

TEST_F(KeysTest, ARevocationDoesNotChangeWhatWasTaken) {
  start_with(kJoinSecret);
  const auto ticket = send("imac/jarvis", "hello", 10min);
  settle();
  imac.step(now, event::LocalRevoke{900, "macbook"});
  EXPECT_EQ(finish_all(imac), 1u);
  settle();
  EXPECT_EQ(answer(ticket)->value().status, "ok");
}

TEST_F(KeysTest, WhatARevokedPeerAnswersIsNotBelieved) {
  start_with(kJoinSecret);
  const auto ticket = send("imac/jarvis", "hello", 10min);
  settle();
  macbook.step(now, event::LocalRevoke{900, "imac"});
  finish_all(imac);
  settle();
  EXPECT_FALSE(answer(ticket));
  EXPECT_GE(macbook.count("dropped.revoked_peer"), 1u);
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
