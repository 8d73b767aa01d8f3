// Sealing: what crosses the broker is not readable, and a bridge that wants only sealed content takes no other.
#include "bridge/core/content.h"
#include "world.h"

namespace clawbridge::core {
namespace {

using namespace std::chrono_literals;

class SealTest : public World {
 protected:
  void start(Seal here, Seal there) {
    macbook.options().seal = here;
    imac.options().seal = there;
    macbook.boot(now);
    imac.boot(now);
    bring_up();
    log.clear();
  }
  ExchangeView exchange_once(const std::string& text) {
    const auto ticket = send("imac/jarvis", text);
    settle();
    finish_all(imac);
    settle();
    const auto result = answer(ticket);
    return result && *result ? **result : ExchangeView{};
  }
  [[nodiscard]] bool crossed(const std::string& text) const {
    return std::any_of(log.begin(), log.end(), [&](const auto& message) { return message.payload.find(text) != std::string::npos; });
  }
};

TEST_F(SealTest, OffEverythingIsReadable) {
  start(Seal::Off, Seal::Off);
  EXPECT_EQ(exchange_once("the eagle lands").reply, "echo: the eagle lands");
  EXPECT_TRUE(crossed("the eagle lands"));
}

TEST_F(SealTest, AlwaysNothingOfTheContentIs) {
  start(Seal::Always, Seal::Always);
  const auto view = exchange_once("the eagle lands");
  EXPECT_EQ(view.status, "ok");
  EXPECT_EQ(view.reply, "echo: the eagle lands");
  EXPECT_FALSE(crossed("eagle"));
  EXPECT_TRUE(crossed("application/vnd.clawbridge.sealed"));
  // Those who may read see it: both journals, and nobody else.
  EXPECT_EQ(macbook.core().exchange(view.correlation_id)->message, "the eagle lands");
  EXPECT_EQ(macbook.core().exchange(view.correlation_id)->reply, "echo: the eagle lands");
  EXPECT_EQ(imac.core().exchange(view.correlation_id)->message, "the eagle lands");
  EXPECT_EQ(imac.core().exchange(view.correlation_id)->reply, "echo: the eagle lands");
}

TEST_F(SealTest, TheReplyToASealedRequestIsSealed) {
  start(Seal::WhenPossible, Seal::Off);
  EXPECT_EQ(exchange_once("the eagle lands").status, "ok");
  EXPECT_FALSE(crossed("eagle"));
}

TEST_F(SealTest, ReadableRequestsAreForbiddenUnderAlways) {
  start(Seal::Off, Seal::Always);
  const auto view = exchange_once("the eagle lands");
  EXPECT_EQ(view.status, "rejected");
  ASSERT_TRUE(view.error);
  EXPECT_EQ(view.error->code, ErrorCode::Forbidden);
  EXPECT_TRUE(turns.empty());
}

// It was asked for before `always` was set: the exchange ends without it.
TEST_F(SealTest, AReadableReplyIsNotShownUnderAlways) {
  start(Seal::Off, Seal::Off);
  const auto ticket = send("imac/jarvis", "the eagle lands", 0ms);
  settle();
  const auto id = answer(ticket)->value().correlation_id;
  macbook.crash();
  macbook.options().seal = Seal::Always;
  macbook.boot(now);
  gateway_up(macbook, {"main"});
  pass(10s);
  ASSERT_EQ(finish_all(imac), 1u);
  settle();
  const auto view = macbook.core().exchange(id);
  ASSERT_TRUE(view);
  EXPECT_EQ(view->status, "error");
  ASSERT_TRUE(view->error);
  EXPECT_EQ(view->error->code, ErrorCode::Forbidden);
  EXPECT_EQ(view->message, "the eagle lands");
  EXPECT_FALSE(view->reply);
}

TEST_F(SealTest, ASealedTurnSurvivesARestart) {
  start(Seal::Always, Seal::Always);
  const auto ticket = send("imac/jarvis", "one");
  send("imac/jarvis", "the eagle lands");
  settle();
  imac.crash();
  imac.boot(now);
  gateway_up(imac, {"jarvis"});
  pass(10s);
  for (const auto& recover : imac.take<action::RecoverRun>()) {
    EXPECT_EQ(recover.text, "one");
    body::Reply outcome;
    outcome.reply = "recovered";
    imac.step(now, event::RunEnded{recover.run, outcome});
  }
  pass(10s);
  EXPECT_EQ(finish_all(imac), 1u);
  settle();
  EXPECT_EQ(turns.back().text, "the eagle lands");
  EXPECT_EQ(answer(ticket)->value().reply, "recovered");
  EXPECT_FALSE(crossed("recovered"));
}

TEST_F(SealTest, QuestionsAreSealedToo) {
  start(Seal::Always, Seal::Always);
  macbook.step(now, event::LocalAsk{77, "_bridge", "imac", {}, body::AgentsList{}, 5s});
  settle();
  bool answered = false;
  for (const auto& answer : macbook.take<action::Answer>()) {
    const auto* result = std::get_if<AskResult>(&answer.result);
    answered = result != nullptr && result->has_value() && (*result)->agents.value().size() == 2;
  }
  EXPECT_TRUE(answered);
  EXPECT_FALSE(crossed("\"agents\""));
}

TEST_F(SealTest, SealedContentIsBoundToItsMessage) {
  start(Seal::Always, Seal::Always);
  crypto::SystemCryptography crypto;
  const Bytes32 key{1};
  const auto sealed = crypto.seal(key, Nonce24{}, "claw.v1.reply|A|imac/jarvis|macbook/main", "{}");
  EXPECT_EQ(crypto.open(key, "claw.v1.reply|A|imac/jarvis|macbook/main", sealed), "{}");
  EXPECT_FALSE(crypto.open(key, "claw.v1.reply|B|imac/jarvis|macbook/main", sealed));
  EXPECT_FALSE(crypto.open(Bytes32{2}, "claw.v1.reply|A|imac/jarvis|macbook/main", sealed));
  EXPECT_FALSE(crypto.open(key, "claw.v1.reply|A|imac/jarvis|macbook/main", "short"));
  auto altered = sealed;
  altered.back() = static_cast<char>(altered.back() ^ 1);
  EXPECT_FALSE(crypto.open(key, "claw.v1.reply|A|imac/jarvis|macbook/main", altered));
}

}  // namespace
}  // namespace clawbridge::core
