// clawbridge broker: the rights that a broker must give to bridges, and a mosquitto that gives them. Works without the
// daemon.
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "bridge/brokers/access_rules.h"
#include "bridge/brokers/folder.h"
#include "bridge/cli/commands.h"
#include "bridge/cli/render.h"

namespace clawbridge::cli {
namespace {

using nlohmann::json;

brokers::Federation federation_of(const BrokerOptions& options) {
  return {options.gateways, options.base, options.plain_replies};
}

/// Runs `act`; what the folder `brokers` throws becomes a failure with the right exit code.
template <class Act>
auto attempt(const Act& act) {
  try {
    return act();
  } catch (const std::invalid_argument& error) {
    throw usage(printable(error.what()));
  } catch (const std::runtime_error& error) {
    throw Failure(ExitCode::Failed, "internal", printable(error.what()));
  }
}

std::string made_text(const brokers::Folder& folder) {
  const std::string here = folder.directory.string();
  std::string text =
      "Made " + here + ". The broker (" + folder.url + ") starts with\n\n  mosquitto -c \"" + here +
      "/mosquitto.conf\"\n\nCopy each folder to its machine, as ~/.config/clawbridge/broker: `clawbridge init` and "
      "`clawbridge join` find it\nthere. They hold keys and passwords: use scp, and delete them here.\n\n";
  for (const auto& machine : folder.machines) text += "  " + machine.gateway + ": " + machine.directory.string() + "\n";
  return text + "\nKeep " + here +
         "/authority, which can let anybody in, away from others. The certificates end in 825 days.\n";
}

}  // namespace

ExitCode broker_acl(const Context& context, const BrokerOptions& options) {
  const auto kind = brokers::kind_from(options.kind);
  if (!kind)
    throw usage("\"" + printable(options.kind) +
                "\" is no broker known here; there are mosquitto, emqx, rabbitmq, nats");
  const std::string rules = attempt([&] {
    brokers::check(federation_of(options), *kind);
    return brokers::access_rules(federation_of(options), *kind);
  });
  context.out() << (context.json ? line({{"for", options.kind}, {"rules", rules}}) : rules);
  return ExitCode::Done;
}

ExitCode broker_init(const Context& context, const BrokerOptions& options) {
  const brokers::FolderWish wish{options.directory, federation_of(options), options.hosts, options.port};
  const auto folder = attempt([&] { return brokers::make_folder(wish, context.hooks.now()); });
  if (!context.json) {
    context.out() << made_text(folder);
    return ExitCode::Done;
  }
  json machines = json::array();
  for (const auto& machine : folder.machines) {
    machines.push_back(
        {{"gateway", machine.gateway}, {"directory", machine.directory.string()}, {"settings", machine.settings}});
  }
  context.out() << line(
      {{"status", "ok"}, {"directory", folder.directory.string()}, {"url", folder.url}, {"machines", machines}});
  return ExitCode::Done;
}

ExitCode broker_revoke(const Context& context, const BrokerOptions& options) {
  const std::string& gateway = options.gateways.front();
  const bool changed = attempt([&] { return brokers::revoke(options.directory, gateway, context.hooks.now()); });
  if (context.json) {
    context.out() << line({{"status", "ok"}, {"gateway", gateway}, {"changed", changed}});
  } else if (changed) {
    context.out() << gateway
                  << " is on the revocation list, and its password is gone. Let the broker read both: send it SIGHUP "
                  << "(systemctl reload mosquitto), or restart it.\nIts last state stays with the broker: the others "
                     "may go on showing "
                  << gateway << " as online.\n";
  } else {
    context.out() << gateway << " was revoked already\n";
  }
  return ExitCode::Done;
}

}  // namespace clawbridge::cli
