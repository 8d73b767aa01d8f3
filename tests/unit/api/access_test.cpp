// Who may come in, header by header.
#include "bridge/api/access.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <initializer_list>
#include <optional>

#include "bridge/crypto/system_cryptography.h"

namespace clawbridge::api {
namespace {

using testing::HasSubstr;
using testing::Not;
using Fields = std::initializer_list<std::pair<const char*, std::string>>;

const std::string kMainToken(32, 'm');
const std::string kJarvisToken = "jarvis-0123456789._~+/0123456789==";
const std::string kPersonToken(64, 'p');

asio::ip::tcp::endpoint endpoint(const char* address, std::uint16_t port) {
  return {asio::ip::make_address(address), port};
}

class AccessTest : public testing::Test {
 protected:
  explicit AccessTest(const asio::ip::tcp::endpoint& own = endpoint("127.0.0.1", 18790))
      : tcp_({{"main", digest(kMainToken)}, {"jarvis", digest(kJarvisToken)}, {"_bridge", digest(kPersonToken)}}, own,
             cryptography_, refusals_) {}

  Bytes32 digest(const std::string& token) { return cryptography_.sha256(token); }

  static Access::Verdict check(Access& access, Fields fields) {
    Access::Header header;
    for (const auto& [name, value] : fields) header.insert(name, value);
    return access.check(header);
  }
  Caller let_in(Access& access, Fields fields) {
    auto verdict = check(access, fields);
    if (auto* caller = std::get_if<Caller>(&verdict)) return *caller;
    ADD_FAILURE() << "refused: " << std::get<Answer>(verdict).body;
    return {};
  }
  Answer refused(Access& access, Fields fields) {
    auto verdict = check(access, fields);
    if (auto* answer = std::get_if<Answer>(&verdict)) return *answer;
    ADD_FAILURE() << "let in as " << std::get<Caller>(verdict).agent;
    return {};
  }
  unsigned status_of_host(const std::string& host) {
    const auto verdict = check(tcp_, {{"Host", host}, {"Authorization", "Bearer " + kMainToken}});
    return verdict.index() == 0 ? 200 : std::get<Answer>(verdict).status;
  }
  unsigned status_of_origin(const std::string& origin, const std::string& host = "127.0.0.1:18790") {
    const auto verdict = check(tcp_, {{"Host", host}, {"Origin", origin}, {"Authorization", "Bearer " + kMainToken}});
    return verdict.index() == 0 ? 200 : std::get<Answer>(verdict).status;
  }

