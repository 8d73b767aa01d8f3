// clawbridge page: the link to the web page of the daemon of this machine, with the token that it asks for.
#include <nlohmann/json.hpp>

#include "bridge/cli/commands.h"
#include "bridge/cli/render.h"
#include "config/settings.h"
#include "config/values.h"
#include "topics/address.h"

namespace clawbridge::cli {
namespace {

Failure not_set(const std::string& what, const std::string& example) {
  return {ExitCode::Usage, "bad_request", "the settings have no " + what + "; write `" + example + "` into them, and restart the daemon (`clawbridge init --page PORT` does both from the start)"};
}

}  // namespace

ExitCode page(const Context& context, const PageOptions& options) {
  const auto settings = config::load(context.config_file, context.hooks.environment);
  const auto& api = settings.api;
  if (api.listen_address.empty()) throw not_set("api.listen, and the page needs a TCP port of this machine", "api: { listen: \"127.0.0.1:18790\", tokens: { _bridge: … } }");
  auto owner = api.tokens.find(std::string(options.watch ? config::kWatchCaller : kBridgeAgent));
  if (owner == api.tokens.end() && !options.watch) owner = api.tokens.find(std::string(config::kWatchCaller));
  if (owner == api.tokens.end()) {
    const std::string name(options.watch ? config::kWatchCaller : kBridgeAgent);
    throw not_set("api.tokens." + name + ", with which a person sees all", "api: { tokens: { " + name + ": \"${file:PATH}\" } }` with a file that `openssl rand -hex 32` filled");
  }
  const bool v6 = api.listen_address.find(':') != std::string::npos;
  const std::string host = v6 ? "[" + api.listen_address + "]" : api.listen_address;
  // The fragment: a browser keeps it to itself, so the token reaches no log on its way.
  const std::string url = "http://" + host + ":" + std::to_string(api.listen_port) + "/#token=" + owner->second.reveal();
  const bool may_change = owner->first == kBridgeAgent;
  if (context.json) {
    context.out() << line(nlohmann::json{{"url", url}, {"caller", owner->first}, {"mayChange", may_change}});
  } else {
    context.err() << "Open this in a browser of this machine. Whoever has the link " << (may_change ? "may do all that you may" : "may see all that you may") << ": keep it to yourself.\n";
    context.out() << url << "\n";
  }
  return ExitCode::Done;
}

}  // namespace clawbridge::cli
