// The commands: what each does once the command line has been read. Each has a file of its own, command_<name>.cpp.
//
// None of them knows CLI11; only command_line.cpp does, because its headers take longer to compile than all else here.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "bridge/cli/client.h"
#include "bridge/cli/exit_code.h"
#include "bridge/cli/message_input.h"
#include "bridge/cli/run.h"

namespace clawbridge::cli {

/// One run of the program: what every command may use.
struct Context {
  const Hooks& hooks;
  std::optional<std::string> config_file;
  std::optional<std::string> socket;
  bool json = false;

  [[nodiscard]] std::ostream& out() const { return *hooks.out; }
  [[nodiscard]] std::ostream& err() const { return *hooks.err; }
  /// For the daemon that --socket or the settings name.
  [[nodiscard]] Client client() const;
};

/// What every request for a turn may say.
struct RequestOptions {
  std::string target;
  std::string as;            // an agent or a session of one
  double timeout_seconds = 30;
  double expires_seconds = 0;  // 0: as the daemon likes
  std::string late_reply;    // deliver, keep; empty: as the settings say
  std::vector<std::string> attach;
  std::string save_attachments;  // a folder
  MessageSource message;
};
struct SendOptions : RequestOptions {
  std::string label;
  std::string session;
  bool stream = false;
};
struct SpawnOptions : RequestOptions {
  std::string label;
  std::string model;
  std::string thinking;
  double run_timeout_seconds = 0;  // 0: as the gateway there likes
};
struct SessionsOptions {
  std::string target;
  std::string session;
  std::string as;
  double timeout_seconds = 10;
  std::optional<unsigned> limit;
  unsigned offset = 0;
  bool include_tools = false;   // history
  double active_minutes = 0;    // list; 0: whenever
  unsigned message_limit = 0;
  std::vector<std::string> kinds;
  std::string label;
  std::string search;
};
struct McpOptions {
  std::string agent;
  std::string session;
};
struct AgentsOptions {
  bool allowed = false;
  std::string as;
};
struct WatchOptions {
  std::string gateway;
  std::string agent;
  std::string cid;
  bool text = false;
  std::uint64_t count = 0;  // lines; 0: until it is stopped
};
struct PageOptions {
  bool watch = false;
};
struct PingOptions {
  std::string gateway;
  double timeout_seconds = 10;
};
struct ExchangeOptions {
  std::string id;
  double timeout_seconds = 30;
  unsigned limit = 20;
  std::string save_attachments;  // a folder
};
struct TrustOptions {
  std::string gateway;
  std::vector<std::string> fingerprint;  // one word, or the groups as they are read aloud
};

struct OpenClawOptions {
  std::string home;    // the folder with openclaw.json; empty: as OpenClaw finds it
  std::string config;  // that file itself
  bool also_allow = false;
};

struct DoctorOptions {
  bool reference = false;  // print the page of all checks and faults
};

struct BrokerOptions {
  std::string kind;       // acl
  std::string directory;  // init, revoke
  std::vector<std::string> gateways;
  std::string base = "claw";
  std::vector<std::string> plain_replies;
  std::vector<std::string> hosts;  // init
  std::uint16_t port = 8883;
};

// Each returns the exit code, and throws Failure or config::SettingsError.
ExitCode send(const Context& context, const SendOptions& options);
ExitCode spawn(const Context& context, const SpawnOptions& options);
ExitCode sessions_list(const Context& context, const SessionsOptions& options);
ExitCode sessions_history(const Context& context, const SessionsOptions& options);
ExitCode session_status(const Context& context, const SessionsOptions& options);
ExitCode agents(const Context& context, const AgentsOptions& options);
ExitCode mcp_server(const Context& context, const McpOptions& options);
ExitCode status(const Context& context);
ExitCode watch(const Context& context, const WatchOptions& options);
ExitCode reload(const Context& context);
ExitCode page(const Context& context, const PageOptions& options);
ExitCode ping(const Context& context, const PingOptions& options);
ExitCode exchange_show(const Context& context, const ExchangeOptions& options);
ExitCode exchange_wait(const Context& context, const ExchangeOptions& options);
ExitCode exchange_cancel(const Context& context, const ExchangeOptions& options);
ExitCode exchange_list(const Context& context, const ExchangeOptions& options);
ExitCode dead_list(const Context& context, const ExchangeOptions& options);
ExitCode dead_show(const Context& context, const ExchangeOptions& options);
ExitCode dead_replay(const Context& context, const ExchangeOptions& options);
ExitCode dead_drop(const Context& context, const ExchangeOptions& options);
ExitCode peers_list(const Context& context);
ExitCode peers_trust(const Context& context, const TrustOptions& options);
ExitCode peers_revoke(const Context& context, const TrustOptions& options);
ExitCode key_show(const Context& context);
ExitCode key_rotate(const Context& context);
ExitCode broker_acl(const Context& context, const BrokerOptions& options);
ExitCode broker_init(const Context& context, const BrokerOptions& options);
ExitCode broker_revoke(const Context& context, const BrokerOptions& options);
ExitCode config_check(const Context& context);
ExitCode config_schema(const Context& context);
ExitCode config_reference(const Context& context);
ExitCode openclaw_install(const Context& context, const OpenClawOptions& options);
ExitCode openclaw_uninstall(const Context& context, const OpenClawOptions& options);
ExitCode openclaw_check(const Context& context, const OpenClawOptions& options);
ExitCode diagnose(const Context& context);
ExitCode doctor_reference(const Context& context);
ExitCode run_daemon(const Context& context);

[[nodiscard]] std::chrono::milliseconds milliseconds_of(double seconds);

/// Prints an answer: as it came with --json, else as `text`.
void print(const Context& context, const DaemonAnswer& answer, const std::string& text);

/// How an exchange is shown.
struct OutcomeOptions {
  bool waited = true;            // `accepted` is not what was wanted
  std::string save_attachments;  // a folder for the reply's files; empty: they are only named

  OutcomeOptions(bool was_waited, std::string save) : waited(was_waited), save_attachments(std::move(save)) {}
  OutcomeOptions(const RequestOptions& options) : OutcomeOptions(options.timeout_seconds > 0, options.save_attachments) {}
};
/// Prints the outcome of an exchange (the reply on stdout, all else on stderr) and returns its exit code.
ExitCode print_outcome(const Context& context, const DaemonAnswer& answer, const OutcomeOptions& options);
/// The same of one whose reply stands there already.
ExitCode print_end(const Context& context, const DaemonAnswer& answer, const OutcomeOptions& options);

}  // namespace clawbridge::cli
