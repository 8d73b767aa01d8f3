#include "bridge/gateway/program.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/stat.h>

#include <algorithm>
#include <csignal>
#include <system_error>

extern char** environ;

namespace clawbridge::gateway {
namespace {

constexpr std::string_view kOurPrefix = "CLAW_";
constexpr int kAboveTheirs = 10;  // clear of the numbers that the supervisor expects its descriptors at

Error not_runnable(const std::string& what, const std::string& why, const std::string& remedy) {
  return {ErrorCode::GatewayDown, what + ": " + why + "; " + remedy, true};
}

std::string text_of(int error_number) {
  return std::generic_category().message(error_number);
}

/// 0, or the errno value that says why the file cannot be run.
int check_program(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return errno;
  if (!S_ISREG(status.st_mode)) return S_ISDIR(status.st_mode) ? EISDIR : EACCES;
  return ::access(path.c_str(), X_OK) == 0 ? 0 : errno;
}

}  // namespace

Result<std::string> find_program(const std::string& name, const std::string& path) {
  const auto quoted = "gateway.command \"" + name + "\"";
  if (name.find('/') != std::string::npos) {
    const int error = check_program(name);
    if (error == 0) return name;
    if (error == EACCES) return not_runnable(quoted, text_of(error), "make it an executable file (chmod +x), or correct the path");
    return not_runnable(quoted, text_of(error), "install the program there, or correct the path");
  }
  for (std::size_t at = 0; at <= path.size();) {
    const auto end = std::min(path.find(':', at), path.size());
    const auto folder = path.substr(at, end - at);
    at = end + 1;
    if (folder.empty() || folder.front() != '/') continue;  // what the working directory is must not decide which program runs
    auto candidate = folder + "/" + name;
    if (check_program(candidate) == 0) return candidate;
  }
  return not_runnable(quoted, "not found in PATH (" + path + ")", "install it, or write its whole path");
}

std::optional<Error> check_workdir(const std::string& folder) {
  struct stat status{};
  int error = ::stat(folder.c_str(), &status) == 0 ? 0 : errno;
  if (error == 0 && !S_ISDIR(status.st_mode)) error = ENOTDIR;
  if (error == 0 && ::access(folder.c_str(), X_OK) != 0) error = errno;
  if (error == 0) return std::nullopt;
  return not_runnable("gateway.workdir \"" + folder + "\"", text_of(error), "make the folder, or correct the path");
}

Result<pid_t> start_supervisor(const std::filesystem::path& self, const SupervisorOrder& order, const std::vector<Variable>& variables,
                               const Descriptor& alive, const Descriptor& control) {
  std::vector<std::string> words = to_arguments(order);
  words.insert(words.begin(), "clawbridge");
  std::vector<std::string> environment;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    if (!std::string_view(*entry).starts_with(kOurPrefix)) environment.emplace_back(*entry);
  }
  for (const auto& variable : variables) environment.push_back(variable.name + "=" + variable.value);
  const auto pointers = [](std::vector<std::string>& texts) {
    std::vector<char*> list;
    for (auto& text : texts) list.push_back(text.data());
    list.push_back(nullptr);
    return list;
  };
  const auto arguments = pointers(words);
  const auto entries = pointers(environment);
  const Descriptor alive_high(::fcntl(alive.get(), F_DUPFD_CLOEXEC, kAboveTheirs));
  const Descriptor control_high(::fcntl(control.get(), F_DUPFD_CLOEXEC, kAboveTheirs));
  if (!alive_high.is_open() || !control_high.is_open()) return Error{ErrorCode::GatewayError, text_of(errno), true};

  posix_spawn_file_actions_t files;
  ::posix_spawn_file_actions_init(&files);
  ::posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  ::posix_spawn_file_actions_adddup2(&files, alive_high.get(), kAliveDescriptor);
  ::posix_spawn_file_actions_adddup2(&files, control_high.get(), kControlDescriptor);
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  // A session of its own: neither the terminal's Ctrl-C nor the end of the bridge's session is meant for the turn.
  ::posix_spawnattr_setflags(&attributes, static_cast<short>(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSID));
  pid_t process = -1;
  const int error = ::posix_spawn(&process, self.c_str(), &files, &attributes, arguments.data(), entries.data());
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&files);
  if (error != 0) return Error{ErrorCode::GatewayError, text_of(error), true};
  return process;
}

}  // namespace clawbridge::gateway
