// The authority, judged by OpenSSL's own verification.
#include "bridge/brokers/certificates.h"

#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <memory>
#include <stdexcept>

namespace clawbridge::brokers {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

const WallTime kNow = *parse_time("2026-11-22T16:20:01.123Z");

template <class T, class Read>
std::shared_ptr<T> from_pem(const std::string& pem, Read read, void (*free)(T*)) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())),
                                                      BIO_free);
  return {read(bio.get(), nullptr, nullptr, nullptr), free};
}

struct Question {
  WallTime when = kNow;
  int purpose = X509_PURPOSE_SSL_CLIENT;
  std::string host{};
};

/// OpenSSL's verdict (X509_V_…) on a certificate, by the authority and its list.
int verdict(const Authority& authority, const std::string& list, const std::string& certificate,
            const Question& question) {
  const std::unique_ptr<X509_STORE, decltype(&X509_STORE_free)> store(X509_STORE_new(), X509_STORE_free);
  const auto root = from_pem(authority.pem().certificate, PEM_read_bio_X509, X509_free);
  const auto revoked = from_pem(list, PEM_read_bio_X509_CRL, X509_CRL_free);
  const auto leaf = from_pem(certificate, PEM_read_bio_X509, X509_free);
  X509_STORE_add_cert(store.get(), root.get());
  X509_STORE_add_crl(store.get(), revoked.get());
  const std::unique_ptr<X509_STORE_CTX, decltype(&X509_STORE_CTX_free)> context(X509_STORE_CTX_new(),
                                                                                X509_STORE_CTX_free);
  X509_STORE_CTX_init(context.get(), store.get(), leaf.get(), nullptr);
  auto* const rules = X509_STORE_CTX_get0_param(context.get());
  X509_VERIFY_PARAM_set_flags(rules, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_X509_STRICT);
  X509_VERIFY_PARAM_set_purpose(rules, question.purpose);
  X509_VERIFY_PARAM_set_time(rules, std::chrono::floor<seconds>(question.when.time_since_epoch()).count());
  if (is_ip_address(question.host)) X509_VERIFY_PARAM_set1_ip_asc(rules, question.host.c_str());
  if (!question.host.empty() && !is_ip_address(question.host))
    X509_VERIFY_PARAM_set1_host(rules, question.host.c_str(), 0);
  return X509_verify_cert(context.get()) == 1 ? X509_V_OK : X509_STORE_CTX_get_error(context.get());
}

class Certificates : public testing::Test {
 protected:
  [[nodiscard]] int ask(const std::string& certificate, const Question& question = {}) const {
    return verdict(authority, list, certificate, question);
  }

  Authority authority = Authority::make("test", kNow);
  std::string list = authority.revocation_list(kNow);
};

TEST_F(Certificates, OfGatewaysAreGoodForGatewaysOnly) {
  const auto client = authority.issue_client("imac", kNow).certificate;
  EXPECT_EQ(ask(client), X509_V_OK);
  EXPECT_EQ(ask(client, {.purpose = X509_PURPOSE_SSL_SERVER}), X509_V_ERR_INVALID_PURPOSE);
}

TEST_F(Certificates, OfTheBrokerNameItsHosts) {
  const auto server = authority.issue_server({"hub.example", "10.0.0.7", "fd00::7"}, kNow).certificate;
  for (const char* host : {"hub.example", "10.0.0.7", "fd00::7"}) {
    EXPECT_EQ(ask(server, {.purpose = X509_PURPOSE_SSL_SERVER, .host = host}), X509_V_OK) << host;
  }
  EXPECT_EQ(ask(server, {.purpose = X509_PURPOSE_SSL_SERVER, .host = "localhost"}), X509_V_ERR_HOSTNAME_MISMATCH);
  EXPECT_EQ(ask(server), X509_V_ERR_INVALID_PURPOSE);
  const std::string longest = std::string(60, 'a') + "." + std::string(60, 'b') + ".example";
  EXPECT_EQ(
      ask(authority.issue_server({longest}, kNow).certificate, {.purpose = X509_PURPOSE_SSL_SERVER, .host = longest}),
      X509_V_OK);
}

