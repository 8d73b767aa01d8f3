// The test vectors of an independent implementation, judged by a whole core with the receiver's keys and journal.
#include <fstream>
#include <nlohmann/json.hpp>

#include "bridge/crypto/system_cryptography.h"
#include "world.h"

namespace clawbridge::core {
namespace {

using nlohmann::json;

class Vectors : public ::testing::Test {
 protected:
  Vectors() {
    std::ifstream file(CLAWBRIDGE_SOURCE_DIR "/tests/golden/wire-vectors.json");
    all = json::parse(file);
    now.wall = *parse_time(all["receiver_of_invalid"]["now"].get<std::string>());
  }

  static KeyPair pair(const json& keys) {
    return {*base64url_decode32(keys["secret"].get<std::string>()), *base64url_decode32(keys["public"].get<std::string>())};
  }

  // A receiver as the vectors describe it: imac, who knows macbook and studio.
  void start(const std::string& known_sha256 = {}) {
    Options options;
    options.gateway = "imac";
    options.version = "1.0.0";
    options.gateway_kind = "test";
    options.keys = {pair(all["gateways"]["imac"]["sign"]), pair(all["gateways"]["imac"]["box"])};
    options.join_secret = hex_decode(all["join_secret"]["hex"].get<std::string>());
    core.reset();
    journal = std::move(clawbridge::store::JournalDb::open(folder.path() / ("j" + std::to_string(++starts) + ".db"), clawbridge::store::Durability::Process, random)->journal);
    auto snapshot = journal->restore();
    snapshot.incarnation = all["receiver_of_invalid"]["incarnation"];
    const auto& mark = all["receiver_of_invalid"]["replay_mark"];
    snapshot.replay_marks = {{mark["source"], *parse_time(mark["id_time"].get<std::string>()), *parse_time(mark["expirytime"].get<std::string>())}};
    core = std::make_unique<Core>(options, std::move(snapshot), *journal, crypto, random);
    step(event::Tick{});
    event::GatewayUp up{.kind = "test", .version = "1", .boot_id = "b", .keeps_keys = false, .agents = {{"jarvis", ""}, {"pepper", ""}}};
    step(up);
    step(event::BrokerConnected{5, 0, false});
    step(event::BrokerSubscribed{});
    for (const auto* name : {"state macbook", "state studio"}) step(message(valid(name)));
    if (!known_sha256.empty()) {
      step(message(valid("request sessions_send")));
    }
    actions.clear();
  }

  const json& valid(const std::string& name) {
    for (const auto& vector : all["valid"]) {
      if (vector["name"] == name) return vector;
    }
    throw std::runtime_error("no vector " + name);
  }

  static event::BrokerMessage message(const json& vector) {
    const auto payload = vector.contains("payload") ? vector["payload"].get<std::string>() : *base64_decode(vector["payload_base64"].get<std::string>());
    return {vector["topic"], payload, false, {}, {}};
  }

  void step(Event event) {
    for (auto& action : core->step(now, std::move(event))) {
      if (auto* store = std::get_if<action::Store>(&action)) {
        journal->apply(std::move(store->order));
      } else {
        actions.push_back(std::move(action));
      }
    }
    ASSERT_FALSE(journal->commit());
  }

  // Every code that was told: of refusals and of replies.
  std::vector<std::string> codes() {
    std::vector<std::string> told;
    for (const auto& action : actions) {
      const auto* published = std::get_if<action::Publish>(&action);
      if (published == nullptr || published->retain) continue;
      const auto event = json::parse(published->payload);
      const auto data = event.contains("data_base64") ? opened(event) : event["data"];
      if (data.contains("code")) told.push_back(data["code"]);
      if (data.contains("error")) told.push_back(data["error"]["code"]);
    }
    return told;
  }
  std::string direction_key(const std::string& name, const std::string& source, const std::string& target) {
    for (const auto& direction : all["directions"]) {
      if (direction["source"] == source && direction["target"] == target) return *hex_decode(direction[name].get<std::string>());
    }
    return std::string(32, '\0');
  }
  /// The sealed content of a message, by the key of the vectors.
  json opened(const json& event) {
    const auto gateway = [](const std::string& address) { return address.substr(0, address.find('/')); };
    const std::string source = event["source"];
    const std::string subject = event["subject"];
    const auto key_text = direction_key("seal_key_hex", gateway(source), gateway(subject));
    Bytes32 key{};
    std::copy(key_text.begin(), key_text.end(), key.begin());
    const auto context = event["type"].get<std::string>() + "|" + event["id"].get<std::string>() + "|" + source + "|" + subject;
    const auto data = crypto.open(key, context, *base64_decode(event["data_base64"].get<std::string>()));
    return data ? json::parse(*data) : json::object();
  }
  bool turn_started() {
    return std::any_of(actions.begin(), actions.end(), [](const Action& a) { return std::holds_alternative<action::StartRun>(a); });
  }

