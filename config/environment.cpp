// The real machine behind config::Environment: POSIX calls only, so that it serves Linux and macOS alike.
#include "config/environment.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <pwd.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <utility>

#include "config/values.h"

extern char** environ;

namespace clawbridge::config {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kFileBytesMax = std::size_t{1} << 20;
constexpr int kExitPollMs = 5;  // a program that closed stdout is about to end; no portable call waits with a deadline
constexpr std::size_t kOutputBytesMax = std::size_t{64} << 10;

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { close(); }

  [[nodiscard]] int get() const { return number_; }
  void close() {
    if (number_ >= 0) ::close(std::exchange(number_, -1));
  }

 private:
  int number_;
};

FileText read_whole_file(const std::string& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return {std::nullopt, errno};
  std::string text;
  std::array<char, 4096> block{};
  while (true) {
    const ssize_t count = ::read(file.get(), block.data(), block.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return {std::nullopt, errno};
    if (count == 0) return {std::move(text), 0};
    text.append(block.data(), static_cast<std::size_t>(count));
    if (text.size() > kFileBytesMax) return {std::nullopt, EFBIG};
  }
}

int milliseconds_until(Clock::time_point deadline) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
  return left > 0 ? static_cast<int>(left) : 0;
}

/// Reads until the other end closes. False when the deadline came first or there was too much.
bool read_until_closed(int pipe, Clock::time_point deadline, std::string& output) {
  std::array<char, 4096> block{};
  while (true) {
    pollfd wait_for{pipe, POLLIN, 0};
    const int ready = ::poll(&wait_for, 1, milliseconds_until(deadline));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return false;
    const ssize_t count = ::read(pipe, block.data(), block.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return count == 0;
    output.append(block.data(), static_cast<std::size_t>(count));
    if (output.size() > kOutputBytesMax) return false;
  }
}

/// The child's wait status; nothing when the deadline came first.
std::optional<int> wait_until(pid_t child, Clock::time_point deadline) {
  while (true) {
    int status = 0;
    const pid_t ended = ::waitpid(child, &status, WNOHANG);
    if (ended == child) return status;
    if (ended < 0 && errno != EINTR) return std::nullopt;
    if (Clock::now() >= deadline) return std::nullopt;
    ::poll(nullptr, 0, kExitPollMs);
  }
}

std::string describe_status(int status) {
  if (WIFSIGNALED(status)) return fmt::format("was ended by signal {}", WTERMSIG(status));
  return fmt::format("ended with status {}", WEXITSTATUS(status));
}

/// Starts argv in a process group of its own, so that a deadline also ends what the program started.
int spawn(const std::vector<std::string>& argv, int output, pid_t& child) {
  std::vector<char*> arguments;
  arguments.reserve(argv.size() + 1);
  for (const std::string& argument : argv) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);

  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&files, output, STDOUT_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  posix_spawnattr_setpgroup(&attributes, 0);
  const int error_number = ::posix_spawnp(&child, arguments[0], &files, &attributes, arguments.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  return error_number;
}

CommandOutcome run_program(const std::vector<std::string>& argv, std::chrono::milliseconds time) {
  std::array<int, 2> ends{};
  if (::pipe(ends.data()) != 0) return {"", fmt::format("cannot be started: {}", std::strerror(errno))};
  const Descriptor reading(ends[0]);
  Descriptor writing(ends[1]);
  ::fcntl(reading.get(), F_SETFD, FD_CLOEXEC);
  ::fcntl(writing.get(), F_SETFD, FD_CLOEXEC);

  const auto deadline = Clock::now() + time;
  pid_t child = 0;
  if (const int error_number = spawn(argv, writing.get(), child); error_number != 0) {
    return {"", fmt::format("cannot be started: {}", std::strerror(error_number))};
  }
  writing.close();

  CommandOutcome outcome;
  const bool whole = read_until_closed(reading.get(), deadline, outcome.output);
  const std::optional<int> status = whole ? wait_until(child, deadline) : std::nullopt;
  if (!status) {
    ::kill(-child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    const bool flooded = outcome.output.size() > kOutputBytesMax;
    return {"", flooded ? std::string("printed more than 64 KiB") : "did not end within " + format_duration(time)};
  }
  if (!WIFEXITED(*status) || WEXITSTATUS(*status) != 0) return {"", describe_status(*status)};
  return outcome;
}

std::string home_directory() {
  std::string home;
  if (const char* variable = std::getenv("HOME"); variable != nullptr) home = variable;
  if (home.empty()) {
    if (const passwd* user = ::getpwuid(::getuid()); user != nullptr && user->pw_dir != nullptr) home = user->pw_dir;
  }
  while (home.size() > 1 && home.back() == '/') home.pop_back();
  return home.starts_with('/') ? home : std::string{};
}

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return {};
  return name.data();
}

std::vector<std::string> variable_names() {
  std::vector<std::string> names;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    names.emplace_back(text.substr(0, text.find('=')));
  }
  return names;
}

}  // namespace

Environment system_environment(std::chrono::milliseconds command_time) {
  Environment environment;
  environment.home = home_directory();
  environment.host_name = host_name();
  environment.variable = [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  };
  environment.variable_names = variable_names;
  environment.read_file = read_whole_file;
  environment.run_command = [command_time](const std::vector<std::string>& argv) {
    return run_program(argv, command_time);
  };
  return environment;
}

}  // namespace clawbridge::config
