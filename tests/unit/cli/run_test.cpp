// The whole command line against the real server, with a service that the test plays on a thread of its own.
#include "bridge/cli/run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "bridge/api/server.h"
#include "bridge/cli/command_line.h"
#include "bridge/cli/mcp_relay.h"
#include "bridge/cli/reference.h"
#include "bridge/crypto/system_cryptography.h"
#include "test_environment.h"
#include "tests/unit/api/scripted_host.h"
#include "tests/unit/api/scripted_service.h"
#include "tests/unit/api/temporary_directory.h"

namespace clawbridge::cli {
namespace {

using nlohmann::json;
using testing::HasSubstr;

constexpr const char* kId = "01KANYZ2Q6S7C0J5X4M3T8W9B1";

core::ExchangeView view(const std::string& status) {
  core::ExchangeView result;
  result.correlation_id = kId;
  result.status = status;
  result.gateway = "imac";
  result.agent = "jarvis";
  result.stage = status == "accepted" ? "published" : "ended";
  return result;
}

/// A daemon whose service is played by the test. Prepare `service` before start(), look at it after stop().
class TestDaemon {
 public:
  explicit TestDaemon(const std::string& socket) : server_(io_, settings(socket), service, host, cryptography_, [](const core::action::Note&) {}) {}
  ~TestDaemon() { stop(); }

  void start() {
    server_.start();
    thread_ = std::thread([this] { io_.run(); });
  }
  void stop() {
    io_.stop();
    if (thread_.joinable()) thread_.join();
  }
  /// Answers every send later, as the runtime does.
  void answer_sends(core::SendResult result) {
    service.on_send = [this, result](api::ScriptedService::Send& send) {
      asio::post(io_, [done = send.done, result] { done(result); });
    };
  }
  /// Each progress, then the result.
  void stream_sends(std::vector<std::string> progress, core::SendResult result) {
    service.on_send = [this, progress = std::move(progress), result](api::ScriptedService::Send& send) {
      asio::post(io_, [done = send.done, tell = send.progress, progress, result] {
        for (const auto& text : progress) tell(text);
        done(result);
      });
    };
  }
  void answer_spawns(core::SendResult result) {
    service.on_spawn = [this, result](api::ScriptedService::Spawn& spawn) {
      asio::post(io_, [done = spawn.done, result] { done(result); });
    };
  }
  void answer_waits(core::SendResult result) {
    service.on_wait = [this, result](api::ScriptedService::Wait& wait) {
      asio::post(io_, [done = wait.done, result] { done(result); });
    };
  }
  void answer_asks(core::AskResult result) {
    service.on_ask = [this, result](api::ScriptedService::Ask& ask) {
      asio::post(io_, [done = ask.done, result] { done(result); });
    };
  }
  void answer_trusts(core::TrustResult result) {
    service.on_trust = [this, result](api::ScriptedService::Trust& trust) {
      asio::post(io_, [done = trust.done, result] { done(result); });
    };
  }

  /// Tells whoever watches as soon as somebody does.
  void tell_watchers(std::vector<core::action::Note> notes) {
    service.on_watch = [this, notes = std::move(notes)] {
      asio::post(io_, [this, notes] {
        for (const auto& note : notes) service.tell(note);
      });
    };
  }
  void answer_reloads(core::ReloadResult result) {
    host.on_reload = [this, result](const auto& done) { asio::post(io_, [done, result] { done(result); }); };
  }

  api::ScriptedService service;
  api::ScriptedHost host;

 private:
  static api::Settings settings(const std::string& socket) {
    api::Settings result;
    result.socket_path = socket;
    return result;
  }

  asio::io_context io_;
  crypto::SystemCryptography cryptography_;
  api::Server server_;
  std::thread thread_;
};

class RunTest : public testing::Test {
 protected:
  int run(std::vector<const char*> words, const std::string& input = {}, bool terminal = true) {
    std::istringstream in(input);
    std::ostringstream out, err;
    Hooks hooks;
    hooks.version = "1.2.3";
    hooks.run_daemon = [this](const config::Settings& settings, const Reread& reread) {
      ran_with_ = settings.api.socket;
      watched_ = reread.file;
      EXPECT_EQ(reread.load().api.socket, settings.api.socket);
      return 7;
    };
    hooks.environment = machine_.environment();
    hooks.in = &in;
    hooks.out = &out;
    hooks.err = &err;
    hooks.in_is_terminal = terminal;
    hooks.out_is_terminal = out_is_terminal_;
    hooks.now = [] { return *parse_time("2026-11-22T16:20:01.123Z"); };
    words.insert(words.begin(), "clawbridge");
    const int exit_code = cli::run(static_cast<int>(words.size()), words.data(), hooks);
    out_ = out.str();
    err_ = err.str();
    return exit_code;
  }

