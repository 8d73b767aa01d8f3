#include "bridge/observe/process.h"

#include <sys/resource.h>

#include <filesystem>
#include <iterator>
#include <system_error>

namespace clawbridge::observe {
namespace {

double seconds_of(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

}  // namespace

std::optional<std::uint64_t> count_open_files(const char* folder) {
  std::error_code failure;
  const std::filesystem::directory_iterator files(folder, failure);
  if (failure) return std::nullopt;
  return static_cast<std::uint64_t>(std::distance(begin(files), end(files))) - 1;  // without the folder's own
}

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
