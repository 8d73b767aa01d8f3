#include "bridge/brokers/certificates.h"

#include <arpa/inet.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <stdexcept>
#include <utility>

namespace clawbridge::brokers {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

constexpr hours kEarlier{1};
constexpr hours kAuthorityLife{24 * 3652};
constexpr hours kLeafLife{24 * 825};
constexpr int kSerialBits = 127;  // random, and a positive number in 16 bytes

template <auto free>
struct Free {
  template <class T>
  void operator()(T* object) const {
    free(object);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;
using Cert = std::unique_ptr<X509, Free<X509_free>>;
using List = std::unique_ptr<X509_CRL, Free<X509_CRL_free>>;
using Entry = std::unique_ptr<X509_REVOKED, Free<X509_REVOKED_free>>;
using Extension = std::unique_ptr<X509_EXTENSION, Free<X509_EXTENSION_free>>;
using Bio = std::unique_ptr<BIO, Free<BIO_free>>;
using Number = std::unique_ptr<BIGNUM, Free<BN_free>>;
using Integer = std::unique_ptr<ASN1_INTEGER, Free<ASN1_INTEGER_free>>;
using Time = std::unique_ptr<ASN1_TIME, Free<ASN1_TIME_free>>;

/// `what`: as in "cannot …".
void require(bool done, const char* what) {
  if (done) return;
  const char* reason = ERR_reason_error_string(ERR_peek_last_error());
  ERR_clear_error();
  throw std::runtime_error(std::string("cannot ") + what +
                           (reason != nullptr ? std::string(": ") + reason : std::string()));
}

Bio memory() {
  Bio bio(BIO_new(BIO_s_mem()));
  require(bio != nullptr, "take memory");
  return bio;
}

Bio reading(const std::string& text) {
  Bio bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  require(bio != nullptr, "take memory");
  return bio;
}

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long length = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(length)};
}

std::string pem_of(X509* certificate) {
  const auto bio = memory();
  require(PEM_write_bio_X509(bio.get(), certificate) == 1, "write a certificate");
  return text_of(bio.get());
}

std::string pem_of(EVP_PKEY* key) {
  const auto bio = memory();
  require(PEM_write_bio_PKCS8PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1, "write a key");
  return text_of(bio.get());
}

std::string pem_of(X509_CRL* list) {
  const auto bio = memory();
  require(PEM_write_bio_X509_CRL(bio.get(), list) == 1, "write a revocation list");
  return text_of(bio.get());
}

Cert certificate_from(const std::string& pem) {
  Cert certificate(PEM_read_bio_X509(reading(pem).get(), nullptr, nullptr, nullptr));
  require(certificate != nullptr, "read a certificate");
  return certificate;
}

Key new_key() {
  Key key(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
  require(key != nullptr, "make a key");
  return key;
}

Time time_of(WallTime moment) {
  const auto count = std::chrono::floor<seconds>(moment.time_since_epoch()).count();
  Time time(ASN1_TIME_set(nullptr, static_cast<std::time_t>(count)));
  require(time != nullptr, "write a time");
  return time;
}

/// The general part: version, serial number, subject, validity, public key.
Cert new_certificate(const std::string& name, EVP_PKEY* key, WallTime begin, WallTime end) {
  Cert certificate(X509_new());
  require(certificate != nullptr && X509_set_version(certificate.get(), X509_VERSION_3) == 1, "make a certificate");
  const Number serial(BN_new());
  require(serial != nullptr && BN_rand(serial.get(), kSerialBits, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1 &&
              BN_to_ASN1_INTEGER(serial.get(), X509_get_serialNumber(certificate.get())) != nullptr,
          "make a serial number");
  const auto* bytes = reinterpret_cast<const unsigned char*>(name.data());
  require(X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_UTF8, bytes,
                                     static_cast<int>(name.size()), -1, 0) == 1,
          "name a certificate");
  require(X509_set1_notBefore(certificate.get(), time_of(begin).get()) == 1 &&
              X509_set1_notAfter(certificate.get(), time_of(end).get()) == 1 &&
              X509_set_pubkey(certificate.get(), key) == 1,
          "make a certificate");
  return certificate;
}

void add_extension(X509* certificate, X509* issuer, int kind, const std::string& value) {
  X509V3_CTX context{};
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const Extension extension(X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str()));
  require(extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1,
          "write a certificate's extension");
}

void sign(X509* certificate, EVP_PKEY* key) {
  require(X509_sign(certificate, key, EVP_sha256()) > 0, "sign a certificate");
}

void set_number(X509_CRL* list, long number) {
  const Integer integer(ASN1_INTEGER_new());
  require(integer != nullptr && ASN1_INTEGER_set(integer.get(), number) == 1 &&
              X509_CRL_add1_ext_i2d(list, NID_crl_number, integer.get(), 0, X509V3_ADD_REPLACE) == 1,
          "number a revocation list");
}

long number_of(X509_CRL* list) {
  const Integer integer(static_cast<ASN1_INTEGER*>(X509_CRL_get_ext_d2i(list, NID_crl_number, nullptr, nullptr)));
  return integer ? ASN1_INTEGER_get(integer.get()) : 0;
}

WallTime update_of(const X509_CRL* list) {
  std::tm fields{};
  require(ASN1_TIME_to_tm(X509_CRL_get0_lastUpdate(list), &fields) == 1, "read a revocation list's time");
  return WallTime{seconds{::timegm(&fields)}};
}

}  // namespace

