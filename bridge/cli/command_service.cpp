// clawbridge service install, uninstall, status: the daemon as a service of systemd or launchd.
#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "bridge/cli/local_files.h"
#include "bridge/cli/local_paths.h"
#include "bridge/cli/render.h"
#include "bridge/cli/setup_commands.h"
#include "bridge/cli/setup_place.h"
#include "bridge/setup/service.h"
#include "bridge/setup/texts.h"

namespace clawbridge::cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using setup::ServiceManager;

// A service that announces itself is waited for; systemd gives it 90 s.
constexpr std::chrono::seconds kCommandTime{100};
// The unit of the Debian package: it needs no file of ours.
constexpr const char* kPackagedUnits[] = {"/lib/systemd/system/clawbridge.service",
                                          "/usr/lib/systemd/system/clawbridge.service"};

std::string_view template_for(ServiceManager manager) {
  switch (manager) {
    case ServiceManager::SystemdSystem:
      return setup::embedded_text("packaging/clawbridge.service.in");
    case ServiceManager::Launchd:
      return setup::embedded_text("packaging/clawbridge.plist.in");
    case ServiceManager::SystemdUser:
      break;
  }
  return setup::embedded_text("packaging/clawbridge-user.service.in");
}

std::string state_folder(const SetupPlace& place) {
  return fs::path(find_local_paths(place.config_file, place.environment).journal).parent_path().string();
}

/// Settings that cannot be read do not keep a service from being looked at or taken out.
std::string state_folder_if_known(const SetupPlace& place) {
  try {
    return state_folder(place);
  } catch (const config::SettingsError&) {
    return {};
  }
}

setup::Service service_in(const Context& context, const SetupPlace& place, std::string state) {
  const auto manager = setup::service_manager(place.whole_machine);
  setup::ServiceWish wish;
  wish.program = context.hooks.program;
  wish.config = place.config_file;
  wish.path = context.hooks.environment.variable("PATH").value_or("/usr/local/bin:/usr/bin:/bin");
  wish.home = place.environment.home;
  const auto config_home = place.environment.variable("XDG_CONFIG_HOME");
  wish.config_home = config_home && config_home->starts_with('/') ? *config_home : wish.home + "/.config";
  wish.state = std::move(state);
  wish.user = ::getuid();
  return setup::make_service(manager, wish, template_for(manager));
}

std::string words_of(const std::vector<std::string>& command) {
  std::string words;
  for (const auto& word : command) words += (words.empty() ? "" : " ") + word;
  return words;
}

/// Nothing when all succeeded that must; else what did not. `notes`: what to tell of those that need not.
std::optional<std::string> run_steps(const std::vector<setup::ServiceStep>& steps, std::vector<std::string>& notes) {
  const auto environment = config::system_environment(kCommandTime);
  for (const auto& step : steps) {
    const auto outcome = environment.run_command(step.command);
    if (outcome.problem.empty()) continue;
    if (!step.may_fail) return "`" + words_of(step.command) + "` " + outcome.problem;
    if (!step.otherwise.empty()) notes.push_back(step.otherwise);
  }
  return std::nullopt;
}

bool is_packaged(const SetupPlace& place) {
  if (!place.whole_machine) return false;
  for (const char* file : kPackagedUnits) {
    if (fs::exists(file)) return true;
  }
  return false;
}

/// A service of another bridge of this user is not ours to take out.
bool runs_these_settings(const SetupPlace& place, const setup::Service& service) {
  const auto read = place.environment.read_file(service.file);
  return read.text && (place.whole_machine || read.text->find(service.config) != std::string::npos);
}

}  // namespace

ExitCode service_install(const Context& context, const ServiceOptions& options) {
  const auto place = find_place(context, options.whole_machine);
  if (context.hooks.program.empty())
    throw Failure(ExitCode::Failed, "internal", "the file of this program is not known, so no service can start it");
  if (!fs::exists(place.config_file))
    throw usage("there are no settings at " + place.config_file +
                " for a service to run with; `clawbridge init` or `clawbridge join` makes them");
  const auto service = service_in(context, place, state_folder(place));
  if (!is_packaged(place)) write_file(service.file, service.text, 0644);
  std::vector<std::string> notes;
  if (const auto problem = run_steps(service.install, notes)) {
    throw Failure(ExitCode::Failed, "internal",
                  "the service was written to " + service.file + " but could not be started: " + *problem + "; see `" +
                      service.logs + "`, or run `clawbridge run` by other means");
  }
  if (context.json) {
    context.out() << line({{"status", "ok"}, {"file", service.file}, {"logs", service.logs}, {"notes", notes}});
    return ExitCode::Done;
  }
  context.out() << "The service clawbridge runs, and will after each start of this machine. What it writes: "
                << service.logs << "\n";
  for (const auto& note : notes) context.out() << printable("But " + note) << "\n";
  return ExitCode::Done;
}

ExitCode service_uninstall(const Context& context, const ServiceOptions& options) {
  const auto place = find_place(context, options.whole_machine);
  const auto service = service_in(context, place, state_folder_if_known(place));
  const bool there = is_packaged(place) || runs_these_settings(place, service);
  if (there) {
    std::vector<std::string> ignored;
    (void)run_steps(service.uninstall, ignored);
    std::error_code error;
    fs::remove(service.file, error);
    if (error) throw Failure(ExitCode::Failed, "internal", "cannot remove " + service.file + ": " + error.message());
    if (!place.whole_machine) {  // systemd/user and systemd, if nothing else is in them
      const auto folder = fs::path(service.file).parent_path();  // by rmdir(), which removes no link to a folder that has something in it
      if (::rmdir(folder.c_str()) == 0) ::rmdir(folder.parent_path().c_str());
    }
    (void)run_steps(service.forget, ignored);
  }
  if (context.json) {
    context.out() << line({{"status", "ok"}, {"file", service.file}, {"changed", there}});
  } else {
    context.out() << (there ? "The service clawbridge is stopped and taken out.\n"
                            : "There is no service clawbridge that runs these settings.\n");
  }
  return ExitCode::Done;
}

ExitCode service_status(const Context& context, const ServiceOptions& options) {
  const auto place = find_place(context, options.whole_machine);
  const auto service = service_in(context, place, state_folder_if_known(place));
  const bool there = fs::exists(service.file) || is_packaged(place);
  std::string state = "not installed";
  if (there) {
    const auto shown = context.hooks.environment.run_command(service.status);
    state = shown.problem.empty() ? setup::service_state(setup::service_manager(place.whole_machine), shown.output)
                                  : "unknown: `" + words_of(service.status) + "` " + shown.problem;
  }
  if (context.json) {
    context.out() << line(
        {{"status", "ok"}, {"installed", there}, {"state", state}, {"file", service.file}, {"logs", service.logs}});
  } else {
    context.out() << table({{"service", printable(state)},
                            {"file", there ? printable(service.file) : "none; `clawbridge service install` makes one"},
                            {"what it writes", service.logs}});
  }
  return state.starts_with("active") ? ExitCode::Done : ExitCode::Unreachable;
}

}  // namespace clawbridge::cli
