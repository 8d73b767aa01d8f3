// clawbridge mcp: the tools for an MCP client that starts its servers as programs.
#include "bridge/cli/commands.h"
#include "bridge/cli/local_paths.h"
#include "bridge/cli/mcp_relay.h"
#include "bridge/cli/render.h"
#include "bridge/cli/target.h"

namespace clawbridge::cli {

ExitCode mcp_server(const Context& context, const McpOptions& options) {
  McpRelay::Settings settings;
  settings.socket_path = context.socket ? *context.socket : find_local_paths(context.config_file, context.hooks.environment).socket;
  settings.caller = parse_caller(options.session.empty() ? options.agent : options.session);
  settings.version = context.hooks.version;
  if (!options.session.empty() && settings.caller.session.empty()) {
    throw usage("--session \"" + printable(options.session) + "\" is no session key; write agent:ID:NAME, for example agent:main:main");
  }
  if (!options.agent.empty() && settings.caller.agent != options.agent) {
    throw usage("--session \"" + printable(options.session) + "\" is no session of --agent " + printable(options.agent));
  }
  // As for every other agent: without a session of its own, late replies come to the main one.
  if (!settings.caller.agent.empty() && settings.caller.session.empty()) settings.caller.session = "agent:" + settings.caller.agent + ":main";
  McpRelay(std::move(settings), *context.hooks.in, context.out()).run();
  return ExitCode::Done;
}

}  // namespace clawbridge::cli