  api::TemporaryDirectory directory_;
  const std::string socket_ = directory_.path("a.sock");
  TestMachine machine_{.variables = {{"CLAWBRIDGE_API_SOCKET", socket_}}, .files = {}};
  TestDaemon daemon_{socket_};
  bool out_is_terminal_ = false;
  std::string out_;
  std::string err_;
  std::string ran_with_;
  std::string watched_;
};

TEST_F(RunTest, SendPrintsTheReplyByteForByte) {
  auto exchange = view("ok");
  exchange.reply = std::string("line\r\n \0 \xc3\xbc\n", 12);
  daemon_.answer_sends(exchange);
  daemon_.start();
  const std::string text("a \0 text\n", 9);
  EXPECT_EQ(run({"send", "imac/jarvis", "--as", "main"}, text, false), 0);
  EXPECT_EQ(out_, *exchange.reply + "\n");
  EXPECT_EQ(err_, "");
  daemon_.stop();
  ASSERT_EQ(daemon_.service.sends.size(), 1U);
  const auto& event = daemon_.service.sends[0].event;
  EXPECT_EQ(event.message, text);
  EXPECT_EQ(event.gateway, "imac");
  EXPECT_EQ(event.agent, "jarvis");
  EXPECT_EQ(event.caller_agent, "main");
  EXPECT_EQ(event.wait, std::chrono::seconds(30));
}

TEST_F(RunTest, SendPrintsOneJsonObject) {
  auto exchange = view("ok");
  exchange.reply = "Hi";
  daemon_.answer_sends(exchange);
  daemon_.start();
  EXPECT_EQ(run({"send", "imac/jarvis", "hi", "--json"}), 0);
  EXPECT_EQ(json::parse(out_)["reply"], "Hi");
  EXPECT_EQ(run({"--json", "send", "imac/jarvis", "hi"}), 0);
  EXPECT_EQ(json::parse(out_)["reply"], "Hi");
}

TEST_F(RunTest, SendTakesATextThatLooksLikeAnOption) {
  auto exchange = view("ok");
  exchange.reply = "Hi";
  daemon_.answer_sends(exchange);
  daemon_.start();
  EXPECT_EQ(run({"send", "imac/jarvis", "--", "--json"}), 0);
  EXPECT_EQ(out_, "Hi\n");
  daemon_.stop();
  EXPECT_EQ(daemon_.service.sends[0].event.message, "--json");
}

TEST_F(RunTest, SendShowsTheReplyWhileItIsWritten) {
  auto exchange = view("ok");
  exchange.reply = "Hello there";
  daemon_.stream_sends({"Hel", "Hello", "Hello\x1b there"}, exchange);
  daemon_.start();
  EXPECT_EQ(run({"send", "imac/jarvis", "hi", "--stream"}), 0);
  EXPECT_EQ(out_, "Hello there\n") << "the reply alone, for who reads it from a pipe";
  EXPECT_EQ(err_, "Hello? there\n");
  EXPECT_EQ(run({"send", "imac/jarvis", "hi", "--stream", "--json"}), 0);
  EXPECT_EQ(json::parse(out_)["reply"], "Hello there");
  daemon_.stop();
  EXPECT_TRUE(daemon_.service.sends[0].event.progress);
}

TEST_F(RunTest, SendLetsTheReplyGrowAtATerminal) {
  auto exchange = view("ok");
  exchange.reply = "Hello there";
  daemon_.stream_sends({"Hel", "Hello"}, exchange);
  daemon_.start();
  out_is_terminal_ = true;
  EXPECT_EQ(run({"send", "imac/jarvis", "hi", "--stream"}), 0);
  EXPECT_EQ(out_, "Hello there\n");
  EXPECT_EQ(err_, "");
}

TEST_F(RunTest, SendBeginsAnewWhenTheReplyIsAnotherThanItSeemed) {
  auto exchange = view("ok");
  exchange.reply = "Done.";
  daemon_.stream_sends({"Let me see"}, exchange);
  daemon_.start();
  out_is_terminal_ = true;
  EXPECT_EQ(run({"send", "imac/jarvis", "hi", "--stream"}), 0);
  EXPECT_EQ(out_, "Let me see\nDone.\n");
}

TEST_F(RunTest, AStreamTellsWhyItWasRefused) {
  daemon_.answer_sends(Error{ErrorCode::Ambiguous, "jarvis is on imac and studio", false});
  daemon_.start();
  EXPECT_EQ(run({"send", "jarvis", "hi", "--stream"}), 3);
  EXPECT_EQ(err_, "clawbridge: jarvis is on imac and studio\n");
  EXPECT_EQ(run({"send", "imac/jarvis", "hi", "--stream", "--as", "agent:main:main", "--late-reply", "later"}), 2);
}

TEST_F(RunTest, SendCarriesFilesBothWays) {
  auto exchange = view("ok");
  exchange.reply = "Hi";
  const std::string digest = "8f434346648f6b96df89dda901c5176b10a6d83961dd3c1ac88b59b2dc327aa4";
  exchange.attachments = {{"../../a.txt", "text/plain", "aGk=", digest}, {"a.txt", "", "aGk=", digest}};
  daemon_.answer_sends(exchange);
  daemon_.start();
  const std::string file = directory_.path("in.png"), folder = directory_.path("saved");
  std::ofstream(file, std::ios::binary) << std::string("\0\xff", 2);
  EXPECT_EQ(run({"send", "imac/jarvis", "hi", "--attach", file.c_str(), "--attach", file.c_str(), "--save-attachments", folder.c_str()}), 0);
  EXPECT_EQ(out_, "Hi\n");
  EXPECT_EQ(err_, "clawbridge: saved " + folder + "/a.txt\nclawbridge: saved " + folder + "/a-2.txt\n");
  std::ifstream saved(folder + "/a-2.txt");
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(saved), {}), "hi");
  EXPECT_EQ(run({"send", "imac/jarvis", "hi"}), 0);
  EXPECT_THAT(err_, HasSubstr("--save-attachments"));
  EXPECT_EQ(run({"send", "imac/jarvis", "hi", "--attach", "/nonexistent"}), 1);
  EXPECT_THAT(err_, HasSubstr("cannot read the file \"/nonexistent\": No such file"));
  EXPECT_EQ(run({"send", "imac/jarvis", "hi", "--attach", directory_.path("").c_str()}), 1);
  EXPECT_THAT(err_, HasSubstr("Is a directory"));
  EXPECT_EQ(run({"send", "imac/jarvis", "hi", "--attach", "/dev/zero"}), 3);
  EXPECT_THAT(err_, HasSubstr("cannot send the file \"/dev/zero\": it has more than 67108864 bytes"));
  daemon_.stop();
  ASSERT_EQ(daemon_.service.sends[0].event.attachments.size(), 2U);
  const auto& sent = daemon_.service.sends[0].event.attachments[0];
  EXPECT_EQ(sent.name, "in.png");
  EXPECT_EQ(sent.mime_type, "image/png");
  EXPECT_EQ(sent.content, "AP8=");
}

