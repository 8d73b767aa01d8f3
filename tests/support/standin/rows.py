"""Rows of a session: how they are kept, and how each version shows them in chat.history and sessions.get.

A kept row is {"kind": "input" | "answer" | "tool", "id", "at", "recorded", "text", …}; see the functions that make them.
"""

import time
import uuid

from versions import HISTORY_BYTES_MAX, ROW_BYTES_MAX

OMITTED = "[chat.history omitted: message too large]"
CUT_MARK = "\n...(truncated)..."
RECOVERY_NOTICE = (
    "[System] Your previous turn was interrupted by a gateway restart while OpenClaw was waiting on tool/model work. The restart did "
    "not cancel the user's task. Continue from the existing transcript: check the current state, recover interrupted work, and finish "
    "the task without asking the user to repeat the request.")
# What JavaScript's trim() takes away.
BLANKS = "\t\n\v\f\r \xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
UNANSWERED = "[Queued user message from a previous active turn; preserved as context only. Continue with the active prompt below.]"
JUNK = "The agent run failed before producing a reply."


def now_ms():
    return int(time.time() * 1000)


def _row(kind, text, at, **more):
    return {"kind": kind, "id": str(uuid.uuid4()), "at": at, "recorded": now_ms(), "text": text, **more}


def input_row(text, at, key, provenance):
    return _row("input", text, at, key=key, provenance=provenance)


def recovery_provenance(session):
    return {"kind": "internal_system", "sourceSessionKey": session, "sourceTool": "main_session_restart_recovery"}


def answer_row(text, run_id, stop, error="", key="", hidden=False):
    return _row("answer", text, now_ms(), run=run_id, stop=stop, error=error, key=key, hidden=hidden)


def tool_call_row(run_id, tool):
    return _row("answer", "", now_ms(), run=run_id, stop="toolUse", error="", key="", hidden=False, tool=tool)


def tool_result_row(tool, text):
    return _row("tool", text, now_ms(), tool=tool)


def is_input(row):
    return row["kind"] == "input"


def first_units(text, units, halves=False):
    """The first `units` UTF-16 code units; with `halves` even half a character, as 2026.3.8 does."""
    return text.encode("utf-16-le", "surrogatepass")[:2 * units].decode("utf-16-le", "surrogatepass" if halves else "ignore")


def stamp(at):
    """What 2026.3.8 puts in front of every stored user text, and 2026.9.6 in front of what the model sees."""
    return time.strftime("[%a %Y-%m-%d %H:%M UTC] ", time.gmtime(at / 1000))


def messages(version, kept):
    """What the model sees. 2026.9.6 puts an input that has no answer before the next one: so a turn that is begun again is
    shown what it was about; after a second crash only the first notice."""
    kept = list(kept)
    seen = []
    for before, row in zip([None, *kept], kept):
        role = "user" if is_input(row) else "assistant" if row["kind"] == "answer" else "tool"
        text = row["text"]
        if version.keeps_keys and role == "user" and before is not None and is_input(before):
            seen.pop()
            text = f"{UNANSWERED}\n{before['text']}\n\n{text}"
        seen.append({"role": role, "content": text})
    return seen


def pending_message(item, message):
    """How 2026.9.6 shows an input that waits."""
    id_ = "pending:" + item["input_id"]
    shown = _new_row(0, {"kind": "input", "id": id_, "at": item["accepted"], "recorded": 0, "key": "", **message}, message["text"], False)
    shown["__openclaw"] = {"senderIsOwner": False, "id": id_}
    return shown


# ---- shown ----


def history(version, kept, chars):
    """chat.history's rows, of [(number, row)]: long texts cut, very long rows replaced, silent answers left out."""
    shown = [_show(version, n, row, chars) for n, row in kept if not row.get("hidden")]
    total, first = 2, len(shown)
    while first > 0 and total + _size(shown[first - 1]) <= HISTORY_BYTES_MAX:
        first -= 1
        total += _size(shown[first]) + 1
    return shown[first:]


