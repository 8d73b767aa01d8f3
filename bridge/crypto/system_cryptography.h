// The cryptography the core asks for, by OpenSSL and libsodium.
//
// SHA-256 and HMAC go to OpenSSL because it uses the processor's SHA instructions (five times libsodium's rate at
// 256 KiB); Ed25519, X25519, comparison and randomness go to libsodium. Both constructors throw std::runtime_error
// when the library does not work on this machine; nothing else here throws.
#pragma once

#include <memory>

#include "bridge/core/cryptography.h"

namespace clawbridge::crypto {

/// Immutable after construction: any thread, also several at once.
class SystemCryptography : public core::Cryptography {
 public:
  SystemCryptography();
  ~SystemCryptography() override;
  SystemCryptography(const SystemCryptography&) = delete;
  SystemCryptography& operator=(const SystemCryptography&) = delete;

  [[nodiscard]] Bytes32 sha256(std::string_view bytes) const override;
  [[nodiscard]] Bytes32 hmac_sha256(std::string_view key, std::string_view bytes) const override;
  [[nodiscard]] Bytes64 sign(const Bytes32& seed, std::string_view prefix, std::string_view bytes) const override;
  [[nodiscard]] bool verify(const Bytes32& public_key, std::string_view prefix, std::string_view bytes,
                            const Bytes64& signature) const override;
  [[nodiscard]] std::optional<Bytes32> x25519(const Bytes32& secret, const Bytes32& public_key) const override;
  [[nodiscard]] std::string seal(const Bytes32& key, const core::Nonce24& nonce, std::string_view context,
                                 std::string_view plaintext) const override;
  [[nodiscard]] std::optional<std::string> open(const Bytes32& key, std::string_view context,
                                                std::string_view sealed) const override;
  [[nodiscard]] bool equal(const Bytes32& a, const Bytes32& b) const override;

 private:
  struct Digest;
  std::unique_ptr<Digest> digest_;
};

/// The operating system's randomness. Any thread.
class SystemRandom : public core::Random {
 public:
  SystemRandom();
  void fill(std::span<std::uint8_t> bytes) override;
};

}  // namespace clawbridge::crypto
