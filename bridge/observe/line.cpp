// Rendering and escaping of log lines. See line.h.
//
// Quoted values are spelled the same in both formats: JSON strings, which logfmt readers understand as well.
#include "bridge/observe/line.h"

#include <array>
#include <cstdint>
#include <utility>

namespace clawbridge::observe {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
constexpr std::string_view kDigits = "0123456789abcdef";
constexpr std::array<std::uint32_t, 5> kLeast{0, 0, 0x80, 0x800, 0x10000};  // code points of so many bytes

struct CodePoint {
  std::uint32_t value = 0;
  std::size_t bytes = 0;  // 0: not well-formed
};

/// The first code point of a text that begins with a byte of 0x80 or above (RFC 3629).
CodePoint decode(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t first = byte(0);
  const std::size_t bytes = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < bytes) return {};
  std::uint32_t value = first & (0x7FU >> bytes);
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xC0U) != 0x80U) return {};
    value = (value << 6U) | (byte(i) & 0x3FU);
  }
  const bool surrogate = value >= 0xD800 && value <= 0xDFFF;
  if (value < kLeast[bytes] || surrogate || value > 0x10FFFF) return {};
  return {value, bytes};
}

/// Code points above ASCII that a terminal obeys, that end a line for some readers, or that hide or reorder text.
bool must_escape(std::uint32_t value) {
  return value <= 0x9F || value == 0x061C || (value >= 0x200B && value <= 0x200F) ||
         (value >= 0x2028 && value <= 0x202E) || (value >= 0x2060 && value <= 0x206F) || value == 0xFEFF;
}

void append_escape(std::string& out, std::uint32_t value) {
  out += "\\u";
  for (unsigned shift = 16; shift > 0; shift -= 4) out += kDigits[(value >> (shift - 4)) & 0xFU];
}

void append_ascii(std::string& out, char c) {
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      if (c < ' ' || c == '\x7f') {
        append_escape(out, static_cast<std::uint8_t>(c));
      } else {
        out += c;
      }
  }
}

/// How much of a value is written: never the first bytes of a cut character.
std::size_t written_bytes(std::string_view value) {
  if (value.size() <= kValueBytesMax) return value.size();
  std::size_t count = kValueBytesMax;
  for (int back = 0; back < 3 && (static_cast<std::uint8_t>(value[count]) & 0xC0U) == 0x80U; ++back) --count;
  return count;
}

void append_quoted(std::string& out, std::string_view value) {
  const std::size_t written = written_bytes(value);
  std::string_view rest = value.substr(0, written);
  out += '"';
  while (!rest.empty()) {
    if (static_cast<std::uint8_t>(rest.front()) < 0x80) {
      append_ascii(out, rest.front());
      rest.remove_prefix(1);
      continue;
    }
    const CodePoint point = decode(rest);
    if (point.bytes == 0) {
      out += kReplacement;
    } else if (must_escape(point.value)) {
      append_escape(out, point.value);
    } else {
      out += rest.substr(0, point.bytes);
    }
    rest.remove_prefix(point.bytes == 0 ? 1 : point.bytes);
  }
  if (written < value.size()) {
    out += "…(+";
    out += std::to_string(value.size() - written);
    out += " bytes)";
  }
  out += '"';
}

/// Printable ASCII without blank, `"`, `=` and `\`: what logfmt takes without quotes.
bool is_bare(std::string_view value) {
  if (value.empty() || value.size() > kValueBytesMax) return false;
  for (const char c : value) {
    if (c <= ' ' || c > '~' || c == '"' || c == '=' || c == '\\') return false;
  }
  return true;
}

void append_name(std::string& out, std::string_view name) {
  for (const char c : name) {
    const bool plain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
    out += plain ? c : '_';
  }
}

}  // namespace

std::string_view level_name(Level level) {
  switch (level) {
    case Level::Debug:
      return "debug";
    case Level::Info:
      return "info";
    case Level::Warn:
      return "warn";
    case Level::Error:
      return "error";
  }
  return "error";
}

void append_line(std::string& out, Format format, WallTime time, Level level, std::string_view name,
                 std::span<const Field> fields) {
  const bool json = format == Format::Json;
  out += json ? "{\"time\":\"" : "time=";
  out += format_time(time);
  out += json ? "\",\"level\":\"" : " level=";
  out += level_name(level);
  out += json ? "\",\"event\":\"" : " event=";
  append_name(out, name);
  if (!json) {
    if (!fields.empty()) out += ' ';
    append_fields(out, fields);
    return;
  }
  out += '"';
  for (const auto& [field, value] : fields) {
    out += ",\"";
    append_name(out, field);
    out += "\":";
    append_quoted(out, value);
  }
  out += '}';
}

void append_fields(std::string& out, std::span<const Field> fields) {
  bool first = true;
  for (const auto& [field, value] : fields) {
    if (!std::exchange(first, false)) out += ' ';
    append_name(out, field);
    out += '=';
    if (is_bare(value)) {
      out += value;
    } else {
      append_quoted(out, value);
    }
  }
}

}  // namespace clawbridge::observe
