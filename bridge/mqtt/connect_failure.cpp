#include "bridge/mqtt/connect_failure.h"

#include <algorithm>
#include <string_view>

namespace clawbridge::mqtt {
namespace {

using core::event::BrokerConnectFailed;
using core::event::BrokerFailure;

constexpr std::string_view kClosedAfterConnect = "TCP connect completion failure";

std::string attempted(const BrokerUrl& url) {
  return "cannot connect to the broker " + url.shown + ": ";
}

struct TlsHint {
  std::string_view mark;  // in OpenSSL's words
  std::string_view advice;
};

// "alert" marks what the broker says of us; all else is our own library's word.
constexpr TlsHint kTlsHints[] = {
    {"alert certificate revoked",
     "; our client certificate is on the broker's revocation list: have a new one made, for broker.certificate"},
    {"alert certificate expired",
     "; our client certificate has expired, or the broker's revocation list: have broker.certificate renewed"},
    {"certificate required", "; it wants a client certificate: set broker.certificate and broker.key"},
    {"alert unknown ca",
     "; it does not know the authority that signed our client certificate: check broker.certificate"},
    {"alert bad certificate", "; it does not accept our client certificate: check broker.certificate, and the clocks"},
    {"right after the handshake", "; it may not accept our client certificate: check broker.certificate"},
    {"alert handshake failure", "; it agrees on no TLS settings, or wants a client certificate"},
};

// A port without TLS: an answer that is no TLS, or none.
constexpr std::string_view kNoTls[] = {"wrong version number", "record layer failure", "packet length too long",
                                       "middle of the handshake", "unexpected eof"};

/// The scheme for the same port, but with TLS or without.
std::string other_scheme(const BrokerUrl& url) {
  return std::string(url.websocket ? "ws" : "mqtt") + (url.tls ? "://" : "s://");
}

std::string tls_reason(const BrokerUrl& url, const std::string& error) {
  std::string reason = attempted(url) + "TLS failed: " + error;
  const auto says = [&](std::string_view mark) { return error.find(mark) != std::string::npos; };
  if (std::ranges::any_of(kNoTls, says)) {
    return reason + "; it may not speak TLS on this port: use " + other_scheme(url) + ", or the right port";
  }
  const auto* const hint = std::ranges::find_if(kTlsHints, [&](const TlsHint& one) { return says(one.mark); });
  return hint == std::end(kTlsHints) ? reason : reason.append(hint->advice);
}

/// The CONNACK's own codes; of MQTT 3.1.1 up to 5, of MQTT 5 from 128.
BrokerConnectFailed answered(const BrokerUrl& url, const ConnectAttempt& attempt) {
  const std::string code = " (answer " + std::to_string(attempt.code) + ")";
  const std::string user =
      attempt.username.empty() ? "us without a user name" : "the user \"" + attempt.username + "\"";
  switch (attempt.code) {
    case 1:
    case 132:
      return {BrokerFailure::ProtocolRefused,
              attempted(url) + "it does not speak MQTT " + (attempt.protocol >= 5 ? "5" : "3.1.1") + code};
    case 4:
    case 134:
      return {BrokerFailure::BadCredentials,
              attempted(url) + "it refuses " + user + "; check broker.username and broker.password" + code};
    case 5:
    case 135:
      return {BrokerFailure::NotAuthorized, attempted(url) + "it does not let " + user +
                                                " in; check broker.username, broker.password and the broker's rules" +
                                                code};
    case 2:
    case 133:
      return {BrokerFailure::Other, attempted(url) + "it refuses our client id; allow it in the broker's rules" + code};
    case 3:
    case 136:
    case 137:
      return {BrokerFailure::Unreachable, attempted(url) + "it is busy or going down; look at its log" + code};
    default:
      return {BrokerFailure::Other, attempted(url) + "it refuses the connection; look at its log" + code};
  }
}

}  // namespace

bool needs_probe(const BrokerUrl& url, const ConnectAttempt& attempt) {
  if (url.websocket) return false;  // the relay had come through when Paho began
  // A TLS broker that refuses our certificate closes only after the CONNECT, as one without MQTT 5 does; one that wants
  // TLS closes after both versions.
  return attempt.code <= 0 && (url.tls || attempt.protocol < 5 || attempt.message != kClosedAfterConnect);
}

BrokerConnectFailed classify(const BrokerUrl& url, const ConnectAttempt& attempt,
                             const std::optional<ProbeResult>& probed) {
  if (attempt.code > 0) return answered(url, attempt);
  if (probed && !probed->tls_error.empty()) return {BrokerFailure::Tls, tls_reason(url, probed->tls_error)};
  if (probed && probed->speaks_tls) {
    return {BrokerFailure::Tls, attempted(url) + "it speaks TLS on this port, and broker.url does not: use " +
                                    other_scheme(url) + ", or the right port"};
  }
  if (probed && probed->reached && !probed->websocket_error.empty()) {
    return {BrokerFailure::Unreachable,
            attempted(url) + "no WebSocket came up: " + probed->websocket_error +
                "; check that the port and the path in broker.url are the broker's for MQTT over WebSockets"};
  }
  if (attempt.message == kClosedAfterConnect && attempt.protocol >= 5) {
    return {BrokerFailure::ProtocolRefused,
            attempted(url) + "it closed the connection without an answer, as brokers without MQTT 5 do"};
  }
  if (attempt.message == kClosedAfterConnect) {
    return {BrokerFailure::Unreachable, attempted(url) + "it closed the connection without an answer; is this its " +
                                            (url.websocket ? "port and path for WebSockets?" : "MQTT port?")};
  }
  if (probed && !probed->reached) {
    return {BrokerFailure::Unreachable, attempted(url) + probed->tcp_error +
                                            "; check that it runs, the name and port in broker.url, and firewalls"};
  }
  return {BrokerFailure::Unreachable, attempted(url) + "no answer" +
                                          (attempt.message.empty() ? "" : " (" + attempt.message + ")") +
                                          "; check that it runs and that an MQTT broker listens on that port"};
}

}  // namespace clawbridge::mqtt
