// Questions about sessions: asked of the local gateway for who may ask, and never journaled.
#include "agent_world.h"

namespace clawbridge::core {
namespace {

using namespace std::chrono_literals;

class Reads : public AgentWorld {
 protected:
  void SetUp() override {
    World::SetUp();
    allow({Operation::SessionsHistory});
    bring_up();
  }

  template <class What>
  Ticket read(What what, std::string agent = "jarvis", std::string gateway = "imac") {
    event::LocalAsk ask{++last_ticket_, "main", std::move(gateway), std::move(agent), std::move(what), 5s};
    macbook.step(now, std::move(ask));
    settle();
    return last_ticket_;
  }

  std::optional<AskResult> told(Ticket ticket) {
    for (auto& answer : macbook.take<action::Answer>()) {
      auto* result = std::get_if<AskResult>(&answer.result);
      if (result != nullptr && answer.ticket == ticket) return std::move(*result);
    }
    return std::nullopt;
  }

  action::ReadSessions only_read(Node& node) {
    const auto reads = node.take<action::ReadSessions>();
    EXPECT_EQ(reads.size(), 1U);
    return reads.empty() ? action::ReadSessions{} : reads.front();
  }
};

TEST_F(Reads, AListingComesBackAsTheGatewayGaveIt) {
  body::SessionsList list;
  list.limit = 20;
  const auto ticket = read(list);
  const auto order = only_read(imac);
  EXPECT_EQ(order.agents, std::vector<std::string>{"jarvis"});
  EXPECT_EQ(std::get<body::SessionsList>(order.what).limit, std::optional<std::uint64_t>(20));
  EXPECT_GT(order.bytes_max, 500'000U);
  imac.step(now, event::SessionsRead{order.read, std::string(R"({"count":1,"sessions":[{"key":"agent:jarvis:main","label":"a \"b\""}],"hasMore":false})")});
  settle();
  const auto result = told(ticket);
  ASSERT_TRUE(result && *result);
  EXPECT_EQ((**result).listing, R"({"count":1,"sessions":[{"key":"agent:jarvis:main","label":"a \"b\""}],"hasMore":false})");
}

TEST_F(Reads, OfTheGatewayAsAWholeSeeTheAgentsThatTheAskerMayAskAbout) {
  PolicyRule rule;
  rule.from = {"macbook/*"};
  rule.to = {"pepper"};
  rule.deny = {Operation::SessionsList};
  imac.options().policy.push_back(rule);
  imac.boot(now);
  bring_up();
  read(body::SessionsList{}, "");
  EXPECT_EQ(only_read(imac).agents, std::vector<std::string>{"jarvis"});
}

TEST_F(Reads, OfHistoriesNeedARule) {
  const auto denied = read(body::SessionsHistory{"agent:pepper:main", {}, {}, false}, "");
  const auto result = told(denied);
  ASSERT_TRUE(result && *result);
  EXPECT_EQ((**result).error->code, ErrorCode::Forbidden);
  const auto ticket = read(body::SessionsHistory{"imac/agent:jarvis:main", 5, {}, true}, "", "");
  const auto order = only_read(imac);
  const auto& history = std::get<body::SessionsHistory>(order.what);
  EXPECT_EQ(history.session_key, "agent:jarvis:main");
  EXPECT_TRUE(history.include_tools);
  imac.step(now, event::SessionsRead{order.read, std::string(R"({"sessionKey":"agent:jarvis:main","messages":[]})")});
  settle();
  ASSERT_TRUE(told(ticket));
}

TEST_F(Reads, OfListsSayWhichSessionsMayBeTold) {
  PolicyRule rule;
  rule.from = {"macbook/*"};
  rule.to = {"jarvis"};
  rule.sessions = {"agent:jarvis:private*"};
  rule.deny = {Operation::SessionsList};
  imac.options().policy.insert(imac.options().policy.begin(), rule);
  imac.boot(now);
  bring_up();
  read(body::SessionsList{}, "");
  const auto order = only_read(imac);
  EXPECT_EQ(order.agents, (std::vector<std::string>{"jarvis", "pepper"}));
  EXPECT_FALSE(is_told(order.rules, "jarvis", "agent:jarvis:private:1"));
  EXPECT_TRUE(is_told(order.rules, "jarvis", "agent:jarvis:main"));
  EXPECT_TRUE(is_told(order.rules, "pepper", "agent:pepper:private"));
  read(body::SessionStatus{}, "jarvis");  // policy was asked about its one session
  EXPECT_TRUE(is_told(only_read(imac).rules, "jarvis", "agent:jarvis:private:1"));
}

