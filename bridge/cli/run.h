// The command line's entry point, and what it needs from outside: everything a test would want to play.
#pragma once

#include <functional>
#include <iosfwd>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "config/environment.h"
#include "config/openclaw.h"
#include "config/settings.h"
#include "topics/result.h"
#include "topics/time.h"

namespace clawbridge::cli {

/// Asks the OpenClaw gateway one thing and waits for the answer's payload. `unsupported`: its version has no such method.
using AskOpenClaw = std::function<Result<nlohmann::json>(const std::string& method, const nlohmann::json& params)>;

/// How the daemon reads its settings again.
struct Reread {
  std::string file;                        // that is worth watching, there or not; empty: none
  std::function<config::Settings()> load;  // throws config::SettingsError; any thread
};

struct Hooks {
  std::string version;
  /// Runs the daemon until it is told to stop; the result is the exit code. Called for `clawbridge run`.
  std::function<int(const config::Settings&, const Reread&)> run_daemon;
  /// Connects to the OpenClaw gateway; an error says why that failed. For `clawbridge openclaw check`.
  std::function<Result<AskOpenClaw>(const config::OpenClawGateway&)> connect_openclaw;
  /// Nothing when something answers at a broker's URL, else why not. Without it nothing is tried.
  std::function<std::optional<std::string>(const config::Settings::Broker&)> reach_broker;
  std::string program;  // the file of this program; empty: unknown
  config::Environment environment;
  std::istream* in = nullptr;
  std::ostream* out = nullptr;
  std::ostream* err = nullptr;
  bool in_is_terminal = false;
  bool out_is_terminal = false;
  std::function<WallTime()> now;
};

/// The real machine: standard streams, system clock, system environment.
[[nodiscard]] Hooks system_hooks(std::string version, std::function<int(const config::Settings&, const Reread&)> run_daemon);

/// Runs one command. Returns the exit code (exit_code.h). Prints every error and throws none.
int run(int argc, const char* const* argv, const Hooks& hooks);

}  // namespace clawbridge::cli
