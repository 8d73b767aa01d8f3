// What JSON-RPC messages ask for, and the messages that answer them.
#include "bridge/mcp/protocol.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace clawbridge::mcp {
namespace {

using nlohmann::json;
using testing::HasSubstr;

Step step(const std::string& text) { return read_message(text, "1.2.3"); }
Step step_of(const json& message) { return step(message.dump()); }

json request(const std::string& method, const json& params = json::object(), const json& id = 7) {
  return {{"jsonrpc", "2.0"}, {"id", id}, {"method", method}, {"params", params}};
}

json answer(const json& message) {
  const auto made = step_of(message);
  return json::parse(std::get<Answered>(made).message);
}

json refusal(const std::string& text) {
  const auto made = std::get<Answered>(step(text));
  EXPECT_TRUE(made.refused) << text;
  return json::parse(made.message);
}

TEST(Protocol, BeginsWithTheRevisionTheClientSpeaks) {
  for (const auto version : kVersions) {
    const auto result = answer(request("initialize", {{"protocolVersion", version}, {"capabilities", json::object()}, {"clientInfo", json::object()}}));
    EXPECT_EQ(result["result"]["protocolVersion"], version);
    EXPECT_EQ(result["id"], 7);
  }
  const auto newest = answer(request("initialize", {{"protocolVersion", "2099-01-01"}}))["result"];
  EXPECT_EQ(newest["protocolVersion"], "2025-11-25");
  EXPECT_EQ(newest["serverInfo"]["name"], "clawbridge");
  EXPECT_EQ(newest["serverInfo"]["version"], "1.2.3");
  EXPECT_TRUE(newest["capabilities"].contains("tools"));
  EXPECT_TRUE(std::get<Answered>(step_of(request("initialize"))).initialized);
  EXPECT_FALSE(std::get<Answered>(step_of(request("ping"))).initialized);
}

TEST(Protocol, AnswersWithTheIdAsItCame) {
  EXPECT_EQ(answer(request("ping", {}, "a\"b"))["id"], "a\"b");
  EXPECT_EQ(answer(request("ping", {}, -5))["id"], -5);
  EXPECT_EQ(answer(request("ping"))["result"], json::object());
}

TEST(Protocol, TakesNotificationsSilently) {
  EXPECT_TRUE(std::holds_alternative<Noted>(step(R"({"jsonrpc":"2.0","method":"notifications/initialized"})")));
  EXPECT_TRUE(std::holds_alternative<Noted>(step(R"({"jsonrpc":"2.0","method":"notifications/whatever","params":{}})")));
  EXPECT_TRUE(std::holds_alternative<Noted>(step(R"({"jsonrpc":"2.0","id":1,"result":{}})")));
  EXPECT_TRUE(std::holds_alternative<Noted>(step(R"({"jsonrpc":"2.0","method":"notifications/cancelled","params":{}})")));
  const auto cancelled = step(R"({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"x","reason":"r"}})");
  EXPECT_EQ(std::get<Cancelled>(cancelled).id, "\"x\"");
}

TEST(Protocol, ReadsACall) {
  const auto made = step_of(request("tools/call", {{"name", "claw_sessions_send"},
                                                {"arguments", {{"message", "hi"}}},
                                                {"_meta", {{"progressToken", 3}}}}));
  const auto& call = std::get<Call>(made);
  EXPECT_EQ(call.id, "7");
  EXPECT_EQ(call.operation, "sessions_send");
  EXPECT_EQ(call.arguments, R"({"message":"hi"})");
  EXPECT_EQ(call.progress_token, "3");
  const auto bare = step_of(request("tools/call", {{"name", "claw_agents_list"}}));
  EXPECT_EQ(std::get<Call>(bare).arguments, "{}");
  EXPECT_EQ(std::get<Call>(bare).progress_token, std::nullopt);
}

TEST(Protocol, RefusesWhatIsNoCall) {
  EXPECT_EQ(answer(request("tools/call", {{"name", "sessions_send"}}))["error"]["code"], -32602) << "tools have their prefix";
  EXPECT_THAT(answer(request("tools/call", {{"name", "zzz"}}))["error"]["message"], HasSubstr("claw_exchange"));
  EXPECT_EQ(answer(request("tools/call"))["error"]["code"], -32602);
  EXPECT_EQ(answer(request("tools/call", {{"name", "claw_exchange"}, {"arguments", "x"}}))["error"]["code"], -32602);
  EXPECT_EQ(answer(request("resources/list"))["error"]["code"], -32601);
  EXPECT_EQ(answer(request("tools/list", {{"cursor", "x"}}))["error"]["code"], -32602);
}

TEST(Protocol, RefusesWhatIsNoMessage) {
  EXPECT_EQ(refusal("{")["error"]["code"], -32700);
  EXPECT_EQ(refusal("\"\xff\"")["error"]["code"], -32700);
  EXPECT_EQ(refusal(std::string(100'000, '['))["error"]["code"], -32700);
  EXPECT_EQ(refusal("[]")["error"]["code"], -32600);
  EXPECT_THAT(refusal(json::array({request("ping")}).dump())["error"]["message"], HasSubstr("batches"));
  EXPECT_EQ(refusal("7")["error"]["code"], -32600);
  EXPECT_EQ(refusal(R"({"id":1,"method":"ping"})")["error"]["code"], -32600);
  EXPECT_EQ(refusal(R"({"jsonrpc":"2.0","id":1})")["error"]["code"], -32600);
  EXPECT_EQ(refusal(R"({"jsonrpc":"2.0","id":null,"method":"ping"})")["error"]["code"], -32600);
  EXPECT_EQ(refusal(R"({"jsonrpc":"2.0","id":1.5,"method":"ping"})")["error"]["code"], -32600);
  EXPECT_EQ(refusal(request("ping", {}, std::string(300, 'x')).dump())["error"]["code"], -32600);
  EXPECT_EQ(refusal("{")["id"], nullptr);
  EXPECT_EQ(json::parse(std::get<Answered>(step(R"({"jsonrpc":"2.0","id":1,"method":"ping","params":[]})")).message)["error"]["code"], -32602);
}

TEST(Protocol, AResultIsTextAndTheSameAsAnObject) {
  const Call call{"7", "sessions_send", "{}", std::nullopt};
  const auto result = json::parse(result_message(call, R"({"status":"ok","reply":"a\nb"})", false))["result"];
  EXPECT_EQ(result["content"][0]["type"], "text");
  EXPECT_EQ(json::parse(result["content"][0]["text"].get<std::string>()), result["structuredContent"]);
  EXPECT_EQ(result["structuredContent"]["reply"], "a\nb");
  EXPECT_EQ(result["isError"], false);
}

TEST(Protocol, AFailedTurnIsAnError) {
  const Call send{"7", "sessions_send", "{}", std::nullopt}, look{"7", "exchange", "{}", std::nullopt};
  const auto failed = [](const Call& call, const char* status) {
    return json::parse(result_message(call, std::string(R"({"status":")") + status + "\"}", false))["result"]["isError"].get<bool>();
  };
  for (const char* fine : {"ok", "no_reply", "accepted"}) EXPECT_FALSE(failed(send, fine)) << fine;
  for (const char* bad : {"error", "rejected", "expired", "interrupted", "unknown", "cancelled"}) {
    EXPECT_TRUE(failed(send, bad)) << bad;
    EXPECT_FALSE(failed(look, bad)) << "that it was found out is no failure";
  }
  const auto refused = json::parse(result_message(send, R"({"status":"error","error":{}})", true))["result"];
  EXPECT_EQ(refused["isError"], true);
  EXPECT_FALSE(refused.contains("structuredContent"));
}

TEST(Protocol, ProgressRisesAndIsBounded) {
  const Call call{"7", "sessions_send", "{}", "\"t\""};
  const auto first = json::parse(progress_message(call, 1, "Hel\nlo"));
  EXPECT_EQ(first["method"], "notifications/progress");
  EXPECT_EQ(first["params"], (json{{"progressToken", "t"}, {"progress", 1}, {"message", "Hel\nlo"}}));
  std::string text;
  while (text.size() < 100'000) text += "\xc3\xbc";
  const auto cut = json::parse(progress_message(call, 2, text.substr(0, 99'998) + "x"))["params"]["message"].get<std::string>();
  EXPECT_LE(cut.size(), 16U * 1024);
  EXPECT_TRUE(cut.ends_with("\xc3\xbcx"));
}

}  // namespace
}  // namespace clawbridge::mcp
