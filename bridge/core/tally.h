// What is measured of exchanges since the start, for the metrics: how many of which kind were begun, how they ended, and how
// long each stage took to be reached. Plain numbers; every map is bounded by the program's own words.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "topics/error.h"
#include "topics/message.h"

namespace clawbridge::core {

/// Counts durations by the least bound that they do not exceed.
class Histogram {
 public:
  /// Seconds. From a commit to a memory-mapped file up to an agent's turn.
  static constexpr std::array<double, 20> kBounds{0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                                  0.25,   0.5,     1,      2.5,   5,      10,    30,   60,    300,  1800};

  void observe(std::chrono::microseconds duration) {
    const double seconds = std::chrono::duration<double>(std::max(duration, std::chrono::microseconds{0})).count();
    ++counts_[static_cast<std::size_t>(std::lower_bound(kBounds.begin(), kBounds.end(), seconds) - kBounds.begin())];
    sum_ += seconds;
  }

  /// One for each bound, not added up, and one for what is longer than the last.
  [[nodiscard]] const std::array<std::uint64_t, kBounds.size() + 1>& counts() const { return counts_; }
  [[nodiscard]] double sum() const { return sum_; }

 private:
  std::array<std::uint64_t, kBounds.size() + 1> counts_{};
  double sum_ = 0;
};

/// Asked here, or answered here.
enum class Direction { Outgoing, Incoming };

struct Tally {
  /// `status`: as in ExchangeView, once it has ended.
  struct Ended {
    Direction direction{};
    Operation op{};
    std::string status;
    friend auto operator<=>(const Ended&, const Ended&) = default;
  };
  /// `stage`: as in ExchangeView::stages.
  struct Reached {
    Direction direction{};
    std::string stage;
    friend auto operator<=>(const Reached&, const Reached&) = default;
  };

  std::map<std::pair<Direction, Operation>, std::uint64_t> begun;
  std::map<Ended, std::uint64_t> ended;
  std::map<ErrorCode, std::uint64_t> refused;  // requests that were taken to be answered `rejected`, by the reason
  std::map<Reached, Histogram> stages;  // since the exchange was accepted or taken here
};

}  // namespace clawbridge::core
