-- A journal of format 1, as sqlite3 dumps it: the tables that releases with that format made, and rows of every kind.
PRAGMA application_id = 1668047223;
PRAGMA user_version = 1;
BEGIN TRANSACTION;
CREATE TABLE bridge (
  one          INTEGER PRIMARY KEY CHECK (one = 1),
  incarnation  TEXT NOT NULL,
  epoch        INTEGER NOT NULL
) STRICT;
INSERT INTO "bridge" VALUES(1,'cbba91f9f22a199a4ed489fca47b7434',7);
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
INSERT INTO "incoming" VALUES(1,'imac','01M820Y00000000000000000A1',X'0101010101010101010101010101010101010101010101010101010101010101','imac/main','macbook/main','sessions_send','','',1790086400001,1790000000001,'stored',0,'','','','stored=1790000000001',0,0,NULL,X'7B2272657175657374223A317D',NULL);
INSERT INTO "incoming" VALUES(2,'imac','01M820Y00000000000000000A2',X'0202020202020202020202020202020202020202020202020202020202020202','imac/main','macbook/main','sessions_send','','agent:main:main',1790086400002,1790000000002,'queued',0,'','','','stored=1790000000002',0,0,X'7B2272656365697074223A327D',X'7B2272657175657374223A327D',NULL);
INSERT INTO "incoming" VALUES(3,'studio','01M820Y00000000000000000A3',X'0303030303030303030303030303030303030303030303030303030303030303','studio/main','macbook/main','sessions_send','','agent:main:main',1790086400003,1790000000003,'started',2,'boot-7','run-9','','stored=1790000000003',0,0,NULL,X'7B2272657175657374223A337D',NULL);
INSERT INTO "incoming" VALUES(4,'studio','01M820Y00000000000000000A4',X'0404040404040404040404040404040404040404040404040404040404040404','studio/main','macbook/main','sessions_send','','',1790086400004,1790000000004,'ended',0,'','','ok','stored=1790000000004',1790000004000,1,NULL,X'7B2272657175657374223A347D',X'7B227265706C79223A347D');
INSERT INTO "incoming" VALUES(5,'studio','01M820Y00000000000000000A5',X'0505050505050505050505050505050505050505050505050505050505050505','studio/main','macbook/main','sessions_send','','',1790086400005,1790000000005,'tombstone',0,'','','','stored=1790000000005',1790000005000,0,NULL,NULL,NULL);
CREATE TABLE large (
  id     INTEGER PRIMARY KEY,
  bytes  BLOB NOT NULL
) STRICT;
INSERT INTO "large" VALUES(32,CAST(replace(hex(zeroblob(10000)), '0', 'L') AS BLOB));
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
INSERT INTO "outgoing" VALUES(1,'01M820Y0000000000000000001','macbook/main','imac/jarvis','sessions_send','',1790000000001,1790086400001,'3f0c19aa0b7e5d2188e107c3b6f29d04',1,'queued','','','accepted=1790000000001 published=1790000000004 queued=1790000000011','',NULL,NULL,NULL,0,X'7B2272657175657374223A317D',NULL);
INSERT INTO "outgoing" VALUES(2,'01M820Y0000000000000000002','macbook/main','imac/jarvis','sessions_send','',1790000000002,1790086400002,'3f0c19aa0b7e5d2188e107c3b6f29d04',1,'ended','','','accepted=1790000000002 published=1790000000005 queued=1790000000012','ok',NULL,NULL,NULL,1790000005000,X'7B2272657175657374223A327D',X'7B227265706C79223A327D');
INSERT INTO "outgoing" VALUES(3,'01M820Y0000000000000000003','macbook/main','imac/jarvis','sessions_send','',1790000000003,1790086400003,'3f0c19aa0b7e5d2188e107c3b6f29d04',1,'ended','','','accepted=1790000000003 published=1790000000006 queued=1790000000013','error','forbidden','no rule allows it',0,1790000006000,X'7B2272657175657374223A337D',NULL);
INSERT INTO "outgoing" VALUES(4,'01M820Y0000000000000000004','macbook/main','imac/jarvis','sessions_send','label:photos',1790000000004,1790086400004,'3f0c19aa0b7e5d2188e107c3b6f29d04',1,'queued','gateway_down','','accepted=1790000000004 published=1790000000007 queued=1790000000014','',NULL,NULL,NULL,0,NULL,NULL);
INSERT INTO "outgoing" VALUES(5,'01M820Y0000000000000000005','macbook/main','imac/jarvis','sessions_send','',1790000000005,1790086400005,'3f0c19aa0b7e5d2188e107c3b6f29d04',1,'ended','','','accepted=1790000000005 published=1790000000008 queued=1790000000015','unknown',NULL,NULL,NULL,1790000007000,X'7B2272657175657374223A357D',NULL);
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
INSERT INTO "peer" VALUES('imac','joined',X'0101010101010101010101010101010101010101010101010101010101010101',X'0202020202020202020202020202020202020202020202020202020202020202','3f0c19aa0b7e5d2188e107c3b6f29d04',3,4,X'7B227374617465223A317D',1790000000500);
CREATE TABLE replay_mark (
  gateway  TEXT PRIMARY KEY,
  id_time  INTEGER NOT NULL,
  expiry   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "replay_mark" VALUES('imac',1789990000000,1790000000000);
CREATE INDEX outgoing_open ON outgoing (id) WHERE status = '';
CREATE INDEX incoming_open ON incoming (row) WHERE stage NOT IN ('ended', 'tombstone');
CREATE INDEX incoming_expiry ON incoming (expiry);
COMMIT;
