// macOS: sysctl(3), dyld(3). It ends no process with its parent.
#include <mach-o/dyld.h>
#include <sys/sysctl.h>
#include <unistd.h>

#include <array>
#include <cstdint>

#include "bridge/gateway/machine.h"

namespace clawbridge::gateway {

std::optional<std::string> ask_boot_id() {
  std::array<char, 64> id{};
  std::size_t size = id.size() - 1;
  if (::sysctlbyname("kern.bootsessionuuid", id.data(), &size, nullptr, 0) != 0 || id[0] == '\0') return std::nullopt;
  return id.data();
}

std::filesystem::path own_program() {
  std::array<char, 4096> path{};
  auto size = static_cast<std::uint32_t>(path.size());
  if (::_NSGetExecutablePath(path.data(), &size) == 0) return path.data();
  std::string longer(size, '\0');  // size is now what it needs
  return ::_NSGetExecutablePath(longer.data(), &size) == 0 ? longer.c_str() : "";
}

bool close_all_from(int) {
  return false;
}

bool end_with_parent(pid_t parent) {
  return ::getppid() == parent;
}

}  // namespace clawbridge::gateway
