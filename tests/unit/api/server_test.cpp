// The server as callers of its Unix socket meet it.
#include "bridge/api/server.h"

#include <gmock/gmock.h>

#include <filesystem>

#include "server_fixture.h"

namespace clawbridge::api {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

TEST_F(ServerTest, AnswersASend) {
  echo();
  const Received answer = ask(post("/v1/tools/claw_sessions_send", R"({"message":"hi","agentId":"imac/jarvis"})",
                                   "X-Claw-Agent: main\r\nX-Claw-Session: agent:main:main\r\n"));
  EXPECT_EQ(answer.status, 200);
  EXPECT_THAT(answer.head, HasSubstr("Content-Type: application/json"));
  EXPECT_EQ(answer.parsed()["reply"], "echo: hi");
  ASSERT_EQ(service_.sends.size(), 1U);
  EXPECT_EQ(service_.sends[0].event.caller_agent, "main");
  EXPECT_EQ(service_.sends[0].event.caller_session, "agent:main:main");
  EXPECT_EQ(service_.sends[0].event.agent, "imac/jarvis");
}

TEST_F(ServerTest, CarriesAMegabyteBothWaysByteForByte) {
  echo();
  std::string text(std::size_t{1} << 20, '\0');
  for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(i % 128);
  EXPECT_EQ(ask(send_request(text)).parsed()["reply"], "echo: " + text);
}

TEST_F(ServerTest, TakesAChunkedBodyAndExpectContinue) {
  echo();
  start();
  TestCaller chunked(io_, settings_.socket_path);
  chunked.send(
      "POST /v1/tools/sessions_send HTTP/1.1\r\nTransfer-Encoding: "
      "chunked\r\n\r\nb\r\n{\"message\":\r\n5\r\n\"hi\"}\r\n0\r\n\r\n");
  run_until([&] { return chunked.answers.size() == 1; });
  EXPECT_EQ(chunked.answers[0].parsed()["reply"], "echo: hi");

  TestCaller careful(io_, settings_.socket_path);
  careful.send("POST /v1/tools/sessions_send HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 16\r\n\r\n");
  run_until([&] { return careful.answers.size() == 1; });
  EXPECT_EQ(careful.answers[0].status, 100);
  careful.send(R"({"message":"hi"})");
  run_until([&] { return careful.answers.size() == 2; });
  EXPECT_EQ(careful.answers[1].parsed()["reply"], "echo: hi");
}

TEST_F(ServerTest, AnswersPipelinedRequestsInOrder) {
  start();
  TestCaller caller(io_, settings_.socket_path);
  caller.send(send_request("one") + get("/healthz") + send_request("two"));
  run_until([&] { return service_.sends.size() == 1; });
  service_.sends[0].done(view("ok", "1"));
  run_until([&] { return service_.sends.size() == 2; });
  service_.sends[1].done(view("ok", "2"));
  run_until([&] { return caller.answers.size() == 3; });
  EXPECT_EQ(caller.answers[0].parsed()["reply"], "1");
  EXPECT_EQ(caller.answers[1].parsed()["status"], "live");
  EXPECT_EQ(caller.answers[2].parsed()["reply"], "2");
  EXPECT_TRUE(service_.cancelled.empty());
}

TEST_F(ServerTest, TakesARequestThatComesByteByByte) {
  echo();
  start();
  TestCaller caller(io_, settings_.socket_path);
  for (const char c : send_request()) {
    caller.send(std::string(1, c));
    io_.poll();
  }
  run_until([&] { return caller.answers.size() == 1; });
  EXPECT_EQ(caller.answers[0].parsed()["reply"], "echo: hi");
}

TEST_F(ServerTest, CancelsWhenTheCallerHangsUp) {
  start();
  TestCaller caller(io_, settings_.socket_path);
  caller.send(send_request());
  run_until([&] { return service_.sends.size() == 1; });
  caller.hang_up();
  run_until([&] { return !service_.cancelled.empty(); });
  EXPECT_THAT(service_.cancelled, ElementsAre(service_.sends[0].event.ticket));
  EXPECT_EQ(server_->connections(), 0U);
}

TEST_F(ServerTest, CancelsWhenTheCallerHangsUpWithARequestPipelined) {
  start();
  TestCaller caller(io_, settings_.socket_path);
  caller.send(send_request() + send_request());
  run_until([&] { return service_.sends.size() == 1; });
  caller.hang_up();
  run_until([&] { return !service_.cancelled.empty(); });
  EXPECT_EQ(service_.sends.size(), 1U);
}

TEST_F(ServerTest, ClosesWhenAskedTo) {
  start();
  TestCaller caller(io_, settings_.socket_path);
  caller.send(get("/healthz", "Connection: close\r\n"));
  run_until([&] { return caller.ended; });
  ASSERT_EQ(caller.answers.size(), 1U);
  EXPECT_THAT(caller.answers[0].head, HasSubstr("Connection: close"));
}

TEST_F(ServerTest, SaysWhatIsWrongWithARequest) {
  EXPECT_EQ(ask(post("/v1/tools/sessions_send", "{")).status, 400);
  const Received utf8 = ask(post("/v1/tools/sessions_send", "{\"message\":\"\xff\"}"));
  EXPECT_EQ(utf8.status, 400);
  EXPECT_THAT(utf8.parsed()["error"]["message"], HasSubstr("offset 12"));
  EXPECT_EQ(ask(post("/v1/tools/sessions_send", R"({"message":"hi"})", "X-Claw-Agent: A/B\r\n")).status, 400);
  const Received tool = ask(post("/v1/tools/session_send", "{}"));
  EXPECT_EQ(tool.status, 404);
  EXPECT_THAT(tool.parsed()["error"]["message"], HasSubstr("did you mean \"sessions_send\""));
  EXPECT_EQ(ask(get("/v1/nothing")).status, 404);
  EXPECT_EQ(ask(get("/v1/tools/ping")).status, 405);
  EXPECT_EQ(ask(post("/v1/agents", "")).status, 405);
  const Received garbage = ask("\x16\x03\x01 this is not HTTP\r\n\r\n");
  EXPECT_EQ(garbage.status, 400);
  EXPECT_EQ(garbage.parsed()["status"], "error");
  EXPECT_EQ(ask(get("/healthz", "X-Long: " + std::string(9000, 'x') + "\r\n")).status, 431);
  EXPECT_TRUE(service_.sends.empty());
}

TEST_F(ServerTest, PassesOnARefusalByItsCode) {
  service_.on_send = [this](ScriptedService::Send& send) {
    asio::post(io_, [done = send.done] { done(Error{ErrorCode::Ambiguous, "imac/jarvis or studio/jarvis", false}); });
  };
  const Received answer = ask(send_request());
  EXPECT_EQ(answer.status, 409);
  EXPECT_EQ(
      answer.body,
      R"({"status":"error","error":{"code":"ambiguous","message":"imac/jarvis or studio/jarvis","retryable":false}})");
}

TEST_F(ServerTest, AnswersInternalWhenTheServiceThrows) {
  service_.on_send = [](ScriptedService::Send&) { throw std::runtime_error("broken"); };
  const Received answer = ask(send_request());
  EXPECT_EQ(answer.status, 500);
  EXPECT_THAT(answer.parsed()["error"]["message"], HasSubstr("broken"));
}

TEST_F(ServerTest, RefusesABodyThatIsTooLong) {
  settings_.connection.body_bytes_max = 1000;
  start();
  TestCaller caller(io_, settings_.socket_path);
  caller.send(send_request(std::string(300'000, 'x')));
  run_until([&] { return !caller.answers.empty(); });
  EXPECT_EQ(caller.answers[0].status, 413);
  EXPECT_EQ(caller.answers[0].parsed()["error"]["code"], "too_large");
  EXPECT_THAT(caller.answers[0].parsed()["error"]["message"], HasSubstr("longer than 1000 bytes"));
}

TEST_F(ServerTest, TurnsAwayMoreConnectionsThanItsLimit) {
  settings_.connections_max = 1;
  start();
  TestCaller first(io_, settings_.socket_path);
  first.send(get("/healthz"));
  run_until([&] { return first.answers.size() == 1; });
  TestCaller second(io_, settings_.socket_path);
  run_until([&] { return second.ended; });
  ASSERT_EQ(second.answers.size(), 1U);
  EXPECT_EQ(second.answers[0].status, 429);
  EXPECT_EQ(second.answers[0].parsed()["error"]["code"], "busy");
  first.send(get("/healthz"));
  run_until([&] { return first.answers.size() == 2; });
}

TEST_F(ServerTest, ClosesIdleAndStalledConnectionsButNoneThatWaits) {
  settings_.connection.idle_max = 1ms;
  settings_.connection.pause_max = 1ms;
  start();
  TestCaller waiting(io_, settings_.socket_path);
  waiting.send(send_request());
  run_until([&] { return service_.sends.size() == 1; });
  TestCaller idle(io_, settings_.socket_path);
  TestCaller stalled(io_, settings_.socket_path);
  stalled.send("POST /v1/tools/ping HTTP/1.1\r\n");
  run_until([&] { return idle.ended && stalled.ended; });
  service_.sends[0].done(view("ok", "late"));
  run_until([&] { return waiting.answers.size() == 1; });
  EXPECT_EQ(waiting.answers[0].parsed()["reply"], "late");
}

TEST_F(ServerTest, ShowsExchanges) {
  service_.exchange_views[kId] = view("ok", "Hi");
  EXPECT_EQ(ask(get(std::string("/v1/exchanges/") + kId)).parsed()["reply"], "Hi");
  EXPECT_EQ(ask(get("/v1/exchanges/01KANYZ2Q6S7C0J5X4M3T8W9B2")).parsed()["error"]["code"], "unknown_exchange");
  EXPECT_EQ(ask(get("/v1/exchanges/nonsense")).status, 400);
  EXPECT_EQ(ask(get("/v1/exchanges")).parsed()["exchanges"].size(), 1U);
  EXPECT_EQ(ask(get("/v1/exchanges?limit=1")).status, 200);
  EXPECT_EQ(ask(get("/v1/exchanges?limit=0")).status, 400);
  EXPECT_EQ(ask(get("/v1/exchanges?count=1")).status, 400);
}

TEST_F(ServerTest, WaitsForAnExchange) {
  service_.on_wait = [this](ScriptedService::Wait& wait) {
    asio::post(io_, [done = wait.done] { done(view("ok", "Hi")); });
  };
  EXPECT_EQ(ask(get(std::string("/v1/exchanges/") + kId + "?wait=2.5")).parsed()["status"], "ok");
  ASSERT_EQ(service_.waits.size(), 1U);
  EXPECT_EQ(service_.waits[0].event.id, kId);
  EXPECT_EQ(service_.waits[0].event.wait, 2500ms);
  EXPECT_EQ(ask(get(std::string("/v1/exchanges/") + kId + "?wait=x")).status, 400);
}

TEST_F(ServerTest, ListsAgentsOfEverybodyOrAsksOneGateway) {
  service_.status_view.gateway = "macbook";
  service_.agent_views = {{"macbook", "main", "", "online", false}, {"imac", "jarvis", "", "online", true}};
  service_.on_ask = [this](ScriptedService::Ask& ask) {
    asio::post(io_, [done = ask.done] {
      core::AskView reply;
      reply.agents = std::vector<body::AgentInfo>{{"jarvis", "", {"sessions_send"}}};
      reply.gateway = "imac";
      done(reply);
    });
  };
  EXPECT_EQ(ask(get("/v1/agents")).parsed()["agents"].size(), 2U);
  EXPECT_EQ(ask(post("/v1/tools/agents_list", "", "X-Claw-Agent: main\r\n")).parsed()["requester"], "main");
  EXPECT_EQ(ask(post("/v1/tools/agents_list", R"({"gateway":"macbook"})")).parsed()["agents"].size(), 1U);
  EXPECT_EQ(ask(post("/v1/tools/agents_list", R"({"gateway":"imac"})")).parsed()["agents"][0]["ops"][0],
            "sessions_send");
  ASSERT_EQ(service_.asks.size(), 3U) << "of the agents here, the own bridge";
  EXPECT_TRUE(std::holds_alternative<body::AgentsList>(service_.asks[0].event.what));
}

TEST_F(ServerTest, PingsAGateway) {
  service_.on_ask = [this](ScriptedService::Ask& ask) {
    asio::post(io_, [done = ask.done, gateway = ask.event.gateway] {
      if (gateway != "imac") return done(Error{ErrorCode::UnknownPeer, "who?", false});
      core::AskView reply;
      reply.pong = body::Pong{"0.1.0", "2026-11-22T16:20:01.123Z", "7d1f", 3};
      done(reply);
    });
  };
  EXPECT_EQ(ask(post("/v1/tools/ping", R"({"gateway":"imac"})")).parsed()["journalOpen"], 3);
  EXPECT_EQ(ask(post("/v1/tools/ping", R"({"gateway":"nobody"})")).status, 404);
}

TEST_F(ServerTest, PassesOnThatAPeerRefused) {
  service_.on_ask = [this](ScriptedService::Ask& ask) {
    asio::post(io_, [done = ask.done] {
      core::AskView reply;
      reply.status = ReplyStatus::Rejected;
      reply.error = Error{ErrorCode::Forbidden, "not you", false};
      done(reply);
    });
  };
  EXPECT_EQ(ask(post("/v1/tools/ping", R"({"gateway":"imac"})")).status, 403);
}

TEST_F(ServerTest, TrustsAPeer) {
  core::PeerView peer;
  peer.gateway = "imac";
  service_.peer_views = {peer};
  service_.on_trust = [this, peer](ScriptedService::Trust& trust) {
    asio::post(io_, [done = trust.done, peer] { done(peer); });
  };
  EXPECT_EQ(ask(get("/v1/peers")).parsed()["peers"][0]["gateway"], "imac");
  EXPECT_EQ(ask(post("/v1/peers/imac/trust", R"({"fingerprint":"4f0c4f0c4f0c4f0c4f0c4f0c4f0c4f0c"})")).parsed()["gateway"], "imac");
  EXPECT_EQ(ask(post("/v1/peers/Imac!/trust", R"({"fingerprint":"4f0c4f0c4f0c4f0c4f0c4f0c4f0c4f0c"})")).status, 400);
  EXPECT_EQ(service_.trusts.size(), 1U);
}

TEST_F(ServerTest, SaysWhetherItIsReady) {
  service_.status_view.state = "starting";
  service_.status_view.broker_state = "connecting";
  EXPECT_EQ(ask(get("/healthz")).status, 200);
  EXPECT_EQ(ask(get("/v1/status")).parsed()["state"], "starting");
  EXPECT_EQ(ask(get("/readyz")).status, 503);
  service_.status_view.state = "online";
  service_.status_view.broker_state = "connected";
  service_.status_view.gateway_connected = true;
  EXPECT_EQ(ask(get("/readyz")).status, 200);
}

TEST_F(ServerTest, RefusesASecondDaemonOnItsPath) {
  start();
  Server second(io_, settings_, service_, host_, cryptography_, {});
  EXPECT_THROW(second.start(), std::runtime_error);
  EXPECT_EQ(ask(get("/healthz")).status, 200);
}

TEST_F(ServerTest, StopsAfterTheRequestsUnderWay) {
  start();
  TestCaller idle(io_, settings_.socket_path);
  TestCaller busy(io_, settings_.socket_path);
  busy.send(send_request() + get("/healthz"));
  run_until([&] { return service_.sends.size() == 1; });
  bool stopped = false;
  server_->stop(1h, [&] { stopped = true; });
  EXPECT_FALSE(std::filesystem::exists(settings_.socket_path));
  run_until([&] { return idle.ended; });
  EXPECT_FALSE(stopped);
  service_.sends[0].done(view("ok", "1"));
  run_until([&] { return busy.ended; });
  busy.hang_up();
  run_until([&] { return stopped; });
  EXPECT_EQ(busy.answers.size(), 1U);
}

TEST_F(ServerTest, CutsShortWhoStillWaitsWhenTheGraceIsOver) {
  start();
  TestCaller caller(io_, settings_.socket_path);
  caller.send(send_request());
  run_until([&] { return service_.sends.size() == 1; });
  bool stopped = false;
  server_->stop(0ms, [&] { stopped = true; });
  run_until([&] { return caller.ended; });
  ASSERT_EQ(caller.answers.size(), 1U);
  EXPECT_EQ(caller.answers[0].status, 503);
  EXPECT_EQ(caller.answers[0].parsed()["error"]["code"], "timeout");
  EXPECT_EQ(service_.cancelled.size(), 1U);
  caller.hang_up();
  run_until([&] { return stopped; });
}

TEST_F(ServerTest, StopsAtOnceWhenNobodyIsThere) {
  start();
  bool stopped = false;
  server_->stop(1h, [&] { stopped = true; });
  run_until([&] { return stopped; });
}

}  // namespace
}  // namespace clawbridge::api
