// The settings, the state folder and the keys, as `clawbridge doctor` sees them.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <set>

#include "bridge/cli/doctor_looks.h"
#include "bridge/crypto/keys.h"
#include "bridge/crypto/system_cryptography.h"
#include "topics/encoding.h"

namespace clawbridge::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kTriedBytes = 64 * 1024;

/// Who but its owner may read the file; empty: nobody.
std::string readers_of(const std::string& path) {
  struct stat about {};
  if (::stat(path.c_str(), &about) != 0) return {};
  if ((about.st_mode & S_IROTH) != 0) return "by everybody";
  return (about.st_mode & S_IRGRP) != 0 ? "by its group" : "";
}

std::string kind_of(config::GatewayKind kind) {
  switch (kind) {
    case config::GatewayKind::Echo:
      return "echo";
    case config::GatewayKind::Command:
      return "command";
    case config::GatewayKind::OpenClaw:
      break;
  }
  return "openclaw";
}

/// The folder itself, or the nearest above it that is there.
fs::path existing(fs::path folder) {
  std::error_code ignored;
  while (!folder.empty() && !fs::exists(folder, ignored) && folder != folder.parent_path())
    folder = folder.parent_path();
  return folder.empty() ? fs::path(".") : folder;
}

/// Makes a file, writes into it, removes it.
void try_writing(const fs::path& folder, doctor::StateSeen& seen) {
  std::string name = (folder / ".clawbridge-doctor-XXXXXX").string();
  const int file = ::mkostemp(name.data(), O_CLOEXEC);
  if (file < 0) {
    seen.folder_error = errno;
    return;
  }
  const std::string bytes(kTriedBytes, '\0');
  const ssize_t written = ::write(file, bytes.data(), bytes.size());
  if (written < 0 || ::fsync(file) != 0) {
    seen.write_error = errno;
  } else if (static_cast<std::size_t>(written) < bytes.size()) {
    seen.write_error = ENOSPC;
  }
  ::close(file);
  ::unlink(name.c_str());
}

}  // namespace

std::optional<config::Settings> look_at_settings(const Context& context, doctor::SettingsSeen& seen) {
  std::set<std::string> read;
  config::Environment environment = context.hooks.environment;
  environment.read_file = [&](const std::string& path) {
    read.insert(path);
    return context.hooks.environment.read_file(path);
  };
  std::optional<config::Settings> settings;
  try {
    settings = config::load(context.config_file, environment);
  } catch (const config::SettingsError& error) {
    seen.error = error.what();
    return std::nullopt;
  }
  seen.file = settings->file;
  seen.gateway = settings->gateway.name;
  seen.gateway_kind = kind_of(settings->gateway.kind);
  seen.has_peers = !settings->trust.join.empty() || !settings->peers.empty();
  // Of the settings file itself only placeholders are public.
  read.erase(settings->file);
  if (!settings->broker.key.empty()) read.insert(settings->broker.key);
  for (const auto& path : read) {
    if (auto who = readers_of(path); !who.empty()) seen.loose.push_back({path, std::move(who)});
  }
  return settings;
}

doctor::StateSeen look_at_state(const fs::path& folder) {
  doctor::StateSeen seen;
  seen.folder = folder.string();
  const fs::path tried = existing(folder);
  struct statvfs about {};
  if (::statvfs(tried.c_str(), &about) == 0)
    seen.bytes_free = static_cast<std::uint64_t>(about.f_bavail) * about.f_frsize;
  try_writing(tried, seen);
  return seen;
}

doctor::KeysSeen look_at_keys(const fs::path& path, const std::string& gateway, std::optional<core::Keys>& keys) {
  doctor::KeysSeen seen;
  seen.path = path.string();
  const auto loaded = crypto::load_keys(path, gateway);
  if (!loaded) {
    seen.error = loaded.error().message;
    return seen;
  }
  keys = *loaded;
  if (keys) seen.fingerprint = hex_encode(crypto::fingerprint(*keys, crypto::SystemCryptography()));
  return seen;
}

}  // namespace clawbridge::cli
