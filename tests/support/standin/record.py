"""The record of every turn: one JSON line each for its start and its end, written before a reply leaves.

    {"event":"boot","time":…,"version":…,"pid":…,"boot":…}
    {"event":"start","time":…,"run":…,"key":…,"channel":…,"session":…,"text":…,"recovers":…}
    {"event":"end","time":…,"run":…,"key":…,"channel":…,"session":…,"status":"ok|silent|error|timeout|aborted","reply":…}
    {"event":"cut","time":…,"run":…,"key":…,"channel":…,"session":…}

`key` is the idempotency key; `run` differs from it only where the gateway began a turn again after a crash, and then
`recovers` is the key of that turn. `channel` is the provenance's sourceChannel. `cut`, written at the next start, says
that the turn was under way when the process died. The database is committed first and the line follows, so a kill in
between leaves a line out: the next start adds it, from the list of turns.
"""

import json
import os
import time

LINES_LOOKED_AT = 200     # at a start; far more than can have been under way at once
TAIL_BYTES = 1024 * 1024


class Record:
    def __init__(self, path):
        self.file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        self._drop_torn_line()

    def write(self, event, **fields):
        line = json.dumps({"event": event, "time": int(time.time() * 1000), **fields}, ensure_ascii=False)
        os.write(self.file, line.encode("utf-8", "replace") + b"\n")

    def start(self, run_id, request):
        self.write("start", run=run_id, **_naming(request), text=request["text"], recovers=request.get("recovers"))

    def end(self, run_id, request, status, reply):
        self.write("end", run=run_id, **_naming(request), status=status, reply=reply)

    def complete(self, store):
        """Adds what the death of the process before this one left out, and says which turns it cut; returns those."""
        seen = set()
        for line in self._tail().splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                continue    # the first line of the tail may be half a line
            seen.add((entry.get("event"), entry.get("run")))
        cut = store.running_turns()
        for turn in store.last_turns(LINES_LOOKED_AT):
            request = json.loads(turn["request"])
            if ("start", turn["run_id"]) not in seen:
                self.start(turn["run_id"], request)
            if turn["state"] == "ended" and ("end", turn["run_id"]) not in seen:
                self.end(turn["run_id"], request, turn["status"], turn["reply"])
        for turn in cut:
            self.write("cut", run=turn["run_id"], **_naming(json.loads(turn["request"])))
        return cut

    def _tail(self):
        size = os.fstat(self.file).st_size
        return os.pread(self.file, TAIL_BYTES, max(0, size - TAIL_BYTES)).decode("utf-8", "replace")

    def _drop_torn_line(self):
        """A kill in the middle of a long write leaves half a line."""
        size = os.fstat(self.file).st_size
        while size > 0 and os.pread(self.file, 1, size - 1) != b"\n":
            start = max(0, size - 65536)
            newline = os.pread(self.file, size - start, start).rfind(b"\n")
            size = start + newline + 1 if newline >= 0 else start
        os.ftruncate(self.file, size)


def _naming(request):
    return {"key": request["key"], "channel": request["channel"], "session": request["session"]}
