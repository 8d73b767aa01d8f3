#include "topics/encoding.h"

#include <algorithm>
#include <cstring>

namespace clawbridge {
namespace {

constexpr std::string_view kUrlAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::string_view kStandardAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kHexDigits = "0123456789abcdef";

constexpr std::array<std::int8_t, 256> inverse(std::string_view alphabet) {
  std::array<std::int8_t, 256> table{};
  table.fill(-1);
  for (std::size_t i = 0; i < alphabet.size(); ++i) {
    table[static_cast<std::uint8_t>(alphabet[i])] = static_cast<std::int8_t>(i);
  }
  return table;
}

constexpr auto kUrlValues = inverse(kUrlAlphabet);
constexpr auto kStandardValues = inverse(kStandardAlphabet);
constexpr auto kHexValues = inverse(kHexDigits);

// Base 64 without padding: `text` has only digits of the alphabet; unused bits must be zero. In groups of four digits,
// by plain pointers: sealed content passes here with every message.
std::optional<std::string> decode64(std::string_view text, const std::array<std::int8_t, 256>& values) {
  const auto tail = text.size() % 4;
  if (tail == 1) return std::nullopt;
  std::string out(text.size() / 4 * 3 + (tail == 0 ? 0 : tail - 1), '\0');
  const char* from = text.data();
  std::int32_t all = 0;  // negative once a digit was foreign
  const auto take = [&](std::size_t digits) {
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < digits; ++i) {
      const std::int32_t value = values[static_cast<std::uint8_t>(*from++)];
      all |= value;
      bits |= static_cast<std::uint32_t>(value) << (18 - 6 * i);
    }
    return bits;
  };
  char* to = out.data();
  for (auto groups = text.size() / 4; groups > 0; --groups) {
    const auto bits = take(4);
    *to++ = static_cast<char>(bits >> 16);
    *to++ = static_cast<char>(bits >> 8);
    *to++ = static_cast<char>(bits);
  }
  auto rest = take(tail);
  for (; to != out.data() + out.size(); rest <<= 8) *to++ = static_cast<char>(rest >> 16);
  if (all < 0 || (rest & 0xffffff) != 0) return std::nullopt;
  return out;
}

// Base 64 without padding.
std::string encode64(std::span<const std::uint8_t> bytes, std::string_view alphabet) {
  std::string out((bytes.size() * 4 + 2) / 3, '\0');
  const auto* from = bytes.data();
  char* to = out.data();
  const char* digits = alphabet.data();
  for (auto groups = bytes.size() / 3; groups > 0; --groups, from += 3) {
    const auto bits = std::uint32_t{from[0]} << 16 | std::uint32_t{from[1]} << 8 | from[2];
    *to++ = digits[bits >> 18];
    *to++ = digits[bits >> 12 & 63];
    *to++ = digits[bits >> 6 & 63];
    *to++ = digits[bits & 63];
  }
  const auto tail = bytes.size() % 3;
  auto rest = tail == 0 ? 0 : std::uint32_t{from[0]} << 16;
  if (tail == 2) rest |= std::uint32_t{from[1]} << 8;
  for (; to != out.data() + out.size(); rest <<= 6) *to++ = digits[rest >> 18 & 63];
  return out;
}

template <class Array>
std::optional<Array> decode_array(std::string_view text) {
  const auto bytes = base64url_decode(text);
  Array out;
  if (!bytes || bytes->size() != out.size()) return std::nullopt;
  std::memcpy(out.data(), bytes->data(), out.size());
  return out;
}

// The length of the well-formed UTF-8 sequence at text[at], 0 if there is none. RFC 3629, section 4.
std::size_t utf8_sequence(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[at + i]); };
  const auto continues = [&](std::size_t i, std::uint8_t low, std::uint8_t high) {
    return at + i < text.size() && byte(i) >= low && byte(i) <= high;
  };
  const std::uint8_t first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return continues(1, 0x80, 0xbf) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    const std::uint8_t low = first == 0xe0 ? 0xa0 : 0x80;
    const std::uint8_t high = first == 0xed ? 0x9f : 0xbf;
    return continues(1, low, high) && continues(2, 0x80, 0xbf) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    const std::uint8_t low = first == 0xf0 ? 0x90 : 0x80;
    const std::uint8_t high = first == 0xf4 ? 0x8f : 0xbf;
    return continues(1, low, high) && continues(2, 0x80, 0xbf) && continues(3, 0x80, 0xbf) ? 4 : 0;
  }
  return 0;
}

