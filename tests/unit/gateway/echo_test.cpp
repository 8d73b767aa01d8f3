// The echo gateway, on an io_context that the test turns by hand. Delays are zero or so long that they never pass.
#include "bridge/gateway/echo.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "topics/time.h"

namespace clawbridge::gateway {
namespace {

using namespace core;  // NOLINT: the events and actions under test

class EchoTest : public testing::Test {
 protected:
  void SetUp() override {
    path_ = std::filesystem::temp_directory_path() / ("clawbridge-echo-" + std::to_string(::getpid()) + ".jsonl");
    std::filesystem::remove(path_);
  }
  void TearDown() override { std::filesystem::remove(path_); }

  std::unique_ptr<Echo> make(EchoSettings settings) {
    settings.agents = {"jarvis", "pepper"};
    return std::make_unique<Echo>(io_, std::move(settings),
                                  [this](Event event) { events_.push_back(std::move(event)); });
  }
  // Runs everything that is due now, and returns what was reported.
  std::vector<Event> poll() {
    io_.restart();
    io_.poll();
    return std::exchange(events_, {});
  }
  [[nodiscard]] std::vector<std::string> recorded() const {
    std::vector<std::string> lines;
    std::ifstream file(path_);
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    return lines;
  }
  static action::StartRun start(const std::string& text, const std::string& id = "01A") {
    action::StartRun order;
    order.run = {"macbook", id, 1};
    order.idempotency_key = "claw:macbook:" + id + ":1";
    order.agent = "jarvis";
    order.session_key = "agent:jarvis:main";
    order.text = text;
    order.source_session = "macbook/main";
    order.source_channel = "mqtt:" + id;
    return order;
  }
  static action::StartRun spawn(const std::string& label) {
    auto order = start("task", "01S");
    order.session_key = "agent:jarvis:claw:macbook:01s";
    order.new_session = true;
    order.label = label;
    return order;
  }
  template <class What>
  Result<std::string> ask(Echo& echo, std::vector<std::string> agents, What what) {
    echo.carry_out(action::ReadSessions{.read = 7, .agents = std::move(agents), .rules = {}, .what = std::move(what), .bytes_max = 100'000});
    return std::get<event::SessionsRead>(poll().at(0)).listing;
  }
  template <class What>
  nlohmann::json read(Echo& echo, std::vector<std::string> agents, What what) {
    const auto listing = ask(echo, std::move(agents), std::move(what));
    return listing ? nlohmann::json::parse(*listing) : nlohmann::json();
  }
  template <class What>
  Error read_error(Echo& echo, std::vector<std::string> agents, What what) {
    return ask(echo, std::move(agents), std::move(what)).error();
  }
  static action::RecoverRun recover(const std::string& text, const std::string& id = "01A") {
    return {.run = {"macbook", id, 1},
            .idempotency_key = "claw:macbook:" + id + ":1",
            .agent = "jarvis",
            .session_key = "agent:jarvis:main",
            .source_channel = "mqtt:" + id,
            .text = text,
            .boot_id = "",
            .handed_over = {}};
  }
  static constexpr std::chrono::hours kNever{24};

  asio::io_context io_;
  std::vector<Event> events_;
  std::filesystem::path path_;
};

TEST_F(EchoTest, AnnouncesItsAgents) {
  const auto echo = make({});
  echo->start();
  EXPECT_TRUE(events_.empty());  // no event from inside a call
  const auto events = poll();
  ASSERT_EQ(events.size(), 1U);
  const auto& up = std::get<event::GatewayUp>(events[0]);
  EXPECT_EQ(up.kind, "echo");
  EXPECT_FALSE(up.keeps_keys);
  EXPECT_EQ(up.boot_id.size(), 32U);
  ASSERT_EQ(up.agents.size(), 2U);
  EXPECT_EQ(up.agents[1].id, "pepper");
}

TEST_F(EchoTest, BootsUnderAnotherNameEachTime) {
  const auto one = make({});
  const auto two = make({});
  one->start();
  two->start();
  const auto events = poll();
  EXPECT_NE(std::get<event::GatewayUp>(events[0]).boot_id, std::get<event::GatewayUp>(events[1]).boot_id);
}

TEST_F(EchoTest, AnswersByteForByteWithoutATimer) {
  const auto echo = make({});
  const std::string text = "\u00a0/reset\n\t\u05d0 \U0001f980 end  ";
  echo->carry_out(start(text));
  EXPECT_TRUE(events_.empty());
  const auto events = poll();
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(std::get<event::RunStarted>(events[0]).run_id, "claw:macbook:01A:1");
  const auto& outcome = std::get<event::RunEnded>(events[1]).outcome;
  EXPECT_EQ(outcome.status, ReplyStatus::Ok);
  EXPECT_EQ(outcome.reply, "echo: " + text);
  EXPECT_EQ(outcome.run_id, "claw:macbook:01A:1");
  EXPECT_EQ(outcome.session_key, "agent:jarvis:main");
}

TEST_F(EchoTest, ReturnsTheFilesItGot) {
  const auto echo = make({});
  auto order = start("hello");
  order.attachments = {{.name = "a.txt", .mime_type = "text/plain", .content = "aGk=", .digest = std::string(64, '0')}};
  echo->carry_out(order);
  const auto outcome = std::get<event::RunEnded>(poll().at(1)).outcome;
  ASSERT_EQ(outcome.attachments.size(), 1U);
  EXPECT_EQ(outcome.attachments[0].name, "a.txt");
  EXPECT_EQ(outcome.attachments[0].content, "aGk=");
  EXPECT_EQ(outcome.attachments[0].digest, std::string(64, '0'));
}

TEST_F(EchoTest, WaitsForItsDelay) {
  const auto echo = make({.agents = {}, .delay = kNever, .record = {}});
  echo->carry_out(start("hello"));
  const auto events = poll();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_TRUE(std::holds_alternative<event::RunStarted>(events[0]));
}

TEST_F(EchoTest, RejectsAnUnknownAgent) {
  const auto echo = make({});
  auto order = start("hello");
  order.agent = "nobody";
  echo->carry_out(order);
  const auto outcome = std::get<event::RunEnded>(poll().at(0)).outcome;
  EXPECT_EQ(outcome.status, ReplyStatus::Rejected);
  EXPECT_EQ(outcome.error->code, ErrorCode::UnknownAgent);
  EXPECT_EQ(outcome.error->message, "no agent \"nobody\" on this gateway; it has: jarvis, pepper");
}

TEST_F(EchoTest, ResolvesTheMainSessionOnly) {
  const auto echo = make({});
  const auto resolve = [&](const std::string& agent, const std::string& key, const std::string& label) {
    echo->carry_out(action::ResolveSession{{"macbook", "01A", 1}, agent, key, label});
    return std::get<event::SessionResolved>(poll().at(0)).session_key;
  };
  EXPECT_EQ(*resolve("jarvis", "agent:jarvis:main", ""), "agent:jarvis:main");
  const auto other = resolve("jarvis", "agent:jarvis:other", "");
  EXPECT_EQ(other.error().code, ErrorCode::UnknownSession);
  EXPECT_EQ(other.error().message,
            "No session found: agent:jarvis:other (the echo gateway has agent:jarvis:main, and what was spawned since it started)");
  EXPECT_EQ(resolve("jarvis", "agent:pepper:main", "").error().code, ErrorCode::UnknownSession);
  EXPECT_TRUE(resolve("jarvis", "", "Nope").error().message.starts_with("No session found with label: Nope"));
  EXPECT_EQ(resolve("nobody", "agent:nobody:main", "").error().code, ErrorCode::UnknownAgent);
}

TEST_F(EchoTest, RecordsATurnBeforeItsReply) {
  const auto echo = make({.agents = {}, .delay = {}, .record = path_.string()});
  echo->carry_out(start("line\n\"two\""));
  EXPECT_TRUE(recorded().empty());
  (void)poll();
  const auto lines = recorded();
  ASSERT_EQ(lines.size(), 1U);
  const auto line = nlohmann::json::parse(lines[0]);
  EXPECT_EQ(line.size(), 4U);
  EXPECT_EQ(line.at("correlationId"), "01A");
  EXPECT_EQ(line.at("session"), "agent:jarvis:main");
  EXPECT_EQ(line.at("text"), "line\n\"two\"");
  EXPECT_TRUE(parse_time(line.at("time").get<std::string>()));
}

TEST_F(EchoTest, FindsARecordedTurnAfterARestart) {
  make({.agents = {}, .delay = {}, .record = path_.string()})->carry_out(start("never"));  // gone before it ran
  EXPECT_TRUE(poll().empty());
  const auto first = make({.agents = {}, .delay = {}, .record = path_.string()});
  first->carry_out(start("hello"));
  (void)poll();
  const auto second = make({.agents = {}, .delay = {}, .record = path_.string()});
  second->carry_out(recover("hello"));
  second->carry_out(recover("never", "01B"));
  const auto events = poll();
  EXPECT_EQ(std::get<event::RunEnded>(events.at(0)).outcome.reply, "echo: hello");
  EXPECT_EQ(std::get<event::RunNotTaken>(events.at(1)).run.id, "01B");
  EXPECT_EQ(recorded().size(), 1U);
}

TEST_F(EchoTest, SaysThatATurnStillRuns) {
  const auto echo = make({.agents = {}, .delay = kNever, .record = path_.string()});
  echo->carry_out(start("hello"));
  (void)poll();
  echo->carry_out(recover("hello"));
  const auto events = poll();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_TRUE(std::holds_alternative<event::RunStarted>(events[0]));
}

TEST_F(EchoTest, CannotTellWithoutARecord) {
  const auto echo = make({});
  echo->carry_out(recover("hello"));
  const auto outcome = std::get<event::RunEnded>(poll().at(0)).outcome;
  EXPECT_EQ(outcome.status, ReplyStatus::Interrupted);
  EXPECT_EQ(outcome.error->code, ErrorCode::GatewayDown);
}

TEST_F(EchoTest, TellsProgressWordByWord) {
  const auto echo = make({.agents = {}, .delay = std::chrono::milliseconds(8), .record = {}});
  auto order = start("one two three");
  order.progress = true;
  echo->carry_out(order);
  std::vector<std::string> texts;
  for (bool ended = false; !ended;) {
    io_.restart();
    io_.run_one();
    for (const auto& event : std::exchange(events_, {})) {
      if (const auto* progress = std::get_if<event::RunProgress>(&event)) texts.push_back(progress->text);
      if (const auto* end = std::get_if<event::RunEnded>(&event)) {
        ended = true;
        EXPECT_EQ(end->outcome.reply, "echo: one two three");
      }
    }
  }
  EXPECT_EQ(texts, (std::vector<std::string>{"echo:", "echo: one", "echo: one two"}));
}

TEST_F(EchoTest, EndsASpawnAtItsTimeLimit) {
  const auto echo = make({.agents = {}, .delay = kNever, .record = {}});
  auto order = spawn("Research");
  order.time_limit = std::chrono::seconds(0);
  echo->carry_out(order);
  while (events_.size() < 2) {
    io_.restart();
    io_.run_one();
  }
  const auto outcome = std::get<event::RunEnded>(events_.at(1)).outcome;
  EXPECT_EQ(outcome.status, ReplyStatus::Error);
  EXPECT_EQ(outcome.error->code, ErrorCode::Timeout);
}

// ---- sessions ----

TEST_F(EchoTest, RemembersWhatWasSpawned) {
  const auto echo = make({});
  echo->carry_out(spawn("Research"));
  EXPECT_EQ(std::get<event::RunEnded>(poll().at(1)).outcome.reply, "echo: task");
  const auto resolve = [&](const std::string& agent, const std::string& key, const std::string& label) {
    echo->carry_out(action::ResolveSession{{"macbook", "01A", 1}, agent, key, label});
    return std::get<event::SessionResolved>(poll().at(0)).session_key;
  };
  EXPECT_EQ(*resolve("jarvis", "agent:jarvis:claw:macbook:01s", ""), "agent:jarvis:claw:macbook:01s");
  EXPECT_EQ(*resolve("jarvis", "", "Research"), "agent:jarvis:claw:macbook:01s");
  EXPECT_EQ(resolve("pepper", "", "Research").error().code, ErrorCode::UnknownSession);

  auto again = spawn("Research");
  echo->carry_out(again);  // the same one, handed over once more
  EXPECT_EQ(std::get<event::RunEnded>(poll().at(1)).outcome.status, ReplyStatus::Ok);
  again.session_key += "x";
  echo->carry_out(again);
  const auto refused = std::get<event::RunEnded>(poll().at(0)).outcome;
  EXPECT_EQ(refused.status, ReplyStatus::Rejected);
  EXPECT_EQ(refused.error->message,
            "another session of agent \"jarvis\" has the label \"Research\": choose another one, or send to that session by its label");
}

TEST_F(EchoTest, ListsItsSessions) {
  const auto echo = make({});
  echo->carry_out(spawn("Research"));
  echo->carry_out(start("hello"));
  (void)poll();
  const auto keys = [](const nlohmann::json& listing) {
    std::vector<std::string> found;
    for (const auto& row : listing.at("sessions")) found.push_back(row.at("key"));
    std::ranges::sort(found);
    return found;
  };
  using Keys = std::vector<std::string>;
  const Keys all{"agent:jarvis:claw:macbook:01s", "agent:jarvis:main", "agent:pepper:main"};
  EXPECT_EQ(keys(read(*echo, {"jarvis", "pepper"}, body::SessionsList{})), all);
  EXPECT_EQ(keys(read(*echo, {"pepper"}, body::SessionsList{})), Keys{"agent:pepper:main"});
  body::SessionsList asked;
  asked.label = "Research";
  EXPECT_EQ(keys(read(*echo, {"jarvis"}, asked)), Keys{"agent:jarvis:claw:macbook:01s"});
  asked = {};
  asked.kinds = {"main"};
  asked.active_minutes = 1;
  EXPECT_EQ(keys(read(*echo, {"jarvis", "pepper"}, asked)), Keys{"agent:jarvis:main"});
  asked = {};
  asked.limit = 2;
  asked.offset = 1;
  const auto page = read(*echo, {"jarvis", "pepper"}, asked);
  EXPECT_EQ(page.at("count"), 2);
  EXPECT_EQ(page.at("hasMore"), false);
  asked.offset = 99;
  EXPECT_EQ(read(*echo, {"jarvis", "pepper"}, asked).at("count"), 0);
}

TEST_F(EchoTest, TellsTheStateOfASession) {
  const auto echo = make({.agents = {}, .delay = kNever, .record = {}});
  echo->carry_out(start("hello"));
  (void)poll();
  const auto status = read(*echo, {"jarvis"}, body::SessionStatus{});
  EXPECT_EQ(status.at("sessionKey"), "agent:jarvis:main");
  EXPECT_EQ(status.at("session").at("hasActiveRun"), true);
  EXPECT_EQ(read_error(*echo, {"jarvis"}, body::SessionStatus{"agent:jarvis:nosuch"}).code, ErrorCode::UnknownSession);
  EXPECT_EQ(read_error(*echo, {"jarvis"}, body::SessionStatus{"agent:pepper:main"}).code, ErrorCode::Forbidden);
}

TEST_F(EchoTest, ShowsTheHistoryOfItsRecord) {
  const auto echo = make({.agents = {}, .delay = {}, .record = path_.string()});
  for (const auto* text : {"one", "two"}) echo->carry_out(start(text, text));
  (void)poll();
  body::SessionsHistory asked;
  asked.limit = 3;
  const auto history = read(*echo, {"jarvis"}, asked);
  EXPECT_EQ(history.at("messages").size(), 3U);
  EXPECT_EQ(history.at("messages").at(2).at("content"), "echo: two");
  EXPECT_EQ(history.at("hasMore"), true);
  EXPECT_EQ(history.at("nextOffset"), 3);
  asked.offset = 3;
  EXPECT_EQ(read(*echo, {"jarvis"}, asked).at("messages").at(0).at("content"), "one");
  EXPECT_EQ(read(*echo, {"pepper"}, body::SessionsHistory{}).at("messages").size(), 0U);
}

TEST_F(EchoTest, SaysThatItKeepsNoHistoryWithoutARecord) {
  const auto echo = make({});
  const auto error = read_error(*echo, {"jarvis"}, body::SessionsHistory{});
  EXPECT_EQ(error.code, ErrorCode::Unsupported);
  EXPECT_NE(error.message.find("gateway.record"), std::string::npos) << error.message;
}

TEST_F(EchoTest, ReportsNothingOnceStopped) {
  const auto echo = make({.agents = {}, .delay = {}, .record = path_.string()});
  echo->carry_out(start("hello"));
  echo->stop();
  EXPECT_TRUE(poll().empty());
  EXPECT_TRUE(recorded().empty());
}

TEST_F(EchoTest, DoesNotStartWithoutItsRecord) {
  try {
    (void)make({.agents = {}, .delay = {}, .record = "/nowhere/at/all"});
    FAIL() << "no exception";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "cannot open gateway.record \"/nowhere/at/all\": No such file or directory");
  }
}

TEST_F(EchoTest, CallsATurnAnErrorThatItCannotRecord) {
  const auto echo = make({.agents = {}, .delay = {}, .record = "/dev/full"});
  echo->carry_out(start("hello"));
  const auto outcome = std::get<event::RunEnded>(poll().at(1)).outcome;
  EXPECT_EQ(outcome.status, ReplyStatus::Error);
  EXPECT_TRUE(outcome.error->message.starts_with("cannot append to gateway.record \"/dev/full\""))
      << outcome.error->message;
}

}  // namespace
}  // namespace clawbridge::gateway
