// A Broker whose events a test can wait for.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bridge/mqtt/broker.h"
#include "broker_process.h"

namespace clawbridge::testing_support {

inline constexpr std::chrono::seconds kPatience{60};  // only a failing test waits so long

class BrokerClient {
 public:
  explicit BrokerClient(mqtt::Settings settings)
      : broker(std::move(settings), [this](core::Event event) { push(std::move(event)); }) {}
  explicit BrokerClient(const std::string& url) : BrokerClient(mqtt::Settings{.url = url}) {}

  void connect(const std::string& name, int protocol = 5) { connect_as(name, name, protocol); }
  /// With the client ids of two names.
  void connect_as(const std::string& sub_name, const std::string& pub_name, int protocol) {
    broker.carry_out(core::action::ConnectBroker{.sub_client_id = "contract-" + sub_name + "-sub",
                                                 .pub_client_id = "contract-" + pub_name + "-pub",
                                                 .protocol = protocol,
                                                 .will_topic = "contract/" + sub_name + "/state",
                                                 .will_payload = "offline"});
  }
  /// Connects, and expects it to work.
  core::event::BrokerConnected connected(const std::string& name, int protocol = 5) {
    connect(name, protocol);
    const auto event = wait_either<core::event::BrokerConnected, core::event::BrokerConnectFailed>();
    if (const auto* failed = std::get_if<core::event::BrokerConnectFailed>(&event)) ADD_FAILURE() << failed->reason;
    const auto* good = std::get_if<core::event::BrokerConnected>(&event);
    return good == nullptr ? core::event::BrokerConnected{} : *good;
  }
  /// Connects, and expects it to fail.
  core::event::BrokerConnectFailed refused(const std::string& name, int protocol = 5) {
    connect(name, protocol);
    return wait<core::event::BrokerConnectFailed>();
  }
  core::event::BrokerSubscribed subscribe(std::vector<core::action::Subscription> subscriptions) {
    broker.carry_out(core::action::Subscribe{std::move(subscriptions)});
    return wait<core::event::BrokerSubscribed>();
  }
  void publish(const std::string& topic, const std::string& payload, std::uint64_t token = 0, bool retain = false) {
    core::action::Publish order;
    order.topic = topic;
    order.payload = payload;
    order.retain = retain;
    order.token = token;
    broker.carry_out(std::move(order));
  }

  /// The next event of that type; those of other types stay.
  template <class T>
  T wait() {
    std::unique_lock lock(mutex_);
    std::optional<T> found;
    const bool came = arrived_.wait_for(lock, kPatience, [&] {
      for (auto it = events_.begin(); it != events_.end(); ++it) {
        if (auto* event = std::get_if<T>(&*it)) {
          found = std::move(*event);
          events_.erase(it);
          return true;
        }
      }
      return false;
    });
    if (!came) ADD_FAILURE() << "no such event came: " << typeid(T).name();
    return found ? std::move(*found) : T{};
  }
  template <class A, class B>
  core::Event wait_either() {
    std::unique_lock lock(mutex_);
    std::optional<core::Event> found;
    arrived_.wait_for(lock, kPatience, [&] {
      for (auto it = events_.begin(); it != events_.end(); ++it) {
        if (std::holds_alternative<A>(*it) || std::holds_alternative<B>(*it)) {
          found = std::move(*it);
          events_.erase(it);
          return true;
        }
      }
      return false;
    });
    if (!found) ADD_FAILURE() << "neither event came";
    return found.value_or(core::Event{});
  }
  template <class T>
  [[nodiscard]] std::size_t count() {
    const std::lock_guard lock(mutex_);
    std::size_t n = 0;
    for (const auto& event : events_) n += std::holds_alternative<T>(event) ? 1 : 0;
    return n;
  }

 private:
  void push(core::Event event) {
    const std::lock_guard lock(mutex_);
    events_.push_back(std::move(event));
    arrived_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<core::Event> events_;

 public:
  // Last: its callbacks use everything above until it is destroyed.
  mqtt::Broker broker;
};

}  // namespace clawbridge::testing_support
