// Linux: /proc (proc(5)).
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "bridge/observe/process.h"

namespace clawbridge::observe {

void read_system(ProcessReadings& readings) {
  std::uint64_t pages_all = 0;
  std::uint64_t pages_resident = 0;
  if (std::ifstream statm("/proc/self/statm"); statm >> pages_all >> pages_resident) {
    readings.resident_bytes = pages_resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  }
  std::error_code failure;
  const std::filesystem::directory_iterator fds("/proc/self/fd", failure);
  if (failure) return;
  const auto open = std::distance(begin(fds), end(fds));
  readings.open_fds = static_cast<std::uint64_t>(open) - 1;  // without the folder's own
}

}  // namespace clawbridge::observe
