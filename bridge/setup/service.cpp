#include "bridge/setup/service.h"

#include <sstream>

namespace clawbridge::setup {
namespace {

constexpr const char* kUnit = "clawbridge.service";
constexpr const char* kLabel = "clawbridge";

void replace(std::string& text, std::string_view mark, const std::string& value) {
  for (auto at = text.find(mark); at != std::string::npos; at = text.find(mark, at + value.size()))
    text.replace(at, mark.size(), value);
}

/// One word of a unit file, whatever is in it (systemd.syntax, systemd.service: specifiers and variables).
std::string systemd_word(std::string_view text, bool variables) {
  std::string word = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') word += '\\';
    if (c == '%' || (c == '$' && variables)) word += c;
    word += c;
  }
  return word + "\"";
}

std::string xml_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else {
      out += c;
    }
  }
  return out;
}

Service systemd(bool user, const ServiceWish& wish, std::string text) {
  Service service;
  const auto systemctl = [user](std::vector<std::string> words) {
    std::vector<std::string> command{"systemctl"};
    if (user) command.emplace_back("--user");
    command.insert(command.end(), words.begin(), words.end());
    return command;
  };
  service.file = user ? wish.config_home + "/systemd/user/" + kUnit : std::string("/etc/systemd/system/") + kUnit;
  replace(text, "@PROGRAM@", user ? systemd_word(wish.program, true) : wish.program);
  if (user) service.config = systemd_word(wish.config, true);
  replace(text, "@CONFIG@", service.config);
  replace(text, "@PATH@", systemd_word("PATH=" + wish.path, false));
  service.text = std::move(text);
  service.install = {{systemctl({"daemon-reload"})}, {systemctl({"enable", kUnit})}, {systemctl({"restart", kUnit})}};
  if (user)
    service.install.push_back({{"loginctl", "enable-linger"},
                               true,
                               "it ends when you log out; `sudo loginctl enable-linger $USER` keeps it running"});
  service.uninstall = {{systemctl({"disable", "--now", kUnit}), true}};
  service.forget = {{systemctl({"daemon-reload"}), true}};
  service.status = systemctl({"show", "--property=ActiveState,StatusText", kUnit});
  service.logs = std::string("journalctl ") + (user ? "--user " : "") + "-u clawbridge";
  return service;
}

Service launchd(const ServiceWish& wish, std::string text) {
  Service service;
  const std::string domain = "gui/" + std::to_string(wish.user);
  const std::string log = wish.state + "/clawbridge.log";
  service.file = wish.home + "/Library/LaunchAgents/" + kLabel + ".plist";
  replace(text, "@PROGRAM@", xml_text(wish.program));
  service.config = "<string>" + xml_text(wish.config) + "</string>";
  replace(text, "<string>@CONFIG@</string>", service.config);
  replace(text, "@PATH@", xml_text(wish.path));
  replace(text, "@LOG@", xml_text(log));
  service.text = std::move(text);
  const ServiceStep out{{"launchctl", "bootout", domain + "/" + kLabel}, true};
  service.install = {out, {{"launchctl", "bootstrap", domain, service.file}}};
  service.uninstall = {out};
  service.status = {"launchctl", "print", domain + "/" + kLabel};
  service.logs = "tail -f " + log;
  return service;
}

/// What stands behind `key` on its line.
std::string value_of(std::string_view output, std::string_view key) {
  std::istringstream in{std::string(output)};
  for (std::string line; std::getline(in, line);) {
    const auto first = line.find_first_not_of(" \t");
    if (first != std::string::npos && line.compare(first, key.size(), key) == 0) return line.substr(first + key.size());
  }
  return {};
}

}  // namespace

ServiceManager service_manager(bool whole_machine) {
#ifdef __APPLE__
  (void)whole_machine;
  return ServiceManager::Launchd;
#else
  return whole_machine ? ServiceManager::SystemdSystem : ServiceManager::SystemdUser;
#endif
}

Service make_service(ServiceManager manager, const ServiceWish& wish, std::string_view unit) {
  if (manager == ServiceManager::Launchd) return launchd(wish, std::string(unit));
  return systemd(manager == ServiceManager::SystemdUser, wish, std::string(unit));
}

std::string service_state(ServiceManager manager, std::string_view output) {
  if (manager == ServiceManager::Launchd) {
    const auto state = value_of(output, "state = ");
    return state == "running" ? "active" : state.empty() ? "inactive" : state;
  }
  const auto state = value_of(output, "ActiveState=");
  const auto words = value_of(output, "StatusText=");
  return (state.empty() ? "unknown" : state) + (words.empty() ? "" : ": " + words);
}

}  // namespace clawbridge::setup
