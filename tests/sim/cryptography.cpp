#include "tests/sim/cryptography.h"

#include <algorithm>

#include "tests/sim/trace.h"

namespace clawbridge::sim {
namespace {

template <std::size_t N>
std::array<std::uint8_t, N> expand(std::uint64_t seed) {
  std::array<std::uint8_t, N> bytes{};
  Dice(seed).fill(bytes);
  return bytes;
}

std::string_view text(std::span<const std::uint8_t> bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

// A public key is its secret's image; both ends of a signature can make the code from the public one.
Bytes32 public_of(const Bytes32& secret) { return expand<32>(mix(hash_of(text(secret)))); }

std::uint64_t code(std::string_view key, std::string_view first, std::string_view second) {
  return mix(hash_of(key) ^ mix(hash_of(first) + 1) ^ mix(mix(hash_of(second) + 2)));
}

// The same operation hides and shows.
std::string hidden(std::string_view plain, std::uint64_t seed) {
  Dice stream(seed);
  std::string out(plain);
  for (auto& byte : out) byte = static_cast<char>(byte ^ static_cast<char>(stream.next() & 0xff));
  return out;
}

constexpr std::size_t kNonce = 24;
constexpr std::size_t kTag = 16;

std::string tag_of(const Bytes32& key, std::string_view nonce, std::string_view context, std::string_view plaintext) {
  return std::string(text(expand<kTag>(code(text(key), context, plaintext) ^ mix(hash_of(nonce)))));
}

}  // namespace

Bytes32 CheapCryptography::sha256(std::string_view bytes) const { return expand<32>(hash_of(bytes)); }

Bytes32 CheapCryptography::hmac_sha256(std::string_view key, std::string_view bytes) const { return expand<32>(code(key, "mac", bytes)); }

Bytes64 CheapCryptography::sign(const Bytes32& seed, std::string_view prefix, std::string_view bytes) const {
  return expand<64>(code(text(public_of(seed)), prefix, bytes));
}

bool CheapCryptography::verify(const Bytes32& public_key, std::string_view prefix, std::string_view bytes, const Bytes64& signature) const {
  return expand<64>(code(text(public_key), prefix, bytes)) == signature;
}

std::optional<Bytes32> CheapCryptography::x25519(const Bytes32& secret, const Bytes32& public_key) const {
  return expand<32>(hash_of(text(public_of(secret))) ^ hash_of(text(public_key)));
}

std::string CheapCryptography::seal(const Bytes32& key, const core::Nonce24& nonce, std::string_view context, std::string_view plaintext) const {
  std::string out(text(nonce));
  out += hidden(plaintext, code(text(key), "stream", text(nonce)));
  return out + tag_of(key, text(nonce), context, plaintext);
}

std::optional<std::string> CheapCryptography::open(const Bytes32& key, std::string_view context, std::string_view sealed) const {
  if (sealed.size() < kNonce + kTag) return std::nullopt;
  const auto nonce = sealed.substr(0, kNonce);
  auto plain = hidden(sealed.substr(kNonce, sealed.size() - kNonce - kTag), code(text(key), "stream", nonce));
  if (tag_of(key, nonce, context, plain) != sealed.substr(sealed.size() - kTag)) return std::nullopt;
  return plain;
}

core::Keys make_keys(std::string_view gateway, std::uint64_t generation) {
  core::Keys keys;
  keys.sign.secret = expand<32>(hash_of(gateway) ^ mix(2 * generation));
  keys.box.secret = expand<32>(hash_of(gateway) ^ mix(2 * generation + 1));
  keys.sign.public_key = public_of(keys.sign.secret);
  keys.box.public_key = public_of(keys.box.secret);
  return keys;
}

}  // namespace clawbridge::sim
