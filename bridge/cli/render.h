// The daemon's answers as text for a person. Pure: JSON and the time in, text out.
//
// Names and texts of other machines may hold anything; control characters are shown as `?`, so that nobody's terminal
// obeys a peer.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "topics/time.h"

namespace clawbridge::cli {

/// One line of JSON; what is not UTF-8 in it is replaced.
[[nodiscard]] std::string line(const nlohmann::json& object);

/// Columns padded to their widest cell, two blanks between them, no blanks at the end of a line. The first row is the
/// head.
[[nodiscard]] std::string table(const std::vector<std::vector<std::string>>& rows);

/// `12 s ago`, `in 3 h`, `now`; `-` for a text that is no time.
[[nodiscard]] std::string relative_time(std::string_view time, WallTime now);

/// Control characters as `?`; with `lines`, newlines and tabs stay.
[[nodiscard]] std::string printable(std::string_view text, bool lines = false);

/// 64 hex digits as 16 groups of four, for reading aloud.
[[nodiscard]] std::string grouped(std::string_view fingerprint);

[[nodiscard]] std::string agents_text(const nlohmann::json& answer);
[[nodiscard]] std::string peers_text(const nlohmann::json& answer, WallTime now);
[[nodiscard]] std::string status_text(const nlohmann::json& answer, WallTime now);
[[nodiscard]] std::string reload_text(const nlohmann::json& answer);
[[nodiscard]] std::string ping_text(const nlohmann::json& answer);
[[nodiscard]] std::string exchange_text(const nlohmann::json& exchange, WallTime now);
[[nodiscard]] std::string exchanges_text(const nlohmann::json& answer, WallTime now);

[[nodiscard]] std::string dead_text(const nlohmann::json& answer, WallTime now);
/// What came of stopping an exchange, one line.
[[nodiscard]] std::string cancel_text(const nlohmann::json& answer);

/// A session that was spawned, one line.
[[nodiscard]] std::string spawn_text(const nlohmann::json& exchange);
/// The files of a reply by name, one line; empty when there are none.
[[nodiscard]] std::string files_text(const nlohmann::json& exchange);
[[nodiscard]] std::string sessions_text(const nlohmann::json& answer, WallTime now);
[[nodiscard]] std::string history_text(const nlohmann::json& answer, WallTime now);
[[nodiscard]] std::string session_status_text(const nlohmann::json& answer, WallTime now);

/// What a sender is told on stderr, one line; empty when the exchange has ended with a reply and nothing is to be said.
[[nodiscard]] std::string outcome_text(const nlohmann::json& exchange);

}  // namespace clawbridge::cli
