"""Three gateways with nine agents on one broker: every agent reaches every other.

One gateway is a real OpenClaw 2026.9.6, the other two are stand-ins, one of each version. Prints the table of all ways with
their times, and what the bridges add to a call of the real gateway: the call's time without the time in which the gateway had
the turn (from the journal of the bridge beside it, in whole milliseconds).
"""

import json
import pathlib
import shutil
import statistics
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from clawtest import case, gateway, standin  # noqa: E402

AGENTS = {"macbook": ["main", "coder", "writer"], "imac": ["jarvis", "pepper", "friday"], "studio": ["vision", "shuri", "happy"]}
VERSIONS = {"macbook": "2026.9.6", "imac": "2026.9.6", "studio": "2026.3.8"}
REAL = "macbook"
FLEET = [(name, agent) for name, agents in AGENTS.items() for agent in agents]
ROUNDS = 40    # of calls to the real gateway, for the median


class Fleet(case.Case):
    @classmethod
    def setUpClass(cls):
        cls.directory = pathlib.Path(tempfile.mkdtemp(prefix="claw-fleet-"))
        cls.addClassCleanup(shutil.rmtree, cls.directory, ignore_errors=True)
        spec = {"gateways": [{"name": REAL, "agents": AGENTS[REAL]}]}
        lab = gateway.Lab(cls.directory / "lab", VERSIONS[REAL], spec)
        cls.addClassCleanup(lab.stop)
        beside = {REAL: {"kind": "openclaw", "url": lab.url(REAL), "token": lab.gateways[REAL]["token"], "agents": None}}
        for name in AGENTS:
            if name == REAL:
                continue
            each = standin.StandIn(cls.directory / f"{name}-gateway", VERSIONS[name], AGENTS[name])
            cls.addClassCleanup(each.kill)
            beside[name] = each.settings()
        cls.fed = case.Federation(cls.directory, {name: {"gateway": settings} for name, settings in beside.items()})
        cls.addClassCleanup(cls.fed.close)
        everyone = [f"{name}/{agent}" for name, agent in FLEET]
        for bridge in cls.fed.bridges.values():
            bridge.wait_until_knows(*everyone, seconds=90)

    def setUp(self):
        self.addCleanup(self._print_logs, self.fed)

    def call(self, source, target, text):
        """What an agent's tool does: the reply, and the milliseconds that it took."""
        (here, agent), (there, other) = source, target
        begin = time.perf_counter()
        status, result = self.fed.bridges[here].http(
            "POST", "/v1/tools/sessions_send", {"gateway": there, "agentId": other, "message": text, "timeoutSeconds": 120},
            {"X-Claw-Agent": agent, "X-Claw-Session": f"agent:{agent}:main"}, timeout=180)
        took = (time.perf_counter() - begin) * 1000
        self.assertEqual(status, 200, result)
        self.assertEqual((result["status"], result["reply"]), ("ok", f"echo: {text}"), result)
        self.assertEqual(result["remote"], here != there)
        return result, took

    def test_every_agent_reaches_every_other(self):
        for target in FLEET:    # the first turn of a session takes seconds
            self.call(next(each for each in FLEET if each[0] != target[0]), target, "are you there?")
        times = {(source, target): self.call(source, target, f"{source[1]} to {target[1]}")[1]
                 for source in FLEET for target in FLEET if source != target}
        self.assertEqual(len(times), 72)
        print("\nmilliseconds from row to column\n" + " " * 16 + "".join(f"{agent:>9}" for _, agent in FLEET), file=sys.stderr)
        for source in FLEET:
            row = "".join(f"{times[source, target]:9.1f}" if source != target else f"{'–':>9}" for target in FLEET)
            print(f"{source[0] + '/' + source[1]:16}{row}", file=sys.stderr)

    def test_what_the_bridges_add_to_a_call_of_a_real_gateway(self):
        source, target = ("imac", "jarvis"), (REAL, "coder")
        self.call(source, target, "warm up")
        added = []
        for number in range(ROUNDS):
            result, took = self.call(source, target, f"round {number}")
            stages = {each["stage"]: each["time"] for each in self.fed.bridges[REAL].exchange(result["correlationId"]).json["stages"]}
            added.append(took - (_ms(stages["ended"]) - _ms(stages["handing_over"])))
        report = {"calls": ROUNDS, "added_ms_p50": round(statistics.median(added), 2), "added_ms_max": round(max(added), 2)}
        print(f"\nadded by both bridges: {json.dumps(report)}", file=sys.stderr)
        self.assertGreater(statistics.median(added), -1, "less than nothing: the stages are not those of the call")


def _ms(text):
    """Milliseconds of a time of one day."""
    hours, minutes, seconds = text.split("T")[1].rstrip("Z").split(":")
    return ((int(hours) * 60 + int(minutes)) * 60 + float(seconds)) * 1000


if __name__ == "__main__":
    case.main()
