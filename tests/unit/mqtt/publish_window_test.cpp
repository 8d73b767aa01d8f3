// The window in front of the broker: order, size, limits, and every token exactly once.
#include "bridge/mqtt/publish_window.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace clawbridge::mqtt {
namespace {

using testing::IsEmpty;

core::action::Publish publish(const std::string& payload, std::uint64_t token = 0) {
  core::action::Publish order;
  order.payload = payload;
  order.token = token;
  return order;
}

TEST(PublishWindow, LetsNothingOutBeforeItIsOpen) {
  PublishWindow window(10, 1'000);
  EXPECT_TRUE(window.offer(publish("a")));
  EXPECT_FALSE(window.next());
  EXPECT_FALSE(window.idle());
}

TEST(PublishWindow, KeepsTheOrderAndItsSize) {
  PublishWindow window(10, 1'000);
  window.open(2);
  for (const char* payload : {"a", "b", "c", "d"}) EXPECT_TRUE(window.offer(publish(payload)));
  const auto first = window.next();
  const auto second = window.next();
  EXPECT_EQ(first->publish.payload, "a");
  EXPECT_EQ(second->publish.payload, "b");
  EXPECT_FALSE(window.next()) << "full";
  window.done(*second->slot);
  EXPECT_EQ(window.next()->publish.payload, "c");
  EXPECT_FALSE(window.next());
  window.done(*first->slot);
  EXPECT_EQ(window.next()->publish.payload, "d");
  EXPECT_EQ(window.on_wire(), 2U);
  EXPECT_EQ(window.queued(), 0U);
}

TEST(PublishWindow, GivesEachTokenBackOnce) {
  PublishWindow window(10, 1'000);
  window.open(2);
  EXPECT_TRUE(window.offer(publish("a", 7)));
  const auto ready = window.next();
  EXPECT_EQ(window.done(*ready->slot), 7U);
  EXPECT_EQ(window.done(*ready->slot), 0U) << "given back already";
  EXPECT_TRUE(window.idle());
}

TEST(PublishWindow, RefusesBeyondItsLimits) {
  PublishWindow window(2, 10);
  window.open(1);
  EXPECT_TRUE(window.offer(publish("12345")));
  EXPECT_FALSE(window.offer(publish("123456"))) << "too many bytes";
  EXPECT_TRUE(window.offer(publish("12345")));
  EXPECT_FALSE(window.offer(publish(""))) << "too many";
  EXPECT_TRUE(window.next());
  EXPECT_TRUE(window.offer(publish("12345"))) << "what is on the wire does not wait";
}

TEST(PublishWindow, AbandonsWhatIsOnTheWireAndWhatWaits) {
  PublishWindow window(10, 1'000);
  window.open(2);
  for (std::uint64_t token = 1; token <= 4; ++token) EXPECT_TRUE(window.offer(publish("x", token == 3 ? 0 : token)));
  const auto one = window.next();
  const auto two = window.next();
  EXPECT_THAT(window.abandon(), testing::UnorderedElementsAre(1, 2, 4));
  EXPECT_TRUE(window.idle());
  EXPECT_EQ(window.done(*one->slot), 0U) << "a late answer changes nothing";
  EXPECT_THAT(window.abandon(), IsEmpty());
  EXPECT_TRUE(window.offer(publish("again", 5)));
  EXPECT_EQ(window.next()->publish.token, 5U);
}

}  // namespace
}  // namespace clawbridge::mqtt