TEST_F(RunTest, FilesThatAreNotWhatTheyClaimAreNotSaved) {
  auto exchange = view("ok");
  exchange.attachments = {{"a.txt", "", "aGk=", std::string(64, '0')}};
  daemon_.answer_sends(exchange);
  daemon_.start();
  const std::string folder = directory_.path("saved");
  EXPECT_EQ(run({"send", "imac/jarvis", "hi", "--save-attachments", folder.c_str()}), 1);
  EXPECT_THAT(err_, HasSubstr("not that of its digest"));
  EXPECT_TRUE(std::filesystem::is_empty(folder));
}

TEST_F(RunTest, SpawnReturnsWhenTheTaskHasStarted) {
  auto started = view("accepted");
  started.stage = "started";
  started.child_session_key = "agent:jarvis:claw:macbook:01";
  daemon_.answer_spawns(started);
  daemon_.start();
  EXPECT_EQ(run({"spawn", "imac/jarvis", "look", "--label", "L", "--model", "m", "--thinking", "high", "--run-timeout", "60", "--expires", "90",
                 "--as", "agent:main:main", "--late-reply", "keep"}), 0);
  EXPECT_EQ(out_, std::string("started agent:jarvis:claw:macbook:01 on imac as ") + kId + "; see `clawbridge exchange wait " + kId + "`\n");
  EXPECT_EQ(run({"spawn", "imac/jarvis", "look", "--json"}), 0);
  EXPECT_EQ(json::parse(out_)["childSessionKey"], "agent:jarvis:claw:macbook:01");
  EXPECT_EQ(run({"spawn", "imac/agent:jarvis:main", "look"}), 2);
  daemon_.stop();
  const auto& event = daemon_.service.spawns[0].event;
  EXPECT_EQ(event.caller_agent, "main");
  EXPECT_EQ(event.caller_session, "agent:main:main");
  EXPECT_EQ(event.late_reply, core::event::LateReply::Keep);
  EXPECT_EQ(event.expires_in, std::chrono::seconds(90));
  EXPECT_EQ(event.spawn.label, "L");
  EXPECT_EQ(event.spawn.run_timeout_seconds, 60);
}

