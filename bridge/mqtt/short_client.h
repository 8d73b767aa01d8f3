// One MQTT client that waits for each answer: for a command that tries a broker out, not for the daemon.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "bridge/mqtt/broker_url.h"
#include "bridge/mqtt/connect_failure.h"
#include "bridge/mqtt/paho_client.h"
#include "bridge/mqtt/settings.h"
#include "bridge/mqtt/websocket_relay.h"

namespace clawbridge::mqtt {

/// A moment after which nothing is waited for.
class Deadline {
 public:
  using Clock = std::chrono::steady_clock;
  explicit Deadline(std::chrono::milliseconds limit) : end_(Clock::now() + limit) {}
  /// What is left, at most `most`.
  [[nodiscard]] std::chrono::milliseconds left(std::chrono::milliseconds most) const;
  [[nodiscard]] bool passed() const { return Clock::now() >= end_; }

 private:
  Clock::time_point end_;
};

struct Arrival {
  std::string topic;
  std::string payload;
  bool retained = false;
};

/// What the broker sent, of one client. Filled by Paho's thread.
class Mailbox {
 public:
  void put(Arrival arrival);
  void close();
  /// The first that fits, taken out; nothing when none has come in time, or the connection has ended.
  std::optional<Arrival> take(const std::function<bool(const Arrival&)>& fits, std::chrono::milliseconds limit);
  [[nodiscard]] bool closed();

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Arrival> arrivals_;  // guarded by mutex_
  bool closed_ = false;           // guarded by mutex_
};

struct Session {
  std::string client_id;
  int protocol = 5;
  bool kept = false;         // for a minute; otherwise it begins anew and ends with the connection
  std::string will_topic{};  // empty: none
  std::string will_payload{};
};

/// What the broker said when it let the client in. 0 and true where it says nothing.
struct Greeting {
  bool session_present = false;
  int qos_max = 2;
  bool keeps_retained = true;
  std::uint64_t packet_bytes_max = 0;
};

/// What the broker made of a SUBSCRIBE or PUBLISH.
struct Receipt {
  bool accepted = false;
  bool answered = false;
  int qos = 0;  // granted
  std::string reason{};
};

/// One connection, used by one thread, never again after it has ended. `url` and `settings` must outlive it.
class ShortClient {
 public:
  ShortClient(const BrokerUrl& url, const Settings& settings) : url_(url), settings_(settings) {}
  /// Closes in order: no will.
  ~ShortClient();
  ShortClient(const ShortClient&) = delete;
  ShortClient& operator=(const ShortClient&) = delete;

  /// Why there is no connection; nothing: there is one, and greeting() is the broker's.
  std::optional<ConnectAttempt> connect(const Session& session, std::chrono::milliseconds limit);
  [[nodiscard]] const Greeting& greeting() const { return greeting_; }

  Receipt subscribe(const std::string& filter, std::chrono::milliseconds limit);
  Receipt publish(const std::string& topic, const std::string& payload, bool retain, std::chrono::milliseconds limit);
  void unsubscribe(const std::string& filter, std::chrono::milliseconds limit);
  [[nodiscard]] Mailbox& mailbox() { return mailbox_; }
  /// Cuts the line, as a power failure would: the broker is to publish the will.
  void cut();
  /// Ends the connection and the session.
  void close();

 private:
  std::optional<std::string> way_in(std::chrono::milliseconds limit);

  const BrokerUrl& url_;
  const Settings& settings_;
  int protocol_ = 5;
  Greeting greeting_;
  Mailbox mailbox_;
  std::set<int> sockets_;  // Paho's, to the broker; it has no other way to cut a line
  std::unique_ptr<WebsocketRelay> relay_;  // outlives Paho's client
  std::unique_ptr<paho::async_client> client_;
};

}  // namespace clawbridge::mqtt
