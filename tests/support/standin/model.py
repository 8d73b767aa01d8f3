"""The model: answers by rule, as the lab's mock does (openclaw-lab/mock-llm.mjs).

    SLEEP <ms> [text]   waits, then answers "slept <ms> <text>"
    STREAM <n> <ms>     n words, ms apart
    SAY <text>          answers <text> ("SAY NO_REPLY": stays silent)
    FAIL <status>       the provider fails with that HTTP status
    TOOL <name> <args>  calls a tool; there is none here, so its result is an error, and the answer repeats it
    TOOLS, SCHEMA <t>   none, null
    CONTEXT             the last messages it was given, as JSON
    HASSYS <text>       "true" when the system prompt contains <text>
    anything else       "echo: <text>"
"""

import asyncio
import dataclasses
import json
import re

_MAGIC = re.compile(r"(?:^|[\s\]])(TOOLS|CONTEXT|(?:TOOL|SLEEP|STREAM|SAY|FAIL|HASSYS|SCHEMA)\s[^\n]*)$")
_ENVELOPE = re.compile(r"^\[\w{3} \d{4}-\d\d-\d\d[^\]]*\] ")


@dataclasses.dataclass
class Answer:
    text: str = ""
    tool: str = ""      # called before the text
    failure: int = 0    # HTTP status of the provider


async def answer(messages, system, delay, progress):
    """`messages`: what the model sees, [{"role", "content"}]; the last user's text decides. `delay`: seconds, always. `progress` is
    called with the text so far and what is new in it."""
    text = next((m["content"] for m in reversed(messages) if m["role"] == "user" and m["content"].strip()), "").strip()
    text = _ENVELOPE.sub("", text, count=1)
    found = (match.group(1) for line in reversed(text.split("\n")) if (match := _MAGIC.search(line.rstrip())))
    line = next(found, None)
    if delay:
        await asyncio.sleep(delay)
    if line is None:
        return Answer("echo: " + text)
    word, _, rest = line.partition(" ")
    first, _, tail = rest.partition(" ")
    if word == "SLEEP":
        await asyncio.sleep(_number(first) / 1000)
        return Answer(f"slept {first} {tail}".strip())
    if word == "STREAM":
        text = ""
        for i in range(int(_number(first))):
            await asyncio.sleep(_number(tail) / 1000)
            text += f" w{i}" if text else f"w{i}"
            progress(text, f" w{i}")
        return Answer(text)
    if word == "SAY":
        return Answer(rest)
    if word == "FAIL":
        return Answer(failure=int(_number(first)) or 500)
    if word == "TOOL":
        return Answer(f"tool: Tool {first} not found", tool=first)
    if word == "CONTEXT":
        return Answer(json.dumps(messages[-3:], ensure_ascii=False))
    if word == "HASSYS":
        return Answer(str(rest in system).lower())
    return Answer({"TOOLS": "", "SCHEMA": "null"}[word])


def _number(text):
    try:
        return float(text)
    except ValueError:
        return 0.0
