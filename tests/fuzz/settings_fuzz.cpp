// The text of a settings file: it loads, and every value keeps what settings.h promises, or it is refused in one line
// that gives no secret away. Then the same text as OpenClaw's settings. Nothing of the machine is touched: files,
// variables and programs all answer with one made-up secret.
#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>

#include "config/openclaw.h"
#include "config/settings.h"
#include "config/values.h"
#include "tests/fuzz/require.h"
#include "topics/encoding.h"
#include "topics/topic.h"

namespace clawbridge::fuzz {
namespace {

using namespace config;

// Taken for a name, an agent and a join secret alike, so that a placeholder gets past most checks.
constexpr std::string_view kSecret = "hunter2hunter2hunter2hunter2";

/// `text` must outlive it.
Environment made_up(const std::string& file, const std::string& text) {
  Environment environment;
  environment.home = "/home/tony";
  environment.host_name = "imac";
  environment.variable = [](const std::string& name) -> std::optional<std::string> {
    if (name.starts_with("OPENCLAW_") || name.starts_with("XDG_")) return std::nullopt;
    return std::string(kSecret);
  };
  environment.variable_names = [] { return std::vector<std::string>(); };
  environment.read_file = [file, &text](const std::string& path) -> FileText {
    if (path == file) return {text, 0};
    if (path.ends_with("openclaw.json")) return {std::nullopt, ENOENT};
    return {std::string(kSecret) + "\n", 0};
  };
  environment.run_command = [](const std::vector<std::string>& argv) -> CommandOutcome {
    require(!argv.empty() && !argv.front().empty(), "a command names a program");
    return {std::string(kSecret) + "\nmore", ""};
  };
  return environment;
}

void check_error(const SettingsError& error, const std::string& text) {
  const std::string_view line = error.what();
  require(!line.empty(), "a refusal says why");
  require(
      std::none_of(line.begin(), line.end(), [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; }),
      "a refusal is one line without control characters");
  require(!find_invalid_utf8(line), "a refusal is valid UTF-8");
  require(text.find(kSecret) != std::string::npos || line.find(kSecret) == std::string_view::npos,
          "a refusal repeats nothing that a placeholder stands for");
}

bool all(const std::vector<std::string>& items, bool (*valid)(std::string_view)) {
  return std::all_of(items.begin(), items.end(), [&](const auto& item) { return valid(item); });
}

void check_limits(const Settings::Limits& limits) {
  require(limits.message_bytes >= 65'536 && limits.message_bytes <= 67'108'864, "message_bytes keeps its limits");
  for (const auto limit : {limits.outgoing_open, limits.incoming_open, limits.incoming_open_per_peer,
                           limits.peers_pinned, limits.runs, limits.asks, limits.waiters}) {
    require(limit >= 1 && limit <= 1'000'000, "limits keep theirs");
  }
}

void check_settings(const Settings& settings) {
  require(is_gateway_name(settings.gateway.name), "gateway.name is one");
  require(settings.gateway.kind != GatewayKind::OpenClaw || is_gateway_url(settings.gateway.url), "gateway.url is one");
  if (settings.gateway.kind == GatewayKind::Command) {
    const auto& command = settings.gateway.command;
    require(!command.empty() && !command.front().empty() && all(command, is_argument), "gateway.command can be run");
    require(command.front().front() == '/' || command.front().find('/') == std::string::npos, "no program of the working directory");
    require(!settings.gateway.workdir.empty() && all(settings.gateway.environment, is_variable_name), "gateway.environment are names");
  }
  require(all(settings.gateway.agents, is_agent_id), "gateway.agents are ids");
  require(!settings.expose || all(*settings.expose, is_agent_id), "expose are ids");
  require(is_broker_url(settings.broker.url) && is_topic_base(settings.broker.base), "the broker can be used");
  require(settings.broker.certificate.empty() == settings.broker.key.empty(), "a certificate has a key");
  require(settings.broker.keepalive.count() >= 1 && settings.broker.keepalive.count() <= 65'535, "keepalive fits MQTT");
  require(settings.trust.join.empty() || settings.trust.join.reveal().size() >= 16, "a join secret is long");
  for (const auto& [name, address] : settings.remote_agents) {
    require(is_agent_id(name) && is_address(address.str()), "remote_agents are addresses");
  }
  for (const auto& [name, fingerprint] : settings.peers) {
    require(is_gateway_name(name) && is_fingerprint(fingerprint) && name != settings.gateway.name, "peers are others");
  }
  require(!settings.store.path.empty() && is_socket_path(settings.api.socket), "paths are known");
  check_limits(settings.limits);
}

}  // namespace
}  // namespace clawbridge::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace clawbridge;
  const std::string text(reinterpret_cast<const char*>(data), size);
  try {
    fuzz::check_settings(config::load("clawbridge.yaml", fuzz::made_up("clawbridge.yaml", text)));
  } catch (const config::SettingsError& error) {
    fuzz::check_error(error, text);
  }
  try {
    const auto found = config::find_openclaw_gateway(fuzz::made_up("/home/tony/.openclaw/openclaw.json", text));
    fuzz::require(config::is_gateway_url(found.url), "OpenClaw's gateway has an address");
  } catch (const config::SettingsError& error) {
    fuzz::check_error(error, text);
  }
  return 0;
}
