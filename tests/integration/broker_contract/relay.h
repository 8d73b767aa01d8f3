// A TCP relay between a client and its broker that a test can cut, as a network does: without a goodbye.
#pragma once

#include <sys/socket.h>

#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

#include "broker_process.h"

namespace clawbridge::testing_support {

class Relay {
 public:
  explicit Relay(int broker_port) : broker_port_(broker_port) {
    listener_ = open_socket();
    sockaddr_in address = loopback(0);
    socklen_t size = sizeof(address);
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(listener_, 8), 0);
    EXPECT_EQ(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
    acceptor_ = std::thread([this] { accept_all(); });
  }
  ~Relay() {
    ::shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    cut();
    for (auto& pump : pumps_) pump.join();
    for (const int socket : sockets_) ::close(socket);
    ::close(listener_);
  }
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  /// Ends every connection there is; later ones work again.
  void cut() {
    const std::lock_guard lock(mutex_);
    for (const int socket : sockets_) ::shutdown(socket, SHUT_RDWR);
  }
  [[nodiscard]] std::string url() const { return "mqtt://127.0.0.1:" + std::to_string(port_); }

 private:
  static int open_socket() { return ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0); }
  static sockaddr_in loopback(int port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
  }

  void accept_all() {
    for (;;) {
      const int client = ::accept(listener_, nullptr, nullptr);
      if (client < 0) return;
      const int broker = open_socket();
      sockaddr_in address = loopback(broker_port_);
      EXPECT_EQ(::connect(broker, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
      const std::lock_guard lock(mutex_);
      sockets_.insert(sockets_.end(), {client, broker});
      pumps_.emplace_back([client, broker] { pump(client, broker); });
      pumps_.emplace_back([client, broker] { pump(broker, client); });
    }
  }
  static void pump(int from, int to) {
    std::vector<char> buffer(65'536);
    for (;;) {
      const ssize_t count = ::recv(from, buffer.data(), buffer.size(), 0);
      if (count <= 0 || ::send(to, buffer.data(), static_cast<std::size_t>(count), MSG_NOSIGNAL) != count) break;
    }
    ::shutdown(from, SHUT_RDWR);
    ::shutdown(to, SHUT_RDWR);
  }

  int broker_port_;
  int listener_ = -1;
  int port_ = 0;
  std::mutex mutex_;
  std::vector<int> sockets_;
  std::vector<std::thread> pumps_;
  std::thread acceptor_;
};

}  // namespace clawbridge::testing_support
