// One exchange between two bridges, whole and under faults.
#include "world.h"

namespace clawbridge::core {
namespace {

using namespace std::chrono_literals;

class Exchange : public World {
 protected:
  void SetUp() override {
    World::SetUp();
    bring_up();
    log.clear();
  }

  // The types of what crossed the broker since the last call, without states.
  std::vector<std::string> crossed() {
    std::vector<std::string> types;
    for (const auto& message : log) {
      if (message.topic.ends_with("/state")) continue;
      const auto at = message.payload.find("\"type\":\"claw.v1.") + 16;
      types.push_back(message.payload.substr(at, message.payload.find('"', at) - at));
    }
    log.clear();
    return types;
  }

  static bool is_type(const action::Publish& message, std::string_view type) {
    return message.payload.find("\"type\":\"claw.v1." + std::string(type) + "\"") != std::string::npos;
  }
};

TEST_F(Exchange, AMessageCrossesAndItsReplyComesBack) {
  const auto ticket = send("imac/jarvis", "hello");
  settle();
  EXPECT_EQ(finish_all(imac), 1u);
  settle();
  const auto result = answer(ticket);
  ASSERT_TRUE(result && *result);
  EXPECT_EQ((*result)->status, "ok");
  EXPECT_EQ((*result)->reply, "echo: hello");
  EXPECT_EQ((*result)->session_key, "agent:jarvis:main");
  EXPECT_EQ((*result)->gateway, "imac");
  EXPECT_TRUE((*result)->remote);
  pass(1s);
  // A reply within 5 ms needs no receipt; the acknowledgement follows within a second.
  EXPECT_EQ(crossed(), (std::vector<std::string>{"sessions_send.request", "reply", "ack"}));
}

TEST_F(Exchange, ProvenanceComesFromTheRequest) {
  send("imac/jarvis", "hello");
  settle();
  const auto runs = imac.take<action::StartRun>();
  ASSERT_EQ(runs.size(), 1u);
  EXPECT_EQ(runs[0].source_session, "macbook/_bridge");
  EXPECT_EQ(runs[0].source_channel, "mqtt:" + runs[0].run.id);
  EXPECT_EQ(runs[0].idempotency_key, "claw:macbook:" + runs[0].run.id + ":1");
  EXPECT_EQ(runs[0].text, "hello");
}

TEST_F(Exchange, ASlowTurnIsToldByOneReceipt) {
  const auto ticket = send("imac/jarvis", "hello");
  settle();
  const auto runs = imac.take<action::StartRun>();
  imac.step(now, event::RunStarted{runs[0].run, "run-1"});
  pass(1s);
  EXPECT_EQ(crossed(), (std::vector<std::string>{"sessions_send.request", "receipt"}));
  EXPECT_EQ(macbook.core().exchange(runs[0].run.id)->stage, "started");
  EXPECT_EQ(macbook.core().exchange(runs[0].run.id)->run_id, "run-1");
  pass(30s);
  const auto result = answer(ticket);
  ASSERT_TRUE(result && *result);
  EXPECT_EQ((*result)->status, "accepted");
  EXPECT_EQ((*result)->stage, "started");
  finish(imac, runs[0], "late");
  settle();
  EXPECT_EQ(macbook.core().exchange(runs[0].run.id)->reply, "late");
}

TEST_F(Exchange, ALocalAgentIsReachedWithoutTheBroker) {
  lose_broker(macbook);
  const auto ticket = send("main", "hello");
  EXPECT_EQ(finish_all(macbook), 1u);
  const auto result = answer(ticket);
  ASSERT_TRUE(result && *result);
  EXPECT_EQ((*result)->reply, "echo: hello");
  EXPECT_FALSE((*result)->remote);
}

TEST_F(Exchange, ALostRequestIsPublishedAgainWithTheSameBytes) {
  const auto ticket = send("imac/jarvis", "hello");
  std::string lost;
  settle([&](const action::Publish& message) {
    lost = message.payload;
    return true;
  });
  EXPECT_EQ(finish_all(imac), 0u);
  pass(3s);
  EXPECT_EQ(finish_all(imac), 1u);
  settle();
  EXPECT_EQ(log.at(0).payload, lost);
  EXPECT_EQ(answer(ticket)->value().status, "ok");
}

TEST_F(Exchange, ADuplicateRunsOnceAndGetsTheSameReply) {
  send("imac/jarvis", "hello");
  settle();
  finish_all(imac);
  settle();
  const auto request = log.at(0);
  const auto reply = log.at(1);
  log.clear();
  publish(request);
  settle();
  EXPECT_EQ(finish_all(imac), 0u);
  ASSERT_GE(log.size(), 2u);
  EXPECT_EQ(log.at(1).payload, reply.payload);
}

TEST_F(Exchange, ADuplicateOfARunningTurnDoesNotStartIt) {
  send("imac/jarvis", "hello");
  settle();
  publish(log.at(0));
  settle();
  EXPECT_EQ(imac.take<action::StartRun>().size(), 1u);
}

TEST_F(Exchange, OrderSurvivesLoss) {
  send("imac/jarvis", "one");
  send("imac/jarvis", "two");
  bool first = true;
  settle([&](const action::Publish&) { return std::exchange(first, false); });
  EXPECT_EQ(finish_all(imac), 0u);  // `two` waits for a receipt of `one`
  pass(3s);
  while (finish_all(imac) > 0) settle();
  ASSERT_EQ(turns.size(), 2u);
  EXPECT_EQ(turns[0].text, "one");
  EXPECT_EQ(turns[1].text, "two");
}

TEST_F(Exchange, ALostReplyIsFetchedByStatus) {
  const auto ticket = send("imac/jarvis", "hello", 0ms);
  const auto id = answer(ticket)->value().correlation_id;
  settle();
  const auto runs = imac.take<action::StartRun>();
  imac.step(now, event::RunStarted{runs[0].run, "run-1"});
  pass(1s);  // the receipt arrives
  finish(imac, runs[0], "reply");
  settle([&](const action::Publish& message) { return is_type(message, "reply"); });
  EXPECT_EQ(macbook.core().exchange(id)->status, "accepted");
  pass(6min);
  EXPECT_EQ(macbook.core().exchange(id)->status, "ok");
  EXPECT_EQ(macbook.core().exchange(id)->reply, "reply");
}

TEST_F(Exchange, TheRequesterMayDieAndStillLearnsTheOutcome) {
  const auto ticket = send("imac/jarvis", "hello", 0ms);
  const auto id = answer(ticket)->value().correlation_id;
  settle();
  lose_broker(macbook);
  macbook.crash();
  finish_all(imac);
  settle();
  macbook.boot(now);
  pass(10s);
  EXPECT_EQ(finish_all(imac), 0u);
  EXPECT_EQ(macbook.core().exchange(id)->status, "ok");
  EXPECT_EQ(macbook.core().exchange(id)->message, "hello");
}

TEST_F(Exchange, AfterTheRespondersCrashTheGatewayIsAskedAndNothingRunsTwice) {
  const auto ticket = send("imac/jarvis", "hello", 0ms);
  const auto id = answer(ticket)->value().correlation_id;
  settle();
  const auto runs = imac.take<action::StartRun>();
  ASSERT_EQ(runs.size(), 1u);
  lose_broker(imac);
  imac.crash();
  imac.boot(now);
  gateway_up(imac, {"jarvis", "pepper"});
  pass(10s);
  EXPECT_TRUE(imac.take<action::StartRun>().empty());
  const auto recoveries = imac.take<action::RecoverRun>();
  ASSERT_EQ(recoveries.size(), 1u);
  EXPECT_EQ(recoveries[0].idempotency_key, runs[0].idempotency_key);
  EXPECT_EQ(recoveries[0].boot_id, "boot-1");
  EXPECT_EQ(recoveries[0].text, "hello");
  body::Reply outcome;
  outcome.status = ReplyStatus::Interrupted;
  outcome.error = Error{ErrorCode::GatewayDown, "nobody knows", false};
  imac.step(now, event::RunEnded{recoveries[0].run, outcome});
  pass(10s);
  EXPECT_EQ(macbook.core().exchange(id)->status, "interrupted");
}

TEST_F(Exchange, ATurnThatCertainlyDidNotRunIsHandedOverAgainUnderANewKey) {
  send("imac/jarvis", "hello");
  settle();
  const auto runs = imac.take<action::StartRun>();
  imac.step(now, event::RunNotTaken{runs[0].run, "Gateway is draining"});
  EXPECT_TRUE(imac.take<action::StartRun>().empty());
  pass(2s);
  const auto again = imac.take<action::StartRun>();
  ASSERT_EQ(again.size(), 1u);
  EXPECT_EQ(again[0].run.attempt, 2u);
  EXPECT_NE(again[0].idempotency_key, runs[0].idempotency_key);
  EXPECT_EQ(again[0].text, "hello");
}

TEST_F(Exchange, WhatExpiresUnansweredIsExpiredOnlyWhenThePeerSaysSo) {
  event::LocalSend request;
  request.ticket = 100;
  request.caller_agent = "_bridge";
  request.agent = "imac/jarvis";
  request.message = "hello";
  request.wait = 0ms;
  request.expires_in = 10s;
  macbook.step(now, request);
  const auto id = answer(100)->value().correlation_id;
  action::Publish lost;
  const auto lose_all = [&](const action::Publish& message) {
    if (is_type(message, "sessions_send.request")) lost = message;
    return true;
  };
  settle(lose_all);
  pass(20s, lose_all);
  EXPECT_EQ(macbook.core().exchange(id)->status, "accepted");  // nobody has answered: it may yet have arrived
  pass(6min);
  EXPECT_EQ(macbook.core().exchange(id)->status, "expired");
  // The answer was made certain: the late request does not run.
  publish(lost);
  settle();
  EXPECT_EQ(finish_all(imac), 0u);
  EXPECT_TRUE(is_type(log.back(), "reply") || is_type(log.back(), "ack"));
}

TEST_F(Exchange, WhatNeverLeftExpiresByItself) {
  lose_broker(macbook);
  broker_up = false;
  event::LocalSend request;
  request.ticket = 100;
  request.caller_agent = "_bridge";
  request.agent = "imac/jarvis";
  request.message = "hello";
  request.wait = 0ms;
  request.expires_in = 10s;
  macbook.step(now, request);
  const auto view = answer(100)->value();
  EXPECT_EQ(view.stage, "accepted");
  EXPECT_TRUE(view.unreachable);
  pass(11s);
  EXPECT_EQ(macbook.core().exchange(view.correlation_id)->status, "expired");
}

TEST_F(Exchange, WhatWasUnderWayWhenThePeerLostItsJournalIsUnknown) {
  const auto ticket = send("imac/jarvis", "hello", 0ms);
  const auto id = answer(ticket)->value().correlation_id;
  settle();
  lose_broker(imac);
  imac.crash();
  imac.boot(now, true);
  gateway_up(imac, {"jarvis", "pepper"});
  pass(10s);
  EXPECT_EQ(macbook.core().exchange(id)->status, "unknown");
  EXPECT_TRUE(imac.take<action::StartRun>().empty());
  // And the two talk on.
  const auto next = send("imac/jarvis", "again");
  settle();
  EXPECT_EQ(finish_all(imac), 1u);
  settle();
  EXPECT_EQ(answer(next)->value().status, "ok");
}

TEST_F(Exchange, WhatNeverLeftGoesOutToTheNewJournal) {
  lose_broker(macbook);
  broker_up = false;
  const auto ticket = send("imac/jarvis", "hello", 0ms);
  const auto id = answer(ticket)->value().correlation_id;
  lose_broker(imac);
  imac.crash();
  broker_up = true;
  advance(1s);
  imac.boot(now, true);
  gateway_up(imac, {"jarvis", "pepper"});
  settle();  // imac's new state stands on the broker before macbook comes back
  pass(60s);
  EXPECT_EQ(finish_all(imac), 1u);
  settle();
  EXPECT_EQ(macbook.core().exchange(id)->status, "ok");
}

TEST_F(Exchange, AnOfflinePeerGetsOneRequestOnly) {
  lose_broker(imac);
  imac.crash();
  settle();
  send("imac/jarvis", "one", 0ms);
  send("imac/pepper", "two", 0ms);
  settle();
  pass(4min);
  EXPECT_EQ(crossed(), (std::vector<std::string>{"sessions_send.request"}));
  imac.boot(now);
  gateway_up(imac, {"jarvis", "pepper"});
  pass(10s);
  while (finish_all(imac) > 0) settle();
  EXPECT_EQ(turns.size(), 2u);
}

TEST_F(Exchange, AtMostSixteenHeadsAreOnTheWire) {
  for (int i = 0; i < 40; ++i) {
    event::LocalSend request;
    request.caller_agent = "_bridge";
    request.session_key = "imac/agent:jarvis:s" + std::to_string(i);
    request.message = "hello";
    request.wait = 0ms;
    macbook.step(now, request);
  }
  settle([](const action::Publish&) { return true; });
  EXPECT_EQ(macbook.count("request.published"), 16u);
  settle();
}

}  // namespace
}  // namespace clawbridge::core
