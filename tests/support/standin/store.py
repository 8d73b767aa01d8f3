"""What the stand-in keeps on disk: sessions, their rows, pending inputs, and its own list of turns.

SQLite without syncing: a commit survives the process's death, which is all a kill tests, and costs tens of microseconds.
The tables `sessions`, `rows` and `pending` are what the real gateways keep; `turns` is for the record only and never
shown to a client.
"""

import json
import sqlite3
import uuid

SCHEMA = """
CREATE TABLE IF NOT EXISTS sessions(key TEXT PRIMARY KEY, session_id TEXT NOT NULL, agent TEXT NOT NULL, label TEXT,
  created INTEGER NOT NULL, updated INTEGER NOT NULL, last_run TEXT, model TEXT);
CREATE TABLE IF NOT EXISTS rows(session_id TEXT NOT NULL, n INTEGER NOT NULL, key TEXT, body TEXT NOT NULL, PRIMARY KEY(session_id, n))
  WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS rows_by_key ON rows(key) WHERE key IS NOT NULL;
CREATE TABLE IF NOT EXISTS pending(seq INTEGER PRIMARY KEY, input_id TEXT NOT NULL, session_id TEXT NOT NULL, run_id TEXT NOT NULL,
  message TEXT NOT NULL, boot TEXT NOT NULL, state TEXT NOT NULL, accepted INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS pending_by_run ON pending(run_id);
CREATE TABLE IF NOT EXISTS turns(seq INTEGER PRIMARY KEY, run_id TEXT NOT NULL, request TEXT NOT NULL, state TEXT NOT NULL,
  status TEXT, reply TEXT, attempts INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS turns_by_state ON turns(state) WHERE state = 'running';
"""


class Store:
    def __init__(self, path):
        self.db = sqlite3.connect(path, isolation_level=None)
        self.db.row_factory = sqlite3.Row
        self.db.execute("PRAGMA journal_mode=WAL")
        self.db.execute("PRAGMA synchronous=OFF")
        self.db.executescript(SCHEMA)

    def commit(self):
        """One transaction: `with store.commit(): …`. Never left open over an await."""
        return _Transaction(self.db)

    # ---- sessions ----

    def session(self, key):
        return self.db.execute("SELECT * FROM sessions WHERE key = ?", (key,)).fetchone()

    def sessions(self):
        return self.db.execute("SELECT * FROM sessions ORDER BY updated DESC, key").fetchall()

    def sessions_with_label(self, label):
        return self.db.execute("SELECT * FROM sessions WHERE label = ? ORDER BY key", (label,)).fetchall()

    def session_with_id(self, session_id):
        return self.db.execute("SELECT * FROM sessions WHERE session_id = ?", (session_id,)).fetchone()

    def touch_session(self, key, agent, now, label=None):
        """The session, made if there is none; its id."""
        self.db.execute("INSERT INTO sessions VALUES(?, ?, ?, ?, ?, ?, NULL, NULL) ON CONFLICT(key) DO UPDATE SET "
                        "updated = excluded.updated, label = coalesce(excluded.label, label)",
                        (key, str(uuid.uuid4()), agent, label, now, now))
        return self.session(key)["session_id"]

    def set_label(self, key, label):
        self.db.execute("UPDATE sessions SET label = ? WHERE key = ?", (label, key))

    def set_model(self, key, model):
        self.db.execute("UPDATE sessions SET model = ? WHERE key = ?", (model, key))

    def set_last_run(self, key, run_id, now):
        self.db.execute("UPDATE sessions SET last_run = ?, updated = ? WHERE key = ?", (run_id, now, key))

    def reset_session(self, key, now):
        self.db.execute("UPDATE sessions SET session_id = ?, updated = ? WHERE key = ?", (str(uuid.uuid4()), now, key))
        return self.session(key)["session_id"]

    # ---- rows ----

    def append_row(self, session_id, body):
        """Its number within the session, from 1."""
        n = self.row_count(session_id) + 1
        self.db.execute("INSERT INTO rows VALUES(?, ?, ?, ?)", (session_id, n, body.get("key") or None, json.dumps(body, ensure_ascii=False)))
        return n

    def remove_row_with_key(self, session_id, key):
        self.db.execute("DELETE FROM rows WHERE key = ? AND session_id = ?", (key, session_id))

    def has_row_with_key(self, session_id, key):
        return self.db.execute("SELECT 1 FROM rows WHERE key = ? AND session_id = ?", (key, session_id)).fetchone() is not None

    def row_count(self, session_id):
        return self.db.execute("SELECT coalesce(max(n), 0) FROM rows WHERE session_id = ?", (session_id,)).fetchone()[0]

    def rows(self, session_id, limit):
        """The last `limit` rows, oldest first, as (number, row)."""
        found = self.db.execute("SELECT n, body FROM rows WHERE session_id = ? ORDER BY n DESC LIMIT ?", (session_id, limit)).fetchall()
        return [(n, json.loads(body)) for n, body in reversed(found)]

    # ---- pending inputs ----

    def add_pending(self, session_id, run_id, message, boot, now):
        self.db.execute("INSERT INTO pending(input_id, session_id, run_id, message, boot, state, accepted) VALUES(?, ?, ?, ?, ?, 'queued', ?)",
                        (str(uuid.uuid4()), session_id, run_id, json.dumps(message, ensure_ascii=False), boot, now))

    def pending_with_run(self, session_id, run_id):
        return self.db.execute("SELECT * FROM pending WHERE run_id = ? AND session_id = ?", (run_id, session_id)).fetchone()

    def pending_inputs(self, session_id, boot, limit):
        """The newest `limit`, oldest first, and how many there are. What an earlier boot had queued has lost its owner."""
        self.db.execute("UPDATE pending SET state = 'interrupted' WHERE session_id = ? AND boot != ? AND state = 'queued'", (session_id, boot))
        found = self.db.execute("SELECT * FROM pending WHERE session_id = ? ORDER BY seq DESC", (session_id,)).fetchall()
        return list(reversed(found[:limit])), len(found)

    def consume_pending(self, session_id, run_id):
        self.db.execute("DELETE FROM pending WHERE run_id = ? AND session_id = ?", (run_id, session_id))

    def set_pending_state(self, session_id, run_id, state):
        self.db.execute("UPDATE pending SET state = ? WHERE run_id = ? AND session_id = ?", (state, run_id, session_id))

    # ---- turns ----

    def add_turn(self, run_id, request, attempts):
        self.db.execute("INSERT INTO turns(run_id, request, state, attempts) VALUES(?, ?, 'running', ?)",
                        (run_id, json.dumps(request, ensure_ascii=False), attempts))

    def end_turn(self, run_id, status, reply):
        self.db.execute("UPDATE turns SET state = 'ended', status = ?, reply = ? WHERE run_id = ? AND state = 'running'", (status, reply, run_id))

    def cut_turn(self, seq):
        self.db.execute("UPDATE turns SET state = 'cut' WHERE seq = ?", (seq,))

    def running_turns(self):
        return self.db.execute("SELECT * FROM turns WHERE state = 'running' ORDER BY seq").fetchall()

    def last_turns(self, limit):
        return self.db.execute("SELECT * FROM (SELECT * FROM turns ORDER BY seq DESC LIMIT ?) ORDER BY seq", (limit,)).fetchall()


class _Transaction:
    def __init__(self, db):
        self.db = db

    def __enter__(self):
        self.db.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind, *_):
        self.db.execute("COMMIT" if kind is None else "ROLLBACK")
