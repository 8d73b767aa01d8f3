// The settings while the daemon runs: read again when somebody asks or the file has changed; what may change without a
// restart is handed on, everything else waits for one. Wrong settings change nothing.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "bridge/cli/run.h"
#include "bridge/core/host.h"
#include "bridge/runtime/asio.h"
#include "config/file_watch.h"
#include "config/settings.h"

namespace clawbridge {

/// On the io thread, but that reading may run commands and take seconds: it has a short-lived thread of its own.
class Reloader {
 public:
  /// `started`: those the daemon was started with. `apply`: takes those whose live keys hold from now on; the others
  /// are to be left as they are.
  Reloader(asio::io_context& io, const config::Settings& started, cli::Reread reread,
           std::function<void(const config::Settings&)> apply);
  ~Reloader();
  Reloader(const Reloader&) = delete;
  Reloader& operator=(const Reloader&) = delete;

  /// Looks at the file from now on.
  void watch();
  void stop();
  void reload(std::function<void(core::ReloadResult)> done);

  [[nodiscard]] const core::SettingsView& view() const { return view_; }
  [[nodiscard]] std::uint64_t applied() const { return applied_; }
  [[nodiscard]] std::uint64_t refused() const { return refused_; }

 private:
  using Read = std::variant<config::Settings, std::string>;  // or what is wrong
  using Waiting = std::vector<std::function<void(core::ReloadResult)>>;

  void look();
  void join();
  void begin();
  void end(Read read);
  [[nodiscard]] core::ReloadResult take(const config::Settings& next);

  asio::io_context& io_;
  const config::Settings started_;
  config::Settings held_;  // of which the live keys hold
  const cli::Reread reread_;
  const std::function<void(const config::Settings&)> apply_;
  asio::steady_timer timer_;
  config::FileWatch file_;
  core::SettingsView view_;
  std::uint64_t applied_ = 0;
  std::uint64_t refused_ = 0;
  Waiting asked_;      // since the reading under way began: answered by the next
  Waiting answering_;  // by the reading under way
  bool again_ = false;
  bool reading_ = false;
  std::thread reader_;
};

}  // namespace clawbridge
