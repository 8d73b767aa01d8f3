// clawbridge uninstall: takes back what `init`, `join`, `service install` and `openclaw install` did; with --purge also
// what is this bridge's own. Nothing is removed that clawbridge does not make.
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "bridge/cli/local_paths.h"
#include "bridge/cli/openclaw_place.h"
#include "bridge/cli/prompt.h"
#include "bridge/cli/render.h"
#include "bridge/cli/setup_commands.h"
#include "bridge/cli/setup_place.h"

namespace clawbridge::cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// What `init`, `join` and `service install` may have put beside the settings, and the files of before that they kept.
constexpr const char* kSettingsFiles[] = {"join-secret",    "broker-password",      "broker-authority.pem",
                                          "openclaw-token", "broker/authority.pem", "broker/certificate.pem",
                                          "broker/key.pem", "broker/password",      "broker/broker.yaml",
                                          "page-token"};
// What the daemon puts beside the journal.
constexpr const char* kStateFiles[] = {"keys.json", "clawbridge.log"};
// What follows the journal's name in those of its log and of journals that were set aside.
constexpr const char* kJournalEnds[] = {"", "-wal", "-shm", "-journal"};
constexpr const char* kSetAside = ".damaged-";

void take_if_there(std::vector<std::string>& found, const fs::path& path) {
  std::error_code ignored;
  if (fs::exists(fs::symlink_status(path, ignored))) found.push_back(path.string());
}

/// A folder by the name that clawbridge gives to those it makes, in which nothing else is to be expected.
bool is_ours(const fs::path& folder) {
  return folder.filename() == "clawbridge";
}

bool is_journal(const fs::directory_entry& entry, const std::string& journal) {
  const auto name = entry.path().filename().string();
  std::error_code ignored;
  if (!name.starts_with(journal) || !entry.is_regular_file(ignored)) return false;
  const auto end = std::string_view(name).substr(journal.size());
  return end.starts_with(kSetAside) || std::ranges::find(kJournalEnds, end) != std::end(kJournalEnds);
}

/// Everything of this bridge's own that is there; the settings last, which say where the rest is. In a folder that others may use, only
/// what the settings speak of.
std::vector<std::string> own_files(const SetupPlace& place, const LocalPaths& paths,
                                   const std::string& openclaw_config) {
  std::vector<std::string> found;
  const fs::path folder(place.folder);
  const auto settings = place.environment.read_file(place.config_file).text.value_or("");
  for (const char* file : kSettingsFiles) {
    const auto path = (folder / file).string();
    if (!is_ours(folder) && settings.find(path) == std::string::npos) continue;
    for (const char* kept : {"", ".bak"}) take_if_there(found, path + kept);
  }
  if (is_ours(folder) || fs::exists(folder / "openclaw-plugin" / "openclaw.plugin.json"))
    take_if_there(found, folder / "openclaw-plugin");
  const fs::path journal(paths.journal);
  for (const char* file : kStateFiles) take_if_there(found, journal.parent_path() / file);
  if (is_ours(journal.parent_path())) take_if_there(found, journal.parent_path() / "turns");
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(journal.parent_path(), ignored)) {
    if (is_journal(entry, journal.filename().string())) found.push_back(entry.path().string());
  }
  take_if_there(found, paths.socket);
  if (!openclaw_config.empty()) take_if_there(found, openclaw_config + ".before-clawbridge");
  for (const char* kept : {".bak", ""}) take_if_there(found, place.config_file + kept);
  return found;
}

/// Removes the empty folders from this one up to the home, such as ~/.local/state where nothing else ever was.
void remove_empty_folders(fs::path folder, const std::string& home) {
  while (!home.empty() && folder.string().starts_with(home + "/") && ::rmdir(folder.c_str()) == 0) folder = folder.parent_path();
}

/// Removes the files, and those of our folders that are empty then. Returns what is left in these.
std::vector<std::string> remove_files(const SetupPlace& place, const LocalPaths& paths,
                                      const std::vector<std::string>& files) {
  {
    const AsServiceUser user(place);  // root would follow where that user's links lead
    for (const auto& file : files) {
      std::error_code error;
      fs::remove_all(file, error);
      if (error) throw Failure(ExitCode::Failed, "internal", "cannot remove " + file + ": " + error.message());
    }
  }
  std::vector<std::string> left;
  const auto remove_folder = [&](const fs::path& folder) {
    // Not with std::filesystem: it would remove a link to a folder that has something in it.
    std::error_code ignored;
    if (::rmdir(folder.c_str()) != 0 && fs::exists(fs::symlink_status(folder, ignored))) {
      left.push_back(folder.string());
    } else if (!place.whole_machine) {
      remove_empty_folders(folder.parent_path(), place.environment.home);
    }
  };
  const fs::path settings(place.folder);
  const auto journal = fs::path(paths.journal).parent_path();
  if (is_ours(settings)) {
    ::rmdir((settings / "broker").c_str());
    remove_folder(settings);
  }
  if (is_ours(journal) && journal != settings) remove_folder(journal);
  return left;
}

