// Puts settings together: file, then environment, then defaults, then what only the machine can tell; and the checks
// that need more than one key. See settings.h.
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <set>
#include <utility>

#include "config/entries.h"
#include "config/keys.h"
#include "config/openclaw.h"
#include "config/placeholders.h"
#include "config/settings.h"
#include "config/values.h"
#include "topics/encoding.h"

namespace clawbridge::config {
namespace {

std::string escaped(char c) {
  return fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
}

/// Control characters as escapes, and bytes that are not UTF-8: yaml-cpp puts single bytes into its messages.
std::string printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t good = find_invalid_utf8(text).value_or(text.size());
    for (const char c : text.substr(0, good)) {
      const bool control = static_cast<unsigned char>(c) < ' ' || c == '\x7f';
      out += control ? escaped(c) : std::string(1, c);
    }
    text.remove_prefix(good);
    if (text.empty()) break;
    out += escaped(text.front());
    text.remove_prefix(1);
  }
  return out;
}

constexpr std::size_t kShownBytesMax = 120;  // of a wrong value, in an error
constexpr std::size_t kNameBytesMax = 63;    // of a gateway (is_gateway_name)

/// The keys that somebody set, with the place, for checks between keys.
using Given = std::map<std::string, std::string, std::less<>>;

[[noreturn]] void refuse(const Key& key, const std::string& path, const std::string& text, std::string_view why = {}) {
  std::size_t count = std::min(text.size(), kShownBytesMax);
  while (count < text.size() && count > 0 && (static_cast<unsigned char>(text[count]) & 0xC0U) == 0x80U) --count;
  const std::string shown = text.substr(0, count) + (count < text.size() ? "…" : "");
  const bool quiet = key.type == Type::Secret || text.find('@') != std::string::npos;  // an URL with a password in it
  throw SettingsError(fmt::format("{} {}{}; allowed: {}", path, quiet ? "has a wrong value" : "is \"" + shown + "\"",
                                  why, allowed_values(key)));
}

/// `written`: the text before its placeholders were replaced, for the error.
std::uint64_t choice_index(const Key& key, const std::string& path, const std::string& text,
                           const std::string& written) {
  const auto choice = std::ranges::find(key.choices, text);
  if (choice == key.choices.end()) refuse(key, path, written);
  return static_cast<std::uint64_t>(choice - key.choices.begin());
}

/// Values as the table's assign functions take them. A mismatch would be a mistake in the table, which a test that
/// loads every default would meet.
template <class Value>
void store(const Key& key, Settings& settings, Value value) {
  if (const auto* assign = std::get_if<void (*)(Settings&, Value)>(&key.assign))
    (*assign)(settings, std::forward<Value>(value));
}

class Assigner {
 public:
  Assigner(const Environment& environment, Settings& settings) : environment_(environment), settings_(settings) {}

  /// Something that somebody set, which is remembered for changed_keys().
  void assign_written(const Entry& entry) {
    assign(entry);
    settings_.written[entry.path()] = Secret(std::exchange(expanded_, {}));
  }

  void assign(const Entry& entry) {
    const Key& key = *entry.key;
    const std::string path = entry.path();
    if (key.type == Type::List) {
      assign_list(entry, path);
      return;
    }
    const std::string& written = entry.texts.front();
    std::string text = expand(written, environment_);
    expanded_ = text;
    switch (key.type) {
      case Type::Boolean:
        if (const auto value = parse_boolean(text)) return store(key, settings_, *value);
        refuse(key, path, written);
      case Type::Integer:
        if (const auto value = parse_integer(text); value && *value >= key.least && *value <= key.most) {
          if (const auto* named = std::get_if<void (*)(Settings&, const std::string&, std::uint64_t)>(&key.assign)) {
            return (*named)(settings_, entry.name, *value);
          }
          return store(key, settings_, *value);
        }
        refuse(key, path, written);
      case Type::Duration: {
        const auto value = parse_duration(text);
        const auto count = value ? static_cast<std::uint64_t>(value->count()) : 0;
        if (!value || count < key.least || count > key.most || count % key.step != 0) refuse(key, path, written);
        return store(key, settings_, *value);
      }
      case Type::Choice:
        return store(key, settings_, choice_index(key, path, text, written));
      case Type::Path:
        text = expand_home(text, environment_);
        break;
      case Type::Text:
      case Type::Secret:
      case Type::List:
        break;
    }
    if (key.valid != nullptr && !key.valid(text)) refuse(key, path, written);
    if (const auto* named = std::get_if<void (*)(Settings&, const std::string&, const std::string&)>(&key.assign)) {
      (*named)(settings_, entry.name, text);
    } else {
      store<const std::string&>(key, settings_, text);
    }
  }

