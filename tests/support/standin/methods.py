"""The methods a client may call, as both versions answer them."""

import asyncio
import json

import rows
from connection import Refused, invalid
from turns import TIMED_OUT, Run
from versions import HISTORY_ROWS_MAX, WAIT_TEXT_UNITS

READ, WRITE, ADMIN = "operator.read", "operator.write", "operator.admin"

AGENT_FIELDS = {"message", "agentId", "to", "replyTo", "sessionId", "sessionKey", "thinking", "deliver", "attachments", "channel",
                "replyChannel", "accountId", "replyAccountId", "threadId", "groupId", "groupChannel", "groupSpace", "timeout", "lane",
                "extraSystemPrompt", "inputProvenance", "idempotencyKey", "label", "bestEffortDeliver", "internalEvents"}
LIST_FIELDS = {"limit", "activeMinutes", "includeGlobal", "includeUnknown", "includeDerivedTitles", "includeLastMessage", "label", "spawnedBy",
               "agentId", "search"}
PROVENANCE_KINDS = {"external_user", "inter_session", "internal_system"}
OWNERLESS = "Pending input ownership ended; submit a new turn to continue"


class Methods:
    def __init__(self, gateway):
        self.gateway, self.version = gateway, gateway.version
        self.store, self.turns = gateway.store, gateway.turns
        patch = WRITE if self.version.keeps_keys else ADMIN
        self.table = {
            "agent": (WRITE, self.agent), "agent.wait": (WRITE, self.agent_wait), "agents.list": (READ, self.agents_list),
            "chat.abort": (WRITE, self.chat_abort), "chat.history": (READ, self.chat_history), "health": (READ, self.health),
            "sessions.get": (READ, self.sessions_get), "sessions.list": (READ, self.sessions_list),
            "sessions.patch": (patch, self.sessions_patch), "sessions.resolve": (READ, self.sessions_resolve),
            "status": (READ, self.health)}
        if self.version.keeps_keys:
            self.table["sessions.abort"] = (WRITE, self.sessions_abort)
            self.table["sessions.describe"] = (READ, self.sessions_describe)

    def names(self):
        return sorted(self.table)

    async def call(self, connection, id_, method, params):
        """Answers over the connection, once or twice; or raises Refused."""
        scope, handler = self.table.get(method, (ADMIN, None))
        held = set(connection.scopes)
        if ADMIN not in held and scope not in held and not (scope == READ and WRITE in held):
            details = {"code": "MISSING_SCOPE", "missingScope": scope, "requiredScopes": [scope]}
            raise (Refused("FORBIDDEN", f"missing scope: {scope}", details) if self.version.keeps_keys else invalid(f"missing scope: {scope}"))
        if handler is None:
            raise invalid(f"unknown method: {method}")
        if self.turns.draining:
            raise Refused("UNAVAILABLE", f"{method} unavailable during gateway restart", retryable=True, retryAfterMs=1000,
                          details={"method": method, "reason": "gateway-restarting", "phase": "accepting"})
        payload = await handler(connection, id_, params)
        if payload is not None:
            await connection.respond(id_, True, payload)

    # ---- turns ----

    async def agent(self, connection, id_, params):
        self._check_agent_params(params)
        if "model" in params and ADMIN not in connection.scopes:
            raise invalid("provider/model overrides are not authorized for this caller.")
        self._check_attachments(params.get("attachments", []))
        known = self.turns.find(params["idempotencyKey"])
        if known is not None:
            return await self._answer_known(connection, id_, known)
        agent, session = self._target(params)
        text = await self._command(connection, session, params["message"].strip(rows.BLANKS))
        key = params["idempotencyKey"]
        provenance = params.get("inputProvenance")
        request = {"key": key, "channel": (provenance or {}).get("sourceChannel", ""), "session": session, "text": text,
                   "label": params.get("label")}
        run = Run(id=key, agent=agent, session=session, session_id="", request=request, provenance=provenance,
                  input=text, system=params.get("extraSystemPrompt", ""), timeout=params.get("timeout", 0), thinking=params.get("thinking", ""))
        if self.version.keeps_keys and self._has_lost_owner(run):
            raise Refused("UNAVAILABLE", OWNERLESS)
        self.turns.accept(run)
        accepted = {"runId": key, "status": "accepted", "acceptedAt": run.accepted_at}
        if self.version.keeps_keys:
            accepted.update(sessionKey=session, agentId=agent)
        await connection.respond(id_, True, accepted)
        self.gateway.spawn(self._answer_when_ended(connection, id_, run))
        return None

    async def _answer_when_ended(self, connection, id_, run):
        await run.ended.wait()
        await connection.respond(id_, *run.final)

    async def _answer_known(self, connection, id_, run):
        if run.state == "ended":
            return await connection.respond(id_, *run.final)
        if self.version.keeps_keys:
            return await connection.respond(id_, True, {"runId": run.id, "status": "in_flight", "sessionKey": run.session, "agentId": run.agent})
        return await connection.respond(id_, True, {"runId": run.id, "status": "accepted", "acceptedAt": run.accepted_at})    # and no more

    def _has_lost_owner(self, run):
        """An earlier boot took the key and never began it: it is never run."""
        session = self.store.session(run.session)
        return session is not None and self.store.pending_with_run(session["session_id"], run.id) is not None

    def _check_agent_params(self, params):
        self._check_fields("agent", params, AGENT_FIELDS | ({"model", "provider"} if self.version.keeps_keys else {"spawnedBy", "workspaceDir"}))
        if len(params.get("label", "")) > self.version.label_chars:
            word = "not" if self.version.keeps_keys else "NOT"
            raise invalid(f"invalid agent params: at /label: must {word} have more than {self.version.label_chars} characters")
        for name in ("message", "idempotencyKey"):
            if not isinstance(params.get(name), str) or not params[name]:
                raise invalid(f"invalid agent params: must have required property '{name}'")
        timeout = params.get("timeout", 0)
        if not isinstance(timeout, int) or isinstance(timeout, bool) or timeout < 0:
            raise invalid("invalid agent params: at /timeout: must be integer")
        provenance = params.get("inputProvenance")
        if provenance is not None and (not isinstance(provenance, dict) or provenance.get("kind") not in PROVENANCE_KINDS):
            raise invalid("invalid agent params: at /inputProvenance/kind: must be equal to one of the allowed values")

    def _check_attachments(self, attachments):
        """The lab's model takes none: 2026.9.6 says so, 2026.3.8 leaves them out."""
        for each in attachments if self.version.keeps_keys else []:
            kind = each.get("mimeType", "application/octet-stream")
            reason = "active model does not accept image inputs" if kind.startswith("image/") else (
                f"non-image attachments ({kind}) are not supported on this entrypoint")
            raise invalid(f"UnsupportedAttachmentError: attachment {each.get('fileName')}: {reason}")

    def _target(self, params):
        """(agent, session key in full)"""
        agent, key, known = params.get("agentId", "").strip().lower(), params.get("sessionKey", "").strip(), self.gateway.options.agents
        if agent and agent not in known:
            raise invalid(f'invalid agent params: unknown agent id "{params["agentId"]}"')
        if not key:
            if not agent and self.version.keeps_keys and len(known) > 1:
                raise invalid("invalid agent params: no explicit owner: name an agentId or a sessionKey")
            agent = agent or known[0]
            return agent, f"agent:{agent}:main"
        session = self.full_key(key, agent or known[0])
        owner = session.split(":")[1]
        if not key.startswith("agent:") and not agent and self.version.keeps_keys and len(known) > 1:
            raise invalid(f'invalid agent params: session key "{key}" has no explicit owner')
        if agent and owner != agent:
            raise invalid(f'invalid agent params: session key "{key}" belongs to "{owner}", not "{agent}"' if self.version.keeps_keys else
                          f'invalid agent params: agent "{agent}" does not match session key agent "{owner}"')
        if owner not in known and self.version.keeps_keys:
            raise invalid(f'Agent "{owner}" no longer exists in configuration')
        return owner, session

    @staticmethod
    def full_key(key, agent):
        key = key.lower()
        return key if key.startswith("agent:") and key.count(":") >= 2 else f"agent:{agent}:{key}"

    async def _command(self, connection, session, text):
        """A text that begins with /new or /reset is a command: 2026.3.8 wipes the session, 2026.9.6 asks for an administrator."""
        word, _, rest = text.partition(" ")
        if word.lower() not in ("/new", "/reset"):
            return text
        if self.version.keeps_keys and ADMIN not in connection.scopes:
            raise Refused("FORBIDDEN", f"missing scope: {ADMIN}", {"code": "MISSING_SCOPE", "missingScope": ADMIN, "requiredScopes": [ADMIN]})
        if self.store.session(session) is not None:
            self.store.reset_session(session, rows.now_ms())
        return rest.strip() or "A new session was started via /new or /reset. Greet the user."

    async def agent_wait(self, connection, id_, params):
        run_id, patience = params.get("runId"), params.get("timeoutMs", 30_000)
        if not isinstance(run_id, str) or not run_id or set(params) - {"runId", "timeoutMs"}:
            raise invalid("invalid agent.wait params: must have required property 'runId'")
        self.gateway.spawn(self._wait(connection, id_, run_id, max(0, patience) / 1000))

    async def _wait(self, connection, id_, run_id, patience):
        run = self.turns.find(run_id)
        try:
            if run is None:
                await asyncio.sleep(patience)    # it may come yet
                run = self.turns.find(run_id)
            elif run.state != "ended":
                await asyncio.wait_for(run.ended.wait(), patience)
        except asyncio.TimeoutError:
            pass
        await connection.respond(id_, True, self._waited(run_id, run))

    def _waited(self, run_id, run):
        if run is None or run.state != "ended":
            return {"runId": run_id, "status": "timeout"}
        payload = {"runId": run_id, "status": {"ok": "ok", "silent": "ok", "timeout": "timeout"}.get(run.status, "error"), "endedAt": run.ended_at}
        if run.started_at:
            payload["startedAt"] = run.started_at
        if not self.version.keeps_keys:
            # A failed provider and a time limit are "ok" here too.
            return {**payload, "status": "ok"}
        if run.status == "aborted":
            payload["stopReason"] = "rpc"
        elif payload["status"] == "timeout":
            payload["error"] = TIMED_OUT
        elif payload["status"] != "ok":
            payload["error"] = (run.final[2] or {}).get("message") or run.final[1].get("summary", "")
        elif run.status == "silent":
            payload["terminalReply"] = {"disposition": "silent"}
        else:
            payload["terminalReply"] = {"disposition": "visible", "text": rows.first_units(run.reply, WAIT_TEXT_UNITS)}
        return payload

    async def chat_abort(self, connection, id_, params):
        session = self.full_key(params.get("sessionKey", ""), self.gateway.options.agents[0])
        if not self.version.keeps_keys:
            return {"ok": True, "aborted": False, "runIds": []}    # runs of method agent are not its business
        run = self.turns.find(params["runId"]) if params.get("runId") else self.turns.current(session)
        if run is not None and run.session != session:
            raise invalid("runId does not match sessionKey")
        aborted = run is not None and self.turns.stop_run(run)
        return {"ok": True, "aborted": aborted, "runIds": [run.id] if aborted else []}

    async def sessions_abort(self, connection, id_, params):
        session = self.full_key(params.get("key", ""), self.gateway.options.agents[0])
        run = self.turns.find(params["runId"]) if params.get("runId") else self.turns.current(session)
        aborted = run is not None and run.session == session and self.turns.stop_run(run)
        return {"ok": True, "abortedRunId": run.id if aborted else None, "status": "aborted" if aborted else "no-active-run"}

    # ---- what is there ----

    async def agents_list(self, connection, id_, params):
        agents = [{"id": agent} for agent in self.gateway.options.agents]
        payload = {"defaultId": agents[0]["id"], "mainKey": "main", "scope": "per-sender", "agents": agents}
        if self.version.keeps_keys:
            payload.update(ownership="explicit", selectionRequired=len(agents) > 1)
            for agent in agents:
                agent.update(workspaceGit=False, model={"primary": "mock/echo"}, thinkingDefault="off")
        return payload

    async def health(self, connection, id_, params):
        return {"ok": True, "ts": rows.now_ms(), "uptimeMs": self.gateway.uptime_ms()}

    def _session_row(self, session):
        row = {"key": session["key"], "kind": "direct", "sessionId": session["session_id"], "updatedAt": session["updated"], "modelProvider": "mock",
               "model": session["model"] or "echo"}
        if session["label"]:
            row.update(label=session["label"], displayName=session["label"])
        if self.version.keeps_keys:
            running, cut = self.turns.current(session["key"]), session["key"] in self.turns.to_begin_again
            row.update(agentId=session["agent"], lastRunId=session["last_run"], status="running" if running or cut else "done",
                       abortedLastRun=cut, hasActiveRun=running is not None, activeRunIds=[running.id] if running else [])
        return row

    async def sessions_list(self, connection, id_, params):
        self._check_fields("sessions.list", params, LIST_FIELDS | ({"offset"} if self.version.keeps_keys else set()))
        found = [session for session in self.store.sessions() if self._is_listed(session, params)]
        offset, limit = params.get("offset", 0), params.get("limit", 100 if self.version.keeps_keys else len(found))
        page = found[offset:offset + limit]
        payload = {"ts": rows.now_ms(), "path": "(multiple)", "count": len(page), "sessions": [self._session_row(session) for session in page]}
        if self.version.keeps_keys:
            has_more = offset + limit < len(found)
            payload.update(totalCount=len(found), limitApplied=limit, hasMore=has_more, nextOffset=offset + len(page) if has_more else None)
        return payload

    @staticmethod
    def _is_listed(session, params):
        needle = params.get("search", "").lower()
        oldest = rows.now_ms() - params["activeMinutes"] * 60_000 if "activeMinutes" in params else 0
        return (params.get("agentId") in (None, session["agent"]) and params.get("label") in (None, session["label"])
                and session["updated"] >= oldest and any(needle in text.lower() for text in (session["key"], session["label"] or "", session["session_id"])))

    @staticmethod
    def _check_fields(method, params, known):
        unexpected = sorted(set(params) - known)
        if unexpected:
            raise invalid(f"invalid {method} params: at root: unexpected property '{unexpected[0]}'")

    async def sessions_describe(self, connection, id_, params):
        session = self.store.session(self.full_key(params.get("key", ""), self.gateway.options.agents[0]))
        return {"session": self._session_row(session) if session else None}

    async def sessions_resolve(self, connection, id_, params):
        session, missing = None, "No session found"
        if params.get("label"):
            found = [each for each in self.store.sessions_with_label(params["label"]) if params.get("agentId") in (None, each["agent"])]
            if len(found) > 1:
                raise invalid(f"Multiple sessions found with label: {params['label']} ({', '.join(each['key'] for each in found)})")
            session, missing = (found or [None])[0], f"No session found with label: {params['label']}"
        elif params.get("sessionId"):
            session, missing = self.store.session_with_id(params["sessionId"]), f"No session found: {params['sessionId']}"
        elif params.get("key"):
            key = self.full_key(params["key"], self.gateway.options.agents[0])
            session, missing = self.store.session(key), f"No session found: {params['key']}"
        if session is None:
            if params.get("allowMissing") and self.version.keeps_keys:
                return {"ok": False}
            raise invalid(missing)
        return {"ok": True, "key": session["key"], **({"agentId": session["agent"]} if self.version.keeps_keys else {})}

    async def sessions_patch(self, connection, id_, params):
        key = self.full_key(params.get("key", ""), self.gateway.options.agents[0])
        if any(each["key"] != key for each in self.store.sessions_with_label(params.get("label"))):
            raise invalid(f"label already in use: {params['label']}")
        if self.store.session(key) is None:
            self.store.touch_session(key, key.split(":")[1], rows.now_ms())
        if "label" in params:
            self.store.set_label(key, params["label"])
        if "model" in params:
            self.store.set_model(key, params["model"])
        return {"ok": True, "key": key, "entry": self._session_row(self.store.session(key))}

    async def sessions_get(self, connection, id_, params):
        session = self.store.session(self.full_key(params.get("key", ""), self.gateway.options.agents[0]))
        kept = self.store.rows(session["session_id"], params.get("limit", 200)) if session else []
        return {"messages": rows.transcript(self.version, kept)}

    async def chat_history(self, connection, id_, params):
        self._check_fields("chat.history", params, {"sessionKey", "limit"} | ({"maxChars", "inputRunIds", "offset"} if self.version.keeps_keys else set()))
        if not isinstance(params.get("sessionKey"), str) or not params["sessionKey"]:
            raise invalid("invalid chat.history params: must have required property 'sessionKey'")
        key = self.full_key(params["sessionKey"], self.gateway.options.agents[0])
        session = self.store.session(key)
        session_id = session["session_id"] if session else None
        limit, offset = min(params.get("limit", 200), HISTORY_ROWS_MAX), params.get("offset", 0)
        kept = self.store.rows(session_id, limit + offset)[:-offset or None] if session else []
        payload = {"sessionKey": params["sessionKey"], "thinkingLevel": "off",
                   "messages": rows.history(self.version, kept, params.get("maxChars", self.version.history_chars))}
        if session_id:
            payload["sessionId"] = session_id
        if self.version.keeps_keys:
            self._add_run_state(payload, params, key, session)
            total = payload["totalMessages"]
            payload["hasMore"] = offset + len(kept) < total
            if "offset" in params:
                payload.update(offset=offset, **({"nextOffset": offset + len(kept)} if payload["hasMore"] else {}))
        return payload

    def _add_run_state(self, payload, params, key, session):
        items, total = self.store.pending_inputs(session["session_id"], self.gateway.boot, 20) if session else ([], 0)
        payload["pendingInputs"] = {"total": total, "items": [
            {"id": item["input_id"], "acceptedAt": item["accepted"], "state": item["state"], "runId": item["run_id"],
             "message": rows.pending_message(item, json.loads(item["message"]))} for item in items]}
        if "inputRunIds" in params:
            found = [self.store.pending_with_run(session["session_id"], run_id) if session else None for run_id in params["inputRunIds"]]
            payload["inputReceipts"] = [{"runId": item["run_id"], "state": "pending"} for item in found if item is not None]
            payload["inputConsumptions"] = []
        total_rows = self.store.row_count(session["session_id"]) if session else 0
        payload["totalMessages"] = total_rows
        if session:
            payload["sessionInfo"] = self._session_row(session)
        running = self.turns.current(key)
        if running is not None:
            payload["inFlightRun"] = {"runId": running.id, "startedAt": running.started_at, "text": ""}
