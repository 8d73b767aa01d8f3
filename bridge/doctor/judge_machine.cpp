// Settings, state folder, journal, keys and daemon.
#include <cerrno>
#include <cstring>

#include "bridge/doctor/judges.h"
#include "bridge/doctor/marks.h"

namespace clawbridge::doctor {
namespace {

constexpr std::uint64_t kBytesLow = std::uint64_t{256} << 20;
constexpr std::uint64_t kMebibyte = std::uint64_t{1} << 20;

constexpr Mark kSettingsMarks[] = {
    {"cannot read settings", "settings.file.missing"},
    {"${", "settings.file.placeholder"},
    {"unknown key", "settings.file.unknown_key"},
    {"unknown environment variable", "settings.file.unknown_key"},
    {"unknown section", "settings.file.unknown_key"},
    {"not valid YAML", "settings.file.yaml"},
    {"not UTF-8", "settings.file.yaml"},
    {"placeholder", "settings.file.placeholder"},
};

constexpr Mark kKeysMarks[] = {
    {"others may read", "state.keys.loose"},
    {"they belong to gateway", "state.keys.of_another"},
    {"Permission denied", "state.keys.unreadable"},
};

std::string version_of(const DaemonSeen& daemon) {
  return daemon.version.empty() ? "an unknown version" : "version " + daemon.version;
}

}  // namespace

Verdict judge_settings_file(const Observations& seen) {
  const auto& settings = seen.settings;
  if (!settings.error.empty())
    return fail(fault_by(settings.error, kSettingsMarks, "settings.file.value"), settings.error);
  const std::string what = "gateway " + settings.gateway + ", kind " + settings.gateway_kind;
  return good(settings.file.empty() ? "no file, the defaults: " + what : settings.file + ": " + what);
}

Verdict judge_settings_secrets(const Observations& seen) {
  const auto& loose = seen.settings.loose;
  if (loose.empty()) return good("no file with a secret is open to others");
  std::vector<std::string> files;
  for (const auto& file : loose) files.push_back(file.path + " (" + file.who + ")");
  return warn("settings.secrets.loose", joined(files) + " can be read by others");
}

Verdict judge_state_folder(const Observations& seen) {
  const auto& state = *seen.state;
  if (state.folder_error == EROFS)
    return fail("state.folder.read_only", state.folder + " is on a read-only file system");
  // That there is no room for a file is the disk's fault, not the folder's.
  if (state.folder_error != 0 && state.folder_error != ENOSPC && state.folder_error != EDQUOT) {
    return fail("state.folder.denied", "cannot write into " + state.folder + ": " + std::strerror(state.folder_error));
  }
  return good(state.folder);
}

Verdict judge_state_disk(const Observations& seen) {
  const auto& state = *seen.state;
  const auto free = std::to_string(state.bytes_free / kMebibyte) + " MiB free";
  const int error = state.folder_error != 0 ? state.folder_error : state.write_error;
  if (error != 0)
    return fail("state.disk.full",
                "cannot write to the disk of " + state.folder + ": " + std::strerror(error) + ", " + free);
  if (state.bytes_free < kBytesLow) return warn("state.disk.low", "the disk of " + state.folder + " has " + free);
  return good(free);
}

Verdict judge_state_journal(const Observations& seen) {
  const auto& journal = *seen.journal;
  const bool daemon = seen.daemon && seen.daemon->answers();
  switch (journal.is) {
    case JournalSeen::Is::Missing:
      return good("none yet: the daemon makes it at its first start");
    case JournalSeen::Is::Good:
      return good(journal.path + ", " + journal.words);
    case JournalSeen::Is::InUse:
      return daemon ? good(journal.path + ", in use by the daemon")
                    : fail("state.journal.in_use",
                           journal.path + " is in use by a process that does not answer on api.socket");
    case JournalSeen::Is::Newer:
      return fail("state.journal.newer", journal.path + " is of a newer release (" + journal.words + ")");
    case JournalSeen::Is::Foreign:
      return fail("state.journal.foreign", journal.path + " is the file of another program");
    case JournalSeen::Is::Damaged:
      return fail("state.journal.damaged", journal.path + " is damaged (" + journal.words + ")");
    case JournalSeen::Is::Unusable:
      break;
  }
  return fail("state.journal.unusable", "cannot open " + journal.path + ": " + journal.words);
}

Verdict judge_state_keys(const Observations& seen) {
  const auto& keys = *seen.keys;
  if (!keys.error.empty()) return fail(fault_by(keys.error, kKeysMarks, "state.keys.damaged"), what_of(keys.error));
  if (keys.fingerprint.empty()) return good("none yet: the daemon makes them at its first start");
  return good("fingerprint " + keys.fingerprint.substr(0, 32) + "…");
}

Verdict judge_daemon_socket(const Observations& seen) {
  const auto& daemon = *seen.daemon;
  switch (daemon.socket) {
    case DaemonSeen::Socket::NoSocket:
      return fail("daemon.socket.no_socket", daemon.path + " is no socket");
    case DaemonSeen::Socket::Foreign:
      return fail("daemon.socket.foreign", daemon.path + " belongs to " + daemon.words);
    case DaemonSeen::Socket::Denied:
      return fail("daemon.socket.denied", daemon.path + ": " + daemon.words);
    default:
      return good(daemon.path);
  }
}

Verdict judge_daemon_running(const Observations& seen) {
  const auto& daemon = *seen.daemon;
  if (daemon.socket == DaemonSeen::Socket::Silent)
    return fail("daemon.running.silent", "no answer on " + daemon.path + ": " + daemon.words);
  if (!daemon.answers()) return warn("daemon.running.not", "no daemon listens on " + daemon.path);
  if (daemon.gateway != seen.settings.gateway) {
    return fail("daemon.running.another",
                "the daemon on " + daemon.path + " is that of " + daemon.gateway + ", not of " + seen.settings.gateway);
  }
  if (daemon.version != daemon.program_version) {
    return warn("daemon.running.older",
                "the daemon is " + version_of(daemon) + ", this program " + daemon.program_version);
  }
  return good(version_of(daemon) + ", " + daemon.state);
}

Verdict judge_daemon_broker(const Observations& seen) {
  if (!seen.daemon->answers()) return skip("the daemon is not running");
  if (!seen.daemon->broker_error.empty())
    return fail("daemon.broker.reports", "it says: " + what_of(seen.daemon->broker_error));
  return good("connected");
}

Verdict judge_daemon_gateway(const Observations& seen) {
  if (!seen.daemon->answers()) return skip("the daemon is not running");
  if (!seen.daemon->gateway_error.empty())
    return fail("daemon.gateway.reports", "it says: " + what_of(seen.daemon->gateway_error));
  return good("connected");
}

}  // namespace clawbridge::doctor
