// Virtual time: what is to happen when. Nothing else in a world waits.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "topics/time.h"

namespace clawbridge::sim {

class Scheduler {
 public:
  [[nodiscard]] Instant now() const { return now_; }
  /// How much happened so far: bounds a run that does not end.
  [[nodiscard]] std::uint64_t done() const { return done_; }

  /// What is due at the same moment happens in the order it was ordered.
  void at(Instant when, std::function<void()> what) {
    heap_.push_back({std::max(when, now_), next_++, std::move(what)});
    std::push_heap(heap_.begin(), heap_.end(), later);
  }
  void after(std::chrono::microseconds delay, std::function<void()> what) { at(now_ + delay, std::move(what)); }

  /// Does the next thing that is due by `limit`; false when there is none, and then it is `limit`.
  bool run_one(Instant limit) {
    if (heap_.empty() || heap_.front().when > limit) {
      now_ = std::max(now_, limit);
      return false;
    }
    std::pop_heap(heap_.begin(), heap_.end(), later);
    auto entry = std::move(heap_.back());
    heap_.pop_back();
    now_ = entry.when;
    ++done_;
    entry.what();
    return true;
  }

 private:
  struct Entry {
    Instant when;
    std::uint64_t order;
    std::function<void()> what;
  };
  static bool later(const Entry& a, const Entry& b) { return std::pair(a.when, a.order) > std::pair(b.when, b.order); }

  Instant now_{std::chrono::hours{1}};
  std::uint64_t next_ = 0;
  std::uint64_t done_ = 0;
  std::vector<Entry> heap_;
};

}  // namespace clawbridge::sim
