// The two times of the project. Neither type has a clock behind it: both are handed in.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace clawbridge {

/// Wall time, milliseconds since 1970 in UTC: stamps and expiry on the wire.
using WallTime = std::chrono::sys_time<std::chrono::milliseconds>;

/// Monotonic time from an arbitrary start: timeouts. The tag has no now() on purpose.
struct MonotonicClockTag {
  using duration = std::chrono::microseconds;
  using rep = duration::rep;
  using period = duration::period;
  static constexpr bool is_steady = true;
};
using Instant = std::chrono::time_point<MonotonicClockTag, std::chrono::microseconds>;

/// What the caller's clocks say at one moment.
struct Now {
  Instant instant;
  WallTime wall;
};

/// RFC 3339 in UTC with milliseconds, `2026-11-22T16:20:01.123Z`. Years 0000 to 9999; others are clamped.
[[nodiscard]] std::string format_time(WallTime time);

/// Parses exactly that form; nothing for any other (no offset, no missing milliseconds, no impossible date).
[[nodiscard]] std::optional<WallTime> parse_time(std::string_view text);

}  // namespace clawbridge
