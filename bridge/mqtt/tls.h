// TLS towards a broker as broker.ca, broker.certificate and broker.insecure want it, for every connection that is not
// Paho's own: the one that carries a WebSocket, and the probe that finds out why a connection failed.
#pragma once

#include <openssl/ssl.h>

#include <string>

#include "bridge/mqtt/settings.h"

namespace clawbridge::mqtt {

/// The last of OpenSSL's waiting errors in its own words, and empties that list; `otherwise` when there is none.
[[nodiscard]] std::string openssl_words(const std::string& otherwise);

/// Loads the files and sets whether the broker's certificate is checked. Returns which file cannot be used and why;
/// empty when all is well.
[[nodiscard]] std::string prepare_tls(SSL_CTX* context, const Settings& settings);

/// Tells the broker which host is meant, and has its certificate checked for that name or address.
/// Returns false when OpenSSL does not take the name; nothing may be sent then.
[[nodiscard]] bool expect_host(SSL* session, const std::string& host);

}  // namespace clawbridge::mqtt
