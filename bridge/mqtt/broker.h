// The broker, as the core orders it: two connections over Paho that count as one.
//
// One connection only subscribes (it keeps its session and holds the will), the other only publishes: over one, Nagle's
// algorithm makes an exchange take 84 ms. Both are up or the broker counts as lost. Nothing reconnects by itself,
// nothing is kept on disk, and no message waits here longer than its connection lives: the core's journal is the only
// queue.
//
// Every order is carried out without waiting; what comes of it is reported to the sink, from Paho's threads or the
// caller's. After DisconnectBroker, and after BrokerLost or BrokerConnectFailed, an attempt reports nothing more.
#pragma once

#include <chrono>
#include <memory>
#include <thread>

#include "bridge/core/action.h"
#include "bridge/core/event.h"
#include "bridge/mqtt/broker_url.h"
#include "bridge/mqtt/settings.h"

namespace clawbridge::mqtt {

class Connection;

/// Called from one thread (the io thread). The sink is called from several and must outlive the Broker's last callback,
/// which comes before ~Broker() ends.
class Broker {
 public:
  /// Throws std::invalid_argument with a sentence for a person when settings.url is not one (see parse_broker_url).
  /// Removes http_proxy and https_proxy from the environment, which break Paho: make it before other threads start.
  Broker(Settings settings, core::EventSink sink);
  /// As stop() without time: what waits is lost.
  ~Broker();
  Broker(const Broker&) = delete;
  Broker& operator=(const Broker&) = delete;

  /// Ends whatever connection there is and opens a new one. Answered by BrokerConnected or BrokerConnectFailed, then by
  /// at most one BrokerLost. Tokens that the broker never answered are reported, not ok, before BrokerLost.
  void carry_out(core::action::ConnectBroker order);
  /// Publishes what was ordered before, then closes both connections in order (no will). Tokens are still reported.
  void carry_out(const core::action::DisconnectBroker& order);
  void carry_out(const core::action::Subscribe& order);
  /// REQUIRES: a connection; without one, or with a full queue, the publish is dropped, counted, and its token
  /// reported.
  void carry_out(core::action::Publish order);

  /// Carries out DisconnectBroker and waits for it, at most `deadline`. True: everything was published and closed.
  bool stop(std::chrono::milliseconds deadline);

  [[nodiscard]] const Counters& counters() const { return *counters_; }

 private:
  void finish_starting();

  Settings settings_;
  BrokerUrl url_;
  core::EventSink sink_;
  std::shared_ptr<Counters> counters_;
  std::unique_ptr<Connection> connection_;
  // Destroys the connection before and starts the present one: both may take Paho 100 ms.
  std::thread starter_;
};

}  // namespace clawbridge::mqtt
