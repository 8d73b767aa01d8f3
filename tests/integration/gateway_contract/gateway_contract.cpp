// What the core may rely on, asked of an OpenClaw gateway through the adapter. The same for every version, and for the
// stand-in as for the real ones: what the stand-in gets wrong fails here.
//
//   gateway_contract <lab.json> <gateway> [GoogleTest options]
//
// <lab.json> is what tests/support/openclaw-lab writes: the gateway's port and token, and its process, which the
// restart tests end with a signal. `restart`, where it is there, is the command that brings it back: the stand-in's;
// otherwise lab.sh does. `pace` shortens the model's sleeps for a gateway that starts faster than a real one. The model
// is the lab's mock: what it does with "SAY", "SLEEP" and "FAIL" stands in mock-llm.mjs. OPENCLAW_VERSION must be the
// lab's, as for lab.sh itself.
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>
#include <type_traits>

#include "bridge/gateway/openclaw.h"

namespace clawbridge::gateway {
namespace {

using namespace core;                  // NOLINT: events and actions
using namespace std::chrono_literals;  // NOLINT
using nlohmann::json;

std::string lab_file;
std::string gateway_name;

json lab() {
  std::ifstream file(lab_file);
  return json::parse(file);
}
json lab_entry() {
  return lab().at("gateways").at(gateway_name);
}
// A duration as this gateway needs it.
std::chrono::milliseconds paced(std::chrono::milliseconds of_a_real_one) {
  static const double pace = lab().value("pace", 1.0);
  return std::chrono::milliseconds(static_cast<std::int64_t>(static_cast<double>(of_a_real_one.count()) * pace));
}
// A text that keeps the model busy for that long, and its answer.
std::string sleep_text(std::chrono::milliseconds duration, const std::string& word) {
  return "SLEEP " + std::to_string(paced(duration).count()) + " " + word;
}
std::string slept(std::chrono::milliseconds duration, const std::string& word) {
  return "slept " + std::to_string(paced(duration).count()) + " " + word;
}
std::string lab_directory() {
  return lab_file.substr(0, lab_file.rfind('/'));
}

OpenClawSettings settings_for(const json& entry) {
  OpenClawSettings settings;
  settings.url = "ws://127.0.0.1:" + std::to_string(entry.at("port").get<int>());
  settings.token = entry.at("token").get<std::string>();
  settings.bridge_version = "0.1.0";
  settings.reconnect_delay_max = std::chrono::seconds(2);
  return settings;
}

// What a reply says for itself, where a test did not expect it.
std::string why(const body::Reply& reply) {
  return std::string(to_string(reply.status)) + " \"" + reply.reply + "\" " + (reply.error ? reply.error->message : "");
}

// Ids as rising and unique as the core's are.
std::string next_id() {
  static std::uint64_t count = static_cast<std::uint64_t>(std::chrono::system_clock::now().time_since_epoch().count());
  return "t" + std::to_string(++count);
}

// One adapter and the events it reported, on this thread.
class Bridge {
 public:
  explicit Bridge(OpenClawSettings settings)
      : gateway_(io_, std::move(settings), [this](Event event) { events_.push_back(std::move(event)); }) {
    gateway_.start();
  }
  ~Bridge() {
    gateway_.stop();
    io_.run_for(std::chrono::seconds(2));
  }
  Bridge(const Bridge&) = delete;
  Bridge& operator=(const Bridge&) = delete;

  // The first event so far or to come that `matches`; removed. Fails after `patience`.
  template <class T, class F>
  T wait_for(F matches, std::chrono::seconds patience = std::chrono::seconds(120)) {
    const auto end = std::chrono::steady_clock::now() + patience;
    do {
      for (auto it = events_.begin(); it != events_.end(); ++it) {
        auto* event = as<T>(*it);
        if (event == nullptr || !matches(*event)) continue;
        T found = std::move(*event);
        events_.erase(it);
        return found;
      }
      io_.restart();
      io_.run_one_for(std::chrono::milliseconds(100));
    } while (std::chrono::steady_clock::now() < end);
    throw std::runtime_error(std::string("no event came: ") + typeid(T).name());
  }
  template <class T>
  T wait_for(std::chrono::seconds patience = std::chrono::seconds(120)) {
    return wait_for<T>([](const T&) { return true; }, patience);
  }
  event::GatewayUp up() { return wait_for<event::GatewayUp>(); }

  action::StartRun start(const std::string& text, const std::string& session = "agent:jarvis:main") {
    auto order = order_for(text, session);
    start_again(order);
    return order;
  }
  static action::StartRun order_for(const std::string& text, const std::string& session = "agent:jarvis:main") {
    const auto id = next_id();
    action::StartRun order;
    order.run = {"macbook", id, 1};
    order.idempotency_key = "claw:macbook:" + id + ":1";
    order.agent = "jarvis";
    order.session_key = session;
    order.text = text;
    order.source_session = "macbook/main";
    order.source_channel = "mqtt:" + id;
    return order;
  }
  void start_again(const action::StartRun& order) { gateway_.carry_out(order); }
  body::Reply outcome(const action::StartRun& order, std::chrono::seconds patience = std::chrono::seconds(120)) {
    return wait_for<event::RunEnded>([&](const event::RunEnded& e) { return e.run == order.run; }, patience).outcome;
  }
  [[nodiscard]] bool has_not_taken(const RunKey& run) const {
    return std::any_of(events_.begin(), events_.end(), [&](const Event& each) {
      const auto* not_taken = std::get_if<event::RunNotTaken>(&each);
      return not_taken != nullptr && not_taken->run == run;
    });
  }
  // Nothing where the turn was not taken.
  std::optional<body::Reply> outcome_or_not_taken(const action::StartRun& order) {
    std::optional<body::Reply> reply;
    wait_for<Event>([&](const Event& event) {
      const auto* ended = std::get_if<event::RunEnded>(&event);
      if (ended != nullptr && ended->run == order.run) reply = ended->outcome;
      const auto* not_taken = std::get_if<event::RunNotTaken>(&event);
      return reply.has_value() || (not_taken != nullptr && not_taken->run == order.run);
    });
    return reply;
  }
  body::Reply send(const std::string& text) { return outcome(start(text)); }

