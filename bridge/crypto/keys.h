// The bridge's own two key pairs and the file they live in, beside the journal.
//
// keys.json: {"gateway", "sign": {"secret","public"}, "box": {"secret","public"}}, base64url, mode 0600. Peers pin
// these keys, so losing the file means being a stranger everywhere: it is made once and never changed here.
#pragma once

#include <filesystem>
#include <string_view>

#include "bridge/core/cryptography.h"
#include "topics/result.h"

namespace clawbridge::crypto {

/// Reads the keys of `gateway` from `path`; makes them, and the folder (mode 0700), when there is no such file. The
/// file appears whole or not at all; of two processes that start at once both end with the same keys. Refused, with an
/// Error for a person: a file that others may read, one of another gateway, one whose public keys are not those of its
/// secrets, and one that is not such a file.
[[nodiscard]] Result<core::Keys> load_or_create_keys(const std::filesystem::path& path, std::string_view gateway);

/// What peers know a bridge by: SHA-256 of sign ‖ box, the two public keys.
[[nodiscard]] Bytes32 fingerprint(const core::Keys& keys, const core::Cryptography& crypto);

}  // namespace clawbridge::crypto
