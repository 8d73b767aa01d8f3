"""One search for one correlation id finds the whole story: both logs, the broker's traffic, both journals."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from clawtest import case  # noqa: E402
from clawtest.bridge import EXIT_OK  # noqa: E402


class Follow(case.Case):
    def test_one_id_through_everything(self):
        federation = self.federation()
        for _ in range(3):
            federation.macbook.send("imac/pepper", "somebody else")
        secret_text = "a text that no log may show 4711"
        outcome = federation.macbook.send("imac/jarvis", secret_text)
        self.assertCode(outcome, EXIT_OK)
        id_ = outcome.json["correlationId"]

        for bridge in (federation.macbook, federation.imac):
            lines = bridge.log_lines(f"cid={id_}")
            self.assertGreaterEqual(len(lines), 2, f"{bridge.name} tells too little:\n" + "\n".join(lines))
            self.assertTrue(any("exchange.ended" in line or "exchange.answered" in line for line in lines), lines)
            self.assertNotIn(secret_text, "\n".join(line for line in bridge.log().splitlines() if "level=debug" not in line))
        self.assertTrue(federation.macbook.log_lines(f"cid={id_}", "imac"), "the requester's log names the peer")
        self.assertTrue(federation.imac.log_lines(f"cid={id_}", "macbook"), "the responder's log names the peer")

        events = [seen.event for seen in federation.capture.of_exchange(id_)]
        types = [event["type"].removeprefix("claw.v1.") for event in events]
        self.assertEqual((types[0], types[-1]), ("sessions_send.request", "reply"))
        self.assertEqual({event["correlationid"] for event in events}, {id_})

        shown = [bridge.exchange(id_).json for bridge in (federation.macbook, federation.imac)]
        self.assertEqual([item["direction"] for item in shown], ["outgoing", "incoming"])
        for item in shown:
            self.assertEqual((item["correlationId"], item["status"], item["reply"]), (id_, "ok", "echo: " + secret_text))
        self.assertEqual(shown[0]["runId"], shown[1]["runId"])

    def test_secrets_are_in_no_log(self):
        federation = self.federation(users={"imac": "hunter2-imac", "macbook": "hunter2-macbook"}, bridges={
            "macbook": {**case.MACBOOK, "broker": {"username": "macbook", "password": "hunter2-macbook"}},
            "imac": {**case.IMAC, "broker": {"username": "imac", "password": "hunter2-imac"}}})
        self.assertCode(federation.macbook.send("imac/jarvis", "hello"), EXIT_OK)
        for bridge in federation.bridges.values():
            for secret in ("hunter2", federation.join):
                self.assertNotIn(secret, bridge.log())


if __name__ == "__main__":
    case.main()
