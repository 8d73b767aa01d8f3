// Files that commands read and write. Written is all or nothing: a reader never sees half a file, and a crash leaves the old one.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace clawbridge::cli {

/// All bytes of a file. `what`: the words for it in the Failure that is thrown when it cannot be read.
[[nodiscard]] std::string read_file(const std::string& path, std::string_view what);

/// Writes `text` in place of the file, following links; mode and owner stay, a new file gets `mode`. Missing folders
/// are made for the owner only. Throws Failure, which names the file and the reason.
void write_file(const std::filesystem::path& path, std::string_view text, unsigned mode = 0600);

}  // namespace clawbridge::cli
