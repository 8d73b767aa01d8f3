// Files that commands read and write. Written is all or nothing: a reader never sees half a file, and a crash leaves the old one.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

namespace clawbridge::cli {

/// The most that limits.message_bytes can be.
inline constexpr std::size_t kReadBytesMax = std::size_t{64} * 1024 * 1024;

/// All bytes of a file that is to be sent, or of a FIFO to its end. `what`: the words for it in the Failure that is thrown when it
/// cannot be read, or has more than kReadBytesMax.
[[nodiscard]] std::string read_file(const std::string& path, std::string_view what);

/// Writes `text` in place of the file, following links; mode and owner stay, a new file gets `mode`. Missing folders
/// are made for the owner only. Throws Failure, which names the file and the reason.
void write_file(const std::filesystem::path& path, std::string_view text, unsigned mode = 0600);

}  // namespace clawbridge::cli
