// One WebSocket to a broker, over TCP or TLS, as the stream of bytes that MQTT wants: its packets need not begin or end
// where frames do. Coroutines on one thread; errors are boost::system::system_error.
#pragma once

#include <cstddef>
#include <memory>

#include "bridge/mqtt/broker_url.h"
#include "bridge/mqtt/settings.h"
#include "bridge/runtime/asio.h"

namespace clawbridge::mqtt {

class WebSocket {
 public:
  virtual ~WebSocket() = default;

  /// Resolves, connects, makes TLS with every check that the settings ask for, upgrades. Nothing is sent to a broker
  /// that has not passed. Each step has settings.connect_timeout. An error's text says what the broker answered.
  virtual asio::awaitable<void> open() = 0;
  /// Some bytes, at least one. Pings are answered meanwhile.
  virtual asio::awaitable<std::size_t> read_some(asio::mutable_buffer into) = 0;
  /// All of the bytes, as one message. One write at a time; they must live until it returns.
  virtual asio::awaitable<void> write(asio::const_buffer bytes) = 0;
  /// After the last write: says goodbye, and waits for the broker's for a second at most. Ends the read as well.
  virtual asio::awaitable<void> close() = 0;
  /// Ends every operation under way, at once.
  virtual void cut() noexcept = 0;
};

/// `url`: of a WebSocket. Throws std::runtime_error naming the file when one of the settings' cannot be used.
[[nodiscard]] std::unique_ptr<WebSocket> make_websocket(asio::io_context& io, const BrokerUrl& url,
                                                        const Settings& settings);

}  // namespace clawbridge::mqtt