 private:
  void assign_list(const Entry& entry, const std::string& path) {
    std::vector<std::string> items;
    for (const std::string& written : entry.texts) {
      std::string item = expand(written, environment_);
      if (!entry.key->valid(item)) refuse(*entry.key, path, written);
      if (!entry.key->repeats && std::ranges::find(items, item) != items.end()) refuse(*entry.key, path, written, " twice");
      expanded_.append(item).append(1, '\0');
      items.push_back(std::move(item));
    }
    if (const auto* named = std::get_if<void (*)(Settings&, const std::string&, std::vector<std::string>)>(&entry.key->assign)) {
      (*named)(settings_, entry.name, std::move(items));
    } else {
      store(*entry.key, settings_, std::move(items));
    }
  }

  const Environment& environment_;
  Settings& settings_;
  std::string expanded_;  // of the entry under way
};

/// Entries of the file that a variable does not replace, then those of variables.
std::vector<Entry> merge(std::vector<Entry> file, std::vector<Entry> variables) {
  std::set<const Key*> replaced;
  for (const Entry& entry : variables) replaced.insert(entry.key);
  std::erase_if(file, [&](const Entry& entry) { return replaced.contains(entry.key); });
  std::ranges::move(variables, std::back_inserter(file));
  return file;
}

void assign_defaults(const Given& given, Assigner& assigner) {
  for (const Key& key : keys()) {
    if (key.default_text.empty() || given.contains(key.path)) continue;
    Entry entry{&key, {}, {std::string(key.default_text)}, {}};
    if (key.type == Type::List) entry.texts = split_list(key.default_text);
    assigner.assign(entry);
  }
}

/// A folder from an XDG variable, which counts only when it is absolute (XDG base directory specification).
std::optional<std::string> xdg(const char* name, const Environment& environment) {
  std::optional<std::string> folder = environment.variable(name);
  return folder && folder->starts_with('/') ? folder : std::nullopt;
}

std::string state_folder(const Environment& environment) {
  if (const auto folder = xdg("XDG_STATE_HOME", environment)) return *folder + "/clawbridge";
  return expand_home("~/.local/state/clawbridge", environment);
}

void find_name(Settings& settings, const Environment& environment) {
  if (!settings.gateway.name.empty()) return;
  settings.gateway.name = gateway_name_from_host(environment.host_name);
  if (settings.gateway.name.empty()) {
    throw SettingsError(
        fmt::format("cannot make a gateway name from the host name \"{}\"; set gateway.name", environment.host_name));
  }
}

/// OpenClaw's own token goes only to a gateway on this machine: another one would be handed a secret that is not its.
void find_gateway(Settings& settings, const Given& given, const Environment& environment) {
  if (settings.gateway.kind != GatewayKind::OpenClaw) return;
  const bool has_url = given.contains("gateway.url");
  const bool has_token = given.contains("gateway.token");
  const auto url = parse_url(settings.gateway.url);
  const bool here = !has_url || (url && is_loopback(*url));
  if ((has_url && has_token) || !here) return;
  OpenClawGateway found = find_openclaw_gateway(settings.gateway.openclaw_config.empty() ? environment : with_openclaw_config(environment, settings.gateway.openclaw_config));
  if (!has_url) settings.gateway.url = std::move(found.url);
  if (!has_token) settings.gateway.token = std::move(found.token);
}

void find_paths(Settings& settings, const Environment& environment) {
  if (settings.store.path.empty()) settings.store.path = state_folder(environment) + "/journal.db";
  if (!settings.api.socket.empty()) return;
  const auto runtime = xdg("XDG_RUNTIME_DIR", environment);
  settings.api.socket = (runtime ? *runtime : state_folder(environment)) + "/clawbridge.sock";
  if (!is_socket_path(settings.api.socket)) {
    throw SettingsError(fmt::format("the socket's path {} is too long for the system; set api.socket to a shorter one",
                                    settings.api.socket));
  }
}

void check_broker(const Settings& settings, const Given& given) {
  for (const auto& [one, other] :
       {std::pair("broker.certificate", "broker.key"), {"broker.key", "broker.certificate"}}) {
    if (given.contains(one) && !given.contains(other)) {
      throw SettingsError(fmt::format("{}: {} needs {} beside it", given.find(one)->second, one, other));
    }
  }
  if (is_broker_tls(settings.broker.url)) return;
  for (const char* path : {"broker.ca", "broker.certificate", "broker.insecure"}) {
    if (!given.contains(path) || (std::string_view(path) == "broker.insecure" && !settings.broker.insecure)) continue;
    throw SettingsError(
        fmt::format("{}: {} is for TLS, and broker.url has none; write mqtts://, ssl:// or wss:// there",
                    given.find(path)->second, path));
  }
}

