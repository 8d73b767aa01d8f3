#include "bridge/mqtt/tls.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <array>

namespace clawbridge::mqtt {
namespace {

bool is_ip(const std::string& host) {
  std::array<unsigned char, 16> bytes{};
  return ::inet_pton(AF_INET, host.c_str(), bytes.data()) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), bytes.data()) == 1;
}

}  // namespace

std::string openssl_words(const std::string& otherwise) {
  std::array<char, 256> text{};
  unsigned long code = 0;
  unsigned long last = 0;
  while ((code = ERR_get_error()) != 0) last = code;
  if (last == 0) return otherwise;
  const char* reason = ERR_reason_error_string(last);
  if (reason != nullptr) return reason;
  ERR_error_string_n(last, text.data(), text.size());
  return text.data();
}

std::string prepare_tls(SSL_CTX* context, const Settings& settings) {
  ERR_clear_error();
  if (settings.ca_file.empty()) {
    SSL_CTX_set_default_verify_paths(context);
  } else if (SSL_CTX_load_verify_locations(context, settings.ca_file.c_str(), nullptr) != 1) {
    return "broker.ca \"" + settings.ca_file + "\" cannot be read as PEM certificates (" + openssl_words("no detail") +
           ")";
  }
  if (!settings.certificate_file.empty() &&
      SSL_CTX_use_certificate_chain_file(context, settings.certificate_file.c_str()) != 1) {
    return "broker.certificate \"" + settings.certificate_file + "\" cannot be read as a PEM certificate (" +
           openssl_words("no detail") + ")";
  }
  if (!settings.key_file.empty() &&
      SSL_CTX_use_PrivateKey_file(context, settings.key_file.c_str(), SSL_FILETYPE_PEM) != 1) {
    return "broker.key \"" + settings.key_file + "\" cannot be read as a PEM key, or is not the certificate's (" +
           openssl_words("no detail") + ")";
  }
  SSL_CTX_set_verify(context, settings.insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, nullptr);
  return {};
}

bool expect_host(SSL* session, const std::string& host) {
  if (is_ip(host)) return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session), host.c_str()) == 1;
  return SSL_set_tlsext_host_name(session, host.c_str()) == 1 && SSL_set1_host(session, host.c_str()) == 1;
}

}  // namespace clawbridge::mqtt
