// clawbridge invite: the join line once more, from the settings. Works without the daemon.
#include <filesystem>
#include <nlohmann/json.hpp>

#include "bridge/cli/invitation.h"
#include "bridge/cli/local_files.h"
#include "bridge/cli/render.h"
#include "bridge/runtime/asio.h"
#include "bridge/setup/join_token.h"
#include "config/values.h"
#include "topics/encoding.h"

namespace clawbridge::cli {
namespace {

using nlohmann::json;

std::string with_host(const config::Url& url, const std::string& host) {
  boost::system::error_code not_ip6;
  (void)asio::ip::make_address_v6(host, not_ip6);
  const bool bare_ip6 = !not_ip6;
  return url.scheme + "://" + (bare_ip6 ? "[" + host + "]" : host) +
         (url.port == 0 ? "" : ":" + std::to_string(url.port)) + url.path;
}

/// The broker's URL for the other machines.
std::string advertised(const config::Environment& environment, const std::string& written, const InviteOptions& options,
                       bool needs_folder, std::vector<std::string>& notes) {
  const auto url = config::parse_url(written);
  if (!url) return written;
  if (!options.advertise.empty()) {
    const std::string shown = with_host(*url, options.advertise);
    const auto understood = config::parse_url(shown);
    if (!config::is_broker_url(shown) || understood->port != url->port || understood->path != url->path)
      throw usage("\"" + printable(options.advertise) +
                  "\" is no host; write --advertise HOST, without scheme and port");
    return shown;
  }
  // Where each machine has a folder of `broker init`, that says the address.
  if (!config::is_loopback(*url) || needs_folder) return written;
  if (environment.host_name.empty())
    throw usage(
        "the broker is on this machine, whose name is not known; say --advertise HOST, by which the others reach it");
  notes.push_back(
      "The others reach the broker on this machine as " + environment.host_name +
      ", which must listen on more than localhost; with another name or address: clawbridge invite --advertise HOST.");
  return with_host(*url, environment.host_name);
}

setup::BrokerLogin login_of(const config::Settings::Broker& broker, const InviteOptions& options) {
  if (broker.username.empty() && broker.certificate.empty()) {
    if (options.share_login)
      throw usage("--share-login, but no login is set: the broker takes anybody, or broker.username is missing");
    return setup::BrokerLogin::None;
  }
  if (!options.share_login) return setup::BrokerLogin::Own;
  if (!broker.certificate.empty())
    throw usage(
        "--share-login is for user name and password; each machine needs a certificate of its own (clawbridge broker "
        "init)");
  return setup::BrokerLogin::Shared;
}

/// Its files lie as in the folder that `broker init` makes for each machine, which the others have, too.
bool is_of_broker_init(const config::Settings::Broker& broker) {
  const std::filesystem::path certificate(broker.certificate);
  return certificate.filename() == "certificate.pem" && certificate.parent_path().filename() == "broker" &&
         certificate.parent_path() / "authority.pem" == std::filesystem::path(broker.ca);
}

}  // namespace

Invitation make_invitation(const config::Environment& environment, const config::Settings& settings,
                           const InviteOptions& options) {
  if (settings.trust.join.empty()) {
    throw Failure(ExitCode::Usage, "bad_request",
                  "trust.join is not set in " + (settings.file.empty() ? "the settings" : settings.file) +
                      ", and the join line carries it; `clawbridge init` makes one");
  }
  Invitation invitation;
  setup::JoinToken token;
  token.inviter = settings.gateway.name;
  const bool needs_folder = is_of_broker_init(settings.broker);
  token.broker_url = advertised(environment, settings.broker.url, options, needs_folder, invitation.notes);
  token.base = settings.broker.base;
  token.login = login_of(settings.broker, options);
  // That folder has the authority, too: without it the line is short enough to be read and typed.
  if (!settings.broker.ca.empty() && !needs_folder) token.ca = read_file(settings.broker.ca, "the certificates");
  if (token.login == setup::BrokerLogin::Shared) {
    token.username = settings.broker.username;
    token.password = settings.broker.password.reveal();
  }
  if (token.login == setup::BrokerLogin::Own) {
    invitation.notes.emplace_back(needs_folder
                                      ? "Each machine needs its folder of `clawbridge broker init` first: copy it "
                                        "there, to ~/.config/clawbridge/broker."
                                      : "Each machine needs a login of its own at the broker (join --username NAME "
                                        "--password-file FILE); --share-login gives them this one.");
  }
  const auto secret = settings.trust.join.reveal();
  token.join_secret = base64url_encode(as_bytes(secret));
  if (settings.trust.seal == config::Seal::WhenPossible) token.seal = "when_possible";
  if (settings.trust.seal == config::Seal::Always) token.seal = "always";
  invitation.broker_url = token.broker_url;
  invitation.token = setup::encode_join_token(token);
  return invitation;
}

std::string invitation_text(const Invitation& invitation) {
  std::string text =
      "On each of the other machines (who has this line is let in: keep it to yourself):\n\n  clawbridge join " +
      invitation.token + "\n\n";
  for (const auto& note : invitation.notes) text += printable(note) + "\n";
  return text +
         "While it runs there, others on that machine can see it; `clawbridge join -` takes it from stdin instead.\n";
}

ExitCode invite(const Context& context, const InviteOptions& options) {
  const auto settings = config::load(context.config_file, context.hooks.environment);
  const auto invitation = make_invitation(context.hooks.environment, settings, options);
  if (context.json) {
    context.out() << line({{"status", "ok"},
                           {"token", invitation.token},
                           {"broker", invitation.broker_url},
                           {"notes", invitation.notes}});
  } else {
    context.out() << invitation_text(invitation);
  }
  return ExitCode::Done;
}

}  // namespace clawbridge::cli
