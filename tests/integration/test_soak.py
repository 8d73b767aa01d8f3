"""Kill -9 of either bridge and of the broker, again and again, under load: every exchange ends, every turn ran once.

Long: part of `make check-long`. CLAWBRIDGE_SOAK_KILLS sets how often (default 150); the seed is printed.
"""

import collections
import http.client
import json
import os
import pathlib
import random
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from clawtest import case  # noqa: E402

KILLS = int(os.environ.get("CLAWBRIDGE_SOAK_KILLS", "150"))
SEED = int(os.environ.get("CLAWBRIDGE_SOAK_SEED", str(random.SystemRandom().randrange(1 << 32))))
OPEN_AT_MOST = 40


class Soak(case.Case):
    def test_nothing_is_lost_and_nothing_runs_twice(self):
        print(f"seed {SEED}, {KILLS} kills")
        chance = random.Random(SEED)
        federation = self.federation({
            "macbook": {"gateway": {"agents": ["main"]}, "log": {"level": "info"}},
            "imac": {"gateway": {"agents": ["jarvis", "pepper", "third"], "delay": "20ms", "record": "turns.jsonl"}, "log": {"level": "info"}},
        }, observe=False)
        sent, over = {}, threading.Event()
        sender = threading.Thread(target=self.send_until, args=(federation, sent, over))
        sender.start()
        try:
            for number in range(KILLS):
                time.sleep(chance.uniform(0.05, 0.6))
                victim = chance.choice(["macbook", "imac", "imac", "broker"] if number % 10 else ["both"])
                self.kill(federation, victim)
        finally:
            over.set()
            sender.join()
        self.assertGreater(len(sent), KILLS)
        outcomes = {id_: federation.macbook.wait_for_exchange(id_, 300) for id_ in sent}
        lines = (federation.imac.directory / "turns.jsonl").read_text(encoding="utf-8").splitlines()
        ran = collections.Counter(json.loads(line)["correlationId"] for line in lines)
        doubled = {id_: count for id_, count in ran.items() if count > 1}
        wrong = {id_: outcome for id_, outcome in outcomes.items() if outcome["status"] != "ok" or outcome["reply"] != f"echo: {sent[id_]}"}
        print(f"{len(sent)} exchanges, {len(lines)} turns")
        self.assertFalse(doubled, f"seed {SEED}: ran more than once")
        self.assertFalse(wrong, f"seed {SEED}: {list(wrong.items())[:3]}")
        self.assertEqual({id_ for id_ in sent if ran[id_] != 1}, set(), f"seed {SEED}: no turn, although the asker was told ok")

    def kill(self, federation, victim):
        if victim == "broker":
            federation.broker.restart("KILL")
            return
        for name in ("macbook", "imac") if victim == "both" else (victim,):
            federation.bridges[name].kill()
        for name in ("macbook", "imac") if victim == "both" else (victim,):
            federation.bridges[name].check_log()
            federation.bridges[name].start(wait=False)
            federation.bridges[name].wait_alive()

    def send_until(self, federation, sent, over):
        """Sends as fast as the bridge takes it. A request whose answer never came is not counted: it may have been taken or not."""
        number = 0
        while not over.is_set():
            number += 1
            text, agent = f"text {number}", ("jarvis", "pepper", "third")[number % 3]
            try:
                status, answer = federation.macbook.http("POST", "/v1/tools/sessions_send", {
                    "gateway": "imac", "agentId": agent, "message": text, "timeoutSeconds": 0}, timeout=20)
            except (OSError, http.client.HTTPException):
                time.sleep(0.02)
                continue
            if status == 200 and answer.get("correlationId"):
                sent[answer["correlationId"]] = text
            if number % OPEN_AT_MOST == 0:
                over.wait(0.5)


if __name__ == "__main__":
    case.main()
