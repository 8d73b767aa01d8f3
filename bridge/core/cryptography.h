// The cryptography the core asks for: pure functions behind an interface, so that the core links no library for it.
// Implemented in bridge/crypto.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "topics/encoding.h"

namespace clawbridge::core {

using Nonce24 = std::array<std::uint8_t, 24>;

class Cryptography {
 public:
  virtual ~Cryptography() = default;

  [[nodiscard]] virtual Bytes32 sha256(std::string_view bytes) const = 0;
  [[nodiscard]] virtual Bytes32 hmac_sha256(std::string_view key, std::string_view bytes) const = 0;
  /// Ed25519 over prefix ‖ bytes; `seed`: the 32-byte secret.
  [[nodiscard]] virtual Bytes64 sign(const Bytes32& seed, std::string_view prefix, std::string_view bytes) const = 0;
  [[nodiscard]] virtual bool verify(const Bytes32& public_key, std::string_view prefix, std::string_view bytes, const Bytes64& signature) const = 0;
  /// X25519; nothing when the result is all zero.
  [[nodiscard]] virtual std::optional<Bytes32> x25519(const Bytes32& secret, const Bytes32& public_key) const = 0;
  /// XChaCha20-Poly1305: 24-byte nonce ‖ ciphertext ‖ tag. A nonce is never used twice with a key.
  [[nodiscard]] virtual std::string seal(const Bytes32& key, const Nonce24& nonce, std::string_view context, std::string_view plaintext) const = 0;
  /// Nothing when it was not sealed with that key for that context.
  [[nodiscard]] virtual std::optional<std::string> open(const Bytes32& key, std::string_view context, std::string_view sealed) const = 0;
  /// Constant time.
  [[nodiscard]] virtual bool equal(const Bytes32& a, const Bytes32& b) const = 0;
};

/// Randomness, handed in: the operating system's in production, seeded in tests.
class Random {
 public:
  virtual ~Random() = default;
  virtual void fill(std::span<std::uint8_t> bytes) = 0;
};

/// A bridge's two key pairs. Secrets: Ed25519 seed and X25519 scalar.
struct KeyPair {
  Bytes32 secret{};
  Bytes32 public_key{};
};
struct Keys {
  KeyPair sign;
  KeyPair box;
};

}  // namespace clawbridge::core
