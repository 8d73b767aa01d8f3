// What every client of Paho's here has in common: how it is made, how it connects, and Paho's words for what failed.
#pragma once

#include <mqtt/async_client.h>

#include <memory>
#include <string>

#include "bridge/mqtt/broker_url.h"
#include "bridge/mqtt/settings.h"

namespace clawbridge::mqtt {

namespace paho = ::mqtt;

/// Removes http_proxy and https_proxy from the environment, which break even tcp:// in Paho: before other threads
/// start.
void forget_proxies();

[[nodiscard]] std::unique_ptr<paho::async_client> make_client(const std::string& url, const std::string& client_id);

/// Version, times, credentials and TLS; session and will are the caller's. `protocol`: 5, or 4 for MQTT 3.1.1.
[[nodiscard]] paho::connect_options connect_options(const BrokerUrl& url, const Settings& settings, int protocol);

/// Paho's own words for a failure; often empty.
[[nodiscard]] std::string message_of(const paho::token& token);
/// True when the broker has answered with the reason code of a refusal, which MQTT 5 alone can do.
[[nodiscard]] bool is_refusal(const paho::token& token);
/// The reason code of an MQTT 5 refusal with its name, or else Paho's own words.
[[nodiscard]] std::string reason_text(const paho::token& token);

}  // namespace clawbridge::mqtt
