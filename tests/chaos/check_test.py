#!/usr/bin/python3
"""The checker must find every violation: each is planted into a run that was good, and named."""

import copy
import http.server
import json
import pathlib
import socketserver
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import check  # noqa: E402
from traffic import lane_name, text_of  # noqa: E402

FROM, TO = "macbook/s0", "imac/a0"
NUMBERS = range(1, 6)
LOCAL_NUMBER = 6


def id_of(number):
    return f"01M8000000000000000000{number:04}"


def stages(*named):
    return [{"stage": stage, "time": f"2026-11-23T01:00:{second:06.3f}Z"} for stage, second in named]


class Bridge(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """Answers GET /v1/exchanges/<id> from `views`, as a bridge does."""

    daemon_threads = True

    def __init__(self, path, views):
        self.views = views
        super().__init__(str(path), Answer)
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def get_request(self):
        request, _ = super().get_request()
        return request, ("local", 0)


class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        view = self.server.views.get(self.path.rsplit("/", 1)[1])
        body = json.dumps(view or {"error": {"code": "unknown_exchange"}}).encode()
        self.send_response(200 if view else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Planted(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="claw-check-")
        self.addCleanup(directory.cleanup)
        self.folder = pathlib.Path(directory.name)
        (self.folder / "imac").mkdir()
        (self.folder / "macbook").mkdir()
        self.log, self.turns, self.strikes = [], [], []
        self.views = {"imac": {}, "macbook": {}}
        self.round = {"gateways": {"imac": "echo", "macbook": "echo"}, "journals_destroyed": [], "ok_share": 0.5}
        for number in NUMBERS:
            self.add(number, FROM, TO)
        self.add(LOCAL_NUMBER, "macbook/s0", "macbook/a0")

    def add(self, number, source, target):
        """An exchange as it should be."""
        text = text_of(number, lane_name(source, target))
        self.log += [{"n": number, "from": source, "to": target, "id": id_of(number), "status": "accepted", "t": 1},
                     {"n": number, "ended": "ok", "t": 2}]
        self.turns.append((target.split("/")[0], {"correlationId": id_of(number), "text": text}))
        view = {"status": "ok", "reply": "echo: " + text, "stages": stages(("handing_over", 10 + number), ("ended", 11 + number))}
        for gateway in {source.split("/")[0], target.split("/")[0]}:
            self.views[gateway][id_of(number)] = copy.deepcopy(view)

    def judged(self):
        """Kinds of violation, as the checker sees them."""
        for name, lines in (("driver.jsonl", self.log), ("strikes.jsonl", self.strikes),
                            *((f"{gateway}/turns.jsonl", [line for owner, line in self.turns if owner == gateway]) for gateway in self.views)):
            (self.folder / name).write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        bridges = {name: Bridge(self.folder / f"{name}.sock", views) for name, views in self.views.items()}
        self.round["bridges"] = {name: str(self.folder / f"{name}.sock") for name in bridges}
        (self.folder / "round.json").write_text(json.dumps(self.round), encoding="utf-8")
        try:
            checker = check.Checker(self.folder)
            checker.judge()
        finally:
            for bridge in bridges.values():
                bridge.shutdown()
                bridge.server_close()
                pathlib.Path(bridge.server_address).unlink()
        return set(checker.violations)

    def set(self, number, *gateways, **values):
        for gateway in gateways:
            self.views[gateway][id_of(number)].update(values)

    def told(self, number, status):
        next(line for line in self.log if line["n"] == number and "ended" in line)["ended"] = status

    def test_a_good_run(self):
        self.assertEqual(self.judged(), set())

    def test_an_exchange_that_stays_open(self):
        self.set(2, "macbook", status="accepted")
        self.assertIn("lost", self.judged())

    def test_an_exchange_that_its_requester_forgot(self):
        del self.views["macbook"][id_of(2)]
        self.assertIn("lost", self.judged())

    def test_an_exchange_that_stays_open_at_the_responder(self):
        self.set(2, "imac", status="accepted")
        self.assertIn("lost", self.judged())

    def test_an_end_that_the_driver_was_never_told(self):
        self.log = [line for line in self.log if line["n"] != 2 or "ended" not in line]
        self.assertEqual(self.judged(), {"lost"})

    def test_a_turn_that_ran_twice(self):
        self.turns.insert(2, self.turns[1])
        self.assertEqual(self.judged(), {"doubled"})

    def test_a_turn_that_ran_twice_under_two_ids_without_an_answer(self):
        number = 40
        self.log.append({"n": number, "from": FROM, "to": TO, "unanswered": "the connection ended", "t": 1})
        for id_ in (id_of(40), id_of(41)):
            self.turns.append(("imac", {"correlationId": id_, "text": text_of(number, lane_name(FROM, TO))}))
            for gateway in self.views:
                self.views[gateway][id_] = {"status": "ok", "reply": "echo: " + text_of(number, lane_name(FROM, TO)), "stages": []}
        self.assertEqual(self.judged(), {"doubled"})

    def test_sides_that_disagree(self):
        self.set(2, "imac", status="no_reply")
        self.assertEqual(self.judged(), {"disagreeing"})

    def test_a_responder_that_does_not_know_it(self):
        del self.views["imac"][id_of(2)]
        self.assertEqual(self.judged(), {"disagreeing"})

    def test_a_destroyed_journal_excuses_what_is_unknown_and_no_more(self):
        self.round["journals_destroyed"] = ["imac"]
        self.set(2, "macbook", status="unknown")
        del self.views["imac"][id_of(2)]
        self.told(2, "unknown")
        self.assertEqual(self.judged(), set())
        self.turns.insert(2, self.turns[1])
        self.assertEqual(self.judged(), {"doubled"})

    def test_a_reply_that_is_another_turns(self):
        self.set(2, "imac", "macbook", reply=self.views["imac"][id_of(3)]["reply"])
        self.assertEqual(self.judged(), {"a wrong reply"})

    def test_ok_although_nothing_ran(self):
        del self.turns[1]
        self.assertEqual(self.judged(), {"ok without a turn"})

    def test_a_denial_of_what_ran(self):
        self.set(2, "imac", "macbook", status="expired")
        self.told(2, "expired")
        self.assertEqual(self.judged(), {"ran although denied"})

    def test_a_turn_of_a_request_that_was_refused(self):
        self.log.append({"n": 40, "from": FROM, "to": TO, "refused": "busy", "why": "full", "t": 1})
        self.turns.append(("imac", {"correlationId": id_of(40), "text": text_of(40, lane_name(FROM, TO))}))
        for gateway in self.views:
            self.views[gateway][id_of(40)] = {"status": "ok", "reply": "echo: " + text_of(40, lane_name(FROM, TO)), "stages": []}
        self.assertEqual(self.judged(), {"ran although refused"})

    def test_a_turn_with_another_text(self):
        self.turns[1][1]["text"] += "!"
        self.assertIn("a turn nobody asked for", self.judged())

    def test_a_turn_on_the_wrong_gateway(self):
        self.turns[1] = ("macbook", self.turns[1][1])
        self.assertIn("a turn nobody asked for", self.judged())

    def test_an_outcome_that_changed(self):
        self.told(2, "error")
        self.assertEqual(self.judged(), {"changed its outcome"})

    def test_an_order_that_was_not_kept(self):
        self.turns[1], self.turns[2] = self.turns[2], self.turns[1]
        self.assertEqual(self.judged(), {"out of order"})

    def test_interrupted_needs_a_kill_in_its_time(self):
        self.judge_by_strikes("interrupted")

    def test_an_error_needs_a_kill_in_its_time(self):
        self.judge_by_strikes("error")

    def judge_by_strikes(self, status):
        self.set(2, "imac", "macbook", status=status)
        self.told(2, status)
        moment = check.seconds_of("2026-11-23T01:00:12.500Z")
        self.strikes = [{"t": moment, "kind": "KILL", "victim": "gateway imac"}]
        self.assertEqual(self.judged(), set())
        self.strikes = [{"t": moment, "kind": "KILL", "victim": "gateway macbook"}, {"t": moment, "kind": "STOP", "victim": "gateway imac"},
                        {"t": moment - 5, "kind": "KILL", "victim": "bridge imac"}, {"t": moment + 5, "kind": "KILL", "victim": "bridge imac"}]
        self.assertEqual(self.judged(), {"failed without a kill"})
        # One that waited for a turn to meet, and met this one.
        self.strikes = [{"t": moment - 5, "until": moment, "kind": "KILL", "victim": "gateway imac"}]
        self.assertEqual(self.judged(), set())

    def test_too_few_that_are_ok(self):
        self.round["ok_share"] = 0.9
        self.set(2, "imac", "macbook", status="no_reply")
        self.told(2, "no_reply")
        self.assertEqual(self.judged(), {"too few ok"})

    def test_a_bridge_that_hung(self):
        self.log.append({"n": 40, "from": FROM, "to": TO, "unanswered": "the bridge hangs: no answer for 120 s", "t": 1})
        self.assertEqual(self.judged(), {"the bridge hung"})


if __name__ == "__main__":
    unittest.main(verbosity=2)
