// The bridge's own two key pairs and the file they live in, beside the journal.
//
// keys.json: {"gateway", "sign": {"secret","public"}, "box": {"secret","public"}}, base64url, mode 0600. Peers pin
// these keys, so losing the file means being a stranger everywhere: it is made once and changed only by rotate_keys(),
// which keeps the keys before as "previous": {"sign", "box", "until", "proof"}.
#pragma once

#include <filesystem>
#include <optional>
#include <string_view>

#include "bridge/core/cryptography.h"
#include "bridge/core/options.h"
#include "topics/result.h"
#include "topics/time.h"

namespace clawbridge::crypto {

/// Reads the keys of `gateway` from `path`; makes them, and the folder (mode 0700), when there is no such file. The
/// file appears whole or not at all; of two processes that start at once both end with the same keys. Refused, with an
/// Error for a person: a file that others may read, one of another gateway, one whose public keys are not those of its
/// secrets, and one that is not such a file.
[[nodiscard]] Result<core::Keys> load_or_create_keys(const std::filesystem::path& path, std::string_view gateway);

/// The same, but makes none: nothing when there is no such file.
[[nodiscard]] Result<std::optional<core::Keys>> load_keys(const std::filesystem::path& path, std::string_view gateway);

/// The keys before the latest rotation, as the file keeps them; nothing when there was none.
[[nodiscard]] Result<std::optional<core::PreviousKeys>> load_previous_keys(const std::filesystem::path& path, std::string_view gateway);

/// Puts new keys into the file, in the place of those there, whose signing key vouches for the new ones. The file changes
/// whole or not at all. Refused until kPreviousKeysTaken after the rotation before: peers that slept would not follow two.
[[nodiscard]] Result<core::Keys> rotate_keys(const std::filesystem::path& path, std::string_view gateway, WallTime now);

/// What peers know a bridge by: SHA-256 of sign ‖ box, the two public keys.
[[nodiscard]] Bytes32 fingerprint(const core::Keys& keys, const core::Cryptography& crypto);

}  // namespace clawbridge::crypto
