#include "bridge/setup/texts.h"

#include <algorithm>
#include <stdexcept>
#include <string>

namespace clawbridge::setup {

std::string_view embedded_text(std::string_view path) {
  const auto texts = embedded_texts();
  const auto found = std::ranges::find(texts, path, &EmbeddedText::path);
  if (found == texts.end()) throw std::logic_error("the program does not carry " + std::string(path));
  return found->text;
}

}  // namespace clawbridge::setup
