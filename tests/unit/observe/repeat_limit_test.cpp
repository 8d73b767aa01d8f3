// How repeats are held back, and that their number is told.
#include "bridge/observe/repeat_limit.h"

#include <gtest/gtest.h>

namespace clawbridge::observe {
namespace {

using namespace std::chrono_literals;
using core::action::Level;

constexpr Instant at(std::chrono::microseconds time) {
  return Instant(time);
}

TEST(RepeatLimit, AppliesToWhatTellsOfTroubleAndState) {
  EXPECT_TRUE(RepeatLimit::applies(Level::Error, "store.failed"));
  EXPECT_TRUE(RepeatLimit::applies(Level::Warn, "exchange.ended"));
  EXPECT_TRUE(RepeatLimit::applies(Level::Info, "peer.online"));
  EXPECT_FALSE(RepeatLimit::applies(Level::Info, "exchange.ended"));
  EXPECT_FALSE(RepeatLimit::applies(Level::Debug, "peer.message"));
}

TEST(RepeatLimit, LetsTenOfANameThrough) {
  RepeatLimit limit;
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(limit.admit(at(1s), Level::Warn, "a"));
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(limit.admit(at(2s), Level::Warn, "a"));
  EXPECT_TRUE(limit.admit(at(2s), Level::Warn, "b")) << "each name has its own window";
  EXPECT_TRUE(limit.take_ended(at(11s) - 1us).empty());
  const auto ended = limit.take_ended(at(11s));
  ASSERT_EQ(ended.size(), 1U);
  EXPECT_EQ(ended[0].name, "a");
  EXPECT_EQ(ended[0].count, 5U);
  EXPECT_EQ(ended[0].level, Level::Warn);
  EXPECT_TRUE(limit.admit(at(11s), Level::Warn, "a")) << "a new window begins";
}

TEST(RepeatLimit, TellsTheHighestLevelHeldBack) {
  RepeatLimit limit;
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(limit.admit(at(0s), Level::Error, "a"));
  EXPECT_FALSE(limit.admit(at(0s), Level::Info, "a"));
  EXPECT_FALSE(limit.admit(at(0s), Level::Warn, "a"));
  const auto all = limit.take_all();
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].level, Level::Warn);
}

TEST(RepeatLimit, ForgetsQuietNames) {
  RepeatLimit limit;
  EXPECT_TRUE(limit.admit(at(0s), Level::Warn, "a"));
  EXPECT_TRUE(limit.admit(at(5s), Level::Warn, "b"));
  EXPECT_TRUE(limit.take_ended(at(10s)).empty());
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(limit.admit(at(10s), Level::Warn, "a"));
  for (int i = 0; i < 9; ++i) EXPECT_TRUE(limit.admit(at(10s), Level::Warn, "b"));
  EXPECT_FALSE(limit.admit(at(10s), Level::Warn, "b"));
  EXPECT_EQ(limit.take_ended(at(15s)).size(), 1U) << "the window of b began at 5 s";
}

TEST(RepeatLimit, TakesAllAtTheEndOnce) {
  RepeatLimit limit;
  EXPECT_TRUE(limit.take_all().empty());
  for (int i = 0; i < 12; ++i) (void)limit.admit(at(0s), Level::Warn, i % 2 == 0 ? "a" : "b");
  for (int i = 0; i < 12; ++i) (void)limit.admit(at(0s), Level::Warn, i % 2 == 0 ? "a" : "b");
  EXPECT_EQ(limit.take_all().size(), 2U);
  EXPECT_TRUE(limit.take_all().empty());
}

}  // namespace
}  // namespace clawbridge::observe
