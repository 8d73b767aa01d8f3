// What a person reads.
#include "bridge/cli/render.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace clawbridge::cli {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;

const WallTime kNow = *parse_time("2026-11-22T16:20:01.123Z");

TEST(Render, RelativeTime) {
  EXPECT_EQ(relative_time("2026-11-22T16:20:01.000Z", kNow), "now");
  EXPECT_EQ(relative_time("2026-11-22T16:19:49.123Z", kNow), "12 s ago");
  EXPECT_EQ(relative_time("2026-11-22T16:10:01.123Z", kNow), "10 min ago");
  EXPECT_EQ(relative_time("2026-11-22T19:20:01.123Z", kNow), "in 3 h");
  EXPECT_EQ(relative_time("2026-11-20T16:20:01.123Z", kNow), "2 d ago");
  EXPECT_EQ(relative_time("", kNow), "-");
}

TEST(Render, NothingThatATerminalObeys) {
  EXPECT_EQ(printable("a\x1b[31m\x07\nb\x7f"), "a?[31m??b?");
  EXPECT_EQ(printable("a\n\tb\r", true), "a\n\tb?");
  EXPECT_EQ(printable("\xc2\x9b"
                      "31m \xc3\xbc \xc2\xa0"),
            "?31m \xc3\xbc \xc2\xa0");
}

TEST(Render, FingerprintInGroups) {
  EXPECT_EQ(grouped("4f0c19aa0b7e"), "4f0c 19aa 0b7e");
}

TEST(Render, Agents) {
  const auto answer = json::parse(R"({"agents":[
    {"gateway":"imac","id":"jarvis","name":"J\u00e4rvis","presence":"online","remote":true},
    {"gateway":"macbook","id":"main","remote":false}]})");
  EXPECT_EQ(agents_text(answer),
            "AGENT         NAME    WHERE   PRESENCE\n"
            "imac/jarvis   Järvis  remote  online\n"
            "macbook/main  -       here    -\n");
  EXPECT_EQ(agents_text(json::object()).substr(0, 13), "no agents are");
}

TEST(Render, Peers) {
  const auto answer = json::parse(
      R"({"peers":[{"gateway":"imac","trust":"joined","presence":"online","since":"2026-11-22T15:20:01.123Z",
    "seen":"2026-11-22T16:19:49.123Z","version":"0.1.0","fingerprint":"4f0c19aa0b7e5d21ffffffff","agents":[{"id":"jarvis"}],"openOutgoing":2},
    {"gateway":"studio","trust":"configured","presence":"unseen","agents":[],"openOutgoing":0}]})");
  EXPECT_EQ(peers_text(answer, kNow),
            "GATEWAY  TRUST       PRESENCE  SINCE    SEEN      AGENTS  OPEN  VERSION  FINGERPRINT\n"
            "imac     joined      online    1 h ago  12 s ago  1       2     0.1.0    4f0c 19aa 0b7e 5d21 ffff ffff\n"
            "studio   configured  unseen    -        -         0       0     -        -\n");
}

TEST(Render, Status) {
  const auto answer = json::parse(R"({"gateway":"macbook","version":"0.1.0","state":"degraded","fingerprint":"4f0c",
    "broker":{"state":"connected","protocol":5},"agentGateway":{"connected":false,"kind":"openclaw","error":"connection refused"},
    "agents":["main","pepper"],"peers":2,"peersOnline":1,"peersPending":1,"outgoingOpen":3,"incomingOpen":4,
    "queues":[{"name":"outgoing","size":3,"limit":10},{"name":"runs","size":0,"limit":16}],
    "settings":{"file":"/c.yaml","loaded":"2026-11-22T16:19:49.123Z","error":"/c.yaml:3: unknown key","restartNeeded":["broker.url"]},
    "troubles":[{"time":"2026-11-22T16:19:49.123Z","level":"error","event":"settings.refused","text":"reason=x","count":2}]})");
  EXPECT_EQ(status_text(answer, kNow),
            "gateway           macbook\n"
            "state             degraded\n"
            "version           0.1.0\n"
            "broker            connected (MQTT 5)\n"
            "agents from       openclaw  (not connected)\n"
            "gateway error     connection refused\n"
            "agents            main, pepper\n"
            "peers             2 (1 online), 1 not trusted yet (`clawbridge peers list`)\n"
            "open              3 asked here, 4 answered here\n"
            "queues            outgoing 3/10\n"
            "settings          /c.yaml, read 12 s ago\n"
            "SETTINGS REFUSED  /c.yaml:3: unknown key\n"
            "after a restart   broker.url\n"
            "fingerprint       4f0c\n"
            "\nlatest warnings and errors:\n"
            "12 s ago  error  settings.refused (2 times)  reason=x\n");
}

TEST(Render, StatusWarnsOfABrokerThatNobodyChecks) {
  const auto answer = json::parse(R"({"gateway":"macbook","broker":{"state":"connected","insecure":true}})");
  EXPECT_NE(
      status_text(answer, kNow).find("BROKER WARNING  broker.insecure is true: whoever answers is believed to be the broker"),
      std::string::npos);
}

TEST(Render, Ping) {
  const auto answer = json::parse(
      R"({"gateway":"imac","version":"0.1.0","time":"2026-11-22T16:20:01.123Z","journalOpen":3,"roundTripMicroseconds":1052})");
  EXPECT_EQ(ping_text(answer),
            "imac answered in 1.05 ms: version 0.1.0, its time 2026-11-22T16:20:01.123Z, 3 exchanges open\n");
}