TEST_F(RunTest, SpawnTellsWhenItHasNotStartedYet) {
  daemon_.answer_spawns(view("accepted"));
  daemon_.start();
  EXPECT_EQ(run({"spawn", "imac/jarvis", "look"}), 5);
  EXPECT_THAT(err_, HasSubstr("stage published"));
  EXPECT_EQ(run({"spawn", "imac/jarvis", "look", "--timeout", "0"}), 0);
}

TEST_F(RunTest, LooksIntoSessions) {
  core::AskView reply;
  reply.gateway = "imac";
  reply.listing = R"({"sessions":[{"key":"agent:jarvis:main","kind":"main","updatedAt":1795364300000}],"messages":[{"role":"user","content":"hi"}]})";
  daemon_.answer_asks(reply);
  daemon_.start();
  EXPECT_EQ(run({"sessions", "list", "imac", "--limit", "5", "--kind", "main", "--kind", "other"}), 0);
  EXPECT_THAT(out_, HasSubstr("agent:jarvis:main  main"));
  EXPECT_EQ(run({"sessions", "list", "imac/jarvis", "--json"}), 0);
  EXPECT_EQ(json::parse(out_)["gateway"], "imac");
  EXPECT_EQ(run({"sessions", "history", "imac/jarvis", "--tools", "--as", "main"}), 0);
  EXPECT_THAT(out_, HasSubstr("user, -:\nhi\n"));
  EXPECT_EQ(run({"sessions", "status", "imac/agent:jarvis:main"}), 0);
  EXPECT_EQ(run({"sessions", "history"}), 2);
  EXPECT_EQ(run({"sessions", "list", "imac/agent:jarvis:main"}), 2);
  daemon_.stop();
  const auto& asks = daemon_.service.asks;
  ASSERT_EQ(asks.size(), 4U);
  EXPECT_EQ(asks[0].event.gateway, "imac");
  EXPECT_EQ(asks[0].event.agent, "");
  EXPECT_EQ(std::get<body::SessionsList>(asks[0].event.what).kinds, (std::vector<std::string>{"main", "other"}));
  EXPECT_EQ(asks[1].event.agent, "jarvis");
  EXPECT_EQ(std::get<body::SessionsHistory>(asks[2].event.what).session_key, "agent:jarvis:main");
  EXPECT_EQ(asks[2].event.caller_agent, "main");
}

TEST_F(RunTest, TellsWhatIsAllowed) {
  daemon_.service.agent_views = {{"imac", "jarvis", "", "online", true}};
  core::PeerView peer;
  peer.gateway = "imac";
  peer.presence = "online";
  daemon_.service.peer_views = {peer};
  core::AskView reply;
  reply.agents = std::vector<body::AgentInfo>{{"jarvis", "", {"sessions_send", "sessions_list"}}};
  daemon_.answer_asks(reply);
  daemon_.start();
  EXPECT_EQ(run({"agents", "--allowed", "--as", "main"}), 0);
  EXPECT_THAT(out_, HasSubstr("imac/jarvis  -     remote  online    sessions_send, sessions_list\n"));
  daemon_.stop();
  EXPECT_EQ(daemon_.service.asks[0].event.caller_agent, "main");
}

TEST_F(RunTest, McpAnswersWithoutADaemonWhatNeedsNone) {
  EXPECT_EQ(run({"mcp", "--agent", "main"},
                R"({"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25"}})"
                "\n\n"
                R"({"jsonrpc":"2.0","method":"notifications/initialized"})"
                "\nnonsense\n"
                R"({"jsonrpc":"2.0","id":1,"method":"tools/list"})"),
            0);
  std::istringstream lines(out_);
  std::vector<json> answers;
  for (std::string line; std::getline(lines, line);) answers.push_back(json::parse(line));
  ASSERT_EQ(answers.size(), 3U) << out_;
  EXPECT_EQ(answers[0]["result"]["serverInfo"]["version"], "1.2.3");
  EXPECT_EQ(answers[1]["error"]["code"], -32700);
  EXPECT_EQ(answers[2]["result"]["tools"].size(), 7U);
  EXPECT_EQ(err_, "");
}

