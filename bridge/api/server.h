// The local HTTP API: a Unix socket that only this user and root can reach, a TCP port of this machine for who has a
// token, when asked for, and the calls of core::Service behind them.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "bridge/api/access.h"
#include "bridge/api/connection.h"
#include "bridge/api/socket_file.h"
#include "bridge/core/host.h"
#include "bridge/core/service.h"
#include "bridge/runtime/asio.h"

namespace clawbridge::api {

struct TcpSettings {
  std::string address;  // a loopback IP address
  std::uint16_t port = 0;
  std::vector<Token> tokens;
  /// Of connections_max. Low, so that who has no token can use up neither the connections nor the descriptors that the
  /// rest of the daemon needs.
  std::size_t connections_max = 256;
};

struct Settings {
  std::string socket_path;
  std::optional<TcpSettings> tcp;
  std::size_t connections_max = 4096;  // of both listeners; one more is answered `busy` and closed
  ConnectionLimits connection;
};

/// Everything on the io thread. `io`, `service`, `host` and `cryptography` must outlive it. `report` is told of everybody
/// turned away. Destroying it closes every connection at once and cancels what waits. Destroy it after `stopped`, or
/// when `io` runs no more.
class Server {
 public:
  Server(asio::io_context& io, Settings settings, core::Service& service, core::Host& host, const core::Cryptography& cryptography,
         Refusals::Report report);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Listens. Throws std::runtime_error with one line for a person (see SocketFile::open), also when the TCP address
  /// is none of this machine alone or its port is taken.
  void start();

  /// Takes no new connection or request; requests under way may finish within `grace`, then they are answered with an
  /// error (503, `timeout`) and cancelled. Calls `stopped`, once, when the last connection has gone. Removes the
  /// socket's file at once.
  void stop(std::chrono::milliseconds grace, std::function<void()> stopped);

  /// Other tokens for TCP, if that is listened on.
  void replace_tokens(std::vector<Token> tokens);

  [[nodiscard]] std::size_t connections() const { return connections_.size(); }
  /// The TCP port; 0 when there is none.
  [[nodiscard]] std::uint16_t tcp_port() const;

 private:
  using TcpSocket = asio::ip::tcp::socket;
  using UnixSocket = asio::local::stream_protocol::socket;

  void listen_on_tcp(const TcpSettings& tcp);
  template <class Acceptor>
  void accept(Acceptor& acceptor, asio::steady_timer& pause);
  void admit(UnixSocket socket);
  void admit(TcpSocket socket);
  /// Nothing when the connections are used up, and the caller has been told so.
  std::shared_ptr<Connection> keep(Connection::Socket socket, Access& access, std::size_t& count,
                                   std::size_t count_max);
  void forget(Connection* connection);
  void watch_time();
  void give_up();
  void cut_off();
  [[nodiscard]] std::vector<std::shared_ptr<Connection>> all() const;

  asio::io_context& io_;
  const Settings settings_;
  const core::Cryptography& cryptography_;
  Refusals refusals_;
  Routes routes_;
  SocketAccess socket_access_;
  std::optional<TokenAccess> token_access_;  // set when TCP is
  SocketFile file_;
  asio::ip::tcp::acceptor tcp_;
  asio::steady_timer watch_timer_;  // runs only while there are connections: an idle daemon never wakes
  asio::steady_timer unix_pause_;
  asio::steady_timer tcp_pause_;
  asio::steady_timer stop_timer_;
  std::function<void()> stopped_;
  std::unordered_map<Connection*, std::shared_ptr<Connection>> connections_;  // of both listeners
  std::size_t unix_connections_ = 0;
  std::size_t tcp_connections_ = 0;
};

}  // namespace clawbridge::api
