// Everything the settings library learns from the machine, as one struct of functions, so that loading settings is a
// pure function of its arguments and a test needs no real file, variable or process.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace clawbridge::config {

/// A file's bytes, or the errno value that says why there are none.
struct FileText {
  std::optional<std::string> text;
  int error_number = 0;
};

/// What a program printed on stdout, or why that does not count: `ended with status 1`, `did not end within 10 s`.
struct CommandOutcome {
  std::string output;
  std::string problem;  // empty: the program succeeded
};

struct Environment {
  std::string home;       // absolute, without a trailing slash; empty: unknown
  std::string host_name;  // as the machine calls itself
  std::function<std::optional<std::string>(const std::string& name)> variable;
  std::function<std::vector<std::string>()> variable_names;
  std::function<FileText(const std::string& path)> read_file;
  /// argv[0] is searched for in PATH; argv is not empty.
  std::function<CommandOutcome(const std::vector<std::string>& argv)> run_command;
};

/// The real machine. Files over 1 MiB are refused (EFBIG); commands get no input, at most `command_time` and 64 KiB of
/// output, and the caller's stderr. REQUIRES, while a command runs: SIGCHLD is not ignored, and nobody else waits for
/// unknown children.
[[nodiscard]] Environment system_environment(std::chrono::milliseconds command_time = std::chrono::seconds(10));

}  // namespace clawbridge::config
