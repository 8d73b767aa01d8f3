// What somebody wrote, as an error repeats it: in quotes, and no longer than is of use.
#pragma once

#include <string>
#include <string_view>

namespace clawbridge::api {

[[nodiscard]] inline std::string quoted(std::string_view text) {
  constexpr std::size_t kShownMax = 100;
  return '"' + std::string(text.substr(0, kShownMax)) + (text.size() > kShownMax ? "…\"" : "\"");
}

}  // namespace clawbridge::api
