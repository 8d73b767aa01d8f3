// The server as callers on TCP meet it: real connections over loopback.
#include <gmock/gmock.h>

#include "server_fixture.h"

namespace clawbridge::api {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

const std::string kMain(32, 'm');
const std::string kJarvis(32, 'j');
const std::string kPerson(32, 'p');
const std::string kWatcher(32, 'w');

std::string bearer(const std::string& token) {
  return "Authorization: Bearer " + token + "\r\n";
}

class TcpTest : public ServerTest {
 protected:
  TcpTest() {
    settings_.tcp.emplace();
    settings_.tcp->address = "127.0.0.1";
    for (const auto& [agent, token] : {std::pair("main", kMain), {"jarvis", kJarvis}, {"_bridge", kPerson}, {"_watch", kWatcher}}) {
      settings_.tcp->tokens.push_back({agent, cryptography_.sha256(token)});
    }
    service_.status_view.gateway = "macbook";
    peer_.gateway = "imac";
  }

  asio::ip::tcp::endpoint endpoint() const {
    return {asio::ip::make_address(settings_.tcp->address), server_->tcp_port()};
  }
  /// The request line and its own Host, as a client of the server's address sends them.
  std::string begin(const std::string& line) {
    if (!server_) start();
    const bool v6 = endpoint().address().is_v6();
    return line + " HTTP/1.1\r\nHost: " + (v6 ? "[::1]" : "127.0.0.1") + ":" + std::to_string(server_->tcp_port()) +
           "\r\n";
  }
  std::string get(const std::string& target, const std::string& headers) {
    return begin("GET " + target) + headers + "\r\n";
  }
  std::string post(const std::string& target, const std::string& body, const std::string& headers) {
    return begin("POST " + target) + headers + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  }
  Received ask_tcp(const std::string& request) {
    TestCaller caller(io_, endpoint());
    caller.send(request);
    run_until([&] { return !caller.answers.empty(); });
    return caller.answers.empty() ? Received{} : caller.answers.front();
  }
  int status(const std::string& request) { return ask_tcp(request).status; }
  json counters() { return ask_tcp(get("/v1/status", bearer(kPerson))).parsed()["counters"]; }

  core::PeerView peer_;
};

class TcpTestOverIpv6 : public TcpTest {
 protected:
  TcpTestOverIpv6() { settings_.tcp->address = "::1"; }
};

TEST_F(TcpTest, AnswersTheOwnerOfAToken) {
  echo();
  const Received answer = ask_tcp(post("/v1/tools/sessions_send", R"({"message":"hi","agentId":"imac/jarvis"})",
                                       bearer(kMain) + "X-Claw-Session: agent:main:main\r\n"));
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.parsed()["reply"], "echo: hi");
  ASSERT_EQ(service_.sends.size(), 1U);
  EXPECT_EQ(service_.sends[0].event.caller_agent, "main");
  EXPECT_EQ(service_.sends[0].event.caller_session, "agent:main:main");
  EXPECT_EQ(ask_tcp(get("/healthz", bearer(kJarvis))).parsed()["status"], "live");
}

TEST_F(TcpTestOverIpv6, AnswersTheOwnerOfAToken) {
  EXPECT_EQ(status(get("/v1/status", bearer(kMain))), 200);
  EXPECT_EQ(status(get("/v1/status", "")), 401);
  EXPECT_EQ(status("GET /v1/status HTTP/1.1\r\nHost: 127.0.0.1\r\n" + bearer(kMain) + "\r\n"), 403);
}

TEST_F(TcpTest, CarriesAMegabyteBothWays) {
  echo();
  const std::string text(std::size_t{1} << 20, 'x');
  const Received answer = ask_tcp(post("/v1/tools/sessions_send", json{{"message", text}}.dump(), bearer(kMain)));
  EXPECT_EQ(answer.parsed()["reply"], "echo: " + text);
}

TEST_F(TcpTest, WantsATokenForEverything) {
  echo();  // what gets through is answered
  for (const std::string path :
       {"/healthz", "/readyz", "/v1/status", "/v1/agents", "/v1/exchanges", "/v1/peers", "/metrics", "/x"}) {
    const Received answer = ask_tcp(get(path, ""));
    EXPECT_EQ(answer.status, 401) << path;
    EXPECT_THAT(answer.head, AllOf(HasSubstr("\r\nWWW-Authenticate: Bearer realm=\"clawbridge\"\r\n"),
                                   HasSubstr("\r\nConnection: close\r\n")));
    EXPECT_EQ(answer.parsed()["error"]["code"], "forbidden");
  }
  std::string almost = kMain;
  almost.back() = 'n';
  EXPECT_EQ(status(post("/v1/tools/sessions_send", R"({"message":"hi"})", bearer(almost))), 401);
  EXPECT_TRUE(service_.sends.empty());
  EXPECT_EQ(counters()["api.refused_token"], 9);
  EXPECT_THAT(reports_, Not(HasSubstr("mmmm")));
  EXPECT_THAT(ask(api::get("/healthz")).head, Not(HasSubstr("WWW-Authenticate"))) << "the socket goes on without";
}

