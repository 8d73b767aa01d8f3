// Turns of the command gateway that are held, aborted, outlive their bridge, or lose their supervisor. The bridge's death is a
// gateway that is stopped and another that begins on the same folder: all that the first knew is gone either way.
#include <gmock/gmock.h>
#include <sys/wait.h>

#include <algorithm>
#include <csignal>
#include <sstream>

#include "bridge/gateway/turn_folder.h"
#include "command_fixture.h"

namespace clawbridge::gateway {
namespace {

using namespace core;  // NOLINT: the events and actions under test
using ::testing::HasSubstr;

class CommandRecoveryTest : public CommandTest {
 protected:
  void SetUp() override {
    hold_ = fifo("hold");
    runs_ = path("runs").string();
    // Counts itself, says that it runs, and answers when it is let go.
    held_ = script("echo run >> " + runs_ + "; read line < " + hold_ + "; cat; echo \" $line\"");
  }
  std::size_t count_runs() const {
    const auto text = read_to_end(runs_);
    return static_cast<std::size_t>(std::ranges::count(text, '\n'));
  }

  /// Starts a supervisor as the bridge does, and waits for it. Returns its wait status.
  int supervise(const TurnFolders::Prepared& prepared) const {
    const SupervisorOrder order{.folder = prepared.folder.string(), .reply_bytes = 100, .time_limit = {}, .durable = false, .workdir = "/", .environment = {},
                                .argv = {held_}};
    const auto process = start_supervisor(own_program(), order, {}, prepared.alive_for_it, prepared.control_for_it);
    int status = -1;
    pid_t ended = -1;
    do {  // a gateway that is up is woken by its children
      ended = ::waitpid(process ? *process : -1, &status, 0);
    } while (ended < 0 && errno == EINTR);
    return process && ended == *process ? status : -1;
  }