def transcript(version, kept):
    """sessions.get's rows: whole texts."""
    return [_transcript_row(version, n, row) for n, row in kept if not row.get("hidden")]


def _show(version, n, row, chars):
    text, cut = row["text"], False
    if 2 * len(text) > chars and len(text.encode("utf-16-le", "surrogatepass")) > 2 * chars:
        text, cut = first_units(text, chars, halves=not version.keeps_keys) + CUT_MARK, True
    shown = _new_row(n, row, text, cut) if version.keeps_keys else _old_row(row, text)
    if _size(shown) > ROW_BYTES_MAX:
        shown = {"role": shown["role"], "timestamp": shown["timestamp"], "content": [{"type": "text", "text": OMITTED}],
                 "__openclaw": {"truncated": True, "reason": "oversized"}}
    return shown


def _size(shown):
    """Of its texts, roughly: everything else is small."""
    content = shown["content"]
    texts = [content] if isinstance(content, str) else [part.get("text", "") for part in content]
    return sum(len(text.encode("utf-8", "replace")) for text in texts) + 600


def _old_row(row, text):
    if row["kind"] == "tool":
        return {"role": "toolResult", "toolName": row["tool"], "content": [{"type": "text", "text": text}], "isError": True, "timestamp": row["at"]}
    if row["kind"] == "input":
        shown = {"role": "user", "content": [{"type": "text", "text": text}], "timestamp": row["at"]}
        if row["provenance"]:
            shown["provenance"] = row["provenance"]
        return shown
    failed = row["stop"] in ("error", "aborted")
    content = [{"type": "toolCall", "name": row["tool"], "arguments": {}}] if row.get("tool") else [] if failed else [{"type": "text", "text": text}]
    shown = {"role": "assistant", "content": content, "api": "openai-completions", "provider": "mock", "model": "echo",
             "stopReason": row["stop"], "timestamp": row["at"]}
    if row["error"]:
        shown["errorMessage"] = row["error"]
    return shown


def _new_row(n, row, text, cut):
    marks = {"id": row["id"], "recordTimestampMs": row["recorded"], "seq": n}
    if cut:
        marks["truncated"] = True
    if row.get("key"):
        marks["idempotencyKey"] = row["key"]
    if row["kind"] == "tool":
        return {"role": "toolResult", "toolName": row["tool"], "content": [{"type": "text", "text": text}], "isError": True,
                "timestamp": row["at"], "__openclaw": marks}
    if row["kind"] == "input":
        shown = {"role": "user", "content": text, "timestamp": row["at"], "__openclaw": {"senderIsOwner": False, **marks}}
        if row["key"]:
            shown["idempotencyKey"] = row["key"]
        if row["provenance"]:
            shown["provenance"] = row["provenance"]
        if row["provenance"] and row["provenance"]["kind"] == "inter_session":
            shown["role"] = "assistant"    # the words of other sessions are shown so
            shown["senderLabel"] = "Forwarded agent message"
            shown["senderSession"] = {"sessionKey": row["provenance"].get("sourceSessionKey", "")}
        return shown
    content = [{"type": "toolCall", "name": row["tool"], "arguments": {}}] if row.get("tool") else [{"type": "text", "text": text}]
    shown = {"role": "assistant", "content": content, "api": "openai-completions", "provider": "mock", "model": "echo",
             "stopReason": row["stop"], "timestamp": row["at"], "__openclaw": {"runId": row["run"], **marks}}
    if row["error"]:
        shown["errorMessage"] = row["error"]
    if row["key"]:
        shown["idempotencyKey"] = row["key"]
    return shown


def _transcript_row(version, n, row):
    if version.keeps_keys:
        shown = _new_row(n, row, row["text"], False)
    else:
        shown = _old_row(row, stamp(row["at"]) + row["text"] if row["kind"] == "input" else row["text"])
    if row["kind"] == "input":
        shown["role"] = "user"
    return shown
