// Keeps one failing thing from filling the log: of each event name so many lines in a window, the rest is counted.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "bridge/core/action.h"
#include "topics/time.h"

namespace clawbridge::observe {

/// Lines held back of one event name in a window that has ended.
struct Suppressed {
  std::string name;
  core::action::Level level = core::action::Level::Info;  // the highest of those held back
  std::uint64_t count = 0;
};

/// Per event name: from its first line on, a window of kWindow in which kLines pass. Names are literals of ours, so
/// their number is bounded by the program. Pure; one thread at a time.
class RepeatLimit {
 public:
  static constexpr std::chrono::seconds kWindow{10};
  static constexpr std::uint32_t kLines = 10;

  /// Whether lines of this level and name are counted at all: warnings and errors always; of the others neither debug
  /// nor `exchange.…`, which are there to follow each single message.
  [[nodiscard]] static bool applies(core::action::Level level, std::string_view name);

  /// True when the line is to be written. Call take_ended() with the same time before, so that windows end.
  [[nodiscard]] bool admit(Instant now, core::action::Level level, std::string_view name);

  /// Forgets the windows that have ended, and says what was held back in them, by name.
  [[nodiscard]] std::vector<Suppressed> take_ended(Instant now);

  /// Forgets all windows, and says what was held back so far: the end of the program.
  [[nodiscard]] std::vector<Suppressed> take_all();

 private:
  struct Window {
    Instant end;
    std::uint32_t lines = 0;
    Suppressed suppressed;
  };

  std::map<std::string, Window, std::less<>> windows_;
  Instant next_end_ = Instant::max();  // of all windows: one comparison decides that there is nothing to do
};

}  // namespace clawbridge::observe
