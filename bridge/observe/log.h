// The log: one line per event to a stream, through spdlog. The core does not log, it says action::Note; adapters and
// main say log(). Names are stable, dotted and literals; `cid`, `mid`, `peer` and `agent` are present when known.
//
// Everything here belongs to one thread, the io thread (main before it starts and after it ended); Paho's threads post
// events instead.
#pragma once

#include <array>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bridge/core/action.h"
#include "bridge/observe/line.h"
#include "bridge/observe/repeat_limit.h"
#include "bridge/observe/troubles.h"
#include "topics/time.h"

namespace clawbridge::observe {

/// A log that writes what is at or above a level, and limits repeats (RepeatLimit): `event=X … suppressed=N` follows
/// with the first line after the window, or with flush().
class Log {
 public:
  using Clock = std::function<Now()>;

  /// `stream` is borrowed and must outlive the log; each line is handed to it whole and flushed. Failing writes are
  /// ignored: there is nowhere left to report them.
  Log(Level level, Format format, std::FILE* stream, Clock clock);
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  [[nodiscard]] bool enabled(Level level) const { return level >= level_; }
  /// Never throws but std::bad_alloc.
  void write(Level level, std::string_view name, std::span<const Field> fields);
  /// Writes what is known of held-back lines now.
  void flush();
  /// From the next line on.
  void change(Level level, Format format) {
    level_ = level;
    format_ = format;
  }

  [[nodiscard]] const Troubles& troubles() const { return troubles_; }
  /// Lines so far of the levels that are written, and all warnings; also those that were held back because they repeat others.
  [[nodiscard]] const std::array<std::uint64_t, 4>& lines() const { return lines_; }

 private:
  class Output;

  void write_suppressed(WallTime time, const std::vector<Suppressed>& all);
  void write_line(WallTime time, Level level, std::string_view name, std::span<const Field> fields);

  Level level_;
  Format format_;
  Clock clock_;
  RepeatLimit limit_;
  Troubles troubles_;
  std::array<std::uint64_t, 4> lines_{};
  std::string line_;  // kept, so that a line costs no allocation
  std::unique_ptr<Output> output_;
};

// ---- the log of this process ----

/// Makes it, with the system's clocks. Before this, or after close(), the functions below do nothing.
void init(Level level, Format format, std::FILE* stream = stderr);

/// Another level and format from the next line on.
void change(Level level, Format format);

/// The latest warnings and errors, newest first, whatever the level of the log.
[[nodiscard]] std::vector<core::TroubleView> troubles();
/// Lines so far, by level.
[[nodiscard]] std::array<std::uint64_t, 4> line_counts();

/// Writes what was held back, and ends the log.
void close();

/// Whether a line of this level would be written: ask before computing costly fields.
[[nodiscard]] bool enabled(Level level);

void log(Level level, std::string_view name, std::span<const Field> fields);
void log(Level level, std::string_view name, std::initializer_list<Field> fields = {});
void note(const core::action::Note& note);

}  // namespace clawbridge::observe
