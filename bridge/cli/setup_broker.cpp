#include "bridge/cli/setup_broker.h"

#include <cerrno>
#include <filesystem>

#include "bridge/cli/local_files.h"
#include "bridge/cli/prompt.h"
#include "bridge/cli/render.h"
#include "bridge/setup/broker_search.h"
#include "config/values.h"

namespace clawbridge::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kLocal[] = {"mqtt://localhost:1883", "mqtt://127.0.0.1:1883"};
// What `broker init` makes for a machine.
constexpr const char* kBrokerFiles[] = {"authority.pem", "certificate.pem", "key.pem", "password"};
constexpr const char* kBrokerSettings = "broker.yaml";

std::string trimmed(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  return text;
}

bool answers(const Context& context, const std::string& url) {
  config::Settings::Broker broker;
  broker.url = url;
  return context.hooks.reach_broker && !context.hooks.reach_broker(broker);
}

void put(SetupPlan& plan, const char* key, std::string yaml) {
  plan.settings.push_back({"broker", key, std::move(yaml)});
}

/// The folder that `broker init` made for this machine: the one that was named, or the one that was copied to where it
/// says. It says all of the broker; throws where an option says it, too.
std::string broker_folder(const SetupPlace& place, const SetupOptions& options) {
  const std::string usual = place.folder + "/broker";
  std::error_code ignored;
  const bool copied = options.broker_files.empty() && fs::exists(fs::path(usual) / kBrokerSettings, ignored);
  const std::string folder = copied ? usual : options.broker_files;
  if (folder.empty()) return {};
  const std::pair<const char*, const std::string*> said[] = {{"--broker", &options.broker}, {"--base", &options.base}, {"--username", &options.username},
                                                             {"--password-file", &options.password_file}, {"--ca", &options.ca}};
  for (const auto& [option, value] : said) {
    if (!value->empty())
      throw usage("address, login and certificates of the broker stand in " + folder + ", which `clawbridge broker init` made; leave " + option + " out" +
                  (copied ? ", or move that folder away" : ""));
  }
  return folder;
}

/// The broker block of that folder, whose own paths mean files that are not there yet.
config::Settings::Broker read_broker_folder(const SetupPlace& place, const std::string& folder) {
  config::Environment environment = place.environment;
  environment.variable_names = [] {
    return std::vector<std::string>{"CLAWBRIDGE_GATEWAY_KIND", "CLAWBRIDGE_GATEWAY_NAME"};
  };
  environment.variable = [ask = place.environment.variable](const std::string& name) -> std::optional<std::string> {
    if (name == "CLAWBRIDGE_GATEWAY_KIND") return "echo";
    if (name == "CLAWBRIDGE_GATEWAY_NAME") return "any";
    return ask(name);
  };
  environment.read_file = [ask = place.environment.read_file, folder](const std::string& path) {
    return ask(fs::path(path).filename() == "password" ? folder + "/password" : path);
  };
  return config::load(folder + "/" + kBrokerSettings, environment).broker;
}

void take_broker_folder(const SetupPlace& place, const std::string& folder, SetupPlan& plan) {
  const auto broker = read_broker_folder(place, folder);
  put(plan, "url", setup::yaml_text(broker.url));
  put(plan, "username", setup::yaml_text(broker.username));
  const std::string own = place.folder + "/broker/";
  for (const char* file : kBrokerFiles)
    plan.files.push_back({own + file, read_file(folder + "/" + file, "the broker's file")});
  put(plan, "password", setup::yaml_file(own + "password"));
  put(plan, "ca", setup::yaml_text(own + "authority.pem"));
  put(plan, "certificate", setup::yaml_text(own + "certificate.pem"));
  put(plan, "key", setup::yaml_text(own + "key.pem"));
  if (broker.base != "claw") put(plan, "base", setup::yaml_text(broker.base));
  plan.broker_found = "with the files in " + folder;
}

void put_login(const SetupPlace& place, const std::string& username, const std::string& password, SetupPlan& plan) {
  if (username.empty()) return;
  const std::string file = place.folder + "/broker-password";
  plan.files.push_back({file, password + "\n"});
  put(plan, "username", setup::yaml_text(username));
  put(plan, "password", setup::yaml_file(file));
}

