// MCP over HTTP, as clients on the socket and on TCP meet it.
#include <gmock/gmock.h>

#include "server_fixture.h"

namespace clawbridge::api {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kAsMain = "X-Claw-Agent: main\r\n";
constexpr const char* kStreams = "X-Claw-Agent: main\r\nAccept: application/json, text/event-stream\r\n";

class McpTest : public ServerTest {
 protected:
  McpTest() { service_.status_view.gateway = "macbook"; }

  static std::string message(const json& body, const std::string& headers) { return post("/mcp", body.dump(), headers); }
  static json request(const std::string& method, const json& params = json::object(), const json& id = 1) {
    return {{"jsonrpc", "2.0"}, {"id", id}, {"method", method}, {"params", params}};
  }
  static json call(const std::string& tool, const json& arguments, const json& id = 1, const json& meta = json::object()) {
    return request("tools/call", {{"name", tool}, {"arguments", arguments}, {"_meta", meta}}, id);
  }
  static json cancellation(const json& id) {
    return {{"jsonrpc", "2.0"}, {"method", "notifications/cancelled"}, {"params", {{"requestId", id}}}};
  }
};

TEST_F(McpTest, BeginsASessionThatIsNotKept) {
  const auto first = ask(message(request("initialize", {{"protocolVersion", "2025-06-18"}}), kStreams));
  EXPECT_EQ(first.status, 200);
  EXPECT_THAT(first.head, HasSubstr("Content-Type: application/json"));
  EXPECT_THAT(first.head, testing::ContainsRegex("Mcp-Session-Id: [0-9a-f]{32}\r\n"));
  EXPECT_EQ(first.parsed()["result"]["protocolVersion"], "2025-06-18");
  EXPECT_EQ(ask(message(request("ping"), "Mcp-Session-Id: of another life\r\n")).status, 200);
  const auto noted = ask(message({{"jsonrpc", "2.0"}, {"method", "notifications/initialized"}}, kStreams));
  EXPECT_EQ(noted.status, 202);
  EXPECT_EQ(noted.body, "");
}

TEST_F(McpTest, RefusesWhatItDoesNotOffer) {
  EXPECT_EQ(ask(get("/mcp", "Accept: text/event-stream\r\n")).status, 405);
  EXPECT_THAT(ask(get("/mcp")).head, HasSubstr("Allow: POST\r\n"));
  EXPECT_EQ(ask("DELETE /mcp HTTP/1.1\r\n\r\n").status, 405);
  EXPECT_EQ(ask(message(request("ping"), "MCP-Protocol-Version: 1999-01-01\r\n")).status, 400);
  EXPECT_EQ(ask(message(request("ping"), "MCP-Protocol-Version: 2025-11-25\r\n")).status, 200);
  EXPECT_EQ(ask(post("/mcp", "{")).status, 400);
  EXPECT_EQ(ask(message(json::array({request("ping")}), "")).status, 400);
}

TEST_F(McpTest, CallsAToolForTheAgentOfTheListener) {
  echo();
  const auto answer = ask(message(call("claw_sessions_send", {{"message", "hi"}}), kAsMain)).parsed();
  EXPECT_EQ(answer["id"], 1);
  EXPECT_EQ(answer["result"]["structuredContent"]["reply"], "echo: hi");
  EXPECT_EQ(answer["result"]["isError"], false);
  ASSERT_EQ(service_.sends.size(), 1U);
  EXPECT_EQ(service_.sends[0].event.caller_agent, "main");
  EXPECT_EQ(service_.sends[0].event.caller_session, "agent:main:main") << "the agent's own, for want of another";
  EXPECT_FALSE(service_.sends[0].event.progress);
  (void)ask(message(call("claw_sessions_send", {{"message", "hi"}}), "X-Claw-Agent: main\r\nX-Claw-Session: agent:main:work\r\n"));
  EXPECT_EQ(service_.sends[1].event.caller_session, "agent:main:work");
  (void)ask(message(call("claw_sessions_send", {{"message", "hi"}}), ""));
  EXPECT_EQ(service_.sends[2].event.caller_agent, "_bridge");
  EXPECT_EQ(service_.sends[2].event.caller_session, "");
}

TEST_F(McpTest, NoArgumentSaysWhoCalls) {
  for (const char* name : {"caller", "agent", "source", "X-Claw-Agent", "session"}) {
    const auto result = ask(message(call("claw_sessions_send", {{"message", "hi"}, {name, "jarvis"}}), kAsMain)).parsed()["result"];
    EXPECT_EQ(result["isError"], true) << name;
    EXPECT_THAT(result["content"][0]["text"], HasSubstr("unknown argument"));
  }
  auto meta = call("claw_sessions_send", {{"message", "hi"}}, 1, {{"agent", "jarvis"}, {"X-Claw-Agent", "jarvis"}});
  echo();
  (void)ask(message(meta, kAsMain));
  ASSERT_EQ(service_.sends.size(), 1U);
  EXPECT_EQ(service_.sends[0].event.caller_agent, "main");
}

TEST_F(McpTest, StreamsProgressToWhoAsksForIt) {
  start();
  TestCaller caller(io_, settings_.socket_path);
  caller.send(message(call("claw_sessions_send", {{"message", "hi"}}, "a", {{"progressToken", "t"}}), kStreams));
  run_until([&] { return service_.sends.size() == 1; });
  EXPECT_TRUE(service_.sends[0].event.progress);
  service_.sends[0].progress("Hel");
  service_.sends[0].progress("Hello");
  service_.sends[0].done(view("ok", "Hello"));
  run_until([&] { return caller.answers.size() == 1; });
  EXPECT_THAT(caller.answers[0].head, HasSubstr("text/event-stream"));
  EXPECT_THAT(caller.answers[0].body, HasSubstr(R"(event: message
data: {"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"t","progress":2,"message":"Hello"}})"));
  EXPECT_THAT(caller.answers[0].body, HasSubstr(R"(data: {"jsonrpc":"2.0","id":"a","result":{"content":[)"));
}

TEST_F(McpTest, WhoAsksForNoProgressCausesNone) {
  start();
  TestCaller caller(io_, settings_.socket_path);
  caller.send(message(call("claw_sessions_send", {{"message", "hi"}}), kStreams));
  run_until([&] { return service_.sends.size() == 1; });
  EXPECT_FALSE(service_.sends[0].event.progress);
  service_.sends[0].done(Error{ErrorCode::UnknownAgent, "who?", false});
  run_until([&] { return caller.answers.size() == 1; });
  EXPECT_THAT(caller.answers[0].body, HasSubstr(R"("isError":true)"));
}

TEST_F(McpTest, ACancelledCallEndsWithoutAResult) {
  start();
  TestCaller caller(io_, settings_.socket_path), stranger(io_, settings_.socket_path);
  caller.send(message(call("claw_sessions_send", {{"message", "hi"}}, 5), std::string(kStreams) + "Mcp-Session-Id: one\r\n"));
  run_until([&] { return service_.sends.size() == 1; });
  for (const std::string headers : {"X-Claw-Agent: pepper\r\nMcp-Session-Id: one\r\n", "X-Claw-Agent: main\r\nMcp-Session-Id: two\r\n"}) {
    EXPECT_EQ(ask(message(cancellation(5), headers)).status, 202);
  }
  EXPECT_EQ(ask(message(cancellation("5"), std::string(kAsMain) + "Mcp-Session-Id: one\r\n")).status, 202);
  EXPECT_TRUE(service_.cancelled.empty()) << "of another agent, another client, another id";
  EXPECT_EQ(ask(message(cancellation(5), std::string(kAsMain) + "Mcp-Session-Id: one\r\n")).status, 202);
  run_until([&] { return caller.answers.size() == 1; });
  EXPECT_THAT(service_.cancelled, ElementsAre(service_.sends[0].event.ticket));
  EXPECT_THAT(caller.answers[0].body, Not(HasSubstr("data:")));
  EXPECT_EQ(ask(message(cancellation(5), std::string(kAsMain) + "Mcp-Session-Id: one\r\n")).status, 202) << "and once more";
}

TEST_F(McpTest, ACallThatHasEndedCannotBeCancelled) {
  echo();
  (void)ask(message(call("claw_sessions_send", {{"message", "hi"}}), kStreams));
  EXPECT_EQ(ask(message(cancellation(1), kAsMain)).status, 202);
  EXPECT_TRUE(service_.cancelled.empty());
}

TEST_F(McpTest, ACallerWhoGoesCancelsItsCall) {
  start();
  TestCaller caller(io_, settings_.socket_path);
  caller.send(message(call("claw_sessions_send", {{"message", "hi"}}), kStreams));
  run_until([&] { return service_.sends.size() == 1; });
  caller.hang_up();
  run_until([&] { return service_.cancelled.size() == 1; });
}

TEST_F(McpTest, ADaemonThatStopsSaysSo) {
  start();
  TestCaller caller(io_, settings_.socket_path);
  caller.send(message(call("claw_sessions_send", {{"message", "hi"}}, 1, {{"progressToken", 1}}), kStreams));
  run_until([&] { return service_.sends.size() == 1; });
  service_.sends[0].progress("Hel");
  bool stopped = false;
  server_->stop(0ms, [&] { stopped = true; });
  run_until([&] { return caller.ended; });
  EXPECT_THAT(caller.answers.at(0).body, HasSubstr("the daemon is stopping"));
  caller.hang_up();
  run_until([&] { return stopped; });
}

}  // namespace
}  // namespace clawbridge::api
