// Bytes as text: base64url without padding (ours), standard base64 with padding (CloudEvents), lower-case hex, UTF-8.
//
// Decoders take the canonical form only, so that one value has one text.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace clawbridge {

using Bytes32 = std::array<std::uint8_t, 32>;
using Bytes64 = std::array<std::uint8_t, 64>;

[[nodiscard]] std::string base64url_encode(std::span<const std::uint8_t> bytes);
/// Nothing for padding, foreign characters, impossible lengths or non-zero unused bits.
[[nodiscard]] std::optional<std::string> base64url_decode(std::string_view text);
[[nodiscard]] std::optional<Bytes32> base64url_decode32(std::string_view text);
[[nodiscard]] std::optional<Bytes64> base64url_decode64(std::string_view text);

/// Standard base64 with padding.
[[nodiscard]] std::string base64_encode(std::span<const std::uint8_t> bytes);
/// Canonical only.
[[nodiscard]] std::optional<std::string> base64_decode(std::string_view text);

[[nodiscard]] std::string hex_encode(std::span<const std::uint8_t> bytes);
/// Lower-case digits only, an even number of them.
[[nodiscard]] std::optional<std::string> hex_decode(std::string_view text);
/// True when text is exactly `digits` lower-case hex digits.
[[nodiscard]] bool is_hex(std::string_view text, std::size_t digits);

/// The offset of the first byte that is not part of well-formed UTF-8 (RFC 3629); nothing when all of it is.
[[nodiscard]] std::optional<std::size_t> find_invalid_utf8(std::string_view text);

/// How much of `text` fits into `bytes_max` without cutting a character in two. REQUIRES: valid UTF-8.
[[nodiscard]] inline std::size_t utf8_prefix(std::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return text.size();
  while (bytes_max > 0 && (static_cast<unsigned char>(text[bytes_max]) & 0xc0) == 0x80) --bytes_max;
  return bytes_max;
}

[[nodiscard]] inline std::span<const std::uint8_t> as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

/// Appends `text` as a JSON string with its quotes. REQUIRES: valid UTF-8.
void append_json_string(std::string& out, std::string_view text);

}  // namespace clawbridge