TEST_F(TcpTest, WantsATokenWithEachRequestOfAConnection) {
  start();
  TestCaller caller(io_, endpoint());
  caller.send(get("/healthz", bearer(kMain)) + get("/healthz", "") + get("/healthz", bearer(kMain)));
  run_until([&] { return caller.ended; });
  ASSERT_EQ(caller.answers.size(), 2U);
  EXPECT_EQ(caller.answers[0].status, 200);
  EXPECT_EQ(caller.answers[1].status, 401);
}

TEST_F(TcpTest, RefusesBeforeItTakesTheBody) {
  start();
  TestCaller caller(io_, endpoint());
  caller.send(begin("POST /v1/tools/sessions_send") + "Expect: 100-continue\r\nContent-Length: 3000000\r\n\r\n");
  run_until([&] { return caller.ended; });
  ASSERT_EQ(caller.answers.size(), 1U);
  EXPECT_EQ(caller.answers[0].status, 401);
}

TEST_F(TcpTest, RefusesNamesThatArePointedAtIt) {
  start();
  const std::string port = std::to_string(server_->tcp_port());
  EXPECT_EQ(status("GET /v1/status HTTP/1.1\r\nHost: rebound.example:" + port + "\r\n" + bearer(kPerson) + "\r\n"),
            403);
  EXPECT_EQ(status("GET /healthz HTTP/1.1\r\nHost: rebound.example:" + port + "\r\n\r\n"), 403);
  EXPECT_EQ(status("GET /v1/status HTTP/1.1\r\n" + bearer(kPerson) + "\r\n"), 403);
  EXPECT_EQ(status("GET /v1/status HTTP/1.1\r\nHost: localhost:" + port + "\r\n" + bearer(kPerson) + "\r\n"), 200);
  EXPECT_EQ(status("GET http://rebound.example/v1/status HTTP/1.1\r\nHost: localhost:" + port + "\r\n" +
                   bearer(kPerson) + "\r\n"),
            404);
  EXPECT_EQ(counters()["api.refused_host"], 3);
}

TEST_F(TcpTest, RefusesPagesOfOtherSites) {
  echo();  // what gets through is answered
  const std::string body = R"({"message":"hi"})";
  const std::string evil = "Origin: https://evil.example\r\n";
  EXPECT_EQ(status(post("/v1/tools/sessions_send", body, evil)), 403);
  EXPECT_EQ(status(post("/v1/tools/sessions_send", body, evil + bearer(kMain))), 403);
  const Received preflight =
      ask_tcp(begin("OPTIONS /v1/tools/sessions_send") + evil + "Access-Control-Request-Method: POST\r\n\r\n");
  EXPECT_EQ(preflight.status, 403);
  EXPECT_THAT(preflight.head, Not(HasSubstr("Access-Control")));
  EXPECT_TRUE(service_.sends.empty());
  EXPECT_EQ(counters()["api.refused_origin"], 3);
  EXPECT_EQ(status(get("/v1/status",
                       "Origin: http://127.0.0.1:" + std::to_string(server_->tcp_port()) + "\r\n" + bearer(kMain))),
            200);
}

TEST_F(TcpTest, LetsNobodySpeakForAnother) {
  echo();  // what gets through is answered
  const std::string send = R"({"message":"hi"})";
  const auto try_as = [&](const std::string& headers) {
    return status(post("/v1/tools/sessions_send", send, bearer(kMain) + headers));
  };
  EXPECT_EQ(try_as("X-Claw-Agent: jarvis\r\n"), 403);
  EXPECT_EQ(try_as("X-Claw-Agent: _bridge\r\n"), 403);
  EXPECT_EQ(try_as("X-Claw-Session: agent:jarvis:main\r\n"), 403);
  EXPECT_EQ(try_as("X-Claw-Agent: main\r\nX-Claw-Agent: jarvis\r\n"), 400);
  EXPECT_EQ(try_as("X-Claw-Session: agent:main:a\x01z\r\n"), 400);
  EXPECT_EQ(try_as("X-Claw-Session: agent:main:a\x7fz\r\n"), 400);
  EXPECT_EQ(try_as("X-Claw-Session: agent:main:a\tz\r\n"), 400);
  EXPECT_EQ(try_as("X-Claw-Session: agent:main:a\xc2\x85z\r\n"), 400);
  EXPECT_EQ(try_as("X-Claw-Session: agent:main:" + std::string(2000, 'x') + "\r\n"), 400);
  EXPECT_TRUE(service_.sends.empty());
}

