// The bodies of the tools: what is taken, and what is said about what is not.
#include "bridge/api/arguments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bridge/crypto/system_cryptography.h"

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

  crypto::SystemCryptography crypto_;
  ArgumentParser parser_{crypto_};
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

TEST_F(Arguments, SayWhatBecomesOfALateReply) {
  EXPECT_EQ(send(R"({"message":"hi"})")->late_reply, std::nullopt);
  EXPECT_EQ(send(R"({"message":"hi","lateReply":"deliver"})")->late_reply, core::event::LateReply::Deliver);
  EXPECT_EQ(send(R"({"message":"hi","lateReply":"keep"})")->late_reply, core::event::LateReply::Keep);
  EXPECT_EQ(refusal(R"({"message":"hi","lateReply":"drop"})"),
            "argument \"lateReply\" is \"drop\", and must be one of: deliver, keep");
  EXPECT_TRUE(send(R"({"message":"hi","progress":true})")->progress);
  EXPECT_THAT(refusal(R"({"message":"hi","progress":1})"), HasSubstr("must be true or false, not a number"));
}

TEST_F(Arguments, BringFilesWhoseDigestsAreMadeHere) {
  const auto sent = send(R"({"message":"hi","attachments":[{"name":"a.txt","mimeType":"text/plain","content":"aGk="},{"content":"AA=="},{"name":"empty","content":""}]})");
  ASSERT_TRUE(sent);
  ASSERT_EQ(sent->attachments.size(), 3U);
  EXPECT_EQ(sent->attachments[0].name, "a.txt");
  EXPECT_EQ(sent->attachments[0].mime_type, "text/plain");
  EXPECT_EQ(sent->attachments[0].content, "aGk=");
  // printf hi | sha256sum
  EXPECT_EQ(sent->attachments[0].digest, "8f434346648f6b96df89dda901c5176b10a6d83961dd3c1ac88b59b2dc327aa4");
  EXPECT_EQ(sent->attachments[1].name, "");
}

TEST_F(Arguments, WithBadFilesAreRefused) {
  const auto refused = [&](const std::string& files) { return refusal(R"({"message":"hi","attachments":)" + files + "}"); };
  EXPECT_THAT(refused(R"("x")"), HasSubstr("must be an array of files, not a string"));
  EXPECT_THAT(refused("[7]"), HasSubstr("number 1) that must be an object"));
  EXPECT_THAT(refused(R"([{"content":"aGk="},{"name":"b"}])"), HasSubstr("number 2) without \"content\""));
  EXPECT_THAT(refused(R"([{"content":"aGk"}])"), HasSubstr("is not base64"));
  EXPECT_THAT(refused(R"([{"content":"aGk=\n"}])"), HasSubstr("is not base64"));
  EXPECT_THAT(refused(R"([{"content":"aGk=","digest":"x"}])"), HasSubstr("unknown argument \"digest\""));
  EXPECT_THAT(refused(R"([{"content":"aGk=","mimetype":"x"}])"), HasSubstr("did you mean \"mimeType\"?"));
  std::string many = "[";
  for (int i = 0; i < 17; ++i) many += std::string(i == 0 ? "" : ",") + R"({"content":"AA=="})";
  EXPECT_THAT(refused(many + "]"), HasSubstr("more than 16 files"));
}

TEST_F(Arguments, OfASpawn) {
  std::string body =
      R"({"task":"look","label":"L","agentId":"jarvis","gateway":"imac","model":"m","thinking":"high","runTimeoutSeconds":90,"timeoutSeconds":2,)"
      R"("expiresInSeconds":60,"lateReply":"keep","attachments":[{"content":"AA=="}]})";
  const auto spawn = parser_.sessions_spawn(body, kCaller);
  ASSERT_TRUE(spawn);
  EXPECT_EQ(spawn->spawn.task, "look");
  EXPECT_EQ(spawn->spawn.label, "L");
  EXPECT_EQ(spawn->spawn.model, "m");
  EXPECT_EQ(spawn->spawn.thinking, "high");
  EXPECT_EQ(spawn->spawn.run_timeout_seconds, 90);
  EXPECT_EQ(spawn->spawn.attachments.size(), 1U);
  EXPECT_EQ(spawn->agent, "jarvis");
  EXPECT_EQ(spawn->gateway, "imac");
  EXPECT_EQ(spawn->wait, 2s);
  EXPECT_EQ(spawn->expires_in, 60s);
  EXPECT_EQ(spawn->late_reply, core::event::LateReply::Keep);
  EXPECT_EQ(spawn->caller_agent, "main");
  EXPECT_EQ(spawn->caller_session, "agent:main:main");
  EXPECT_FALSE(spawn->until_ended);
  for (std::string wrong : {"{}", R"({"task":""})", R"({"task":"x","sessionKey":"agent:a:b"})", R"({"task":"x","runTimeoutSeconds":-1})"}) {
    EXPECT_FALSE(parser_.sessions_spawn(wrong, kCaller)) << wrong;
  }
}

