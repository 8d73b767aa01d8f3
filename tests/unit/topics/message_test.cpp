// What is encoded here is decoded here, and the limits hold.
#include "topics/message.h"

#include <gtest/gtest.h>

namespace clawbridge {
namespace {

const Address kMain{"macbook", "main"};
const Address kJarvis{"imac", "jarvis"};
constexpr auto kId = "01M820XBZAC4PEAQ5JRFVJ00CF";
constexpr auto kKeyId = "a74d8feb7e5acbbb";
const WallTime kTime = *parse_time("2026-11-22T16:20:01.123Z");
const Topics kTopics("claw");

std::string request(std::string_view data) {
  auto event = encode_request({.op = Operation::SessionsSend,
                               .id = kId,
                               .source = kMain,
                               .subject = kJarvis,
                               .time = kTime,
                               .chain = {},
                               .expiry = kTime + std::chrono::hours{1},
                               .incarnation = std::string(32, 'a'),
                               .key_id = kKeyId},
                              kTopics, {data});
  finish_with_mac(event, Bytes32{1, 2, 3});
  return event;
}

std::variant<Message, DecodeFailure> decode(std::string_view payload, const std::string& topic, MessageLimits limits = {}) {
  MessageDecoder decoder(limits);
  return decoder.decode(payload, *kTopics.parse(topic), kTopics);
}

TEST(Message, ARequestGoesThereAndBack) {
  std::string text("two\nlines \"quoted\" ");
  text.push_back('\0');
  const auto payload = request(encode_data(body::SessionsSend{text, "agent:jarvis:main", {}, 2.5, true, {}}));
  const auto result = decode(payload, "claw/imac/jarvis/inbox");
  ASSERT_TRUE(std::holds_alternative<Message>(result)) << std::get<DecodeFailure>(result).error.message;
  const auto& message = std::get<Message>(result);
  EXPECT_EQ(message.op, Operation::SessionsSend);
  EXPECT_EQ(message.source, kMain);
  EXPECT_EQ(message.reply_to, "claw/macbook/main/reply");
  EXPECT_EQ(message.mac, (Bytes32{1, 2, 3}));
  EXPECT_EQ(message.covered, std::string_view(payload).substr(0, payload.size() - 53));
  const auto* send = message.get<body::SessionsSend>();
  ASSERT_NE(send, nullptr);
  EXPECT_EQ(send->message, text);
  EXPECT_EQ(send->session_key, "agent:jarvis:main");
  EXPECT_EQ(send->timeout_seconds, 2.5);
  EXPECT_TRUE(send->progress);
}

TEST(Message, AReplyGoesThereAndBack) {
  body::Reply reply;
  reply.status = ReplyStatus::Rejected;
  reply.error = Error{ErrorCode::UnknownAgent, "imac has no agent \"x\"", false};
  auto event = encode_reply({kId, kJarvis, kMain, kTime, kId, kKeyId}, reply);
  finish_with_mac(event, {});
  const auto result = decode(event, "claw/macbook/main/reply");
  ASSERT_TRUE(std::holds_alternative<Message>(result));
  const auto* decoded = std::get<Message>(result).get<body::Reply>();
  ASSERT_NE(decoded, nullptr);
  EXPECT_EQ(decoded->status, ReplyStatus::Rejected);
  EXPECT_EQ(decoded->error, reply.error);
}

TEST(Message, FaultsOfDataWaitForTheTrailerToBeChecked) {
  const auto payload = request(R"({"message":"x","sessionKey":5})");
  const auto result = decode(payload, "claw/imac/jarvis/inbox");
  ASSERT_TRUE(std::holds_alternative<Message>(result));
  const auto* error = std::get_if<Error>(&std::get<Message>(result).body);
  ASSERT_NE(error, nullptr);
  EXPECT_EQ(error->message, "data.sessionKey must be a string");
}

TEST(Message, ExactlyTheLimitOfValuesIsTaken) {
  // The event itself has 15 values: the object, its 13 scalars and data; then data.message and data.x.
  constexpr std::size_t kOthers = 17;
  const auto payload_with = [](std::size_t values) {
    std::string data = R"({"message":"x","x":[)";
    for (std::size_t i = 0; i < values - kOthers; ++i) data += i == 0 ? "1" : ",1";
    return request(data + "]}");
  };
  EXPECT_TRUE(std::holds_alternative<Message>(decode(payload_with(20'000), "claw/imac/jarvis/inbox")));
  const auto result = decode(payload_with(20'001), "claw/imac/jarvis/inbox");
  ASSERT_TRUE(std::holds_alternative<DecodeFailure>(result));
  EXPECT_EQ(std::get<DecodeFailure>(result).check, Check::Form);
}

TEST(Message, ExactlyTheLimitOfBytesIsTaken) {
  const auto payload = request(R"({"message":"x"})");
  EXPECT_TRUE(std::holds_alternative<Message>(decode(payload, "claw/imac/jarvis/inbox", {.message_bytes = payload.size()})));
  const auto result = decode(payload, "claw/imac/jarvis/inbox", {.message_bytes = payload.size() - 1});
  ASSERT_TRUE(std::holds_alternative<DecodeFailure>(result));
  EXPECT_EQ(std::get<DecodeFailure>(result).error.code, ErrorCode::TooLarge);
}

TEST(Message, DeepNestingIsRefusedWithoutHarm) {
  for (const std::size_t depth : {65u, 1000u, 200'000u}) {
    const auto payload = request("{\"message\":\"x\",\"x\":" + std::string(depth, '[') + std::string(depth, ']') + "}");
    EXPECT_TRUE(std::holds_alternative<DecodeFailure>(decode(payload, "claw/imac/jarvis/inbox"))) << depth;
  }
}

}  // namespace
}  // namespace clawbridge
