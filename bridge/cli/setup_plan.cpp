#include "bridge/cli/setup_plan.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "bridge/cli/openclaw_place.h"
#include "bridge/cli/render.h"
#include "bridge/cli/setup_broker.h"
#include "bridge/cli/setup_page.h"
#include "bridge/crypto/system_cryptography.h"
#include "bridge/setup/texts.h"
#include "config/openclaw.h"
#include "config/values.h"
#include "topics/encoding.h"

namespace clawbridge::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kSecretBytes = 16;

constexpr const char* kHead =
    "# clawbridge settings, made by `clawbridge init` or `join`. What is switched on was found here or asked for; the "
    "rest is the default,\n"
    "# or an example behind a # at the start of a line. Every key: clawbridge config reference. Check: clawbridge "
    "config check\n";

/// The machine as a service finds it: without the variables of this shell.
config::Environment as_a_service(const config::Environment& environment, const std::string& openclaw_config) {
  config::Environment bare = environment;
  bare.variable = [](const std::string&) { return std::nullopt; };
  return config::with_openclaw_config(bare, openclaw_config);
}

/// What OpenClaw's settings say to a service, if that is enough.
std::optional<config::OpenClawGateway> found_by_a_service(const config::Environment& environment,
                                                          const std::string& file) {
  try {
    return config::find_openclaw_gateway(as_a_service(environment, file));
  } catch (const config::SettingsError&) {
    return std::nullopt;  // for example a token in a variable
  }
}

void plan_openclaw(const SetupPlace& place, const SetupOptions& options, SetupPlan& plan) {
  const auto environment = openclaw_environment(place.environment, options.openclaw, {});
  const std::string file = fs::absolute(config::openclaw_settings_file(environment)).lexically_normal().string();
  if (const auto read = place.environment.read_file(file); !read.text) {
    throw usage("there are no OpenClaw settings at " + file +
                "; name them with --openclaw-home DIR, or say what answers here: --kind command -- PROGRAM ARGUMENTS, "
                "or --kind echo to try things out");
  }
  plan.openclaw_config = file;
  if (file != place.environment.home + "/.openclaw/openclaw.json")
    plan.settings.push_back({"gateway", "openclaw_config", setup::yaml_text(file)});
  const auto found = config::find_openclaw_gateway(environment);
  const auto later = found_by_a_service(environment, file);
  if (!later || later->url != found.url) plan.settings.push_back({"gateway", "url", setup::yaml_text(found.url)});
  if (!later || later->token.reveal() != found.token.reveal()) {
    const std::string token = place.folder + "/openclaw-token";
    plan.files.push_back({token, found.token.reveal() + "\n"});
    plan.settings.push_back({"gateway", "token", setup::yaml_file(token)});
    plan.notes.push_back(
        "The gateway's token stands in a variable of this shell, which a service does not have; it was copied to " +
        token + ".");
  }
  if (found.token.empty())
    plan.notes.push_back(
        "OpenClaw's settings have no gateway.auth.token; if the gateway wants one, set gateway.token.");
}

void plan_gateway(const SetupPlace& place, const SetupOptions& options, SetupPlan& plan) {
  std::string name = options.name;
  if (name.empty()) name = config::gateway_name_from_host(place.environment.host_name);
  if (name.empty()) throw usage("cannot make a gateway name from the host name; give one with --name");
  const std::string kind = !options.kind.empty() ? options.kind : options.command.empty() ? "openclaw" : "command";
  if (kind != "command" && !options.command.empty())
    throw usage("a program is for --kind command; leave it out, or leave --kind out");
  if (kind == "openclaw" && !options.agents.empty())
    throw usage("--agent is for --kind echo and command; OpenClaw's agents stand in its own settings");
  plan.settings.push_back({"gateway", "name", setup::yaml_text(name)});
  plan.settings.push_back({"gateway", "kind", kind});
  if (kind == "openclaw") plan_openclaw(place, options, plan);
  if (!options.agents.empty()) plan.settings.push_back({"gateway", "agents", setup::yaml_list(options.agents)});
  if (!options.command.empty()) plan.settings.push_back({"gateway", "command", setup::yaml_list(options.command)});
}

void plan_secret(const SetupPlace& place, const std::string& secret, SetupPlan& plan) {
  const std::string file = place.folder + "/join-secret";
  plan.files.push_back({file, secret + "\n"});
  plan.settings.push_back({"trust", "join", setup::yaml_file(file)});
}

/// The one of before, so that who joined then stays in; else a new one.
std::string own_secret(const SetupPlace& place) {
  const auto read = place.environment.read_file(place.folder + "/join-secret");
  if (read.text) {
    const std::string kept = read.text->substr(0, read.text->find_first_of("\r\n"));
    if (config::is_join_secret(kept)) return kept;
  }
  Bytes32 random{};
  crypto::SystemRandom().fill(std::span(random).first(kSecretBytes));
  return base64url_encode(std::span(random).first(kSecretBytes));
}

/// Reads the text as the daemon will, before it is written.
config::Settings load_planned(const SetupPlace& place, const SetupPlan& plan) {
  config::Environment environment = place.environment;
  environment.read_file = [&](const std::string& path) {
    if (path == place.config_file) return config::FileText{plan.text, 0};
    for (const auto& file : plan.files) {
      if (path == file.path) return config::FileText{file.text, 0};
    }
    return place.environment.read_file(path);
  };
  return config::load(place.config_file, environment);
}

SetupPlan finish(const SetupPlace& place, SetupPlan plan) {
  const auto example = setup::embedded_text("config/clawbridge.example.yaml");
  plan.text = setup::settings_text(example, kHead, plan.settings);
  const auto loaded = load_planned(place, plan);
  // Written down, because a service and a shell may have other variables of XDG.
  plan.settings.push_back({"store", "path", setup::yaml_text(loaded.store.path)});
  plan.settings.push_back({"api", "socket", setup::yaml_text(loaded.api.socket)});
  plan.text = setup::settings_text(example, kHead, plan.settings);
  plan.loaded = load_planned(place, plan);
  return plan;
}

}  // namespace

SetupPlan plan_first(const Context& context, const SetupPlace& place, const SetupOptions& options) {
  SetupPlan plan;
  plan_gateway(place, options, plan);
  choose_broker(context, place, options, plan);
  plan_secret(place, own_secret(place), plan);
  plan_page(context, place, options, plan);
  return finish(place, std::move(plan));
}

SetupPlan plan_joining(const Context& context, const SetupPlace& place, const SetupOptions& options,
                       const setup::JoinToken& token) {
  SetupPlan plan;
  plan_gateway(place, options, plan);
  take_broker(place, options, token, plan);
  plan_secret(place, token.join_secret, plan);
  plan_page(context, place, options, plan);
  if (token.seal != "off") plan.settings.push_back({"trust", "seal", setup::yaml_text(token.seal)});
  plan = finish(place, std::move(plan));
  if (plan.loaded.gateway.name == token.inviter) {
    throw usage("the gateway that this token comes from is called " + token.inviter +
                ", too; give this one another name with --name");
  }
  return plan;
}

}  // namespace clawbridge::cli
