// Frames in and out, without a socket.
#include "bridge/gateway/frames.h"

#include <gtest/gtest.h>

#include "tests/unit/gateway/golden.h"

namespace clawbridge::gateway {
namespace {

using nlohmann::json;

TEST(Frames, TellsEventsApartByTheirFirstBytes) {
  EXPECT_TRUE(std::holds_alternative<Challenge>(
      decode_frame(R"({"type":"event","event":"connect.challenge","payload":{"nonce":"x"}})")));
  EXPECT_TRUE(
      std::holds_alternative<Tick>(decode_frame(R"({"type":"event","event":"tick","payload":{"ts":1},"seq":25})")));
  EXPECT_TRUE(
      std::holds_alternative<ShuttingDown>(decode_frame(R"({"type":"event","event":"shutdown","payload":{}})")));
  // Not even parsed: an event of another session, cut short.
  EXPECT_TRUE(std::holds_alternative<Ignored>(decode_frame(R"({"type":"event","event":"chat","payload":{"runId":)")));
}

TEST(Frames, ReadsEventsWrittenInAnotherOrder) {
  EXPECT_TRUE(std::holds_alternative<Tick>(decode_frame(R"({ "event": "tick", "type": "event" })")));
}

TEST(Frames, ReadsTheTextOfARunUnderWay) {
  for (const auto* version : {kOld, kNew}) {
    std::ifstream file(std::string(CLAWBRIDGE_SOURCE_DIR "/tests/golden/gateway/events-") + version + ".jsonl");
    std::vector<std::string> texts;
    int other = 0;
    for (std::string line; std::getline(file, line);) {
      const auto frame = decode_frame(line);
      const auto* event = std::get_if<AgentEvent>(&frame);
      const auto text = event == nullptr ? std::nullopt : decode_progress(*event);
      if (event != nullptr) {
        EXPECT_TRUE(event->run_id.starts_with("claw:macbook:") && event->run_id.ends_with(":1")) << event->run_id;
      }
      if (text) {
        texts.push_back(*text);
      } else {
        ++other;
      }
    }
    EXPECT_EQ(texts, (std::vector<std::string>{"w0", "w0 w1"})) << version;
    EXPECT_EQ(other, 2) << version;  // of another stream, and of the chat
  }
}

TEST(Frames, TellsNoProgressOfWhatIsNone) {
  const auto progress = [](const std::string& rest) {
    const std::string text = R"({"type":"event","event":"agent","payload":{"runId":")" + rest;
    return decode_progress(std::get<AgentEvent>(decode_frame(text)));
  };
  EXPECT_EQ(progress(R"(r","stream":"assistant","data":{"text":"so far"}}})"), "so far");
  EXPECT_FALSE(progress(R"(r","stream":"assistant","data":{"text":"so far"})"));  // cut short
  EXPECT_FALSE(progress(R"(r","stream":"assistant","data":{"text":7}}})"));
  EXPECT_FALSE(progress(R"(r","stream":"assistant"}})"));
  EXPECT_FALSE(progress(R"(r","stream":"tool","data":{"text":"no"}}})"));
  EXPECT_FALSE(progress("r"));
  EXPECT_FALSE(progress(R"(r","stream":"assistant","data":{"text":")" + std::string(200'000, 'x') + R"("}}})"));
}

TEST(Frames, IgnoresWhatIsNoFrame) {
  for (const auto* text : {"", "null", "[]", "1", "{", "{\"type\":\"req\"}", "{\"type\":7}", "\xff", "\"x\""}) {
    EXPECT_TRUE(std::holds_alternative<Ignored>(decode_frame(text))) << text;
  }
}

// As 2026.3.8 writes it when it cuts a text in the middle of a character.
TEST(Frames, ReadsATextThatWasCutWithinACharacter) {
  const auto frame = decode_frame(
      R"({"type":"res","id":"1","ok":true,"payload":{"cut":"a\ud83e\n...","whole":"\ud83e\udd80","other":"\udd80\ud83e\ud83e\udd80","none":"\\ud83e"}})");
  const auto& payload = std::get<Response>(frame).payload;
  EXPECT_EQ(text_member(payload, "cut"), "a\ufffd\n...");
  EXPECT_EQ(text_member(payload, "whole"), "\U0001f980");
  EXPECT_EQ(text_member(payload, "other"), "\ufffd\ufffd\U0001f980");
  EXPECT_EQ(text_member(payload, "none"), "\\ud83e");
  for (const auto* text : {"\\", "\\u", "\\ud83", "{\"a\":\"\\ud83e", "\\ud83e\\"}) EXPECT_TRUE(std::holds_alternative<Ignored>(decode_frame(text))) << text;
}

TEST(Frames, SurvivesDeepNesting) {
  EXPECT_TRUE(std::holds_alternative<Ignored>(decode_frame(std::string(200'000, '['))));
  EXPECT_TRUE(std::holds_alternative<Ignored>(decode_frame(std::string(200'000, '[') + std::string(200'000, ']'))));
  const auto deep = std::string(200'000, '[') + std::string(200'000, ']');
  const auto frame = decode_frame(R"({"type":"res","id":"1","ok":true,"payload":{"runId":"r","deep":)" + deep + "}}");
  const auto copy = std::get<Response>(frame);  // as a waiting coroutine gets it
  EXPECT_EQ(text_member(copy.payload, "runId"), "r");
}

TEST(Frames, ReadsNumbersOutOfRangeAsMissing) {
  for (const auto* number :
       {"1e300", "-1e300", "9.3e18", "18446744073709551615", "36893488147419103232", "\"1\"", "null"}) {
    EXPECT_EQ(integer_member(json::parse(std::string("{\"n\":") + number + "}"), "n", 7), 7) << number;
  }
  EXPECT_EQ(integer_member(json{{"n", 4.9}}, "n", 7), 4);
  EXPECT_EQ(integer_member(json{{"n", -5}}, "n", 7), -5);
  EXPECT_EQ(integer_member(json{{"n", 9'223'372'036'854'775'807U}}, "n", 7), 9'223'372'036'854'775'807);
}

TEST(Frames, ReadsAFailure) {
  const auto frame = decode_frame(
      R"({"type":"res","id":"7","ok":false,"error":{"code":"INVALID_REQUEST","message":"unauthorized","details":{"code":"AUTH_TOKEN_MISMATCH"}}})");
  const auto& response = std::get<Response>(frame);
  EXPECT_EQ(response.id, "7");
  EXPECT_FALSE(response.ok);
  EXPECT_EQ(response.failure.code, "INVALID_REQUEST");
  EXPECT_EQ(response.failure.detail_code, "AUTH_TOKEN_MISMATCH");
  EXPECT_EQ(response.failure.message, "unauthorized");
}

TEST(Frames, ReadsTheHelloOf2026_9) {
  const auto hello = decode_hello(golden("hello", kNew));
  EXPECT_EQ(hello.protocol, 4);
  EXPECT_EQ(hello.version, kNew);
  EXPECT_FALSE(hello.boot_id.empty());
  EXPECT_TRUE(hello.keeps_keys());
  EXPECT_TRUE(hello.may_read_and_write());
  EXPECT_EQ(hello.tick_interval, std::chrono::seconds(30));
  EXPECT_GT(hello.uptime.count(), 0);
  EXPECT_EQ(hello.payload_bytes_max, 26'214'400U);
}

TEST(Frames, ReadsTheHelloOf2026_3) {
  const auto hello = decode_hello(golden("hello", kOld));
  EXPECT_EQ(hello.protocol, 3);
  EXPECT_EQ(hello.version, kOld);
  EXPECT_FALSE(hello.keeps_keys());
  EXPECT_FALSE(hello.scopes);
  EXPECT_TRUE(hello.may_read_and_write());
  EXPECT_GT(hello.uptime.count(), 0);
}

TEST(Frames, BelievesNoUptimeThatATimeCannotHold) {
  const auto uptime_of = [](const char* uptime) {
    const auto frame =
        decode_frame(std::string(R"({"type":"res","ok":true,"payload":{"snapshot":{"uptimeMs":)") + uptime + "}}}");
    return decode_hello(std::get<Response>(frame)).uptime;
  };
  EXPECT_EQ(uptime_of("9223372036854775807"), std::chrono::hours(100 * 365 * 24));
  EXPECT_EQ(uptime_of("-5"), std::chrono::hours(0));
  EXPECT_EQ(uptime_of("86400000"), std::chrono::hours(24));
}

TEST(Frames, NoticesEmptiedScopes) {
  const auto frame = decode_frame(
      R"({"type":"res","id":"connect","ok":true,"payload":{"type":"hello-ok","protocol":4,"auth":{"scopes":["operator.read"]}}})");
  EXPECT_FALSE(decode_hello(std::get<Response>(frame)).may_read_and_write());
}

TEST(Frames, ReadsTheAgentsOfBothVersions) {
  for (const auto* version : {kOld, kNew}) {
    const auto agents = decode_agents(golden("agents", version));
    ASSERT_EQ(agents.size(), 2U) << version;
    EXPECT_EQ(agents[0].id, "jarvis");
    EXPECT_EQ(agents[1].id, "pepper");
  }
}

TEST(Frames, AsksForReadAndWriteOnly) {
  const auto params = connect_params("secret", "1.2.3");
  EXPECT_EQ(params.at("scopes"), json({"operator.read", "operator.write"}));
  EXPECT_EQ(params.at("minProtocol"), 3);
  EXPECT_EQ(params.at("maxProtocol"), 4);
  EXPECT_EQ(params.at("client").at("id"), "gateway-client");
  EXPECT_EQ(params.at("client").at("mode"), "backend");
  EXPECT_EQ(params.at("auth").at("token"), "secret");
}

TEST(Frames, HandsATurnOverAsAnotherSessionsWords) {
  core::action::StartRun order;
  order.idempotency_key = "claw:macbook:01A:1";
  order.agent = "jarvis";
  order.session_key = "agent:jarvis:main";
  order.text = "\u00a0/reset";
  order.source_session = "macbook/main";
  order.source_channel = "mqtt:01A";
  const auto params = agent_params(order);
  EXPECT_EQ(
      params,
      json::parse(R"({"message":"[remote message] \u00a0/reset","agentId":"jarvis","sessionKey":"agent:jarvis:main",
    "idempotencyKey":"claw:macbook:01A:1","timeout":604800,"deliver":false,"inputProvenance":{"kind":"inter_session",
    "sourceSessionKey":"macbook/main","sourceChannel":"mqtt:01A","sourceTool":"sessions_send"}})"));
}

TEST(Frames, AsksForTheSessionOfASpawn) {
  core::action::StartRun order;
  order.new_session = true;
  order.label = "Research";
  order.thinking = "low";
  order.model = "not here";
  order.time_limit = std::chrono::seconds(90);
  const auto params = agent_params(order);
  EXPECT_EQ(params.at("label"), "Research");
  EXPECT_EQ(params.at("thinking"), "low");
  EXPECT_EQ(params.at("timeout"), 90);
  EXPECT_EQ(params.at("inputProvenance").at("sourceTool"), "sessions_spawn");
  EXPECT_EQ(params.count("model"), 0U);  // only an administrator may: see new_session.h
}

TEST(Frames, WritesARequestInOneLine) {
  EXPECT_EQ(encode_request("7", "agents.list", json::object()),
            R"({"id":"7","method":"agents.list","params":{},"type":"req"})");
  EXPECT_EQ(encode_request("8", "x", {{"t", "\xff"}}),
            "{\"id\":\"8\",\"method\":\"x\",\"params\":{\"t\":\"\xef\xbf\xbd\"},\"type\":\"req\"}");
}

}  // namespace
}  // namespace clawbridge::gateway