  Result<std::string> resolve(const std::string& agent, const std::string& key, const std::string& label) {
    gateway_.carry_out(action::ResolveSession{{"macbook", next_id(), 1}, agent, key, label});
    return wait_for<event::SessionResolved>().session_key;
  }

  void recover(const action::StartRun& order, const std::string& boot_id, WallTime handed_over) {
    gateway_.carry_out(action::RecoverRun{.run = order.run,
                                          .idempotency_key = order.idempotency_key,
                                          .agent = order.agent,
                                          .session_key = order.session_key,
                                          .source_channel = order.source_channel,
                                          .text = order.text,
                                          .boot_id = boot_id,
                                          .handed_over = handed_over});
  }

  action::StartRun spawn_order(const std::string& text, const std::string& label) {
    auto order = order_for(text);
    order.session_key = "agent:jarvis:claw:macbook:" + order.run.id;
    std::ranges::transform(order.session_key, order.session_key.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    order.new_session = true;
    order.label = label;
    return order;
  }
  action::StartRun spawn(const std::string& text, const std::string& label) {
    auto order = spawn_order(text, label);
    start_again(order);
    return order;
  }
  std::vector<std::string> progress_of(const RunKey& run) const {
    std::vector<std::string> texts;
    for (const auto& each : events_) {
      const auto* progress = std::get_if<event::RunProgress>(&each);
      if (progress != nullptr && progress->run == run) texts.push_back(progress->text);
    }
    return texts;
  }

  template <class What>
  Result<std::string> ask(std::vector<std::string> agents, What what, std::size_t bytes_max = 500'000) {
    gateway_.carry_out(action::ReadSessions{.read = ++reads_, .agents = std::move(agents), .rules = {}, .what = std::move(what), .bytes_max = bytes_max});
    auto listing = wait_for<event::SessionsRead>([&](const auto& read) { return read.read == reads_; }).listing;
    EXPECT_TRUE(!listing || listing->size() <= bytes_max);
    return listing;
  }
  template <class What>
  json read(std::vector<std::string> agents, What what, std::size_t bytes_max = 500'000) {
    const auto listing = ask(std::move(agents), std::move(what), bytes_max);
    if (!listing) throw std::runtime_error("the sessions cannot be read: " + listing.error().message);
    return json::parse(*listing);
  }

  asio::io_context& io() { return io_; }
  [[nodiscard]] std::size_t count_ended(const RunKey& run) const {
    std::size_t count = 0;
    for (const auto& each : events_) {
      const auto* ended = std::get_if<event::RunEnded>(&each);
      count += ended != nullptr && ended->run == run ? 1 : 0;
    }
    return count;
  }

 private:
  template <class T>
  static T* as(Event& event) {
    if constexpr (std::is_same_v<T, Event>) {
      return &event;
    } else {
      return std::get_if<T>(&event);
    }
  }

  asio::io_context io_;
  std::vector<Event> events_;
  std::uint64_t reads_ = 0;
  OpenClaw gateway_;
};

json row_of(const json& listing, const std::string& key) {
  for (const auto& row : listing.at("sessions")) {
    if (row.at("key") == key) return row;
  }
  throw std::runtime_error(key + " is not listed: " + listing.dump());
}

// A second, plain client that looks inside: the rows of a session.
class Inspector {
 public:
  Inspector() : client_(std::make_shared<Client>(io_, settings_for(lab_entry()))) {
    client_->start({.up = [this](const Hello&, std::chrono::milliseconds) { up_ = true; }, .down = [](const std::string&) {}, .tick = [] {}});
    run_until([this] { return up_; });
  }
  ~Inspector() {
    client_->stop();
    io_.run_for(std::chrono::seconds(2));
  }
  Inspector(const Inspector&) = delete;
  Inspector& operator=(const Inspector&) = delete;

  json history(const std::string& session = "agent:jarvis:main") {
    json payload;
    bool done = false;
    client_->call("chat.history", {{"sessionKey", session}, {"limit", 1000}},
                  [&](CallResult, const Response* response) {
                    if (response != nullptr) payload = response->payload;
                    done = true;
                    return false;
                  });
    run_until([&] { return done; });
    return payload;
  }
  // How often the provenance of a turn stands in the history: how often it ran.
  std::size_t count(const std::string& source_channel, const std::string& session = "agent:jarvis:main") {
    std::size_t found = 0;
    const auto shown = history(session);
    for (const auto& row : shown.at("messages"))
      found += row.value("provenance", json::object()).value("sourceChannel", "") == source_channel ? 1 : 0;
    return found;
  }

