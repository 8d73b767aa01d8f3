// Where `clawbridge init`, `join`, `service` and `uninstall` work: for this user, or with --system for the whole
// machine.
#pragma once

#include <string>

#include "bridge/cli/commands.h"

namespace clawbridge::cli {

struct SetupPlace {
  bool whole_machine = false;
  config::Environment environment;  // with --system: that of the service's user
  std::string config_file;          // absolute
  std::string folder;               // of the settings and what belongs to them
};

/// Throws Failure for --system without root, and where the service's user is missing.
[[nodiscard]] SetupPlace find_place(const Context& context, bool whole_machine);

/// The same command in that place.
[[nodiscard]] Context in_place(const Context& context, const Hooks& hooks, const SetupPlace& place);

/// While it lives, with --system, files are made and removed as the service's user, who owns the folders of /etc,
/// /var/lib and /run for it. Nothing without --system. REQUIRES: one thread.
class AsServiceUser {
 public:
  explicit AsServiceUser(const SetupPlace& place);
  ~AsServiceUser();
  AsServiceUser(const AsServiceUser&) = delete;
  AsServiceUser& operator=(const AsServiceUser&) = delete;

 private:
  bool changed_ = false;
};

}  // namespace clawbridge::cli
