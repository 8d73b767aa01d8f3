// Files of this repository that the program carries with it, so that it can write them on any machine.
#pragma once

#include <span>
#include <string_view>

namespace clawbridge::setup {

struct EmbeddedText {
  std::string_view path;  // from the root of the repository
  std::string_view text;
};

[[nodiscard]] std::span<const EmbeddedText> embedded_texts();

/// The text of one of them. REQUIRES: it is there.
[[nodiscard]] std::string_view embedded_text(std::string_view path);

}  // namespace clawbridge::setup