TEST_F(RunTest, McpCallsInTheNameOfItsAgent) {
  auto exchange = view("ok");
  exchange.reply = "Hi\nthere";
  daemon_.stream_sends({"Hi"}, exchange);
  daemon_.start();
  const std::string asked =
      R"({"jsonrpc":"2.0","id":"a","method":"tools/call","params":{"name":"claw_sessions_send","arguments":{"message":"hi","gateway":"imac"},"_meta":{"progressToken":9}}})";
  EXPECT_EQ(run({"mcp", "--agent", "main"}, asked + "\n"), 0);
  std::istringstream lines(out_);
  std::string progress, result;
  ASSERT_TRUE(std::getline(lines, progress) && std::getline(lines, result)) << out_;
  EXPECT_EQ(json::parse(progress)["params"], (json{{"progressToken", 9}, {"progress", 1}, {"message", "Hi"}}));
  EXPECT_EQ(json::parse(result)["id"], "a");
  EXPECT_EQ(json::parse(result)["result"]["structuredContent"]["reply"], "Hi\nthere");
  EXPECT_EQ(run({"mcp", "--agent", "main", "--session", "agent:pepper:main"}), 2);
  EXPECT_EQ(run({"mcp", "--session", "main"}), 2);
  daemon_.stop();
  const auto& event = daemon_.service.sends[0].event;
  EXPECT_EQ(event.caller_agent, "main");
  EXPECT_EQ(event.caller_session, "agent:main:main");
}

TEST_F(RunTest, McpTellsThatThereIsNoDaemon) {
  std::istringstream in(R"({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"claw_agents_list"}})");
  std::ostringstream out;
  McpRelay({socket_, {"main", ""}, "1.2.3", std::chrono::milliseconds(0)}, in, out).run();
  const auto result = json::parse(out.str())["result"];
  EXPECT_EQ(result["isError"], true);
  EXPECT_THAT(result["content"][0]["text"], HasSubstr("clawbridge run"));
}

TEST_F(RunTest, SendTellsWhenTheWaitHasEnded) {
  daemon_.answer_sends(view("accepted"));
  daemon_.start();
  EXPECT_EQ(run({"send", "imac/jarvis", "hi"}), 5);
  EXPECT_EQ(out_, "");
  EXPECT_THAT(err_, HasSubstr(std::string("clawbridge exchange wait ") + kId));
  EXPECT_EQ(run({"send", "imac/jarvis", "hi", "--timeout", "0"}), 0);
}

TEST_F(RunTest, SendTellsWhenNobodyCanBeReached) {
  auto exchange = view("accepted");
  exchange.unreachable = true;
  exchange.hint = "imac is offline since noon";
  daemon_.answer_sends(exchange);
  daemon_.start();
  EXPECT_EQ(run({"send", "imac/jarvis", "hi"}), 4);
  EXPECT_THAT(err_, HasSubstr("imac is offline since noon"));
}

TEST_F(RunTest, SendTellsWhyItWasRefused) {
  daemon_.answer_sends(Error{ErrorCode::Ambiguous, "jarvis is on imac and studio", false});
  daemon_.start();
  EXPECT_EQ(run({"send", "jarvis", "hi"}), 3);
  EXPECT_EQ(err_, "clawbridge: jarvis is on imac and studio\n");
  EXPECT_EQ(run({"send", "jarvis", "hi", "--json"}), 3);
  EXPECT_EQ(
      json::parse(out_),
      json::parse(
          R"({"status":"error","error":{"code":"ambiguous","message":"jarvis is on imac and studio","retryable":false}})"));
  EXPECT_EQ(err_, "");
}

TEST_F(RunTest, SendRefusesBadTextsItself) {
  EXPECT_EQ(run({"send", "imac/jarvis", ""}), 2);
  EXPECT_EQ(run({"send", "imac/jarvis"}), 2);
  EXPECT_EQ(run({"send", "imac/jarvis"}, "\xff", false), 2);
  EXPECT_EQ(run({"send", "imac/jarvis", "hi", "--timeout", "-1"}), 2);
  EXPECT_EQ(run({"send"}), 2);
}

TEST_F(RunTest, NamesTheSocketWhenThereIsNoDaemon) {
  EXPECT_EQ(run({"status"}), 4);
  EXPECT_THAT(err_, HasSubstr(socket_));
  EXPECT_THAT(err_, HasSubstr("`clawbridge run`"));
  EXPECT_EQ(run({"status", "--socket", "/nonexistent/other.sock", "--json"}), 4);
  EXPECT_THAT(json::parse(out_)["error"]["message"], HasSubstr("/nonexistent/other.sock"));
}

