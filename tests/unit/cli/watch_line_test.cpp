// Which of the daemon's events `clawbridge watch` shows, and as what.
#include "bridge/cli/watch_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace clawbridge::cli {
namespace {

using nlohmann::json;
using testing::HasSubstr;

json event(const std::string& cid, json more) {
  json data{{"correlationId", cid}, {"time", "2026-11-22T16:20:01.000Z"}};
  data.update(more);
  return data;
}
json between(const std::string& from, const std::string& to, json more = json::object()) {
  more["from"] = from;
  more["to"] = to;
  return more;
}

TEST(WatchLines, TellOfAStepOnceAsAMessage) {
  WatchLines lines({});
  EXPECT_FALSE(lines.take("exchange.accepted", event("A", between("macbook/main", "imac/jarvis"))));
  EXPECT_FALSE(lines.take("request.published", event("A", between("macbook/main", "imac/jarvis"))));
  EXPECT_TRUE(lines.take("message.sent", event("A", between("macbook/main", "imac/jarvis", {{"type", "request"}}))));
  EXPECT_TRUE(lines.take("message.received", event("A", between("imac/jarvis", "macbook/main", {{"type", "reply"}}))));
  EXPECT_FALSE(lines.take("exchange.ended", event("A", {{"status", "ok"}})));
}

TEST(WatchLines, ShowAnEndThatNoReplyTellsOf) {
  WatchLines lines({});
  EXPECT_TRUE(lines.take("message.sent", event("A", between("macbook/main", "imac/jarvis", {{"type", "request"}}))));
  const auto ended = lines.take("exchange.ended", event("A", {{"status", "expired"}, {"time", "2026-11-22T16:20:03.500Z"}}));
  ASSERT_TRUE(ended);
  EXPECT_EQ((*ended)["from"], "macbook/main") << "remembered";
  EXPECT_EQ((*ended)["latencyMilliseconds"], 2500);
  EXPECT_THAT(watch_text(*ended), HasSubstr("macbook/main → imac/jarvis"));
  EXPECT_THAT(watch_text(*ended), HasSubstr("exchange.ended expired"));
  EXPECT_THAT(watch_text(*ended), HasSubstr("+2500 ms"));
}

TEST(WatchLines, ShowWhatAgentsOfThisMachineSayToEachOther) {
  WatchLines lines({});
  EXPECT_TRUE(lines.take("exchange.accepted", event("A", between("imac/pepper", "imac/jarvis"))));
  EXPECT_FALSE(lines.take("request.taken", event("A", {{"agent", "jarvis"}})));
  EXPECT_TRUE(lines.take("exchange.ended", event("A", {{"status", "ok"}})));
}

TEST(WatchLines, ShowWhatHappensToATurn) {
  WatchLines lines({});
  EXPECT_TRUE(lines.take("turn.lost", event("A", {{"agent", "jarvis"}, {"reason", "the gateway is gone"}})));
  EXPECT_FALSE(lines.take("exchange.progress", event("A", {{"text", "so far"}})));
}

TEST(WatchLines, Filter) {
  const auto sent = event("01KANYZ", between("macbook/main", "imac/jarvis", {{"type", "request"}}));
  const auto shows = [&](WatchFilter filter) { return WatchLines(std::move(filter)).take("message.sent", sent).has_value(); };
  EXPECT_TRUE(shows({.gateway = "imac"}));
  EXPECT_TRUE(shows({.gateway = "macbook"}));
  EXPECT_FALSE(shows({.gateway = "studio"}));
  EXPECT_FALSE(shows({.gateway = "mac"}));
  EXPECT_TRUE(shows({.agent = "jarvis"}));
  EXPECT_TRUE(shows({.agent = "macbook/main"}));
  EXPECT_FALSE(shows({.agent = "macbook/jarvis"}));
  EXPECT_TRUE(shows({.cid = "01KAN"}));
  EXPECT_FALSE(shows({.cid = "01KB"}));
  EXPECT_FALSE(shows({.gateway = "imac", .agent = "pepper"}));
}

TEST(WatchLines, RememberSoManyExchangesAndNoMore) {
  WatchLines lines({});
  EXPECT_TRUE(lines.take("message.sent", event("first", between("macbook/main", "imac/jarvis", {{"type", "request"}}))));
  for (std::size_t i = 0; i <= WatchLines::kRememberedMax; ++i) {
    EXPECT_TRUE(lines.take("message.sent", event(std::to_string(i), between("a/b", "c/d", {{"type", "request"}}))));
  }
  const auto later = lines.take("turn.lost", event("first", json::object()));
  ASSERT_TRUE(later);
  EXPECT_FALSE(later->contains("from"));
}

TEST(WatchText, SaysWhatWasRefusedAndObeysNoTerminal) {
  const auto text = watch_text({{"event", "message.received"}, {"type", "unreadable"}, {"topic", "claw/imac/\x1b[2J/inbox"}, {"bytes", "70000"},
                                {"refused", "dropped.form"}, {"time", "2026-11-22T16:20:01.000Z"}});
  EXPECT_THAT(text, HasSubstr("REFUSED: dropped.form on claw/imac/?[2J/inbox"));
  EXPECT_THAT(text, HasSubstr("68 KiB"));
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
}

TEST(WatchText, ShortensTextsBetweenCharacters) {
  std::string text;
  for (int i = 0; i < 200; ++i) text += "ä";
  EXPECT_EQ(shortened(text).size(), 160 + std::string("…").size());
  EXPECT_EQ(shortened("two\nlines"), "two?lines");
}

}  // namespace
}  // namespace clawbridge::cli
