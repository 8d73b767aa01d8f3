// Tells the service manager how the daemon is doing: systemd's protocol, one datagram a message (sd_notify(3)). Where
// nobody asks for it (no $NOTIFY_SOCKET: a shell, launchd) all of it does nothing.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "bridge/runtime/asio.h"

namespace clawbridge::runtime {

/// What the service manager said in the environment.
struct ServiceWishes {
  std::string socket;                                 // empty: it wants to hear nothing
  std::optional<std::chrono::microseconds> watchdog;  // it ends the service when it hears nothing for so long
};

/// Reads $NOTIFY_SOCKET and $WATCHDOG_USEC (if $WATCHDOG_PID is this process, or is not set), and removes the three, so
/// that no child speaks in the daemon's name. Before other threads start.
[[nodiscard]] ServiceWishes take_service_wishes();

/// Everything on the io thread. A message that cannot be sent is not repeated: nobody is there to hear it, or the next
/// one tells more.
class ServiceNotice {
 public:
  ServiceNotice(asio::io_context& io, ServiceWishes wishes);
  ~ServiceNotice();
  ServiceNotice(const ServiceNotice&) = delete;
  ServiceNotice& operator=(const ServiceNotice&) = delete;

  /// It serves; from now on it also says that it is alive, as often as the watchdog wants. Also after reloading().
  void ready();
  void reloading();
  /// No more signs of life are given: what is left to do has its own deadline.
  void stopping();
  /// One line for `systemctl status`.
  void status(std::string_view text);

 private:
  void send(const std::string& message) const;
  void live();

  asio::steady_timer alive_;
  ServiceWishes wishes_;
  int socket_ = -1;
};

}  // namespace clawbridge::runtime
