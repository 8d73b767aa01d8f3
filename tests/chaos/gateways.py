"""The gateways of a chaos run: how each kind is set up, struck and read. One small class a kind.

A gateway writes down every turn itself, on disk, where neither a bridge nor the driver writes: that record is the truth
about what ran. `turns` needs the folder alone, so that the checker reads it without any of the running parts.
"""

import dataclasses
import json
import pathlib


@dataclasses.dataclass(frozen=True)
class Turn:
    """A turn that began, in the order of the record."""

    correlation_id: str
    text: str


class Echo:
    """The bridge's own gateway: it lives and dies with the bridge, and finds its turns again in the record."""

    kind = "echo"

    def __init__(self, folder, name):
        self.folder, self.name = pathlib.Path(folder), name

    def settings(self, agents, delay_ms):
        return {"kind": "echo", "agents": agents, "delay": f"{delay_ms}ms", "record": str(self.folder / "turns.jsonl")}

    def start(self):
        pass

    def stop(self):
        pass

    def victims(self):
        """It has no process of its own."""
        return []

    def turns(self):
        return [Turn(line["correlationId"], line["text"]) for line in read_lines(self.folder / "turns.jsonl")]


KINDS = {gateway.kind: gateway for gateway in (Echo,)}


def make(kind, folder, name):
    return KINDS[kind](folder, name)


def read_lines(path):
    """The objects of a file with one JSON object a line. A line cut short is an error: records are written whole."""
    if not path.exists():
        return
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            try:
                yield json.loads(line)
            except ValueError as error:
                raise AssertionError(f"{path}:{number} is no JSON: {line[:200]!r}") from error
