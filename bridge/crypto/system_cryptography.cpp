#include "bridge/crypto/system_cryptography.h"

#include <openssl/evp.h>
#include <sodium.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>

namespace clawbridge::crypto {
namespace {

constexpr std::size_t kBlockBytes = 64;  // of SHA-256

void require_sodium() {
  if (sodium_init() < 0) throw std::runtime_error("cannot start libsodium: no source of randomness on this machine");
}

struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_MD_CTX, FreeContext>;

/// Hashing can fail only for want of memory or a broken library; a wrong digest must not be worked with.
void require(bool worked) {
  if (worked) return;
  std::fputs("clawbridge: OpenSSL cannot compute SHA-256 (out of memory or a broken provider)\n", stderr);
  std::abort();
}

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

std::string joined(std::string_view prefix, std::string_view bytes) {
  std::string all;
  all.reserve(prefix.size() + bytes.size());
  all.append(prefix).append(bytes);
  return all;
}

}  // namespace

/// The digest, looked up once: OpenSSL 3 otherwise searches its providers at every call.
struct SystemCryptography::Digest {
  EVP_MD* sha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  ~Digest() { EVP_MD_free(sha256); }

  /// SHA-256 of first ‖ second, on a context that is used again for the two halves of an HMAC.
  Bytes32 hash(EVP_MD_CTX* context, std::string_view first, std::string_view second) const {
    Bytes32 out{};
    require(EVP_DigestInit_ex2(context, sha256, nullptr) == 1 &&
            EVP_DigestUpdate(context, first.data(), first.size()) == 1 &&
            EVP_DigestUpdate(context, second.data(), second.size()) == 1 &&
            EVP_DigestFinal_ex(context, out.data(), nullptr) == 1);
    return out;
  }
};

SystemCryptography::SystemCryptography() : digest_(std::make_unique<Digest>()) {
  require_sodium();
  if (digest_->sha256 == nullptr) {
    throw std::runtime_error("cannot load SHA-256 from OpenSSL: check its configuration (openssl list -providers)");
  }
}

SystemCryptography::~SystemCryptography() = default;

Bytes32 SystemCryptography::sha256(std::string_view bytes) const {
  const Context context(EVP_MD_CTX_new());
  require(context != nullptr);
  return digest_->hash(context.get(), bytes, {});
}

// RFC 2104 over the digest above: OpenSSL's own EVP_MAC allocates and looks up more than the two hashes cost.
Bytes32 SystemCryptography::hmac_sha256(std::string_view key, std::string_view bytes) const {
#if defined(CLAWBRIDGE_BENCH_UNAUTHENTICATED)
  // Only in a program that tests/bench builds, to measure what authentication costs.
  (void)key, (void)bytes;
  return {};
#endif
  const Context context(EVP_MD_CTX_new());
  require(context != nullptr);
  std::array<char, kBlockBytes> block{};
  if (key.size() > kBlockBytes) {
    const Bytes32 short_key = digest_->hash(context.get(), key, {});
    std::copy(short_key.begin(), short_key.end(), block.begin());
  } else {
    std::copy(key.begin(), key.end(), block.begin());
  }
  const std::string_view padded(block.data(), block.size());
  for (char& c : block) c = static_cast<char>(c ^ 0x36);
  const Bytes32 inner = digest_->hash(context.get(), padded, bytes);
  for (char& c : block) c = static_cast<char>(c ^ 0x36 ^ 0x5c);
  const Bytes32 outer =
      digest_->hash(context.get(), padded, {reinterpret_cast<const char*>(inner.data()), inner.size()});
  sodium_memzero(block.data(), block.size());
  return outer;
}

Bytes64 SystemCryptography::sign(const Bytes32& seed, std::string_view prefix, std::string_view bytes) const {
  Bytes32 public_key{};
  Bytes64 secret{};  // libsodium's form: seed ‖ public key
  crypto_sign_seed_keypair(public_key.data(), secret.data(), seed.data());
  const std::string message = joined(prefix, bytes);
  Bytes64 signature{};
  crypto_sign_detached(signature.data(), nullptr, bytes_of(message), message.size(), secret.data());
  sodium_memzero(secret.data(), secret.size());
  return signature;
}

bool SystemCryptography::verify(const Bytes32& public_key, std::string_view prefix, std::string_view bytes,
                                const Bytes64& signature) const {
  const std::string message = joined(prefix, bytes);
  return crypto_sign_verify_detached(signature.data(), bytes_of(message), message.size(), public_key.data()) == 0;
}

std::optional<Bytes32> SystemCryptography::x25519(const Bytes32& secret, const Bytes32& public_key) const {
  Bytes32 shared{};
  if (crypto_scalarmult(shared.data(), secret.data(), public_key.data()) != 0) return std::nullopt;
  return shared;
}

std::string SystemCryptography::seal(const Bytes32& key, const core::Nonce24& nonce, std::string_view context,
                                     std::string_view plaintext) const {
  static_assert(core::Nonce24{}.size() == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES);
  std::string out(nonce.size() + plaintext.size() + crypto_aead_xchacha20poly1305_ietf_ABYTES, '\0');
  std::copy(nonce.begin(), nonce.end(), out.begin());
  crypto_aead_xchacha20poly1305_ietf_encrypt(reinterpret_cast<unsigned char*>(out.data()) + nonce.size(), nullptr,
                                             bytes_of(plaintext), plaintext.size(), bytes_of(context), context.size(),
                                             nullptr, nonce.data(), key.data());
  return out;
}

std::optional<std::string> SystemCryptography::open(const Bytes32& key, std::string_view context,
                                                    std::string_view sealed) const {
  constexpr std::size_t kNonce = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
  constexpr std::size_t kTag = crypto_aead_xchacha20poly1305_ietf_ABYTES;
  if (sealed.size() < kNonce + kTag) return std::nullopt;
  std::string out(sealed.size() - kNonce - kTag, '\0');
  const bool good = crypto_aead_xchacha20poly1305_ietf_decrypt(
                        reinterpret_cast<unsigned char*>(out.data()), nullptr, nullptr, bytes_of(sealed) + kNonce,
                        sealed.size() - kNonce, bytes_of(context), context.size(), bytes_of(sealed), key.data()) == 0;
  if (!good) return std::nullopt;
  return out;
}

bool SystemCryptography::equal(const Bytes32& a, const Bytes32& b) const {
  return sodium_memcmp(a.data(), b.data(), a.size()) == 0;
}

SystemRandom::SystemRandom() {
  require_sodium();
}

void SystemRandom::fill(std::span<std::uint8_t> bytes) {
  randombytes_buf(bytes.data(), bytes.size());
}

}  // namespace clawbridge::crypto
