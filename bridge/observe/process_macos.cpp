// macOS: proc_pidinfo (libproc.h), and /dev/fd as the list of open files.
#include <libproc.h>
#include <unistd.h>

#include <filesystem>
#include <iterator>

#include "bridge/observe/process.h"

namespace clawbridge::observe {

void read_system(ProcessReadings& readings) {
  proc_taskinfo task{};
  constexpr int kSize = sizeof task;
  if (::proc_pidinfo(::getpid(), PROC_PIDTASKINFO, 0, &task, kSize) == kSize)
    readings.resident_bytes = task.pti_resident_size;
  std::error_code failure;
  const std::filesystem::directory_iterator fds("/dev/fd", failure);
  if (failure) return;
  const auto open = std::distance(begin(fds), end(fds));
  readings.open_fds = static_cast<std::uint64_t>(open) - 1;  // without the folder's own
}

}  // namespace clawbridge::observe