TEST_F(RunTest, ShowsListsAndWaitsForExchanges) {
  daemon_.service.exchange_views[kId] = view("ok");
  auto ended = view("ok");
  ended.reply = "late";
  daemon_.answer_waits(ended);
  daemon_.start();
  EXPECT_EQ(run({"exchange", "show", kId}), 0);
  EXPECT_THAT(out_, HasSubstr("imac/jarvis"));
  EXPECT_EQ(run({"exchange", "show", "01KANYZ2Q6S7C0J5X4M3T8W9B2"}), 3);
  EXPECT_EQ(run({"exchange", "show", "x/../y"}), 2);
  EXPECT_EQ(run({"exchange", "list", "--limit", "5"}), 0);
  EXPECT_THAT(out_, HasSubstr(kId));
  EXPECT_EQ(run({"exchange", "wait", kId, "--timeout", "0.5"}), 0);
  EXPECT_EQ(out_, "late\n");
  daemon_.stop();
  EXPECT_EQ(daemon_.service.waits[0].event.wait, std::chrono::milliseconds(500));
}

TEST_F(RunTest, ShowsAgentsPeersAndStatus) {
  daemon_.service.agent_views = {{"imac", "jarvis", "", "online", true}};
  daemon_.service.status_view.gateway = "macbook";
  core::PeerView peer;
  peer.gateway = "imac";
  daemon_.service.peer_views = {peer};
  daemon_.answer_trusts(peer);
  daemon_.start();
  EXPECT_EQ(run({"agents"}), 0);
  EXPECT_THAT(out_, HasSubstr("imac/jarvis"));
  EXPECT_EQ(run({"status"}), 0);
  EXPECT_THAT(out_, HasSubstr("gateway      macbook"));
  EXPECT_EQ(run({"peers", "list"}), 0);
  EXPECT_THAT(out_, HasSubstr("imac"));
  EXPECT_EQ(run({"peers", "trust", "imac", "4f0c", "19aa", "0b7e", "5d21", "4f0c19aa0b7e5d21"}), 0);
  EXPECT_EQ(out_, "imac is trusted now\n");
  EXPECT_EQ(run({"peers", "trust", "imac", "4f0c"}), 3);
  daemon_.stop();
  EXPECT_EQ(daemon_.service.trusts[0].event.fingerprint, "4f0c19aa0b7e5d214f0c19aa0b7e5d21");
}

TEST_F(RunTest, PingTellsThatAGatewayIsUnreachable) {
  core::AskView reply;
  reply.gateway = "imac";
  reply.pong = body::Pong{"0.1.0", "2026-11-22T16:20:01.123Z", "7d1f", 0};
  daemon_.answer_asks(reply);
  daemon_.start();
  EXPECT_EQ(run({"ping", "imac"}), 0);
  EXPECT_THAT(out_, HasSubstr("imac answered in"));
}

TEST_F(RunTest, PingWithoutAnAnswerMeansUnreachable) {
  daemon_.answer_asks(Error{ErrorCode::Timeout, "imac did not answer within 10 s", true});
  daemon_.start();
  EXPECT_EQ(run({"ping", "imac"}), 4);
  EXPECT_EQ(err_, "clawbridge: imac did not answer within 10 s\n");
}

TEST_F(RunTest, ShowsTheKeyWithoutADaemon) {
  machine_.files["/home/ada/.local/state/clawbridge/keys.json"] =
      R"({"gateway":"macbook","sign":{"secret":"s","public":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"},"box":{"secret":"s","public":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}})";
  EXPECT_EQ(run({"key", "show"}), 0);
  // SHA-256 of 64 zero bytes.
  EXPECT_THAT(out_, HasSubstr("f5a5fd42d16a20302798ef6ed309979b43003d2320d9f0e8ea9831a92759fb4b"));
  EXPECT_THAT(out_, HasSubstr("f5a5 fd42 d16a 2030"));
  EXPECT_EQ(run({"key", "show", "--json"}), 0);
  EXPECT_EQ(json::parse(out_)["gateway"], "macbook");
  machine_.files.clear();
  EXPECT_EQ(run({"key", "show"}), 1);
  EXPECT_THAT(err_, HasSubstr("keys.json"));
}