TEST_F(TcpTest, KeepsTheOperatorsThingsForTheOperator) {
  service_.on_trust = [this](ScriptedService::Trust& trust) {
    asio::post(io_, [done = trust.done, peer = peer_] { done(peer); });
  };
  const std::string fingerprint = R"({"fingerprint":"4f0c4f0c4f0c4f0c4f0c4f0c4f0c4f0c"})";
  EXPECT_EQ(status(post("/v1/peers/imac/trust", fingerprint, bearer(kMain))), 403);
  EXPECT_EQ(status(get("/v1/peers", bearer(kMain))), 403);
  EXPECT_TRUE(service_.trusts.empty());
  EXPECT_EQ(status(post("/v1/peers/imac/trust", fingerprint, bearer(kPerson))), 200);
  EXPECT_EQ(status(get("/v1/peers", bearer(kPerson))), 200);
}

TEST_F(TcpTest, LetsAWatcherSeeAllAndChangeNothing) {
  echo();  // what gets through is answered
  core::ExchangeView exchange = view("ok", "Hi");
  exchange.source = "macbook/main";
  service_.exchange_views[kId] = exchange;
  service_.dead_views.push_back(exchange);
  const std::string one = std::string("/v1/exchanges/") + kId;
  for (const std::string& target : {std::string("/v1/status"), std::string("/v1/agents"), std::string("/v1/peers"), std::string("/v1/exchanges"), one, std::string("/v1/dead"), std::string("/healthz")}) {
    EXPECT_EQ(status(get(target, bearer(kWatcher))), 200) << target;
  }
  EXPECT_EQ(ask_tcp(get(one, bearer(kWatcher))).parsed()["reply"], "Hi");
  EXPECT_EQ(ask_tcp(get("/v1/exchanges", bearer(kWatcher))).parsed()["exchanges"].size(), 1U);
  for (const std::string& target : {std::string("/v1/tools/sessions_send"), std::string("/v1/tools/status"), one + "/cancel", std::string("/mcp"), std::string("/v1/dead/") + kId + "/replay",
                                    std::string("/v1/dead/") + kId + "/drop", std::string("/v1/peers/imac/trust"), std::string("/v1/peers/imac/revoke")}) {
    EXPECT_EQ(status(post(target, R"({"message":"hi"})", bearer(kWatcher))), 403) << target;
  }
  EXPECT_TRUE(service_.sends.empty());
  EXPECT_TRUE(service_.stops.empty());
  EXPECT_TRUE(service_.replays.empty());
  EXPECT_TRUE(service_.drops.empty());
  EXPECT_TRUE(service_.trusts.empty());
  EXPECT_TRUE(service_.revokes.empty());
}

TEST_F(TcpTest, TellsACallerWhoItIs) {
  const auto who = [&](const std::string& token) { return ask_tcp(get("/v1/caller", bearer(token))).body; };
  EXPECT_EQ(who(kPerson), R"({"caller":"_bridge","seesAll":true,"mayOperate":true})");
  EXPECT_EQ(who(kWatcher), R"({"caller":"_watch","seesAll":true,"mayOperate":false})");
  EXPECT_EQ(who(kMain), R"({"caller":"main","seesAll":false,"mayOperate":false})");
}

TEST_F(TcpTest, GivesThePageToAnybodyAndNothingElse) {
  echo();
  const Received page = ask_tcp(get("/", ""));
  EXPECT_EQ(page.status, 200);
  EXPECT_THAT(page.head, AllOf(HasSubstr("\r\nContent-Type: text/html; charset=utf-8\r\n"), HasSubstr("\r\nContent-Security-Policy: default-src 'none'"),
                               HasSubstr("\r\nConnection: close\r\n")))
      << "a stranger keeps no connection";
  EXPECT_EQ(status(get("/page/app.js", "")), 200);
  EXPECT_EQ(status(get("/page/none.js", "")), 401);
  EXPECT_EQ(status(post("/", "{}", "")), 401);
  EXPECT_EQ(status(get("/", "Origin: https://evil.example\r\n")), 403);
  EXPECT_EQ(status("GET / HTTP/1.1\r\nHost: rebound.example\r\n\r\n"), 403);
}