/// The options' own login, if there is one.
void put_own_login(const SetupPlace& place, const SetupOptions& options, SetupPlan& plan) {
  if (options.username.empty() != options.password_file.empty())
    throw usage("--username and --password-file belong together");
  if (!options.username.empty())
    put_login(place, options.username, trimmed(read_file(options.password_file, "the password")), plan);
}

void put_authority(const SetupPlace& place, const std::string& certificates, SetupPlan& plan) {
  if (certificates.empty()) return;
  const std::string file = place.folder + "/broker-authority.pem";
  plan.files.push_back({file, certificates});
  put(plan, "ca", setup::yaml_text(file));
}

std::string announced_broker(const Context& context) {
  const auto seen = context.hooks.environment.run_command(setup::browse_command());
  for (const auto& url : setup::brokers_announced(seen.output)) {
    if (answers(context, url)) return url;
  }
  return {};
}

/// The URL, and in `found` how it was found.
std::string find_broker(const Context& context, std::string& found) {
  for (const char* url : kLocal) {
    if (!answers(context, url)) continue;
    found = "found on this machine";
    return url;
  }
  if (const auto url = announced_broker(context);
      !url.empty() &&
      confirm(context, "The network announces a broker, " + printable(url) + ". Take it?", {}, true, true)) {
    found = "announced by the local network";
    return url;
  }
  if (can_ask(context)) {
    while (const auto url =
               ask(context, "No broker answers on this machine. Its URL, as mqtt://HOST or mqtts://HOST:")) {
      found = "as you said";
      if (config::is_broker_url(*url)) return *url;
      context.err() << "That is no broker's URL.\n";
    }
  }
  throw usage(
      "no broker answers on this machine (mqtt://localhost:1883), and the local network announces none; name one with "
      "--broker URL, install "
      "one (apt-get install mosquitto), or make one with TLS and rights: clawbridge broker init --help");
}

}  // namespace

void choose_broker(const Context& context, const SetupPlace& place, const SetupOptions& options, SetupPlan& plan) {
  if (const auto folder = broker_folder(place, options); !folder.empty()) {
    take_broker_folder(place, folder, plan);
    return;
  }
  plan.broker_found = "as --broker says";
  std::string url = options.broker;
  if (url.empty()) url = find_broker(context, plan.broker_found);
  if (!config::is_broker_url(url))
    throw usage("\"" + printable(url) +
                "\" is no broker's URL; write mqtt://HOST, mqtts://HOST, ws://HOST/PATH or wss://HOST/PATH");
  put(plan, "url", setup::yaml_text(url));
  if (!options.base.empty()) put(plan, "base", setup::yaml_text(options.base));
  put_own_login(place, options, plan);
  if (!options.ca.empty()) put_authority(place, read_file(options.ca, "the certificates"), plan);
}

void take_broker(const SetupPlace& place, const SetupOptions& options, const setup::JoinToken& token, SetupPlan& plan) {
  if (const auto folder = broker_folder(place, options); !folder.empty()) {
    take_broker_folder(place, folder, plan);
    return;
  }
  plan.broker_found = "from the join token";
  put(plan, "url", setup::yaml_text(options.broker.empty() ? token.broker_url : options.broker));
  if (token.base != "claw") put(plan, "base", setup::yaml_text(token.base));
  if (!options.username.empty() || !options.password_file.empty()) {
    put_own_login(place, options, plan);
  } else if (token.login == setup::BrokerLogin::Shared) {
    put_login(place, token.username, token.password, plan);
  } else if (token.login == setup::BrokerLogin::Own) {
    throw usage(
        "each machine has a login of its own at this broker: copy the folder that `clawbridge broker init` made for "
        "this machine to " +
        place.folder + "/broker, or name it with --broker-files DIR; or give --username NAME --password-file FILE");
  }
  put_authority(place, options.ca.empty() ? token.ca : read_file(options.ca, "the certificates"), plan);
}

}  // namespace clawbridge::cli
