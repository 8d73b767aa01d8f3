// A text that must never reach a log, an error or a terminal by accident: printing it prints `***`.
#pragma once

#include <fmt/format.h>

#include <ostream>
#include <string>
#include <string_view>
#include <utility>

namespace clawbridge::config {

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string text) : text_(std::move(text)) {}

  [[nodiscard]] bool empty() const { return text_.empty(); }
  /// The text itself, for the one place that hands it on (a connect packet, a key derivation).
  [[nodiscard]] const std::string& reveal() const { return text_; }

  friend bool operator==(const Secret&, const Secret&) = default;
  friend std::ostream& operator<<(std::ostream& out, const Secret&) { return out << "***"; }

 private:
  std::string text_;
};

}  // namespace clawbridge::config

template <>
struct fmt::formatter<clawbridge::config::Secret> : fmt::formatter<std::string_view> {
  template <class Context>
  auto format(const clawbridge::config::Secret&, Context& context) const {
    return fmt::formatter<std::string_view>::format("***", context);
  }
};
