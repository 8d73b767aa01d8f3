// The test vectors of an independent implementation, as far as they can be judged without keys.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "topics/message.h"

namespace clawbridge {
namespace {

nlohmann::json vectors() {
  std::ifstream file(CLAWBRIDGE_SOURCE_DIR "/tests/golden/wire-vectors.json");
  return nlohmann::json::parse(file);
}

std::string payload_of(const nlohmann::json& vector) {
  if (vector.contains("payload")) return vector["payload"];
  return base64_decode(vector["payload_base64"].get<std::string>()).value();
}

std::string_view check_name(Check check) {
  switch (check) {
    case Check::Size: return "size";
    case Check::Form: return "form";
    case Check::Attributes: return "attributes";
    case Check::TopicName: return "topic";
  }
  return "?";
}

TEST(Vectors, EveryValidMessageIsDecoded) {
  const auto all = vectors();
  const Topics topics("claw");
  MessageDecoder decoder;
  for (const auto& vector : all["valid"]) {
    const auto payload = payload_of(vector);
    const auto topic = topics.parse(vector["topic"].get<std::string>());
    ASSERT_TRUE(topic) << vector["name"];
    const auto result = decoder.decode(payload, *topic, topics);
    const auto* failure = std::get_if<DecodeFailure>(&result);
    EXPECT_EQ(failure, nullptr) << vector["name"] << ": " << (failure ? failure->error.message : "");
    if (const auto* message = std::get_if<Message>(&result)) {
      const auto* error = std::get_if<Error>(&message->body);
      EXPECT_EQ(error, nullptr) << vector["name"] << ": " << (error ? error->message : "");
    }
  }
}

TEST(Vectors, EveryInvalidMessageFailsAtItsCheckWithItsCode) {
  const auto all = vectors();
  const Topics topics("claw");
  MessageDecoder decoder;
  int judged = 0;
  for (const auto& vector : all["invalid"]) {
    const std::string check = vector["check"];
    const auto payload = payload_of(vector);
    const auto topic = topics.parse(vector["topic"].get<std::string>());
    ASSERT_TRUE(topic) << vector["name"];
    const auto result = decoder.decode(payload, *topic, topics);
    const auto* failure = std::get_if<DecodeFailure>(&result);
    if (check == "size" || check == "form" || check == "attributes" || check == "topic") {
      ASSERT_NE(failure, nullptr) << vector["name"];
      EXPECT_EQ(check_name(failure->check), check) << vector["name"] << ": " << failure->error.message;
      EXPECT_EQ(to_string(failure->error.code), vector["code"].get<std::string>()) << vector["name"];
      ++judged;
    } else {
      EXPECT_EQ(failure, nullptr) << vector["name"] << ": " << (failure ? failure->error.message : "");
    }
  }
  EXPECT_GE(judged, 50);
}

}  // namespace
}  // namespace clawbridge
