// OpenClaw's settings file is JSON5, and people who wrote it by hand used it as such; the JSON parser takes JSON only.
#pragma once

#include <string>
#include <string_view>

namespace clawbridge::config {

/// Rewrites what JSON5 adds (comments, trailing commas, bare names as keys, '…' strings, its escapes, a leading `+`) as
/// JSON. What is neither comes out as it went in, for the JSON parser to refuse. Any bytes may go in.
[[nodiscard]] std::string json_from_json5(std::string_view text);

}  // namespace clawbridge::config
