"""Runs turns: one after the other within a session, several sessions at once, each turn on disk before it is told.

    accepted ──the session is free, a slot is free──▶ preparing ──its row is on disk──▶ running ──▶ ended
        └──aborted, drained──▶ ended without having run

What a death in between leaves: 2026.9.6 an `interrupted` pending input up to the moment the row is on disk, and from
then on a turn that the next boot begins again; 2026.3.8 nothing before the row, and for a session's first turn nothing
before its answer.
"""

import asyncio
import collections
import dataclasses
import json
import time
import typing
import uuid

import model
import rows
from versions import DEDUPE_ENTRIES_MAX, DEDUPE_SECONDS

DRAINING = "Gateway is draining; new tasks are not accepted"
STOPPED_EARLY = "admitted run authority is no longer active"    # a turn that is aborted while it is being prepared
TIMED_OUT = ("Request timed out before a response was generated. Please try again, or increase `agents.defaults.timeoutSeconds` in "
             "your config.")


@dataclasses.dataclass(eq=False)
class Run:
    """One turn asked for. `request` is what the record names it by: key, channel, session, text, recovers."""
    id: str
    agent: str
    session: str
    session_id: str
    request: dict
    provenance: typing.Optional[dict]
    input: str = ""            # what the session gets to read
    system: str = ""
    timeout: float = 0
    thinking: str = ""
    attempts: int = 0
    accepted_at: int = dataclasses.field(default_factory=rows.now_ms)
    state: str = "queued"      # queued, running, ended
    started_at: int = 0
    ended_at: int = 0
    abort: bool = False        # asked for
    task: typing.Optional[asyncio.Task] = None
    final: typing.Any = None   # (ok, payload, error) of the second response
    status: str = ""           # ok, silent, error, timeout, aborted
    reply: str = ""
    ended: asyncio.Event = dataclasses.field(default_factory=asyncio.Event)


