// What this process uses of its machine, as the system counts it.
#pragma once

#include <cstdint>
#include <optional>

#include "topics/time.h"

namespace clawbridge::observe {

/// What the system does not tell is left out.
struct ProcessReadings {
  double cpu_seconds = 0;  // of all threads, in user and system mode
  std::optional<std::uint64_t> resident_bytes;
  std::optional<std::uint64_t> open_fds;
  std::optional<std::uint64_t> max_fds;
};

/// A few reads of files of the system; no more than once a second is sensible. Any thread.
[[nodiscard]] ProcessReadings read_process();

/// How many files are open, by the system's folder of them; nothing where it cannot be read.
[[nodiscard]] std::optional<std::uint64_t> count_open_files(const char* folder);

/// Of these, what each system tells in its own way: process_linux.cpp, process_macos.cpp.
void read_system(ProcessReadings& readings);

}  // namespace clawbridge::observe
