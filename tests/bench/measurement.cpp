#include "tests/bench/measurement.h"

#include <algorithm>
#include <sstream>

namespace clawbridge::bench {

std::string to_json(Measurement measurement) {
  auto& sorted = measurement.latencies_us;
  std::sort(sorted.begin(), sorted.end());
  const auto at = [&](double share) {
    return sorted[static_cast<std::size_t>(share * static_cast<double>(sorted.size() - 1))];
  };
  std::ostringstream out;
  out << R"({"count":)" << sorted.size() << R"(,"seconds":)" << measurement.seconds << R"(,"perSecond":)"
      << static_cast<double>(sorted.size()) / measurement.seconds << R"(,"p50Us":)" << at(0.5) << R"(,"p99Us":)"
      << at(0.99) << "}";
  return out.str();
}

}  // namespace clawbridge::bench
