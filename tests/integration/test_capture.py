"""Everything that crosses the broker in a varied hour of a federation's life, judged by an independent reading."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from clawtest import case, process, texts  # noqa: E402
from clawtest.bridge import EXIT_OK, EXIT_REFUSED  # noqa: E402


class Traffic(case.Case):
    def test_every_message_is_valid_and_authentic(self):
        federation = self.federation({
            "macbook": case.MACBOOK, "imac": case.IMAC,
            "studio": {"gateway": {"agents": ["smith"], "delay": "300ms"}}})
        for name in ("4 KiB", "emoji", "NUL inside", "256 KiB", "reset", "JSON with a trailer"):
            self.assertCode(federation.macbook.send("imac/jarvis", texts.CORPUS[name]), EXIT_OK)
        self.assertCode(federation.imac.send("studio/smith", "slow one"), EXIT_OK)
        self.assertCode(federation.studio.send("macbook/main", "third direction"), EXIT_OK)
        self.assertCode(federation.macbook.send("imac/nobody", "x"), EXIT_REFUSED)
        for number in range(5):
            federation.macbook.send("studio/smith", f"queued {number}", "--timeout", "0")
        status, _ = federation.macbook.http("POST", "/v1/tools/agents_list", {"gateway": "imac"})
        self.assertEqual(status, 200)
        federation.macbook.send("studio/smith", "the last", "--timeout", "30")
        federation.imac.restart()
        federation.wait_acquainted()
        self.assertCode(federation.macbook.send("imac/pepper", "after the restart"), EXIT_OK)
        federation.studio.kill()

        def will_arrived():
            return any(seen.topic == "claw/studio/state" and seen.event["data"]["state"] == "offline"
                       for seen in federation.capture.messages())

        process.wait_until("the will of the killed bridge", will_arrived, 60, step=0.5)
        process.wait_until("acknowledgements", lambda: federation.judge().counts.get("ack", 0) >= 2, 20, step=0.5)
        for bridge in (federation.macbook, federation.imac):
            bridge.stop()
        judge = self.assertAuthentic(federation)
        for kind, least in {"state": 8, "request": 14, "receipt": 1, "reply": 14, "ack": 2}.items():
            self.assertGreaterEqual(judge.counts.get(kind, 0), least, judge.counts)
        last = {seen.topic: seen.event["data"]["state"] for seen in federation.capture.messages() if seen.topic.endswith("/state")}
        self.assertEqual(last, {f"claw/{name}/state": "offline" for name in ("macbook", "imac", "studio")})

    def test_over_mqtt_3_1_1_the_messages_are_the_same(self):
        federation = self.federation({
            "macbook": {**case.MACBOOK, "broker": {"protocol": "3.1.1"}}, "imac": {**case.IMAC, "broker": {"protocol": "3.1.1"}}})
        outcome = federation.macbook.send("imac/jarvis", "over 3.1.1")
        self.assertCode(outcome, EXIT_OK)
        self.assertEqual(federation.macbook.status()["broker"]["protocol"], 4)
        from clawtest import capture, crypto
        judge = capture.Judge([bridge.keys() for bridge in federation.bridges.values()], crypto.unb64url(federation.join), mqtt5=False)
        self.assertEqual(judge.judge(federation.capture.messages()), [])
        self.assertGreaterEqual(judge.counts["reply"], 1)


if __name__ == "__main__":
    case.main()
