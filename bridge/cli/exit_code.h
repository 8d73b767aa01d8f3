// The exit codes of the command line: a contract with scripts, printed by --help.
#pragma once

#include <array>
#include <nlohmann/json_fwd.hpp>
#include <string_view>
#include <utility>

namespace clawbridge::cli {

enum class ExitCode : int {
  Done = 0,
  Failed = 1,
  Usage = 2,        // usage or settings
  Refused = 3,      // policy, unknown, ambiguous, bad request
  Unreachable = 4,  // daemon, broker, gateway
  WaitEnded = 5,    // before the reply
};

/// What each means, as --help and CLI.md say it.
inline constexpr std::array<std::pair<ExitCode, std::string_view>, 6> kExitCodes{{
    {ExitCode::Done, "done"},
    {ExitCode::Failed, "failed"},
    {ExitCode::Usage, "usage or settings"},
    {ExitCode::Refused, "refused (policy, unknown or ambiguous target, bad request)"},
    {ExitCode::Unreachable, "unreachable (daemon, broker or gateway)"},
    {ExitCode::WaitEnded, "the wait ended before the reply"},
}};

/// For an error by its code's name, for example `forbidden`.
[[nodiscard]] ExitCode exit_code_of_error(std::string_view code);

/// For an exchange as the daemon reports it. `waited`: the caller wanted to see the end, so `accepted` is not enough.
[[nodiscard]] ExitCode exit_code_of_exchange(const nlohmann::json& exchange, bool waited);

}  // namespace clawbridge::cli
