"""200 calls at once, of one gateway's agent to 20 sessions of another: all answered, in order per session, none twice."""

import collections
import concurrent.futures
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from clawtest import case, standin  # noqa: E402

SESSIONS = [f"agent:jarvis:desk{number}" for number in range(20)]
CALLS = [(session, f"call {number} to {session}") for number in range(10) for session in SESSIONS]


class ManyCalls(case.Case):
    def setUp(self):
        self.gateway = standin.StandIn(self.make_directory() / "gateway", "2026.9.6", ["jarvis"])
        self.addCleanup(self.gateway.kill)
        client = self.gateway.client()
        for session in SESSIONS:    # a session is there from its first turn on
            client.turn(session, "hello")
        self.fed = self.federation({"macbook": case.MACBOOK, "imac": {"gateway": self.gateway.settings()}}, observe=False)
        self.fed.macbook.wait_until_knows("imac/jarvis")

    def call(self, session, text):
        status, result = self.fed.macbook.http(
            "POST", "/v1/tools/sessions_send", {"gateway": "imac", "sessionKey": session, "message": text, "timeoutSeconds": 200},
            {"X-Claw-Agent": "main", "X-Claw-Session": "agent:main:main"}, timeout=240)
        self.assertEqual(status, 200, result)
        self.assertEqual((result["status"], result["reply"]), ("ok", f"echo: {text}"), result)
        return result["correlationId"]

    def test_all_are_answered_in_order_and_none_runs_twice(self):
        with concurrent.futures.ThreadPoolExecutor(len(CALLS)) as pool:
            ids = list(pool.map(lambda call: self.call(*call), CALLS))

        accepted = collections.defaultdict(list)    # ids rise in the order of acceptance
        for id_, (session, text) in sorted(zip(ids, CALLS)):
            accepted[session].append(text)
        ran = collections.defaultdict(list)
        for line in self.gateway.record():
            if line["event"] == "start" and line["text"] != "hello":
                ran[line["session"]].append(line["text"])
        self.assertEqual(ran, accepted)
        self.assertEqual(sum(map(len, ran.values())), 200)


if __name__ == "__main__":
    case.main()
