#include "bridge/observe/process.h"

#include <sys/resource.h>

namespace clawbridge::observe {
namespace {

double seconds_of(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

}  // namespace

ProcessReadings read_process() {
  ProcessReadings readings;
  rusage usage{};
  if (getrusage(RUSAGE_SELF, &usage) == 0)
    readings.cpu_seconds = seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur != RLIM_INFINITY) readings.max_fds = files.rlim_cur;
  read_system(readings);
  return readings;
}

}  // namespace clawbridge::observe