TEST_F(Certificates, HaveATime) {
  const auto client = authority.issue_client("imac", kNow).certificate;
  EXPECT_EQ(ask(client, {.when = kNow - hours{1}}), X509_V_OK) << "a slow clock is no trouble";
  EXPECT_EQ(ask(client, {.when = kNow + hours{24 * 825 - 1}}), X509_V_OK);
  EXPECT_EQ(ask(client, {.when = kNow + hours{24 * 825 + 1}}), X509_V_ERR_CERT_HAS_EXPIRED);
  const auto later = kNow + hours{24 * 365 * 9};
  EXPECT_EQ(ask(authority.issue_client("imac", later).certificate, {.when = later}), X509_V_OK)
      << "nor has the list ended";
}

TEST_F(Certificates, AreRevokedOneByOne) {
  const auto imac = authority.issue_client("imac", kNow).certificate;
  const auto studio = authority.issue_client("studio", kNow).certificate;
  const auto macbook = authority.issue_client("macbook", kNow).certificate;
  list = authority.revoke(list, imac, kNow);
  EXPECT_EQ(ask(imac), X509_V_ERR_CERT_REVOKED);
  EXPECT_EQ(ask(studio), X509_V_OK);
  list = authority.revoke(list, studio, kNow);
  EXPECT_EQ(ask(imac), X509_V_ERR_CERT_REVOKED) << "the list before is kept";
  EXPECT_EQ(ask(studio), X509_V_ERR_CERT_REVOKED);
  EXPECT_EQ(ask(macbook), X509_V_OK);
  EXPECT_EQ(authority.revoke(list, imac, kNow), list) << "twice is once";
}

TEST_F(Certificates, ALaterListWinsOverTheOneBefore) {
  // As for a broker that reads the new list beside the old one.
  const auto imac = authority.issue_client("imac", kNow).certificate;
  const auto before = from_pem(list, PEM_read_bio_X509_CRL, X509_CRL_free);
  const auto after = from_pem(authority.revoke(list, imac, kNow), PEM_read_bio_X509_CRL, X509_CRL_free);
  EXPECT_LT(ASN1_TIME_compare(X509_CRL_get0_lastUpdate(before.get()), X509_CRL_get0_lastUpdate(after.get())), 0);
}

TEST_F(Certificates, OfAnotherAuthorityAreNotTouched) {
  const auto other = Authority::make("other", kNow);
  const auto foreign = other.issue_client("imac", kNow).certificate;
  EXPECT_EQ(ask(foreign), X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY);
  EXPECT_THROW(static_cast<void>(authority.revoke(list, foreign, kNow)), std::runtime_error);
  EXPECT_THROW(static_cast<void>(authority.revoke(other.revocation_list(kNow),
                                                  authority.issue_client("imac", kNow).certificate, kNow)),
               std::runtime_error);
  EXPECT_THROW(static_cast<void>(Authority::load({authority.pem().certificate, other.pem().key})), std::runtime_error);
  EXPECT_THROW(static_cast<void>(Authority::load({"", ""})), std::runtime_error);
}

TEST_F(Certificates, AreMadeByALoadedAuthorityToo) {
  const auto again = Authority::load(authority.pem());
  EXPECT_EQ(ask(again.issue_client("imac", kNow).certificate), X509_V_OK);
}

TEST(Hosts, AreNamesOrAddresses) {
  for (const char* host : {"localhost", "hub.example", "HUB-2.example.", "10.0.0.7", "::1", "fd00::7"})
    EXPECT_TRUE(is_host(host)) << host;
  for (const char* host : {"", "a b", "a,DNS:b", "a:b", "[::1]", "hub:8883", ".a", "-a", "a..b", "*.a", "a\n"})
    EXPECT_FALSE(is_host(host)) << host;
  EXPECT_TRUE(is_ip_address("127.0.0.1") && is_ip_address("::1"));
  EXPECT_FALSE(is_ip_address("127.0.0.1.example"));
}

}  // namespace
}  // namespace clawbridge::brokers