const char* const kExchange =
    R"({"correlationId":"01KANYZ2Q6S7C0J5X4M3T8W9B1","direction":"outgoing","source":"macbook/_bridge","gateway":"imac",
    "agent":"jarvis","status":"rejected","stage":"ended","stages":[{"stage":"accepted","time":"2026-11-22T16:19:49.123Z"},{"stage":"ended","time":"2026-11-22T16:20:01.123Z"}],
    "error":{"code":"forbidden","message":"not you"},"created":"2026-11-22T16:19:49.123Z","message":"line 1\nline 2","reply":""})";

TEST(Render, Exchange) {
  EXPECT_EQ(exchange_text(json::parse(kExchange), kNow),
            "id         01KANYZ2Q6S7C0J5X4M3T8W9B1\n"
            "direction  outgoing\n"
            "from       macbook/_bridge\n"
            "to         imac/jarvis\n"
            "status     rejected\n"
            "stages     accepted 12 s ago, ended now\n"
            "error      not you (forbidden)\n"
            "created    2026-11-22T16:19:49.123Z\n"
            "\nmessage:\nline 1\nline 2\n"
            "\nreply:\n\n");
}

TEST(Render, Exchanges) {
  EXPECT_EQ(exchanges_text(json{{"exchanges", {json::parse(kExchange)}}}, kNow),
            "ID                          DIRECTION  FROM             TO           STATUS    STAGE  CREATED\n"
            "01KANYZ2Q6S7C0J5X4M3T8W9B1  outgoing   macbook/_bridge  imac/jarvis  rejected  ended  12 s ago\n");
  EXPECT_EQ(exchanges_text(json::object(), kNow), "no exchanges yet\n");
}

TEST(Render, AgentsWithWhatIsAllowed) {
  const auto answer = json::parse(R"({"agents":[
    {"gateway":"imac","id":"jarvis","presence":"online","remote":true,"ops":["sessions_send","sessions_list"]},
    {"gateway":"imac","id":"pepper","presence":"online","remote":true,"ops":[]},
    {"gateway":"studio","id":"nova","presence":"online","remote":true,"why":"studio did not answer"},
    {"gateway":"macbook","id":"main","remote":false}]})");
  EXPECT_EQ(agents_text(answer),
            "AGENT         NAME  WHERE   PRESENCE  ALLOWED\n"
            "imac/jarvis   -     remote  online    sessions_send, sessions_list\n"
            "imac/pepper   -     remote  online    nothing\n"
            "studio/nova   -     remote  online    ? (studio did not answer)\n"
            "macbook/main  -     here    -         -\n");
}

TEST(Render, Sessions) {
  const auto answer = json::parse(R"({"count":1,"sessions":[{"key":"agent:jarvis:main","kind":"main","label":"L","status":"idle","updatedAt":1795364300000},7],
    "hasMore":true,"nextOffset":20})");
  EXPECT_EQ(sessions_text(answer, *parse_time("2026-11-22T16:20:01.123Z")),
            "SESSION            KIND  LABEL  STATUS  UPDATED\n"
            "agent:jarvis:main  main  L      idle    1 min ago\n"
            "there are more: --offset 20\n");
  EXPECT_EQ(sessions_text(json::object(), kNow), "no sessions that may be seen\n");
  const auto odd = json::parse(R"({"sessions":[{"key":7,"hasActiveRun":true,"updatedAt":"x"}],"hasMore":null,"nextOffset":null})");
  EXPECT_EQ(sessions_text(odd, kNow),
            "SESSION  KIND  LABEL  STATUS   UPDATED\n"
            "         -     -      running  -\n");
}

TEST(Render, History) {
  const auto answer = json::parse(R"({"messages":[{"role":"user","content":"hi\nthere","timestamp":1795364300000},
    {"role":"assistant","content":[{"type":"text","text":"H\u001bi"},{"type":"toolCall","name":"exec"}]}],"truncated":true})");
  EXPECT_EQ(history_text(answer, kNow),
            "(older messages are left out)\n\nuser, 1 min ago:\nhi\nthere\n\nassistant, -:\nH?i\n[toolCall exec]\n");
  EXPECT_EQ(history_text(json::object(), kNow), "no messages\n");
}

TEST(Render, SessionStatus) {
  const auto answer = json::parse(R"({"session":{"key":"agent:jarvis:main","busy":true,"updatedAt":1795364300000},"gateway":"imac","remote":true})");
  EXPECT_EQ(session_status_text(answer, kNow), "gateway    imac\nbusy       true\nkey        agent:jarvis:main\nupdatedAt  1 min ago\n");
}

TEST(Render, Outcome) {
  EXPECT_EQ(outcome_text(json::parse(R"({"status":"ok","correlationId":"X"})")), "");
  EXPECT_EQ(outcome_text(json::parse(R"({"status":"no_reply","gateway":"imac","agent":"jarvis"})")),
            "imac/jarvis finished without a visible reply");
  EXPECT_EQ(outcome_text(json::parse(
                R"({"status":"accepted","correlationId":"X","stage":"published","hint":"imac is offline"})")),
            "accepted as X, stage published: imac is offline; see `clawbridge exchange wait X`");
  EXPECT_EQ(outcome_text(json::parse(R"({"status":"interrupted","correlationId":"X"})")),
            "interrupted; see `clawbridge exchange show X`");
  EXPECT_EQ(outcome_text(
                json::parse(R"({"status":"rejected","correlationId":"X","error":{"code":"loop","message":"a loop"}})")),
            "rejected: a loop (loop); see `clawbridge exchange show X`");
}

}  // namespace
}  // namespace clawbridge::cli
