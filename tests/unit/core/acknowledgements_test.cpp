// Replies are acknowledged in batches; what a connection, a broker or a process took with it is acknowledged again, a few times.
#include <nlohmann/json.hpp>

#include "world.h"

namespace clawbridge::core {
namespace {

using namespace std::chrono_literals;

class AcknowledgementsTest : public World {
 protected:
  void SetUp() override {
    World::SetUp();
    bring_up();
  }

  static bool is_ack(const action::Publish& message) { return message.payload.find("\"type\":\"claw.v1.ack\"") != std::string::npos; }

  // Asks so many, of an agent that answers at once; the replies have arrived.
  void exchange(std::size_t count) {
    for (std::size_t done = 0; done < count; ++done) {
      send("imac/jarvis", "hello");
      settle();
      ASSERT_EQ(finish_all(imac), 1u);
      settle();
      for (auto* node : {&macbook, &imac}) node->actions.clear();  // notes and answers, which take() would sift every time
    }
  }

  // The number of ids in every acknowledgement that crossed the broker since the last call.
  std::vector<std::size_t> acknowledged() {
    std::vector<std::size_t> counts;
    for (const auto& message : log) {
      if (is_ack(message)) counts.push_back(nlohmann::json::parse(message.payload).at("data").at("ids").size());
    }
    log.clear();
    return counts;
  }

  void reconnect(Node& node) {
    lose_broker(node);
    pass(10s);
  }

  // imac's exchanges that it still keeps two days later: those that it does not know to be acknowledged.
  std::size_t kept() {
    advance(48h);
    imac.step(now, event::Tick{});
    advance(1min);
    imac.step(now, event::Tick{});
    return imac.core().exchanges(1'000).size();
  }
};

TEST_F(AcknowledgementsTest, LeaveWithinASecondInOneMessage) {
  exchange(3);
  EXPECT_TRUE(acknowledged().empty());
  pass(1s);
  EXPECT_EQ(acknowledged(), (std::vector<std::size_t>{3}));
  EXPECT_EQ(kept(), 0u);
}

TEST_F(AcknowledgementsTest, ThatAreLostMakeThePeerKeepTheExchanges) {
  exchange(3);
  pass(1s, is_ack);
  EXPECT_EQ(kept(), 3u);
}

TEST_F(AcknowledgementsTest, LeaveAtOnceWhenAMessageIsFull) {
  exchange(256);
  settle();
  EXPECT_EQ(acknowledged(), (std::vector<std::size_t>{256}));
}

TEST_F(AcknowledgementsTest, OfARepeatedReplyAreOne) {
  exchange(1);
  const auto reply = std::find_if(log.rbegin(), log.rend(), [](const auto& message) { return message.topic == "claw/macbook/_bridge/reply"; });
  ASSERT_NE(reply, log.rend());
  publish(action::Publish(*reply));
  pass(1s);
  EXPECT_EQ(acknowledged(), (std::vector<std::size_t>{1}));
}

TEST_F(AcknowledgementsTest, AreSaidAgainWhenOurConnectionMayHaveTakenThemWithIt) {
  exchange(2);
  pass(1s, is_ack);
  ASSERT_TRUE(acknowledged().empty());
  reconnect(macbook);
  EXPECT_EQ(acknowledged(), (std::vector<std::size_t>{2}));
  EXPECT_EQ(kept(), 0u);
}

TEST_F(AcknowledgementsTest, AreSaidAgainWhenThePeerComesBack) {
  exchange(2);
  pass(1s, is_ack);
  reconnect(imac);
  EXPECT_EQ(acknowledged(), (std::vector<std::size_t>{2}));
  EXPECT_EQ(kept(), 0u);
}

TEST_F(AcknowledgementsTest, WaitForTheBroker) {
  exchange(2);
  broker_up = false;
  lose_broker(macbook);
  pass(1min);
  EXPECT_TRUE(acknowledged().empty());
  broker_up = true;
  pass(1min);
  EXPECT_EQ(acknowledged(), (std::vector<std::size_t>{2}));
}

TEST_F(AcknowledgementsTest, OfAnEarlierLifeAreSaid) {
  exchange(2);
  macbook.crash();  // before it said them
  pass(1min);
  ASSERT_TRUE(acknowledged().empty());
  macbook.boot(now);
  gateway_up(macbook, {"main"});
  pass(10s);
  EXPECT_EQ(acknowledged(), (std::vector<std::size_t>{2}));
  EXPECT_EQ(kept(), 0u);
}

// Who was never asked has a tombstone, which must stay; what has not ended has nothing to acknowledge.
TEST_F(AcknowledgementsTest, OfAnEarlierLifeAreOnlyOfWhatWasAnswered) {
  exchange(1);
  send("imac/jarvis", "hello", 0ms);
  settle();
  const auto lost = answer(send("imac/pepper", "lost", 0ms, 1s))->value().correlation_id;
  pass(1min, [](const action::Publish& message) { return message.topic == "claw/imac/pepper/inbox"; });
  ASSERT_EQ(macbook.core().exchange(lost)->status, "expired");
  acknowledged();
  macbook.crash();
  macbook.boot(now);
  gateway_up(macbook, {"main"});
  pass(10s);
  EXPECT_EQ(acknowledged(), (std::vector<std::size_t>{1}));
}

TEST_F(AcknowledgementsTest, OfAPeerThatIsAwayWaitForIt) {
  exchange(1);
  pass(1s);
  lose_broker(imac);
  imac.crash();
  acknowledged();
  for (int time = 0; time < 3; ++time) reconnect(macbook);
  EXPECT_TRUE(acknowledged().empty());
  imac.boot(now);
  gateway_up(imac, {"jarvis"});
  pass(10s);
  EXPECT_EQ(acknowledged(), (std::vector<std::size_t>{1}));
}

TEST_F(AcknowledgementsTest, AreSaidThreeTimesAndNoMore) {
  exchange(1);
  pass(1s);
  for (int time = 0; time < 5; ++time) reconnect(macbook);
  EXPECT_EQ(acknowledged(), (std::vector<std::size_t>{1, 1, 1}));
}

TEST_F(AcknowledgementsTest, ThatAreSaidAgainAreTheNewest) {
  exchange(1'100);
  pass(1s);
  acknowledged();
  reconnect(macbook);
  EXPECT_EQ(acknowledged(), (std::vector<std::size_t>{256, 256}));
}

TEST_F(AcknowledgementsTest, OfAPeerThatIsNotTrustedAnyMoreAreNotSaid) {
  exchange(1);
  macbook.step(now, event::LocalRevoke{900, "imac"});
  pass(1s);
  reconnect(macbook);
  EXPECT_TRUE(acknowledged().empty());
}

}  // namespace
}  // namespace clawbridge::core
