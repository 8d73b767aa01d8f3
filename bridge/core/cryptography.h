// The cryptography the core asks for: pure functions behind an interface, so that the core links no library for it.
// Implemented in bridge/crypto.
#pragma once

#include <optional>
#include <string_view>

#include "topics/encoding.h"

namespace clawbridge::core {

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