TEST_F(TcpTest, ShowsAnAgentItsOwnExchanges) {
  core::ExchangeView exchange = view("ok", "Hi");
  exchange.source = "macbook/main";
  service_.exchange_views[kId] = exchange;
  const std::string target = std::string("/v1/exchanges/") + kId;
  EXPECT_EQ(ask_tcp(get(target, bearer(kMain))).parsed()["reply"], "Hi");
  EXPECT_EQ(ask_tcp(get(target, bearer(kPerson))).parsed()["reply"], "Hi");
  EXPECT_EQ(status(get(target, bearer(kJarvis))), 404);
}

TEST_F(TcpTest, LeavesConnectionsForTheSocket) {
  settings_.tcp->connections_max = 1;
  settings_.connections_max = 2;
  start();
  TestCaller first(io_, endpoint());
  first.send(get("/healthz", bearer(kMain)));
  run_until([&] { return first.answers.size() == 1; });
  TestCaller second(io_, endpoint());
  run_until([&] { return second.ended; });
  ASSERT_EQ(second.answers.size(), 1U);
  EXPECT_EQ(second.answers[0].status, 429);

  TestCaller local(io_, settings_.socket_path);
  local.send(api::get("/healthz"));
  run_until([&] { return local.answers.size() == 1; });
  EXPECT_EQ(local.answers[0].status, 200);
  TestCaller another(io_, settings_.socket_path);
  run_until([&] { return another.ended; });
  ASSERT_EQ(another.answers.size(), 1U);
  EXPECT_EQ(another.answers[0].status, 429) << "the limit is for both together";

  first.hang_up();
  run_until([&] { return server_->connections() == 1; });
  EXPECT_EQ(status(get("/healthz", bearer(kMain))), 200);
}

TEST_F(TcpTest, ClosesConnectionsThatSayNothing) {
  settings_.connection.idle_max = 1h;
  settings_.connection.pause_max = 20ms;
  start();
  TestCaller silent(io_, endpoint());
  run_until([&] { return silent.ended; });
  EXPECT_TRUE(silent.answers.empty());
}

TEST_F(TcpTest, ClosesConnectionsWhoseHeaderNeverEnds) {
  settings_.connection.pause_max = 200ms;
  start();
  TestCaller caller(io_, endpoint());
  const std::string request = begin("GET /healthz") + "X-Long: " + std::string(7'000, 'x');
  asio::steady_timer timer(io_);
  std::size_t sent = 0;
  const std::function<void()> drip = [&] {  // a byte each millisecond: never a pause, and eight seconds in all
    if (sent == request.size()) return;
    caller.send(std::string(1, request[sent++]));
    timer.expires_after(1ms);
    timer.async_wait([&](boost::system::error_code cancelled) {
      if (!cancelled && !caller.ended) drip();
    });
  };
  drip();
  run_until([&] { return caller.ended; });
  EXPECT_LT(sent, request.size());
  EXPECT_TRUE(caller.answers.empty());
}

TEST_F(TcpTest, SaysWhyItCannotListen) {
  const auto reason = [this](const std::string& address, std::uint16_t port) -> std::string {
    Settings settings = settings_;
    settings.socket_path = directory_.path("b.sock");
    settings.tcp->address = address;
    settings.tcp->port = port;
    Server server(io_, settings, service_, host_, cryptography_, {});
    try {
      server.start();
    } catch (const std::runtime_error& failure) {
      return failure.what();
    }
    return {};
  };
  start();
  EXPECT_THAT(reason("127.0.0.1", server_->tcp_port()),
              AllOf(HasSubstr("cannot listen on TCP port"), HasSubstr("in use")));
  EXPECT_THAT(reason("0.0.0.0", 0), HasSubstr("cannot listen on TCP port 0 of 0.0.0.0"));
  EXPECT_THAT(reason("::", 0), HasSubstr("cannot listen"));
  EXPECT_EQ(reason("127.0.0.1", 0), "");
}

TEST_F(TcpTest, ListensOnlyWhenAsked) {
  settings_.tcp.reset();
  start();
  EXPECT_EQ(server_->tcp_port(), 0);
}

TEST_F(TcpTest, StopsBothListeners) {
  start();
  const auto was = endpoint();
  TestCaller idle(io_, was);
  TestCaller busy(io_, was);
  busy.send(post("/v1/tools/sessions_send", R"({"message":"hi"})", bearer(kMain)));
  run_until([&] { return service_.sends.size() == 1; });
  bool stopped = false;
  server_->stop(1h, [&] { stopped = true; });
  EXPECT_THROW(TestCaller(io_, was), boost::system::system_error);
  run_until([&] { return idle.ended; });
  EXPECT_FALSE(stopped);
  service_.sends[0].done(view("ok", "1"));
  run_until([&] { return busy.ended; });
  busy.hang_up();
  run_until([&] { return stopped; });
  EXPECT_EQ(busy.answers.size(), 1U);
}

}  // namespace
}  // namespace clawbridge::api
