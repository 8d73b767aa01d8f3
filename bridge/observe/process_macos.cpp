// macOS: proc_pidinfo (libproc.h), and /dev/fd as the list of open files.
#include <libproc.h>
#include <unistd.h>

#include "bridge/observe/process.h"

namespace clawbridge::observe {

void read_system(ProcessReadings& readings) {
  proc_taskinfo task{};
  constexpr int kSize = sizeof task;
  if (::proc_pidinfo(::getpid(), PROC_PIDTASKINFO, 0, &task, kSize) == kSize)
    readings.resident_bytes = task.pti_resident_size;
  readings.open_fds = count_open_files("/dev/fd");
}

}  // namespace clawbridge::observe
