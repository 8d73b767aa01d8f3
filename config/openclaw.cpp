// OpenClaw's settings file. See openclaw.h.
#include "config/openclaw.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>

#include "config/json5.h"
#include "config/placeholders.h"
#include "config/settings.h"
#include "config/values.h"

namespace clawbridge::config {
namespace {

using Json = nlohmann::json;

constexpr std::uint64_t kPortDefault = 18'789;
constexpr int kDepthMax = 64;  // deeper values are left out: copying nested ones takes stack at each level
constexpr std::string_view kWayOut = "correct it, or set gateway.url and gateway.token";

std::optional<std::string> set_variable(const char* name, const Environment& environment) {
  std::optional<std::string> value = environment.variable(name);
  return value && !value->empty() ? value : std::nullopt;
}

/// The file's `gateway` object, or null when there is no file or no such object.
Json read_gateway_section(const std::string& path, const Environment& environment) {
  if (path.empty()) return nullptr;
  const FileText file = environment.read_file(path);
  if (!file.text && (file.error_number == ENOENT || file.error_number == ENOTDIR)) return nullptr;
  if (!file.text) {
    throw SettingsError(
        fmt::format("cannot read OpenClaw's settings {}: {}; {}", path, std::strerror(file.error_number), kWayOut));
  }
  const auto is_shallow = [](int depth, Json::parse_event_t, Json&) { return depth <= kDepthMax; };
  const Json all = Json::parse(json_from_json5(*file.text), is_shallow, /*allow_exceptions=*/false);
  if (!all.is_object()) {
    throw SettingsError(fmt::format("OpenClaw's settings {} are not JSON5 with an object in it; {}", path, kWayOut));
  }
  const auto gateway = all.find("gateway");
  return gateway != all.end() && gateway->is_object() ? *gateway : Json(nullptr);
}

/// A member of an object, or null.
Json member(const Json& object, const char* name) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(name);
  return found == object.end() ? Json(nullptr) : *found;
}

/// OpenClaw puts `${NAME}` in texts and knows references such as {"source": "env", "id": "NAME"}.
std::string resolve_text(const Json& value, const std::string& path, const Environment& environment) {
  std::string text = value.is_string() ? value.get<std::string>() : std::string{};
  std::string variable;
  if (text.starts_with("${") && text.ends_with('}')) variable = text.substr(2, text.size() - 3);
  const Json source = member(value, "source");
  const Json id = member(value, "id");
  if (source.is_string() && source.get<std::string>() == "env" && id.is_string()) variable = id.get<std::string>();
  if (!variable.empty()) {
    if (auto found = set_variable(variable.c_str(), environment)) return *found;
    throw SettingsError(
        fmt::format("gateway.auth.token in {} stands in environment variable {}, which is not set here; "
                    "set it, or set gateway.token",
                    path, variable));
  }
  if (value.is_object()) {
    throw SettingsError(
        fmt::format("gateway.auth.token in {} is a reference that only OpenClaw can resolve; "
                    "set gateway.token",
                    path));
  }
  return text;
}

std::uint64_t find_port(const Json& gateway, const std::string& path, const Environment& environment) {
  if (const auto text = set_variable("OPENCLAW_GATEWAY_PORT", environment)) {
    const std::optional<std::uint64_t> port = parse_integer(*text);
    if (port && *port >= 1 && *port <= 65'535) return *port;
    throw SettingsError(fmt::format("OPENCLAW_GATEWAY_PORT is \"{}\"; allowed: 1 to 65535", *text));
  }
  const Json port = member(gateway, "port");
  if (port.is_null()) return kPortDefault;
  if (port.is_number_unsigned() && port.get<std::uint64_t>() >= 1 && port.get<std::uint64_t>() <= 65'535) {
    return port.get<std::uint64_t>();
  }
  throw SettingsError(fmt::format("gateway.port in {} is no port from 1 to 65535; {}", path, kWayOut));
}

}  // namespace

std::string openclaw_settings_file(const Environment& environment) {
  if (const auto path = set_variable("OPENCLAW_CONFIG_PATH", environment)) return expand_home(*path, environment);
  if (const auto folder = set_variable("OPENCLAW_STATE_DIR", environment)) {
    return expand_home(*folder, environment) + "/openclaw.json";
  }
  return environment.home.empty() ? std::string{} : environment.home + "/.openclaw/openclaw.json";
}

Environment with_openclaw_config(const Environment& environment, const std::string& file) {
  Environment other = environment;
  other.variable = [ask = environment.variable, file](const std::string& name) {
    return name == "OPENCLAW_CONFIG_PATH" ? std::optional(file) : ask(name);
  };
  return other;
}

OpenClawGateway find_openclaw_gateway(const Environment& environment) {
  const std::string path = openclaw_settings_file(environment);
  const Json gateway = read_gateway_section(path, environment);
  const Json tls = member(member(gateway, "tls"), "enabled");
  OpenClawGateway found;
  found.url = fmt::format("{}://127.0.0.1:{}", tls.is_boolean() && tls.get<bool>() ? "wss" : "ws",
                          find_port(gateway, path, environment));
  if (const auto token = set_variable("OPENCLAW_GATEWAY_TOKEN", environment)) {
    found.token = Secret(*token);
  } else {
    found.token = Secret(resolve_text(member(member(gateway, "auth"), "token"), path, environment));
  }
  return found;
}

}  // namespace clawbridge::config
