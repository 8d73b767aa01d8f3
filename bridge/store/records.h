// The texts that enumerators and lists have in the journal file. Stable: files outlive releases.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "bridge/core/journal.h"

namespace clawbridge::store {

[[nodiscard]] std::string_view stage_text(core::IncomingStage stage);
[[nodiscard]] core::IncomingStage stage_from(std::string_view text);

[[nodiscard]] std::string_view trust_text(core::PeerTrust trust);
[[nodiscard]] core::PeerTrust trust_from(std::string_view text);

/// `accepted=1795364401123 published=1795364401130`. REQUIRES: names without blank and `=`, as the contract's are.
[[nodiscard]] std::string stages_text(const std::vector<core::StageTime>& stages);
[[nodiscard]] std::vector<core::StageTime> stages_from(std::string_view text);

/// The inverse of Address::str(); takes what was stored without judging it.
/// Words with one blank between them.
[[nodiscard]] std::string words_text(const std::vector<std::string>& words);
[[nodiscard]] std::vector<std::string> words_from(std::string_view text);

[[nodiscard]] Address address_from(std::string_view text);

[[nodiscard]] inline std::int64_t to_ms(WallTime time) {
  return time.time_since_epoch().count();
}
[[nodiscard]] inline WallTime from_ms(std::int64_t ms) {
  return WallTime{std::chrono::milliseconds{ms}};
}

}  // namespace clawbridge::store