  crypto::SystemCryptography cryptography_;
  std::string reports_;
  Refusals refusals_{[this](const core::action::Note& note) {
    for (const auto& [name, value] : note.fields) reports_ += value + "\n";
  }};
  SocketAccess socket_;
  TokenAccess tcp_;
};

class AccessOverIpv6 : public AccessTest {
 protected:
  AccessOverIpv6() : AccessTest(endpoint("::1", 18790)) {}
};
class AccessOnPort80 : public AccessTest {
 protected:
  AccessOnPort80() : AccessTest(endpoint("127.0.0.1", 80)) {}
};

TEST_F(AccessTest, KnowsCallersByTheirTokens) {
  for (const auto& [token, agent] :
       {std::pair(kMainToken, "main"), {kJarvisToken, "jarvis"}, {kPersonToken, "_bridge"}}) {
    EXPECT_EQ(let_in(tcp_, {{"Host", "127.0.0.1:18790"}, {"Authorization", "Bearer " + token}}).agent, agent);
  }
  const Caller caller = let_in(tcp_, {{"host", "LocalHost:18790"},
                                      {"authorization", "bEARER   " + kMainToken},
                                      {"x-claw-agent", "main"},
                                      {"x-claw-session", "agent:main:main"}});
  EXPECT_EQ(caller.agent, "main");
  EXPECT_EQ(caller.session, "agent:main:main");
  EXPECT_TRUE(refusals_.counts().empty());
}

TEST_F(AccessTest, WantsATokenThatIsRightToTheLastCharacter) {
  std::string last = kMainToken, first = kMainToken, upper = kJarvisToken;
  last.back() = 'n';
  first.front() = 'n';
  upper.front() = 'J';
  std::uint64_t count = 0;
  for (const std::string& wrong :
       {"Bearer " + last, "Bearer " + first, "Bearer " + upper, "Bearer " + kMainToken + "m",
        "Bearer " + kMainToken.substr(1), "Bearer " + kMainToken + kJarvisToken,
        "Bearer " + kMainToken + " " + kMainToken, "Bearer " + kMainToken + ",", "Bearer \"" + kMainToken + "\"",
        std::string("Bearer main"), std::string("Bearer "), std::string("Bearer"), std::string(), kMainToken,
        "Basic " + kMainToken, "Bearer" + kMainToken, "Bearer\t" + kMainToken, "Token " + kMainToken,
        "Bearer " + std::string(7000, 'm')}) {
    const Answer answer = refused(tcp_, {{"Host", "127.0.0.1:18790"}, {"Authorization", wrong}});
    EXPECT_EQ(answer.status, 401U) << wrong;
    EXPECT_THAT(answer.body, HasSubstr(R"("code":"forbidden")")) << wrong;
    EXPECT_EQ(refusals_.counts().at("api.refused_token"), ++count);
  }
  const Answer none = refused(tcp_, {{"Host", "127.0.0.1:18790"}});
  EXPECT_EQ(none.status, 401U);
  EXPECT_THAT(none.body, HasSubstr("there is no header Authorization"));
  EXPECT_THAT(reports_, HasSubstr("api.refused_token"));
  EXPECT_THAT(reports_, Not(HasSubstr("mmmm"))) << "what is nearly a token must not be logged either";
}

TEST_F(AccessTest, AnswersToItsOwnNamesOnly) {
  for (const std::string host : {"127.0.0.1:18790", "localhost:18790", "LOCALHOST:18790"}) {
    EXPECT_EQ(status_of_host(host), 200U) << host;
  }
  for (const std::string host :
       {"", "rebound.example:18790", "rebound.example", "127.0.0.1", "localhost", "127.0.0.1:18791", "127.0.0.1:1879",
        "127.0.0.1:80", "127.0.0.2:18790", "[::1]:18790", "localhost.:18790", "127.0.0.1:18790.example",
        "localhost.example:18790", "x@127.0.0.1:18790", "127.1:18790", "2130706433:18790", "127.0.0.1:018790"}) {
    EXPECT_EQ(status_of_host(host), 403U) << host;
  }
  EXPECT_EQ(refused(tcp_, {{"Authorization", "Bearer " + kMainToken}}).status, 403U);
  EXPECT_EQ(refusals_.counts().at("api.refused_host"), 18U);
  EXPECT_THAT(reports_, HasSubstr("rebound.example:18790"));
}

TEST_F(AccessOverIpv6, AnswersToItsOwnNamesOnly) {
  EXPECT_EQ(status_of_host("[::1]:18790"), 200U);
  EXPECT_EQ(status_of_host("localhost:18790"), 200U);
  for (const std::string host : {"::1:18790", "[::1]", "[::2]:18790", "127.0.0.1:18790", "[::1]:18791"}) {
    EXPECT_EQ(status_of_host(host), 403U) << host;
  }
  EXPECT_EQ(status_of_origin("http://[::1]:18790", "[::1]:18790"), 200U);
  EXPECT_EQ(status_of_origin("http://[::2]:18790", "[::1]:18790"), 403U);
}

TEST_F(AccessOnPort80, MayBeAskedWithoutThePort) {
  EXPECT_EQ(status_of_host("127.0.0.1"), 200U);
  EXPECT_EQ(status_of_host("localhost"), 200U);
  EXPECT_EQ(status_of_host("localhost:80"), 200U);
  EXPECT_EQ(status_of_host("rebound.example"), 403U);
}

TEST_F(AccessTest, RefusesPagesOfOtherSites) {
  EXPECT_EQ(status_of_origin("http://127.0.0.1:18790"), 200U);
  EXPECT_EQ(status_of_origin("http://localhost:18790", "localhost:18790"), 200U);
  for (const std::string origin : {"https://evil.example", "http://evil.example:18790", "null", "", "http://127.0.0.1",
                                   "http://127.0.0.1:18791", "https://127.0.0.1:18790", "http://localhost:18790",
                                   "http://127.0.0.1:18790.example", "http://127.0.0.1:18790/", "file://"}) {
    EXPECT_EQ(status_of_origin(origin), 403U) << origin;
  }
  EXPECT_EQ(refusals_.counts().at("api.refused_origin"), 11U);
}

TEST_F(AccessTest, TakesTheAgentFromTheTokenNotFromAHeader) {
  const auto ask = [&](const std::string& token, const std::string& agent) {
    return check(tcp_, {{"Host", "127.0.0.1:18790"}, {"Authorization", "Bearer " + token}, {"X-Claw-Agent", agent}});
  };
  for (const auto& [token, agent] :
       {std::pair(kMainToken, "jarvis"), {kMainToken, "_bridge"}, {kPersonToken, "main"}, {kMainToken, ""}}) {
    const auto verdict = ask(token, agent);
    ASSERT_TRUE(std::holds_alternative<Answer>(verdict)) << agent;
    EXPECT_EQ(std::get<Answer>(verdict).status, 403U);
  }
  EXPECT_TRUE(std::holds_alternative<Caller>(ask(kMainToken, "main")));
  EXPECT_EQ(refusals_.counts().at("api.refused_agent"), 4U);
}

TEST_F(AccessTest, RefusesAnothersSessionOnBothListeners) {
  for (const std::string session : {"agent:jarvis:main", "agent:main2:main", "agent:mai:main"}) {
    EXPECT_EQ(
        refused(tcp_,
                {{"Host", "127.0.0.1:18790"}, {"Authorization", "Bearer " + kMainToken}, {"X-Claw-Session", session}})
            .status,
        403U);
    EXPECT_EQ(refused(socket_, {{"X-Claw-Agent", "main"}, {"X-Claw-Session", session}}).status, 403U);
  }
  EXPECT_EQ(refused(socket_, {{"X-Claw-Session", "agent:main:main"}}).status, 400U) << "whose is it?";
  EXPECT_EQ(refused(tcp_, {{"Host", "127.0.0.1:18790"},
                           {"Authorization", "Bearer " + kPersonToken},
                           {"X-Claw-Session", "agent:main:main"}})
                .status,
            400U);
}

TEST_F(AccessTest, RefusesAFieldGivenTwice) {
  for (const auto& [name, value] : {std::pair("Host", std::string("127.0.0.1:18790")),
                                    {"Authorization", "Bearer " + kMainToken},
                                    {"X-Claw-Agent", "main"},
                                    {"X-Claw-Session", "agent:main:main"},
                                    {"Origin", "http://127.0.0.1:18790"}}) {
    Access::Header header;
    for (const auto& [each, right] :
         {std::pair("Host", std::string("127.0.0.1:18790")), {"Authorization", "Bearer " + kMainToken}}) {
      header.set(each, right);
    }
    header.set(name, value);
    ASSERT_TRUE(std::holds_alternative<Caller>(tcp_.check(header))) << name;
    header.insert(name, value);
    const auto verdict = tcp_.check(header);
    ASSERT_TRUE(std::holds_alternative<Answer>(verdict)) << name;
    EXPECT_EQ(std::get<Answer>(verdict).status, 400U);
    EXPECT_THAT(std::get<Answer>(verdict).body, HasSubstr(std::string("header ") + name + " is given more than once"));
    EXPECT_TRUE(std::holds_alternative<Answer>(socket_.check(header))) << name;
  }
}

TEST_F(AccessTest, BelievesTheSocketsCallers) {
  EXPECT_EQ(let_in(socket_, {}).agent, "_bridge");
  EXPECT_EQ(let_in(socket_, {{"Host", "anything"}, {"X-Claw-Agent", "jarvis"}}).agent, "jarvis");
  EXPECT_EQ(refused(socket_, {{"X-Claw-Agent", "imac/jarvis"}}).status, 400U);
}

}  // namespace
}  // namespace clawbridge::api