void check_gateway(const Settings& settings, const Given& given) {
  if (const auto self = settings.peers.find(settings.gateway.name); self != settings.peers.end()) {
    const auto place = given.find("peers." + self->first + ".fingerprint");
    throw SettingsError(fmt::format("{}: peers.{} is this gateway itself; remove it, or change gateway.name",
                                    place == given.end() ? "peers" : place->second, self->first));
  }
  // Keys that only some kinds know.
  struct Only {
    const char* path;
    std::vector<GatewayKind> kinds;
    const char* words;
  };
  const auto echo = [](const char* path) { return Only{path, {GatewayKind::Echo}, "echo"}; };
  const auto command = [](const char* path) { return Only{path, {GatewayKind::Command}, "command"}; };
  const auto openclaw = [](const char* path) { return Only{path, {GatewayKind::OpenClaw}, "openclaw"}; };
  for (const auto& [path, kinds, words] :
       {Only{"gateway.agents", {GatewayKind::Echo, GatewayKind::Command}, "echo or command"}, echo("gateway.delay"), echo("gateway.record"),
        command("gateway.command"), command("gateway.workdir"), command("gateway.environment"), command("gateway.reply_bytes"),
        command("gateway.time_limit"), openclaw("gateway.openclaw_config")}) {
    if (!given.contains(path) || std::ranges::find(kinds, settings.gateway.kind) != kinds.end()) continue;
    throw SettingsError(fmt::format("{}: {} is for gateway.kind {} only; remove it", given.find(path)->second, path, words));
  }
}

/// The program of kind command: a relative path would mean another file in every working directory.
void find_command(Settings& settings, const Given& given, const Environment& environment) {
  auto& gateway = settings.gateway;
  if (gateway.kind != GatewayKind::Command) return;
  const auto place = given.find("gateway.command");
  if (place == given.end() || gateway.command.empty() || gateway.command.front().empty()) {
    throw SettingsError(fmt::format("{}: gateway.kind command needs a program, as in \"command: [/usr/bin/my-agent, --flag]\"",
                                    place == given.end() ? given.find("gateway.kind")->second : place->second));
  }
  auto& program = gateway.command.front();
  const auto written = program;
  program = expand_home(program, environment);
  if (program.find('/') != std::string::npos && !program.starts_with('/')) {
    throw SettingsError(fmt::format("{}: gateway.command begins with \"{}\"; write the whole path, from the first /, or the name alone to look for it in PATH",
                                    place->second, written));
  }
  if (gateway.workdir.empty()) gateway.workdir = environment.home.empty() ? "/" : environment.home;
}

/// The place of the first key of item `number` of a list section.
std::string place_of(const Given& given, const std::string& section, std::size_t number) {
  const auto prefix = fmt::format("{}.{}.", section, number);
  const auto found = given.lower_bound(prefix);
  return found != given.end() && found->first.starts_with(prefix) ? found->second : section;
}

void check_policy(Settings& settings, const Given& given) {
  for (std::size_t i = 0; i < settings.policy.size(); ++i) {
    auto& rule = settings.policy[i];
    rule.place = place_of(given, "policy", i + 1);
    const char* missing = rule.from.empty() ? "from" : rule.to.empty() ? "to" : rule.allow.empty() && rule.deny.empty() ? "allow or deny" : nullptr;
    if (missing != nullptr) throw SettingsError(fmt::format("{}: policy.{} has no {}; a rule says from, to and allow (or deny)", rule.place, i + 1, missing));
    for (const auto& op : rule.allow) {
      if (std::ranges::find(rule.deny, op) != rule.deny.end()) {
        throw SettingsError(fmt::format("{}: policy.{} both allows and denies {}; remove one", rule.place, i + 1, op));
      }
    }
  }
  for (std::size_t i = 0; i < settings.plain_clients.size(); ++i) {
    auto& plain = settings.plain_clients[i];
    plain.place = place_of(given, "plain_clients", i + 1);
    if (plain.to.empty() || plain.reply_topics.empty()) {
      throw SettingsError(fmt::format("{}: plain_clients.{} needs to and reply_topics", plain.place, i + 1));
    }
    for (const auto& filter : plain.reply_topics) {
      if (filter == settings.broker.base || filter.starts_with(settings.broker.base + "/")) {
        throw SettingsError(fmt::format("{}: reply topic {} lies below broker.base, where only bridges speak; name another", plain.place, filter));
      }
    }
    if (settings.trust.seal == Seal::Always) {
      throw SettingsError(fmt::format("{}: plain_clients are readable, and trust.seal is always; remove one of the two", plain.place));
    }
  }
}

