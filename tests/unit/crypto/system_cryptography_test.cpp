// The library calls against published vectors and against the golden messages of the wire contract.
#include "bridge/crypto/system_cryptography.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "bridge/crypto/keys.h"
#include "topics/encoding.h"
#include "topics/message.h"

namespace clawbridge::crypto {
namespace {

using nlohmann::json;

const json& vectors() {
  static const json all = json::parse(std::ifstream(CLAWBRIDGE_SOURCE_DIR "/tests/golden/wire-vectors.json"));
  return all;
}

Bytes32 key32(const json& text) {
  return base64url_decode32(text.get<std::string>()).value();
}

core::Keys keys_of(const json& gateway) {
  return {{key32(gateway["sign"]["secret"]), key32(gateway["sign"]["public"])},
          {key32(gateway["box"]["secret"]), key32(gateway["box"]["public"])}};
}

std::string_view view(const Bytes32& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

struct Covered {
  std::string bytes;
  std::string trailer;  // base64url
};

/// A golden payload, cut before `,"<name>":"`.
Covered cut(const json& entry, const std::string& name) {
  const auto payload = entry["payload"].get<std::string>();
  const std::string mark = ",\"" + name + "\":\"";
  const auto at = payload.rfind(mark);
  return {payload.substr(0, at), payload.substr(at + mark.size(), payload.size() - at - mark.size() - 2)};
}

/// The keys that a golden message was made with: those of the gateway whose key id it carries.
core::Keys keys_by_id(const std::string& key_id) {
  for (const auto& [name, gateway] : vectors()["gateways"].items()) {
    if (gateway["keyid"] == key_id) return keys_of(gateway);
  }
  ADD_FAILURE() << "no golden gateway has key id " << key_id;
  return {};
}

TEST(SystemCryptography, HashesTheStandardVectors) {
  const SystemCryptography crypto;
  EXPECT_EQ(hex_encode(crypto.sha256("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(hex_encode(crypto.sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(SystemCryptography, AuthenticatesTheVectorsOfRfc4231) {
  const SystemCryptography crypto;
  EXPECT_EQ(hex_encode(crypto.hmac_sha256("Jefe", "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(hex_encode(
                crypto.hmac_sha256(std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First")),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(SystemCryptography, KnowsTheFingerprintsOfTheGoldenGateways) {
  const SystemCryptography crypto;
  for (const auto& [name, gateway] : vectors()["gateways"].items()) {
    EXPECT_EQ(hex_encode(fingerprint(keys_of(gateway), crypto)), gateway["fingerprint"]) << name;
  }
}

TEST(SystemCryptography, DerivesTheGoldenKeysOfEveryDirection) {
  const SystemCryptography crypto;
  for (const auto& direction : vectors()["directions"]) {
    const auto source = keys_of(vectors()["gateways"][direction["source"].get<std::string>()]);
    const auto target = keys_of(vectors()["gateways"][direction["target"].get<std::string>()]);
    const auto shared = crypto.x25519(source.box.secret, target.box.public_key);
    ASSERT_TRUE(shared);
    EXPECT_EQ(hex_encode(*shared), direction["x25519_hex"]);
    EXPECT_EQ(crypto.x25519(target.box.secret, source.box.public_key), shared);
    const auto derive = [&](const char* label) {
      std::string message = direction[label].get<std::string>();
      message.append(view(fingerprint(source, crypto))).append(view(fingerprint(target, crypto)));
      return hex_encode(crypto.hmac_sha256(view(*shared), message));
    };
    EXPECT_EQ(derive("mac_label"), direction["mac_key_hex"]);
    EXPECT_EQ(derive("seal_label"), direction["seal_key_hex"]);
  }
}

TEST(SystemCryptography, MakesTheMacOfEveryGoldenMessage) {
  const SystemCryptography crypto;
  std::size_t checked = 0;
  for (const auto& entry : vectors()["valid"]) {
    if (!entry.contains("mac")) continue;
    const auto gateway_of = [](std::string address) { return address.substr(0, address.find('/')); };
    const auto event = json::parse(entry["payload"].get<std::string>());
    const auto source = gateway_of(event["source"]);
    const auto target = gateway_of(event["subject"]);
    std::string key;
    for (const auto& direction : vectors()["directions"]) {
      if (direction["source"] == source && direction["target"] == target) {
        key = hex_decode(direction["mac_key_hex"].get<std::string>()).value();
      }
    }
    const auto covered = cut(entry, "mac");
    EXPECT_EQ(base64url_encode(crypto.hmac_sha256(key, covered.bytes)), covered.trailer) << entry["name"];
    ++checked;
  }
  EXPECT_GT(checked, 30U);
}

TEST(SystemCryptography, SignsAndVerifiesEveryGoldenSignature) {
  const SystemCryptography crypto;
  std::size_t checked = 0;
  for (const auto& entry : vectors()["valid"]) {
    if (!entry.contains("signature")) continue;
    const auto event = json::parse(entry["payload"].get<std::string>());
    const auto keys = keys_by_id(event["keyid"]);
    const auto covered = cut(entry, "signature");
    const Bytes64 signature = crypto.sign(keys.sign.secret, kSignaturePrefix, covered.bytes);
    EXPECT_EQ(base64url_encode(signature), covered.trailer) << entry["name"];
    EXPECT_TRUE(crypto.verify(keys.sign.public_key, kSignaturePrefix, covered.bytes, signature));
    EXPECT_FALSE(crypto.verify(keys.sign.public_key, kSignaturePrefix, covered.bytes + " ", signature));
    EXPECT_FALSE(crypto.verify(keys.sign.public_key, "", covered.bytes, signature));
    EXPECT_FALSE(crypto.verify(keys.box.public_key, kSignaturePrefix, covered.bytes, signature));
    ++checked;
  }
  EXPECT_GT(checked, 5U);
}

TEST(SystemCryptography, RefusesAnAllZeroAgreement) {
  const SystemCryptography crypto;
  EXPECT_EQ(crypto.x25519(keys_of(vectors()["gateways"]["imac"]).box.secret, Bytes32{}), std::nullopt);
}

TEST(SystemCryptography, ComparesWholeArrays) {
  const SystemCryptography crypto;
  Bytes32 a{};
  Bytes32 b{};
  EXPECT_TRUE(crypto.equal(a, b));
  b[31] = 1;
  EXPECT_FALSE(crypto.equal(a, b));
}

TEST(SystemRandom, FillsWithFreshBytes) {
  SystemRandom random;
  Bytes32 a{};
  Bytes32 b{};
  random.fill(a);
  random.fill(b);
  EXPECT_NE(a, b);
}

}  // namespace
}  // namespace clawbridge::crypto
