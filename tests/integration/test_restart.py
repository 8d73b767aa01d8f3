"""Crashes in the middle: no turn runs twice, none is lost, and where the truth is not known nobody guesses."""

import collections
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from clawtest import case, process  # noqa: E402
from clawtest.bridge import EXIT_OK  # noqa: E402

SLOW = {"macbook": case.MACBOOK, "imac": {"gateway": {"agents": ["jarvis", "pepper"], "delay": "700ms", "record": "turns.jsonl"}}}


class Restart(case.Case):
    def turns(self, federation):
        """correlation id -> how often that turn ran"""
        path = federation.imac.directory / "turns.jsonl"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        return collections.Counter(json.loads(line)["correlationId"] for line in lines)

    def start(self, federation, count=4):
        agents = ("imac/jarvis", "imac/pepper")
        outcomes = [federation.macbook.send(agents[number % 2], f"text {number}", "--timeout", "0") for number in range(count)]
        return {outcome.json["correlationId"]: f"echo: text {number}" for number, outcome in enumerate(outcomes)}

    def wait_stage(self, federation, bridge, id_, stage):
        process.wait_until(f"{stage} of {id_}", lambda: stage in [
            item["stage"] for item in federation.bridges[bridge].exchange(id_).json.get("stages", [])], 30)

    def assertAllOnce(self, federation, expected):
        for id_, reply in expected.items():
            ended = federation.macbook.wait_for_exchange(id_, 120)
            self.assertEqual((ended["status"], ended.get("reply")), ("ok", reply), ended)
        self.assertEqual({id_: self.turns(federation)[id_] for id_ in expected}, dict.fromkeys(expected, 1))

    def test_the_responder_is_killed_during_a_turn(self):
        federation = self.federation(SLOW)
        expected = self.start(federation)
        self.wait_stage(federation, "macbook", next(iter(expected)), "started")
        federation.imac.kill()
        federation.imac.start()
        self.assertAllOnce(federation, expected)
        self.assertAuthentic(federation)

    def test_the_requester_is_killed_while_it_waits(self):
        federation = self.federation(SLOW)
        expected = self.start(federation)
        federation.macbook.kill()
        federation.macbook.start()
        self.assertAllOnce(federation, expected)
        self.assertAuthentic(federation)

    def test_both_are_killed_again_and_again(self):
        federation = self.federation(SLOW, observe=False)
        expected = self.start(federation, 6)
        for bridge in (federation.imac, federation.macbook, federation.imac, federation.imac, federation.macbook):
            bridge.kill()
            bridge.start()
        self.assertAllOnce(federation, expected)

    def test_an_orderly_restart_of_the_responder(self):
        federation = self.federation(SLOW)
        expected = self.start(federation)
        federation.imac.restart()
        self.assertAllOnce(federation, expected)

    def test_without_a_record_the_outcome_is_interrupted_and_not_guessed(self):
        federation = self.federation({"macbook": case.MACBOOK, "imac": {"gateway": {"agents": ["jarvis"], "delay": "20s"}}})
        id_ = federation.macbook.send("imac/jarvis", "a long turn", "--timeout", "0").json["correlationId"]
        self.wait_stage(federation, "macbook", id_, "started")
        federation.imac.kill()
        federation.imac.start()
        ended = federation.macbook.wait_for_exchange(id_, 60)
        self.assertEqual(ended["status"], "interrupted", ended)
        self.assertTrue(ended["error"]["message"])

    def test_the_broker_restarts(self):
        federation = self.federation(SLOW, observe=False)
        expected = self.start(federation)
        federation.broker.restart()
        expected.update(self.start(federation, 2))
        self.assertAllOnce(federation, expected)

    def test_the_broker_is_killed_and_forgets_everything(self):
        federation = self.federation(SLOW, observe=False, persistent=False)
        expected = self.start(federation)
        federation.broker.restart("KILL")
        federation.wait_acquainted()
        expected.update(self.start(federation, 2))
        self.assertAllOnce(federation, expected)

    def test_a_request_waits_for_a_responder_that_is_down(self):
        federation = self.federation(SLOW)
        federation.imac.stop()
        process.wait_until("imac to be offline", lambda: "offline" in [
            agent["presence"] for agent in federation.macbook.agents() if agent["gateway"] == "imac"])
        outcome = federation.macbook.send("imac/jarvis", "when you are back", "--timeout", "1")
        self.assertEqual(outcome.json["status"], "accepted", outcome)
        self.assertRegex(outcome.json["hint"], "imac.*offline")
        federation.imac.start()
        self.assertAllOnce(federation, {outcome.json["correlationId"]: "echo: when you are back"})
        self.assertAuthentic(federation)

    def test_a_lost_journal_is_noticed(self):
        federation = self.federation(SLOW)
        first = federation.macbook.send("imac/jarvis", "before", "--timeout", "30")
        self.assertCode(first, EXIT_OK)
        incarnation = federation.imac.status()["incarnation"]
        federation.imac.stop()
        for path in federation.imac.store_path.parent.glob("journal.db*"):
            path.unlink()
        federation.imac.start()
        self.assertNotEqual(federation.imac.status()["incarnation"], incarnation)
        again = federation.macbook.send("imac/jarvis", "after", "--timeout", "60")
        self.assertCode(again, EXIT_OK)
        self.assertAuthentic(federation)

    def test_a_second_signal_ends_at_once(self):
        import signal
        federation = self.federation({"imac": {"gateway": {"agents": ["jarvis"], "delay": "50s"}}}, observe=False)
        federation.imac.send("imac/jarvis", "long", "--timeout", "0")
        daemon = federation.imac.daemon
        daemon.process.send_signal(signal.SIGTERM)
        daemon.process.send_signal(signal.SIGTERM)
        daemon.process.wait(10)
        federation.imac.daemon = None
        federation.imac.check_log()


if __name__ == "__main__":
    case.main()