/// A token says who calls, so no two callers may share one; and who can reach a TCP port needs one.
void check_api(const Settings& settings, const Given& given) {
  const auto place = [&](const std::string& path) { return given.find(path)->second; };
  if (!settings.api.listen_address.empty() && settings.api.tokens.empty()) {
    throw SettingsError(
        fmt::format("{}: api.listen needs api.tokens beside it, as in \"tokens: {{ jarvis: … }}\": every user of this "
                    "machine can reach a TCP port, and a token says who calls",
                    place("api.listen")));
  }
  std::map<std::string_view, std::string_view> owners;
  for (const auto& [name, token] : settings.api.tokens) {
    const auto [owner, is_new] = owners.emplace(token.reveal(), name);
    if (is_new) continue;
    throw SettingsError(fmt::format("{}: api.tokens.{} is the same token as api.tokens.{}; give each its own",
                                    place("api.tokens." + name), name, owner->second));
  }
}

/// The key of a path as Entry::path() makes it. REQUIRES: there is one.
const Key& key_of_path(const std::string& path) {
  const auto parts = split_path(path);
  const auto is_it = [&](const Key& key) {
    const auto stands_for = [](std::string_view of_key, std::string_view part) { return of_key == part || of_key == "*" || of_key == "#"; };
    return std::ranges::equal(split_path(key.path), parts, stands_for);
  };
  return *std::ranges::find_if(keys(), is_it);
}

/// The text of the settings file; nothing when it was not asked for by name and is not there.
std::optional<std::string> read_settings_file(const std::string& file, bool asked_for, const Environment& environment) {
  FileText read = environment.read_file(file);
  const bool missing = !read.text && (read.error_number == ENOENT || read.error_number == ENOTDIR);
  if (missing && !asked_for) return std::nullopt;
  if (!read.text) {
    throw SettingsError(fmt::format("cannot read settings {}: {}; correct the path, or leave --config out to run with the defaults", file,
                                    std::strerror(read.error_number)));
  }
  return std::move(read.text);
}

}  // namespace

SettingsError::SettingsError(const std::string& line) : std::runtime_error(printable(line)) {}

Settings load(const std::optional<std::string>& file, const Environment& environment) {
  Settings settings;
  std::vector<Entry> entries;
  const bool have_file = file || !environment.home.empty() || xdg("XDG_CONFIG_HOME", environment);
  if (have_file) {
    const std::string path = file ? *file : default_file(environment);
    if (const auto text = read_settings_file(path, file.has_value(), environment)) {
      settings.file = path;
      entries = entries_of_file(*text, path);
    }
  }
  entries = merge(std::move(entries), entries_of_variables(environment));

  Assigner assigner(environment, settings);
  Given given;
  for (const Entry& entry : entries) {
    try {
      assigner.assign_written(entry);
    } catch (const SettingsError& error) {
      throw SettingsError(fmt::format("{}: {}", entry.place, error.what()));
    }
    given[entry.path()] = entry.place;
  }
  assign_defaults(given, assigner);
  find_name(settings, environment);
  check_gateway(settings, given);
  check_broker(settings, given);
  check_policy(settings, given);
  check_api(settings, given);
  find_gateway(settings, given, environment);
  find_command(settings, given, environment);
  find_paths(settings, environment);
  return settings;
}

ChangedKeys changed_keys(const Settings& before, const Settings& after) {
  std::set<std::string> changed;
  const auto compare = [&](const Settings& one, const Settings& other) {
    for (const auto& [path, value] : one.written) {
      const auto found = other.written.find(path);
      if (found == other.written.end() || found->second != value) changed.insert(path);
    }
  };
  compare(before, after);
  compare(after, before);
  std::set<std::string> live;
  std::set<std::string> restart;
  for (const auto& path : changed) {
    const Key& key = key_of_path(path);
    (key.reload ? live : restart).insert(key.in_list() ? path.substr(0, path.find('.')) : path);
  }
  return {{live.begin(), live.end()}, {restart.begin(), restart.end()}};
}

std::string default_file(const Environment& environment) {
  if (const auto folder = xdg("XDG_CONFIG_HOME", environment)) return *folder + "/clawbridge/clawbridge.yaml";
  return expand_home("~/.config/clawbridge/clawbridge.yaml", environment);
}

std::string gateway_name_from_host(const std::string& host_name) {
  std::string name;
  for (const char c : host_name.substr(0, host_name.find('.'))) {
    const char lower = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    const bool first = (lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9');
    if (name.empty() && !first) continue;
    if (name.size() < kNameBytesMax) name += first || lower == '_' || lower == '-' ? lower : '-';
  }
  return name;
}

}  // namespace clawbridge::config
