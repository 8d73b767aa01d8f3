// Rows of the journal's two large tables as records: the column lists and what takes them apart belong together.
#pragma once

#include <cstdint>
#include <string>

#include "bridge/core/journal.h"
#include "bridge/store/db.h"

namespace clawbridge::store {

// Columns of a SELECT from `outgoing` or `incoming`, without payloads, and the payloads to append to them.
extern const std::string kOutgoingColumns;
extern const std::string kOutgoingPayloads;
extern const std::string kIncomingColumns;
extern const std::string kIncomingPayloads;

/// The columns of `incoming` that its column `checksum` is over: those that stay as they were stored, then those that
/// an UPDATE changes. A flipped bit in one could run a turn again, or elsewhere.
extern const std::string kTurnColumnsKept;
extern const std::string kTurnColumns;

/// Begins a SELECT: a table `source(name)` of the gateways that have incoming rows, found by leaping through the index
/// instead of reading all of it. Its last row is NULL.
extern const std::string kSourceGateways;

/// The record in the statement's present row. `payloads`: they were selected too.
[[nodiscard]] core::OutgoingRecord outgoing_from(const Statement& row, bool payloads);
[[nodiscard]] core::IncomingRecord incoming_from(const Statement& row, bool payloads);

[[nodiscard]] Bytes32 bytes32_from(std::string_view bytes);

/// Where the payloads of an exchange lie in the table `large` when they are too large for its row.
enum class LargeSlot : std::int64_t { OutgoingRequest = 0, OutgoingReply = 1, IncomingRequest = 4, IncomingReply = 5 };
[[nodiscard]] constexpr std::int64_t large_id(std::int64_t row, LargeSlot slot) {
  return row * 8 + static_cast<std::int64_t>(slot);
}

}  // namespace clawbridge::store
