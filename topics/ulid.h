// ULIDs: 48 bits of wall time in milliseconds and 80 random bits, 26 characters of Crockford's base 32, upper case.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "topics/time.h"

namespace clawbridge {

[[nodiscard]] bool is_ulid(std::string_view text);

/// The time a ULID carries. REQUIRES: is_ulid(text).
[[nodiscard]] WallTime ulid_time(std::string_view text);

/// Makes ULIDs that rise even when the clock stands still or goes back. Not thread-safe.
class UlidSequence {
 public:
  /// Later ids are greater than this one; used with the greatest id found in the journal. They are others than those of a process before
  /// that began after the same one.
  void start_after(std::string_view ulid);
  /// `entropy`: ten fresh random bytes.
  [[nodiscard]] std::string next(WallTime now, std::span<const std::uint8_t, 10> entropy);

 private:
  std::uint64_t last_ms_ = 0;
  std::array<std::uint8_t, 10> last_random_{};
  bool any_ = false;
};

}  // namespace clawbridge
