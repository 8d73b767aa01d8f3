// The text of a message: from the command line, a file or stdin, byte for byte.
#pragma once

#include <istream>
#include <optional>
#include <string>

namespace clawbridge::cli {

struct MessageSource {
  std::optional<std::string> argument;
  std::optional<std::string> file;  // `-`: stdin
};

/// Nothing is stripped or changed, not even a newline at the end. Stdin is read when neither is given, unless it is a
/// terminal. Throws Failure: usage for no source or two, for an empty text and for one that is not UTF-8 (with the
/// offset of the first wrong byte); failed for a file that cannot be read.
[[nodiscard]] std::string read_message(const MessageSource& source, std::istream& in, bool in_is_terminal);

}  // namespace clawbridge::cli
