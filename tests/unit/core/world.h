// A small world for tests of the core: real cores, real journals, real cryptography; a clock that moves only when told, and a
// broker and gateways that are the test's own hands. Nothing sleeps.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "bridge/core/core.h"
#include "bridge/crypto/keys.h"
#include "bridge/crypto/system_cryptography.h"
#include "bridge/store/journal_db.h"

namespace clawbridge::core {

/// Repeats itself byte for byte.
class SeededRandom : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed) : state_(seed * 2 + 1) {}
  void fill(std::span<std::uint8_t> bytes) override {
    for (auto& byte : bytes) {
      state_ = state_ * 6364136223846793005ULL + 1442695040888963407ULL;
      byte = static_cast<std::uint8_t>(state_ >> 56);
    }
  }

 private:
  std::uint64_t state_;
};

inline const WallTime kStart = *parse_time("2026-11-22T16:20:00.000Z");
inline const std::string kJoinSecret(16, 'j');

/// A folder of its own, gone with the test.
class Folder {
 public:
  Folder() {
    auto pattern = (std::filesystem::temp_directory_path() / "clawbridge-core-XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// One bridge without its adapters.
class Node {
 public:
  Node(std::string name, const std::filesystem::path& folder, std::uint64_t seed) : name_(std::move(name)), folder_(folder), random_(seed) {
    options_.gateway = name_;
    options_.version = "test";
    options_.gateway_kind = "test";
    options_.join_secret = kJoinSecret;
    options_.keys = crypto::load_or_create_keys(folder_ / (name_ + ".keys.json"), name_).value();
  }

  Options& options() { return options_; }
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const Core& core() const { return *core_; }

  /// Starts, or starts again, from what the journal holds. `lose_journal`: from an empty one.
  void boot(Now now, bool lose_journal = false) {
    core_.reset();
    journal_.reset();
    const auto file = folder_ / (name_ + ".db");
    if (lose_journal) std::filesystem::remove(file);
    auto opened = clawbridge::store::JournalDb::open(file, clawbridge::store::Durability::Process, random_);
    ASSERT_TRUE(opened) << opened.error().message;
    journal_ = std::move(opened->journal);
    core_ = std::make_unique<Core>(options_, journal_->restore(), *journal_, crypto_, random_);
    actions.clear();
    step(now, event::Tick{});
  }
  /// As a crash: memory is gone, the journal stays.
  void crash() {
    core_.reset();
    journal_.reset();
    actions.clear();
  }
  [[nodiscard]] bool running() const { return core_ != nullptr; }

  /// What is ordered by the step is kept in `actions`, but for stores, which are done.
  void step(Now now, Event event) {
    if (!running()) return;
    for (auto& action : core_->step(now, std::move(event))) {
      if (auto* store = std::get_if<action::Store>(&action)) {
        journal_->apply(std::move(store->order));
      } else {
        actions.push_back(std::move(action));
      }
    }
    const auto failed = journal_->commit();
    ASSERT_FALSE(failed.has_value()) << failed->message;
  }

  /// Takes the ordered actions of one kind, in order.
  template <class T>
  std::vector<T> take() {
    std::vector<T> taken;
    std::vector<Action> kept;
    for (auto& action : actions) {
      if (auto* wanted = std::get_if<T>(&action)) {
        taken.push_back(std::move(*wanted));
      } else {
        kept.push_back(std::move(action));
      }
    }
    actions = std::move(kept);
    return taken;
  }

  [[nodiscard]] std::uint64_t count(const std::string& counter) const {
    const auto counters = core_->status().counters;
    const auto found = counters.find(counter);
    return found == counters.end() ? 0 : found->second;
  }

  Actions actions;

 private:
  std::string name_;
  std::filesystem::path folder_;
  SeededRandom random_;
  crypto::SystemCryptography crypto_;
  Options options_;
  std::unique_ptr<clawbridge::store::JournalDb> journal_;
  std::unique_ptr<Core> core_;
};

/// macbook and imac, a broker that keeps what is retained, and a gateway that starts every turn and ends it when told.
class World : public ::testing::Test {
 protected:
  World() : macbook("macbook", folder_.path(), 1), imac("imac", folder_.path(), 2) {}

  void SetUp() override {
    macbook.boot(now);
    imac.boot(now);
  }

  /// Both bridges online, with main on macbook and jarvis and pepper on imac, and each knows the other.
  void bring_up() {
    gateway_up(macbook, {"main"});
    gateway_up(imac, {"jarvis", "pepper"});
    settle();
    pass(std::chrono::seconds{3});
  }

  void gateway_up(Node& node, const std::vector<std::string>& agents) {
    event::GatewayUp up{.kind = "test", .version = "1", .boot_id = "boot-1", .keeps_keys = false, .agents = {}};
    for (const auto& agent : agents) up.agents.push_back({agent, ""});
    node.step(now, std::move(up));
  }

  /// Carries out what both ordered of the broker until nothing is left; what `lose` says true to is lost on the way.
  void settle(const std::function<bool(const action::Publish&)>& lose = nullptr) {
    for (bool busy = true; busy;) {
      busy = false;
      for (auto* node : {&macbook, &imac}) {
        if (!node->running()) continue;
        busy = carry_out(*node, lose) || busy;
      }
    }
  }

  /// Lets time pass in steps at which something is due, carrying out what is ordered.
  void pass(std::chrono::microseconds time, const std::function<bool(const action::Publish&)>& lose = nullptr) {
    const auto end = now.instant + time;
    settle(lose);
    while (true) {
      auto next = end;
      for (auto* node : {&macbook, &imac}) {
        if (!node->running()) continue;
        if (const auto due = node->core().next_deadline()) next = std::min(next, std::max(*due, now.instant));
      }
      advance(next - now.instant);
      for (auto* node : {&macbook, &imac}) node->step(now, event::Tick{});
      settle(lose);
      if (next >= end) return;
    }
  }

  void advance(std::chrono::microseconds time) {
    now.instant += time;
    elapsed_ += time;
    now.wall = kStart + std::chrono::duration_cast<std::chrono::milliseconds>(elapsed_);
  }

  /// `sessions_send` by a person on macbook; its ticket.
  Ticket send(std::string agent, std::string message, std::chrono::milliseconds wait = std::chrono::seconds{30},
              std::optional<std::chrono::milliseconds> expires_in = std::nullopt) {
    event::LocalSend send;
    send.ticket = ++tickets_;
    send.caller_agent = "_bridge";
    send.agent = std::move(agent);
    send.message = std::move(message);
    send.wait = wait;
    send.expires_in = expires_in;
    macbook.step(now, std::move(send));
    return tickets_;
  }

  /// The answer to a ticket of macbook's, if it came.
  std::optional<SendResult> answer(Ticket ticket) {
    for (auto& answer : macbook.take<action::Answer>()) {
      if (auto* result = std::get_if<SendResult>(&answer.result)) answers_.insert_or_assign(answer.ticket, std::move(*result));
    }
    const auto found = answers_.find(ticket);
    if (found == answers_.end()) return std::nullopt;
    return found->second;
  }

  /// Ends a turn with a reply.
  void finish(Node& node, const action::StartRun& run, std::string reply) {
    node.step(now, event::RunStarted{run.run, "run-" + run.run.id});
    body::Reply outcome;
    outcome.reply = std::move(reply);
    outcome.run_id = "run-" + run.run.id;
    node.step(now, event::RunEnded{run.run, std::move(outcome)});
  }

  /// Starts and ends every turn that was handed over with `echo: ` and its text; how many there were.
  std::size_t finish_all(Node& node) {
    const auto runs = node.take<action::StartRun>();
    for (const auto& run : runs) {
      turns.push_back(run);
      finish(node, run, "echo: " + run.text);
    }
    return runs.size();
  }

  /// Breaks a bridge's connection to the broker, which then gives its will.
  void lose_broker(Node& node) {
    node.step(now, event::BrokerLost{"the test broke it"});
    connected_.erase(node.name());
    if (const auto will = wills_.find(node.name()); will != wills_.end()) publish({.topic = will->second.first, .payload = will->second.second, .retain = true, .correlation_id = {}, .response_topic = {}, .expires_in = {}});
  }

  /// Delivers a payload to everyone whose filters match, as the broker does.
  void publish(const action::Publish& message) {
    if (message.retain) retained_[message.topic] = message.payload;
    log.push_back(message);
    for (auto* node : {&macbook, &imac}) {
      if (node->running() && connected_.contains(node->name()) && wants(*node, message.topic)) {
        node->step(now, event::BrokerMessage{message.topic, message.payload, false, {}, {}});
      }
    }
  }

  Now now{Instant{std::chrono::hours{1}}, kStart};
  Folder folder_;
  Node macbook;
  Node imac;
  std::vector<action::Publish> log;       // everything that crossed the broker
  std::vector<action::StartRun> turns;    // everything that finish_all() ran
  bool broker_up = true;
  bool keeps_retained = true;

 private:
  static bool wants(const Node& node, const std::string& topic) {
    return topic.starts_with("claw/" + node.name() + "/") || topic.ends_with("/state") || topic == "claw/_all/hello";
  }

  bool carry_out(Node& node, const std::function<bool(const action::Publish&)>& lose) {
    bool busy = false;
    for (auto& connect : node.take<action::ConnectBroker>()) {
      busy = true;
      if (!broker_up) {
        node.step(now, event::BrokerConnectFailed{event::BrokerFailure::Unreachable, "no broker on mqtt://test"});
        continue;
      }
      wills_[node.name()] = {connect.will_topic, connect.will_payload};
      connected_.insert(node.name());
      node.step(now, event::BrokerConnected{connect.protocol, 0, false});
    }
    for (auto& subscribe : node.take<action::Subscribe>()) {
      busy = true;
      event::BrokerSubscribed subscribed;
      for (const auto& subscription : subscribe.subscriptions) subscribed.results.push_back({subscription.filter, true});
      node.step(now, std::move(subscribed));
      if (!keeps_retained) continue;
      for (const auto& subscription : subscribe.subscriptions) {
        if (!subscription.wants_retained) continue;
        for (const auto& [topic, payload] : std::map(retained_)) node.step(now, event::BrokerMessage{topic, payload, true, {}, {}});
      }
    }
    for (auto& message : node.take<action::Publish>()) {
      busy = true;
      if (!connected_.contains(node.name())) continue;
      if (message.token != 0 && message.report_success) node.step(now, event::BrokerPublished{message.token, true, ""});
      if (lose == nullptr || !lose(message)) publish(message);
    }
    for (auto& ignored : node.take<action::DisconnectBroker>()) {
      (void)ignored;
      busy = true;
      connected_.erase(node.name());
    }
    return busy;
  }

  std::chrono::microseconds elapsed_{0};
  Ticket tickets_ = 0;
  std::map<Ticket, SendResult> answers_;
  std::map<std::string, std::string> retained_;
  std::map<std::string, std::pair<std::string, std::string>> wills_;
  std::set<std::string> connected_;
};

}  // namespace clawbridge::core
