// The commands around the daemon: `init`, `join`, `invite`, `service`, `uninstall`, and those that print what packages
// need. As the others (commands.h), each has a file of its own.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bridge/cli/commands.h"

namespace clawbridge::cli {

/// What `init` and `join` may be told. Empty texts: not said.
struct SetupOptions {
  std::string token;  // join; `-`: on stdin
  std::string broker;
  std::string base;
  std::string broker_files;  // a folder that `broker init` made for this machine
  std::string username;
  std::string password_file;
  std::string ca;
  bool share_login = false;
  std::string advertise;  // the host by which others reach the broker
  std::string name;
  std::string kind;  // openclaw, echo, command
  std::vector<std::string> agents;
  std::vector<std::string> command;
  OpenClawOptions openclaw;
  std::optional<bool> service;
  std::optional<bool> plugin;
  std::optional<int> page;  // the web page's port; 0: none, and do not ask
  bool force = false;
  bool whole_machine = false;
};

struct InviteOptions {
  std::string advertise;
  bool share_login = false;
};

struct ServiceOptions {
  bool whole_machine = false;
};

struct UninstallOptions {
  bool purge = false;
  bool yes = false;
  bool whole_machine = false;
};

ExitCode init(const Context& context, const SetupOptions& options);
ExitCode join(const Context& context, const SetupOptions& options);
ExitCode invite(const Context& context, const InviteOptions& options);
ExitCode service_install(const Context& context, const ServiceOptions& options);
ExitCode service_uninstall(const Context& context, const ServiceOptions& options);
ExitCode service_status(const Context& context, const ServiceOptions& options);
ExitCode uninstall(const Context& context, const UninstallOptions& options);

}  // namespace clawbridge::cli
