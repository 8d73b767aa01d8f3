// Carries the two connections to a broker over WebSockets, which Paho C 1.3.12 cannot: what it has read of frames lies
// in one place for all its clients, and of a frame that holds several MQTT packets it takes the first and looks at the
// rest when the socket has something new. A SUBACK that shares its frame with a message is then not seen for hours.
//
//   Paho ──TCP──▶ 127.0.0.1, a port for one connection ──▶ WebSocket, TLS ──▶ broker
//
// The way to the broker is made first and Paho is let in when it stands: so every failure on that way is found here and
// can be told apart, and what Paho itself reports is MQTT's. Whoever else on this machine connects to such a port
// would speak to the broker with our client certificate; therefore only the connection of our own process is taken, and
// the port is closed at once. It is open until then, so that nobody else can listen there and be told the password.
//
// Each direction holds one piece of at most 64 KiB: a slow reader slows its writer down.
#pragma once

#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "bridge/mqtt/broker_url.h"
#include "bridge/mqtt/settings.h"
#include "bridge/runtime/asio.h"

namespace clawbridge::mqtt {

class WebsocketRelay {
 public:
  struct Handlers {
    /// All ways to the broker stand. `urls`: where Paho connects to, one client each, once.
    std::function<void(std::vector<std::string> urls)> opened;
    /// One of them does not stand, or Paho cannot be let in; all are closed. `why`: the error's own words.
    std::function<void(const std::string& why)> failed;
  };

  /// Begins to connect `count` times, on a thread of its own, from which each handler is called at most once, `opened`
  /// never after `failed`. Later a connection that ends on one side ends on the other as well, after what was read.
  /// `url` and `settings` must outlive it. Paho's clients must not: see stop().
  WebsocketRelay(const BrokerUrl& url, const Settings& settings, std::size_t count, Handlers handlers);
  ~WebsocketRelay();
  WebsocketRelay(const WebsocketRelay&) = delete;
  WebsocketRelay& operator=(const WebsocketRelay&) = delete;

  /// Cuts whatever there is; no handler is called any more. Waits for one that is being called, and for the system's
  /// name lookup. The ports that no Paho has come to yet stay taken until the relay is destroyed: destroy it after
  /// Paho's clients, one of which may still be about to connect, and to tell whoever listens there the password.
  void stop();

  /// Waits until all that Paho has written before it closed is with the broker. False: not before the deadline.
  [[nodiscard]] bool wait_closed(std::chrono::milliseconds deadline);

 private:
  class Link;

  void run();
  void spawn(asio::awaitable<void> conversation);
  asio::awaitable<void> serve(Link* link);
  void ended(std::exception_ptr error);
  void cut() noexcept;

  const BrokerUrl& url_;
  const Settings& settings_;
  const std::size_t count_;
  const Handlers handlers_;
  asio::io_context io_{1};
  // Of the relay's thread:
  std::vector<std::unique_ptr<Link>> links_;
  std::size_t links_open_ = 0;
  std::size_t conversations_ = 0;
  bool cut_ = false;

  std::promise<void> closed_promise_;
  std::future<void> closed_ = closed_promise_.get_future();
  std::thread thread_;  // last: it uses everything above
};

}  // namespace clawbridge::mqtt
