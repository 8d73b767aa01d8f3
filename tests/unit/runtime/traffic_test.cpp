// What a watcher is told of each message, with the contract's own vectors.
#include "bridge/runtime/traffic.h"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

namespace clawbridge::runtime {
namespace {

using nlohmann::json;

class TrafficTest : public testing::Test {
 protected:
  TrafficTest() : vectors_(json::parse(std::ifstream(CLAWBRIDGE_SOURCE_DIR "/tests/golden/wire-vectors.json"))) {}

  using Fields = std::map<std::string, std::string, std::less<>>;
  static Fields fields(const core::action::Note& note) {
    Fields all;
    for (const auto& [name, value] : note.fields) EXPECT_TRUE(all.emplace(name, value).second) << name;
    return all;
  }
  Fields received(const std::string& name) {
    for (const auto& vector : vectors_["valid"]) {
      if (vector["name"] == name)
        return fields(traffic_.received(vector["topic"].get<std::string>(), vector["payload"].get<std::string>(), {}));
    }
    ADD_FAILURE() << "no vector " << name;
    return {};
  }

  json vectors_;
  Traffic traffic_{Topics("claw")};
};

TEST_F(TrafficTest, TellsTheOneWordThatMatters) {
  for (const auto& [name, type, what] : {std::tuple("request sessions_send", "request", "sessions_send"),
                                         {"request of an unknown operation", "request", "sessions_dance"},
                                         {"receipt deferred", "receipt", "deferred"},
                                         {"receipt started", "receipt", "started"},
                                         {"reply ok", "reply", "ok"},
                                         {"reply rejected", "reply", "rejected"},
                                         {"state degraded", "state", "degraded"},
                                         {"will", "state", "offline"},
                                         {"ack", "ack", "2"},
                                         {"progress 1", "progress", ""},
                                         {"hello", "hello", ""},
                                         {"part 1 of 3", "part", ""}}) {
    auto shown = received(name);
    EXPECT_EQ(shown["type"], type) << name;
    if (std::string(name) != "request of an unknown operation" && std::string(name) != "ack") {
      EXPECT_EQ(shown["what"], what) << name;
    }
  }
}

TEST_F(TrafficTest, NamesBothEndsAndTheExchange) {
  auto request = received("request sessions_send");
  EXPECT_EQ(request["from"], "macbook/main");
  EXPECT_EQ(request["to"], "imac/jarvis");
  auto reply = received("reply ok");
  EXPECT_EQ(reply["from"], "imac/jarvis");
  EXPECT_EQ(reply["to"], "macbook/main");
  EXPECT_EQ(reply["cid"], request["cid"]);
  EXPECT_NE(reply["mid"], request["mid"]);
  EXPECT_FALSE(received("ack").contains("cid"));
}

TEST_F(TrafficTest, SaysWhatIsSealedAndReadsTheRestOfIt) {
  auto request = received("sealed request");
  EXPECT_EQ(request["sealed"], "true");
  EXPECT_EQ(request["what"], "sessions_send");
  EXPECT_FALSE(received("request sessions_send").contains("sealed"));
}

TEST_F(TrafficTest, TellsOfEveryMessageOfTheContract) {
  for (const auto& vector : vectors_["valid"]) {
    const auto payload = vector["payload"].get<std::string>();
    auto shown = fields(traffic_.sent(vector["topic"].get<std::string>(), payload));
    EXPECT_NE(shown["type"], "unreadable") << vector["name"];
    EXPECT_NE(shown["from"], "") << vector["name"];
    EXPECT_EQ(shown["bytes"], std::to_string(payload.size()));
  }
}

TEST_F(TrafficTest, StandsWhateverComes) {
  for (const auto& vector : vectors_["invalid"]) {
    const auto payload = vector.value("payload", std::string());
    auto shown = fields(traffic_.received(vector["topic"].get<std::string>(), payload, "dropped.form"));
    EXPECT_EQ(shown["refused"], "dropped.form") << vector["name"];
    EXPECT_NE(shown["type"], "") << vector["name"];
  }
  EXPECT_EQ(fields(traffic_.received("claw/imac/jarvis/inbox", "hello", {}))["type"], "plain");
  EXPECT_EQ(fields(traffic_.received("claw/imac/jarvis/inbox", "{}", {}))["type"], "unreadable");
  auto removed = fields(traffic_.received("claw/imac/state", "", {}));
  EXPECT_EQ(removed["what"], "removed");
  EXPECT_EQ(removed["from"], "imac/_bridge");
  EXPECT_EQ(fields(traffic_.sent("me/1", "echo: hi"))["topic"], "me/1");
}

}  // namespace
}  // namespace clawbridge::runtime
