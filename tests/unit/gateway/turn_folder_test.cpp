// The folder of a turn: who may claim it, and what is concluded from what is there. Supervisors are played by the test.
#include "bridge/gateway/turn_folder.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "temporary_folder.h"

namespace clawbridge::gateway {
namespace {

namespace fs = std::filesystem;

class TurnFolderTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(folders_.open()); }

  TurnFolders::Prepared prepare(const std::string& key, const std::string& text = "hello") {
    auto made = folders_.prepare(key, text, {});
    return std::get<TurnFolders::Prepared>(std::move(made));
  }
  static Descriptor opened(const fs::path& folder) { return Descriptor(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)); }
  template <class State>
  bool is(const std::string& key) {
    return std::holds_alternative<State>(folders_.look(key));
  }

  TemporaryFolder folder_;
  TurnFolders folders_{folder_.path() / "turns"};
};

TEST_F(TurnFolderTest, HoldsTheTextForItsOwnerAlone) {
  const std::string text("line\n\0\xFFlast", 11);
  const auto made = prepare("claw:macbook:01A:1", text);
  EXPECT_EQ(made.folder.filename(), "claw:macbook:01A:1");
  std::ifstream file(made.folder / "request", std::ios::binary);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), text);
  struct stat status{};
  for (const auto& path : {made.folder.parent_path(), made.folder}) {
    ASSERT_EQ(::stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0700U) << path;
  }
  for (const char* name : {"request", "alive", "control"}) {
    ASSERT_EQ(::stat((made.folder / name).c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0600U) << name;
  }
}

TEST_F(TurnFolderTest, IsMadeOncePerKey) {
  (void)prepare("claw:macbook:01A:1");
  EXPECT_TRUE(std::holds_alternative<TurnFolders::AlreadyThere>(folders_.prepare("claw:macbook:01A:1", "hello", {})));
  (void)prepare("claw:macbook:01A:2");
}

TEST_F(TurnFolderTest, HasANameOfItsOwnForEveryKey) {
  EXPECT_EQ(turn_folder_name("claw:macbook:01A:1"), "claw:macbook:01A:1");
  EXPECT_EQ(turn_folder_name("claw:_plain:01A:1"), "claw:_plain:01A:1");
  EXPECT_EQ(turn_folder_name("../x/y"), "%2E.%2Fx%2Fy");
  EXPECT_EQ(turn_folder_name("a%2Fb"), "a%252Fb");
  EXPECT_EQ(turn_folder_name(std::string_view("a\0\xFC", 3)), "a%00%FC");
}

TEST_F(TurnFolderTest, ATurnThatNobodyClaimedCanNeverBeClaimedAgain) {
  const auto made = prepare("key");
  EXPECT_TRUE(is<TurnFolders::Unclaimed>("key")) << "also while its supervisor is only on its way";
  EXPECT_FALSE(claim_turn(opened(made.folder).get(), claim_of_supervisor(1)));
  EXPECT_TRUE(is<TurnFolders::Unclaimed>("key")) << "asked again";
}

TEST_F(TurnFolderTest, AForgottenTurnCannotBeClaimedByALateSupervisor) {
  const auto made = prepare("key");
  const auto late = opened(made.folder);
  EXPECT_TRUE(is<TurnFolders::Unclaimed>("key"));
  folders_.forget("key");
  EXPECT_FALSE(claim_turn(late.get(), claim_of_supervisor(1)));
  EXPECT_TRUE(is<TurnFolders::Absent>("key"));
}

TEST_F(TurnFolderTest, RunsAsLongAsSomebodyHoldsItsFifo) {
  auto made = prepare("key");
  ASSERT_TRUE(claim_turn(opened(made.folder).get(), claim_of_supervisor(1)));
  auto state = folders_.look("key");
  ASSERT_TRUE(std::holds_alternative<TurnFolders::Running>(state));
  char byte = 0;
  EXPECT_EQ(::read(std::get<TurnFolders::Running>(state).alive.get(), &byte, 1), -1);
  made.alive_for_it.close();
  EXPECT_EQ(::read(std::get<TurnFolders::Running>(state).alive.get(), &byte, 1), 0) << "its end is noticed";
  EXPECT_TRUE(is<TurnFolders::Vanished>("key"));
}

TEST_F(TurnFolderTest, KnowsHowItEnded) {
  auto made = prepare("key");
  const auto folder = opened(made.folder);
  ASSERT_TRUE(claim_turn(folder.get(), claim_of_supervisor(1)));
  TurnEnd end;
  end.output = "the reply";
  ASSERT_EQ(write_turn_end(folder.get(), end, true), 0);
  const auto state = folders_.look("key");
  ASSERT_TRUE(std::holds_alternative<TurnEnd>(state));
  EXPECT_EQ(std::get<TurnEnd>(state).output, "the reply");
}

TEST_F(TurnFolderTest, AnOutcomeThatWasCutIsNone) {
  auto made = prepare("key");
  ASSERT_TRUE(claim_turn(opened(made.folder).get(), claim_of_supervisor(1)));
  made.alive_for_it.close();
  std::ofstream(made.folder / "ended") << "{\"version\":1,";
  EXPECT_TRUE(is<TurnFolders::Vanished>("key"));
}

TEST_F(TurnFolderTest, IsToldToEndOnlyWhileItIsThere) {
  auto made = prepare("key");
  EXPECT_EQ(folders_.ask_to_end("key"), std::nullopt);
  char byte = 0;
  EXPECT_EQ(::read(made.control_for_it.get(), &byte, 1), 1);
  made.control_for_it.close();
  EXPECT_EQ(folders_.ask_to_end("key"), "the turn has just ended");
  EXPECT_EQ(folders_.ask_to_end("another"), "the turn has just ended");
}

TEST_F(TurnFolderTest, RemovesWhatIsLeftButNoLivingTurn) {
  { const auto dead = prepare("dead"); }
  const auto living = prepare("living");
  fs::create_directories(folder_.path() / "turns" / ".gone-half" / "x");
  auto names = folders_.list();
  std::ranges::sort(names);
  EXPECT_EQ(names, (std::vector<std::string>{".gone-half", "dead", "living"}));
  for (const auto& name : names) folders_.remove(name);
  EXPECT_EQ(folders_.list(), std::vector<std::string>{"living"});
}

TEST_F(TurnFolderTest, ANewRootIsAnotherBoot) {
  const auto first = folders_.open();
  EXPECT_EQ(*first, *folders_.open());
  EXPECT_EQ(*first, *TurnFolders(folder_.path() / "turns").open()) << "after a restart of the bridge";
  fs::remove_all(folder_.path() / "turns");
  EXPECT_NE(*first, *folders_.open());
}

TEST_F(TurnFolderTest, SaysWhichFolderItCannotMake) {
  const auto error = TurnFolders("/nowhere/turns").open();
  ASSERT_FALSE(error);
  EXPECT_EQ(error.error().message, "cannot make the folder \"/nowhere/turns\": No such file or directory; the turns lie beside the journal, store.path");
  std::ofstream(folder_.path() / "file") << "x";
  const auto made = TurnFolders(folder_.path() / "file").prepare("key", "hello", {});
  EXPECT_TRUE(std::get<Error>(made).message.starts_with("cannot make the folder")) << std::get<Error>(made).message;
}

}  // namespace
}  // namespace clawbridge::gateway
