#!/usr/bin/python3
"""Judges a chaos run. Knows only the driver's log, the gateways' records, when what was struck, and what the bridges say.

    check.py FOLDER     with round.json, driver.jsonl and strikes.jsonl; the bridges of round.json run and are healed

Writes verdict.json: the counts, and every violation by its kind with its exchanges. Exit code 1 when there is any.
"""

import collections
import datetime
import json
import pathlib
import socket
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import gateways  # noqa: E402
from traffic import lane_name, number_of, text_of  # noqa: E402

PIPELINED = 32
CLOCK_SECONDS = 0.05  # stage times have milliseconds, and a strike is written down just before it happens
DID_NOT_RUN = ("rejected", "expired")


def read_exchanges(path, ids):
    """id -> what GET /v1/exchanges/<id> of the bridge at that socket says; None for one that it does not know."""
    found, connection = {}, socket.socket(socket.AF_UNIX)
    connection.settimeout(60)
    connection.connect(path)
    stream = connection.makefile("rb")
    for start in range(0, len(ids), PIPELINED):
        batch = ids[start:start + PIPELINED]
        connection.sendall(b"".join(f"GET /v1/exchanges/{id_} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode() for id_ in batch))
        for id_ in batch:
            status, view = read_answer(stream)
            if status not in (200, 404):
                raise AssertionError(f"{path} answers {status} about {id_}: {view}")
            found[id_] = view if status == 200 else None
    connection.close()
    return found


def read_answer(stream):
    status, length = int(stream.readline().split()[1]), 0
    while (line := stream.readline()) not in (b"\r\n", b""):
        name, _, value = line.partition(b":")
        length = int(value) if name.lower() == b"content-length" else length
    return status, json.loads(stream.read(length))


def seconds_of(time):
    return datetime.datetime.fromisoformat(time).timestamp()


def is_reply(view, recorded):
    """A reply that a gateway's history has cut says so."""
    return recorded is not None and (view["reply"] == recorded or (view.get("truncated") and recorded.startswith(view["reply"][:1000])))


class Checker:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.round = json.loads((self.folder / "round.json").read_text(encoding="utf-8"))
        self.violations = collections.defaultdict(list)
        self.counts = collections.Counter()
        self.outcomes = collections.Counter()
        self.read_log()
        self.turns = {name: gateways.KINDS[kind].turns(self.folder / name)
                      for name, kind in self.round["gateways"].items()}
        self.strikes = list(gateways.read_lines(self.folder / "strikes.jsonl"))  # none when nothing was struck

    def read_log(self):
        self.sent, self.told = {}, {}  # number -> its line; number -> the end that the driver was told
        for line in gateways.read_lines(self.folder / "driver.jsonl"):
            if "ended" in line:
                self.told[line["n"]] = line["ended"]
            else:
                self.sent[line["n"]] = line

    def fault(self, kind, what):
        self.violations[kind].append(what)

    def judge(self):
        self.read_turns()
        self.read_views()
        for number, line in self.sent.items():
            self.judge_request(number, line)
        for id_, (requester, responder) in self.ends.items():
            self.judge_exchange(id_, requester, responder)
        self.judge_order()
        ended = sum(self.outcomes.values())
        self.counts["ended"] = ended
        if ended and self.outcomes["ok"] < self.round["ok_share"] * ended:
            self.fault("too few ok", f"{self.outcomes['ok']} of {ended}")

    def read_turns(self):
        """How often each number and each exchange ran; where it ran comes first of all."""
        self.ran, self.ran_ids, self.replies = collections.Counter(), collections.Counter(), {}
        self.number_of_id = {line["id"]: number for number, line in self.sent.items() if "id" in line}
        for name, turns in self.turns.items():
            for turn in turns:
                number = number_of(turn.text)
                line = self.sent.get(number)
                if line is None or turn.text != text_of(number, lane_name(line["from"], line["to"])) or not line["to"].startswith(name + "/"):
                    self.fault("a turn nobody asked for", f"{name}: {turn.correlation_id} {turn.text[:60]!r}")
                    continue
                self.ran[number] += 1
                self.ran_ids[turn.correlation_id] += 1
                self.replies[turn.correlation_id] = turn.reply
                if self.number_of_id.setdefault(turn.correlation_id, number) != number:
                    self.fault("a turn nobody asked for", f"{name}: {turn.correlation_id} has the text of {number}")
        self.counts["turns"] = sum(self.ran.values())

    def read_views(self):
        """Both sides' views of every exchange that the driver or a record knows."""
        wanted = collections.defaultdict(list)
        for id_, number in self.number_of_id.items():
            line = self.sent[number]
            for gateway in {line["from"].split("/")[0], line["to"].split("/")[0]}:
                wanted[gateway].append(id_)
        views = {gateway: read_exchanges(self.round["bridges"][gateway], ids) for gateway, ids in wanted.items()}
        self.ends = {}
        for id_, number in self.number_of_id.items():
            line = self.sent[number]
            self.ends[id_] = tuple(views[line[side].split("/")[0]][id_] for side in ("from", "to"))

    def judge_request(self, number, line):
        self.counts["accepted" if "id" in line else "refused" if "refused" in line else "unanswered"] += 1
        if self.ran[number] > 1:
            self.fault("doubled", f"{number} ran {self.ran[number]} times: {line}")
        if "id" not in line and self.ran[number]:
            self.counts["ran without an answer"] += 1
        if line.get("refused") in ("busy", "bad_request") and self.ran[number]:
            self.fault("ran although refused", f"{number}: {line}")
        if "hang" in line.get("unanswered", ""):
            self.fault("the bridge hung", f"{number}: {line}")
        if "id" in line and number not in self.told:
            self.fault("lost", f"{number} {line['id']}: the driver was never told its end")

    def judge_exchange(self, id_, requester, responder):
        number = self.number_of_id[id_]
        line = self.sent[number]
        if requester is None or requester["status"] == "accepted":
            self.fault("lost", f"{number} {id_}: {requester and requester['stages']}; the responder says {responder and responder['stages']}")
            return
        status = requester["status"]
        if "id" in line:
            self.outcomes[status] += 1
        if self.told.get(number, status) not in (status, "unknown"):  # which alone a later reply may replace
            self.fault("changed its outcome", f"{number} {id_}: the driver was told {self.told[number]}, it is {status}")
        self.judge_agreement(number, id_, requester, responder)
        if status == "ok" and self.ran_ids[id_] and not is_reply(requester, self.replies.get(id_)):
            self.fault("a wrong reply", f"{number} {id_}: {requester['reply'][:100]!r}")
        if status == "ok" and not self.ran_ids[id_]:
            self.fault("ok without a turn", f"{number} {id_}")
        if status in DID_NOT_RUN and self.ran_ids[id_]:
            self.fault("ran although denied", f"{number} {id_}: {status}")
        if status in ("interrupted", "error") and not self.is_excused(line["to"].split("/")[0], responder):
            self.fault("failed without a kill", f"{number} {id_}: {responder and responder['stages']}")

    def judge_agreement(self, number, id_, requester, responder):
        status, theirs = requester["status"], responder and responder["status"]
        destroyed = self.sent[number]["to"].split("/")[0] in self.round["journals_destroyed"]
        if destroyed and (responder is None or status == "unknown"):
            return
        if responder is None:
            if status not in DID_NOT_RUN:
                self.fault("disagreeing", f"{number} {id_}: requester {status}, and the responder does not know it")
        elif theirs == "accepted":
            self.fault("lost", f"{number} {id_}: ended as {status} for the requester, open at the responder: {responder['stages']}")
        elif (status, requester.get("reply")) != (theirs, responder.get("reply")):
            self.fault("disagreeing", f"{number} {id_}: requester {status}, responder {theirs}; {requester.get('error')}")

    def is_excused(self, gateway, responder):
        """Whether the gateway or its bridge was killed while that turn ran."""
        if responder is None:
            return False
        times = {stage["stage"]: seconds_of(stage["time"]) for stage in responder["stages"]}
        begin, end = times.get("handing_over", min(times.values())), max(times.values())  # a local one shows the asker's stages
        return any(strike["kind"] in ("KILL", "TERM") and strike["victim"] in (f"bridge {gateway}", f"gateway {gateway}") and
                   begin - CLOCK_SECONDS <= strike.get("until", strike["t"]) + CLOCK_SECONDS and strike["t"] <= end for strike in self.strikes)

    def judge_order(self):
        """In each lane those that ran did so in the order in which they were sent."""
        latest = {}
        for turns in self.turns.values():
            for turn in turns:
                number = number_of(turn.text)
                if number not in self.sent:
                    continue
                lane = (self.sent[number]["from"], self.sent[number]["to"])
                if number < latest.get(lane, 0):
                    self.fault("out of order", f"{number} after {latest[lane]} in {lane}")
                latest[lane] = max(number, latest.get(lane, 0))

    def verdict(self):
        return {"counts": self.counts, "outcomes": self.outcomes, "violations": self.violations}


def main(folder):
    checker = Checker(folder)
    checker.judge()
    verdict = checker.verdict()
    (checker.folder / "verdict.json").write_text(json.dumps(verdict, indent=1), encoding="utf-8")
    for kind, cases in verdict["violations"].items():
        print(f"{kind}: {len(cases)}", *cases[:5], sep="\n    ", file=sys.stderr)
    return 1 if verdict["violations"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
