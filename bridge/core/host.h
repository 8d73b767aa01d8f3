// What the daemon offers as a process, beside its exchanges: its measurements, its latest troubles, its settings. The
// composition root implements it; the API calls it on the io thread.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "bridge/core/action.h"
#include "bridge/core/views.h"
#include "topics/result.h"
#include "topics/time.h"

namespace clawbridge::core {

/// A warning or error of the log. Equal ones are one, with a count.
struct TroubleView {
  WallTime time{};  // of the latest
  action::Level level = action::Level::Warn;
  std::string event;
  std::string text;  // its fields, as in the log
  std::uint64_t count = 1;
};

struct SettingsView {
  std::string file;   // empty: the defaults hold
  WallTime loaded{};  // those that hold
  std::string error;  // why a newer file does not; empty: nothing newer was refused
  std::vector<std::string> restart_needed;  // keys that the file gives another value than the one that holds
};

/// What a reload has come to.
struct ReloadView {
  std::vector<std::string> changed;         // keys whose new value holds now
  std::vector<std::string> restart_needed;  // keys whose new value takes a restart
};
using ReloadResult = Result<ReloadView>;

class Host {
 public:
  virtual ~Host() = default;
  /// In the text format of Prometheus. `status`: with the counts of the API.
  [[nodiscard]] virtual std::string metrics(const StatusView& status) = 0;
  /// Newest first; some twenty.
  [[nodiscard]] virtual std::vector<TroubleView> troubles() = 0;
  [[nodiscard]] virtual SettingsView settings() = 0;
  /// Reads the settings again; those that may change hold from then on. BadRequest with the line for the user when they are
  /// wrong, and the old ones hold. `done` is called once, later, on the io thread.
  virtual void reload(std::function<void(ReloadResult)> done) = 0;
};

}  // namespace clawbridge::core
