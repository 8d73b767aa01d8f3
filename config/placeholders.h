// `${env:NAME}`, `${file:PATH}` and `${command:PROGRAM ARGUMENTS}` inside texts: how secrets stay out of the file.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/environment.h"

namespace clawbridge::config {

/// Replaces every placeholder in `text`; `$${` stands for a literal `${`. What is put in is not looked at again.
///   env      the variable's value; it must be set
///   file     the file's text without the newline at its end; `~/` is the home directory
///   command  the first line the program prints; split_command() makes its arguments, no shell is involved
/// A placeholder ends at the first `}`. Throws SettingsError, without a place, for whatever cannot be had.
[[nodiscard]] std::string expand(std::string_view text, const Environment& environment);

/// Splits at blanks; '…' and "…" keep blanks together; a backslash outside '…' takes the next character as it is.
/// Throws SettingsError for an open quote or nothing at all.
[[nodiscard]] std::vector<std::string> split_command(std::string_view text);

/// `~` and `~/…` with the home directory. Throws SettingsError when that is needed and unknown.
[[nodiscard]] std::string expand_home(std::string_view path, const Environment& environment);

}  // namespace clawbridge::config
