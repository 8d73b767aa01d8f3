// What a program has printed so far, to be told as text while it goes on. Values only.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace clawbridge::gateway {

class OutputSoFar {
 public:
  /// Keeps the first kToldBytesMax of all that comes.
  void add(std::string_view bytes);

  /// All of it up to the first byte that is no UTF-8, or the end of which is still to come; nothing when no more can be told than
  /// was before.
  [[nodiscard]] std::optional<std::string> tell();

 private:
  std::string bytes_;
  std::size_t told_ = 0;
};

}  // namespace clawbridge::gateway
