// Linux: /proc (proc(5)), close_range(2), prctl(2).
#include <sys/prctl.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "bridge/gateway/machine.h"

namespace clawbridge::gateway {

std::optional<std::string> ask_boot_id() {
  std::string id;
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  if (!std::getline(file, id) || id.empty()) return std::nullopt;
  return id;
}

std::filesystem::path own_program() {
  return "/proc/self/exe";
}

bool close_all_from(int first) {
  return ::close_range(static_cast<unsigned>(first), ~0U, 0) == 0;
}

bool end_with_parent(pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  return ::getppid() == parent;
}

}  // namespace clawbridge::gateway
