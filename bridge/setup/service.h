// The daemon as a service of the system: its file, and the commands that put it to work and take it away. Pure; who
// runs the commands and writes the file is the caller.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace clawbridge::setup {

enum class ServiceManager { SystemdUser, SystemdSystem, Launchd };

/// What this system has.
[[nodiscard]] ServiceManager service_manager(bool whole_machine);

struct ServiceWish {
  std::string program;      // absolute
  std::string config;       // the settings file, absolute; SystemdSystem: not used
  std::string path;         // the variable PATH; not used by SystemdSystem
  std::string home;         // Launchd
  std::string config_home;  // SystemdUser: $XDG_CONFIG_HOME, or ~/.config
  std::string state;        // Launchd: the folder for its log
  unsigned user = 0;        // Launchd
};

struct ServiceStep {
  std::vector<std::string> command;
  bool may_fail = false;    // what it does is not needed, or may be so already
  std::string otherwise{};  // what to tell the user when it fails; empty: nothing
};

struct Service {
  std::string file;
  std::string text;
  std::string config;                  // the settings file as the text writes it; SystemdSystem: empty
  std::vector<ServiceStep> install;    // after the file was written
  std::vector<ServiceStep> uninstall;  // before the file is removed
  std::vector<ServiceStep> forget;     // after that
  std::vector<std::string> status;     // prints service_state()'s input
  std::string logs;                    // for a person: how to read what it writes
};

/// `unit`: the template of packaging/ for that manager.
[[nodiscard]] Service make_service(ServiceManager manager, const ServiceWish& wish, std::string_view unit);

/// `active`, `failed`, `inactive`, … from what Service::status printed; with the service's own words behind it, if it
/// has some.
[[nodiscard]] std::string service_state(ServiceManager manager, std::string_view output);

}  // namespace clawbridge::setup
