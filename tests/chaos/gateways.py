"""The gateways of a chaos run: how each kind is set up, struck and read. One small class a kind.

A gateway writes down every turn itself, on disk, where neither a bridge nor the driver writes: that record is the truth
about what ran. `turns` needs the folder alone, so that the checker reads it without any of the running parts.
"""

import contextlib
import dataclasses
import json
import os
import pathlib
import signal
import time

from clawtest import process, standin
from killer import Victim
from traffic import text_of

PROGRAM = pathlib.Path(__file__).resolve().parent / "program.sh"
OLD_START_SECONDS = 3
TURN_SECONDS = 0.5
PROVENANCE = "mqtt:"  # the source channel of a turn: this and the correlation id


@dataclasses.dataclass
class Turn:
    """A turn that began, in the order of the record. `reply`: what it ended with, None when it did not end, or badly."""

    correlation_id: str
    text: str
    reply: str | None = None


class Echo:
    """The bridge's own gateway: it lives and dies with the bridge, and finds its turns again in the record."""

    kind = "echo"
    port = None

    def __init__(self, folder, _name, agents, delay_ms):
        self.folder, self.agents, self.delay_ms = folder, agents, delay_ms

    def settings(self, _port):
        return {"kind": "echo", "agents": self.agents, "delay": f"{self.delay_ms}ms", "record": str(self.folder / "turns.jsonl")}

    def start(self):
        pass

    def stop(self):
        pass

    def victims(self):
        """It has no process of its own."""
        return []

    @staticmethod
    def turns(folder):
        return [Turn(line["correlationId"], line["text"], "echo: " + line["text"]) for line in read_lines(folder / "turns.jsonl")]


class Command(Victim):
    """A program for each turn (program.sh), under a supervisor that outlives the bridge: struck are the supervisors."""

    kind = "command"
    port = None

    def __init__(self, folder, name, agents, delay_ms):
        super().__init__(f"gateway {name}")
        self.folder, self.agents, self.delay_ms, self.frozen = folder, agents, delay_ms, []
        self.hits = 0

    def settings(self, _port):
        return {"kind": "command", "agents": self.agents, "command": [str(PROGRAM), str(self.folder / "turns.txt"), str(self.delay_ms)]}

    def supervisors(self):
        """Process ids, from the turns' folders; a process that is no supervisor of that folder is another's."""
        found = []
        for turn in (self.folder / "state" / "turns").glob("*"):
            try:
                who, _, pid = os.readlink(turn / "claimed").partition(" ")
                command = process.read(f"/proc/{pid}/cmdline")
            except OSError:
                continue  # nobody has claimed the turn, or it was forgotten or ended meanwhile
            if who == "supervisor" and str(turn) in command:
                found.append(int(pid))
        return found

    def signal(self, pids, number):
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def running(self):
        return True  # it is there when there is a turn

    def start(self):
        pass

    def strike(self, kind):
        """The turns of that moment, or of the next one in which there are any."""
        end = time.monotonic() + TURN_SECONDS
        while not (pids := self.supervisors()) and time.monotonic() < end:
            time.sleep(0.005)
        self.hits += len(pids)
        self.signal(pids, getattr(signal, f"SIG{kind}"))
        self.frozen = pids if kind == "STOP" else []

    def mend(self, _kind, _seconds):
        self.signal(self.frozen, signal.SIGCONT)

    def stop(self):
        process.wait_until(f"the turns of {self.name} to end", lambda: not self.supervisors(), 30)

    def victims(self):
        return [self]

    @staticmethod
    def turns(folder):
        turns, latest = [], {}
        for line in process.read(folder / "turns.txt").split("\n")[:-1]:
            what, id_, number, lane = line.split(" ")
            if what == "begin":
                turns.append(Turn(id_, text_of(int(number), lane)))
                latest[id_] = turns[-1]
            else:
                latest[id_].reply = "echo: " + latest[id_].text
        return turns


class StandIn(Victim):
    """The stand-in for one version of OpenClaw, reached through a relay at `port`."""

    def __init__(self, version, folder, name, agents, delay_ms):
        super().__init__(f"gateway {name}")
        self.gateway = standin.StandIn(folder / "gateway", version, agents, start=False, delay=delay_ms)
        self.port = self.gateway.port

    def settings(self, port):
        return {**self.gateway.settings(), "url": f"ws://127.0.0.1:{port}"}

    def victims(self):
        return [self]

    def pid(self):
        return self.gateway.pid

    def running(self):
        return self.gateway.running()

    def start(self):
        self.gateway.start()

    def kill(self):
        self.gateway.kill()

    def terminate(self):
        self.gateway.stop()

    def stop(self):
        if self.gateway.process is not None and self.running():
            self.gateway.stop()

    @staticmethod
    def turns(folder):
        """2026.9.6 begins a turn that a crash has cut again by itself: that is the same turn."""
        turns, latest = [], {}
        for line in read_lines(folder / "gateway" / "record.jsonl"):
            if line["event"] == "start" and not line["recovers"]:
                turns.append(Turn(line["channel"].removeprefix(PROVENANCE), line["text"]))
                latest[line["channel"]] = turns[-1]
            elif line["event"] == "end" and line["status"] == "ok":
                latest[line["channel"]].reply = line["reply"]
        return turns


class New(StandIn):
    kind = f"openclaw-{standin.NEW}"

    def __init__(self, *arguments):
        super().__init__(standin.NEW, *arguments)


class Old(StandIn):
    """2026.3.8 names no boot: a bridge tells two by the time of their starts, between which a real one lets seconds pass."""

    kind = f"openclaw-{standin.OLD}"

    def __init__(self, *arguments):
        super().__init__(standin.OLD, *arguments)

    def start(self):
        time.sleep(max(0, self.started + OLD_START_SECONDS - time.monotonic()))
        super().start()


KINDS = {gateway.kind: gateway for gateway in (Echo, Command, New, Old)}


def read_lines(path):
    """The objects of a file with one JSON object a line. A line cut short is an error: records are written whole."""
    for number, line in enumerate(process.read(path).split("\n")[:-1], 1):
        try:
            yield json.loads(line)
        except ValueError as error:
            raise AssertionError(f"{path}:{number} is no JSON: {line[:200]!r}") from error
