// What callers of the API read.
#include "bridge/api/view_json.h"

#include <gtest/gtest.h>

#include "bridge/api/answer.h"

namespace clawbridge::api {
namespace {

using namespace std::chrono_literals;

const WallTime kTime{1'795'364'401'123ms};  // 2026-11-22T16:20:01.123Z

core::ExchangeView answered() {
  core::ExchangeView view;
  view.correlation_id = "01KANYZ2Q6S7C0J5X4M3T8W9B1";
  view.status = "ok";
  view.gateway = "imac";
  view.agent = "jarvis";
  view.source = "macbook/_bridge";
  view.operation = "sessions_send";
  view.session_key = "agent:jarvis:main";
  view.run_id = "run-1";
  view.stage = "ended";
  view.stages = {{"accepted", kTime}, {"ended", kTime + 5ms}};
  view.reply = std::string("Hi \"you\"\n\0", 10);
  view.created = kTime;
  view.expiry = kTime + 24h;
  return view;
}

TEST(SendJson, IsASupersetOfTheNativeResult) {
  EXPECT_EQ(
      send_json(answered()),
      R"({"status":"ok","runId":"run-1","sessionKey":"agent:jarvis:main","reply":"Hi \"you\"\n\u0000",)"
      R"("correlationId":"01KANYZ2Q6S7C0J5X4M3T8W9B1","gateway":"imac","agent":"jarvis","remote":true,"stage":"ended",)"
      R"("stages":[{"stage":"accepted","time":"2026-11-22T16:20:01.123Z"},{"stage":"ended","time":"2026-11-22T16:20:01.128Z"}]})");
}

TEST(SendJson, LeavesOutWhatIsAbsent) {
  core::ExchangeView view;
  view.correlation_id = "X";
  view.status = "accepted";
  view.remote = false;
  EXPECT_EQ(send_json(view), R"({"status":"accepted","correlationId":"X","remote":false})");
}

TEST(SendJson, SaysWhyNothingHappens) {
  core::ExchangeView view;
  view.correlation_id = "X";
  view.status = "accepted";
  view.stage = "deferred";
  view.reason = "busy";
  view.hint = "imac is offline";
  view.unreachable = true;
  view.truncated = true;
  view.error = Error{ErrorCode::Forbidden, "not\xff you", false};
  EXPECT_EQ(
      send_json(view),
      R"({"status":"accepted","correlationId":"X","remote":true,"stage":"deferred",)"
      R"("error":{"code":"forbidden","message":"not? you","retryable":false},"truncated":true,"hint":"imac is offline","reason":"busy","unreachable":true})");
}

TEST(ExchangeJson, AddsWhatOnlyALookBackWants) {
  auto view = answered();
  view.reply = "Hi";
  view.stages.clear();
  view.message = "hello";
  EXPECT_EQ(
      exchange_json(view),
      R"({"status":"ok","runId":"run-1","sessionKey":"agent:jarvis:main","reply":"Hi","correlationId":"01KANYZ2Q6S7C0J5X4M3T8W9B1",)"
      R"("gateway":"imac","agent":"jarvis","remote":true,"stage":"ended","direction":"outgoing","source":"macbook/_bridge",)"
      R"("operation":"sessions_send","created":"2026-11-22T16:20:01.123Z","expires":"2026-11-23T16:20:01.123Z","message":"hello"})");
  EXPECT_EQ(exchanges_json({}), R"({"exchanges":[]})");
}

TEST(AgentsJson, NamesTheRequesterWhenThereIsOne) {
  EXPECT_EQ(
      agents_json({{"imac", "jarvis", "Jarvis", "online", true}, {"macbook", "main", "", "", false}}, "main"),
      R"({"requester":"main","agents":[{"gateway":"imac","id":"jarvis","name":"Jarvis","presence":"online","remote":true},)"
      R"({"gateway":"macbook","id":"main","remote":false}]})");
  EXPECT_EQ(agents_json({}, ""), R"({"agents":[]})");
  EXPECT_EQ(peer_agents_json("imac", {{"jarvis", "", {"sessions_send"}}}, ""),
            R"({"agents":[{"gateway":"imac","id":"jarvis","remote":true,"ops":["sessions_send"]}]})");
}

TEST(PeerJson, LeavesOutTimesThatNeverWere) {
  core::PeerView peer;
  peer.gateway = "imac";
  peer.trust = "configured";
  peer.presence = "unseen";
  EXPECT_EQ(peers_json({peer}),
            R"({"peers":[{"gateway":"imac","trust":"configured","presence":"unseen","agents":[],"openOutgoing":0}]})");
  peer.since = kTime;
  peer.agents = {{"jarvis", "Jarvis", {}}};
  EXPECT_EQ(
      peer_json(peer),
      R"({"gateway":"imac","trust":"configured","presence":"unseen","since":"2026-11-22T16:20:01.123Z","agents":[{"id":"jarvis","name":"Jarvis"}],"openOutgoing":0})");
}

TEST(StatusJson, KeepsBrokerAndGatewayApart) {
  core::StatusView status;
  status.gateway = "macbook";
  status.version = "0.1.0";
  status.state = "degraded";
  status.broker_state = "connected";
  status.broker_protocol = 5;
  status.broker_since = WallTime{std::chrono::hours(24 * 365)};
  status.gateway_since = WallTime{std::chrono::hours(24 * 366)};
  status.gateway_error = "refused";
  status.agents = {"main"};
  status.queues = {{"runs", 1, 16}};
  status.counters = {{"messages.sent", 3}};
  EXPECT_EQ(
      status_json(status),
      R"({"gateway":"macbook","version":"0.1.0","state":"degraded","epoch":0,"broker":{"state":"connected","since":"1971-01-01T00:00:00.000Z","protocol":5},)"
      R"("agentGateway":{"connected":false,"since":"1971-01-02T00:00:00.000Z","error":"refused"},"agents":["main"],"peers":0,"peersOnline":0,"peersPending":0,"outgoingOpen":0,"incomingOpen":0,)"
      R"("queues":[{"name":"runs","size":1,"limit":16}],)"
      R"("counters":{"messages.sent":3}})");
}

TEST(StatusJson, SaysThatNobodyChecksTheBroker) {
  core::StatusView status;
  status.broker_state = "connected";
  EXPECT_EQ(status_json(status).find("insecure"), std::string::npos);
  status.broker_insecure = true;
  EXPECT_NE(status_json(status).find(R"("broker":{"state":"connected","insecure":true})"), std::string::npos);
}

TEST(Readiness, NamesEveryReason) {
  core::StatusView status;
  status.state = "online";
  status.broker_state = "connected";
  status.gateway_connected = true;
  EXPECT_TRUE(unready_reasons(status).empty());
  status.state = "offline";
  status.broker_state = "waiting";
  status.broker_error = "connection refused";
  EXPECT_EQ(
      readiness_json(status, unready_reasons(status)),
      R"({"ready":false,"state":"offline","failing":["broker is waiting: connection refused"]})");
  status.state = "name_conflict";
  status.gateway = "imac";
  EXPECT_EQ(unready_reasons(status).back(), "another bridge bears the name imac");
}

TEST(HttpStatus, TellsTheKindsOfErrorsApart) {
  EXPECT_EQ(http_status(ErrorCode::BadRequest), 400U);
  EXPECT_EQ(http_status(ErrorCode::TooLarge), 413U);
  EXPECT_EQ(http_status(ErrorCode::UnknownAgent), 404U);
  EXPECT_EQ(http_status(ErrorCode::Ambiguous), 409U);
  EXPECT_EQ(http_status(ErrorCode::Forbidden), 403U);
  EXPECT_EQ(http_status(ErrorCode::Busy), 429U);
  EXPECT_EQ(http_status(ErrorCode::StoreFull), 507U);
  EXPECT_EQ(http_status(ErrorCode::GatewayDown), 503U);
  EXPECT_EQ(http_status(ErrorCode::Internal), 500U);
}

TEST(ErrorAnswer, HasTheStatusAndTheError) {
  const Answer answer = error_answer({ErrorCode::Ambiguous, "two", false});
  EXPECT_EQ(answer.status, 409U);
  EXPECT_EQ(answer.body, R"({"status":"error","error":{"code":"ambiguous","message":"two","retryable":false}})");
}

}  // namespace
}  // namespace clawbridge::api
