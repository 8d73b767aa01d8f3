// The program of the `command` gateway: where it is, and how a supervisor for one run of it is started.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

#include "bridge/gateway/descriptor.h"
#include "bridge/gateway/supervisor.h"
#include "topics/result.h"

namespace clawbridge::gateway {

/// The path of the program that `name` means: itself, when it has a slash, otherwise looked for in `path` (the variable
/// PATH). An Error (GatewayDown) when it is not there or cannot be run, which names the file and says what to do.
[[nodiscard]] Result<std::string> find_program(const std::string& name, const std::string& path);

/// Nothing when `folder` can be a working directory; otherwise why not, naming gateway.workdir.
[[nodiscard]] std::optional<Error> check_workdir(const std::string& folder);

/// A variable for the turn's program.
struct Variable {
  std::string name;
  std::string value;  // without NUL
};

/// Starts a supervisor that outlives this process. It inherits stderr, the two descriptors and this process's environment, with
/// `variables` as its only ones that begin with CLAW_. Returns its process id, or the errno value as an Error.
[[nodiscard]] Result<pid_t> start_supervisor(const std::filesystem::path& self, const SupervisorOrder& order, const std::vector<Variable>& variables,
                                             const Descriptor& alive, const Descriptor& control);

}  // namespace clawbridge::gateway
