// The one file that knows systemd's datagrams. Portable but for the abstract socket names, which only Linux has.
#include "bridge/runtime/service_notice.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <utility>

namespace clawbridge::runtime {
namespace {

std::optional<std::uint64_t> number_in(const char* variable) {
  const char* text = std::getenv(variable);
  if (text == nullptr) return std::nullopt;
  std::uint64_t number = 0;
  const char* end = text + std::strlen(text);
  const auto parsed = std::from_chars(text, end, number);
  return parsed.ec == std::errc{} && parsed.ptr == end ? std::optional(number) : std::nullopt;
}

std::uint64_t monotonic_microseconds() {
  std::timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000 + static_cast<std::uint64_t>(now.tv_nsec) / 1'000;
}

}  // namespace

ServiceWishes take_service_wishes() {
  ServiceWishes wishes;
  if (const char* socket = std::getenv("NOTIFY_SOCKET"); socket != nullptr && (socket[0] == '/' || socket[0] == '@'))
    wishes.socket = socket;
  const auto pid = number_in("WATCHDOG_PID");
  const auto interval = number_in("WATCHDOG_USEC");
  if (interval && *interval > 0 && (!pid || *pid == static_cast<std::uint64_t>(::getpid()))) {
    wishes.watchdog = std::chrono::microseconds(*interval);
  }
  for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) ::unsetenv(name);
  return wishes;
}

ServiceNotice::ServiceNotice(asio::io_context& io, ServiceWishes wishes) : alive_(io), wishes_(std::move(wishes)) {
  if (wishes_.socket.empty()) return;
  socket_ = ::socket(AF_UNIX, SOCK_DGRAM, 0);
  if (socket_ >= 0) ::fcntl(socket_, F_SETFD, FD_CLOEXEC);
}

ServiceNotice::~ServiceNotice() {
  if (socket_ >= 0) ::close(socket_);
}

void ServiceNotice::ready() {
  send("READY=1");
  if (wishes_.watchdog && socket_ >= 0) live();
}

void ServiceNotice::reloading() {
  send("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(monotonic_microseconds()));
}

void ServiceNotice::stopping() {
  alive_.cancel();
  wishes_.watchdog.reset();
  send("STOPPING=1");
}

void ServiceNotice::status(std::string_view text) {
  std::string line(text.substr(0, text.find('\n')));
  send("STATUS=" + line);
}

void ServiceNotice::send(const std::string& message) const {
  sockaddr_un address{};
  if (socket_ < 0 || wishes_.socket.size() >= sizeof(address.sun_path)) return;
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, wishes_.socket.data(), wishes_.socket.size());
  if (address.sun_path[0] == '@') address.sun_path[0] = '\0';
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + wishes_.socket.size());
  (void)::sendto(socket_, message.data(), message.size(), MSG_DONTWAIT, reinterpret_cast<const sockaddr*>(&address),
                 length);
}

/// Twice in the time that is allowed, as sd_watchdog_enabled(3) advises.
void ServiceNotice::live() {
  send("WATCHDOG=1");
  alive_.expires_after(*wishes_.watchdog / 2);
  alive_.async_wait([this](const boost::system::error_code& cancelled) {
    if (!cancelled && wishes_.watchdog) live();
  });
}

}  // namespace clawbridge::runtime
