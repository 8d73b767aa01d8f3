// Deadlines by key: one per key, the earliest first. The core has no other timers.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <utility>

#include "topics/time.h"

namespace clawbridge::core {

/// How soon an expiry is looked at again, at the latest: the wall clock may jump, or the machine sleep.
inline constexpr std::chrono::microseconds kExpiryLook = std::chrono::minutes{10};

/// Over how long everybody's messages are spread that are sent again after a reconnect or a peer's new epoch.
inline constexpr std::chrono::microseconds kSpread = std::chrono::seconds{2};

template <class Key>
class Timers {
 public:
  /// Sets the key's deadline, in place of an earlier one.
  void schedule(const Key& key, Instant at) {
    cancel(key);
    by_key_.emplace(key, at);
    by_time_.emplace(at, key);
  }
  /// Sets the key's deadline unless it has an earlier one.
  void schedule_by(const Key& key, Instant at) {
    const auto found = by_key_.find(key);
    if (found == by_key_.end() || found->second > at) schedule(key, at);
  }
  void cancel(const Key& key) {
    const auto found = by_key_.find(key);
    if (found == by_key_.end()) return;
    by_time_.erase({found->second, key});
    by_key_.erase(found);
  }
  [[nodiscard]] bool is_scheduled(const Key& key) const { return by_key_.contains(key); }
  [[nodiscard]] std::optional<Instant> next() const {
    if (by_time_.empty()) return std::nullopt;
    return by_time_.begin()->first;
  }
  /// Takes out one key whose deadline has come; nothing when there is none.
  [[nodiscard]] std::optional<Key> pop_due(Instant now) {
    if (by_time_.empty() || by_time_.begin()->first > now) return std::nullopt;
    Key key = by_time_.begin()->second;
    by_time_.erase(by_time_.begin());
    by_key_.erase(key);
    return key;
  }

 private:
  std::map<Key, Instant> by_key_;
  std::set<std::pair<Instant, Key>> by_time_;
};

/// The earlier of two deadlines, where nothing means never.
inline std::optional<Instant> earliest(std::optional<Instant> a, std::optional<Instant> b) {
  if (!a) return b;
  if (!b) return a;
  return *a < *b ? a : b;
}

}  // namespace clawbridge::core
