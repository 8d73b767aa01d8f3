// What one run of the benchmark measures: a latency for every exchange and the time all of them took.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

namespace clawbridge::bench {

using Clock = std::chrono::steady_clock;

/// The load: `count` exchanges of `bytes` each, `in_flight` of them at any time.
struct Load {
  std::size_t bytes = 200;
  std::size_t in_flight = 1;
  std::size_t count = 1000;
};

struct Measurement {
  std::vector<double> latencies_us;
  double seconds = 0;
};

/// One line of JSON: `{"count","seconds","perSecond","p50Us","p99Us"}`. REQUIRES: at least one latency.
[[nodiscard]] std::string to_json(Measurement measurement);

}  // namespace clawbridge::bench
