// One WebSocket to a gateway, over TCP or TLS. Coroutines, on the io thread; errors are boost::system::system_error.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "bridge/gateway/url.h"
#include "bridge/runtime/asio.h"

namespace clawbridge::gateway {

class Socket {
 public:
  virtual ~Socket() = default;

  /// Resolves, connects, checks the certificate against the host name (wss), upgrades. Each step has ten seconds.
  /// Sends no Origin header: the gateway would take us for a browser.
  virtual asio::awaitable<void> open() = 0;
  /// The next whole message, at most 64 MiB. Valid until the next call. Pings are answered meanwhile.
  virtual asio::awaitable<std::string_view> read() = 0;
  /// One write at a time. `text` must live until it returns.
  virtual asio::awaitable<void> write(std::string_view text) = 0;
  /// From now on a connection on which nothing at all arrives for so long is ended (beast::error::timeout).
  virtual void set_idle_timeout(std::chrono::milliseconds timeout) = 0;
  /// Ends every operation under way. No closing handshake: the gateway may be stuck.
  virtual void close() noexcept = 0;
  /// The close code and reason the peer sent, such as `1012 service restart`; empty if none came.
  [[nodiscard]] virtual std::string close_reason() const = 0;
};

/// `ca_file`: PEM certificates that wss trusts instead of the system's; empty: the system's.
/// Throws boost::system::system_error when they cannot be read.
[[nodiscard]] std::shared_ptr<Socket> make_socket(asio::io_context& io, const Url& url, const std::string& ca_file);

}  // namespace clawbridge::gateway
