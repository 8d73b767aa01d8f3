// The bodies of the tools: what is taken, and what is said about what is not.
#include "bridge/api/arguments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace clawbridge::api {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

const Caller kCaller{"main", "agent:main:main"};

class Arguments : public testing::Test {
 protected:
  Result<core::event::LocalSend> send(std::string body) { return parser_.sessions_send(body, kCaller); }
  std::string refusal(std::string body) {
    const auto result = send(std::move(body));
    EXPECT_FALSE(result.has_value());
    if (result) return {};
    EXPECT_EQ(result.error().code, ErrorCode::BadRequest);
    EXPECT_FALSE(result.error().retryable);
    return result.error().message;
  }

  ArgumentParser parser_;
};

TEST_F(Arguments, OfASendAreTakenAsTheyAre) {
  const auto result = send(
      R"({"message":"hi","sessionKey":"agent:jarvis:main","label":"L","agentId":"jarvis","gateway":"imac","timeoutSeconds":1.5,"expiresInSeconds":60})");
  ASSERT_TRUE(result);
  EXPECT_EQ(result->message, "hi");
  EXPECT_EQ(result->session_key, "agent:jarvis:main");
  EXPECT_EQ(result->label, "L");
  EXPECT_EQ(result->agent, "jarvis");
  EXPECT_EQ(result->gateway, "imac");
  EXPECT_EQ(result->wait, 1500ms);
  EXPECT_EQ(result->expires_in, 60s);
  EXPECT_EQ(result->caller_agent, "main");
  EXPECT_EQ(result->caller_session, "agent:main:main");
}

TEST_F(Arguments, OfASendHaveDefaults) {
  const auto result = send(R"({"message":"hi"})");
  ASSERT_TRUE(result);
  EXPECT_EQ(result->wait, 30s);
  EXPECT_EQ(result->expires_in, std::nullopt);
  EXPECT_EQ(result->agent, "");
}

TEST_F(Arguments, KeepEveryByteOfTheMessage) {
  const auto result = send(R"({"message":"a\u0000b\ud83d\ude00 \u00fc\\\"\r\n\t)"
                           "\x7f \xc3\xbc"
                           R"("})");
  ASSERT_TRUE(result);
  EXPECT_EQ(result->message, std::string("a\0b", 3) + "\xf0\x9f\x98\x80 \xc3\xbc\\\"\r\n\t\x7f \xc3\xbc");
}

TEST_F(Arguments, TakeAMessageOfAMegabyte) {
  const std::string text(std::size_t{1} << 20, 'x');
  const auto result = send(R"({"message":")" + text + R"("})");
  ASSERT_TRUE(result);
  EXPECT_EQ(result->message, text);
  EXPECT_TRUE(send(R"({"message":"short again"})"));
}

TEST_F(Arguments, NameTheNearestKnownForAnUnknownOne) {
  EXPECT_THAT(refusal(R"({"message":"hi","sesionKey":"x"})"),
              HasSubstr("unknown argument \"sesionKey\": did you mean \"sessionKey\"?"));
  EXPECT_THAT(refusal(R"({"message":"hi","zzz":"x"})"), HasSubstr("known: message, sessionKey"));
}

TEST_F(Arguments, OfTheWrongTypeAreNamed) {
  EXPECT_EQ(refusal(R"({"message":7})"), "argument \"message\" must be a string, not a number");
  EXPECT_EQ(refusal(R"({"message":"hi","label":null})"), "argument \"label\" must be a string, not null");
  EXPECT_THAT(refusal(R"({"message":"hi","timeoutSeconds":"30"})"),
              HasSubstr("must be a number of seconds, not a string"));
  EXPECT_THAT(refusal(R"({"message":"hi","timeoutSeconds":-1})"), HasSubstr("between 0 and 604800"));
  EXPECT_THAT(refusal(R"({"message":"hi","timeoutSeconds":1e300})"), HasSubstr("between 0 and 604800"));
  EXPECT_THAT(refusal(R"({"message":"hi","expiresInSeconds":0})"), HasSubstr("more than 0"));
  EXPECT_THAT(refusal(R"({"message":"a","message":"b"})"), HasSubstr("given twice"));
}

TEST_F(Arguments, WithoutAMessageAreRefused) {
  EXPECT_THAT(refusal("{}"), HasSubstr("\"message\" is missing or empty"));
  EXPECT_THAT(refusal(R"({"message":""})"), HasSubstr("\"message\" is missing or empty"));
  EXPECT_THAT(refusal(""), HasSubstr("\"message\" is missing or empty"));
}

