// One life of the two connections to a broker: made for one ConnectBroker, never used again after it has ended.
//
//   Connecting ──▶ Up ──▶ Closing ──▶ Ended
//        └──────────┴──────────────────▲
//
// Paho calls back from its own threads, holding its own lock. So a callback copies, reports and returns; our mutex is
// never held while Paho or the sink is called. As every life is an object of its own, a late callback finds its own
// connection ended and is never taken for the next one's.
#pragma once

#include <mqtt/async_client.h>

#include <condition_variable>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "bridge/core/action.h"
#include "bridge/core/event.h"
#include "bridge/mqtt/broker_url.h"
#include "bridge/mqtt/paho_client.h"
#include "bridge/mqtt/publish_window.h"
#include "bridge/mqtt/settings.h"
#include "bridge/mqtt/websocket_relay.h"

namespace clawbridge::mqtt {

/// Passes Paho's answer to one kind of order on. Nothing thrown gets out: Paho would abort.
class Listener : public paho::iaction_listener {
 public:
  using Handler = std::function<void(const paho::token& token, bool ok)>;
  explicit Listener(Handler handler) : handler_(std::move(handler)) {}
  void on_success(const paho::token& token) override { handle(token, true); }
  void on_failure(const paho::token& token) override { handle(token, false); }

 private:
  void handle(const paho::token& token, bool ok) noexcept;
  Handler handler_;
};

/// Orders come from one thread at a time. Must not be destroyed on a thread of Paho's, nor of the relay's.
class Connection {
 public:
  Connection(const BrokerUrl& url, const Settings& settings, core::action::ConnectBroker order, core::EventSink sink,
             std::shared_ptr<Counters> counters);
  /// Closes what is open, dropping what waits. May take 100 ms: Paho stops its threads with its last client.
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Begins to connect. Reports, never throws.
  void start() noexcept;
  void subscribe(const core::action::Subscribe& order);
  void publish(core::action::Publish order);
  /// Publishes what waits, then disconnects both in order. Nothing but tokens is reported from now on.
  void close();
  /// True: both are closed and nothing was left over.
  [[nodiscard]] bool wait_closed(std::chrono::milliseconds deadline);

 private:
  enum class Phase { Connecting, Up, Closing, Ended };

  /// One of the two clients. Flags are guarded by mutex_.
  struct Side {
    std::unique_ptr<paho::async_client> client;
    bool up = false;
  };

  /// One Subscribe whose filters are being answered one by one.
  struct Subscribing {
    std::vector<core::event::SubscribeResult> results;
    std::size_t unanswered = 0;
  };

  void connect(const std::string& subscriber_url, const std::string& publisher_url) noexcept;
  [[nodiscard]] paho::connect_options options(bool subscribing);

  void on_connect(Side& side, const paho::token& token, bool ok);
  void on_connected(Side& side, const paho::token& token);
  void on_lost(Side& side, const std::string& reason);
  void on_message(const paho::message& message);
  void deliver(core::event::BrokerMessage&& message);
  void on_subscribed(const paho::token& token, bool ok);
  void answer_subscription(Subscribing* subscribing, const std::string& filter, bool granted);
  void on_published(const paho::token& token, bool ok);
  void on_disconnected(Side& side);

  void on_no_way(const std::string& why);
  void on_refused(const paho::token& token);
  void fail(core::event::BrokerConnectFailed failure);
  void drain();
  /// Hands one publish to Paho. Returns why it did not take it; empty when it did.
  [[nodiscard]] std::string send(core::action::Publish& publish, PublishWindow::Slot& slot);
  void drop(std::uint64_t token, const std::string& reason);
  void disconnect(Side& side) noexcept;
  void disconnect_publisher_when_idle();

  const BrokerUrl url_;
  const Settings settings_;
  const core::action::ConnectBroker order_;
  const core::EventSink sink_;
  const std::shared_ptr<Counters> counters_;

  Listener subscriber_connect_{[this](const auto& token, bool ok) { on_connect(subscriber_, token, ok); }};
  Listener publisher_connect_{[this](const auto& token, bool ok) { on_connect(publisher_, token, ok); }};
  Listener subscribe_{[this](const auto& token, bool ok) { on_subscribed(token, ok); }};
  Listener publish_{[this](const auto& token, bool ok) { on_published(token, ok); }};
  Listener subscriber_disconnect_{[this](const auto&, bool) { on_disconnected(subscriber_); }};
  Listener publisher_disconnect_{[this](const auto&, bool) { on_disconnected(publisher_); }};

  std::mutex mutex_;
  std::condition_variable closed_;
  // Guarded by mutex_:
  Phase phase_ = Phase::Connecting;
  PublishWindow window_;
  bool draining_ = false;  // one thread at a time hands publishes to Paho, so that they keep their order
  bool publisher_disconnecting_ = false;
  std::list<Subscribing> subscribing_;
  std::size_t receive_maximum_ = 0;
  core::event::BrokerConnected connected_;
  std::vector<core::event::BrokerMessage> early_;  // of a kept session, before both connections are up

  // Last, so that they are destroyed first: their callbacks use everything above. The relay's ports outlive Paho.
  std::unique_ptr<WebsocketRelay> relay_;  // for ws:// and wss:// only
  Side subscriber_;
  Side publisher_;
  std::thread probing_;  // after a failure that Paho does not explain; started by the first side that fails
};

}  // namespace clawbridge::mqtt
