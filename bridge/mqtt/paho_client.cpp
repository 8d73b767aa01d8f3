#include "bridge/mqtt/paho_client.h"

#include <algorithm>
#include <cstdlib>

namespace clawbridge::mqtt {
namespace {

constexpr std::chrono::seconds kConnectTimeoutMin{10};

void add_tls(paho::connect_options& options, const Settings& settings) {
  paho::ssl_options tls;
  if (!settings.ca_file.empty()) tls.set_trust_store(settings.ca_file);
  if (!settings.certificate_file.empty()) tls.set_key_store(settings.certificate_file);
  if (!settings.key_file.empty()) tls.set_private_key(settings.key_file);
  tls.set_enable_server_cert_auth(!settings.insecure);
  tls.set_verify(!settings.insecure);  // the host name: not checked by default
  options.set_ssl(std::move(tls));
}

}  // namespace

void forget_proxies() {
  for (const char* name : {"http_proxy", "https_proxy"}) ::unsetenv(name);
}

std::unique_ptr<paho::async_client> make_client(const std::string& url, const std::string& client_id) {
  // Made for MQTT 5 always: a client made for 3.1.1 cannot connect with 5. No persistence: it protects nothing once the
  // broker has lost the session.
  return std::make_unique<paho::async_client>(url, client_id, paho::create_options(MQTTVERSION_5), nullptr);
}

paho::connect_options connect_options(const BrokerUrl& url, const Settings& settings, int protocol) {
  paho::connect_options options;
  options.set_mqtt_version(protocol >= 5 ? MQTTVERSION_5 : MQTTVERSION_3_1_1);
  options.set_keep_alive_interval(settings.keepalive);
  options.set_connect_timeout(std::max(settings.connect_timeout, kConnectTimeoutMin));
  options.set_automatic_reconnect(false);
  if (!settings.username.empty()) options.set_user_name(settings.username);
  if (!settings.password.empty()) options.set_password(settings.password);
  if (url.tls && !url.websocket) add_tls(options, settings);  // the relay's business
  return options;
}

// Paho gives them only in the exception of a wait, which is over here.
std::string message_of(const paho::token& token) {
  try {
    const_cast<paho::token&>(token).try_wait();
  } catch (const paho::exception& error) {
    return error.get_message();
  }
  return {};
}

bool is_refusal(const paho::token& token) {
  const int reason = static_cast<int>(token.get_reason_code());
  return reason >= 0x80 && reason != paho::ReasonCode::MQTTPP_V3_CODE;
}

std::string reason_text(const paho::token& token) {
  if (!is_refusal(token)) return message_of(token);
  const int reason = static_cast<int>(token.get_reason_code());
  const char* name = MQTTReasonCode_toString(static_cast<MQTTReasonCodes>(reason));
  return (name != nullptr ? std::string(name) + " " : std::string()) + "(" + std::to_string(reason) + ")";
}

}  // namespace clawbridge::mqtt
