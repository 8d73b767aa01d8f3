#include "bridge/observe/troubles.h"

#include <gtest/gtest.h>

namespace clawbridge::observe {
namespace {

const WallTime kBegin = *parse_time("2026-11-22T16:20:01.123Z");

void add(Troubles& troubles, std::string_view name, const std::string& reason, int second = 0) {
  const std::vector<Field> fields{{"reason", reason}};
  troubles.add(kBegin + std::chrono::seconds{second}, Level::Warn, name, fields);
}

TEST(Troubles, StandNewestFirst) {
  Troubles troubles;
  add(troubles, "broker.down", "refused");
  add(troubles, "gateway.down", "no answer", 1);
  ASSERT_EQ(troubles.all().size(), 2U);
  EXPECT_EQ(troubles.all()[0].event, "gateway.down");
  EXPECT_EQ(troubles.all()[0].text, "reason=\"no answer\"");
}

TEST(Troubles, CountTheSameAgain) {
  Troubles troubles;
  add(troubles, "broker.down", "refused");
  add(troubles, "gateway.down", "gone", 1);
  add(troubles, "broker.down", "refused", 2);
  ASSERT_EQ(troubles.all().size(), 2U);
  EXPECT_EQ(troubles.all()[0].event, "broker.down");
  EXPECT_EQ(troubles.all()[0].count, 2U);
  EXPECT_EQ(troubles.all()[0].time, kBegin + std::chrono::seconds{2});
}

TEST(Troubles, AreFewAndShort) {
  Troubles troubles;
  for (int i = 0; i < 100; ++i) add(troubles, "broker.down", std::to_string(i) + std::string(10'000, 'x'));
  EXPECT_EQ(troubles.all().size(), Troubles::kMost);
  EXPECT_LT(troubles.all()[0].text.size(), Troubles::kTextBytesMax + 8);
  EXPECT_EQ(troubles.all()[0].text.substr(0, 10), "reason=\"99");
}

}  // namespace
}  // namespace clawbridge::observe
