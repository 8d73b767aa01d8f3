// Keeps remote text from being a command of the gateway: OpenClaw takes a message that begins with "/" for one, and
// "/new" or "/reset" wipes the session (2026.3.8 does so for anybody who may write; measured, see the tests).
#pragma once

#include <string>
#include <string_view>

namespace clawbridge::gateway {

/// What is put in front of a text that could be a command. Any visible text works; this one says why it is there.
inline constexpr std::string_view kCommandGuard = "[remote message] ";

/// True when the first character after any blanks is "/". Blanks are Unicode's White_Space and the invisible U+200B,
/// U+2060 and U+FEFF (OpenClaw's trim() removes the last). Invalid UTF-8 is not blank. Pure.
[[nodiscard]] bool looks_like_command(std::string_view text);

/// The text as it may be handed to a gateway: unchanged, byte for byte, or with kCommandGuard in front. Pure.
[[nodiscard]] std::string guard_commands(std::string_view text);

}  // namespace clawbridge::gateway
