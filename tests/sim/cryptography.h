// Cryptography that costs next to nothing: keyed mixing of 64 bits. Distinct keys give distinct codes, signatures and seals
// verify and are bound to their context; none of it is secret. The real one is tested elsewhere, and would be most of a run.
#pragma once

#include "bridge/core/cryptography.h"

namespace clawbridge::sim {

class CheapCryptography final : public core::Cryptography {
 public:
  [[nodiscard]] Bytes32 sha256(std::string_view bytes) const override;
  [[nodiscard]] Bytes32 hmac_sha256(std::string_view key, std::string_view bytes) const override;
  [[nodiscard]] Bytes64 sign(const Bytes32& seed, std::string_view prefix, std::string_view bytes) const override;
  [[nodiscard]] bool verify(const Bytes32& public_key, std::string_view prefix, std::string_view bytes, const Bytes64& signature) const override;
  [[nodiscard]] std::optional<Bytes32> x25519(const Bytes32& secret, const Bytes32& public_key) const override;
  [[nodiscard]] std::string seal(const Bytes32& key, const core::Nonce24& nonce, std::string_view context, std::string_view plaintext) const override;
  [[nodiscard]] std::optional<std::string> open(const Bytes32& key, std::string_view context, std::string_view sealed) const override;
  [[nodiscard]] bool equal(const Bytes32& a, const Bytes32& b) const override { return a == b; }
};

/// The `generation`th pairs of keys of that gateway.
[[nodiscard]] core::Keys make_keys(std::string_view gateway, std::uint64_t generation);

}  // namespace clawbridge::sim