TEST_F(RunTest, PrintsTheLinkToThePage) {
  const std::string person(32, 'p');
  const std::string watcher(32, 'w');
  machine_.files["/home/ada/.config/clawbridge/clawbridge.yaml"] =
      "gateway: { kind: echo }\napi: { listen: \"127.0.0.1:18790\", tokens: { _bridge: " + person + ", _watch: " + watcher + " } }\n";
  EXPECT_EQ(run({"page"}), 0);
  EXPECT_EQ(out_, "http://127.0.0.1:18790/#token=" + person + "\n");
  EXPECT_THAT(err_, HasSubstr("Whoever has the link may do all that you may"));
  EXPECT_EQ(run({"page", "--watch", "--json"}), 0);
  EXPECT_EQ(json::parse(out_), (json{{"url", "http://127.0.0.1:18790/#token=" + watcher}, {"caller", "_watch"}, {"mayChange", false}}));
  machine_.files["/home/ada/.config/clawbridge/clawbridge.yaml"] = "gateway: { kind: echo }\napi: { listen: \"[::1]:18790\", tokens: { _watch: " + watcher + " } }\n";
  EXPECT_EQ(run({"page"}), 0);
  EXPECT_EQ(out_, "http://[::1]:18790/#token=" + watcher + "\n");
  machine_.files["/home/ada/.config/clawbridge/clawbridge.yaml"] = "gateway: { kind: echo }\napi: { listen: \"[::1]:18790\", tokens: { main: " + watcher + " } }\n";
  EXPECT_EQ(run({"page"}), 2);
  EXPECT_THAT(err_, HasSubstr("the settings have no api.tokens._bridge"));
  machine_.files.clear();
  EXPECT_EQ(run({"page"}), 2);
  EXPECT_THAT(err_, HasSubstr("the settings have no api.listen"));
}

TEST_F(RunTest, SuggestsTheNearestCommand) {
  EXPECT_EQ(run({"sned", "imac/jarvis", "hi"}), 2);
  EXPECT_THAT(err_, HasSubstr("there is no command \"sned\"; did you mean \"send\"?"));
  EXPECT_EQ(run({"--socket", "/x", "peers", "lsit"}), 2);
  EXPECT_THAT(err_, HasSubstr("did you mean \"list\"?"));
  EXPECT_EQ(run({"--json", "sned"}), 2);
  EXPECT_EQ(json::parse(out_)["status"], "error");
  EXPECT_EQ(run({"status", "--jsno"}), 2);
  EXPECT_EQ(run({}), 2);
}

TEST_F(RunTest, ExplainsItself) {
  EXPECT_EQ(run({"--help"}), 0);
  EXPECT_THAT(out_, HasSubstr("5 the wait ended before the reply"));
  EXPECT_EQ(run({"send", "--help"}), 0);
  EXPECT_THAT(out_, HasSubstr("--message-file"));
  EXPECT_EQ(run({"--version"}), 0);
  EXPECT_EQ(out_, "clawbridge 1.2.3\n");
}

TEST_F(RunTest, PrintsTheRightsThatABrokerMustGive) {
  EXPECT_EQ(run({"broker", "acl", "--for", "mosquitto", "--gateway", "imac", "--gateway", "macbook", "--base", "site"}),
            0);
  EXPECT_THAT(out_, HasSubstr("user imac\ntopic write site/imac/#\n"));
  EXPECT_THAT(out_, HasSubstr("user macbook\n"));
  EXPECT_EQ(run({"broker", "acl", "--for", "nats", "--gateway", "imac", "macbook", "--json"}), 0);
  EXPECT_THAT(json::parse(out_)["rules"], HasSubstr("user: \"macbook\""));
  EXPECT_EQ(run({"broker", "acl", "--for", "hivemq", "--gateway", "imac"}), 2);
  EXPECT_THAT(err_, HasSubstr("there are mosquitto, emqx, rabbitmq, nats"));
  EXPECT_EQ(run({"broker", "acl", "--for", "mosquitto", "--gateway", "i\nuser root"}), 2);
  EXPECT_THAT(err_, HasSubstr("\"i?user root\" is no gateway name"));
  EXPECT_EQ(run({"broker", "acl", "--for", "mosquitto"}), 2);
  EXPECT_EQ(run({"broker", "init"}), 2);
}

TEST_F(RunTest, ChecksTheSettings) {
  machine_.files["/good.yaml"] = "version: 1\ngateway: { name: imac, kind: echo }\n";
  machine_.files["/bad.yaml"] = "version: 1\ngatway: { name: imac }\n";
  EXPECT_EQ(run({"config", "check", "--config", "/good.yaml"}), 0);
  EXPECT_EQ(out_, "/good.yaml: the settings are fine: gateway imac\n");
  EXPECT_EQ(run({"config", "check", "--config", "/bad.yaml"}), 2);
  EXPECT_THAT(err_, HasSubstr("/bad.yaml:2"));
  EXPECT_EQ(run({"config", "schema"}), 0);
  EXPECT_TRUE(json::parse(out_).is_object());
  EXPECT_EQ(run({"config", "reference"}), 0);
  EXPECT_THAT(out_, HasSubstr("api.socket"));
}

