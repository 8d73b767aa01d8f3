#include "bridge/mqtt/publish_window.h"

namespace clawbridge::mqtt {

void PublishWindow::open(std::size_t size) {
  slots_.assign(size, Slot{});
  free_.clear();
  free_.reserve(size);
  for (auto& slot : slots_) free_.push_back(&slot);
  on_wire_ = 0;
}

bool PublishWindow::offer(core::action::Publish&& publish) {
  if (queue_.size() >= queued_max_ || queued_bytes_ + publish.payload.size() > queued_bytes_max_) return false;
  queued_bytes_ += publish.payload.size();
  queue_.push_back(std::move(publish));
  return true;
}

std::optional<PublishWindow::Ready> PublishWindow::next() {
  if (queue_.empty() || free_.empty()) return std::nullopt;
  Ready ready{std::move(queue_.front()), free_.back()};
  queue_.pop_front();
  free_.pop_back();
  queued_bytes_ -= ready.publish.payload.size();
  *ready.slot = {ready.publish.token, true};
  ++on_wire_;
  return ready;
}

std::uint64_t PublishWindow::done(Slot& slot) {
  if (!slot.busy) return 0;
  const auto token = slot.token;
  slot = {};
  free_.push_back(&slot);
  --on_wire_;
  return token;
}

std::vector<std::uint64_t> PublishWindow::abandon() {
  std::vector<std::uint64_t> tokens;
  for (auto& slot : slots_) {
    if (const auto token = done(slot); token != 0) tokens.push_back(token);
  }
  for (const auto& publish : queue_) {
    if (publish.token != 0) tokens.push_back(publish.token);
  }
  queue_.clear();
  queued_bytes_ = 0;
  return tokens;
}

}  // namespace clawbridge::mqtt