class Turns:
    def __init__(self, version, options, store, record, boot, broadcast):
        self.version, self.options = version, options
        self.store, self.record, self.boot = store, record, boot
        self.broadcast = broadcast
        self.draining = False
        self.known = collections.OrderedDict()    # key -> Run: the idempotency cache, in memory only
        self.open = {}                            # run id -> Run
        self.lanes = collections.defaultdict(collections.deque)    # session -> its runs, the first one under way
        self.slots = asyncio.Semaphore(version.parallel_sessions)
        self.tasks = set()
        self.to_begin_again = set()               # sessions whose turn the last death cut

    # ---- asked for ----

    def find(self, key):
        """The run that this process knows for a key; forgotten as the real ones forget."""
        oldest = time.time() * 1000 - DEDUPE_SECONDS * 1000
        while self.known:
            first = next(iter(self.known.values()))
            ended_long_ago = first.state == "ended" and first.ended_at < oldest
            if not ended_long_ago and len(self.known) <= DEDUPE_ENTRIES_MAX:
                break
            del self.known[first.id]
        return self.known.get(key)

    def accept(self, run):
        """Queues the run; what the version keeps of it is on disk when this returns."""
        with self.store.commit():
            run.session_id = self.store.touch_session(run.session, run.agent, run.accepted_at, run.request.get("label"))
            if self.version.keeps_keys:
                self.store.add_pending(run.session_id, run.id, {"text": run.input, "provenance": run.provenance}, self.boot, run.accepted_at)
        self.known[run.id] = run
        self.open[run.id] = run
        lane = self.lanes[run.session]
        lane.append(run)
        if len(lane) == 1:
            self._begin(run)

    def current(self, session):
        lane = self.lanes.get(session)
        return lane[0] if lane and lane[0].state == "running" else None

    def stop_run(self, run):
        """2026.9.6's abort. False when it has ended."""
        if run.state == "ended":
            return False
        run.abort = True
        if run.state == "running":
            run.task.cancel()
        else:
            self.store.set_pending_state(run.session_id, run.id, "cancelled")    # its end is told when its turn comes
        return True

    # ---- under way ----

    def _begin(self, run):
        run.task = asyncio.create_task(self._carry_out(run))
        self.tasks.add(run.task)
        run.task.add_done_callback(self.tasks.discard)

    async def _carry_out(self, run):
        try:
            async with self.slots:
                await self._turn(run)
        except asyncio.CancelledError:
            self._end_aborted(run)
        finally:
            lane = self.lanes[run.session]
            lane.popleft()
            if lane:
                self._begin(lane[0])
            else:
                del self.lanes[run.session]

    async def _turn(self, run):
        if self.draining:
            return self._settle(run, "drained", "", (False, {"runId": run.id, "status": "error", "summary": DRAINING},
                                                     {"code": "UNAVAILABLE", "message": DRAINING}))
        await asyncio.sleep(self.options.prepare / 1000)
        if run.abort:
            return self._settle(run, "aborted", "", (False, {"runId": run.id, "status": "error", "summary": STOPPED_EARLY},
                                                     {"code": "UNAVAILABLE", "message": STOPPED_EARLY}))
        if run.thinking and run.thinking not in self.version.thinking:
            return self._end_unthinkable(run)
        if run.session in self.to_begin_again and not run.request.get("recovers"):
            return self._end_overtaken(run)
        if self.version.keeps_keys and self.store.has_row_with_key(run.session_id, f"{run.id}:user"):
            return self._end_used(run)
        shown_late = self._start(run)
        shown = [shown_late] if shown_late else [row for _, row in self.store.rows(run.session_id, 20)]
        seen = rows.messages(self.version, shown)
        try:
            answer = await asyncio.wait_for(self._ask_model(run, seen), run.timeout or None)
        except asyncio.TimeoutError:
            return self._end_timed_out(run, shown_late)
        self._end_answered(run, answer, shown_late)

    def _start(self, run):
        """Puts the input on disk. Returns it instead where the version keeps a session's first turn in memory."""
        run.state, run.started_at = "running", rows.now_ms()
        late = None
        with self.store.commit():
            row = rows.input_row(run.input, run.started_at, f"{run.id}:user" if self.version.keeps_keys else "", run.provenance)
            if self.version.keeps_keys or self.store.row_count(run.session_id) > 0:
                self.store.append_row(run.session_id, row)
                self.store.consume_pending(run.session_id, run.id)
            else:
                late = row
            self.store.add_turn(run.id, run.request, run.attempts)
        self.record.start(run.id, run.request)
        self._tell(run, "agent", {"stream": "lifecycle", "data": {"phase": "start", "startedAt": run.started_at}})
        return late

    async def _ask_model(self, run, seen):
        for tries in range(self.version.retries + 1):
            answer = await model.answer(seen, run.system, self.options.delay / 1000, lambda text, delta: self._tell_progress(run, text, delta))
            if answer.failure < 500 or tries == self.version.retries:
                return answer
            if not self.version.keeps_keys:    # shows every try
                with self.store.commit():
                    self.store.append_row(run.session_id, rows.answer_row("", run.id, "error", f"{answer.failure} mock failure"))
            await asyncio.sleep(self.options.retry / 1000)
        raise AssertionError("the loop returns")

    # ---- ends ----

    def _end_answered(self, run, answer, late):
        ended = [late] if late else []
        if answer.failure:
            return self._end_failed(run, answer.failure, ended)
        if answer.tool:
            ended += [rows.tool_call_row(run.id, answer.tool), rows.tool_result_row(answer.tool, answer.text.removeprefix("tool: "))]
        silent = answer.text.strip() == "NO_REPLY"
        ended.append(rows.answer_row(answer.text, run.id, "stop", hidden=silent))
        meta = {**self._meta(run), "aborted": False, "stopReason": "stop"}
        if self.version.keeps_keys:
            meta.update(finalAssistantVisibleText=answer.text, finalAssistantRawText=answer.text, replayInvalid=False, livenessState="working")
            if silent:
                meta["terminalReplyKind"] = "silent-empty"
        payloads = [] if silent else [{"text": answer.text, "mediaUrl": None}]
        self._finish(run, ended, "silent" if silent else "ok", "" if silent else answer.text, self._completed(run, payloads, meta))

    def _end_failed(self, run, status, ended):
        if not self.version.keeps_keys:
            text = f"{status} mock failure"
            ended.append(rows.answer_row("", run.id, "error", text))
            final = self._completed(run, [{"text": text, "mediaUrl": None}], {**self._meta(run), "aborted": False, "stopReason": "error"})
            return self._finish(run, ended, "error", text, final)
        if status >= 500:
            reason = f"provider internal error, HTTP {status}). This is usually temporary — try again shortly."
            shown, text = f"⚠️ LLM request failed ({reason}", f"⚠️ mock/echo request failed ({reason}"
        else:
            shown, text = (f"⚠️ LLM request failed (request format rejected, HTTP {status}).",
                           "LLM request failed: provider rejected the request schema or tool payload.")
        ended.append(rows.answer_row(shown, run.id, "error", key=f"{run.id}:terminal-error"))
        final = (False, {"runId": run.id, "status": "error", "summary": text}, {"code": "UNAVAILABLE", "message": text})
        self._finish(run, ended, "error", text, final)

    def _end_timed_out(self, run, late):
        ended = [late] if late else []
        if self.version.keeps_keys:
            ended.append(rows.answer_row("", run.id, "aborted", "request timed out"))
            meta = {**self._meta(run), "modelFallbackStopReason": "agent_run_terminal_timeout", "aborted": False, "replayInvalid": True,
                    "livenessState": "paused", "timeoutPhase": "provider", "providerStarted": True,
                    "error": {"kind": "incomplete_turn", "message": TIMED_OUT, "fallbackSafe": False}}
            ok, payload, error = self._completed(run, [{"text": TIMED_OUT, "isError": True, "mediaUrl": None}], meta)
            payload.update(status="timeout", summary="aborted", timeoutPhase="provider", providerStarted=True)
            return self._finish(run, ended, "timeout", "", (ok, payload, error))
        stale = next((row for _, row in reversed(self.store.rows(run.session_id, 20)) if row["kind"] == "answer"), None)
        text = (stale["text"] or stale["error"]) if stale else TIMED_OUT
        ended.append(rows.answer_row("", run.id, "aborted", "Request was aborted."))
        self._finish(run, ended, "timeout", "", self._completed(run, [{"text": text, "mediaUrl": None}], {**self._meta(run), "aborted": True}))

    def _end_aborted(self, run):
        """2026.9.6 takes the input of an aborted turn out of the history."""
        with self.store.commit():
            self.store.remove_row_with_key(run.session_id, f"{run.id}:user")
        self._finish(run, [], "aborted", "", self._aborted(run))

    @staticmethod
    def _aborted(run):
        return True, {"runId": run.id, "status": "timeout", "summary": "aborted", "stopReason": "rpc"}, None

    def _end_unthinkable(self, run):
        """Both versions accept the turn first."""
        message = f"Invalid thinking level. Use one of: {', '.join(self.version.thinking)}."
        if not self.version.keeps_keys:
            message = "Error: " + message
        self.store.consume_pending(run.session_id, run.id)
        self._settle(run, "error", "", (False, {"runId": run.id, "status": "error", "summary": message}, {"code": "UNAVAILABLE", "message": message}))

    def _end_overtaken(self, run):
        """The session's cut turn is to begin again first."""
        message = f'Session "{run.session}" changed while starting work. Retry. | SESSION_WORK_START_CHANGED'
        self.store.set_pending_state(run.session_id, run.id, "interrupted")
        self._settle(run, "error", "", (False, {"runId": run.id, "status": "error", "summary": message}, {"code": "UNAVAILABLE", "message": message}))

    def _end_used(self, run):
        """A key that an earlier boot has run: it fails, and leaves a row that nobody asked for."""
        failure = {"text": "⚠️ Agent run failed (model: mock/echo).", "isError": True, "mediaUrl": None}
        meta = {**self._meta(run), "aborted": False, "replayInvalid": True, "livenessState": "abandoned"}
        ok, payload, error = self._completed(run, [failure], meta)
        payload.update(status="error", summary="failed")
        with self.store.commit():
            self.store.append_row(run.session_id, rows.answer_row(rows.JUNK, run.id, "error", key=f"{run.id}:terminal-error"))
            self.store.consume_pending(run.session_id, run.id)
        self._settle(run, "error", "", (ok, payload, error))

    def _finish(self, run, ended_rows, status, reply, final):
        with self.store.commit():
            for row in ended_rows:
                self.store.append_row(run.session_id, row)
            self.store.end_turn(run.id, status, reply)
            self.store.set_last_run(run.session, run.id, rows.now_ms())
        self.record.end(run.id, run.request, status, reply)
        self._settle(run, status, reply, final)
        self._tell(run, "agent", {"stream": "lifecycle", "data": {"phase": "end", "endedAt": run.ended_at}})
        self._tell(run, "chat", {"state": "final", "message": {"role": "assistant", "content": [{"type": "text", "text": reply}]}})

    def _settle(self, run, status, reply, final):
        run.state, run.ended_at = "ended", rows.now_ms()
        run.status, run.reply, run.final = status, reply, final
        self.open.pop(run.id, None)
        run.ended.set()

    # ---- begun again ----

    async def begin_again(self, cut):
        """2026.9.6: the turns that the death of the process before cut are begun again, under new run ids, one at a time."""
        self.to_begin_again = {json.loads(turn["request"])["session"] for turn in cut}
        await asyncio.sleep(self.options.recovery_delay / 1000)
        for turn in cut:
            request = json.loads(turn["request"])
            self.to_begin_again.discard(request["session"])
            with self.store.commit():
                self.store.cut_turn(turn["seq"])
            session = self.store.session(request["session"])
            if turn["attempts"] >= self.version.recovery_attempts or session is None:
                continue
            again = {**request, "recovers": request["key"]}
            run = Run(id=str(uuid.uuid4()), agent=session["agent"], session=request["session"], session_id=session["session_id"],
                      request=again, input=rows.RECOVERY_NOTICE, provenance=rows.recovery_provenance(request["session"]),
                      attempts=turn["attempts"] + 1)
            self.accept(run)
            await run.ended.wait()

    async def drain(self):
        """2026.9.6 when it is told to stop: what runs may end, nothing new begins."""
        self.draining = True
        while self.tasks:
            await asyncio.wait(self.tasks)

    # ---- shapes ----

    def _meta(self, run):
        return {"durationMs": rows.now_ms() - (run.started_at or run.accepted_at), "agentMeta": {"sessionId": run.session_id, "provider": "mock", "model": "echo"}}

    def _completed(self, run, payloads, meta):
        payload = {"runId": run.id, "status": "ok", "summary": "completed", "result": {"payloads": payloads, "meta": meta}}
        if self.version.keeps_keys:
            payload["result"]["sourceReplyDeliveryState"] = "missing"
        return True, payload, None

    def _tell_progress(self, run, text, delta):
        self.broadcast("agent", {"runId": run.id, "stream": "assistant", "data": {"text": text, "delta": delta}, "sessionKey": run.session,
                                 "agentId": run.agent, "ts": rows.now_ms()})

    def _tell(self, run, event, payload):
        self.broadcast(event, {"runId": run.id, "sessionKey": run.session, "agentId": run.agent, "ts": rows.now_ms(), **payload})
