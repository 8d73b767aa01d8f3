// The tools as a model reads them.
#include "bridge/mcp/tools.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

namespace clawbridge::mcp {
namespace {

using nlohmann::json;

TEST(Tools, AreTheSeven) {
  std::set<std::string> names;
  const auto tools = json::parse(tools_json());
  for (const auto& tool : tools) names.insert(tool["name"]);
  EXPECT_EQ(names, (std::set<std::string>{"claw_sessions_send", "claw_sessions_spawn", "claw_sessions_list", "claw_sessions_history",
                                          "claw_session_status", "claw_agents_list", "claw_exchange"}));
  EXPECT_EQ(operation_of("claw_exchange"), "exchange");
  EXPECT_EQ(operation_of("exchange"), std::nullopt);
  EXPECT_EQ(operation_of(""), std::nullopt);
}

TEST(Tools, SayWhatTheyTakeAndGive) {
  for (const auto& tool : json::parse(tools_json())) {
    const auto& name = tool["name"];
    EXPECT_FALSE(tool["description"].get<std::string>().empty()) << name;
    EXPECT_EQ(tool["inputSchema"]["type"], "object") << name;
    EXPECT_EQ(tool["inputSchema"]["additionalProperties"], false) << name;
    EXPECT_EQ(tool["outputSchema"]["type"], "object") << name;
    for (const auto& needed : tool["outputSchema"]["required"]) EXPECT_TRUE(tool["outputSchema"]["properties"].contains(needed)) << name;
    for (const char* hint : {"readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"}) {
      EXPECT_TRUE(tool["annotations"][hint].is_boolean()) << name << " " << hint;
    }
  }
}

TEST(Tools, LetNobodySayWhoAsks) {
  for (const auto& tool : json::parse(tools_json())) {
    for (const char* identity : {"caller", "source", "from", "as", "callerAgent", "callerSession"}) {
      EXPECT_FALSE(tool["inputSchema"]["properties"].contains(identity)) << tool["name"] << " " << identity;
    }
  }
}

}  // namespace
}  // namespace clawbridge::mcp
