// What the service manager hears, on a real datagram socket of the test's.
#include "bridge/runtime/service_notice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>

namespace clawbridge::runtime {
namespace {

using testing::MatchesRegex;
using namespace std::chrono_literals;

/// The manager's end.
class Manager {
 public:
  explicit Manager(const std::string& name) : name_(name), socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    name.copy(address.sun_path, sizeof(address.sun_path) - 1);
    if (address.sun_path[0] == '@') address.sun_path[0] = '\0';
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    EXPECT_EQ(::bind(socket_, reinterpret_cast<const sockaddr*>(&address), length), 0);
  }
  ~Manager() {
    ::close(socket_);
    if (name_[0] == '/') ::unlink(name_.c_str());
  }
  /// The oldest message; empty: none is there.
  std::string heard() {
    std::array<char, 512> text{};
    const auto size = ::recv(socket_, text.data(), text.size(), 0);
    return size < 0 ? "" : std::string(text.data(), static_cast<std::size_t>(size));
  }

 private:
  std::string name_;
  int socket_;
};

std::string socket_path() {
  return (std::filesystem::temp_directory_path() / ("claw-notice-" + std::to_string(::getpid()))).string();
}

TEST(ServiceNotice, TellsTheStagesOfALife) {
  for (const auto& name : {socket_path(), "@claw-notice-" + std::to_string(::getpid())}) {
    Manager manager(name);
    asio::io_context io;
    ServiceNotice notice(io, {name, {}});
    notice.ready();
    EXPECT_EQ(manager.heard(), "READY=1");
    notice.status("imac serves\nEVIL=1");
    EXPECT_EQ(manager.heard(), "STATUS=imac serves");
    notice.reloading();
    EXPECT_THAT(manager.heard(), MatchesRegex("RELOADING=1\nMONOTONIC_USEC=[0-9]+"));
    notice.stopping();
    EXPECT_EQ(manager.heard(), "STOPPING=1");
    EXPECT_EQ(manager.heard(), "");
    io.run();  // nothing waits: no watchdog was asked for
  }
}

TEST(ServiceNotice, ShowsThatItLivesUntilItStops) {
  Manager manager(socket_path());
  asio::io_context io;
  ServiceNotice notice(io, {socket_path(), 2ms});
  notice.ready();
  EXPECT_EQ(manager.heard(), "READY=1");
  EXPECT_EQ(manager.heard(), "WATCHDOG=1");
  for (int i = 0; i < 3; ++i) {
    io.run_one();
    EXPECT_EQ(manager.heard(), "WATCHDOG=1");
  }
  notice.stopping();
  EXPECT_EQ(manager.heard(), "STOPPING=1");
  io.run();
  EXPECT_EQ(manager.heard(), "");
}

TEST(ServiceNotice, IsSilentWhereNobodyListens) {
  asio::io_context io;
  ServiceNotice nobody(io, {});
  nobody.ready();
  ServiceNotice gone(io, {"/nowhere/at/all", 1ms});
  gone.ready();
  gone.stopping();
  ServiceNotice too_long(io, {"/" + std::string(300, 'x'), {}});
  too_long.ready();
  io.run();
}

TEST(ServiceNotice, TakesTheManagersWordsOutOfTheEnvironment) {
  ::setenv("NOTIFY_SOCKET", "/run/notify", 1);
  ::setenv("WATCHDOG_USEC", "60000000", 1);
  ::setenv("WATCHDOG_PID", std::to_string(::getpid()).c_str(), 1);
  const auto wishes = take_service_wishes();
  EXPECT_EQ(wishes.socket, "/run/notify");
  EXPECT_EQ(wishes.watchdog, 60s);
  for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"})
    EXPECT_EQ(std::getenv(name), nullptr) << name;

  ::setenv("NOTIFY_SOCKET", "relative", 1);
  ::setenv("WATCHDOG_USEC", "60000000", 1);
  ::setenv("WATCHDOG_PID", "1", 1);  // another process is meant
  const auto others = take_service_wishes();
  EXPECT_EQ(others.socket, "");
  EXPECT_FALSE(others.watchdog);
}

}  // namespace
}  // namespace clawbridge::runtime
