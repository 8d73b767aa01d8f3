// Stopping an exchange, at every point of its life and across crashes (wire contract, exchange rule 9).
#include "world.h"

namespace clawbridge::core {
namespace {

using namespace std::chrono_literals;

class Cancel : public World {
 protected:
  void SetUp() override {
    World::SetUp();
    bring_up();
    log.clear();
  }

  static bool is_type(const action::Publish& message, std::string_view type) {
    return message.payload.find("\"type\":\"claw.v1." + std::string(type) + "\"") != std::string::npos;
  }

  // An exchange that was accepted, by its id.
  std::string accepted(std::string message = "hello", std::string agent = "imac/jarvis") {
    const auto result = answer(send(std::move(agent), std::move(message), 0ms));
    EXPECT_TRUE(result && *result);
    return (*result)->correlation_id;
  }

  void cancel(const std::string& id, Ticket ticket = 900) { macbook.step(now, event::LocalCancel{ticket, id, 30s}); }

  std::optional<CancelResult> cancelled(Ticket ticket = 900) {
    for (auto& answer : macbook.take<action::Answer>()) {
      auto* result = std::get_if<CancelResult>(&answer.result);
      if (result != nullptr && answer.ticket == ticket) return std::move(*result);
    }
    return std::nullopt;
  }

  action::StartRun started() {
    auto runs = imac.take<action::StartRun>();
    EXPECT_EQ(runs.size(), 1u);
    imac.step(now, event::RunStarted{runs.at(0).run, "run-1"});
    return runs.at(0);
  }

  void abort_works(const action::AbortRun& order) {
    body::Reply outcome;
    outcome.status = ReplyStatus::Cancelled;
    outcome.ran = true;
    imac.step(now, event::RunEnded{order.run, outcome});
  }

