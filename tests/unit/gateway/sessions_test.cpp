// What strangers are told of sessions, from answers that real gateways gave.
#include "bridge/gateway/sessions.h"

#include <gtest/gtest.h>

#include "tests/unit/gateway/golden.h"
#include "topics/message.h"

namespace clawbridge::gateway {
namespace {

using nlohmann::json;

const std::vector<std::string> kBoth{"jarvis", "pepper"};
constexpr std::size_t kPlenty = 1'000'000;

json rows_of(const std::string& version) {
  return golden("sessions", version).payload.at("sessions");
}
json told(const std::string& version, std::size_t at) {
  return session_row(rows_of(version).at(at), kBoth).value();
}
json history(const std::string& version) {
  return golden("history_tools", version).payload;
}
json message(const std::string& role, const std::string& text) {
  return {{"role", role}, {"content", json::array({{{"type", "text"}, {"text", text}}})}};
}
json history_of(std::size_t messages, std::size_t bytes_each) {
  json rows = json::array();
  for (std::size_t i = 0; i < messages; ++i) rows.push_back(message("user", std::to_string(i) + std::string(bytes_each, 'x')));
  return {{"messages", std::move(rows)}};
}
json listed(const json& history, std::size_t bytes_max, std::uint64_t offset = 0) {
  const auto listing = history_listing("agent:jarvis:main", read_transcript(history, Window{}), offset, bytes_max);
  EXPECT_LE(listing.size(), bytes_max);
  return json::parse(listing);
}

TEST(Sessions, TellsOfARowWhatTheNativeToolTells2026_3) {
  EXPECT_EQ(told(kOld, 1), json::parse(R"({"key":"agent:jarvis:claw:macbook:01abc","agentId":"jarvis","kind":"other","channel":"unknown",
    "label":"Research","displayName":"Research","updatedAt":1795692589834,"sessionId":"e4495778-82d7-4360-a7d2-5002dea268dc","abortedLastRun":false,
    "inputTokens":10,"outputTokens":5,"totalTokens":10,"totalTokensFresh":true,"modelProvider":"mock","model":"echo","contextTokens":200000})"));
}

TEST(Sessions, TellsOfARowWhatTheNativeToolTells2026_9) {
  EXPECT_EQ(told(kNew, 0), json::parse(R"({"key":"agent:pepper:main","agentId":"pepper","kind":"main","channel":"unknown","displayName":"main",
    "createdAt":1795692573801,"updatedAt":1795692596171,"lastInteractionAt":1795692596134,"archived":false,"pinned":false,
    "sessionId":"2ff209ed-7034-4f61-a145-071e6183ca3e","abortedLastRun":false,"inputTokens":20,"outputTokens":10,"totalTokens":10,
    "totalTokensFresh":true,"estimatedCostUsd":0,"status":"done","startedAt":1795692593848,"endedAt":1795692596161,"runtimeMs":2313,
    "modelProvider":"mock","model":"echo","contextTokens":200000,"hasActiveRun":false})"));
}

TEST(Sessions, AreTheOnesThatPolicyWasAskedAbout) {
  EXPECT_EQ(told_session("agent:jarvis:work", "agent:jarvis:work", "jarvis").value(), "agent:jarvis:work");
  EXPECT_EQ(told_session("agent:jarvis:main", "agent:jarvis:home", "jarvis").value(), "agent:jarvis:home") << "its main session may be called otherwise";
  for (const std::string asked : {"agent:jarvis:PRIVATE", "agent:jarvis:private ", "agent:jarvis:other"}) {
    const auto refused = told_session(asked, "agent:jarvis:private", "jarvis");
    ASSERT_FALSE(refused) << asked;
    EXPECT_EQ(refused.error().code, ErrorCode::UnknownSession);
  }
  EXPECT_FALSE(told_session("agent:jarvis:work", "agent:pepper:work", "jarvis"));
  EXPECT_FALSE(told_session("agent:jarvis:work", "", "jarvis"));
}

TEST(Sessions, DescribesOne) {
  const auto row = session_row(golden("session", kNew).payload.at("session"), kBoth);
  ASSERT_TRUE(row);
  const auto listing = json::parse(status_listing(*row));
  EXPECT_EQ(listing.at("sessionKey"), "agent:jarvis:main");
  EXPECT_EQ(listing.at("session").at("label"), "mine");
  EXPECT_EQ(listing.at("session").at("kind"), "main");
}

TEST(Sessions, KeepsWhatIsNobodysBusiness) {
  for (const auto* version : {kOld, kNew}) {
    auto row = rows_of(version).at(0);
    row["workspaceDir"] = row["spawnedCwd"] = row["sessionFile"] = row["transcriptPath"] = "/home/user/secret";
    row["lastTo"] = "+15550100";
    row["lastChannel"] = "whatsapp";
    row["deliveryContext"] = {{"channel", "whatsapp"}, {"to", "+15550100"}, {"accountId", "secret"}};
    row["displayName"] = {{"an object", "secret"}};
    const auto seen = session_row(row, kBoth);
    ASSERT_TRUE(seen);
    EXPECT_EQ(seen->at("channel"), "whatsapp");
    EXPECT_EQ(seen->dump().find("secret"), std::string::npos) << *seen;
    EXPECT_EQ(seen->dump().find("15550100"), std::string::npos) << *seen;
  }
}

TEST(Sessions, HidesOtherAgentsAndPrivateSessions) {
  EXPECT_FALSE(session_row({{"key", "agent:pepper:main"}}, {"jarvis"}));
  EXPECT_FALSE(session_row({{"key", "agent:jarvis:main"}, {"agentId", "pepper"}}, kBoth));
  for (const auto* key : {"", "global", "unknown", "main", "agent:", "agent:jarvis", "agent:jarvis:", "agent::main", "agent:jarvis:dashboard:incognito-1",
                          "agent:jarvis:subagent:incognito-x"}) {
    EXPECT_FALSE(session_row({{"key", key}}, kBoth)) << key;
  }
  EXPECT_FALSE(session_row(json(7), kBoth));
}

TEST(Sessions, NamesKindsAsTheNativeToolDoes) {
  const auto kind = [](const std::string& rest, const std::string& gateways = "direct") {
    return session_row({{"key", "agent:jarvis:" + rest}, {"kind", gateways}}, kBoth)->at("kind");
  };
  EXPECT_EQ(kind("main"), "main");
  EXPECT_EQ(kind("cron:daily"), "cron");
  EXPECT_EQ(kind("hook:mail"), "hook");
  EXPECT_EQ(kind("node-1"), "node");
  EXPECT_EQ(kind("telegram:group:7"), "group");
  EXPECT_EQ(kind("anything", "group"), "group");
  EXPECT_EQ(kind("cronic"), "other");
  EXPECT_TRUE(is_kind_wanted({{"kind", "main"}}, {}));
  EXPECT_TRUE(is_kind_wanted({{"kind", "main"}}, {"group", "main"}));
  EXPECT_FALSE(is_kind_wanted({{"kind", "main"}}, {"group"}));
}

// ---- messages ----

TEST(Sessions, ShowsWhatWasSaidWithoutTheTools) {
  for (const auto* version : {kOld, kNew}) {
    const auto transcript = read_transcript(history(version), Window{});
    ASSERT_EQ(transcript.entries.size(), 2U) << version;
    EXPECT_EQ(transcript.rows, 4U);
    EXPECT_FALSE(transcript.cut);
    const auto& asked = transcript.entries[0].message;
    EXPECT_EQ(transcript.entries[0].newer_rows, 3U);
    EXPECT_EQ(asked.at("provenance").at("sourceSessionKey"), "macbook/main");
    EXPECT_EQ(asked.count("__openclaw") + asked.count("idempotencyKey"), 0U) << asked;
    const auto& answered = transcript.entries[1].message;
    EXPECT_EQ(answered.at("role"), "assistant");
    EXPECT_TRUE(answered.at("content").at(0).at("text").get<std::string>().starts_with("tool: ")) << answered;
    EXPECT_EQ(answered.count("usage"), 0U);
  }
}

TEST(Sessions, ShowsToolsWhenAsked) {
  for (const auto* version : {kOld, kNew}) {
    const auto transcript = read_transcript(history(version), Window{.include_tools = true});
    ASSERT_EQ(transcript.entries.size(), 4U) << version;
    EXPECT_EQ(transcript.entries[1].message.at("content").at(0).at("name"), "session_status");
    EXPECT_EQ(transcript.entries[2].message.at("toolName"), "session_status");
  }
}

TEST(Sessions, ShowsNoFilesAndNoThoughts) {
  const json row = {{"role", "assistant"},
                    {"content", json::array({{{"type", "thinking"}, {"thinking", "secret"}, {"thinkingSignature", "s"}},
                                             {{"type", "image"}, {"data", "AAAA"}, {"mimeType", "image/png"}, {"path", "/home/user/x"}},
                                             {{"type", "text"}, {"text", "seen"}}})}};
  const auto transcript = read_transcript({{"messages", json::array({row})}}, Window{});
  EXPECT_EQ(transcript.entries.at(0).message.at("content"),
            json::parse(R"([{"type":"image","omitted":true,"mimeType":"image/png"},{"type":"text","text":"seen"}])"));
}

TEST(Sessions, TakesAWindowFromTheNewestOn) {
  const auto transcript = read_transcript(history_of(10, 1), Window{.limit = 3, .skip_newest = 2});
  ASSERT_EQ(transcript.entries.size(), 3U);
  EXPECT_EQ(transcript.entries.front().message.at("content").at(0).at("text"), "5x");
  EXPECT_EQ(transcript.entries.back().newer_rows, 0U);
  EXPECT_TRUE(transcript.has_older);
  EXPECT_TRUE(read_transcript(history_of(2, 1), Window{.limit = 3, .skip_newest = 5}).entries.empty());
  EXPECT_TRUE(read_transcript(json(7), Window{}).entries.empty());
}

TEST(Sessions, NoticesWhatTheGatewayHasCut) {
  const auto cut = [](const std::string& text) { return read_transcript({{"messages", json::array({message("user", text)})}}, Window{}).cut; };
  EXPECT_TRUE(cut("x\n...(truncated)..."));
  EXPECT_TRUE(cut("[chat.history omitted: message too large]"));
  EXPECT_FALSE(cut("x"));
}

// ---- listings ----

TEST(Sessions, ListsAHistoryInTheNativeShape) {
  const auto listing = listed(history_of(2, 1), kPlenty);
  EXPECT_EQ(listing, json::parse(R"({"sessionKey":"agent:jarvis:main","messages":[{"role":"user","content":[{"type":"text","text":"0x"}]},
    {"role":"user","content":[{"type":"text","text":"1x"}]}],"truncated":false,"droppedMessages":false,"contentTruncated":false,"bytes":113,
    "offset":0,"hasMore":false})"));
  EXPECT_EQ(listing.at("bytes"), listing.at("messages").dump().size());
}

TEST(Sessions, DropsTheOldestMessagesAndSaysWhereTheyAre) {
  const auto listing = listed(history_of(10, 1'000), 4'000, 5);
  EXPECT_EQ(listing.at("messages").size(), 3U);
  EXPECT_EQ(listing.at("messages").back().at("content").at(0).at("text").get<std::string>().substr(0, 2), "9x");
  EXPECT_EQ(listing.at("truncated"), true);
  EXPECT_EQ(listing.at("droppedMessages"), true);
  EXPECT_EQ(listing.at("hasMore"), true);
  EXPECT_EQ(listing.at("nextOffset"), 8);
}

TEST(Sessions, CutsAMessageLargerThanEverything) {
  for (const auto& text : {std::string(10'000, 'x'), std::string(10'000, '\1'), std::string(5'000, '"')}) {
    const auto listing = listed({{"messages", json::array({message("user", text)})}}, 4'000);
    const auto shown = listing.at("messages").at(0).at("content").get<std::string>();
    EXPECT_TRUE(shown.ends_with("\n...(truncated)...")) << shown;
    EXPECT_EQ(shown.front(), text.front());
    EXPECT_EQ(listing.at("contentTruncated"), true);
    EXPECT_EQ(listing.at("droppedMessages"), false);
  }
  std::string crabs;
  while (crabs.size() < 9'000) crabs += "\U0001f980";
  EXPECT_GT(listed({{"messages", json::array({message("user", crabs)})}}, 4'000).at("messages").dump().size(), 1'000U);
}

TEST(Sessions, FitsIntoWhatAMessageMayHold) {
  json deep = "end";
  for (int i = 0; i < 50; ++i) deep = json::array({deep});
  const json call = {{"role", "assistant"}, {"content", json::array({{{"type", "toolCall"}, {"name", "deep"}, {"arguments", deep}}})}};
  const auto transcript = read_transcript({{"messages", json::array({call})}}, Window{.include_tools = true});
  EXPECT_TRUE(transcript.entries.at(0).message.at("content").at(0).at("arguments").is_string());
  const json wide = {{"role", "assistant"}, {"content", json::array({{{"type", "toolCall"}, {"name", "wide"}, {"arguments", std::vector<int>(9'000, 1)}}})}};
  const auto listing = json::parse(history_listing("k", read_transcript({{"messages", json::array({wide, wide})}}, Window{.include_tools = true}), 0, kPlenty));
  EXPECT_EQ(listing.at("messages").size(), 1U);
  EXPECT_EQ(listing.at("droppedMessages"), true);
}

TEST(Sessions, ListsRowsUntilTheyAreTooMany) {
  ListListing all(kPlenty, 0);
  EXPECT_TRUE(all.add(told(kNew, 0)));
  EXPECT_TRUE(all.add(told(kNew, 1)));
  const auto whole = json::parse(std::move(all).finish(false));
  EXPECT_EQ(whole.at("count"), 2);
  EXPECT_EQ(whole.at("hasMore"), false);
  EXPECT_TRUE(whole.at("nextOffset").is_null());

  ListListing few(2'000, 40);
  std::size_t count = 0;
  while (few.add(told(kNew, 0))) ++count;
  EXPECT_GT(count, 1U);
  const auto text = std::move(few).finish(true);
  EXPECT_LE(text.size(), 2'000U);
  EXPECT_EQ(json::parse(text).at("nextOffset"), 40 + count);
}

TEST(Sessions, ListsLastMessagesAsFarAsTheyFit) {
  ListListing listing(4'000, 0);
  EXPECT_TRUE(listing.add(told(kOld, 0), read_transcript(history_of(10, 1'000), Window{})));
  const auto text = std::move(listing).finish(false);
  EXPECT_LE(text.size(), 4'000U);
  const auto messages = json::parse(text).at("sessions").at(0).at("messages");
  EXPECT_EQ(messages.size(), 3U);
  EXPECT_TRUE(messages.back().at("content").at(0).at("text").get<std::string>().starts_with("9x"));
}

}  // namespace
}  // namespace clawbridge::gateway
