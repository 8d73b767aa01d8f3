// The latest warnings and errors, for `clawbridge status`: what an operator would otherwise look for in the log.
#pragma once

#include <cstddef>
#include <deque>
#include <span>
#include <string_view>
#include <vector>

#include "bridge/core/host.h"
#include "bridge/observe/line.h"

namespace clawbridge::observe {

/// Keeps some, each once: the same again only counts, and is the newest. One thread at a time.
class Troubles {
 public:
  static constexpr std::size_t kMost = 20;
  static constexpr std::size_t kTextBytesMax = 400;

  void add(WallTime time, Level level, std::string_view name, std::span<const Field> fields);
  /// Newest first.
  [[nodiscard]] std::vector<core::TroubleView> all() const { return {kept_.rbegin(), kept_.rend()}; }

 private:
  std::deque<core::TroubleView> kept_;  // newest last
};

}  // namespace clawbridge::observe
