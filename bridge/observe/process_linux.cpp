// Linux: /proc (proc(5)).
#include <unistd.h>

#include <fstream>

#include "bridge/observe/process.h"

namespace clawbridge::observe {

void read_system(ProcessReadings& readings) {
  std::uint64_t pages_all = 0;
  std::uint64_t pages_resident = 0;
  if (std::ifstream statm("/proc/self/statm"); statm >> pages_all >> pages_resident) {
    readings.resident_bytes = pages_resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  }
  readings.open_fds = count_open_files("/proc/self/fd");
}

}  // namespace clawbridge::observe
