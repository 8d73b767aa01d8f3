// The tools, as an agent on the socket calls them.
#include <gmock/gmock.h>

#include "server_fixture.h"

namespace clawbridge::api {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kOther = "01KANYZ2Q6S7C0J5X4M3T8W9B2";
constexpr const char* kAsMain = "X-Claw-Agent: main\r\nX-Claw-Session: agent:main:main\r\n";

class ToolsTest : public ServerTest {
 protected:
  ToolsTest() {
    service_.status_view.gateway = "macbook";
    for (const auto& [id, source] : {std::pair{kId, "macbook/main"}, std::pair{kOther, "macbook/pepper"}}) {
      auto exchange = view("accepted");
      exchange.correlation_id = id;
      exchange.source = source;
      service_.exchange_views[id] = exchange;
    }
  }
  Received call(const std::string& tool, const json& arguments, const std::string& headers = kAsMain) {
    return ask(post("/v1/tools/" + tool, arguments.dump(), headers));
  }
  core::PeerView peer(const std::string& gateway, const std::string& presence, const std::string& trust = "joined") {
    core::PeerView result;
    result.gateway = gateway;
    result.presence = presence;
    result.trust = trust;
    return result;
  }
  /// Answers every question with this.
  void reply_to_asks(const std::string& listing) {
    service_.on_ask = [this, listing](ScriptedService::Ask& ask) {
      asio::post(io_, [done = ask.done, listing] {
        core::AskView reply;
        reply.gateway = "imac";
        reply.listing = listing;
        done(reply);
      });
    };
  }
};

TEST_F(ToolsTest, SpawnsASession) {
  service_.on_spawn = [this](ScriptedService::Spawn& spawn) {
    asio::post(io_, [done = spawn.done] {
      auto started = view("accepted");
      started.stage = "started";
      started.run_id = "r1";
      started.child_session_key = "agent:jarvis:claw:macbook:01";
      done(started);
    });
  };
  const auto answer = call("claw_sessions_spawn", {{"task", "look"}, {"agentId", "jarvis"}, {"gateway", "imac"}}).parsed();
  EXPECT_EQ(answer["status"], "accepted");
  EXPECT_EQ(answer["runId"], "r1");
  EXPECT_EQ(answer["childSessionKey"], "agent:jarvis:claw:macbook:01");
  EXPECT_EQ(answer["correlationId"], kId);
  ASSERT_EQ(service_.spawns.size(), 1U);
  EXPECT_EQ(service_.spawns[0].event.caller_agent, "main");
  EXPECT_EQ(service_.spawns[0].event.caller_session, "agent:main:main");
}

TEST_F(ToolsTest, BringsFilesBack) {
  service_.on_send = [this](ScriptedService::Send& send) {
    asio::post(io_, [done = send.done, files = send.event.attachments] {
      auto exchange = view("ok", "here");
      exchange.attachments = files;
      done(exchange);
    });
  };
  const json file{{"name", "a.txt"}, {"mimeType", "text/plain"}, {"content", "aGk="}};
  const auto answer = call("sessions_send", {{"message", "hi"}, {"attachments", {file}}}).parsed();
  EXPECT_EQ(answer["attachments"][0]["content"], "aGk=");
  EXPECT_EQ(answer["attachments"][0]["digest"], "8f434346648f6b96df89dda901c5176b10a6d83961dd3c1ac88b59b2dc327aa4");
}

TEST_F(ToolsTest, AsksForSessionsInTheCallersName) {
  reply_to_asks(R"({"count":1,"sessions":[{"key":"agent:jarvis:main"}],"gateway":"elsewhere"})");
  const auto list = call("sessions_list", {{"agentId", "jarvis"}}).parsed();
  EXPECT_EQ(list["sessions"][0]["key"], "agent:jarvis:main");
  EXPECT_EQ(list["gateway"], "imac") << "who answered is not for the answer to say";
  EXPECT_EQ(list["remote"], true);
  reply_to_asks(R"({"messages":[]})");
  EXPECT_EQ(call("sessions_history", {{"sessionKey", "imac/agent:jarvis:main"}}).parsed()["messages"].size(), 0U);
  reply_to_asks("");
  EXPECT_EQ(call("session_status", {{"gateway", "imac"}}).body, R"({"gateway":"imac","remote":true})");
  ASSERT_EQ(service_.asks.size(), 3U);
  for (const auto& asked : service_.asks) EXPECT_EQ(asked.event.caller_agent, "main");
  EXPECT_TRUE(std::holds_alternative<body::SessionsHistory>(service_.asks[1].event.what));
}

TEST_F(ToolsTest, PassesOnWhyAGatewayDoesNotTell) {
  service_.on_ask = [this](ScriptedService::Ask& ask) {
    asio::post(io_, [done = ask.done] {
      core::AskView reply;
      reply.gateway = "imac";
      reply.status = ReplyStatus::Rejected;
      reply.error = Error{ErrorCode::Forbidden, "imac allows no sessions_history", false};
      done(reply);
    });
  };
  const auto answer = call("sessions_history", {{"sessionKey", "imac/agent:jarvis:main"}});
  EXPECT_EQ(answer.status, 403);
  EXPECT_EQ(answer.parsed()["error"]["message"], "imac allows no sessions_history");
}

TEST_F(ToolsTest, ListsTheFederationWithWhatIsAllowed) {
  service_.agent_views = {{"imac", "jarvis", "", "online", true}, {"imac", "secret", "", "online", true},
                          {"macbook", "main", "", "online", false}, {"studio", "nova", "", "online", true},
                          {"away", "sleepy", "", "offline", true}};
  service_.peer_views = {peer("imac", "online"), peer("studio", "degraded"), peer("away", "offline"), peer("new", "online", "pending")};
  service_.on_ask = [this](ScriptedService::Ask& ask) {
    asio::post(io_, [done = ask.done, gateway = ask.event.gateway] {
      if (gateway == "studio") return done(Error{ErrorCode::Timeout, gateway + " did not answer", true});
      core::AskView reply;
      reply.gateway = gateway;
      reply.agents = std::vector<body::AgentInfo>{{gateway == "imac" ? "jarvis" : "main", "", {"sessions_send"}}};
      done(reply);
    });
  };
  const auto answer = call("agents_list", json::object()).parsed();
  EXPECT_EQ(answer["requester"], "main");
  std::map<std::string, json> found;
  for (const auto& agent : answer["agents"]) found[agent["id"]] = agent;
  EXPECT_EQ(found["jarvis"]["ops"], json::array({"sessions_send"}));
  EXPECT_THAT(found["secret"]["why"], HasSubstr("does not list it for this caller"));
  EXPECT_EQ(found["nova"]["why"], "studio did not answer");
  EXPECT_FALSE(found["nova"].contains("ops"));
  EXPECT_EQ(found["main"]["ops"], json::array({"sessions_send"}));
  EXPECT_EQ(found["sleepy"]["presence"], "offline");
  EXPECT_EQ(service_.asks.size(), 3U) << "neither those away nor those not trusted";
  for (const auto& asked : service_.asks) {
    EXPECT_EQ(asked.event.caller_agent, "main");
    EXPECT_LE(asked.event.wait, 2s);
  }
  EXPECT_EQ(call("agents_list", {{"timeoutSeconds", 0}}).parsed()["agents"].size(), 5U);
  EXPECT_EQ(service_.asks.size(), 3U) << "with no time nobody is asked";
}

TEST_F(ToolsTest, AsksSixtyFourGatewaysAtOnceAndLetsThemGo) {
  for (int i = 0; i < 100; ++i) service_.peer_views.push_back(peer("g" + std::to_string(i), "online"));
  start();
  TestCaller caller(io_, settings_.socket_path);
  caller.send(post("/v1/tools/agents_list", "{}", kAsMain));
  run_until([&] { return service_.asks.size() == 64; });
  const auto answer = [&](std::size_t i) { service_.asks[i].done(Error{ErrorCode::Timeout, "no", true}); };
  answer(0);
  EXPECT_EQ(service_.asks.size(), 65U);
  caller.hang_up();
  run_until([&] { return service_.cancelled.size() == 64; });
  EXPECT_EQ(service_.asks.size(), 65U);
}

TEST_F(ToolsTest, LooksAfterOwnExchangesOnly) {
  service_.on_wait = [this](ScriptedService::Wait& wait) {
    asio::post(io_, [done = wait.done] { done(view("ok", "late")); });
  };
  service_.on_stop = [this](ScriptedService::Stop& stop) {
    asio::post(io_, [done = stop.done] { done(core::CancelView{view("cancelled"), "cancelled", false}); });
  };
  EXPECT_EQ(call("exchange", {{"correlationId", kId}}).parsed()["status"], "accepted");
  EXPECT_EQ(call("exchange", {{"correlationId", kId}, {"action", "wait"}, {"timeoutSeconds", 2}}).parsed()["reply"], "late");
  EXPECT_EQ(call("exchange", {{"correlationId", kId}, {"action", "cancel"}}).parsed()["result"], "cancelled");
  ASSERT_EQ(service_.waits.size(), 1U);
  EXPECT_EQ(service_.waits[0].event.caller_agent, "main");
  EXPECT_EQ(service_.waits[0].event.wait, 2s);
  for (const char* action : {"show", "wait", "cancel"}) {
    EXPECT_EQ(call("exchange", {{"correlationId", kOther}, {"action", action}}).status, 404) << action;
  }
  EXPECT_EQ(call("exchange", {{"correlationId", "nonsense"}}).status, 400);
  EXPECT_EQ(service_.waits.size(), 1U);
  EXPECT_EQ(service_.stops.size(), 1U);
  EXPECT_EQ(call("exchange", {{"correlationId", kOther}}, "").status, 200) << "a person sees each";
}

TEST_F(ToolsTest, NamesTheNearestTool) {
  EXPECT_THAT(call("claw_session_list", {}).parsed()["error"]["message"], HasSubstr("did you mean \"sessions_list\"?"));
  EXPECT_THAT(call("zzz", {}).parsed()["error"]["message"], HasSubstr("known: sessions_send, sessions_spawn"));
}

}  // namespace
}  // namespace clawbridge::api
