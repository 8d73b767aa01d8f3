#include "bridge/gateway/machine.h"

#include <array>
#include <cstdio>
#include <random>

#ifdef __APPLE__
#include <sys/sysctl.h>
#else
#include <fstream>
#endif

namespace clawbridge::gateway {
namespace {

std::string ask_system() {
#ifdef __APPLE__
  std::array<char, 64> id{};
  std::size_t size = id.size() - 1;
  if (::sysctlbyname("kern.bootsessionuuid", id.data(), &size, nullptr, 0) == 0) return id.data();
#else
  std::string id;
  if (std::getline(std::ifstream("/proc/sys/kernel/random/boot_id"), id) && !id.empty()) return id;
#endif
  return random_id();
}

}  // namespace

std::string random_id() {
  std::random_device source;
  std::array<char, 33> text{};
  std::snprintf(text.data(), text.size(), "%08x%08x%08x%08x", source(), source(), source(), source());
  return text.data();
}

const std::string& machine_boot_id() {
  static const std::string id = ask_system();
  return id;
}

}  // namespace clawbridge::gateway