  std::string hold_;
  std::string runs_;
  std::string held_;
};

TEST_F(CommandRecoveryTest, SessionsRunInParallel) {
  const auto of_jarvis = fifo("hold-jarvis");
  const auto of_pepper = fifo("hold-pepper");
  const auto gateway = up(settings({script("read line < " + path("hold-$CLAW_AGENT").string() + "; cat; echo \" $line\"")}));
  gateway->carry_out(start("one", "01A", "jarvis"));
  (void)next<event::RunStarted>();
  gateway->carry_out(start("two", "01B", "pepper"));
  (void)next<event::RunStarted>();
  release(of_pepper);
  EXPECT_EQ(next<event::RunEnded>().outcome.reply, "two go\n");
  release(of_jarvis);
  EXPECT_EQ(next<event::RunEnded>().outcome.reply, "one go\n");
}

TEST_F(CommandRecoveryTest, TheProgramsOutputBlocksAsUsualWhenItIsFull) {
  const auto gateway = up(settings({script("read line < " + hold_ + "; grep flags /proc/$$/fdinfo/1 /proc/$$/fdinfo/2")}));
  gateway->carry_out(start("hello"));
  (void)next<event::RunStarted>();  // from here on the supervisor reads
  release(hold_);
  std::istringstream words(next<event::RunEnded>().outcome.reply);
  int files = 0;
  for (std::string file, flags; words >> file >> flags; ++files) EXPECT_EQ(std::stoi(flags, nullptr, 8) & O_NONBLOCK, 0) << file << flags;
  EXPECT_EQ(files, 2);
}

TEST_F(CommandRecoveryTest, ATurnGoesOnWithoutItsBridgeAndIsFoundRunning) {
  auto gateway = up(settings({held_}));
  gateway->carry_out(start("hello"));
  (void)next<event::RunStarted>();
  const auto boot_id = boot_id_;
  gateway.reset();
  gateway = up(settings({held_}));
  EXPECT_EQ(boot_id_, boot_id) << "the machine and the folder are the same";
  gateway->carry_out(recover());
  EXPECT_EQ(next<event::RunStarted>().run_id, key("01A"));
  release(hold_);
  const auto outcome = next<event::RunEnded>().outcome;
  EXPECT_EQ(outcome.reply, "hello go\n");
  EXPECT_EQ(outcome.run_id, key("01A"));
  EXPECT_EQ(count_runs(), 1U);
}

TEST_F(CommandRecoveryTest, ATurnThatEndedWhileNobodyWatchedIsKnownExactly) {
  auto gateway = up(settings({held_}));
  gateway->carry_out(start("hello"));
  (void)next<event::RunStarted>();
  gateway.reset();
  release(hold_);
  wait_for_supervisor();
  gateway = up(settings({held_}));
  for (int asked = 0; asked < 2; ++asked) {  // until the outcome is journaled it may be asked for again
    gateway->carry_out(recover());
    (void)next<event::RunStarted>();
    const auto outcome = next<event::RunEnded>().outcome;
    EXPECT_EQ(outcome.status, ReplyStatus::Ok);
    EXPECT_EQ(outcome.reply, "hello go\n");
  }
  EXPECT_EQ(count_runs(), 1U);
}

TEST_F(CommandRecoveryTest, TheSameKeyNeverRunsTwice) {
  const auto gateway = up(settings({held_}));
  gateway->carry_out(start("hello"));
  (void)next<event::RunStarted>();
  release(hold_);
  EXPECT_EQ(next<event::RunEnded>().outcome.reply, "hello go\n");
  gateway->carry_out(start("hello"));
  (void)next<event::RunStarted>();
  EXPECT_EQ(next<event::RunEnded>().outcome.reply, "hello go\n") << "what the first time came to";
  EXPECT_EQ(count_runs(), 1U);
}

TEST_F(CommandRecoveryTest, ATurnThatWasNeverStartedIsNotTaken) {
  const auto gateway = up(settings({held_}));
  gateway->carry_out(recover());
  EXPECT_EQ(next<event::RunNotTaken>().run.id, "01A");
}

TEST_F(CommandRecoveryTest, AfterARestartOfTheMachineAMissingTurnIsInterrupted) {
  const auto gateway = up(settings({held_}));
  auto order = recover();
  order.boot_id = "another boot";
  gateway->carry_out(order);
  const auto outcome = next<event::RunEnded>().outcome;
  EXPECT_EQ(outcome.status, ReplyStatus::Interrupted);
  EXPECT_THAT(outcome.error->message, HasSubstr("the machine was restarted"));
}

TEST_F(CommandRecoveryTest, ATurnOfAnotherBootWhoseOutcomeIsWholeIsKnownAllTheSame) {
  const auto gateway = up(settings({"/bin/cat"}));
  (void)run_to_end(*gateway, "hello");
  auto order = recover();
  order.boot_id = "another boot";
  gateway->carry_out(order);
  (void)next<event::RunStarted>();
  EXPECT_EQ(next<event::RunEnded>().outcome.reply, "hello");
}

TEST_F(CommandRecoveryTest, ALateSupervisorRunsNothing) {
  // Its bridge died between making the folder and the supervisor's first step; another bridge has asked since.
  TurnFolders folders(path("turns"));
  ASSERT_TRUE(folders.open());
  auto made = folders.prepare(key("01A"), "hello", {});
  EXPECT_TRUE(std::holds_alternative<TurnFolders::Unclaimed>(folders.look(key("01A"))));
  EXPECT_EQ(supervise(std::get<TurnFolders::Prepared>(made)), 0);
  EXPECT_FALSE(std::filesystem::exists(runs_));
}

TEST_F(CommandRecoveryTest, ASupervisorWhoseFolderIsBeingRemovedRunsNothing) {
  TurnFolders folders(path("turns"));
  ASSERT_TRUE(folders.open());
  auto made = folders.prepare(key("01A"), "hello", {});
  const auto& prepared = std::get<TurnFolders::Prepared>(made);
  std::filesystem::remove(prepared.folder / "request");  // goes first
  EXPECT_EQ(supervise(prepared), 0);
  const auto state = folders.look(key("01A"));
  ASSERT_TRUE(std::holds_alternative<TurnEnd>(state));
  EXPECT_EQ(std::get<TurnEnd>(state).how, TurnEnd::How::NotStarted);
  EXPECT_FALSE(std::filesystem::exists(runs_));
}

TEST_F(CommandRecoveryTest, ALostSupervisorIsInterruptedAndItsProgramEnds) {
  const auto witness = fifo("witness");
  const auto gateway = up(settings({script("exec 5> " + witness + "; echo up >&5; read line < " + hold_)}));
  gateway->carry_out(start("hello"));
  (void)next<event::RunStarted>();
  std::ifstream watching(witness);
  std::string line;
  std::getline(watching, line);
  EXPECT_EQ(line, "up");
  ::kill(supervisor_of(), SIGKILL);
  const auto outcome = next<event::RunEnded>().outcome;
  EXPECT_EQ(outcome.status, ReplyStatus::Interrupted);
  EXPECT_THAT(outcome.error->message, HasSubstr("supervisor was killed"));
  EXPECT_FALSE(std::getline(watching, line)) << "nobody is left who could write to it";
}

TEST_F(CommandRecoveryTest, ASupervisorLostWhileNobodyWatchedIsInterrupted) {
  auto gateway = up(settings({held_}));
  gateway->carry_out(start("hello"));
  (void)next<event::RunStarted>();
  gateway.reset();
  ::kill(supervisor_of(), SIGKILL);
  wait_for_supervisor();
  gateway = up(settings({held_}));
  gateway->carry_out(recover());
  EXPECT_EQ(next<event::RunEnded>().outcome.status, ReplyStatus::Interrupted);
}

TEST_F(CommandRecoveryTest, AnAbortEndsTheProgramAndWhatItStarted) {
  const auto witness = fifo("witness");
  const auto gateway = up(settings({script("exec 5> " + witness + "; cat " + hold_ + " & echo up >&5; wait")}));
  gateway->carry_out(start("hello"));
  (void)next<event::RunStarted>();
  std::ifstream watching(witness);
  std::string line;
  std::getline(watching, line);
  gateway->carry_out(abort());
  const auto outcome = next<event::RunEnded>().outcome;
  EXPECT_EQ(outcome.status, ReplyStatus::Cancelled);
  EXPECT_EQ(outcome.ran, true);
  EXPECT_FALSE(std::getline(watching, line)) << "its child is gone too";
  gateway->carry_out(abort());
  EXPECT_EQ(next<event::AbortRefused>().reason, "no program runs for it here");
}

TEST_F(CommandRecoveryTest, AnAdoptedTurnCanBeAborted) {
  auto gateway = up(settings({held_}));
  gateway->carry_out(start("hello"));
  (void)next<event::RunStarted>();
  gateway.reset();
  gateway = up(settings({held_}));
  gateway->carry_out(recover());
  (void)next<event::RunStarted>();
  gateway->carry_out(abort());
  EXPECT_EQ(next<event::RunEnded>().outcome.status, ReplyStatus::Cancelled);
}

TEST_F(CommandRecoveryTest, AnAbortBeforeTheStartRunsNothing) {
  const auto gateway = up(settings({held_}));
  TurnFolders folders(path("turns"));
  auto made = folders.prepare(key("01A"), "hello", {});
  EXPECT_EQ(folders.ask_to_end(key("01A")), std::nullopt);
  EXPECT_EQ(supervise(std::get<TurnFolders::Prepared>(made)), 0);
  gateway->carry_out(recover());
  const auto outcome = next<event::RunEnded>().outcome;
  EXPECT_EQ(outcome.status, ReplyStatus::Cancelled);
  EXPECT_EQ(outcome.ran, false);
  EXPECT_FALSE(std::filesystem::exists(runs_));
}

TEST_F(CommandRecoveryTest, ATimeLimitEndsTheProgram) {
  auto with = settings({held_});
  with.time_limit = std::chrono::milliseconds(1);
  const auto gateway = up(std::move(with));
  const auto outcome = run_to_end(*gateway, "hello");
  EXPECT_EQ(outcome.status, ReplyStatus::Error);
  EXPECT_EQ(outcome.error->code, ErrorCode::Timeout);
}

TEST_F(CommandRecoveryTest, ASupervisorThatIsToldToStopEndsItsProgramAndSaysSo) {
  const auto gateway = up(settings({held_}));
  gateway->carry_out(start("hello"));
  (void)next<event::RunStarted>();
  ::kill(supervisor_of(), SIGTERM);
  const auto outcome = next<event::RunEnded>().outcome;
  EXPECT_EQ(outcome.status, ReplyStatus::Error);
  EXPECT_THAT(outcome.error->message, HasSubstr("its supervisor was told to stop"));
}

TEST_F(CommandRecoveryTest, AForgottenTurnLeavesNothingBehind) {
  const auto gateway = up(settings({"/bin/cat"}));
  (void)run_to_end(*gateway, "hello");
  const auto supervisor = supervisor_of();
  gateway->carry_out(action::ForgetRun{{"macbook", "01A", 1}, key("01A")});
  EXPECT_FALSE(std::filesystem::exists(turn_folder()));
  EXPECT_EQ(TurnFolders(path("turns")).list(), std::vector<std::string>{});
  while (::kill(supervisor, 0) == 0) io_.run_one();  // its process is reaped
}

TEST_F(CommandRecoveryTest, FoldersThatNobodyAsksForGoWithTheFirstTurn) {
  {
    const auto gateway = up(settings({"/bin/cat"}));
    (void)run_to_end(*gateway, "asked for", "01A");
    (void)run_to_end(*gateway, "journaled, and the bridge was killed before it could forget", "01B");
  }
  const auto gateway = up(settings({"/bin/cat"}));
  gateway->carry_out(recover("01A"));
  (void)next<event::RunStarted>();
  (void)next<event::RunEnded>();
  EXPECT_TRUE(std::filesystem::exists(turn_folder("01B"))) << "it could still be asked for";
  EXPECT_EQ(run_to_end(*gateway, "new", "01C").reply, "new");
  EXPECT_TRUE(std::filesystem::exists(turn_folder("01A")));
  EXPECT_FALSE(std::filesystem::exists(turn_folder("01B")));
  EXPECT_TRUE(std::filesystem::exists(turn_folder("01C")));
}

TEST_F(CommandRecoveryTest, ReportsNothingOnceStopped) {
  const auto gateway = up(settings({"/bin/cat"}));
  gateway->carry_out(start("hello"));
  gateway->stop();
  wait_for_supervisor();
  EXPECT_TRUE(poll().empty());
}

}  // namespace
}  // namespace clawbridge::gateway
