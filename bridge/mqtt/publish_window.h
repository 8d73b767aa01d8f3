// Which publishes may be on the wire, and in what order the others follow.
//
// What exceeds the broker's receive maximum waits on a timer of one second inside Paho. So Paho never
// gets more than the window; the rest waits here, first in, first out. Pure: no Paho, no threads, no clock; the caller
// locks.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "bridge/core/action.h"

namespace clawbridge::mqtt {

class PublishWindow {
 public:
  /// One publish on the wire. Its address stays the same until open() or the window's end.
  struct Slot {
    std::uint64_t token = 0;
    bool busy = false;
  };
  struct Ready {
    core::action::Publish publish;
    Slot* slot = nullptr;
  };

  PublishWindow(std::size_t queued_max, std::size_t queued_bytes_max)
      : queued_max_(queued_max), queued_bytes_max_(queued_bytes_max) {}

  /// Sets how many may be on the wire at once. REQUIRES: nothing is on the wire; size > 0.
  void open(std::size_t size);

  /// Takes a publish into the queue. False: the queue is full, by number or by payload bytes; nothing has changed.
  [[nodiscard]] bool offer(core::action::Publish&& publish);

  /// The next publish to put on the wire, if there is one and a place for it. The place is taken until done().
  [[nodiscard]] std::optional<Ready> next();

  /// The broker answered, or the publish never left: gives the place back. Returns the publish's token; 0 for a place
  /// that was not taken.
  std::uint64_t done(Slot& slot);

  /// Empties everything. Returns the tokens other than 0 of what was on the wire and of what waited, in that order.
  [[nodiscard]] std::vector<std::uint64_t> abandon();

  [[nodiscard]] bool idle() const { return on_wire_ == 0 && queue_.empty(); }
  [[nodiscard]] std::size_t queued() const { return queue_.size(); }
  [[nodiscard]] std::size_t on_wire() const { return on_wire_; }

 private:
  std::size_t queued_max_;
  std::size_t queued_bytes_max_;
  std::deque<core::action::Publish> queue_;
  std::size_t queued_bytes_ = 0;
  std::vector<Slot> slots_;
  std::vector<Slot*> free_;
  std::size_t on_wire_ = 0;
};

}  // namespace clawbridge::mqtt