/// What the other command said, for a person.
template <class Act>
std::string words_of_part(const Context& context, const SetupPlace& place, const Act& act) {
  std::ostringstream words;
  Hooks hooks = context.hooks;
  hooks.out = &words;
  Context other = in_place(context, hooks, place);
  other.json = false;
  act(other);
  return words.str();
}

std::string take_service_out(const Context& context, const SetupPlace& place, const UninstallOptions& options) {
  return words_of_part(context, place, [&](const Context& other) { return service_uninstall(other, {options.whole_machine}); });
}

/// Where all that lies which is to go. Where the settings cannot be read, the service is taken out, which needs them least, and a
/// Failure says so; but where a question would come first, nothing is done.
LocalPaths paths_or_service_alone(const Context& context, const SetupPlace& place, const UninstallOptions& options, bool has_settings) {
  try {
    return find_local_paths(has_settings ? std::optional(place.config_file) : std::nullopt, place.environment);
  } catch (const config::SettingsError& broken) {
    if (options.purge && !options.yes) throw;
    throw usage(take_service_out(context, place, options) + "Nothing else was touched, as it is not known where it is; mend this and say it again: " + broken.what());
  }
}

bool has_plugin(const SetupPlace& place, const LocalPaths& paths, std::string& openclaw_config) {
  openclaw_config = config::openclaw_settings_file(openclaw_environment(place.environment, {}, paths.openclaw_config));
  const auto read = place.environment.read_file(openclaw_config);
  if (!read.text) {
    openclaw_config.clear();
    return false;
  }
  // Not that of another bridge in this home, whose plugin lies beside its own settings.
  const auto ours = nlohmann::json(place.folder + "/openclaw-plugin").dump(-1, ' ', false, json::error_handler_t::replace);
  return read.text->find(ours) != std::string::npos || read.text->find(place.folder + "/openclaw-plugin") != std::string::npos;
}

bool answers_on(const std::string& socket) {
  try {
    (void)Client(socket).get("/v1/status");
    return true;
  } catch (const Failure& failure) {
    return failure.exit_code() != ExitCode::Unreachable;
  }
}

}  // namespace

ExitCode uninstall(const Context& context, const UninstallOptions& options) {
  const auto place = find_place(context, options.whole_machine);
  const bool has_settings = fs::exists(place.config_file);
  if (context.config_file && !has_settings)
    throw usage("there are no settings at " + place.config_file + ", so nothing is known of what they set up; nothing was changed");
  const auto paths = paths_or_service_alone(context, place, options, has_settings);
  std::string openclaw_config;
  const bool plugin = has_plugin(place, paths, openclaw_config);
  const auto files = options.purge ? own_files(place, paths, openclaw_config) : std::vector<std::string>{};

  std::string list;
  for (const auto& file : files) list += "  " + printable(file) + "\n";
  if (options.purge && !options.yes) {
    if (!can_ask(context)) throw usage("--purge removes these for good; say --yes, too:\n" + list);
    context.err() << "This removes for good:\n" << list;
    if (!confirm(context, "Without its keys this bridge is a stranger to all others. Go on?", {}, false, false))
      throw Failure(ExitCode::Failed, "bad_request", "nothing was changed");
  }
  std::string said = take_service_out(context, place, options);
  if (answers_on(paths.socket)) {
    throw Failure(ExitCode::Failed, "busy",
                  "the service is out, but a daemon still answers on " + paths.socket +
                      "; stop it (Ctrl-C where it runs) and say this again",
                  true);
  }
  if (plugin) said += words_of_part(context, place, [](const Context& other) { return openclaw_uninstall(other, {}); });
  const auto left = options.purge ? remove_files(place, paths, files) : std::vector<std::string>{};
  if (context.json) {
    context.out() << line({{"status", "ok"}, {"removed", files}, {"left", left}, {"text", said}});
    return ExitCode::Done;
  }
  context.out() << said << (files.empty() ? "" : "Removed:\n") << list;
  for (const auto& folder : left) context.out() << "Left, because there is more in it: " << printable(folder) << "\n";
  if (!options.purge) context.out() << "Settings, keys and journal are still there; --purge removes them, too.\n";
  return ExitCode::Done;
}

}  // namespace clawbridge::cli
