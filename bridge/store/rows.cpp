#include "bridge/store/rows.h"

#include <algorithm>

#include "bridge/store/records.h"

namespace clawbridge::store {

const std::string kOutgoingColumns =
    "id, source, target, op, session, created, expiry, incarnation, receipt, stage, reason, run_id, stages, status, "
    "error_code, error_message, error_retryable, ended, asker, chain, dead, "
    "coalesce(length(request), (SELECT length(bytes) FROM large WHERE large.id = outgoing.row * 8), 0), "
    "child_session_key, deliver_late";
const std::string kOutgoingPayloads =
    ", coalesce(request, (SELECT bytes FROM large WHERE large.id = outgoing.row * 8))"
    ", coalesce(reply, (SELECT bytes FROM large WHERE large.id = outgoing.row * 8 + 1))";

core::OutgoingRecord outgoing_from(const Statement& row, bool payloads) {
  core::OutgoingRecord record;
  record.id = row.text(0);
  record.source = address_from(row.bytes(1));
  record.target = address_from(row.bytes(2));
  record.op = operation_from(row.bytes(3));
  record.session = row.text(4);
  record.created = from_ms(row.number(5));
  record.expiry = from_ms(row.number(6));
  record.incarnation = row.text(7);
  record.receipt = row.number(8) != 0;
  record.stage = row.text(9);
  record.reason = row.text(10);
  record.run_id = row.text(11);
  record.stages = stages_from(row.bytes(12));
  record.status = row.text(13);
  if (!row.is_null(14)) {
    record.error =
        Error{error_code_from(row.bytes(14)).value_or(ErrorCode::Internal), row.text(15), row.number(16) != 0};
  }
  record.ended = from_ms(row.number(17));
  record.asker = row.text(18);
  record.chain = words_from(row.bytes(19));
  record.dead = row.number(20) != 0;
  record.request_bytes = static_cast<std::uint64_t>(row.number(21));
  record.child_session_key = row.text(22);
  record.deliver_late = row.number(23) != 0;
  if (payloads) {
    record.request = row.text(24);
    record.reply = row.text(25);
  }
  return record;
}

const std::string kIncomingColumns =
    "source_gateway, incoming.id, digest, source, target, op, session, session_key, expiry, received, stage, attempt, "
    "boot_id, run_id, status, stages, ended, acknowledged, sealed, losses, dead";
const std::string kIncomingPayloads =
    ", receipt"
    ", coalesce(request, (SELECT bytes FROM large WHERE large.id = incoming.row * 8 + 4))"
    ", coalesce(reply, (SELECT bytes FROM large WHERE large.id = incoming.row * 8 + 5))";

const std::string kTurnColumnsKept = "source_gateway, incoming.id, digest, source, target, op, session, expiry, received, sealed";
const std::string kTurnColumns = kTurnColumnsKept + ", session_key, stage, attempt, boot_id, losses";

Bytes32 bytes32_from(std::string_view bytes) {
  Bytes32 value{};
  std::copy_n(bytes.begin(), std::min(bytes.size(), value.size()), value.begin());  // no bytes have no address
  return value;
}

core::IncomingRecord incoming_from(const Statement& row, bool payloads) {
  core::IncomingRecord record;
  record.source_gateway = row.text(0);
  record.id = row.text(1);
  record.digest = bytes32_from(row.bytes(2));
  record.source = address_from(row.bytes(3));
  record.target = address_from(row.bytes(4));
  record.op = operation_from(row.bytes(5));
  record.session = row.text(6);
  record.session_key = row.text(7);
  record.expiry = from_ms(row.number(8));
  record.received = from_ms(row.number(9));
  record.stage = stage_from(row.bytes(10));
  record.attempt = static_cast<std::uint32_t>(row.number(11));
  record.boot_id = row.text(12);
  record.run_id = row.text(13);
  record.status = row.text(14);
  record.stages = stages_from(row.bytes(15));
  record.ended = from_ms(row.number(16));
  record.acknowledged = row.number(17) != 0;
  record.sealed = row.number(18) != 0;
  record.losses = static_cast<std::uint32_t>(row.number(19));
  record.dead = row.number(20) != 0;
  if (payloads) {
    record.receipt = row.text(21);
    record.request = row.text(22);
    record.reply = row.text(23);
  }
  return record;
}

const std::string kSourceGateways =
    "WITH RECURSIVE source(name) AS (SELECT min(source_gateway) FROM incoming UNION ALL "
    "SELECT (SELECT min(source_gateway) FROM incoming WHERE source_gateway > name) FROM source WHERE name IS NOT "
    "NULL) ";

}  // namespace clawbridge::store
