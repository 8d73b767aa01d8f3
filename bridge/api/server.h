// The local HTTP API: a Unix socket that only this user and root can reach, and the calls of core::Service behind it.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "bridge/api/connection.h"
#include "bridge/api/socket_file.h"
#include "bridge/core/service.h"
#include "bridge/runtime/asio.h"

namespace clawbridge::api {

struct Settings {
  std::string socket_path;
  std::size_t connections_max = 4096;  // one more is answered `busy` and closed
  ConnectionLimits connection;
};

/// Everything on the io thread. `io` and `service` must outlive it. Destroying it closes every connection at once and
/// cancels what waits. Destroy it after `stopped`, or when `io` runs no more.
class Server {
 public:
  Server(asio::io_context& io, Settings settings, core::Service& service);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Listens. Throws std::runtime_error with one line for a person (see SocketFile::open).
  void start();

  /// Takes no new connection or request; requests under way may finish within `grace`, then they are answered with an
  /// error (503, `timeout`) and cancelled. Calls `stopped`, once, when the last connection has gone. Removes the
  /// socket's file at once.
  void stop(std::chrono::milliseconds grace, std::function<void()> stopped);

  [[nodiscard]] std::size_t connections() const { return connections_.size(); }

 private:
  void accept();
  void on_accept(boost::system::error_code failure, Connection::Socket socket);
  void admit(Connection::Socket socket);
  void forget(Connection* connection);
  void watch_time();
  void give_up();
  void cut_off();
  [[nodiscard]] std::vector<std::shared_ptr<Connection>> all() const;

  asio::io_context& io_;
  const Settings settings_;
  Routes routes_;
  SocketFile file_;
  asio::steady_timer watch_timer_;  // runs only while there are connections: an idle daemon never wakes
  asio::steady_timer accept_timer_;
  asio::steady_timer stop_timer_;
  std::function<void()> stopped_;
  std::unordered_map<Connection*, std::shared_ptr<Connection>> connections_;
};

}  // namespace clawbridge::api
