"""A gateway is killed in the middle of turns, with SIGKILL and with SIGTERM, again and again: every request ends in one
honest state on both sides, and the gateway's own history, read past the bridge, shows no second turn and no junk.

OPENCLAW_VERSION is the real gateway's (2026.9.6 unless set), or the stand-in's with OPENCLAW_STANDIN=1. OPENCLAW_KILLS:
how many of each signal (20). OPENCLAW_SEED repeats the moments of the kills; it is printed.
"""

import collections
import os
import pathlib
import random
import secrets
import shutil
import signal
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from clawtest import case, gateway, process, standin  # noqa: E402

VERSION = os.environ.get("OPENCLAW_VERSION", standin.NEW)
STANDIN = os.environ.get("OPENCLAW_STANDIN") == "1"
KILLS = int(os.environ.get("OPENCLAW_KILLS", "20"))
SEED = int(os.environ.get("OPENCLAW_SEED", secrets.randbits(32)))
PACE = 0.15 if STANDIN else 1.0
SLEEP = int(5000 * PACE)    # how long the model thinks about each text
DRAINS = VERSION == standin.NEW    # on SIGTERM; the other one cuts what runs
JUNK = "The agent run failed before producing a reply."
SESSIONS = {"jarvis": "agent:jarvis:main", "pepper": "agent:pepper:main"}
SPEC = {"gateways": [{"name": "imac", "agents": list(SESSIONS)}]}


class Kills(case.Case):
    @classmethod
    def setUpClass(cls):
        cls.directory = pathlib.Path(tempfile.mkdtemp(prefix="claw-kills-"))
        cls.addClassCleanup(shutil.rmtree, cls.directory, ignore_errors=True)
        make = standin.StandInLab if STANDIN else gateway.Lab
        cls.lab = make(cls.directory / "lab", VERSION, SPEC, **({"prepare": 30} if STANDIN else {}))
        cls.addClassCleanup(cls.lab.stop)
        beside = {"kind": "openclaw", "url": cls.lab.url("imac"), "token": cls.lab.gateways["imac"]["token"], "agents": None}
        cls.fed = case.Federation(cls.directory, {"macbook": case.MACBOOK, "imac": {"gateway": beside}}, observe=False)
        cls.addClassCleanup(cls.fed.close)
        cls.fed.macbook.wait_until_knows("imac/jarvis", "imac/pepper", seconds=120)
        cls.random = random.Random(SEED)
        print(f"{VERSION}{' (stand-in)' if STANDIN else ''}: OPENCLAW_SEED={SEED}", file=sys.stderr)
        # The first turn of a session and of a process takes its time: it is not what is killed here.
        for agent in SESSIONS:
            outcome = cls.fed.macbook.send(f"imac/{agent}", "SAY hello", "--timeout", "120", timeout=180)
            assert outcome.json["status"] == "ok", outcome

    def setUp(self):
        self.addCleanup(self._print_logs, self.fed)

    def test_killed(self):
        self.kill_in_mid_turn(signal.SIGKILL)

    def test_told_to_stop(self):
        self.kill_in_mid_turn(signal.SIGTERM)

    def kill_in_mid_turn(self, signal_number):
        sent, ended = {}, {}
        for number in range(KILLS):
            word = f"{signal_number.name} {number}"
            # Two turns run at the kill, and one waits in the bridge behind the first.
            batch = {self.ask(agent, text): (agent, text) for agent, text in (
                ("jarvis", f"{word} running"), ("pepper", f"{word} beside"), ("jarvis", f"{word} behind"))}
            first = next(iter(batch))
            process.wait_until("the first turn to start", lambda id_=first: self.reached(id_, "started"), 120, step=0.02)
            time.sleep(self.random.uniform(0, 1.2 * SLEEP / 1000))
            standin.end(self.lab.gateways["imac"]["pid"], signal_number)
            self.lab.restart("imac")
            for id_ in batch:
                ended[id_] = self.fed.macbook.wait_for_exchange(id_, 300)
            sent.update(batch)
        statuses = collections.Counter(each["status"] for each in ended.values())
        print(f"{VERSION}, {KILLS} x {signal_number.name}: {len(sent)} requests, {dict(statuses)}", file=sys.stderr)
        self.judge(sent, ended, signal_number)

    def ask(self, agent, text):
        status, answer = self.fed.macbook.http("POST", "/v1/tools/sessions_send", {
            "gateway": "imac", "agentId": agent, "message": f"SLEEP {SLEEP} {text}", "timeoutSeconds": 0})
        self.assertEqual((status, answer.get("status")), (200, "accepted"), answer)
        return answer["correlationId"]

    def reached(self, id_, stage):
        _, exchange = self.fed.macbook.http("GET", f"/v1/exchanges/{id_}")
        return stage in [each["stage"] for each in exchange.get("stages", [])]

    def judge(self, sent, ended, signal_number):
        rows = {agent: self.lab.client("imac").transcript(session, 1000) for agent, session in SESSIONS.items()}
        for agent, shown in rows.items():
            self.assertFalse([row for row in shown if JUNK in gateway.text_of(row)], f"a junk row in {SESSIONS[agent]}")
        for id_, (agent, text) in sent.items():
            with self.subTest(text):
                here, there = ended[id_], self.fed.imac.exchange(id_).json
                self.assertIn(here["status"], ("ok", "interrupted"), here)
                self.assertEqual((there["status"], there.get("reply")), (here["status"], here.get("reply")))
                turns = [row for row in rows[agent] if (row.get("provenance") or {}).get("sourceChannel") == f"mqtt:{id_}"]
                answers = [row for row in rows[agent] if row.get("role") == "assistant" and gateway.text_of(row) == f"slept {SLEEP} {text}"]
                if here["status"] == "ok":
                    self.assertEqual(here["reply"], f"slept {SLEEP} {text}")
                    self.assertEqual((len(turns), len(answers)), (1, 1), "the turn ran once")
                else:
                    self.assertLessEqual(len(turns), 1)
                    self.assertEqual(answers, [], "a turn with an answer was reported as interrupted")
                    if text.endswith("behind"):
                        ahead = ended[next(each for each, (_, other) in sent.items() if other == text.replace("behind", "running"))]
                        self.assertTrue({"handing_over", "started"} & {stage["stage"] for stage in there["stages"]}, there)
                        self.assertEqual(ahead["status"], "ok", "what waits in the bridge begins when the one ahead has ended")
                    self.assertFalse(DRAINS, "this version ends or begins again what it has taken")


if __name__ == "__main__":
    case.main()
