#include "bridge/cli/setup_page.h"

#include <algorithm>
#include <cstdint>

#include "bridge/cli/prompt.h"
#include "bridge/crypto/system_cryptography.h"
#include "bridge/runtime/asio.h"
#include "config/values.h"
#include "topics/encoding.h"

namespace clawbridge::cli {
namespace {

using asio::ip::tcp;

// The usual one first; the next is OpenClaw's own.
constexpr int kPorts[] = {18790, 18788, 18787, 18786, 18785, 18784, 18783, 18782, 18781, 18780};
constexpr const char* kHost = "127.0.0.1";

/// Why nothing can listen there; empty: it can.
boost::system::error_code obstacle_on(int port) {
  asio::io_context io;
  tcp::acceptor probe(io);
  boost::system::error_code failure;
  probe.open(tcp::v4(), failure);
  if (!failure) probe.set_option(tcp::acceptor::reuse_address(true), failure);
  if (!failure) probe.bind(tcp::endpoint(asio::ip::make_address(kHost), static_cast<std::uint16_t>(port)), failure);
  return failure;
}

bool is_free(int port) {
  return !obstacle_on(port);
}

/// The port that the settings of before name, whose daemon may listen there now. 0: none.
int port_of_before(const SetupPlace& place) {
  try {
    return config::load(place.config_file, place.environment).api.listen_port;
  } catch (const config::SettingsError&) {
    return 0;
  }
}

/// 0: no page.
int choose_port(const Context& context, const SetupPlace& place, const SetupOptions& options) {
  if (options.page) {
    const auto obstacle = *options.page == 0 ? boost::system::error_code() : obstacle_on(*options.page);
    const bool may_be_ours = obstacle == asio::error::address_in_use && port_of_before(place) == *options.page;
    if (obstacle && !may_be_ours)
      throw usage("the page cannot have port " + std::to_string(*options.page) + " of " + kHost + ": " +
                  (obstacle == asio::error::address_in_use ? "something listens there already" : obstacle.message()) +
                  "; give it another one with --page PORT, or --no-page");
    return *options.page;
  }
  const auto port = std::ranges::find_if(kPorts, is_free);
  if (port == std::end(kPorts)) return 0;
  const std::string question = "Switch on the web page, http://" + std::string(kHost) + ":" + std::to_string(*port) +
                               ", for who has its link on this machine?";
  return confirm(context, question, {}, true, false) ? *port : 0;
}

/// The one of before, so that links that were kept go on working; else a new one.
std::string token_in(const SetupPlace& place, const std::string& file) {
  const auto read = place.environment.read_file(file);
  if (read.text && config::is_api_token(std::string_view(*read.text).substr(0, read.text->find_last_not_of("\r\n") + 1))) return *read.text;
  Bytes32 random{};
  crypto::SystemRandom().fill(random);
  return hex_encode(random) + "\n";
}

}  // namespace

void plan_page(const Context& context, const SetupPlace& place, const SetupOptions& options, SetupPlan& plan) {
  const int port = choose_port(context, place, options);
  if (port == 0) return;
  const std::string file = place.folder + "/page-token";
  plan.files.push_back({file, token_in(place, file)});
  plan.settings.push_back({"api", "listen", setup::yaml_text(kHost + (":" + std::to_string(port)))});
  plan.settings.push_back({"api", "tokens", "{ " + std::string(kBridgeAgent) + ": " + setup::yaml_file(file) + " }"});
}

}  // namespace clawbridge::cli
