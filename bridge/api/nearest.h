// The known word that somebody most likely meant: for unknown arguments and mistyped commands.
#pragma once

#include <span>
#include <string_view>

namespace clawbridge::api {

/// The word of `known` with the fewest edits from `word` (insert, delete, replace, swap neighbours; letter case is
/// free); empty when none is near enough to be worth suggesting. The result points into `known`.
[[nodiscard]] std::string_view nearest(std::string_view word, std::span<const std::string_view> known);

}  // namespace clawbridge::api
