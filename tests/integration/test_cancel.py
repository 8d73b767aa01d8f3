"""Stopping exchanges and dealing with dead letters, as a person does it: with the command line, between two bridges."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from clawtest import case, metrics, process  # noqa: E402
from clawtest.bridge import EXIT_OK, EXIT_REFUSED, EXIT_USAGE, run_cli  # noqa: E402

EXIT_FAILED = 1


class Stopping(case.Case):
    def setUp(self):
        super().setUp()
        self.fed = self.federation({
            "macbook": {"gateway": {"agents": ["main"]}},
            "imac": {"gateway": {"agents": ["jarvis"], "delay": "20s", "record": "turns.jsonl"}},
        })

    def accepted(self, text):
        outcome = self.fed.macbook.send("imac/jarvis", text, "--timeout", "0")
        self.assertCode(outcome, EXIT_OK)
        return outcome.json["correlationId"]

    def wait_for_stage(self, id_, stage):
        process.wait_until(stage, lambda: stage in [one["stage"] for one in self.fed.macbook.exchange(id_).json["stages"]], 30, step=0.1)

    def cancel(self, id_, *options):
        return self.fed.macbook.cli("exchange", "cancel", id_, *options)

    def records(self):
        path = self.fed.imac.directory / "turns.jsonl"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def test_a_running_turn_and_one_that_waits_behind_it(self):
        running, waiting = self.accepted("the first"), self.accepted("the second")
        self.wait_for_stage(running, "started")
        told = self.cancel(waiting)
        self.assertEqual((told.code, told.json["result"], told.json["ran"]), (EXIT_OK, "cancelled", False), told)
        told = self.cancel(running)
        self.assertEqual((told.code, told.json["result"], told.json["ran"]), (EXIT_OK, "cancelled", True), told)
        for id_ in running, waiting:
            for bridge in self.fed.macbook, self.fed.imac:
                self.assertEqual(bridge.exchange(id_).json["status"], "cancelled")
        self.assertEqual(self.records(), "", "neither came to its end")
        again = self.cancel(running)
        self.assertEqual((again.code, again.json["result"]), (EXIT_OK, "cancelled"), again)

    def test_a_stop_survives_kills_of_both_bridges(self):
        id_ = self.accepted("stop me")
        self.wait_for_stage(id_, "started")
        self.fed.imac.kill()
        told = self.cancel(id_, "--timeout", "1")
        self.assertEqual(told.json["result"], "requested", told)
        self.assertIn("offline", told.json["hint"])
        self.fed.macbook.kill()
        self.fed.macbook.start()
        self.fed.imac.start()
        ended = self.fed.macbook.wait_for_exchange(id_, 60)
        self.assertEqual(ended["status"], "cancelled")
        self.assertEqual(self.fed.imac.exchange(id_).json["status"], "cancelled")
        self.assertEqual(self.records(), "")

    def test_what_cannot_be_stopped_is_said(self):
        self.assertCode(self.fed.macbook.cli("exchange", "cancel", "nonsense"), EXIT_USAGE)
        self.assertCode(self.cancel("01KAN000000000000000000000"), EXIT_REFUSED)
        self.assertCode(self.fed.imac.cli("exchange", "cancel", self.accepted("asked over there")), EXIT_REFUSED)


class DeadLetters(case.Case):
    def list_for_people(self, bridge):
        outcome = run_cli(["dead", "list", "--socket", bridge.socket], bridge.directory)
        self.assertCode(outcome, EXIT_OK)
        return outcome.stdout.decode()

    def counted(self, bridge):
        seen = metrics.read(bridge)
        return tuple(seen.value("clawbridge_dead_letters", direction=direction) for direction in ("outgoing", "incoming"))

    def test_listed_shown_replayed_and_dropped(self):
        fed = self.federation({"macbook": {"gateway": {"agents": ["main"]}}, "imac": {"gateway": {"agents": ["jarvis"]}}})
        first, second = (fed.macbook.http("POST", "/v1/tools/sessions_send", {
            "gateway": "imac", "agentId": "pepper", "message": text, "timeoutSeconds": 20})[1]["correlationId"] for text in ("one", "two"))
        listed = fed.macbook.cli("dead", "list").json["exchanges"]
        self.assertEqual(self.counted(fed.macbook), (2, 0))
        self.assertEqual({letter["correlationId"] for letter in listed}, {first, second})
        self.assertTrue(all(letter["status"] == "rejected" and letter["error"]["code"] == "unknown_agent" for letter in listed), listed)
        text = self.list_for_people(fed.macbook)
        self.assertIn(first, text)
        self.assertIn("unknown_agent", text)
        self.assertEqual(fed.macbook.cli("dead", "show", first).json["message"], "one")

        self.assertCode(fed.macbook.cli("dead", "drop", second), EXIT_OK)
        self.assertCode(fed.macbook.cli("dead", "drop", second), EXIT_REFUSED)
        fed.imac.stop()
        fed.imac.configure({"gateway": {"kind": "echo", "agents": ["jarvis", "pepper"]}})
        fed.imac.start()
        fed.macbook.wait_until_knows("imac/pepper")
        fed.macbook.restart()  # they outlive it
        replayed = fed.macbook.cli("dead", "replay", first)
        self.assertCode(replayed, EXIT_OK)
        self.assertNotEqual(replayed.json["correlationId"], first)
        self.assertEqual(fed.macbook.wait_for_exchange(replayed.json["correlationId"])["reply"], "echo: one")
        self.assertEqual(fed.macbook.cli("dead", "list").json["exchanges"], [])
        self.assertEqual(self.counted(fed.macbook), (0, 0))
        self.assertIn("no dead letters", self.list_for_people(fed.macbook))


if __name__ == "__main__":
    case.main()
