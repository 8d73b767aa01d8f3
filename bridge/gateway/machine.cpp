#include "bridge/gateway/machine.h"

#include <array>
#include <cstdio>
#include <random>

namespace clawbridge::gateway {

std::string random_id() {
  std::random_device source;
  std::array<char, 33> text{};
  std::snprintf(text.data(), text.size(), "%08x%08x%08x%08x", source(), source(), source(), source());
  return text.data();
}

const std::string& machine_boot_id() {
  static const std::string id = ask_boot_id().value_or(random_id());
  return id;
}

}  // namespace clawbridge::gateway
