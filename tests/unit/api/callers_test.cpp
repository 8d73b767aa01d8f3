// What whom is allowed on the socket: a person everything, an agent its own, another user of the machine nothing.
#include <gmock/gmock.h>
#include <grp.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "server_fixture.h"

namespace clawbridge::api {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kOther = "01KANYZ2Q6S7C0J5X4M3T8W9B2";
constexpr uid_t kNobody = 65534;

class CallersTest : public ServerTest {
 protected:
  CallersTest() {
    service_.status_view.gateway = "macbook";
    add(kId, "macbook/main", true);
    add(kOther, "macbook/_bridge", true);
  }
  void add(const char* id, const char* source, bool outgoing) {
    core::ExchangeView exchange = view("ok", "Hi");
    exchange.correlation_id = id;
    exchange.source = source;
    exchange.outgoing = outgoing;
    service_.exchange_views[id] = exchange;
  }
  Received get_as(const std::string& agent, const std::string& target) {
    return ask(get(target, "X-Claw-Agent: " + agent + "\r\n"));
  }

  /// What a process of that user gets when it asks for /healthz: the HTTP status, or minus the errno of connecting.
  int ask_as(uid_t user) {
    std::array<int, 2> pipe{};
    if (::pipe(pipe.data()) != 0) throw std::runtime_error("no pipe");
    const pid_t child = fork();
    if (child == 0) {
      const int got = child_asks(user);
      _exit(write(pipe[1], &got, sizeof got) == sizeof got ? 0 : 1);
    }
    close(pipe[1]);
    asio::posix::stream_descriptor result(io_, pipe[0]);
    int got = 0;
    bool told = false;
    asio::async_read(result, asio::buffer(&got, sizeof got), [&](boost::system::error_code failure, std::size_t) {
      EXPECT_FALSE(failure) << "the child said nothing";
      told = true;
    });
    run_until([&] { return told; });
    waitpid(child, nullptr, 0);
    return got;
  }

