// A broker of one test's own, started by the scripts in tests/support/brokers on a free port of 127.0.0.1.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace clawbridge::testing_support {

inline int free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  EXPECT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
  ::close(fd);
  return ntohs(address.sin_port);
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
