#include "bridge/gateway/boots.h"

#include <gtest/gtest.h>

namespace clawbridge::gateway {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

// A machine with both clocks and a gateway whose process started at a known moment.
class BootsTest : public testing::Test {
 protected:
  void pass(milliseconds time) {
    wall_ += time;
    steady_ += time;
  }
  void restart_gateway() { gateway_started_ = steady_; }
  void restart_bridge() { boots_ = Boots("machine-1"); }
  struct HandedOver {
    std::string boot;
    WallTime at;
  };
  // A turn, to a gateway that has been up for a while.
  HandedOver hand_over() {
    pass(minutes(1));
    const auto boot = connect();
    pass(minutes(1));
    return {boot.id, wall_};
  }
  // Connects: the gateway answers at once, and its answer is read `late` after that.
  Boot connect(milliseconds late = milliseconds(0), std::string boot_id = "") {
    Hello hello;
    hello.boot_id = std::move(boot_id);
    hello.uptime = std::chrono::floor<milliseconds>(steady_ - gateway_started_);
    pass(late);
    return boots_.name(hello, late, wall_, steady_);
  }

  WallTime wall_ = *parse_time("2026-11-23T12:00:00.000Z");
  Boot::Steady steady_{hours(100)};
  Boot::Steady gateway_started_ = steady_;
  Boots boots_{"machine-1"};
};

TEST_F(BootsTest, AGatewayThatNamesItsBootsIsTakenAtItsWord) {
  const auto boot = connect(milliseconds(5), "4e0a");
  EXPECT_EQ(boot.id, "4e0a");
  EXPECT_TRUE(is_same_boot(boot, "4e0a", wall_ - hours(1)));
  EXPECT_FALSE(is_same_boot(boot, "9f11", wall_ + hours(1)));
}

TEST_F(BootsTest, AnotherConnectionToTheSameProcessIsTheSameBoot) {
  pass(minutes(10));
  const auto first = connect();
  pass(minutes(10));
  EXPECT_EQ(connect(milliseconds(40)).id, first.id);
}

TEST_F(BootsTest, ARestartIsAnotherBoot) {
  const auto first = connect();
  pass(seconds(10));
  const auto handed_over = wall_;
  pass(seconds(10));
  restart_gateway();
  pass(seconds(10));
  const auto second = connect(seconds(3));
  EXPECT_NE(second.id, first.id);
  EXPECT_FALSE(is_same_boot(second, first.id, handed_over));
}

// Otherwise the turn, which the gateway still runs, would be taken for one that never came, and run again.
TEST_F(BootsTest, ALateAnswerDoesNotMakeALiveGatewayLookRestarted) {
  pass(seconds(1));
  const auto first = connect();
  pass(seconds(1));
  const auto handed_over = wall_;
  pass(seconds(1));
  const auto second = connect(seconds(9));
  EXPECT_TRUE(is_same_boot(second, first.id, handed_over));
  restart_bridge();  // and of a bridge that was restarted meanwhile
  EXPECT_TRUE(is_same_boot(connect(seconds(9)), first.id, handed_over));
}

TEST_F(BootsTest, AClockThatIsSetAndAMachineThatSleptChangeNoBoot) {
  pass(minutes(1));
  const auto first = connect();
  const auto handed_over = wall_;
  wall_ += hours(8);  // neither our steady clock nor the gateway's goes on while the machine sleeps
  pass(seconds(10));
  EXPECT_TRUE(is_same_boot(connect(), first.id, handed_over));
  wall_ -= hours(24);
  EXPECT_TRUE(is_same_boot(connect(), first.id, handed_over));
}

TEST_F(BootsTest, NeitherDoTheyForAnEarlierProcessOfOurs) {
  const auto turn = hand_over();
  restart_bridge();
  wall_ += hours(8);
  EXPECT_TRUE(is_same_boot(connect(milliseconds(5)), turn.boot, turn.at)) << "by the steady clock";
  // A gateway on another machine went on meanwhile, and our steady clock did not.
  gateway_started_ -= hours(8);
  restart_bridge();
  EXPECT_TRUE(is_same_boot(connect(milliseconds(5)), turn.boot, turn.at)) << "by the wall clock";
  gateway_started_ = steady_;
  restart_bridge();
  EXPECT_FALSE(is_same_boot(connect(), turn.boot, turn.at));
}

TEST_F(BootsTest, ANameOfAnEarlierReleaseIsUnderstood) {
  pass(minutes(1));
  const auto boot = connect();
  const auto old_name = boot.id.substr(0, boot.id.find('@'));
  EXPECT_TRUE(is_same_boot(boot, old_name, wall_ - hours(1)));
  EXPECT_FALSE(is_same_boot(boot, "started-2026-11-23T01:00:00.000Z", wall_ - hours(1)));
}

TEST_F(BootsTest, ATurnOfAnEarlierProcessOfOursIsJudgedByBothSigns) {
  const auto turn = hand_over();
  restart_bridge();
  pass(minutes(1));
  EXPECT_TRUE(is_same_boot(connect(), turn.boot, turn.at));
  restart_gateway();
  restart_bridge();
  pass(minutes(1));
  EXPECT_FALSE(is_same_boot(connect(), turn.boot, turn.at));
  EXPECT_FALSE(is_same_boot(connect(), "4e0a", turn.at)) << "an upgrade or a downgrade restarts too";
}

}  // namespace
}  // namespace clawbridge::gateway
