// Policy: rules, defaults, limits, and that no request names a session outside its agent's.
#include "bridge/core/policy.h"

#include "world.h"

namespace clawbridge::core {
namespace {

using namespace std::chrono_literals;

TEST(Glob, MatchesRunsOfAnyCharacters) {
  EXPECT_TRUE(matches_glob("*", ""));
  EXPECT_TRUE(matches_glob("*", "macbook/main"));
  EXPECT_TRUE(matches_glob("macbook/*", "macbook/main"));
  EXPECT_TRUE(matches_glob("mac*/m*n", "macbook/main"));
  EXPECT_TRUE(matches_glob("agent:*:x*y", "agent:jarvis:xaxby"));
  EXPECT_FALSE(matches_glob("macbook/*", "macbook"));
  EXPECT_FALSE(matches_glob("macbook/main", "macbook/mainx"));
  EXPECT_FALSE(matches_glob("", "x"));
  EXPECT_FALSE(matches_glob("a*b", "ac"));
}

class PolicyTest : public World {
 protected:
  void start(std::vector<PolicyRule> rules) {
    imac.options().policy = std::move(rules);
    imac.boot(now);
    bring_up();
  }

  event::LocalSend to(std::string agent) {
    event::LocalSend request;
    request.ticket = ++last_ticket_;
    request.caller_agent = "main";
    request.gateway = "imac";
    request.agent = std::move(agent);
    request.message = "hello";
    return request;
  }

  /// Sends, runs what imac takes, and gives the answer.
  ExchangeView ask(event::LocalSend request) {
    const auto ticket = request.ticket;
    macbook.step(now, std::move(request));
    settle();
    finish_all(imac);
    settle();
    const auto result = answer(ticket);
    if (!result || !*result) {
      ADD_FAILURE() << (result ? result->error().message : "no answer");
      return {};
    }
    return **result;
  }
  ExchangeView in_session(const std::string& session_key) {
    auto request = to("jarvis");
    request.session_key = session_key;
    const auto ticket = request.ticket;
    macbook.step(now, std::move(request));
    settle();
    for (const auto& resolve : imac.take<action::ResolveSession>()) imac.step(now, event::SessionResolved{resolve.run, resolve.session_key});
    settle();
    finish_all(imac);
    settle();
    const auto result = answer(ticket);
    return result && *result ? **result : ExchangeView{};
  }

  static PolicyRule allow(std::string from, std::string to, std::vector<Operation> ops) {
    PolicyRule rule;
    rule.from = {std::move(from)};
    rule.to = {std::move(to)};
    rule.allow = std::move(ops);
    rule.place = "clawbridge.yaml:7";
    return rule;
  }
  static PolicyRule deny(std::string from, std::string to, std::vector<Operation> ops) {
    auto rule = allow(std::move(from), std::move(to), {});
    rule.deny = std::move(ops);
    return rule;
  }

  Ticket last_ticket_ = 2000;
};

/// A policy alone, with a journal that nobody asks.
class Judge {
 public:
  explicit Judge(std::vector<PolicyRule> rules) {
    Options options;
    options.gateway = "imac";
    options.policy = std::move(rules);
    journal_ = std::move(clawbridge::store::JournalDb::open(folder_.path() / "j.db", clawbridge::store::Durability::Process, random_)->journal);
    context_ = std::make_unique<Context>(std::move(options), *journal_, crypto_, random_, "");
  }
  [[nodiscard]] bool denies(Operation op, const std::string& agent = "jarvis") const {
    return Policy(*context_).judge({"macbook", "main"}, op, agent, "agent:" + agent + ":main").what == Decision::What::Deny;
  }

