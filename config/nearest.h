// The word that someone who mistyped most likely meant.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace clawbridge::config {

/// The candidate with the fewest insertions, deletions, replacements and swaps of neighbours away from `word`, if few
/// enough: a third of the word's length, at least 2. The first of several equally near ones.
[[nodiscard]] std::optional<std::string> nearest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace clawbridge::config