  std::string status_at(Node& node, const std::string& id) { return node.core().exchange(id)->status; }
};

TEST_F(Cancel, WhatNeverLeftIsStoppedHereAndNobodyHearsOfIt) {
  lose_broker(macbook);
  const auto id = accepted();
  cancel(id);
  const auto result = cancelled();
  ASSERT_TRUE(result && *result);
  EXPECT_EQ((*result)->result, "cancelled");
  EXPECT_EQ((*result)->ran, false);
  pass(10s);
  EXPECT_EQ(status_at(macbook, id), "cancelled");
  EXPECT_FALSE(imac.core().exchange(id).has_value());
}

TEST_F(Cancel, ARequestThatWaitsForItsSessionDoesNotRun) {
  accepted("first");
  const auto second = accepted("second");
  settle();
  const auto first_run = started();
  pass(1s);
  cancel(second);
  settle();
  const auto result = cancelled();
  ASSERT_TRUE(result && *result);
  EXPECT_EQ((*result)->result, "cancelled");
  EXPECT_EQ((*result)->ran, false);
  finish(imac, first_run, "done");
  pass(5s);
  EXPECT_TRUE(imac.take<action::StartRun>().empty());
  EXPECT_EQ(status_at(imac, second), "cancelled");
  EXPECT_EQ(status_at(macbook, second), "cancelled");
}

TEST_F(Cancel, ARunningTurnIsAbortedAndTheAnswerWaitsForItsEnd) {
  const auto id = accepted();
  settle();
  started();
  pass(1s);
  cancel(id);
  settle();
  const auto aborts = imac.take<action::AbortRun>();
  ASSERT_EQ(aborts.size(), 1u);
  EXPECT_EQ(aborts[0].session_key, "agent:jarvis:main");
  EXPECT_EQ(aborts[0].idempotency_key, "claw:macbook:" + id + ":1");
  EXPECT_FALSE(cancelled().has_value());
  abort_works(aborts[0]);
  settle();
  const auto result = cancelled();
  ASSERT_TRUE(result && *result);
  EXPECT_EQ((*result)->result, "cancelled");
  EXPECT_EQ((*result)->ran, true);
  EXPECT_EQ(status_at(macbook, id), "cancelled");
  EXPECT_EQ(status_at(imac, id), "cancelled");
}

TEST_F(Cancel, AGatewayThatCannotAbortLetsTheTurnEnd) {
  const auto id = accepted();
  settle();
  const auto run = started();
  pass(1s);
  cancel(id);
  settle();
  const auto aborts = imac.take<action::AbortRun>();
  ASSERT_EQ(aborts.size(), 1u);
  imac.step(now, event::AbortRefused{aborts[0].run, "it cannot"});
  settle();
  const auto result = cancelled();
  ASSERT_TRUE(result && *result);
  EXPECT_EQ((*result)->result, "cannot_abort");
  EXPECT_EQ(status_at(macbook, id), "accepted");
  finish(imac, run, "the natural end");
  settle();
  EXPECT_EQ(macbook.core().exchange(id)->reply, "the natural end");
}

TEST_F(Cancel, ATurnThatEndsFirstIsCalledEnded) {
  const auto id = accepted();
  settle();
  const auto run = started();
  pass(1s);
  cancel(id);
  settle();
  EXPECT_EQ(imac.take<action::AbortRun>().size(), 1u);
  finish(imac, run, "quicker");
  settle();
  const auto result = cancelled();
  ASSERT_TRUE(result && *result);
  EXPECT_EQ((*result)->result, "already_ended");
  EXPECT_EQ(macbook.core().exchange(id)->reply, "quicker");
}

TEST_F(Cancel, OfARequestThatNeverCameLeavesATombstone) {
  const auto lost = [](const action::Publish& message) { return is_type(message, "sessions_send.request"); };
  const auto id = accepted();
  settle(lost);
  cancel(id);
  settle(lost);
  const auto result = cancelled();
  ASSERT_TRUE(result && *result);
  EXPECT_EQ((*result)->result, "cancelled");
  EXPECT_EQ((*result)->ran, false);
  // The request arrives after all: it was on its way.
  for (const auto& message : log) {
    if (is_type(message, "sessions_send.request")) FAIL() << "it was to be lost";
  }
  EXPECT_EQ(status_at(macbook, id), "cancelled");
}

TEST_F(Cancel, ALateRequestIsAnsweredByTheTombstone) {
  std::vector<action::Publish> late;
  const auto delayed = [&](const action::Publish& message) {
    if (!is_type(message, "sessions_send.request")) return false;
    late.push_back(message);
    return true;
  };
  const auto id = accepted();
  settle(delayed);
  cancel(id);
  settle(delayed);
  ASSERT_EQ(late.size(), 1u);
  imac.crash();
  imac.boot(now);
  gateway_up(imac, {"jarvis", "pepper"});
  settle();
  log.clear();
  publish(late[0]);
  publish(late[0]);
  settle();
  EXPECT_TRUE(imac.take<action::StartRun>().empty());
  EXPECT_EQ(status_at(imac, id), "cancelled");
  EXPECT_EQ(status_at(macbook, id), "cancelled");
  const auto replies = std::count_if(log.begin(), log.end(), [](const auto& message) {
    return is_type(message, "reply") && message.payload.find("\"status\":\"cancelled\",\"ran\":false") != std::string::npos;
  });
  EXPECT_EQ(replies, 2);
}

TEST_F(Cancel, SurvivesACrashOfTheResponderWhileTheTurnRuns) {
  const auto id = accepted();
  settle();
  started();
  pass(1s);
  cancel(id);
  settle();
  ASSERT_EQ(imac.take<action::AbortRun>().size(), 1u);
  imac.crash();
  imac.boot(now);
  settle();
  gateway_up(imac, {"jarvis", "pepper"});
  const auto recoveries = imac.take<action::RecoverRun>();
  ASSERT_EQ(recoveries.size(), 1u);
  EXPECT_TRUE(imac.take<action::AbortRun>().empty());  // whether it runs is not known yet
  imac.step(now, event::RunStarted{recoveries[0].run, "run-1"});
  const auto aborts = imac.take<action::AbortRun>();
  ASSERT_EQ(aborts.size(), 1u);
  abort_works(aborts[0]);
  pass(5s);
  const auto result = cancelled();
  ASSERT_TRUE(result && *result);
  EXPECT_EQ((*result)->result, "cancelled");
  EXPECT_EQ(status_at(macbook, id), "cancelled");
}

TEST_F(Cancel, AWaitThatEndsFirstSaysThatItWasRequested) {
  const auto id = accepted();
  settle();
  started();
  pass(1s);
  lose_broker(imac);
  cancel(id);
  pass(31s);
  const auto result = cancelled();
  ASSERT_TRUE(result && *result);
  EXPECT_EQ((*result)->result, "requested");
  EXPECT_EQ(status_at(macbook, id), "accepted");
}

TEST_F(Cancel, WhatHasEndedIsCalledEnded) {
  const auto id = accepted();
  settle();
  finish_all(imac);
  settle();
  cancel(id);
  const auto result = cancelled();
  ASSERT_TRUE(result && *result);
  EXPECT_EQ((*result)->result, "already_ended");
  EXPECT_EQ((*result)->exchange.status, "ok");
}

TEST_F(Cancel, AnUnknownIdIsAnError) {
  cancel("01KAN000000000000000000000");
  const auto result = cancelled();
  ASSERT_TRUE(result.has_value());
  ASSERT_FALSE(*result);
  EXPECT_EQ(result->error().code, ErrorCode::UnknownExchange);
}

TEST_F(Cancel, TwoCallersShareOneRequest) {
  const auto id = accepted();
  settle();
  started();
  pass(1s);
  cancel(id, 900);
  cancel(id, 901);
  settle();
  const auto aborts = imac.take<action::AbortRun>();
  ASSERT_EQ(aborts.size(), 1u);
  log.clear();
  abort_works(aborts[0]);
  settle();
  std::size_t told = 0;
  for (const auto& answer : macbook.take<action::Answer>()) told += std::holds_alternative<CancelResult>(answer.result) ? 1 : 0;
  EXPECT_EQ(told, 2u);
}

TEST_F(Cancel, OfALocalTurnNeedsNoBroker) {
  lose_broker(macbook);
  const auto id = accepted("hello", "main");
  const auto runs = macbook.take<action::StartRun>();
  ASSERT_EQ(runs.size(), 1u);
  macbook.step(now, event::RunStarted{runs[0].run, "run-1"});
  cancel(id);
  const auto aborts = macbook.take<action::AbortRun>();
  ASSERT_EQ(aborts.size(), 1u);
  body::Reply outcome;
  outcome.status = ReplyStatus::Cancelled;
  outcome.ran = true;
  macbook.step(now, event::RunEnded{aborts[0].run, outcome});
  const auto result = cancelled();
  ASSERT_TRUE(result && *result);
  EXPECT_EQ((*result)->result, "cancelled");
  EXPECT_EQ(status_at(macbook, id), "cancelled");
}

TEST_F(Cancel, ATurnThatCannotBeFoundAfterACrashMayHaveBegunBeforeItWasStopped) {
  const auto id = accepted();
  settle();
  (void)started();
  cancel(id);
  settle();
  ASSERT_EQ(imac.take<action::AbortRun>().size(), 1u);
  imac.crash();  // the gateway had stopped it, which leaves no trace there, and its answer is lost
  imac.boot(now);
  gateway_up(imac, {"jarvis", "pepper"});
  settle();
  const auto recoveries = imac.take<action::RecoverRun>();
  ASSERT_EQ(recoveries.size(), 1u);
  imac.step(now, event::RunNotTaken{recoveries[0].run, "its history has no trace of the turn"});
  pass(2s);
  const auto result = cancelled();
  ASSERT_TRUE(result && *result);
  EXPECT_EQ((**result).result, "cancelled");
  EXPECT_EQ((**result).ran, std::optional(true)) << "what may have run is not called certain not to have";
}

}  // namespace
}  // namespace clawbridge::core
