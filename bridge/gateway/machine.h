// What the adapters ask of the machine they run on. Where systems differ: machine_linux.cpp, machine_macos.cpp.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>

namespace clawbridge::gateway {

/// Names the present start of this machine; another text after each. Where the system tells none: another one in each process, so
/// that nothing is concluded from what is missing. Any thread.
[[nodiscard]] const std::string& machine_boot_id();

/// The same, asked of the system; nothing where it tells none.
[[nodiscard]] std::optional<std::string> ask_boot_id();

/// 32 hex digits from the system's randomness. Any thread.
[[nodiscard]] std::string random_id();

/// The file of the program that runs now, also after it was replaced by another release.
[[nodiscard]] std::filesystem::path own_program();

/// Closes every open file from number `first` on. False: the system has no call for that. Only makes system calls.
[[nodiscard]] bool close_all_from(int first);

/// From now on this process is killed when `parent`, which forked it, ends; where the system can do that. False when
/// that one has ended already. Only makes system calls.
[[nodiscard]] bool end_with_parent(pid_t parent);

}  // namespace clawbridge::gateway
