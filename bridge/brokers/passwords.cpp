#include "bridge/brokers/passwords.h"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <array>
#include <span>
#include <stdexcept>

#include "topics/encoding.h"

namespace clawbridge::brokers {
namespace {

// mosquitto_passwd's own number. More would only slow the broker down: 192 random bits cannot be guessed.
constexpr int kIterations = 101;

template <std::size_t size>
std::array<unsigned char, size> random_bytes() {
  std::array<unsigned char, size> bytes{};
  if (RAND_bytes(bytes.data(), static_cast<int>(size)) != 1)
    throw std::runtime_error("the system gives no random bytes");
  return bytes;
}

std::string base64(std::span<const unsigned char> bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');  // and the zero that OpenSSL appends
  const int length =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), bytes.data(), static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(length));
  return text;
}

}  // namespace

std::string random_password() {
  return base64url_encode(random_bytes<24>());
}

std::string mosquitto_hash(const std::string& password) {
  const auto salt = random_bytes<12>();
  std::array<unsigned char, 64> hash{};
  if (PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()), salt.data(), static_cast<int>(salt.size()),
                        kIterations, EVP_sha512(), static_cast<int>(hash.size()), hash.data()) != 1) {
    throw std::runtime_error("OpenSSL cannot hash a password");
  }
  return "$7$" + std::to_string(kIterations) + "$" + base64(salt) + "$" + base64(hash);
}

}  // namespace clawbridge::brokers
