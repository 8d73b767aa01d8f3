// The tools as an MCP client is shown them: what a model reads before it calls one.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace clawbridge::mcp {

/// The JSON array `tools` of the answer to tools/list.
[[nodiscard]] const std::string& tools_json();

/// The operation that the tool of this name does: `sessions_send` for `claw_sessions_send`. Nothing when there is no such tool.
[[nodiscard]] std::optional<std::string> operation_of(std::string_view tool);

/// All names, for people.
[[nodiscard]] std::string tool_names();

}  // namespace clawbridge::mcp
