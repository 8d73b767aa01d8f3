#include "bridge/store/schema.h"

#include <array>
#include <string>

namespace clawbridge::store {
namespace {

// Times are milliseconds since 1970, `stages` is `name=time …`, booleans are 0 and 1.
//
// Payloads over 16 KiB lie in `large`, whose id is (row id of the exchange) * 8 + slot (LargeSlot in rows.h): an
// UPDATE writes the whole row again, and an exchange is updated several times while its payloads stay the same.
//
// The partial indexes hold only what is open, so restart time does not depend on how much history is kept. Outgoing ids
// rise with time, which is all that purging them needs.
constexpr const char* kVersion1 = R"sql(
CREATE TABLE bridge (
  one          INTEGER PRIMARY KEY CHECK (one = 1),
  incarnation  TEXT NOT NULL,
  epoch        INTEGER NOT NULL
) STRICT;

CREATE TABLE outgoing (
  row             INTEGER PRIMARY KEY,
  id              TEXT NOT NULL UNIQUE,
  source          TEXT NOT NULL,
  target          TEXT NOT NULL,
  op              TEXT NOT NULL,
  session         TEXT NOT NULL,
  created         INTEGER NOT NULL,
  expiry          INTEGER NOT NULL,
  incarnation     TEXT NOT NULL,
  receipt         INTEGER NOT NULL,
  stage           TEXT NOT NULL,
  reason          TEXT NOT NULL,
  run_id          TEXT NOT NULL,
  stages          TEXT NOT NULL,
  status          TEXT NOT NULL,
  error_code      TEXT,
  error_message   TEXT,
  error_retryable INTEGER,
  ended           INTEGER NOT NULL,
  request         BLOB,
  reply           BLOB
) STRICT;
CREATE INDEX outgoing_open ON outgoing (id) WHERE status = '';

CREATE TABLE incoming (
  row             INTEGER PRIMARY KEY,
  source_gateway  TEXT NOT NULL,
  id              TEXT NOT NULL,
  digest          BLOB NOT NULL,
  source          TEXT NOT NULL,
  target          TEXT NOT NULL,
  op              TEXT NOT NULL,
  session         TEXT NOT NULL,
  session_key     TEXT NOT NULL,
  expiry          INTEGER NOT NULL,
  received        INTEGER NOT NULL,
  stage           TEXT NOT NULL,
  attempt         INTEGER NOT NULL,
  boot_id         TEXT NOT NULL,
  run_id          TEXT NOT NULL,
  status          TEXT NOT NULL,
  stages          TEXT NOT NULL,
  ended           INTEGER NOT NULL,
  acknowledged    INTEGER NOT NULL,
  receipt         BLOB,
  request         BLOB,
  reply           BLOB,
  UNIQUE (source_gateway, id)
) STRICT;
CREATE INDEX incoming_open ON incoming (row) WHERE stage NOT IN ('ended', 'tombstone');
CREATE INDEX incoming_expiry ON incoming (expiry);

CREATE TABLE large (
  id     INTEGER PRIMARY KEY,
  bytes  BLOB NOT NULL
) STRICT;

CREATE TABLE peer (
  gateway      TEXT PRIMARY KEY,
  trust        TEXT NOT NULL,
  sign_key     BLOB NOT NULL,
  box_key      BLOB NOT NULL,
  incarnation  TEXT NOT NULL,
  epoch        INTEGER NOT NULL,
  revision     INTEGER NOT NULL,
  state        BLOB NOT NULL,
  seen         INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE replay_mark (
  gateway  TEXT PRIMARY KEY,
  id_time  INTEGER NOT NULL,
  expiry   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
)sql";

// `chain` is ids with a blank between them; `revoked` fingerprints likewise.
constexpr const char* kVersion2 = R"sql(
ALTER TABLE outgoing ADD COLUMN asker TEXT NOT NULL DEFAULT '';
ALTER TABLE outgoing ADD COLUMN chain TEXT NOT NULL DEFAULT '';
ALTER TABLE incoming ADD COLUMN sealed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE peer ADD COLUMN previous_sign_key BLOB NOT NULL DEFAULT x'';
ALTER TABLE peer ADD COLUMN previous_box_key BLOB NOT NULL DEFAULT x'';
ALTER TABLE peer ADD COLUMN previous_until INTEGER NOT NULL DEFAULT 0;
ALTER TABLE peer ADD COLUMN revoked TEXT NOT NULL DEFAULT '';
)sql";

// Tombstones of before stood for `expired` alone. Whether what was purged before had been acknowledged is not known.
constexpr const char* kVersion3 = R"sql(
ALTER TABLE outgoing ADD COLUMN dead INTEGER NOT NULL DEFAULT 0;
ALTER TABLE incoming ADD COLUMN losses INTEGER NOT NULL DEFAULT 0;
ALTER TABLE incoming ADD COLUMN dead INTEGER NOT NULL DEFAULT 0;
CREATE INDEX outgoing_dead ON outgoing (id) WHERE dead <> 0;
CREATE INDEX incoming_dead ON incoming (row) WHERE dead <> 0;
UPDATE incoming SET status = 'expired' WHERE stage = 'tombstone' AND status = '';
ALTER TABLE replay_mark ADD COLUMN forgotten INTEGER NOT NULL DEFAULT 0;
UPDATE replay_mark SET forgotten = id_time;
)sql";

// Over what decides whether, where and as what a turn runs (kTurnColumns in rows.h). Ended rows run nothing.
constexpr const char* kVersion4 = R"sql(
ALTER TABLE incoming ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0;
UPDATE incoming SET checksum = checksum(source_gateway, id, digest, source, target, op, session, expiry, received, sealed,
  session_key, stage, attempt, boot_id, losses) WHERE stage NOT IN ('ended', 'tombstone');
)sql";

constexpr const char* kVersion5 = R"sql(
ALTER TABLE outgoing ADD COLUMN child_session_key TEXT NOT NULL DEFAULT '';
ALTER TABLE outgoing ADD COLUMN deliver_late INTEGER NOT NULL DEFAULT 0;
CREATE INDEX outgoing_untold ON outgoing (id) WHERE deliver_late <> 0 AND status <> '';
)sql";

/// Step n brings a file from version n to n + 1. A step that was released is never changed.
constexpr std::array<const char*, kSchemaVersion> kSteps = {kVersion1, kVersion2, kVersion3, kVersion4, kVersion5};

}  // namespace

void migrate(Db& db, std::int64_t version, std::string_view incarnation) {
  db.run("BEGIN IMMEDIATE");
  for (auto step = static_cast<std::size_t>(version); step < kSteps.size(); ++step) db.run(kSteps[step]);
  if (version == 0) {
    Statement insert(db, "INSERT INTO bridge (one, incarnation, epoch) VALUES (1, ?1, 0)");
    insert.bind_text(1, incarnation);
    insert.run();
  }
  db.run(("PRAGMA application_id = " + std::to_string(kApplicationId)).c_str());
  db.run(("PRAGMA user_version = " + std::to_string(kSchemaVersion)).c_str());
  db.run("COMMIT");
}

}  // namespace clawbridge::store
