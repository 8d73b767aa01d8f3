// The one source of chance in a run: everything that is drawn comes from the seed, so that a number replays a run.
//
// Every part draws from dice of its own, forked from the world's: a part that draws once more does not shift the others.
#pragma once

#include <chrono>
#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include "bridge/core/cryptography.h"

namespace clawbridge::sim {

/// A 64-bit finalizer: every input bit reaches every output bit (splitmix64's).
[[nodiscard]] constexpr std::uint64_t mix(std::uint64_t value) {
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ULL;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebULL;
  return value ^ (value >> 31);
}

class Dice final : public core::Random {
 public:
  explicit Dice(std::uint64_t seed) : state_(mix(seed + 0x9e3779b97f4a7c15ULL)) {}

  [[nodiscard]] std::uint64_t next() { return mix(state_ += 0x9e3779b97f4a7c15ULL); }
  /// In [0, most). REQUIRES: most > 0.
  [[nodiscard]] std::uint64_t below(std::uint64_t most) { return next() % most; }
  /// In [low, high].
  [[nodiscard]] std::uint64_t between(std::uint64_t low, std::uint64_t high) { return low + below(high - low + 1); }
  [[nodiscard]] double fraction() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }
  [[nodiscard]] bool chance(double probability) { return fraction() < probability; }
  [[nodiscard]] std::chrono::microseconds time(std::chrono::microseconds low, std::chrono::microseconds high) {
    return low + std::chrono::microseconds{static_cast<std::int64_t>(below(static_cast<std::uint64_t>((high - low).count()) + 1))};
  }
  /// As often short as long: each power of two between the two is as likely. REQUIRES: low > 0.
  [[nodiscard]] std::chrono::microseconds spread(std::chrono::microseconds low, std::chrono::microseconds high) {
    const auto ratio = static_cast<double>(high.count()) / static_cast<double>(low.count());
    return std::chrono::microseconds{static_cast<std::int64_t>(static_cast<double>(low.count()) * std::pow(ratio, fraction()))};
  }
  template <class T>
  [[nodiscard]] const T& pick(const std::vector<T>& from) {
    return from[below(from.size())];
  }
  [[nodiscard]] Dice fork() { return Dice(next()); }

  void fill(std::span<std::uint8_t> bytes) override {
    for (std::size_t at = 0; at < bytes.size();) {
      auto word = next();
      for (int i = 0; i < 8 && at < bytes.size(); ++i, word >>= 8) bytes[at++] = static_cast<std::uint8_t>(word);
    }
  }

 private:
  std::uint64_t state_;
};

}  // namespace clawbridge::sim
