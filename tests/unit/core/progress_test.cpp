// Progress and attached files: what comes while a turn runs, and what travels beside a text.
#include "agent_world.h"

namespace clawbridge::core {
namespace {

using namespace std::chrono_literals;

class Progress : public AgentWorld {
 protected:
  void SetUp() override {
    World::SetUp();
    bring_up();
  }

  event::LocalSend watched(std::string message) {
    auto send = to_jarvis(std::move(message), 30s);
    send.progress = true;
    return send;
  }

  std::size_t crossed() const {
    return static_cast<std::size_t>(std::count_if(log.begin(), log.end(), [](const auto& message) { return message.payload.find("claw.v1.progress") != std::string::npos; }));
  }
};

TEST_F(Progress, ReachesWhoeverWaits) {
  const auto ticket = ask(watched("count"));
  const auto run = only_run(imac);
  EXPECT_TRUE(run.progress);
  imac.step(now, event::RunStarted{run.run, "r"});
  imac.step(now, event::RunProgress{run.run, "1"});
  settle();
  const auto told = macbook.take<action::Progress>();
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told.front().text, "1");
  EXPECT_EQ(told.front().tickets, std::vector<Ticket>{ticket});
}

TEST_F(Progress, ComesAtMostTenTimesASecondWithTheLatestText) {
  ask(watched("count"));
  const auto run = only_run(imac);
  for (int i = 0; i < 1'000; ++i) {
    imac.step(now, event::RunProgress{run.run, "word " + std::to_string(i)});
    pass(1ms);
  }
  EXPECT_GE(crossed(), 9U);
  EXPECT_LE(crossed(), 11U);
  pass(200ms);
  EXPECT_EQ(macbook.take<action::Progress>().back().text, "word 999");
}

TEST_F(Progress, IsNotSentToWhoDidNotAskForIt) {
  ask(to_jarvis("quiet", 30s));
  const auto run = only_run(imac);
  EXPECT_FALSE(run.progress);
  imac.step(now, event::RunProgress{run.run, "1"});
  pass(1s);
  EXPECT_EQ(crossed(), 0U);
}

TEST_F(Progress, ThatIsRepeatedOrComesAfterTheEndIsIgnored) {
  ask(watched("count"));
  const auto run = only_run(imac);
  imac.step(now, event::RunProgress{run.run, "1"});
  settle();
  const auto progress = *std::find_if(log.begin(), log.end(), [](const auto& message) { return message.payload.find("claw.v1.progress") != std::string::npos; });
  macbook.take<action::Progress>();
  publish(progress);
  EXPECT_TRUE(macbook.take<action::Progress>().empty());
  finish(imac, run, "done");
  settle();
  publish(progress);
  EXPECT_TRUE(macbook.take<action::Progress>().empty());
  EXPECT_EQ(macbook.count("progress.ignored"), 2U);
}

TEST_F(Progress, IsSealedLikeTheRequest) {
  macbook.options().seal = Seal::WhenPossible;
  macbook.boot(now);
  bring_up();
  ask(watched("secret"));
  const auto run = only_run(imac);
  imac.step(now, event::RunProgress{run.run, "secret words"});
  settle();
  EXPECT_EQ(macbook.take<action::Progress>().front().text, "secret words");
  for (const auto& message : log) EXPECT_EQ(message.payload.find("secret"), std::string::npos) << message.payload;
}

class Attachments : public Progress {
 protected:
  static body::Attachment file(std::string name, std::string_view content) {
    crypto::SystemCryptography crypto;
    return {std::move(name), "text/plain", base64_encode(as_bytes(content)), hex_encode(crypto.sha256(content))};
  }
};

TEST_F(Attachments, TravelBothWays) {
  auto send = to_jarvis("read this", 30s);
  send.attachments = {file("note.txt", "hello"), file("empty.txt", "")};
  const auto ticket = ask(std::move(send));
  const auto run = only_run(imac);
  ASSERT_EQ(run.attachments.size(), 2U);
  EXPECT_EQ(run.attachments[0].name, "note.txt");
  EXPECT_EQ(run.attachments[0].mime_type, "text/plain");
  EXPECT_EQ(run.attachments[0].content, "aGVsbG8=");
  body::Reply outcome;
  outcome.reply = "read";
  outcome.attachments = {file("answer.txt", "world")};
  outcome.attachments.front().digest.clear();  // as gateways leave it
  imac.step(now, event::RunEnded{run.run, std::move(outcome)});
  settle();
  const auto result = answer(ticket);
  ASSERT_TRUE(result && *result);
  ASSERT_EQ((**result).attachments.size(), 1U);
  EXPECT_EQ((**result).attachments.front().content, "d29ybGQ=");
}

TEST_F(Attachments, WithAFalseDigestAreRejected) {
  auto send = to_jarvis("read this", 30s);
  send.attachments = {file("note.txt", "hello")};
  send.attachments.front().digest = std::string(64, '0');
  const auto result = answer(ask(std::move(send)));
  ASSERT_TRUE(result && *result);
  EXPECT_EQ((**result).error->code, ErrorCode::BadRequest);
  EXPECT_TRUE(imac.take<action::StartRun>().empty());
}

TEST_F(Attachments, OfAReplyThatIsTooLargeAreLeftOutAndItSaysSo) {
  const auto ticket = ask(to_jarvis("big", 30s));
  const auto run = only_run(imac);
  body::Reply outcome;
  outcome.reply = "here";
  outcome.attachments = {file("big.bin", std::string(1'000'000, 'x'))};
  imac.step(now, event::RunEnded{run.run, std::move(outcome)});
  settle();
  const auto result = answer(ticket);
  ASSERT_TRUE(result && *result);
  EXPECT_EQ((**result).reply, "here");
  EXPECT_TRUE((**result).truncated);
  EXPECT_TRUE((**result).attachments.empty());
}

}  // namespace
}  // namespace clawbridge::core