 private:
  template <class F>
  void run_until(F done) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!done()) {
      if (std::chrono::steady_clock::now() > end) throw std::runtime_error("the gateway did not answer the inspector");
      io_.restart();
      io_.run_one_for(std::chrono::milliseconds(100));
    }
  }
  asio::io_context io_;
  std::shared_ptr<Client> client_;
  bool up_ = false;
};

class Contract : public testing::Test {
 protected:
  Contract() : bridge_(settings_for(lab_entry())), up_(bridge_.up()) {}
  [[nodiscard]] bool keeps_keys() const { return up_.keeps_keys; }
  Bridge bridge_;
  event::GatewayUp up_;
};

// ---- connecting ----

TEST_F(Contract, SaysWhoItIsAndWhichAgentsItHas) {
  EXPECT_EQ(up_.kind, "openclaw");
  EXPECT_TRUE(up_.version.starts_with("2026."));
  EXPECT_FALSE(up_.boot_id.empty());
  EXPECT_EQ(up_.keeps_keys, !up_.version.starts_with("2026.3."));
  ASSERT_EQ(up_.agents.size(), 2U);
  EXPECT_EQ(up_.agents[0].id, "jarvis");
  EXPECT_EQ(up_.agents[1].id, "pepper");
}

TEST(Connecting, SaysThatTheTokenIsWrong) {
  auto settings = settings_for(lab_entry());
  settings.token = "wrong";
  Bridge bridge(settings);
  const auto reason = bridge.wait_for<event::GatewayDown>().reason;
  EXPECT_NE(reason.find("AUTH_TOKEN_MISMATCH"), std::string::npos) << reason;
  EXPECT_NE(reason.find("gateway.token"), std::string::npos) << reason;
}

TEST(Connecting, SaysThatTheTokenIsMissing) {
  auto settings = settings_for(lab_entry());
  settings.token.clear();
  Bridge bridge(settings);
  const auto reason = bridge.wait_for<event::GatewayDown>().reason;
  EXPECT_NE(reason.find("set gateway.token"), std::string::npos) << reason;
}

TEST(Connecting, SaysThatNobodyListens) {
  auto settings = settings_for(lab_entry());
  settings.url = "ws://127.0.0.1:1";
  Bridge bridge(settings);
  const auto reason = bridge.wait_for<event::GatewayDown>().reason;
  EXPECT_NE(reason.find("Connection refused"), std::string::npos) << reason;
  EXPECT_NE(reason.find("gateway.url"), std::string::npos) << reason;
}

TEST(Connecting, SaysThatItIsNoGateway) {
  auto settings = settings_for(lab_entry());
  settings.url = "ws://localhost:" + std::to_string(lab().at("mock").at("port").get<int>());
  Bridge bridge(settings);
  const auto reason = bridge.wait_for<event::GatewayDown>().reason;
  EXPECT_NE(reason.find("gateway.url"), std::string::npos) << reason;
}

TEST(Connecting, DoesNotTalkPlainToATlsPort) {
  auto settings = settings_for(lab_entry());
  settings.url = "wss" + settings.url.substr(2);
  Bridge bridge(settings);
  EXPECT_FALSE(bridge.wait_for<event::GatewayDown>().reason.empty());
}

TEST(Connecting, TakesNoTurnBeforeItIsConnected) {
  auto settings = settings_for(lab_entry());
  settings.url = "ws://127.0.0.1:1";
  Bridge bridge(settings);
  const auto order = bridge.start("hello");
  EXPECT_EQ(bridge.wait_for<event::RunNotTaken>().run, order.run);
  EXPECT_EQ(bridge.resolve("jarvis", "agent:jarvis:main", "").error().code, ErrorCode::GatewayDown);
  bridge.recover(order, "", {});
  EXPECT_EQ(bridge.wait_for<event::RunLost>().run, order.run);
}

// ---- sessions ----

TEST_F(Contract, ResolvesTheMainSessionAlways) {
  EXPECT_EQ(*bridge_.resolve("pepper", "agent:pepper:main", ""), "agent:pepper:main");
}

TEST_F(Contract, RefusesWhatDoesNotExist) {
  const auto session = bridge_.resolve("jarvis", "agent:jarvis:nosuch", "");
  ASSERT_FALSE(session);
  EXPECT_EQ(session.error().code, ErrorCode::UnknownSession);
  EXPECT_TRUE(session.error().message.starts_with("No session found: agent:jarvis:nosuch")) << session.error().message;
  const auto label = bridge_.resolve("jarvis", "", "Nope");
  ASSERT_FALSE(label);
  EXPECT_EQ(label.error().code, ErrorCode::UnknownSession);
  EXPECT_TRUE(label.error().message.starts_with("No session found with label: Nope")) << label.error().message;
  const auto agent = bridge_.resolve("nobody", "agent:nobody:main", "");
  ASSERT_FALSE(agent);
  EXPECT_EQ(agent.error().code, ErrorCode::UnknownAgent);
  EXPECT_NE(agent.error().message.find("jarvis, pepper"), std::string::npos);
  EXPECT_EQ(bridge_.resolve("jarvis", "agent:pepper:main", "").error().code, ErrorCode::Forbidden);
}

TEST_F(Contract, ResolvesASessionThatExists) {
  const auto key = "agent:jarvis:side" + next_id();
  EXPECT_EQ(bridge_.outcome(bridge_.start("hello", key)).status, ReplyStatus::Ok);
  // The gateway may fold the case of a key.
  const auto resolved = bridge_.resolve("jarvis", key, "");
  ASSERT_TRUE(resolved) << resolved.error().message;
  EXPECT_TRUE(resolved->starts_with("agent:jarvis:side")) << *resolved;
}

// ---- turns ----

TEST_F(Contract, RunsATurnThatStandsInTheHistoryWithItsOrigin) {
  const auto order = bridge_.start("hello");
  const auto started = bridge_.wait_for<event::RunStarted>();
  EXPECT_EQ(started.run, order.run);
  EXPECT_EQ(started.run_id, order.idempotency_key);
  const auto reply = bridge_.outcome(order);
  EXPECT_EQ(reply.status, ReplyStatus::Ok);
  EXPECT_EQ(reply.reply, "echo: hello");
  EXPECT_EQ(reply.run_id, order.idempotency_key);
  EXPECT_EQ(reply.session_key, "agent:jarvis:main");
  EXPECT_EQ(Inspector().count(order.source_channel), 1U);
}

TEST_F(Contract, RunsTheTurnsOfOneSessionInOrder) {
  const auto one = bridge_.start(sleep_text(1500ms, "one"));
  const auto two = bridge_.start("two");
  const auto first = bridge_.wait_for<event::RunEnded>();
  EXPECT_EQ(first.run, one.run);
  EXPECT_EQ(first.outcome.reply, slept(1500ms, "one"));
  EXPECT_EQ(bridge_.outcome(two).reply, "echo: two");
}

TEST_F(Contract, CallsAProviderFailureAnError) {
  const auto reply = bridge_.send("FAIL 400");
  EXPECT_EQ(reply.status, ReplyStatus::Error);
  EXPECT_EQ(reply.error->code, ErrorCode::GatewayError);
  EXPECT_EQ(bridge_.send("FAIL 500").status, ReplyStatus::Error);
}

TEST_F(Contract, CallsSilenceNoReply) {
  EXPECT_EQ(bridge_.send("SAY NO_REPLY").status, ReplyStatus::NoReply);
}

TEST_F(Contract, RejectsATurnForAnAgentThatIsGone) {
  auto order = bridge_.start("hello");
  (void)bridge_.outcome(order);
  const auto gone = bridge_.start("hello", "agent:nobody:main");
  EXPECT_EQ(bridge_.outcome(gone).status, ReplyStatus::Rejected);
}

TEST_F(Contract, WipesNothingForATextThatBeginsWithASlash) {
  ASSERT_EQ(bridge_.send("remember").status, ReplyStatus::Ok);
  const auto before = Inspector().history().at("sessionId");
  for (const std::string text : {"/reset", "/new", "  /reset", "\n/new now", "\u00a0/reset", "\u200b/reset",
                                 "\ufeff/reset", "\u2060/new", "\u3000/new"}) {
    const auto reply = bridge_.send(text);
    EXPECT_EQ(reply.status, ReplyStatus::Ok) << text;
    EXPECT_TRUE(reply.reply.starts_with("echo: [remote message] ")) << reply.reply;
    EXPECT_EQ(Inspector().history().at("sessionId"), before) << text;
  }
}

TEST_F(Contract, CarriesAnyText) {
  for (const std::string text : {"\U0001f980\U0001f469\u200d\U0001f680 \u0627\u0644\u0639\u0631\u0628\u064a\u0629 "
                                 "\u202e\u05e2\u05d1\u05e8\u05d9\u05ea\u202c",
                                 "a\"b\\c\u2028d", "one\n\ntwo\ttabs"}) {
    EXPECT_EQ(bridge_.send(text).reply, "echo: " + text);
  }
}

TEST_F(Contract, CarriesALargeTextBothWays) {
  std::string text = "SAY ";
  while (text.size() < 256 * 1024) text += "0123456789 abcdef ";
  text += "end";
  const auto reply = bridge_.send(text);
  EXPECT_EQ(reply.status, ReplyStatus::Ok);
  EXPECT_EQ(reply.reply, text.substr(4));
}

// ---- reading sessions ----

TEST_F(Contract, ListsTheSessionsOfTheAllowedAgents) {
  const auto label = "List " + next_id();
  (void)bridge_.send("SAY for the list");
  const auto spawned = bridge_.outcome(bridge_.spawn("SAY spawned", label));
  ASSERT_EQ(spawned.status, ReplyStatus::Ok) << why(spawned);
  const auto all = bridge_.read({"jarvis", "pepper"}, body::SessionsList{});
  EXPECT_EQ(all.at("count"), all.at("sessions").size());
  EXPECT_EQ(all.dump().find("\"/"), std::string::npos) << all;  // no paths
  const auto main = row_of(all, "agent:jarvis:main");
  EXPECT_EQ(main.at("agentId"), "jarvis");
  EXPECT_EQ(main.at("kind"), "main");
  EXPECT_GT(main.at("updatedAt").get<std::int64_t>(), 0);
  EXPECT_EQ(row_of(all, spawned.session_key).at("label"), label);
  const auto peppers = bridge_.read({"pepper"}, body::SessionsList{});
  for (const auto& row : peppers.at("sessions")) EXPECT_EQ(row.at("agentId"), "pepper");

  body::SessionsList asked;
  asked.label = label;
  asked.active_minutes = 5;
  EXPECT_EQ(bridge_.read({"jarvis"}, asked).at("sessions").at(0).at("key"), spawned.session_key);
  asked = {};
  asked.kinds = {"main"};
  asked.message_limit = 1;
  const auto mains = bridge_.read({"jarvis"}, asked);
  ASSERT_EQ(mains.at("count"), 1);
  const auto messages = mains.at("sessions").at(0).at("messages");
  ASSERT_EQ(messages.size(), 1U);
  EXPECT_EQ(messages.at(0).at("content").at(0).at("text"), "for the list");
}

TEST_F(Contract, ListsSessionsPageByPage) {
  for (int i = 0; i < 3; ++i) (void)bridge_.outcome(bridge_.start("SAY page", "agent:jarvis:page" + next_id()));
  body::SessionsList asked;
  asked.search = "agent:jarvis:page";
  const auto all = bridge_.read({"jarvis"}, asked);
  ASSERT_GE(all.at("count").get<int>(), 3);
  EXPECT_EQ(all.at("hasMore"), false);
  asked.limit = 2;
  const auto first = bridge_.read({"jarvis"}, asked);
  EXPECT_EQ(first.at("count"), 2);
  EXPECT_EQ(first.at("hasMore"), true);
  EXPECT_EQ(first.at("nextOffset"), 2);
  asked.offset = 2;
  EXPECT_EQ(bridge_.read({"jarvis"}, asked).at("sessions").at(0).at("key"), all.at("sessions").at(2).at("key"));
}

TEST_F(Contract, ShowsAHistory) {
  const auto session = "agent:jarvis:history" + next_id();
  const auto order = bridge_.start("SAY one", session);
  (void)bridge_.outcome(order);
  (void)bridge_.outcome(bridge_.start("SAY two", session));
  const auto history = bridge_.read({"jarvis"}, body::SessionsHistory{session, {}, {}, false});
  const auto& messages = history.at("messages");
  ASSERT_EQ(messages.size(), 4U) << history;
  EXPECT_EQ(messages.at(0).at("provenance").at("sourceChannel"), order.source_channel);
  EXPECT_EQ(messages.at(1).at("content").at(0).at("text"), "one");
  EXPECT_EQ(messages.at(3).at("content").at(0).at("text"), "two");
  EXPECT_EQ(history.at("truncated"), false);
  EXPECT_EQ(history.at("bytes"), messages.dump().size());
  EXPECT_EQ(history.at("hasMore"), false);

  const auto newest = bridge_.read({"jarvis"}, body::SessionsHistory{session, 1, {}, false});
  EXPECT_EQ(newest.at("messages").at(0).at("content").at(0).at("text"), "two");
  EXPECT_EQ(newest.at("hasMore"), true);
  EXPECT_EQ(newest.at("nextOffset"), 1);
  const auto before = bridge_.read({"jarvis"}, body::SessionsHistory{session, 1, 2, false});
  EXPECT_EQ(before.at("messages").at(0).at("content").at(0).at("text"), "one") << before;
  const auto cut = bridge_.read({"jarvis"}, body::SessionsHistory{session, {}, {}, false}, 700);
  EXPECT_EQ(cut.at("droppedMessages"), true);
  EXPECT_EQ(cut.at("messages").back().at("content").at(0).at("text"), "two");
}

// 2026.3.8 cuts texts of more than 12,000 UTF-16 units, 2026.9.6 of more than 8,000; the former even within a character.
TEST_F(Contract, ShowsWhatTheGatewayHasCut) {
  for (const std::size_t whole : {11'999U, 7'999U}) {
    const auto session = "agent:jarvis:cut" + next_id();
    (void)bridge_.outcome(bridge_.start("SAY " + std::string(whole, 'x') + "\U0001f980\U0001f980", session));
    const auto history = bridge_.read({"jarvis"}, body::SessionsHistory{session, 1, {}, false});
    EXPECT_TRUE(history.at("messages").at(0).at("content").at(0).at("text").get<std::string>().starts_with("xxxxxxx"));
    EXPECT_EQ(history.at("contentTruncated"), !keeps_keys() ? whole > 8'000 : true);
  }
}

TEST_F(Contract, ShowsToolsOnlyWhenAsked) {
  const auto session = "agent:jarvis:tools" + next_id();
  (void)bridge_.outcome(bridge_.start("TOOL session_status {}", session));
  const auto without = bridge_.read({"jarvis"}, body::SessionsHistory{session, {}, {}, false});
  EXPECT_EQ(without.at("messages").size(), 2U) << without;
  const auto with = bridge_.read({"jarvis"}, body::SessionsHistory{session, {}, {}, true});
  ASSERT_EQ(with.at("messages").size(), 4U) << with;
  EXPECT_EQ(with.at("messages").at(1).at("content").at(0).at("type"), "toolCall");
  EXPECT_EQ(with.at("messages").at(2).at("toolName"), "session_status");
}

TEST_F(Contract, TellsTheStateOfASession) {
  (void)bridge_.send("hello");
  const auto status = bridge_.read({"jarvis"}, body::SessionStatus{});
  EXPECT_EQ(status.at("sessionKey"), "agent:jarvis:main");
  EXPECT_EQ(status.at("session").at("key"), "agent:jarvis:main");
  EXPECT_FALSE(status.at("session").at("sessionId").get<std::string>().empty());
}

TEST_F(Contract, ReadsNothingThatIsNotThereOrNotTheirs) {
  const auto nothing = "agent:jarvis:nosuch" + next_id();
  for (int round = 0; round < 2; ++round) {  // asking has made nothing
    EXPECT_EQ(bridge_.ask({"jarvis"}, body::SessionsHistory{nothing, {}, {}, false}).error().code, ErrorCode::UnknownSession);
    EXPECT_EQ(bridge_.ask({"jarvis"}, body::SessionStatus{nothing}).error().code, ErrorCode::UnknownSession);
  }
  EXPECT_EQ(bridge_.ask({"jarvis"}, body::SessionsHistory{"agent:pepper:main", {}, {}, false}).error().code, ErrorCode::Forbidden);
  EXPECT_EQ(bridge_.ask({"jarvis"}, body::SessionStatus{"agent:pepper:main"}).error().code, ErrorCode::Forbidden);
  auto settings = settings_for(lab_entry());
  settings.url = "ws://127.0.0.1:1";
  Bridge down(settings);
  EXPECT_EQ(down.ask({"jarvis"}, body::SessionsList{}).error().code, ErrorCode::GatewayDown);
}

// ---- spawning ----

TEST_F(Contract, SpawnsASessionThatIsFoundByItsLabel) {
  const auto label = "Spawn " + next_id();
  const auto order = bridge_.spawn("SAY done", label);
  const auto reply = bridge_.outcome(order);
  EXPECT_EQ(reply.status, ReplyStatus::Ok) << why(reply);
  EXPECT_EQ(reply.reply, "done");
  EXPECT_EQ(reply.session_key, order.session_key);
  EXPECT_EQ(*bridge_.resolve("jarvis", "", label), order.session_key);
  bridge_.start_again(order);  // handed over once more: its own label is no obstacle
  EXPECT_EQ(bridge_.outcome(order).reply, "done");

  const auto second = bridge_.spawn("SAY done", label);
  const auto refused = bridge_.outcome(second);
  EXPECT_EQ(refused.status, ReplyStatus::Rejected);
  EXPECT_NE(refused.error->message.find("choose another"), std::string::npos) << why(refused);
  EXPECT_EQ(bridge_.resolve("jarvis", second.session_key, "").error().code, ErrorCode::UnknownSession);
}

TEST_F(Contract, SpawnsWithAModelWhereTheGatewayLetsUs) {
  auto order = bridge_.spawn_order("SAY done", "Model " + next_id());
  order.model = "mock/echo";
  bridge_.start_again(order);
  const auto reply = bridge_.outcome(order);
  if (keeps_keys()) {
    EXPECT_EQ(reply.reply, "done") << why(reply);
    EXPECT_EQ(*bridge_.resolve("jarvis", "", order.label), order.session_key);
  } else {
    EXPECT_EQ(reply.status, ReplyStatus::Rejected);
    EXPECT_EQ(reply.error->code, ErrorCode::Unsupported);
    EXPECT_NE(reply.error->message.find("leave `model` out"), std::string::npos) << why(reply);
  }
}

TEST_F(Contract, SaysWhichLevelsOfThinkingThereAre) {
  auto order = bridge_.spawn_order("SAY done", {});
  order.thinking = "bogus";
  bridge_.start_again(order);
  const auto reply = bridge_.outcome(order);
  EXPECT_EQ(reply.status, ReplyStatus::Error);
  EXPECT_NE(reply.error->message.find("Invalid thinking level. Use one of: off"), std::string::npos) << why(reply);
  order = bridge_.spawn_order("SAY done", {});
  order.thinking = "off";
  bridge_.start_again(order);
  EXPECT_EQ(bridge_.outcome(order).reply, "done");
}

TEST_F(Contract, EndsASpawnAtItsTimeLimit) {
  auto order = bridge_.spawn_order("SLEEP 20000 too long", {});
  order.time_limit = 1s;
  bridge_.start_again(order);
  EXPECT_EQ(bridge_.outcome(order, 60s).status, ReplyStatus::Error);
}

// ---- progress ----

TEST_F(Contract, TellsTheTextSoFarToWhoeverAsks) {
  auto order = Bridge::order_for("STREAM 6 150");
  order.progress = true;
  bridge_.start_again(order);
  const auto silent = bridge_.start("STREAM 3 50", "agent:jarvis:silent");
  const auto reply = bridge_.outcome(order);
  (void)bridge_.outcome(silent);
  const auto texts = bridge_.progress_of(order.run);
  ASSERT_GE(texts.size(), 2U);
  for (std::size_t i = 1; i < texts.size(); ++i) EXPECT_TRUE(texts[i].starts_with(texts[i - 1])) << texts[i];
  EXPECT_TRUE(reply.reply.starts_with(texts.back())) << texts.back();
  EXPECT_TRUE(bridge_.progress_of(silent.run).empty());
}

// ---- files ----

TEST_F(Contract, PutsATextFileIntoTheMessage) {
  auto order = Bridge::order_for("look");
  order.attachments = {{.name = "note.txt", .mime_type = "text/plain", .content = "aGVsbG8=", .digest = {}}};
  bridge_.start_again(order);
  EXPECT_EQ(bridge_.outcome(order).reply, "echo: look\n\n[attached file: note.txt, text/plain, 5 bytes]\nhello\n[end of note.txt]");
}

// The lab's model takes none. With one that does, both versions hand them to it (measured).
TEST_F(Contract, NamesAnImageToAModelThatTakesNone) {
  auto order = Bridge::order_for("look");
  order.attachments = {{.name = "dot.png",
                        .mime_type = "image/png",
                        .content = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
                        .digest = {}}};
  bridge_.start_again(order);
  const auto reply = bridge_.outcome(order);
  if (keeps_keys()) {
    EXPECT_EQ(reply.status, ReplyStatus::Rejected);
    EXPECT_NE(reply.error->message.find("attachment dot.png: active model does not accept image inputs"), std::string::npos) << why(reply);
  } else {
    EXPECT_EQ(reply.reply, "echo: look\n\n[attached image: dot.png, image/png, 70 bytes]") << why(reply);
  }
}

TEST_F(Contract, RefusesAFileThatTheAgentWouldNotGet) {
  auto order = Bridge::order_for("look");
  order.attachments = {{.name = "x.pdf", .mime_type = "application/pdf", .content = "JVBERg==", .digest = {}}};
  bridge_.start_again(order);
  EXPECT_EQ(bridge_.outcome(order).error->code, ErrorCode::Unsupported);
}

// ---- doubt ----

TEST_F(Contract, RecoversAFinishedTurn) {
  const auto handed_over = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
  const auto order = bridge_.start("hello again");
  (void)bridge_.outcome(order);
  bridge_.recover(order, up_.boot_id, handed_over);
  const auto reply = bridge_.outcome(order);
  EXPECT_EQ(reply.status, ReplyStatus::Ok);
  EXPECT_EQ(reply.reply, "echo: hello again");
}

TEST_F(Contract, RecoversALongReply) {
  std::string text = "SAY ";
  while (text.size() < 6'000) text += "0123456789 abcdef ";
  text += "end";
  const auto handed_over = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
  const auto order = bridge_.start(text);
  (void)bridge_.outcome(order);
  bridge_.recover(order, up_.boot_id, handed_over);
  const auto reply = bridge_.outcome(order);
  EXPECT_EQ(reply.reply, text.substr(4));
  EXPECT_FALSE(reply.truncated);
}

TEST_F(Contract, SaysWhenARecoveredReplyIsCut) {
  const auto handed_over = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
  const auto order = bridge_.start("SAY " + std::string(200'000, 'x'));
  (void)bridge_.outcome(order);
  bridge_.recover(order, up_.boot_id, handed_over);
  const auto reply = bridge_.outcome(order);
  EXPECT_EQ(reply.status, ReplyStatus::Ok);
  EXPECT_TRUE(reply.truncated);
  EXPECT_TRUE(reply.reply.starts_with(std::string(7'000, 'x')));
}

// The key of a turn that this boot of the gateway has run: it answers from memory.
TEST_F(Contract, RunsAKeyOnceWhileTheGatewayLives) {
  const auto order = bridge_.start("only once");
  EXPECT_EQ(bridge_.outcome(order).reply, "echo: only once");
  bridge_.start_again(order);
  EXPECT_EQ(bridge_.outcome(order).reply, "echo: only once");
  if (keeps_keys()) {
    const auto busy = bridge_.start(sleep_text(3s, "busy"));
    (void)bridge_.wait_for<event::RunStarted>([&](const auto& e) { return e.run == busy.run; });
    Bridge second(settings_for(lab_entry()));
    (void)second.up();
    second.start_again(busy);
    EXPECT_EQ(second.outcome(busy).reply, slept(3s, "busy"));
    EXPECT_EQ(bridge_.outcome(busy).reply, slept(3s, "busy"));
    EXPECT_EQ(Inspector().count(busy.source_channel), 1U);
  }
  EXPECT_EQ(Inspector().count(order.source_channel), 1U);
}

// The bridge dies in the middle of a turn; the next one finds it still running.
TEST_F(Contract, RecoversARunningTurnOverANewConnection) {
  const auto handed_over = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
  action::StartRun order;
  {
    Bridge dying(settings_for(lab_entry()));
    (void)dying.up();
    order = dying.start(sleep_text(6s, "survived"));
    (void)dying.wait_for<event::RunStarted>();
  }
  bridge_.recover(order, up_.boot_id, handed_over);
  const auto reply = bridge_.outcome(order);
  EXPECT_EQ(reply.status, ReplyStatus::Ok);
  EXPECT_EQ(reply.reply, slept(6s, "survived"));
  EXPECT_EQ(Inspector().count(order.source_channel), 1U);
}

// ---- restarts; each needs seconds to a minute ----

class Restart : public Contract {
 protected:
  void signal_gateway(int signal) { ASSERT_EQ(::kill(lab_entry().at("pid").get<pid_t>(), signal), 0); }
  void bring_back() {
    const auto restart = lab().value("restart", CLAWBRIDGE_LAB_SH " restart " + lab_directory());
    const auto command = restart + " " + gateway_name + " >" + lab_directory() + "/restart.log 2>&1";
    std::jthread bringing([&command, this] { lab_status_ = std::system(command.c_str()); });
    up_ = bridge_.up();
    bringing.join();
    ASSERT_EQ(lab_status_, 0);
  }
  WallTime now() { return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now()); }
  int lab_status_ = 0;
};

// Of a turn cut by a crash the outcome is its reply (2026.9 begins it again by itself) or `interrupted`; ours runs
// once.
TEST_F(Restart, FindsOutAboutATurnCutByACrash) {
  const auto before = bridge_.send("before");
  ASSERT_EQ(before.status, ReplyStatus::Ok) << why(before);
  const auto boot = up_.boot_id;
  const auto handed_over = now();
  const auto order = bridge_.start(sleep_text(8s, "crash"));
  (void)bridge_.wait_for<event::RunStarted>();
  bridge_.io().run_for(paced(4s));
  signal_gateway(SIGKILL);
  EXPECT_FALSE(bridge_.wait_for<event::GatewayDown>().reason.empty());
  EXPECT_EQ(bridge_.wait_for<event::RunLost>().run, order.run);
  bring_back();
  EXPECT_NE(up_.boot_id, boot);
  bridge_.recover(order, boot, handed_over);
  const auto reply = bridge_.outcome(order, std::chrono::seconds(180));
  if (keeps_keys()) {
    EXPECT_EQ(reply.status, ReplyStatus::Ok) << why(reply);
    EXPECT_EQ(reply.reply, slept(8s, "crash"));
  } else {
    EXPECT_EQ(reply.status, ReplyStatus::Interrupted) << why(reply);
  }
  EXPECT_EQ(Inspector().count(order.source_channel), 1U);
  EXPECT_EQ(bridge_.count_ended(order.run), 0U);
}

// A turn that the gateway had accepted but not begun certainly did not run.
TEST_F(Restart, PutsATurnBackThatHadNotBegun) {
  const auto before = bridge_.send("before");
  ASSERT_EQ(before.status, ReplyStatus::Ok) << why(before);
  const auto boot = up_.boot_id;
  const auto handed_over = now();
  const auto order = bridge_.start(sleep_text(20s, "early"));
  (void)bridge_.wait_for<event::RunStarted>();
  signal_gateway(SIGKILL);
  (void)bridge_.wait_for<event::RunLost>();
  bring_back();
  bridge_.recover(order, boot, handed_over);
  EXPECT_EQ(bridge_.wait_for<event::RunNotTaken>().run, order.run);
  EXPECT_EQ(Inspector().count(order.source_channel), 0U);
}

// 2026.9 lets running turns finish when it is told to stop; 2026.3 cuts them.
TEST_F(Restart, FindsOutAboutATurnDuringAnOrderlyStop) {
  const auto before = bridge_.send("before");
  ASSERT_EQ(before.status, ReplyStatus::Ok) << why(before);
  const auto boot = up_.boot_id;
  const auto handed_over = now();
  const auto order = bridge_.start(sleep_text(6s, "stop"));
  (void)bridge_.wait_for<event::RunStarted>();
  bridge_.io().run_for(paced(2s));
  signal_gateway(SIGTERM);
  if (keeps_keys()) {
    // A gateway that stops shows no history, and that is no proof that the turn never began.
    bridge_.io().run_for(paced(500ms));
    bridge_.recover(order, boot, handed_over);
    EXPECT_EQ(bridge_.outcome(order).reply, slept(6s, "stop"));
    bring_back();
    EXPECT_FALSE(bridge_.has_not_taken(order.run));
    bridge_.recover(order, boot, handed_over);
    EXPECT_EQ(bridge_.outcome(order, std::chrono::seconds(180)).reply, slept(6s, "stop"));
  } else {
    (void)bridge_.wait_for<event::RunLost>();
    bring_back();
    bridge_.recover(order, boot, handed_over);
    EXPECT_EQ(bridge_.outcome(order, std::chrono::seconds(180)).status, ReplyStatus::Interrupted);
  }
  EXPECT_EQ(Inspector().count(order.source_channel), 1U);
}

// A turn that had ended is found by its history. That its key must not be sent again is why: 2026.9 then fails and
// leaves a row that nobody asked for, 2026.3 runs the turn a second time.
TEST_F(Restart, FindsATurnThatEndedBeforeTheCrash) {
  const auto boot = up_.boot_id;
  const auto handed_over = now();
  const auto order = bridge_.start("SAY ended before");
  const auto first = bridge_.outcome(order);
  EXPECT_EQ(first.reply, "ended before") << why(first);
  signal_gateway(SIGKILL);
  (void)bridge_.wait_for<event::GatewayDown>();
  bring_back();
  bridge_.recover(order, boot, handed_over);
  EXPECT_EQ(bridge_.outcome(order, std::chrono::seconds(180)).reply, "ended before");
  EXPECT_EQ(Inspector().count(order.source_channel), 1U);

  bridge_.start_again(order);
  const auto again = bridge_.outcome(order);
  EXPECT_EQ(again.status, keeps_keys() ? ReplyStatus::Error : ReplyStatus::Ok);
  EXPECT_EQ(Inspector().count(order.source_channel), keeps_keys() ? 1U : 2U);
}

// A turn that waits behind another one when the gateway dies has not run; the same exchange may be handed over again, as
// another attempt, which is not taken for the first.
TEST_F(Restart, PutsAQueuedTurnBackAndTellsItsAttemptsApart) {
  const auto before = bridge_.send("before");
  ASSERT_EQ(before.status, ReplyStatus::Ok) << why(before);
  const auto boot = up_.boot_id;
  const auto handed_over = now();
  const auto busy = bridge_.start(sleep_text(8s, "busy"));
  const auto order = bridge_.start("SAY second attempt");
  (void)bridge_.wait_for<event::RunStarted>([&](const auto& e) { return e.run == order.run; });
  bridge_.io().run_for(paced(4s));
  signal_gateway(SIGKILL);
  (void)bridge_.wait_for<event::RunLost>([&](const auto& e) { return e.run == order.run; });
  bring_back();
  bridge_.recover(busy, boot, handed_over);
  EXPECT_EQ(bridge_.outcome(busy, std::chrono::seconds(180)).status,
            keeps_keys() ? ReplyStatus::Ok : ReplyStatus::Interrupted);
  bridge_.recover(order, boot, handed_over);
  EXPECT_EQ(bridge_.wait_for<event::RunNotTaken>().run, order.run);

  // The busy one again, as `rerun` would: its first attempt stands in the history.
  for (const auto& each : {order, busy}) {
    auto second = each;
    second.run.attempt = 2;
    second.idempotency_key = each.idempotency_key.substr(0, each.idempotency_key.size() - 1) + "2";
    second.text = "SAY second attempt";
    const auto then = now();
    bridge_.start_again(second);
    EXPECT_EQ(bridge_.outcome(second).reply, "second attempt");
    bridge_.recover(second, up_.boot_id, then);
    EXPECT_EQ(bridge_.outcome(second).reply, "second attempt");
  }
  EXPECT_EQ(Inspector().count(order.source_channel), 1U);
  EXPECT_EQ(Inspector().count(busy.source_channel), 2U);
}

// The first turn of a session leaves nothing on disk in 2026.3 before its answer: nobody can tell, and it is not run
// again.
TEST_F(Restart, DoesNotPutAFirstTurnBackThatItCannotSee) {
  const auto boot = up_.boot_id;
  const auto handed_over = now();
  const auto order = bridge_.start(sleep_text(5s, "first"), "agent:jarvis:first" + next_id());
  (void)bridge_.wait_for<event::RunStarted>();
  bridge_.io().run_for(paced(4s));
  signal_gateway(SIGKILL);
  (void)bridge_.wait_for<event::RunLost>();
  bring_back();
  bridge_.recover(order, boot, handed_over);
  const auto reply = bridge_.outcome_or_not_taken(order);
  if (keeps_keys()) {
    // It had begun and was begun again, or had not begun: 2026.9 takes seconds to prepare a session's first turn.
    EXPECT_EQ(Inspector().count(order.source_channel, order.session_key), reply ? 1U : 0U);
    EXPECT_TRUE(!reply || reply->status == ReplyStatus::Ok);
  } else {
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->status, ReplyStatus::Interrupted);
  }
}

}  // namespace
}  // namespace clawbridge::gateway

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (argc != 3) {
    std::cerr << "usage: gateway_contract <lab.json> <gateway> [--gtest_filter=…]\n";
    return 2;
  }
  clawbridge::gateway::lab_file = argv[1];
  clawbridge::gateway::gateway_name = argv[2];
  return RUN_ALL_TESTS();
}
