// One log line as text: an event name and fields, as logfmt or JSON. Pure, so that tests can try to forge lines.
//
// Field values may hold anything a remote agent wrote. A line stays one line and a field stays one field whatever they
// hold: control characters, line separators and marks that turn the reading direction come out as \u escapes, bytes
// that are not UTF-8 as the replacement character, and long values are cut.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "bridge/core/action.h"
#include "topics/time.h"

namespace clawbridge::observe {

using Level = core::action::Level;
using Field = std::pair<std::string_view, std::string>;

enum class Format { Logfmt, Json };

/// Bytes of a value that are written; what is cut off is counted behind it, `…(+5000 bytes)`.
inline constexpr std::size_t kValueBytesMax = 2'048;

/// `debug`, `info`, `warn` or `error`.
[[nodiscard]] std::string_view level_name(Level level);

/// Appends a line without its newline: `time=2026-11-22T16:20:01.123Z level=info event=exchange.ended cid=…`, or the
/// same as one JSON object whose values are all strings. `name` and the names of fields are literals of ours;
/// characters outside [A-Za-z0-9_.-] in them become `_`. Any thread.
void append_line(std::string& out, Format format, WallTime time, Level level, std::string_view name,
                 std::span<const Field> fields);

/// The fields alone, as logfmt.
void append_fields(std::string& out, std::span<const Field> fields);

}  // namespace clawbridge::observe
