// Windows per event name. See repeat_limit.h.
#include "bridge/observe/repeat_limit.h"

#include <algorithm>
#include <utility>

namespace clawbridge::observe {

using core::action::Level;

bool RepeatLimit::applies(Level level, std::string_view name) {
  if (level == Level::Warn || level == Level::Error) return true;
  return level == Level::Info && !name.starts_with("exchange.");
}

bool RepeatLimit::admit(Instant now, Level level, std::string_view name) {
  auto found = windows_.find(name);
  if (found == windows_.end()) {
    found = windows_.emplace(std::string(name), Window{now + kWindow, 0, {std::string(name), level, 0}}).first;
    next_end_ = std::min(next_end_, found->second.end);
  }
  Window& window = found->second;
  if (window.lines < kLines) {
    ++window.lines;
    return true;
  }
  window.suppressed.level = window.suppressed.count == 0 ? level : std::max(window.suppressed.level, level);
  ++window.suppressed.count;
  return false;
}

std::vector<Suppressed> RepeatLimit::take_ended(Instant now) {
  std::vector<Suppressed> ended;
  if (now < next_end_) return ended;
  next_end_ = Instant::max();
  for (auto each = windows_.begin(); each != windows_.end();) {
    Window& window = each->second;
    if (window.end > now) {
      next_end_ = std::min(next_end_, window.end);
      ++each;
      continue;
    }
    if (window.suppressed.count > 0) ended.push_back(std::move(window.suppressed));
    each = windows_.erase(each);
  }
  return ended;
}

std::vector<Suppressed> RepeatLimit::take_all() {
  return take_ended(Instant::max());
}

}  // namespace clawbridge::observe