  json all;
  Now now{Instant{std::chrono::hours{1}}, {}};
  Folder folder;
  SeededRandom random{7};
  crypto::SystemCryptography crypto;
  std::unique_ptr<clawbridge::store::JournalDb> journal;
  std::unique_ptr<Core> core;
  Actions actions;
  int starts = 0;
};

TEST_F(Vectors, EveryInvalidMessageGetsItsCodeAndStartsNothing) {
  for (const auto& vector : all["invalid"]) {
    const bool known = vector["check"] == "id_reused";
    start(known ? "known" : "");
    step(message(vector));
    EXPECT_FALSE(turn_started()) << vector["name"];
    // What cannot be read names nobody to answer; a broken state or hello is only counted.
    const bool readable = vector["check"] != "form";
    const auto payload = message(vector).payload;
    const bool answerable = payload.find("\"source\":\"macbook/main\"") != std::string::npos || payload.find("\"source\":\"ghost/g\"") != std::string::npos;
    const auto told = codes();
    if (answerable && readable) {
      ASSERT_EQ(told.size(), 1u) << vector["name"];
      EXPECT_EQ(told[0], vector["code"].get<std::string>()) << vector["name"];
    } else {
      for (const auto& code : told) EXPECT_EQ(code, vector["code"].get<std::string>()) << vector["name"];
    }
  }
}

TEST_F(Vectors, TheValidRequestRuns) {
  start();
  step(message(valid("request sessions_send")));
  EXPECT_TRUE(turn_started());
}

TEST_F(Vectors, TheSealedRequestIsOpenedAndItsReplySealed) {
  start();
  step(message(valid("sealed request")));
  std::string text;
  RunKey run;
  for (const auto& action : actions) {
    if (const auto* started = std::get_if<action::StartRun>(&action)) {
      text = started->text;
      run = started->run;
    }
  }
  EXPECT_EQ(text, json::parse(all["seal"]["plaintext"].get<std::string>())["message"].get<std::string>());
  actions.clear();
  body::Reply outcome;
  outcome.reply = "sealed as well";
  step(event::RunEnded{run, outcome});
  std::vector<std::string> replies;
  for (const auto& action : actions) {
    const auto* published = std::get_if<action::Publish>(&action);
    if (published == nullptr || published->payload.find("claw.v1.reply") == std::string::npos) continue;
    EXPECT_EQ(published->payload.find("sealed as well"), std::string::npos);
    replies.push_back(opened(json::parse(published->payload))["reply"]);
  }
  EXPECT_EQ(replies, std::vector<std::string>{"sealed as well"});
}

TEST_F(Vectors, TheRotationIsFollowed) {
  start();
  step(message(valid("state after rotation")));
  const auto peers = core->peers();
  const auto studio = std::find_if(peers.begin(), peers.end(), [](const auto& peer) { return peer.gateway == "studio"; });
  ASSERT_NE(studio, peers.end());
  EXPECT_EQ(studio->fingerprint, all["rotation"]["new_fingerprint"].get<std::string>());
  EXPECT_EQ(studio->trust, "joined");
}

TEST_F(Vectors, TheMacsAndSignaturesOfEveryValidMessageAreOurs) {
  int checked = 0;
  for (const auto& vector : all["valid"]) {
    const std::string payload = vector["payload"];
    const auto event = json::parse(payload);
    const std::string source = event["source"];
    const auto from = source.substr(0, source.find('/'));
    if (vector.contains("mac")) {
      const std::string target = event["subject"];
      const auto covered = payload.substr(0, payload.rfind(",\"mac\":"));
      const auto key = direction_key("mac_key_hex", from, target.substr(0, target.find('/')));
      EXPECT_EQ(base64url_encode(crypto.hmac_sha256(key, covered)), vector["mac"].get<std::string>()) << vector["name"];
      ++checked;
    } else if (vector["name"] != "state after rotation") {
      const auto covered = payload.substr(0, payload.rfind(",\"signature\":"));
      const auto secret = pair(all["gateways"][from]["sign"]).secret;
      EXPECT_EQ(base64url_encode(crypto.sign(secret, kSignaturePrefix, covered)), vector["signature"].get<std::string>()) << vector["name"];
      ++checked;
    }
  }
  EXPECT_GE(checked, 45);
}

}  // namespace
}  // namespace clawbridge::core
