// Who has connected to a loopback port of ours: this process, or some other on the machine? TCP carries no credentials,
// but a connection of our own has both its ends among our own open files, and nobody else's has.
#pragma once

#include <filesystem>

namespace clawbridge::mqtt {

/// `accepted`: a connected TCP socket. True when this process also holds the other end of it, which it must not have
/// closed yet. `open_files`: the folder in which the system lists the files that this process has open; the same on
/// Linux and macOS. Throws std::filesystem::filesystem_error when it cannot be read. Any thread.
[[nodiscard]] bool is_own_socket(int accepted, const std::filesystem::path& open_files = "/dev/fd");

}  // namespace clawbridge::mqtt
