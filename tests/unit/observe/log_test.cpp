// The log as a whole, written to a temporary file: levels, repeats, and the functions of the process.
#include "bridge/observe/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

namespace clawbridge::observe {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::MatchesRegex;

class Stream {
 public:
  Stream() : file_(std::tmpfile()) {}
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream() { std::fclose(file_); }

  [[nodiscard]] std::FILE* get() const { return file_; }

  [[nodiscard]] std::vector<std::string> lines() const {
    std::string text;
    std::array<char, 4096> block{};
    std::rewind(file_);
    while (const std::size_t count = std::fread(block.data(), 1, block.size(), file_)) text.append(block.data(), count);
    std::fseek(file_, 0, SEEK_END);
    std::vector<std::string> found;
    for (std::size_t start = 0; start < text.size();) {
      const std::size_t end = text.find('\n', start);
      found.push_back(text.substr(start, end - start));
      start = end == std::string::npos ? text.size() : end + 1;
    }
    return found;
  }

 private:
  std::FILE* file_;
};

struct World {
  Stream stream;
  Now now{Instant(1s), parse_time("2026-11-22T16:20:01.123Z").value()};

  std::unique_ptr<Log> make(Level level, Format format = Format::Logfmt) {
    return std::make_unique<Log>(level, format, stream.get(), [this] { return now; });
  }
  void pass(std::chrono::milliseconds time) {
    now.instant += time;
    now.wall += time;
  }
};

TEST(Log, WritesOneLinePerEvent) {
  World world;
  const auto log = world.make(Level::Info);
  log->write(Level::Info, "peer.online", std::vector<Field>{{"peer", "imac"}});
  world.pass(1500ms);
  log->write(Level::Warn, "broker.lost", std::vector<Field>{{"reason", "a {} %v\nb"}});
  EXPECT_THAT(world.stream.lines(),
              ElementsAre("time=2026-11-22T16:20:01.123Z level=info event=peer.online peer=imac",
                          R"(time=2026-11-22T16:20:02.623Z level=warn event=broker.lost reason="a {} %v\nb")"));
}

TEST(Log, LeavesOutWhatIsBelowItsLevel) {
  World world;
  const auto log = world.make(Level::Warn, Format::Json);
  EXPECT_FALSE(log->enabled(Level::Info));
  EXPECT_TRUE(log->enabled(Level::Warn));
  log->write(Level::Info, "a", {});
  log->write(Level::Error, "b", {});
  EXPECT_THAT(world.stream.lines(), ElementsAre(R"({"time":"2026-11-22T16:20:01.123Z","level":"error","event":"b"})"));
}

TEST(Log, TakesAnotherLevelAndFormatWhileItRuns) {
  World world;
  const auto log = world.make(Level::Warn);
  log->change(Level::Debug, Format::Json);
  log->write(Level::Debug, "a", {});
  log->change(Level::Error, Format::Logfmt);
  log->write(Level::Warn, "b", {});
  EXPECT_THAT(world.stream.lines(), ElementsAre(R"({"time":"2026-11-22T16:20:01.123Z","level":"debug","event":"a"})"));
}

TEST(Log, KeepsTroublesWhateverIsWritten) {
  World world;
  const auto log = world.make(Level::Error);
  for (int i = 0; i < 25; ++i) log->write(Level::Warn, "broker.down", std::vector<Field>{{"reason", "refused"}});
  log->write(Level::Info, "peer.online", {});
  ASSERT_EQ(log->troubles().all().size(), 1U);
  EXPECT_EQ(log->troubles().all()[0].count, 25U);
  EXPECT_EQ(log->lines()[static_cast<std::size_t>(Level::Warn)], 25U);
  EXPECT_TRUE(world.stream.lines().empty());
}

TEST(Log, HoldsRepeatsBackAndCountsThem) {
  World world;
  const auto log = world.make(Level::Debug);
  for (int i = 0; i < 25; ++i) log->write(Level::Warn, "broker.lost", {});
  EXPECT_EQ(world.stream.lines().size(), 10U);
  world.pass(10s);
  log->write(Level::Info, "exchange.ended", {});
  const auto lines = world.stream.lines();
  ASSERT_EQ(lines.size(), 12U);
  EXPECT_EQ(lines[10], "time=2026-11-22T16:20:11.123Z level=warn event=broker.lost suppressed=15");
  EXPECT_THAT(lines[11], EndsWith("event=exchange.ended"));
  log->flush();
  EXPECT_EQ(world.stream.lines().size(), 12U);
}

TEST(Log, NeverHoldsExchangesBack) {
  World world;
  const auto log = world.make(Level::Debug);
  for (int i = 0; i < 100; ++i) log->write(Level::Info, "exchange.ended", {});
  for (int i = 0; i < 100; ++i) log->write(Level::Debug, "peer.message", {});
  EXPECT_EQ(world.stream.lines().size(), 200U);
}

TEST(Log, TellsWhatItHeldBackWhenItIsFlushed) {
  World world;
  const auto log = world.make(Level::Info);
  for (int i = 0; i < 11; ++i) log->write(Level::Error, "store.failed", {});
  log->flush();
  EXPECT_THAT(world.stream.lines().back(), EndsWith("level=error event=store.failed suppressed=1"));
}

TEST(ProcessLog, DoesNothingBeforeItIsMade) {
  close();
  log(Level::Error, "a");
  note({Level::Error, "a", {}});
  EXPECT_FALSE(enabled(Level::Error));
}

TEST(ProcessLog, TakesFieldsAndNotes) {
  Stream stream;
  init(Level::Info, Format::Logfmt, stream.get());
  log(Level::Info, "bridge.started");
  log(Level::Info, "peer.online", {{"peer", "imac"}, {"since", std::to_string(3)}});
  note({Level::Warn, "peer.refused", {{"peer", "imac"}, {"code", "key_changed"}}});
  note({Level::Debug, "peer.message", {}});
  EXPECT_TRUE(enabled(Level::Info));
  EXPECT_FALSE(enabled(Level::Debug));
  close();
  EXPECT_THAT(stream.lines(), ElementsAre(MatchesRegex("time=20[0-9:.TZ-]+ level=info event=bridge.started"),
                                          EndsWith(" level=info event=peer.online peer=imac since=3"),
                                          EndsWith(" level=warn event=peer.refused peer=imac code=key_changed")));
}

TEST(ProcessLog, TellsWhatItHeldBackWhenItIsClosed) {
  Stream stream;
  init(Level::Info, Format::Logfmt, stream.get());
  for (int i = 0; i < 12; ++i) log(Level::Warn, "broker.lost", {{"n", std::to_string(i)}});
  close();
  EXPECT_THAT(stream.lines().back(), EndsWith("event=broker.lost suppressed=2"));
}

}  // namespace
}  // namespace clawbridge::observe
