// clawbridge peers: the other bridges, and whom of them a person trusts.
#include <nlohmann/json.hpp>

#include "bridge/cli/commands.h"
#include "bridge/cli/render.h"
#include "topics/address.h"

namespace clawbridge::cli {

ExitCode peers_list(const Context& context) {
  const auto answer = context.client().get("/v1/peers");
  print(context, answer, peers_text(answer.json, context.hooks.now()));
  return ExitCode::Done;
}

namespace {

void check_name(const TrustOptions& options) {
  if (is_gateway_name(options.gateway)) return;
  throw usage("\"" + printable(options.gateway) + "\" is no gateway name; `clawbridge peers list` shows those seen");
}

}  // namespace

ExitCode peers_revoke(const Context& context, const TrustOptions& options) {
  check_name(options);
  const auto answer = context.client().post("/v1/peers/" + options.gateway + "/revoke", "{}");
  print(context, answer, options.gateway + "'s keys are never believed again; trust new ones with `clawbridge peers trust`\n");
  return ExitCode::Done;
}

ExitCode peers_trust(const Context& context, const TrustOptions& options) {
  check_name(options);
  std::string fingerprint;
  for (const auto& group : options.fingerprint) fingerprint += group;
  const nlohmann::json body{{"fingerprint", fingerprint}};
  const std::string text = body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  const auto answer = context.client().post("/v1/peers/" + options.gateway + "/trust", text);
  print(context, answer, options.gateway + " is trusted now\n");
  return ExitCode::Done;
}

}  // namespace clawbridge::cli
