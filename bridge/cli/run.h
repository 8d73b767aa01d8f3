// The command line's entry point, and what it needs from outside: everything a test would want to play.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <future>
#include <iosfwd>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "bridge/core/journal.h"
#include "bridge/doctor/observations.h"
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

/// A connection to the OpenClaw gateway, and what it said of itself.
struct OpenClawLine {
  AskOpenClaw ask;
  std::string version{};
  int protocol = 0;
  std::optional<std::vector<std::string>> scopes{};  // granted; 2026.3 does not say
};

/// What the broker's inspection needs beside the settings.
struct BrokerVisit {
  bool is_online = false;  // this gateway's bridge is
  std::string hello;       // signed; empty: there are no keys yet
  std::string nonce;       // 32 hex digits
};

struct Hooks {
  std::string version;
  /// Runs the daemon until it is told to stop; the result is the exit code. Called for `clawbridge run`.
  std::function<int(const config::Settings&, const Reread&)> run_daemon;
  /// Connects to the OpenClaw gateway; an error says why that failed. `patience`: for that, and for each answer. For
  /// `openclaw check` and `doctor`.
  std::function<Result<OpenClawLine>(const config::OpenClawGateway&, std::chrono::seconds patience)> connect_openclaw;
  /// Nothing when something answers at a broker's URL, else why not. Without it nothing is tried.
  std::function<std::optional<std::string>(const config::Settings::Broker&)> reach_broker;
  /// For `doctor`: tries the broker out, in some 20 s, on a thread of its own; reads a journal without changing it.
  std::function<std::future<doctor::BrokerSeen>(const config::Settings&, const BrokerVisit&)> begin_broker_inspection;
  std::function<doctor::JournalSeen(const std::filesystem::path&, core::Snapshot&)> look_at_journal;
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
