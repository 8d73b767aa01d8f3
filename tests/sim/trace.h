// What happened in a run: a hash of it all (the same for the same seed), the readable lines where somebody reads them, what
// was counted, and the violations.
#pragma once

#include <cstdint>
#include <cstdio>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tests/sim/random.h"
#include "tests/sim/scheduler.h"

namespace clawbridge::sim {

[[nodiscard]] inline std::uint64_t hash_of(std::string_view bytes) {
  std::uint64_t hash = 0x2545f4914f6cdd1dULL ^ bytes.size();
  std::size_t at = 0;
  for (; at + 8 <= bytes.size(); at += 8) {
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < 8; ++i) word |= static_cast<std::uint64_t>(static_cast<unsigned char>(bytes[at + i])) << (8 * i);
    hash = (hash ^ word) * 0x9fb21c651e98df25ULL;
    hash ^= hash >> 32;
  }
  std::uint64_t rest = 0;
  for (; at < bytes.size(); ++at) rest = rest << 8 | static_cast<unsigned char>(bytes[at]);
  return mix(hash ^ rest);
}

/// By name; names are literals.
using Counts = std::map<std::string_view, std::uint64_t>;

class Trace {
 public:
  Trace(const Scheduler& scheduler, bool readable) : scheduler_(scheduler), readable_(readable) {}

  /// `who` and `what`: literals or stable names; `detail` stands for everything else that matters. `describe` is asked for a
  /// readable text only when somebody reads.
  template <class Describe>
  void line(std::string_view who, std::string_view what, std::uint64_t detail, Describe describe) {
    hash_ = mix(hash_ ^ hash_of(who) ^ mix(hash_of(what)) ^ mix(detail + static_cast<std::uint64_t>(scheduler_.now().time_since_epoch().count())));
    if (readable_) print(who, what, describe());
  }
  void line(std::string_view who, std::string_view what, std::uint64_t detail = 0) {
    line(who, what, detail, [] { return std::string(); });
  }

  void count(std::string_view name, std::uint64_t by = 1) { counts_[name] += by; }
  [[nodiscard]] const Counts& counts() const { return counts_; }

  /// A promise is broken. `name`: which; a run stops at the first.
  void violation(std::string_view name, const std::string& what) {
    if (readable_) print("VIOLATION", name, what);
    if (violations_.size() < 8) violations_.push_back(std::string(name) + ": " + what);
  }
  [[nodiscard]] const std::vector<std::string>& violations() const { return violations_; }
  [[nodiscard]] std::uint64_t hash() const { return hash_; }
  [[nodiscard]] bool readable() const { return readable_; }

 private:
  void print(std::string_view who, std::string_view what, const std::string& text) const {
    const auto since = scheduler_.now().time_since_epoch() - std::chrono::hours{1};
    std::printf("%12.6f %-9.*s %-18.*s %s\n", std::chrono::duration<double>(since).count(), static_cast<int>(who.size()), who.data(),
                static_cast<int>(what.size()), what.data(), text.c_str());
  }

  const Scheduler& scheduler_;
  bool readable_;
  std::uint64_t hash_ = 0;
  Counts counts_;
  std::vector<std::string> violations_;
};

}  // namespace clawbridge::sim
