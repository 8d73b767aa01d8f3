#include "bridge/cli/setup_place.h"

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

namespace clawbridge::cli {
namespace {

constexpr const char* kUser = "clawbridge";
// As the unit says: packaging/clawbridge.service.in.
constexpr std::pair<const char*, const char*> kVariables[] = {
    {"XDG_CONFIG_HOME", "/etc"}, {"XDG_STATE_HOME", "/var/lib"}, {"XDG_RUNTIME_DIR", "/run/clawbridge"}};
constexpr const char* kFolders[] = {"/etc/clawbridge", "/var/lib/clawbridge"};

Failure failed(const std::string& what) {
  return {ExitCode::Failed, "internal", what + ": " + std::strerror(errno)};
}

const passwd& service_user() {
  const passwd* user = ::getpwnam(kUser);
  if (user == nullptr) {
    throw Failure(ExitCode::Failed, "internal",
                  std::string("there is no user ") + kUser +
                      " for the service; install the package, or make it: useradd --system --home-dir "
                      "/var/lib/clawbridge --shell /usr/sbin/nologin clawbridge");
  }
  return *user;
}

}  // namespace

SetupPlace find_place(const Context& context, bool whole_machine) {
  SetupPlace place;
  place.whole_machine = whole_machine;
  place.environment = context.hooks.environment;
  if (whole_machine) {
    if (::geteuid() != 0) throw usage("--system is for the whole machine: run it as root, for example with sudo");
    (void)service_user();
    place.environment.home = "/var/lib/clawbridge";
    place.environment.variable =
        [ask = context.hooks.environment.variable](const std::string& name) -> std::optional<std::string> {
      for (const auto& [known, value] : kVariables) {
        if (name == known) return value;
      }
      return ask(name);
    };
  }
  const auto file = context.config_file ? *context.config_file : config::default_file(place.environment);
  place.config_file = std::filesystem::absolute(file).lexically_normal().string();
  place.folder = std::filesystem::path(place.config_file).parent_path().string();
  return place;
}

Context in_place(const Context& context, const Hooks& hooks, const SetupPlace& place) {
  Context other{hooks, place.config_file, context.socket, context.json};
  return other;
}

AsServiceUser::AsServiceUser(const SetupPlace& place) {
  if (!place.whole_machine) return;
  const passwd& user = service_user();
  for (const char* folder : kFolders) {
    if (::mkdir(folder, 0750) != 0 && errno != EEXIST) throw failed(std::string("cannot make ") + folder);
    if (::chown(folder, user.pw_uid, user.pw_gid) != 0)
      throw failed(std::string("cannot give ") + folder + " to " + kUser);
  }
  if (::setegid(user.pw_gid) != 0 || ::seteuid(user.pw_uid) != 0) throw failed(std::string("cannot become ") + kUser);
  changed_ = true;
}

AsServiceUser::~AsServiceUser() {
  if (!changed_) return;
  // Back to what the process is: that cannot fail.
  if (::seteuid(0) != 0 || ::setegid(0) != 0) std::abort();
}

}  // namespace clawbridge::cli