TEST_F(Arguments, ThatAreNoJsonObjectAreRefused) {
  EXPECT_THAT(refusal("[1]"), HasSubstr("must be one JSON object with the tool's arguments, not an array"));
  EXPECT_THAT(refusal("{\"message\":\"hi\""), HasSubstr("not valid JSON"));
  EXPECT_THAT(refusal("{\"message\":\"hi\"} x"), HasSubstr("not valid JSON"));
  EXPECT_THAT(refusal(R"({"message":"\ud83d"})"), HasSubstr("not valid JSON"));
  EXPECT_THAT(refusal(std::string(10'000, '[')), HasSubstr("not valid JSON"));
  EXPECT_TRUE(send(R"({"message":"the parser still works"})"));
}

TEST_F(Arguments, NameTheByteThatIsNotUtf8) {
  EXPECT_THAT(refusal("{\"message\":\"a\xff\"}"), HasSubstr("not valid UTF-8: byte 0xff at offset 13"));
}

TEST_F(Arguments, OfTrustMayBeGroupedForReading) {
  std::string grouped = R"({"fingerprint":"4F0C 4f0c:4f0c 4f0c-4f0c4f0c4f0c4f0c"})";
  const auto trust = parser_.trust(grouped, "imac");
  ASSERT_TRUE(trust);
  EXPECT_EQ(trust->gateway, "imac");
  EXPECT_EQ(trust->fingerprint, "4f0c4f0c4f0c4f0c4f0c4f0c4f0c4f0c");
  for (std::string wrong : {R"({"fingerprint":"4f0c"})", R"({"fingerprint":"zzzzzzzzzzzzzzzzzzzz"})", "{}"}) {
    const auto refused = parser_.trust(wrong, "imac");
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message, HasSubstr("key show"));
  }
}

TEST_F(Arguments, OfTheOtherToolsAreChecked) {
  std::string none, gateway = R"({"gateway":"imac","timeoutSeconds":2})", wrong = R"({"gatway":"imac"})";
  EXPECT_EQ(parser_.agents_list(none)->gateway, "");
  EXPECT_EQ(parser_.agents_list(gateway)->wait, 2s);
  EXPECT_FALSE(parser_.agents_list(wrong));
  EXPECT_EQ(parser_.ping(gateway)->gateway, "imac");
  EXPECT_FALSE(parser_.ping(none));
  EXPECT_FALSE(parser_.status(none));
  EXPECT_THAT(parser_.status(wrong)->message, HasSubstr("this tool takes none"));
}

TEST(ParseCaller, DefaultsToAPerson) {
  EXPECT_EQ(parse_caller("", "")->agent, "_bridge");
  EXPECT_EQ(parse_caller("_bridge", "")->agent, "_bridge");
  EXPECT_EQ(parse_caller("jarvis", "agent:jarvis:main")->session, "agent:jarvis:main");
}

TEST(ParseCaller, RefusesWhatIsNoAgent) {
  EXPECT_FALSE(parse_caller("_other", ""));
  EXPECT_FALSE(parse_caller("imac/jarvis", ""));
  EXPECT_FALSE(parse_caller("jarvis", std::string(2000, 'x')));
  EXPECT_FALSE(parse_caller("jarvis", "\xff"));
}

TEST(ParseCaller, TakesSessionsOfTheAgentItself) {
  for (const std::string session : {"agent:jarvis:main", "agent:jarvis:subagent:0f", "agent:jarvis:whatsapp:+49 1 ä"}) {
    const auto caller = parse_caller("jarvis", session);
    ASSERT_TRUE(caller) << session;
    EXPECT_EQ(caller->session, session);
  }
  for (const std::string other : {"agent:pepper:main", "agent:jarvis2:main", "agent:_bridge:main", "agent::main1234",
                                  "agent:jarvi:main1", "agent:jarvis/../pepper:main"}) {
    const auto refused = parse_caller("jarvis", other);
    ASSERT_FALSE(refused) << other;
    EXPECT_EQ(refused.error().code, ErrorCode::Forbidden) << other;
  }
  for (const std::string none : {"main", "agent:", "agent:jarvis", "agent:jarvis:", "AGENT:jarvis:main",
                                 " agent:jarvis:x", "imac/agent:jarvis:main"}) {
    EXPECT_FALSE(parse_caller("jarvis", none)) << none;
  }
  EXPECT_FALSE(parse_caller("", "agent:main:main"));
  EXPECT_FALSE(parse_caller("_bridge", "agent:_bridge:main"));
}

TEST(ParseCaller, RefusesControlCharactersAndLongSessions) {
  using namespace std::string_literals;
  for (const std::string& control :
       {"\0"s, "\x01"s, "\t"s, "\n"s, "\r\n"s, "\x1b[2J"s, "\x7f"s, "\xc2\x80"s, "\xc2\x9f"s}) {
    const auto refused = parse_caller("jarvis", "agent:jarvis:a" + control + "b");
    ASSERT_FALSE(refused) << control;
    EXPECT_EQ(refused.error().code, ErrorCode::BadRequest);
  }
  EXPECT_TRUE(parse_caller("jarvis", "agent:jarvis:\xc2\xa0")) << "no control character";
  EXPECT_TRUE(parse_caller("jarvis", "agent:jarvis:" + std::string(1011, 'x')));
  EXPECT_FALSE(parse_caller("jarvis", "agent:jarvis:" + std::string(1012, 'x')));
  EXPECT_FALSE(parse_caller(std::string(65, 'a'), ""));
  EXPECT_FALSE(parse_caller("jarvis\n", ""));
}

TEST(ParseSeconds, TakesANumberInRange) {
  EXPECT_EQ(*parse_seconds("wait", "12.5"), 12500ms);
  EXPECT_EQ(*parse_seconds("wait", "0"), 0ms);
  for (const char* wrong : {"", "-1", "x", "1s", "inf", "nan", "604801"})
    EXPECT_FALSE(parse_seconds("wait", wrong)) << wrong;
}

}  // namespace
}  // namespace clawbridge::api
