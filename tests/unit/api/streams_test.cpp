// Answers that come as events: of a tool, and of everything that happens.
#include <gmock/gmock.h>

#include "server_fixture.h"

namespace clawbridge::api {
namespace {

using namespace std::chrono_literals;
using core::action::Level;
using core::action::Note;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr const char* kAccept = "Accept: text/event-stream\r\n";

class StreamsTest : public ServerTest {
 protected:
  StreamsTest() { service_.status_view.gateway = "macbook"; }
  std::string streamed_send() { return post("/v1/tools/sessions_send", R"({"message":"hi"})", kAccept); }
  Note note(const std::string& id, const std::string& text) { return {Level::Debug, "exchange.progress", {{"cid", id}, {"text", text}}}; }
};

TEST_F(StreamsTest, ProgressComesBeforeTheResult) {
  start();
  TestCaller caller(io_, settings_.socket_path);
  caller.send(streamed_send() + get("/healthz"));
  run_until([&] { return service_.sends.size() == 1; });
  EXPECT_TRUE(service_.sends[0].event.progress);
  service_.sends[0].progress("Hel");
  run_until([&] { return caller.heard.find("Hel") != std::string::npos; });
  EXPECT_THAT(caller.heard, HasSubstr("Content-Type: text/event-stream"));
  service_.sends[0].progress("Hello\n");
  service_.sends[0].done(view("ok", "Hello\nthere"));
  run_until([&] { return caller.answers.size() == 2; });
  EXPECT_THAT(caller.answers[0].body,
              StartsWith("event: progress\ndata: {\"text\":\"Hel\"}\n\nevent: progress\ndata: {\"text\":\"Hello\\n\"}\n\n"));
  EXPECT_THAT(caller.answers[0].body, HasSubstr("event: result\ndata: {\"status\":\"ok\",\"reply\":\"Hello\\nthere\""));
  EXPECT_EQ(caller.answers[1].parsed()["status"], "live") << "the connection goes on";
  EXPECT_TRUE(service_.cancelled.empty());
}

TEST_F(StreamsTest, AnErrorEndsIt) {
  start();
  TestCaller caller(io_, settings_.socket_path);
  caller.send(streamed_send());
  run_until([&] { return service_.sends.size() == 1; });
  service_.sends[0].done(Error{ErrorCode::UnknownAgent, "who?", false});
  run_until([&] { return caller.answers.size() == 1; });
  EXPECT_EQ(caller.answers[0].body,
            "event: error\ndata: {\"status\":\"error\",\"error\":{\"code\":\"unknown_agent\",\"message\":\"who?\",\"retryable\":false}}\n\n");
}

TEST_F(StreamsTest, WhatIsRefusedAtOnceIsNoStream) {
  const auto refused = ask(post("/v1/tools/sessions_send", "{}", kAccept));
  EXPECT_EQ(refused.status, 400);
  EXPECT_THAT(refused.head, HasSubstr("application/json"));
}

TEST_F(StreamsTest, WithoutAskingForItThereIsNone) {
  echo();
  EXPECT_THAT(ask(send_request()).head, HasSubstr("application/json"));
  EXPECT_FALSE(service_.sends[0].event.progress);
  EXPECT_FALSE(service_.sends[0].progress);
}

TEST_F(StreamsTest, ACallerOfHttp10HearsItToTheConnectionsEnd) {
  start();
  TestCaller caller(io_, settings_.socket_path);
  const std::string body = R"({"message":"hi"})";
  caller.send("POST /v1/tools/sessions_send HTTP/1.0\r\nAccept: text/event-stream\r\nContent-Length: " + std::to_string(body.size()) +
              "\r\n\r\n" + body);
  run_until([&] { return service_.sends.size() == 1; });
  service_.sends[0].done(view("ok", "Hi"));
  run_until([&] { return caller.ended; });
  EXPECT_THAT(caller.heard, Not(HasSubstr("chunked")));
  EXPECT_THAT(caller.heard, HasSubstr("\r\n\r\nevent: result\n"));
}

TEST_F(StreamsTest, SilenceIsBrokenByAHeartbeat) {
  settings_.connection.heartbeat = 1ms;
  start();
  TestCaller caller(io_, settings_.socket_path);
  caller.send(streamed_send());
  run_until([&] { return caller.heard.find("\r\n:\n\n") != std::string::npos; });
  service_.sends[0].done(view("ok", "late"));
  run_until([&] { return caller.answers.size() == 1; });
  EXPECT_THAT(caller.answers[0].body, HasSubstr("event: result"));
}

TEST_F(StreamsTest, ACallerWhoGoesCancelsIt) {
  start();
  TestCaller caller(io_, settings_.socket_path);
  caller.send(streamed_send());
  run_until([&] { return service_.sends.size() == 1; });
  service_.sends[0].progress("Hel");
  run_until([&] { return !caller.heard.empty(); });
  caller.hang_up();
  run_until([&] { return service_.cancelled.size() == 1; });
  service_.sends[0].progress("Hello");  // nobody hears it
}

TEST_F(StreamsTest, SlowReadersMissProgressButNotTheResult) {
  settings_.connection.stream_bytes_max = 1000;
  start();
  TestCaller caller(io_, settings_.socket_path);
  caller.send(streamed_send());
  run_until([&] { return service_.sends.size() == 1; });
  for (int i = 0; i < 1000; ++i) service_.sends[0].progress(std::string(10'000, 'x'));
  service_.sends[0].done(view("ok", "Hi"));
  run_until([&] { return caller.answers.size() == 1; });
  EXPECT_LT(caller.answers[0].body.size(), 100'000U);
  EXPECT_THAT(caller.answers[0].body, HasSubstr("event: result"));
}

TEST_F(StreamsTest, ADaemonThatStopsSaysSo) {
  start();
  TestCaller caller(io_, settings_.socket_path);
  caller.send(streamed_send());
  run_until([&] { return service_.sends.size() == 1; });
  service_.sends[0].progress("Hel");
  bool stopped = false;
  server_->stop(0ms, [&] { stopped = true; });
  run_until([&] { return caller.ended; });
  ASSERT_EQ(caller.answers.size(), 1U);
  EXPECT_THAT(caller.answers[0].body, HasSubstr("event: error\ndata: {\"status\":\"error\",\"error\":{\"code\":\"timeout\""));
  EXPECT_EQ(service_.cancelled.size(), 1U);
  caller.hang_up();
  run_until([&] { return stopped; });
}

TEST_F(StreamsTest, APersonSeesEverythingThatHappens) {
  start();
  TestCaller caller(io_, settings_.socket_path);
  caller.send(get("/v1/events"));
  run_until([&] { return caller.heard.find(":\n\n") != std::string::npos; });
  service_.tell({Level::Info, "exchange.ended", {{"cid", kId}, {"peer", "imac"}, {"reason", "\xff"}}});
  run_until([&] { return caller.heard.find("imac") != std::string::npos; });
  EXPECT_THAT(caller.heard, HasSubstr(std::string("event: exchange.ended\ndata: {\"correlationId\":\"") + kId + R"(","peer":"imac","reason":"?"})"));
  caller.hang_up();
  run_until([&] { return service_.watchers.empty(); });
}

TEST_F(StreamsTest, AnAgentSeesWhatConcernsItsOwnExchanges) {
  auto own = view("accepted");
  own.source = "macbook/main";
  service_.exchange_views[kId] = own;
  own.source = "macbook/pepper";
  service_.exchange_views["01KANYZ2Q6S7C0J5X4M3T8W9B2"] = own;
  start();
  TestCaller caller(io_, settings_.socket_path);
  caller.send(get("/v1/events", "X-Claw-Agent: main\r\n"));
  run_until([&] { return service_.watchers.size() == 1; });
  service_.tell(note("01KANYZ2Q6S7C0J5X4M3T8W9B2", "secret"));
  service_.tell(note("01KANYZ2Q6S7C0J5X4M3T8W9B3", "secret"));
  service_.tell(note(kId, "mine"));
  run_until([&] { return caller.heard.find("mine") != std::string::npos; });
  EXPECT_THAT(caller.heard, Not(HasSubstr("secret")));
}

TEST_F(StreamsTest, AReaderThatIsTooSlowIsCutOff) {
  settings_.connection.stream_bytes_max = 1000;
  start();
  TestCaller caller(io_, settings_.socket_path);
  caller.send(get("/v1/events"));
  run_until([&] { return service_.watchers.size() == 1; });
  for (int i = 0; i < 3; ++i) service_.tell(note(kId, std::string(1000, 'x')));
  EXPECT_TRUE(service_.watchers.empty());
  run_until([&] { return caller.ended; });
}

TEST_F(StreamsTest, TheirNumberIsLimited) {
  start();
  std::vector<std::unique_ptr<TestCaller>> callers;
  for (int i = 0; i < 64; ++i) {
    callers.push_back(std::make_unique<TestCaller>(io_, settings_.socket_path));
    callers.back()->send(get("/v1/events"));
  }
  run_until([&] { return service_.watchers.size() == 64; });
  EXPECT_EQ(ask(get("/v1/events")).status, 429);
  callers.pop_back();
  run_until([&] { return service_.watchers.size() == 63; });
  TestCaller next(io_, settings_.socket_path);
  next.send(get("/v1/events"));
  run_until([&] { return service_.watchers.size() == 64; });
}

TEST_F(StreamsTest, AStreamWithoutAnEndDoesNotKeepTheDaemon) {
  start();
  TestCaller caller(io_, settings_.socket_path);
  caller.send(get("/v1/events"));
  run_until([&] { return caller.heard.find(":\n\n") != std::string::npos; });
  bool stopped = false;
  server_->stop(1h, [&] { stopped = true; });
  run_until([&] { return caller.ended; });
  EXPECT_EQ(caller.answers.size(), 1U);
  caller.hang_up();
  run_until([&] { return stopped; });
}

}  // namespace
}  // namespace clawbridge::api
