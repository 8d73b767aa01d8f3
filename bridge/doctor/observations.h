// What was seen of a set-up, as plain values. Those who look (files, daemon, broker, gateway) fill them in; the checks
// judge them. Nothing here looks at anything, so every judgement is a pure function.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "topics/time.h"

namespace clawbridge::doctor {

/// What trying a thing has shown.
enum class Shown { Untried, Yes, No };

// ---- this machine ----

struct LooseFile {
  std::string path;
  std::string who;  // "its group", "everybody"
};

struct SettingsSeen {
  std::string error;  // why they cannot be used, as config::load() says it; empty: they can
  std::string file;   // empty: there is none
  std::string gateway;
  std::string gateway_kind;      // openclaw, command, echo
  bool has_peers = false;        // a join secret, or pinned peers
  std::vector<LooseFile> loose;  // files with secrets that others may read
};

struct StateSeen {
  std::string folder;
  int folder_error = 0;  // errno of making a file there, or in the folder that it will be made in
  int write_error = 0;   // errno of writing 64 KiB there
  std::uint64_t bytes_free = 0;
};

struct JournalSeen {
  enum class Is { Missing, Good, InUse, Newer, Foreign, Damaged, Unusable };
  Is is = Is::Missing;
  std::string path;
  std::string words;  // details: SQLite's, the format
  std::string incarnation;
  std::uint64_t epoch = 0;  // of the latest broker connection; 0: none so far
};

struct KeysSeen {
  std::string path;
  std::string error;        // why they cannot be used, as crypto::load_keys() says it
  std::string fingerprint;  // empty: there are none yet
};

struct DaemonSeen {
  enum class Socket { Missing, Stale, NoSocket, Foreign, Denied, Answers, Silent };
  std::string path;
  Socket socket = Socket::Missing;
  std::string words;
  std::string program_version;  // of this program
  // Of the daemon's status, when it answers.
  std::string gateway;
  std::string version;
  std::string state;  // starting, online, degraded, offline, name_conflict
  std::string broker_error;
  std::string gateway_error;

  [[nodiscard]] bool answers() const { return socket == Socket::Answers; }
};

// ---- the broker ----

/// One filter or topic, and what came of subscribing or publishing to it.
struct Right {
  std::string filter;
  Shown accepted = Shown::Untried;   // SUBACK or PUBACK; of MQTT 3.1.1 a PUBACK says nothing
  Shown delivered = Shown::Untried;  // read rights: something came through it
  std::string reason;                // of a refusal
};

/// A state on the broker, as it came.
struct StateMessage {
  std::string gateway;  // from its topic
  std::string payload;
  bool retained = false;
};

struct BrokerSeen {
  std::string url;
  bool tls = false;
  bool insecure = false;
  Shown resolved = Shown::Untried;
  Shown reached = Shown::Untried;
  Shown tls_made = Shown::Untried;
  Shown let_in = Shown::Untried;
  Shown speaks_protocol = Shown::Untried;
  std::string error;  // the first thing that failed on the way in: `what; what to do`
  int protocol = 0;   // 5, or 4 for MQTT 3.1.1; 0: no connection
  bool lost = false;  // the connection ended in the middle
  Right read_inbox, read_reply, read_state, read_hello;
  Right write_own, write_inbox, write_reply, write_hello;
  Shown qos1 = Shown::Untried;
  Shown retained = Shown::Untried;
  Shown retained_wildcard = Shown::Untried;
  Shown will = Shown::Untried;
  Shown session = Shown::Untried;
  std::uint64_t message_bytes = 0;      // limits.message_bytes: what should pass
  std::uint64_t packet_bytes_told = 0;  // 0: the broker names no limit
  Shown large = Shown::Untried;
  std::chrono::microseconds round_trip{0};  // there and back, twice; 0: it did not come back
  std::vector<StateMessage> states;
};

// ---- the gateway ----

struct GatewaySeen {
  std::string url;
  std::string error;  // why the handshake failed, as the client says it; empty: it did not
  std::string version;
  int protocol = 0;
  std::optional<std::vector<std::string>> scopes;  // granted; 2026.3 does not say
  std::optional<std::vector<std::string>> agents;
  // Kind command: the program, and what is wrong with it.
  std::string program;
  std::string program_error;
};

/// A name in the settings that is none of the gateway's agents.
struct UnknownAgent {
  std::string key;  // expose, policy.2.to, plain_clients.1.to, api.tokens.NAME
  std::string agent;
};

struct ToolsSeen {
  enum class Plugin { Untried, NotInstalled, OtherFiles, Installed };
  Plugin plugin = Plugin::Untried;
  std::string words;  // why untried, or what is wrong
  std::vector<std::string>
      blind;           // agents that do not see all tools, with the rule: `jarvis: tools.profile is "coding"`
  std::string remedy;  // for the first of them
  std::size_t sighted = 0;
};

// ---- the others ----

struct PeerSeen {
  std::string gateway;
  std::string trust;     // pending, joined, trusted, configured, revoked
  std::string presence;  // online, degraded, offline, unseen
  std::string fingerprint;
  std::string offered_fingerprint;  // of other keys that claim the name
  std::string version;
  std::optional<WallTime> since;
  std::optional<WallTime> last_exchange;
  Shown answers = Shown::Untried;  // a ping
  // Its clock minus ours: measured by a ping; from a state only what lies ahead of now is certain.
  std::optional<std::chrono::milliseconds> ahead;
};

/// What the broker keeps of our own name.
struct NameSeen {
  Shown own_state = Shown::Untried;  // there is a state of our name
  bool other_keys = false;
  bool other_journal = false;
  std::string presence;
};

struct Observations {
  WallTime now{};
  SettingsSeen settings;
  std::optional<StateSeen> state;
  std::optional<JournalSeen> journal;
  std::optional<KeysSeen> keys;
  std::optional<DaemonSeen> daemon;
  std::optional<BrokerSeen> broker;
  std::optional<NameSeen> name;
  std::optional<GatewaySeen> gateway;
  std::vector<UnknownAgent> unknown_agents;
  std::optional<ToolsSeen> tools;
  std::optional<std::vector<PeerSeen>> peers;  // nothing: nobody could be asked
};

}  // namespace clawbridge::doctor
