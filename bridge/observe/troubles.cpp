#include "bridge/observe/troubles.h"

#include <algorithm>
#include <string>
#include <utility>

#include "topics/encoding.h"

namespace clawbridge::observe {

void Troubles::add(WallTime time, Level level, std::string_view name, std::span<const Field> fields) {
  std::string text;
  append_fields(text, fields);
  if (text.size() > kTextBytesMax) {
    text.resize(utf8_prefix(text, kTextBytesMax));
    text += "…";
  }
  core::TroubleView trouble{time, level, std::string(name), std::move(text), 1};
  const auto same = std::find_if(kept_.begin(), kept_.end(), [&](const auto& each) {
    return each.event == trouble.event && each.text == trouble.text;
  });
  if (same != kept_.end()) {
    trouble.count += same->count;
    kept_.erase(same);
  }
  kept_.push_back(std::move(trouble));
  if (kept_.size() > kMost) kept_.pop_front();
}

}  // namespace clawbridge::observe
