// A broker of one test's own, started by the scripts in tests/support/brokers on a free port of 127.0.0.1.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>

namespace clawbridge::testing_support {

/// A loopback port that is this process's own while it lives; see free_port() in tests/support/clawtest/process.py.
inline int free_port() {
  std::random_device random;
  std::uniform_int_distribution<int> ports(10'000, 31'999);
  for (int attempt = 0; attempt < 1'000; ++attempt) {
    const int port = ports(random);
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    const auto text = "clawbridge-test-port-" + std::to_string(port);
    text.copy(name.sun_path + 1, sizeof name.sun_path - 1);  // the leading 0 makes it abstract: gone with the process
    const auto name_size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + text.size());
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    const int reservation = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int probe = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    ::setsockopt(probe, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    const bool ours = ::bind(reservation, reinterpret_cast<sockaddr*>(&name), name_size) == 0 &&
                      ::bind(probe, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    ::close(probe);
    if (ours) return port;  // the reservation stays open
    ::close(reservation);
  }
  ADD_FAILURE() << "no free loopback port among 1,000 tried";
  return 0;
}

class BrokerProcess {
 public:
  /// `kind`: mosquitto, nats.
  explicit BrokerProcess(std::string kind) : kind_(std::move(kind)) {
    std::string pattern = (std::filesystem::temp_directory_path() / "clawbridge-broker.XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    port_ = free_port();
  }
  ~BrokerProcess() {
    stop();
    std::filesystem::remove_all(folder_);
  }
  BrokerProcess(const BrokerProcess&) = delete;
  BrokerProcess& operator=(const BrokerProcess&) = delete;

  /// Starts it and waits for it. `extra`: further lines of its configuration, which may name files in folder().
  void start(const std::string& extra = {}) {
    const auto extra_file = folder_ / "extra";
    std::ofstream(extra_file) << extra;
    const std::string variable = kind_ == "mosquitto" ? "MOSQUITTO_EXTRA" : "NATS_EXTRA";
    run("env " + variable + "=\"$(cat '" + extra_file.string() + "')\" PERSIST=1 bash '" + scripts() + "/start-" +
        kind_ + ".sh' " + std::to_string(port_) + " '" + folder_.string() + "'");
    running_ = true;
  }
  void stop(const std::string& signal = "TERM") {
    if (!running_) return;
    run("bash '" + scripts() + "/stop.sh' '" + folder_.string() + "' " + signal);
    running_ = false;
  }
  [[nodiscard]] int port() const { return port_; }
  [[nodiscard]] std::string url(const std::string& scheme = "mqtt") const {
    return scheme + "://127.0.0.1:" + std::to_string(port_);
  }
  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }

 private:
  static std::string scripts() { return CLAWBRIDGE_SOURCE_DIR "/tests/support/brokers"; }
  static void run(const std::string& command) { ASSERT_EQ(std::system(command.c_str()), 0) << command; }

  std::string kind_;
  std::filesystem::path folder_;
  int port_ = 0;
  bool running_ = false;
};

}  // namespace clawbridge::testing_support
