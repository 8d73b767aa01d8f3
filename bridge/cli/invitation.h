// The line that lets another machine in, made from this machine's settings.
#pragma once

#include <string>
#include <vector>

#include "bridge/cli/setup_commands.h"

namespace clawbridge::cli {

struct Invitation {
  std::string token;
  std::string broker_url;  // by which the others reach the broker
  std::vector<std::string> notes;
};

/// Throws Failure without a join secret. A broker on this machine is named by `advertise`, or by the host's name.
[[nodiscard]] Invitation make_invitation(const config::Environment& environment, const config::Settings& settings,
                                         const InviteOptions& options);

/// For a person.
[[nodiscard]] std::string invitation_text(const Invitation& invitation);

}  // namespace clawbridge::cli