// Where the first byte that a JSON string must escape stands, or the end. Eight bytes at a time: texts are long and
// escapes rare. (Bit tricks: a zero byte of x has its high bit in (x - 0x01…) & ~x & 0x80….)
std::size_t find_escaped(std::string_view text, std::size_t at) {
  constexpr std::uint64_t kOnes = 0x0101010101010101;
  constexpr std::uint64_t kHighs = 0x8080808080808080;
  const auto zero_bytes = [](std::uint64_t x) { return (x - kOnes) & ~x & kHighs; };
  for (; at + 8 <= text.size(); at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data() + at, 8);
    const auto below_blank = (word - kOnes * 0x20) & ~word & kHighs;
    if ((below_blank | zero_bytes(word ^ (kOnes * '"')) | zero_bytes(word ^ (kOnes * '\\'))) != 0) break;
  }
  for (; at < text.size(); ++at) {
    const auto c = static_cast<std::uint8_t>(text[at]);
    if (c < 0x20 || c == '"' || c == '\\') break;
  }
  return at;
}

}  // namespace

std::string base64url_encode(std::span<const std::uint8_t> bytes) {
  return encode64(bytes, kUrlAlphabet);
}

std::string base64_encode(std::span<const std::uint8_t> bytes) {
  auto out = encode64(bytes, kStandardAlphabet);
  out.append((4 - out.size() % 4) % 4, '=');
  return out;
}

std::optional<std::string> base64url_decode(std::string_view text) {
  return decode64(text, kUrlValues);
}

std::optional<Bytes32> base64url_decode32(std::string_view text) {
  return decode_array<Bytes32>(text);
}

std::optional<Bytes64> base64url_decode64(std::string_view text) {
  return decode_array<Bytes64>(text);
}

std::optional<std::string> base64_decode(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  for (int i = 0; i < 2 && text.ends_with('='); ++i) text.remove_suffix(1);
  return decode64(text, kStandardValues);
}

std::string hex_encode(std::span<const std::uint8_t> bytes) {
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const auto byte : bytes) {
    out += kHexDigits[byte >> 4];
    out += kHexDigits[byte & 15];
  }
  return out;
}

std::optional<std::string> hex_decode(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  std::string out;
  out.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const auto high = kHexValues[static_cast<std::uint8_t>(text[i])];
    const auto low = kHexValues[static_cast<std::uint8_t>(text[i + 1])];
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
  }
  return out;
}

bool is_hex(std::string_view text, std::size_t digits) {
  return text.size() == digits &&
         std::all_of(text.begin(), text.end(), [](char c) { return kHexValues[static_cast<std::uint8_t>(c)] >= 0; });
}

std::optional<std::size_t> find_invalid_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const auto length = utf8_sequence(text, at);
    if (length == 0) return at;
    at += length;
  }
  return std::nullopt;
}

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  for (std::size_t at = 0; at < text.size();) {
    const auto end = find_escaped(text, at);
    out.append(text.substr(at, end - at));
    at = end + 1;
    if (end == text.size()) break;
    const auto c = static_cast<std::uint8_t>(text[end]);
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\b':
        out += "\\b";
        break;
      case '\f':
        out += "\\f";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        out += "\\u00";
        out += kHexDigits[c >> 4];
        out += kHexDigits[c & 15];
    }
  }
  out += '"';
}

}  // namespace clawbridge