TEST_F(RunTest, RunsTheDaemonWithItsSettings) {
  machine_.files["/good.yaml"] = "version: 1\ngateway: { name: imac, kind: echo }\n";
  EXPECT_EQ(run({"run", "--config", "/good.yaml"}), 7);
  EXPECT_EQ(ran_with_, socket_);
  EXPECT_EQ(watched_, "/good.yaml");
  EXPECT_EQ(run({"run", "--config", "/good.yaml", "--socket", "/tmp/x.sock"}), 7);
  EXPECT_EQ(ran_with_, "/tmp/x.sock");
}

TEST_F(RunTest, WatchShowsWhatPasses) {
  const std::string cid = "01KANYZ2Q6S7C0J5X4M3T8W9B1";
  const auto request = [&](const char* name, const char* type, const char* what, const char* time) {
    return core::action::Note{core::action::Level::Debug, name,
                              {{"cid", cid}, {"from", "macbook/main"}, {"to", "imac/jarvis"}, {"type", type}, {"what", what}, {"bytes", "512"}, {"time", time}}};
  };
  const core::action::Note ended{core::action::Level::Info, "exchange.ended", {{"cid", cid}, {"status", "ok"}, {"time", "2026-11-22T16:20:02.000Z"}}};
  auto exchange = view("ok");
  exchange.correlation_id = cid;
  exchange.message = "Is the build green?";
  exchange.reply = "Yes\x1b[2J";
  daemon_.service.exchange_views[cid] = exchange;
  daemon_.tell_watchers({request("message.sent", "request", "sessions_send", "2026-11-22T16:20:01.000Z"),
                         request("message.received", "reply", "ok", "2026-11-22T16:20:01.250Z"), ended});
  daemon_.start();
  ASSERT_EQ(run({"watch", "--text", "--count", "2"}), 0) << err_;
  EXPECT_EQ(out_,
            "16:20:01.000Z  > macbook/main → imac/jarvis          request sessions_send           512 B     +0 ms     01KANYZ2Q6S7C0J5X4M3T8W9B1\n"
            "    Is the build green?\n"
            "16:20:01.250Z  < macbook/main → imac/jarvis          reply ok                        512 B     +250 ms   01KANYZ2Q6S7C0J5X4M3T8W9B1\n"
            "    Yes?[2J\n");
  ASSERT_EQ(run({"--json", "watch", "--count", "1", "--agent", "jarvis"}), 0) << err_;
  const auto shown = nlohmann::json::parse(out_);
  EXPECT_EQ(shown["event"], "message.sent");
  EXPECT_EQ(shown["correlationId"], cid);
  EXPECT_FALSE(shown.contains("text"));
}

TEST_F(RunTest, WatchNeedsADaemonToBeginWith) {
  EXPECT_EQ(run({"watch"}), 4);
  EXPECT_THAT(err_, HasSubstr("cannot reach the clawbridge daemon"));
}

TEST_F(RunTest, ReloadSaysWhatHolds) {
  daemon_.answer_reloads(core::ReloadView{{"policy", "log.level"}, {"broker.url"}});
  daemon_.start();
  EXPECT_EQ(run({"reload"}), 0);
  EXPECT_EQ(out_, "now in force: policy, log.level\nin force after a restart: broker.url\n");
}

TEST_F(RunTest, ReloadSaysWhatIsWrongWithTheSettings) {
  daemon_.answer_reloads(Error{ErrorCode::BadRequest, "clawbridge.yaml:3: unknown key \"pollicy\"", false});
  daemon_.start();
  EXPECT_EQ(run({"reload"}), 2);
  EXPECT_THAT(err_, HasSubstr("unknown key"));
}

TEST_F(RunTest, TheReferenceIsUpToDate) {
  Hooks hooks;
  hooks.version = "1.2.3";
  Context context{hooks, {}, {}, false};
  const auto page = command_reference(describe_program(context));
  const std::string file = CLAWBRIDGE_SOURCE_DIR "/bridge/cli/CLI.md";
  if (const char* update = std::getenv("CLAWBRIDGE_UPDATE_GOLDEN"); update != nullptr && std::string(update) == "1") {
    std::ofstream(file, std::ios::binary) << page;
  }
  std::ifstream kept(file, std::ios::binary);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(kept), {}), page) << "run unit_cli with CLAWBRIDGE_UPDATE_GOLDEN=1 and review CLI.md";
}

}  // namespace
}  // namespace clawbridge::cli
