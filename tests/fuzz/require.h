// What a fuzz target says about an input beyond "it does not crash".
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace clawbridge::fuzz {

/// Ends the program when `holds` is false: the input is a finding. `rule`: what must hold, as a sentence.
inline void require(bool holds, std::string_view rule) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %.*s\n", static_cast<int>(rule.size()), rule.data());
  std::abort();
}

}  // namespace clawbridge::fuzz
