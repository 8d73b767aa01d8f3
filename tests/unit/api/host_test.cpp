// What the API tells of the daemon as a process: metrics, health, reload, and what is wrong.
#include "server_fixture.h"

namespace clawbridge::api {
namespace {

class HostTest : public ServerTest {
 protected:
  void answer_reloads(core::ReloadResult result) {
    host_.on_reload = [this, result](const auto& done) { asio::post(io_, [done, result] { done(result); }); };
  }
};

TEST_F(HostTest, GivesMetricsAsPrometheusReadsThem) {
  service_.status_view.state = "online";
  const auto answer = ask(get("/metrics"));
  EXPECT_EQ(answer.status, 200);
  EXPECT_NE(answer.head.find("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"), std::string::npos);
  EXPECT_EQ(answer.body, "clawbridge_test{state=\"online\"} 1\n");
  EXPECT_EQ(ask(get("/metrics", "X-Claw-Agent: jarvis\r\n")).status, 200) << "they name nobody";
  EXPECT_EQ(ask(post("/metrics", "")).status, 405);
}

TEST_F(HostTest, IsReadyWithBrokerAndGatewayAndJournal) {
  auto& status = service_.status_view;
  status.state = "online";
  status.broker_state = "connected";
  status.gateway_connected = true;
  EXPECT_EQ(ask(get("/readyz")).status, 200);
  EXPECT_EQ(ask(get("/readyz")).body, R"({"ready":true,"state":"online","failing":[]})");

  status.gateway_connected = false;
  status.gateway_error = "connection refused";
  auto answer = ask(get("/readyz"));
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.parsed()["failing"][0], "the agent gateway is not connected: connection refused");

  status.broker_state = "waiting";
  status.broker_error = "no route";
  status.journal_failing = true;
  answer = ask(get("/readyz"));
  EXPECT_EQ(answer.parsed()["failing"].size(), 3U);
  EXPECT_EQ(ask(get("/healthz")).status, 200) << "a restart would help nothing of this";
}

TEST_F(HostTest, ReloadsTheSettings) {
  answer_reloads(core::ReloadView{{"policy"}, {"broker.url"}});
  auto answer = ask(post("/v1/reload", ""));
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, R"({"status":"ok","changed":["policy"],"restartNeeded":["broker.url"]})");
  answer_reloads(Error{ErrorCode::BadRequest, "clawbridge.yaml:3: unknown key", false});
  answer = ask(post("/v1/reload", ""));
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(answer.parsed()["error"]["message"], "clawbridge.yaml:3: unknown key");
  EXPECT_EQ(ask(post("/v1/reload", "", "X-Claw-Agent: jarvis\r\n")).status, 403);
}

TEST_F(HostTest, ForgetsWhoHasGoneBeforeTheReloadWasDone) {
  start();
  {
    TestCaller caller(io_, settings_.socket_path);
    caller.send(post("/v1/reload", ""));
    run_until([&] { return !host_.reloads.empty(); });
    caller.hang_up();
    run_until([&] { return server_->connections() == 0; });
  }
  host_.reloads.front()(core::ReloadView{});
  EXPECT_EQ(ask(get("/healthz")).status, 200);
}

TEST_F(HostTest, TellsTheOperatorWhatIsWrongAndNobodyElse) {
  host_.settings_view = {
      "/etc/clawbridge.yaml", *parse_time("2026-11-22T16:20:01.123Z"), "line 3 is wrong", {"broker.url"}};
  host_.trouble_views = {
      {*parse_time("2026-11-22T16:20:02.000Z"), core::action::Level::Error, "peer.key_changed", "peer=imac", 3}};
  const auto status = ask(get("/v1/status")).parsed();
  EXPECT_EQ(
      status["settings"].dump(),
      R"({"error":"line 3 is wrong","file":"/etc/clawbridge.yaml","loaded":"2026-11-22T16:20:01.123Z","restartNeeded":["broker.url"]})");
  EXPECT_EQ(
      status["troubles"].dump(),
      R"([{"count":3,"event":"peer.key_changed","level":"error","text":"peer=imac","time":"2026-11-22T16:20:02.000Z"}])");
  const auto of_agent = ask(get("/v1/status", "X-Claw-Agent: jarvis\r\n")).parsed();
  EXPECT_FALSE(of_agent.contains("settings"));
  EXPECT_FALSE(of_agent.contains("troubles"));
}

}  // namespace
}  // namespace clawbridge::api
