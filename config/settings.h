// What a user can set, as plain values. load() is the only way to get them: a YAML file, then CLAWBRIDGE_* variables,
// then defaults. Which keys there are, what they mean and what they may be stands in keys.cpp, once, and in SETTINGS.md
// for reading.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "config/environment.h"
#include "config/secret.h"
#include "topics/address.h"

namespace clawbridge::config {

/// One line for the user, beginning with the place: `clawbridge.yaml:7: unknown key "broker.usrname"; did you mean …`.
/// Control characters in it, and bytes that are not UTF-8, which can only come from what is being refused, are written
/// as escapes.
class SettingsError : public std::runtime_error {
 public:
  explicit SettingsError(const std::string& line);
};

enum class GatewayKind { OpenClaw, Echo, Command };
enum class BrokerProtocol { Auto, Mqtt5, Mqtt311 };
enum class Seal { Off, WhenPossible, Always };
enum class Durability { Process, Power };
enum class OnInterrupted { Report, Rerun };
enum class LateReply { Deliver, Keep };
enum class LogLevel { Debug, Info, Warn, Error };
enum class LogFormat { Logfmt, Json };

/// Every path is absolute or relative to the working directory; `~/` is expanded. An empty text means: not set.
struct Settings {
  struct Gateway {
    std::string name;
    GatewayKind kind = GatewayKind::OpenClaw;
    std::string url;  // kind OpenClaw: ws:// or wss://
    Secret token;     // kind OpenClaw
    std::string openclaw_config;  // kind OpenClaw: the file that url and token are looked up in; empty: OpenClaw's usual one
    bool agent_names = true;
    std::vector<std::string> agents;     // kinds Echo and Command
    std::chrono::milliseconds delay{0};  // kind Echo
    std::string record;                  // kind Echo
    // kind Command
    std::vector<std::string> command;     // the program and its arguments; not empty. The program: absolute, or to be found in PATH
    std::string workdir;
    std::vector<std::string> environment;  // names
    std::uint64_t reply_bytes = 0;
    std::chrono::milliseconds time_limit{0};  // 0: none
  };
  struct Broker {
    std::string url;  // mqtt, tcp, ws (plain) or mqtts, ssl, wss (TLS) ://host[:port][/path]
    std::string username;
    Secret password;
    std::string ca;
    std::string certificate;  // set if and only if `key` is
    std::string key;
    bool insecure = false;
    BrokerProtocol protocol = BrokerProtocol::Auto;
    std::string base;
    std::chrono::seconds keepalive{0};
  };
  struct Trust {
    Secret join;  // the decoded bytes, at least 16; empty: none
    Seal seal = Seal::Off;
  };
  /// Texts are patterns: `*` is any run of characters.
  struct PolicyRule {
    std::vector<std::string> from;      // gateway/agent
    std::vector<std::string> to;        // local agents, or `_bridge`
    std::vector<std::string> sessions;  // session keys; empty: every session of the agent
    std::vector<std::string> allow;     // operations, or `*`; at least one of allow and deny is not empty
    std::vector<std::string> deny;
    std::uint64_t per_minute = 0;  // 0, here and below: no limit of its own
    std::uint64_t open = 0;
    std::uint64_t concurrent = 0;
    std::uint64_t message_bytes = 0;
    std::string place;  // `clawbridge.yaml:12`
  };
  struct PlainClients {
    std::string to;                         // a local agent
    std::vector<std::string> reply_topics;  // MQTT filters, none of them below broker.base
    std::string place;
  };
  struct Store {
    std::string path;
    Durability durability = Durability::Process;
    std::chrono::milliseconds keep{0};
  };
  struct Api {
    std::string socket;
    std::string listen_address;  // a loopback IP address; empty: no TCP
    std::uint16_t listen_port = 0;
    std::map<std::string, Secret> tokens;  // agent, or `_bridge` for the person -> token, each another; some with TCP
  };
  struct Log {
    LogLevel level = LogLevel::Info;
    LogFormat format = LogFormat::Logfmt;
  };
  struct Limits {
    std::uint64_t message_bytes = 0;
    std::uint64_t outgoing_open = 0;
    std::uint64_t outgoing_bytes = 0;
    std::uint64_t incoming_open = 0;
    std::uint64_t incoming_open_per_peer = 0;
    std::uint64_t peers_pinned = 0;
    std::uint64_t peers_pending = 0;
    std::uint64_t runs = 0;
    std::uint64_t asks = 0;
    std::uint64_t waiters = 0;
    std::uint64_t journal_bytes_per_peer = 0;
    std::uint64_t per_minute_per_peer = 0;  // 0: no limit
    std::uint64_t per_minute_per_pair = 0;  // 0: no limit
    std::uint64_t max_hops = 0;
  };

  std::string file;  // that was read; empty: there was none
  std::map<std::string, Secret> written;  // what file and variables say, key by key, placeholders replaced; for changed_keys()
  Gateway gateway;
  std::optional<std::vector<std::string>> expose;  // nothing: every agent
  OnInterrupted on_interrupted = OnInterrupted::Report;
  LateReply late_reply = LateReply::Deliver;
  Broker broker;
  std::map<std::string, Address> remote_agents;  // short name -> address
  Trust trust;
  std::map<std::string, std::string> peers;  // gateway -> fingerprint, 64 lower-case hex digits
  std::vector<PolicyRule> policy;
  std::vector<PlainClients> plain_clients;
  Store store;
  Api api;
  Log log;
  Limits limits;
};

/// Reads `file`, or default_file() when there is none given, which may be missing; applies CLAWBRIDGE_* variables and
/// defaults; checks everything. May run commands (`${command:…}`), so: not on the io thread.
/// Throws SettingsError for the first thing wrong, and nothing else but std::bad_alloc.
[[nodiscard]] Settings load(const std::optional<std::string>& file, const Environment& environment);

/// The keys whose values differ, as a user writes them (`peers.imac.fingerprint`); of a list of rules only the list (`policy`).
struct ChangedKeys {
  std::vector<std::string> live;     // that may change while the daemon runs
  std::vector<std::string> restart;  // that take a restart
};
[[nodiscard]] ChangedKeys changed_keys(const Settings& before, const Settings& after);

/// `$XDG_CONFIG_HOME/clawbridge/clawbridge.yaml`, by default below ~/.config. Throws SettingsError without a home.
[[nodiscard]] std::string default_file(const Environment& environment);

/// A gateway name made from a host name: the part before the first dot, lower-cased, other characters as `-`.
/// Empty when nothing usable is left.
[[nodiscard]] std::string gateway_name_from_host(const std::string& host_name);

/// The JSON schema (2020-12) of the settings file, as in clawbridge.schema.json.
[[nodiscard]] std::string schema_json();

/// The reference page, as in SETTINGS.md.
[[nodiscard]] std::string reference_markdown();

}  // namespace clawbridge::config