TEST_F(Reads, OfListsWithMessagesNeedTheRuleOfHistories) {
  body::SessionsList list;
  list.message_limit = 20;
  for (const std::string agent : {"pepper", ""}) {
    const auto result = told(read(list, agent));
    ASSERT_TRUE(result && *result);
    ASSERT_TRUE((**result).error) << agent;
    EXPECT_EQ((**result).error->code, ErrorCode::Forbidden);
    EXPECT_NE((**result).error->message.find("leave messageLimit out"), std::string::npos) << (**result).error->message;
    EXPECT_TRUE(imac.take<action::ReadSessions>().empty()) << agent;
  }
  read(list, "jarvis");
  EXPECT_EQ(std::get<body::SessionsList>(only_read(imac).what).message_limit, std::optional<std::uint64_t>(20));
}

TEST_F(Reads, OfListsWithMessagesNeedARuleOfAllSessions) {
  PolicyRule rule;
  rule.from = {"macbook/*"};
  rule.to = {"jarvis"};
  rule.sessions = {"agent:jarvis:private*"};
  rule.deny = {Operation::SessionsHistory};
  imac.options().policy.insert(imac.options().policy.begin(), rule);
  imac.boot(now);
  bring_up();
  body::SessionsList list;
  list.message_limit = 1;
  const auto result = told(read(list));
  ASSERT_TRUE(result && *result);
  ASSERT_TRUE((**result).error);
  EXPECT_EQ((**result).error->code, ErrorCode::Forbidden);
}

TEST_F(Reads, CannotLeaveTheAgentTheyAreAskedOf) {
  // A requester that does not keep to its own checks: the question names one agent and another's session.
  const auto ticket = read(body::SessionsHistory{"agent:pepper:main", {}, {}, false}, "jarvis");
  const auto result = told(ticket);
  ASSERT_TRUE(result);
  EXPECT_FALSE(*result) << "two different agents are named";
  EXPECT_TRUE(imac.take<action::ReadSessions>().empty());
}

TEST_F(Reads, OfTheOwnGatewayNeedNoBroker) {
  lose_broker(macbook);
  const auto ticket = read(body::SessionStatus{}, "main", "");
  const auto order = only_read(macbook);
  EXPECT_EQ(order.agents, std::vector<std::string>{"main"});
  macbook.step(now, event::SessionsRead{order.read, std::string(R"({"sessionKey":"agent:main:main","session":{}})")});
  settle();
  const auto result = told(ticket);
  ASSERT_TRUE(result && *result);
  EXPECT_EQ((**result).listing, R"({"sessionKey":"agent:main:main","session":{}})");
}

TEST_F(Reads, ThatTheGatewayCannotAnswerSayWhy) {
  const auto ticket = read(body::SessionStatus{"agent:jarvis:nosuch"});
  const auto order = only_read(imac);
  imac.step(now, event::SessionsRead{order.read, Error{ErrorCode::UnknownSession, "No session found: agent:jarvis:nosuch", false}});
  settle();
  const auto result = told(ticket);
  ASSERT_TRUE(result && *result);
  EXPECT_EQ((**result).error->code, ErrorCode::UnknownSession);
}

TEST_F(Reads, AreForgottenWhenTheirAskerHasStoppedWaiting) {
  read(body::SessionsList{});
  const auto order = only_read(imac);
  pass(10min);
  const auto before = log.size();
  imac.step(now, event::SessionsRead{order.read, std::string(R"({"sessions":[]})")});
  settle();
  EXPECT_EQ(log.size(), before);
}

TEST_F(Reads, ThatAreTooManyAreRefused) {
  imac.options().limits.asks = 1;
  imac.boot(now);
  bring_up();
  read(body::SessionsList{});
  const auto ticket = read(body::SessionsList{});
  const auto result = told(ticket);
  ASSERT_TRUE(result && *result);
  EXPECT_EQ((**result).error->code, ErrorCode::Busy);
}

TEST_F(Reads, ThatBringMoreThanAMessageMayHoldAskForLess) {
  const auto ticket = read(body::SessionsList{});
  const auto order = only_read(imac);
  imac.step(now, event::SessionsRead{order.read, std::string(R"({"sessions":[")" + std::string(2'000'000, 'x') + R"("]})")});
  settle();
  const auto result = told(ticket);
  ASSERT_TRUE(result && *result);
  EXPECT_EQ((**result).error->code, ErrorCode::TooLarge);
}

}  // namespace
}  // namespace clawbridge::core