 private:
  Folder folder_;
  SeededRandom random_{1};
  crypto::SystemCryptography crypto_;
  std::unique_ptr<clawbridge::store::JournalDb> journal_;
  std::unique_ptr<Context> context_;
};

TEST(PolicyDefaults, AreTheContracts) {
  const Judge judge({});
  for (const auto op : kAllOperations) {
    EXPECT_EQ(judge.denies(op), op == Operation::SessionsSpawn || op == Operation::SessionsHistory) << to_string(op);
  }
}

TEST(PolicyDefaults, EveryOperationCanBeDeniedAndAllowedByARule) {
  for (const auto op : kAllOperations) {
    PolicyRule rule;
    rule.from = {"macbook/*"};
    rule.to = {"jarvis"};
    rule.deny = {op};
    EXPECT_TRUE(Judge({rule}).denies(op)) << to_string(op);
    EXPECT_EQ(Judge({rule}).denies(op, "pepper"), op == Operation::SessionsSpawn || op == Operation::SessionsHistory) << to_string(op);
    rule.deny.clear();
    rule.allow = {op};
    EXPECT_FALSE(Judge({rule}).denies(op)) << to_string(op);
  }
}

TEST(PolicyDefaults, AStarForAgentsIsNotTheBridge) {
  PolicyRule rule;
  rule.from = {"*"};
  rule.to = {"*"};
  rule.deny = {Operation::Status, Operation::AgentsList};
  EXPECT_FALSE(Judge({rule}).denies(Operation::Status, "_bridge"));
  rule.to = {"_bridge"};
  EXPECT_TRUE(Judge({rule}).denies(Operation::AgentsList, "_bridge"));
}

TEST_F(PolicyTest, TheFirstRuleThatMatchesDecides) {
  start({deny("macbook/main", "jarvis", {Operation::SessionsSend}), allow("*", "*", {Operation::SessionsSend})});
  const auto refused = ask(to("jarvis"));
  EXPECT_EQ(refused.status, "rejected");
  ASSERT_TRUE(refused.error);
  EXPECT_EQ(refused.error->code, ErrorCode::Forbidden);
  EXPECT_EQ(refused.error->message.find("clawbridge.yaml"), std::string::npos) << "which rule it was is not the asker's business";
  EXPECT_EQ(ask(to("pepper")).status, "ok");
  EXPECT_EQ(imac.count("request.forbidden"), 1u);
  EXPECT_TRUE(turns.size() == 1 && turns[0].agent == "pepper");
  bool told = false;
  for (const auto& note : imac.take<action::Note>()) {
    for (const auto& [name, value] : note.fields) told = told || (name == "rule" && value == "clawbridge.yaml:7");
  }
  EXPECT_TRUE(told) << "the operator learns which rule it was";
}

TEST_F(PolicyTest, ARuleSaysNothingOfOperationsItDoesNotList) {
  start({allow("macbook/*", "jarvis", {Operation::SessionsHistory}), deny("*", "*", {Operation::SessionsSend})});
  EXPECT_EQ(ask(to("jarvis")).error->code, ErrorCode::Forbidden);
}

TEST_F(PolicyTest, AgentsListSaysWhatTheAskerMayDo) {
  start({deny("macbook/*", "pepper", {Operation::SessionsSend})});
  macbook.step(now, event::LocalAsk{77, "_bridge", "imac", {}, body::AgentsList{}, 5s});
  settle();
  std::map<std::string, std::vector<std::string>> ops;
  for (const auto& answer : macbook.take<action::Answer>()) {
    const auto* result = std::get_if<AskResult>(&answer.result);
    ASSERT_TRUE(result != nullptr && result->has_value());
    const auto agents = (*result)->agents.value();
    for (const auto& agent : agents) ops[agent.id] = agent.ops;
  }
  EXPECT_EQ(ops, (std::map<std::string, std::vector<std::string>>{{"jarvis", {"sessions_send", "sessions_list", "session_status"}},
                                                                  {"pepper", {"sessions_list", "session_status"}}}));
}

// What is said of the own agents is what happens: each of them, exposed or not, whatever the rules say of others.
TEST_F(PolicyTest, OwnAgentsMayBeAskedForEverythingByLocalCallers) {
  imac.options().expose = std::vector<std::string>{"pepper"};
  start({deny("*/*", "*", {Operation::SessionsSend, Operation::SessionsSpawn})});
  imac.step(now, event::LocalAsk{77, "pepper", "imac", {}, body::AgentsList{}, 5s});
  settle();
  const std::vector<std::string> all{"sessions_send", "sessions_spawn", "sessions_list", "session_status", "sessions_history"};
  std::map<std::string, std::vector<std::string>> ops;
  for (const auto& answer : imac.take<action::Answer>()) {
    const auto* result = std::get_if<AskResult>(&answer.result);
    ASSERT_TRUE(result != nullptr && result->has_value());
    for (const auto& agent : (*result)->agents.value()) ops[agent.id] = agent.ops;
  }
  EXPECT_EQ(ops, (std::map<std::string, std::vector<std::string>>{{"jarvis", all}, {"pepper", all}}));
  auto send = to("jarvis");
  send.caller_agent = "pepper";
  imac.step(now, send);
  settle();
  EXPECT_EQ(imac.take<action::StartRun>().size(), 1U);
}

TEST_F(PolicyTest, SessionsOfARuleAreTheOnlyOnes) {
  auto rule = allow("macbook/*", "jarvis", {Operation::SessionsSend});
  rule.sessions = {"agent:jarvis:main", "agent:jarvis:work-*"};
  start({rule, deny("*", "*", {Operation::SessionsSend})});
  EXPECT_EQ(ask(to("jarvis")).status, "ok");
  EXPECT_EQ(in_session("agent:jarvis:work-1").status, "ok");
  for (const std::string session : {"agent:jarvis:other", "agent:jarvis:work", "agent:jarvis:mainx", "agent:jarvis:../main"}) {
    EXPECT_EQ(in_session(session).error.value_or(Error{}).code, ErrorCode::Forbidden) << session;
  }
}

TEST_F(PolicyTest, ALabelIsJudgedByTheSessionItMeans) {
  auto rule = allow("macbook/*", "jarvis", {Operation::SessionsSend});
  rule.sessions = {"agent:jarvis:open"};
  start({rule, deny("*", "*", {Operation::SessionsSend})});
  for (const auto& [session, code] : std::vector<std::pair<std::string, std::string>>{
           {"agent:jarvis:open", "ok"}, {"agent:jarvis:secret", "rejected"}, {"agent:pepper:main", "rejected"}}) {
    auto request = to("jarvis");
    request.label = "reviewer";
    const auto ticket = request.ticket;
    macbook.step(now, std::move(request));
    settle();
    for (const auto& resolve : imac.take<action::ResolveSession>()) imac.step(now, event::SessionResolved{resolve.run, session});
    finish_all(imac);
    settle();
    const auto result = answer(ticket);
    ASSERT_TRUE(result && *result);
    EXPECT_EQ((*result)->status, code) << session;
  }
}

TEST_F(PolicyTest, ASessionThatResolvesElsewhereIsJudgedThere) {
  auto rule = deny("macbook/*", "jarvis", {Operation::SessionsSend});
  rule.sessions = {"agent:jarvis:secret"};
  start({rule});
  auto request = to("jarvis");
  request.session_key = "agent:jarvis:SECRET";
  const auto ticket = request.ticket;
  macbook.step(now, std::move(request));
  settle();
  for (const auto& resolve : imac.take<action::ResolveSession>()) imac.step(now, event::SessionResolved{resolve.run, std::string("agent:jarvis:secret")});
  settle();
  EXPECT_EQ(finish_all(imac), 0u);
  const auto result = answer(ticket);
  ASSERT_TRUE(result && *result);
  EXPECT_EQ((*result)->error.value_or(Error{}).code, ErrorCode::Forbidden);
}

TEST_F(PolicyTest, BeyondTheRateARequestIsPutOffAndRunsLater) {
  imac.options().limits.per_minute_per_pair = 2;
  start({});
  std::vector<Ticket> tickets;
  for (int n = 0; n < 4; ++n) {
    auto request = to("jarvis");
    request.wait = 10min;
    tickets.push_back(request.ticket);
    macbook.step(now, std::move(request));
    settle();
    finish_all(imac);
    settle();
  }
  EXPECT_EQ(turns.size(), 2u);
  EXPECT_GE(imac.count("request.deferred.rate_limited"), 1u);
  for (int n = 0; n < 20; ++n) {
    pass(10s);
    finish_all(imac);
    settle();
  }
  EXPECT_EQ(turns.size(), 4u) << "put off, never refused";
  for (const auto ticket : tickets) EXPECT_EQ(answer(ticket)->value().status, "ok");
}

TEST_F(PolicyTest, ARuleMayGiveMoreOrLessThanThePair) {
  imac.options().limits.per_minute_per_pair = 1;
  auto rule = allow("macbook/*", "jarvis", {Operation::SessionsSend});
  rule.per_minute = 100;
  start({rule});
  for (int n = 0; n < 5; ++n) EXPECT_EQ(ask(to("jarvis")).status, "ok");
  EXPECT_EQ(ask(to("pepper")).status, "ok");
  auto second = to("pepper");
  macbook.step(now, second);
  settle();
  EXPECT_EQ(imac.count("request.deferred.rate_limited"), 1u);
}

TEST_F(PolicyTest, ConcurrentTurnsOfARuleWaitInOrder) {
  auto rule = allow("macbook/*", "*", {Operation::SessionsSend});
  rule.concurrent = 1;
  start({rule});
  macbook.step(now, to("jarvis"));
  settle();
  macbook.step(now, to("pepper"));
  settle();
  auto runs = imac.take<action::StartRun>();
  ASSERT_EQ(runs.size(), 1u);
  EXPECT_EQ(runs[0].agent, "jarvis");
  finish(imac, runs[0], "done");
  settle();
  runs = imac.take<action::StartRun>();
  ASSERT_EQ(runs.size(), 1u);
  EXPECT_EQ(runs[0].agent, "pepper");
}

TEST_F(PolicyTest, OpenExchangesOfARuleAreLimited) {
  auto rule = allow("macbook/*", "*", {Operation::SessionsSend});
  rule.open = 1;
  start({rule});
  macbook.step(now, to("jarvis"));
  settle();
  macbook.step(now, to("pepper"));
  settle();
  EXPECT_EQ(imac.count("request.deferred.busy"), 1u);
  finish_all(imac);
  settle();
  pass(10s);
  EXPECT_EQ(finish_all(imac), 1u) << "taken when the first had ended";
}

TEST_F(PolicyTest, LongMessagesOfARuleAreRefused) {
  auto rule = allow("macbook/*", "*", {Operation::SessionsSend});
  rule.message_bytes = 1'000;
  start({rule});
  auto request = to("jarvis");
  request.message = std::string(2'000, 'x');
  EXPECT_EQ(ask(request).error.value_or(Error{}).code, ErrorCode::TooLarge);
  EXPECT_EQ(ask(to("jarvis")).status, "ok");
}

TEST_F(PolicyTest, AFullJournalPutsOffAndLosesNothing) {
  imac.options().limits.journal_bytes_per_peer = 3'000;
  start({});
  auto request = to("jarvis");
  request.message = std::string(2'000, 'x');
  EXPECT_EQ(ask(request).status, "ok");
  macbook.step(now, to("jarvis"));
  settle();
  EXPECT_EQ(imac.count("request.deferred.store_full"), 1u);
  EXPECT_EQ(finish_all(imac), 0u);
  EXPECT_EQ(macbook.core().exchanges(1).at(0).reason, "store_full");
}

// ---- loops ----

class LoopTest : public PolicyTest {
 protected:
  event::LocalSend from_imac(std::chrono::milliseconds wait) {
    event::LocalSend request;
    request.ticket = ++last_ticket_;
    request.caller_agent = "jarvis";
    request.caller_session = "agent:jarvis:main";
    request.gateway = "macbook";
    request.agent = "main";
    request.message = "and you?";
    request.wait = wait;
    return request;
  }
  /// main on macbook asks jarvis, who is made to ask main back while his turn runs.
  SendResult ask_back(std::chrono::milliseconds mains_wait) {
    auto request = to("jarvis");
    request.caller_session = "agent:main:main";
    request.wait = mains_wait;
    macbook.step(now, request);
    settle();
    runs_ = imac.take<action::StartRun>();
    EXPECT_EQ(runs_.size(), 1u);
    auto back = from_imac(30s);
    imac.step(now, back);
    settle();
    finish_all(macbook);
    settle();
    for (auto& answer : imac.take<action::Answer>()) {
      if (answer.ticket == back.ticket) return std::get<SendResult>(answer.result);
    }
    return Error{ErrorCode::Timeout, "no answer", false};
  }
  std::vector<action::StartRun> runs_;
};

TEST_F(LoopTest, AskingBackTheSessionThatWaitsIsRefusedAtOnce) {
  start({});
  const auto result = ask_back(30s);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->status, "rejected");
  EXPECT_EQ(result->error->code, ErrorCode::Loop);
  EXPECT_TRUE(turns.empty());
}

TEST_F(LoopTest, AnAnswerToASessionThatDoesNotWaitIsNoLoop) {
  start({});
  const auto result = ask_back(0s);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->status, "ok");
}

TEST_F(LoopTest, AWaitThatHasEndedIsNoLongerOne) {
  start({});
  auto request = to("jarvis");
  request.caller_session = "agent:main:main";
  request.wait = 5s;
  macbook.step(now, request);
  settle();
  pass(6s);
  auto back = from_imac(30s);
  imac.step(now, back);
  settle();
  EXPECT_EQ(finish_all(macbook), 1u);
}

TEST_F(LoopTest, AnotherSessionOfTheAskerMayBeAsked) {
  start({});
  auto request = to("jarvis");
  request.caller_session = "agent:main:work";
  macbook.step(now, request);
  settle();
  imac.step(now, from_imac(30s));
  settle();
  EXPECT_EQ(finish_all(macbook), 1u) << "agent:main:main does not wait";
}

TEST_F(LoopTest, AChainLongerThanTheLimitIsRefusedOnBothSides) {
  for (auto* node : {&macbook, &imac}) {
    node->options().limits.max_hops = 2;
    node->options().late_reply = event::LateReply::Keep;  // those continue the chain as well: see late_test.cpp
  }
  macbook.boot(now);
  start({});
  // main and jarvis ask each other without waiting, for ever.
  macbook.step(now, [&] {
    auto request = to("jarvis");
    request.caller_session = "agent:main:main";
    request.wait = 0s;
    return request;
  }());
  int asked = 0;
  for (int hop = 0; hop < 10; ++hop) {
    settle();
    Node& node = hop % 2 == 0 ? imac : macbook;
    auto runs = node.take<action::StartRun>();
    if (runs.empty()) break;
    ++asked;
    auto next = hop % 2 == 0 ? from_imac(0s) : to("jarvis");
    next.wait = 0s;
    if (hop % 2 != 0) next.caller_session = "agent:main:main";
    node.step(now, next);
    finish(node, runs[0], "asked on");
  }
  EXPECT_EQ(asked, 3) << "the first and two that it caused";
  EXPECT_EQ(macbook.count("send.loop") + imac.count("send.loop"), 1u);
}

}  // namespace
}  // namespace clawbridge::core