struct Authority::Parts {
  Cert certificate;
  Key key;

  [[nodiscard]] Certificate issue(const std::string& name, const std::string& purpose, const std::string& alternatives,
                                  WallTime now) const {
    const auto leaf_key = new_key();
    const auto leaf = new_certificate(name, leaf_key.get(), now - kEarlier, now + kLeafLife);
    require(X509_set_issuer_name(leaf.get(), X509_get_subject_name(certificate.get())) == 1, "make a certificate");
    add_extension(leaf.get(), certificate.get(), NID_basic_constraints, "critical,CA:FALSE");
    add_extension(leaf.get(), certificate.get(), NID_key_usage, "critical,digitalSignature");
    add_extension(leaf.get(), certificate.get(), NID_ext_key_usage, purpose);
    add_extension(leaf.get(), certificate.get(), NID_subject_key_identifier, "hash");
    add_extension(leaf.get(), certificate.get(), NID_authority_key_identifier, "keyid");
    if (!alternatives.empty()) add_extension(leaf.get(), certificate.get(), NID_subject_alt_name, alternatives);
    sign(leaf.get(), key.get());
    return {pem_of(leaf.get()), pem_of(leaf_key.get())};
  }
};

Authority::Authority(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Authority::~Authority() = default;
Authority::Authority(Authority&&) noexcept = default;

Authority Authority::make(const std::string& name, WallTime now) {
  auto key = new_key();
  auto certificate = new_certificate(name, key.get(), now - kEarlier, now + kAuthorityLife);
  require(X509_set_issuer_name(certificate.get(), X509_get_subject_name(certificate.get())) == 1, "make a certificate");
  add_extension(certificate.get(), certificate.get(), NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
  add_extension(certificate.get(), certificate.get(), NID_key_usage, "critical,keyCertSign,cRLSign");
  add_extension(certificate.get(), certificate.get(), NID_subject_key_identifier, "hash");
  sign(certificate.get(), key.get());
  return Authority(std::make_unique<Parts>(Parts{std::move(certificate), std::move(key)}));
}

Authority Authority::load(const Certificate& pem) {
  Key key(PEM_read_bio_PrivateKey(reading(pem.key).get(), nullptr, nullptr, nullptr));
  require(key != nullptr, "read the authority's key");
  auto certificate = certificate_from(pem.certificate);
  require(X509_check_private_key(certificate.get(), key.get()) == 1,
          "use the authority: its key is of another certificate");
  return Authority(std::make_unique<Parts>(Parts{std::move(certificate), std::move(key)}));
}

Certificate Authority::pem() const {
  return {pem_of(parts_->certificate.get()), pem_of(parts_->key.get())};
}

Certificate Authority::issue_server(const std::vector<std::string>& hosts, WallTime now) const {
  std::string alternatives;
  for (const auto& host : hosts)
    alternatives += (alternatives.empty() ? "" : ",") + (is_ip_address(host) ? "IP:" + host : "DNS:" + host);
  constexpr std::size_t kCommonNameMax = 64;  // X.509's own; clients go by the alternatives
  return parts_->issue(hosts.front().substr(0, kCommonNameMax), "serverAuth", alternatives, now);
}

Certificate Authority::issue_client(const std::string& name, WallTime now) const {
  return parts_->issue(name, "clientAuth", {}, now);
}

std::string Authority::revocation_list(WallTime now) const {
  const List list(X509_CRL_new());
  X509* const issuer = parts_->certificate.get();
  require(list != nullptr && X509_CRL_set_version(list.get(), X509_CRL_VERSION_2) == 1 &&
              X509_CRL_set_issuer_name(list.get(), X509_get_subject_name(issuer)) == 1 &&
              X509_CRL_set1_lastUpdate(list.get(), time_of(now - kEarlier).get()) == 1 &&
              X509_CRL_set1_nextUpdate(list.get(), X509_get0_notAfter(issuer)) == 1,
          "make a revocation list");
  X509V3_CTX context{};
  X509V3_set_ctx(&context, issuer, nullptr, nullptr, list.get(), 0);
  const Extension extension(X509V3_EXT_conf_nid(nullptr, &context, NID_authority_key_identifier, "keyid"));
  require(extension != nullptr && X509_CRL_add_ext(list.get(), extension.get(), -1) == 1, "make a revocation list");
  set_number(list.get(), 1);
  require(X509_CRL_sign(list.get(), parts_->key.get(), EVP_sha256()) > 0, "sign a revocation list");
  return pem_of(list.get());
}

std::string Authority::revoke(const std::string& text, const std::string& certificate, WallTime now) const {
  const List list(PEM_read_bio_X509_CRL(reading(text).get(), nullptr, nullptr, nullptr));
  require(list != nullptr, "read the revocation list");
  require(X509_CRL_verify(list.get(), parts_->key.get()) == 1, "use the revocation list: it is of another authority");
  const auto taken_back = certificate_from(certificate);
  require(X509_verify(taken_back.get(), parts_->key.get()) == 1, "revoke a certificate of another authority");
  X509_REVOKED* found = nullptr;
  if (X509_CRL_get0_by_cert(list.get(), &found, taken_back.get()) != 0) return text;
  Entry entry(X509_REVOKED_new());
  require(entry != nullptr &&
              X509_REVOKED_set_serialNumber(entry.get(), X509_get_serialNumber(taken_back.get())) == 1 &&
              X509_REVOKED_set_revocationDate(entry.get(), time_of(now).get()) == 1 &&
              X509_CRL_add0_revoked(list.get(), entry.get()) == 1,
          "write the revocation list");
  static_cast<void>(entry.release());  // the list's now
  // Later than the list before, however soon: of two lists a verifier keeps the newer one.
  const auto updated = std::max(now - kEarlier, update_of(list.get()) + seconds{1});
  require(X509_CRL_set1_lastUpdate(list.get(), time_of(updated).get()) == 1 && X509_CRL_sort(list.get()) == 1,
          "write the revocation list");
  set_number(list.get(), number_of(list.get()) + 1);
  require(X509_CRL_sign(list.get(), parts_->key.get(), EVP_sha256()) > 0, "sign the revocation list");
  return pem_of(list.get());
}

bool is_ip_address(const std::string& text) {
  std::array<unsigned char, 16> bytes{};
  return ::inet_pton(AF_INET, text.c_str(), bytes.data()) == 1 ||
         ::inet_pton(AF_INET6, text.c_str(), bytes.data()) == 1;
}

bool is_host(const std::string& text) {
  constexpr std::size_t kHostMax = 253;
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-';
  };
  if (is_ip_address(text)) return true;
  return !text.empty() && text.size() <= kHostMax && std::ranges::all_of(text, allowed) && text.front() != '.' &&
         text.front() != '-' && text.find("..") == std::string::npos;
}

}  // namespace clawbridge::brokers
