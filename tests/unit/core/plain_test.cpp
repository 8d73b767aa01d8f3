// Plain requests: text in, text out, for clients that are no bridges, where the settings let them in.
#include "bridge/core/plain.h"

#include "world.h"

namespace clawbridge::core {
namespace {

using namespace std::chrono_literals;

TEST(Filter, MatchesAsMqttSays) {
  EXPECT_TRUE(matches_filter("me/#", "me/1"));
  EXPECT_TRUE(matches_filter("me/#", "me/1/2"));
  EXPECT_TRUE(matches_filter("me/#", "me"));
  EXPECT_TRUE(matches_filter("me/+/in", "me/x/in"));
  EXPECT_TRUE(matches_filter("me", "me"));
  EXPECT_FALSE(matches_filter("me/+", "me/1/2"));
  EXPECT_FALSE(matches_filter("me/+", "me"));
  EXPECT_FALSE(matches_filter("me/1", "me/2"));
  EXPECT_FALSE(matches_filter("me", "me/1"));
}

TEST(PlainRecord, ComesBackAsItWas) {
  const PlainRequest request{"hello 12 3", "me/1", std::string("\0 9 x", 5)};
  const auto back = plain_from_record(plain_to_record(request));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->text, request.text);
  EXPECT_EQ(back->response_topic, request.response_topic);
  EXPECT_EQ(back->correlation_data, request.correlation_data);
  EXPECT_FALSE(plain_from_record("7 me/1"));
  EXPECT_FALSE(plain_from_record("x"));
  EXPECT_FALSE(plain_from_record(""));
}

class PlainTest : public World {
 protected:
  void start() {
    imac.options().plain_clients = {{"jarvis", {"me/#"}}};
    imac.boot(now);
    bring_up();
    log.clear();
  }
  void ask(std::string agent, std::string text, std::string response_topic = "me/1", bool retained = false) {
    event::BrokerMessage message;
    message.topic = "claw/imac/" + agent + "/inbox";
    message.payload = std::move(text);
    message.retained = retained;
    message.response_topic = std::move(response_topic);
    message.correlation_data = "c-1";
    imac.step(now, std::move(message));
  }
  std::vector<action::Publish> answers() {
    settle();
    std::vector<action::Publish> plain;
    for (const auto& message : log) {
      if (message.plain) plain.push_back(message);
    }
    return plain;
  }
};

TEST_F(PlainTest, TextIsAnsweredWithTextOnTheResponseTopic) {
  start();
  ask("jarvis", "hello");
  const auto runs = imac.take<action::StartRun>();
  ASSERT_EQ(runs.size(), 1u);
  EXPECT_TRUE(runs[0].session_key.starts_with("agent:jarvis:plain-")) << runs[0].session_key;
  EXPECT_EQ(runs[0].source_session, "_plain/client");
  finish(imac, runs[0], "hi");
  const auto told = answers();
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].topic, "me/1");
  EXPECT_EQ(told[0].payload, "hi");
  EXPECT_EQ(told[0].correlation_id, "c-1");
}

TEST_F(PlainTest, ClientsThatAreAnsweredElsewhereHaveOtherSessions) {
  start();
  ask("jarvis", "hello", "me/1");
  ask("jarvis", "hello", "me/2");
  const auto runs = imac.take<action::StartRun>();
  ASSERT_EQ(runs.size(), 2u);
  EXPECT_NE(runs[0].session_key, runs[1].session_key);
}

TEST_F(PlainTest, WhatADoctorSendsToItselfIsNobodysBusiness) {
  start();
  (void)imac.take<action::Note>();
  ask("_doctor-1a2b3c4d", "a probe");
  ask("_doctor-1a2b3c4d", "a probe", "me/1", true);
  EXPECT_EQ(imac.count("dropped.doctor"), 2u);
  for (const auto& note : imac.take<action::Note>()) EXPECT_EQ(note.level, action::Level::Debug) << note.name;
  EXPECT_TRUE(answers().empty());
}

TEST_F(PlainTest, NothingElseIsLetIn) {
  start();
  ask("pepper", "not allowed for that agent");
  ask("jarvis", "no response topic", "");
  ask("jarvis", "another topic", "you/1");
  ask("jarvis", "a bridge's topic", "claw/macbook/main/reply");
  ask("jarvis", "a wildcard", "me/+");
  ask("jarvis", "a system topic", "$SYS/me");
  ask("jarvis", "retained", "me/1", true);
  EXPECT_TRUE(imac.take<action::StartRun>().empty());
  EXPECT_TRUE(answers().empty());
  EXPECT_EQ(imac.count("dropped.plain"), 6u);
  EXPECT_EQ(imac.count("dropped.retained"), 1u);
}

TEST_F(PlainTest, IsOffByDefault) {
  bring_up();
  ask("jarvis", "hello");
  EXPECT_TRUE(imac.take<action::StartRun>().empty());
  EXPECT_EQ(imac.count("dropped.form"), 1u);
}

TEST_F(PlainTest, WhatIsRefusedIsSaidInWords) {
  imac.options().limits.per_minute_per_pair = 1;
  start();
  ask("jarvis", "\xff\xfe");
  auto told = answers();
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].payload, "error: the text is not valid UTF-8");
  ask("jarvis", "one");
  ask("jarvis", "two");
  told = answers();
  ASSERT_EQ(told.size(), 2u);
  EXPECT_TRUE(told[1].payload.starts_with("error: too many requests")) << told[1].payload;
}

TEST_F(PlainTest, ATurnSurvivesACrash) {
  start();
  ask("jarvis", "hello");
  imac.crash();
  imac.boot(now);
  gateway_up(imac, {"jarvis"});
  pass(5s);
  const auto recovers = imac.take<action::RecoverRun>();
  ASSERT_EQ(recovers.size(), 1u);
  EXPECT_EQ(recovers[0].text, "hello");
  body::Reply outcome;
  outcome.reply = "late";
  imac.step(now, event::RunEnded{recovers[0].run, outcome});
  const auto told = answers();
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].payload, "late");
}

}  // namespace
}  // namespace clawbridge::core
