// Spawning: a turn in a session of its own, answered when it has started.
#include "agent_world.h"
#include "bridge/core/task.h"

namespace clawbridge::core {
namespace {

using namespace std::chrono_literals;

class Spawn : public AgentWorld {
 protected:
  void SetUp() override {
    World::SetUp();
    allow({Operation::SessionsSpawn});
    bring_up();
  }
};

TEST_F(Spawn, IsAnsweredWhenItHasStartedAndItsResultIsDeliveredToTheSpawner) {
  const auto ticket = ask(spawn_at_jarvis("count to three"));
  const auto run = only_run(imac);
  EXPECT_EQ(run.text, "count to three");
  EXPECT_TRUE(run.new_session);
  EXPECT_EQ(run.session_key, spawned_session("jarvis", "macbook", run.run.id));
  EXPECT_FALSE(answer(ticket));

  imac.step(now, event::RunStarted{run.run, "run-1"});
  pass(10ms);
  const auto started = answer(ticket);
  ASSERT_TRUE(started && *started);
  EXPECT_EQ((**started).status, "accepted");
  EXPECT_EQ((**started).stage, "started");
  EXPECT_EQ((**started).run_id, "run-1");
  EXPECT_EQ((**started).child_session_key, run.session_key);

  finish(imac, run, "1 2 3");
  settle();
  const auto told = only_run(macbook);
  EXPECT_EQ(told.session_key, "agent:main:desk");
  EXPECT_EQ(told.source_session, "imac/jarvis");
  EXPECT_NE(told.text.find("1 2 3"), std::string::npos);
  EXPECT_EQ(macbook.core().exchange(run.run.id)->child_session_key, run.session_key);
}

TEST_F(Spawn, ThatEndsBeforeItsReceiptLeavesIsAnsweredByItsReply) {
  const auto ticket = ask(spawn_at_jarvis("quick"));
  const auto run = only_run(imac);
  finish(imac, run, "done");
  settle();
  const auto ended = answer(ticket);
  ASSERT_TRUE(ended && *ended);
  EXPECT_EQ((**ended).status, "ok");
  EXPECT_EQ((**ended).reply, "done");
  EXPECT_EQ((**ended).child_session_key, run.session_key);
  pass(2s);
  EXPECT_TRUE(macbook.take<action::StartRun>().empty()) << "the spawner has heard it";
}

TEST_F(Spawn, HasALaneOfItsOwn) {
  ask(spawn_at_jarvis("one"));
  ask(spawn_at_jarvis("two"));
  EXPECT_EQ(imac.take<action::StartRun>().size(), 2U) << "they run side by side";
}

TEST_F(Spawn, PassesOnWhatItsSessionIsToBeLike) {
  auto spawn = spawn_at_jarvis("think");
  spawn.spawn.label = "thinker";
  spawn.spawn.thinking = "high";
  spawn.spawn.model = "mock/echo";
  spawn.spawn.run_timeout_seconds = 2.5;
  ask(std::move(spawn));
  const auto run = only_run(imac);
  EXPECT_EQ(run.label, "thinker");
  EXPECT_EQ(run.thinking, "high");
  EXPECT_EQ(run.model, "mock/echo");
  EXPECT_EQ(run.time_limit, std::optional(3s));
}

TEST_F(Spawn, GoesOnAfterACrashInTheSameSession) {
  imac.step(now, event::GatewayDown{"stopped"});
  ask(spawn_at_jarvis("survive"));
  pass(1s);
  imac.crash();
  imac.boot(now);
  gateway_up(imac, {"jarvis", "pepper"});
  settle();
  const auto run = only_run(imac);
  EXPECT_EQ(run.text, "survive");
  EXPECT_TRUE(run.new_session);
  EXPECT_EQ(run.session_key, spawned_session("jarvis", "macbook", run.run.id));
}

TEST_F(Spawn, IsDeniedWhereNoRuleAllowsIt) {
  auto spawn = spawn_at_jarvis("no");
  spawn.agent = "pepper";
  const auto ticket = ask(std::move(spawn));
  const auto result = answer(ticket);
  ASSERT_TRUE(result && *result);
  EXPECT_EQ((**result).status, "rejected");
  EXPECT_EQ((**result).error->code, ErrorCode::Forbidden);
  EXPECT_TRUE(imac.take<action::StartRun>().empty());
  pass(2s);
  EXPECT_TRUE(macbook.take<action::StartRun>().empty()) << "the spawner has heard it";
}

TEST_F(Spawn, CanBeAskedAgainFromTheDeadLetters) {
  auto spawn = spawn_at_jarvis("again");
  spawn.late_reply = event::LateReply::Keep;
  const auto ticket = ask(std::move(spawn));
  const auto run = only_run(imac);
  imac.step(now, event::RunEnded{run.run, [] {
              body::Reply lost;
              lost.status = ReplyStatus::Interrupted;
              lost.error = Error{ErrorCode::GatewayDown, "gone", false};
              return lost;
            }()});
  settle();
  ASSERT_TRUE(answer(ticket));
  macbook.step(now, event::LocalReplay{0, run.run.id});
  settle();
  const auto again = only_run(imac);
  EXPECT_EQ(again.text, "again");
  EXPECT_NE(again.session_key, run.session_key);
}

}  // namespace
}  // namespace clawbridge::core
