// What people type, and where it goes.
#include "bridge/core/router.h"

#include "world.h"

namespace clawbridge::core {
namespace {

class RouterTest : public World {
 protected:
  void SetUp() override {
    macbook.options().remote_agents = {{"friday", {"imac", "jarvis"}}, {"far", {"studio", "edith"}}};
    World::SetUp();
    bring_up();
  }
  // The error of a send, or Internal when it was accepted.
  Error refused(event::LocalSend request) {
    request.ticket = 700;
    request.caller_agent = "_bridge";
    request.message = "hello";
    request.wait = std::chrono::milliseconds{0};
    macbook.step(now, request);
    for (auto& answer : macbook.take<action::Answer>()) {
      if (auto* result = std::get_if<SendResult>(&answer.result)) {
        if (!*result) return result->error();
        accepted = (*result)->gateway + "/" + (*result)->agent;
      }
    }
    return {};
  }
  event::LocalSend to(std::string gateway, std::string agent, std::string session_key = {}, std::string label = {}) {
    event::LocalSend request;
    request.gateway = std::move(gateway);
    request.agent = std::move(agent);
    request.session_key = std::move(session_key);
    request.label = std::move(label);
    return request;
  }
  std::string accepted;
};

TEST_F(RouterTest, TakesEveryWayToNameAnAgent) {
  for (const auto& request : {to("", "imac/jarvis"), to("imac", "jarvis"), to("", "", "imac/agent:jarvis:main"), to("", "friday"),
                              to("imac", "", "agent:jarvis:main"), to("imac", "jarvis", "", "work"), to("", "jarvis")}) {
    accepted.clear();
    EXPECT_EQ(refused(request).message, "");
    EXPECT_EQ(accepted, "imac/jarvis");
  }
  EXPECT_EQ(refused(to("", "main")).message, "");
  EXPECT_EQ(accepted, "macbook/main");
}

TEST_F(RouterTest, AGatewayThatTheSettingsNameMayBeUnseenYet) {
  EXPECT_EQ(refused(to("", "far")).message, "");
  EXPECT_EQ(accepted, "studio/edith");
}

TEST_F(RouterTest, SaysWhatIsWrongAndWhatThereIs) {
  EXPECT_EQ(refused(to("nosuch", "jarvis")).code, ErrorCode::UnknownPeer);
  EXPECT_EQ(refused(to("nosuch", "jarvis")).message, "no gateway \"nosuch\" is known here; there are: imac, macbook");
  EXPECT_EQ(refused(to("", "nobody")).message, "no gateway known here has an agent \"nobody\"; there are: imac/jarvis, imac/pepper, macbook/main");
  EXPECT_EQ(refused(to("imac", "")).code, ErrorCode::Ambiguous);
  EXPECT_EQ(refused(to("imac", "")).message, "name an agent of imac: jarvis, pepper");
  EXPECT_EQ(refused(to("", "")).code, ErrorCode::BadRequest);
}

TEST_F(RouterTest, RefusesContradictionsAndImpossibleNames) {
  for (const auto& request : {to("imac", "studio/jarvis"), to("", "imac/pepper", "agent:jarvis:main"), to("", "Jarvis"), to("IMAC", "jarvis"),
                              to("imac", "jarvis", "main"), to("imac", "../x"), to("imac", "jarvis", "agent:jarvis:main", "label"),
                              to("imac", "jarvis/+"), to("imac/#", "jarvis"), to("", "imac/_bridge"), to("studio", "", "imac/agent:jarvis:main")}) {
    EXPECT_EQ(refused(request).code, ErrorCode::BadRequest) << request.gateway << " " << request.agent << " " << request.session_key;
  }
}

TEST_F(RouterTest, AnAgentOnSeveralGatewaysIsAmbiguous) {
  gateway_up(imac, {"jarvis", "edith"});
  settle();
  // A second gateway that has edith, made known by its own signed state.
  Node studio("studio", folder_.path(), 3);
  studio.boot(now);
  gateway_up(studio, {"edith"});
  studio.step(now, event::BrokerConnected{5, 0, false});
  studio.step(now, event::BrokerSubscribed{});
  for (const auto& state : studio.take<action::Publish>()) publish(state);
  const auto error = refused(to("", "edith"));
  EXPECT_EQ(error.code, ErrorCode::Ambiguous);
  EXPECT_EQ(error.message, "agent \"edith\" is on several gateways: imac/edith, studio/edith; name one of them");
}

}  // namespace
}  // namespace clawbridge::core