TEST_F(Arguments, OfQuestionsAboutSessions) {
  std::string all =
      R"({"gateway":"imac","agentId":"jarvis","limit":5,"offset":1,"activeMinutes":1.5,"messageLimit":2,"kinds":["main"],"label":"L","search":"s","timeoutSeconds":3})";
  const auto list = parser_.sessions_list(all, kCaller);
  ASSERT_TRUE(list);
  EXPECT_EQ(list->caller_agent, "main");
  EXPECT_EQ(list->gateway, "imac");
  EXPECT_EQ(list->agent, "jarvis");
  EXPECT_EQ(list->wait, 3s);
  const auto& what = std::get<body::SessionsList>(list->what);
  EXPECT_EQ(what.limit, 5U);
  EXPECT_EQ(what.offset, 1U);
  EXPECT_EQ(what.active_minutes, 1.5);
  EXPECT_EQ(what.message_limit, 2U);
  EXPECT_EQ(what.kinds, std::vector<std::string>{"main"});
  EXPECT_EQ(what.label, "L");
  EXPECT_EQ(what.search, "s");
  std::string none, history = R"({"sessionKey":"imac/agent:jarvis:main","limit":3,"includeTools":true})", status = R"({"agentId":"jarvis"})";
  EXPECT_EQ(parser_.sessions_list(none, kCaller)->gateway, "");
  const auto asked = parser_.sessions_history(history, kCaller);
  ASSERT_TRUE(asked);
  EXPECT_EQ(std::get<body::SessionsHistory>(asked->what).session_key, "imac/agent:jarvis:main");
  EXPECT_TRUE(std::get<body::SessionsHistory>(asked->what).include_tools);
  EXPECT_EQ(parser_.session_status(status, kCaller)->agent, "jarvis");
  EXPECT_THAT(parser_.sessions_history(none, kCaller).error().message, HasSubstr("\"sessionKey\" is missing"));
  for (std::string wrong : {R"({"limit":-1})", R"({"limit":1.5})", R"({"limit":"5"})", R"({"kinds":"main"})", R"({"kinds":[1]})", R"({"activeMinutes":-1})"}) {
    EXPECT_FALSE(parser_.sessions_list(wrong, kCaller)) << wrong;
  }
}

TEST_F(Arguments, OfAnExchange) {
  std::string show = R"({"correlationId":"X"})", cancel = R"({"correlationId":"X","action":"cancel","timeoutSeconds":1})", wrong = R"({"correlationId":"X","action":"stop"})", none;
  EXPECT_EQ(parser_.exchange(show)->action, ExchangeArguments::Action::Show);
  EXPECT_EQ(parser_.exchange(cancel)->action, ExchangeArguments::Action::Cancel);
  EXPECT_EQ(parser_.exchange(cancel)->wait, 1s);
  EXPECT_THAT(parser_.exchange(wrong).error().message, HasSubstr("one of: show, wait, cancel"));
  EXPECT_THAT(parser_.exchange(none).error().message, HasSubstr("\"correlationId\" is missing"));
}

TEST_F(Arguments, CannotSayWhoCalls) {
  for (const char* name : {"caller", "from", "source", "agent", "callerAgent", "session", "X-Claw-Agent"}) {
    EXPECT_THAT(refusal(std::string(R"({"message":"hi",")") + name + R"(":"jarvis"})"), HasSubstr("unknown argument")) << name;
  }
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
  EXPECT_FALSE(parser_.none(none));
  EXPECT_THAT(parser_.none(wrong)->message, HasSubstr("this tool takes none"));
}

TEST(ParseSeconds, TakesANumberInRange) {
  EXPECT_EQ(*parse_seconds("wait", "12.5"), 12500ms);
  EXPECT_EQ(*parse_seconds("wait", "0"), 0ms);
  for (const char* wrong : {"", "-1", "x", "1s", "inf", "nan", "604801", " 1", "1 ", "+1", "0x10", "1e400", "1.2.3"})
    EXPECT_FALSE(parse_seconds("wait", wrong)) << wrong;
}

}  // namespace
}  // namespace clawbridge::api