 private:
  /// After fork(): system calls only. The socket is named from within its folder, because above it no other user may
  /// have a way.
  int child_asks(uid_t user) const {
    if (chdir(directory_.path(".").c_str()) != 0) return -errno;
    if (user != geteuid() && (setgroups(0, nullptr) != 0 || setgid(user) != 0 || setuid(user) != 0)) return -errno;
    const int file = socket(AF_UNIX, SOCK_STREAM, 0);
    const asio::local::stream_protocol::endpoint endpoint("a.sock");
    if (connect(file, endpoint.data(), static_cast<socklen_t>(endpoint.size())) != 0) return -errno;
    constexpr std::string_view kRequest = "GET /healthz HTTP/1.1\r\n\r\n";
    if (write(file, kRequest.data(), kRequest.size()) < 0) return -errno;
    std::array<char, 12> head{};  // HTTP/1.1 200
    for (std::size_t have = 0; have < head.size();) {
      const ssize_t got = read(file, head.data() + have, head.size() - have);
      if (got <= 0) return -EPIPE;
      have += static_cast<std::size_t>(got);
    }
    return (head[9] - '0') * 100 + (head[10] - '0') * 10 + (head[11] - '0');
  }
};

TEST_F(CallersTest, AnAgentSeesTheExchangesItBegan) {
  const std::string own = std::string("/v1/exchanges/") + kId;
  const std::string other = std::string("/v1/exchanges/") + kOther;
  EXPECT_EQ(get_as("main", own).parsed()["reply"], "Hi");
  const Received refused = get_as("main", other);
  EXPECT_EQ(refused.status, 404);
  service_.exchange_views.erase(kOther);
  EXPECT_EQ(get_as("main", other).body, refused.body) << "it must not tell that there is one";
  EXPECT_EQ(get_as("mai", own).status, 404);
  EXPECT_EQ(get_as("main2", own).status, 404);
  EXPECT_EQ(get_as("_bridge", own).status, 200);
  EXPECT_EQ(ask(get(own)).status, 200);
}

TEST_F(CallersTest, AnAgentWaitsForItsOwnExchangesOnly) {
  service_.on_wait = [this](ScriptedService::Wait& wait) {
    asio::post(io_, [done = wait.done] { done(view("ok", "Hi")); });
  };
  EXPECT_EQ(get_as("main", std::string("/v1/exchanges/") + kOther + "?wait=1").status, 404);
  EXPECT_TRUE(service_.waits.empty());
  EXPECT_EQ(get_as("main", std::string("/v1/exchanges/") + kId + "?wait=1").status, 200);
}

TEST_F(CallersTest, AnAgentsListHasItsOwnExchanges) {
  add("01KANYZ2Q6S7C0J5X4M3T8W9B3", "macbook/main", false);  // a local run's other side
  add("01KANYZ2Q6S7C0J5X4M3T8W9B4", "imac/main", false);     // another gateway's agent of the same name
  add("01KANYZ2Q6S7C0J5X4M3T8W9B0", "macbook/main", true);
  const auto ids = [](const Received& answer) {
    std::vector<std::string> found;
    const json parsed = answer.parsed();
    for (const auto& exchange : parsed["exchanges"]) found.push_back(exchange["correlationId"]);
    return found;
  };
  EXPECT_THAT(ids(get_as("main", "/v1/exchanges")), ElementsAre(kId, "01KANYZ2Q6S7C0J5X4M3T8W9B0"));
  EXPECT_THAT(ids(get_as("main", "/v1/exchanges?limit=1")), ElementsAre(kId));
  EXPECT_THAT(ids(get_as("jarvis", "/v1/exchanges")), ElementsAre());
  EXPECT_EQ(ids(ask(get("/v1/exchanges"))).size(), 5U);
}

TEST_F(CallersTest, AnAgentHasNoneOfTheOperatorsThings) {
  service_.on_trust = [this](ScriptedService::Trust& trust) {
    asio::post(io_, [done = trust.done] { done(core::PeerView{}); });
  };
  const Received refused =
      ask(post("/v1/peers/imac/trust", R"({"fingerprint":"4f0c4f0c4f0c4f0c"})", "X-Claw-Agent: main\r\n"));
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(refused.parsed()["error"]["code"], "forbidden");
  EXPECT_THAT(refused.parsed()["error"]["message"], HasSubstr("is for the operator, not for the agent main"));
  EXPECT_TRUE(service_.trusts.empty());
  EXPECT_EQ(get_as("main", "/v1/peers").status, 403);
  for (const std::string path : {"/v1/agents", "/v1/status", "/healthz"}) EXPECT_EQ(get_as("main", path).status, 200);
}

TEST_F(CallersTest, SessionsAreCheckedForEveryRequest) {
  EXPECT_EQ(ask(get("/v1/agents", "X-Claw-Agent: main\r\nX-Claw-Session: agent:jarvis:main\r\n")).status, 403);
  EXPECT_EQ(ask(get("/v1/agents", "X-Claw-Agent: main\r\nX-Claw-Session: agent:main:\x01\r\n")).status, 400);
  EXPECT_EQ(ask(get("/v1/agents", "X-Claw-Agent: main\r\nX-Claw-Session: agent:main:\t.\r\n")).status, 400);
  EXPECT_EQ(ask(get("/v1/agents", "X-Claw-Agent: ma\x02in\r\n")).status, 400);
  EXPECT_EQ(ask(get("/v1/agents", "X-Claw-Agent: " + std::string(65, 'a') + "\r\n")).status, 400);
  EXPECT_EQ(ask(get("/v1/agents", "X-Claw-Agent: main\r\nX-Claw-Session: agent:main:main\r\n")).status, 200);
}

TEST_F(CallersTest, TheOwnUserComesIn) {
  start();
  EXPECT_EQ(ask_as(geteuid()), 200);
  EXPECT_EQ(reports_, "");
}

// Only root can be somebody else for once. Any other user asks as itself, which must be answered.
TEST_F(CallersTest, AnotherUserStaysOutside) {
  start();
  const bool root = geteuid() == 0;
  const uid_t user = root ? kNobody : geteuid();
  std::filesystem::permissions(directory_.path("."), std::filesystem::perms(0711));
  EXPECT_EQ(ask_as(user), root ? -EACCES : 200) << "the socket's mode is the first door";
  std::filesystem::permissions(settings_.socket_path, std::filesystem::perms(0666));
  EXPECT_EQ(ask_as(user), root ? 403 : 200) << "the kernel's word for who it is the second";
  EXPECT_EQ(ask(get("/v1/status")).parsed()["counters"].value("api.refused_user", 0), root ? 1 : 0);
  EXPECT_EQ(reports_.find("the user 65534 is neither") != std::string::npos, root);
}

}  // namespace
}  // namespace clawbridge::api
