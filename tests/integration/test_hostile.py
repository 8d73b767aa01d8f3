"""Whoever may publish to the broker may send anything. Nothing of it may have an effect, and the daemon keeps working."""

import base64
import json
import pathlib
import random
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from clawtest import case, crypto, process, wire  # noqa: E402
from clawtest.bridge import EXIT_OK  # noqa: E402

VECTORS = json.loads(wire.VECTORS.read_text(encoding="utf-8"))
NOT_TAKEN = re.compile(r"^dropped\.|\.ignored$|^request\.(not_taken|refused|rejected|awaiting_trust)$|^state\.(empty|malformed|key_changed|own_wrong)")
TOPICS = ["claw/imac/jarvis/inbox", "claw/imac/_bridge/inbox", "claw/imac/jarvis/reply", "claw/imac/_bridge/reply",
          "claw/imac/state", "claw/macbook/state", "claw/ghost/state", "claw/_all/hello"]


def foreign_payloads():
    """Bytes that mean nothing to this federation: the vectors (made with other keys) and what a fuzzer would begin with."""
    for vector in [*VECTORS["invalid"], *VECTORS["valid"]]:
        yield vector["payload"].encode() if "payload" in vector else base64.b64decode(vector["payload_base64"])
    chance = random.Random(4711)
    good = VECTORS["valid"][8]["payload"].encode()
    for _ in range(40):
        cut = chance.randrange(1, len(good))
        yield good[:cut]
        changed = bytearray(good)
        for _ in range(chance.randrange(1, 6)):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        yield bytes(changed)
    for text in (b" ", b"\0", b"{", b"}", b"[]", b"null", b'""', b"{}" * 3, b'{"mac":""}', b"\xff" * 300, b"{" * 5000, b"[" * 5000,
                 b'{"a":' * 2000 + b"1" + b"}" * 2000, b"[" + b"0," * 30000 + b"0]", b"-", b'{"type":1e999}'):
        yield text


def mutations(federation):
    """Messages with true keys that break one rule each: (name, topic, payload, retain)."""
    macbook, imac = federation.macbook.keys(), federation.imac.keys()
    incarnation = federation.imac.status()["incarnation"]
    now = wire.now()

    def request(**changes):
        id_ = wire.make_ulid()
        event = {"specversion": "1.0", "id": id_, "type": "claw.v1.sessions_send.request", "source": "macbook/main",
                 "subject": "imac/jarvis", "time": wire.format_time(now), "correlationid": id_,
                 "replyto": "claw/macbook/main/reply", "expirytime": wire.format_time(now + wire.SKEW),
                 "incarnation": incarnation, "datacontenttype": "application/json", "data": {"message": "HOSTILE"}}
        event.update(changes)
        return {name: value for name, value in event.items() if value is not None}

    inbox = "claw/imac/jarvis/inbox"
    eve = crypto.Keys.make("macbook")
    yield "retained", inbox, wire.finish(request(), macbook, imac), True
    yield "wrong agent's topic", "claw/imac/pepper/inbox", wire.finish(request(), macbook, imac), False
    yield "on a reply topic", "claw/imac/jarvis/reply", wire.finish(request(), macbook, imac), False
    yield "for another gateway", inbox, wire.finish(request(subject="studio/jarvis"), macbook, imac), False
    yield "from an unknown gateway", inbox, wire.finish(
        request(source="ghost/g", replyto="claw/ghost/g/reply"), crypto.Keys.make("ghost"), imac), False
    yield "with other keys", inbox, wire.finish(request(), eve, imac), False
    eve.keyid = macbook.keyid
    yield "with other keys and the true keyid", inbox, wire.finish(request(), eve, imac), False
    yield "MAC of the other direction", inbox, wire.finish(request(), imac, macbook), False
    yield "from itself", inbox, wire.finish(request(source="imac/pepper", replyto="claw/imac/pepper/reply"), imac, macbook), False
    yield "another journal", inbox, wire.finish(request(incarnation="0" * 32), macbook, imac), False
    yield "oversize", inbox, wire.finish(request(data={"message": "x" * wire.MESSAGE_BYTES}), macbook, imac), False
    yield "replyto elsewhere", inbox, wire.finish(request(replyto="claw/imac/main/reply"), macbook, imac), False
    yield "a reply to nothing", "claw/imac/jarvis/reply", wire.finish(
        {**request(type="claw.v1.reply", status="ok", replyto=None, expirytime=None, incarnation=None),
         "data": {"status": "ok", "reply": "HOSTILE"}}, macbook, imac), False
    yield "an acknowledgement without ids", "claw/imac/_bridge/inbox", wire.finish(
        {**request(type="claw.v1.ack", source="macbook/_bridge", subject="imac/_bridge", correlationid=None, replyto=None,
                   expirytime=None, incarnation=None), "data": {"ids": []}}, macbook, imac), False
    # The first one is macbook's own: the observer was there before the bridges, and they before the rubbish.
    own_state = next(seen for seen in federation.capture.messages() if seen.topic == "claw/macbook/state").event
    own_state.pop("signature")
    fresh = crypto.Keys.make("macbook")
    own_state["data"]["keys"] = {"sign": crypto.b64url(fresh.sign_public), "box": crypto.b64url(fresh.box_public)}
    own_state["data"]["epoch"] += 1000
    own_state["id"] = wire.make_ulid()
    yield "a state with changed keys", "claw/macbook/state", wire.finish(own_state, fresh), True


class Hostile(case.SharedCase):
    bridges = {"macbook": case.MACBOOK, "imac": {"gateway": {"agents": ["jarvis", "pepper"], "record": "turns.jsonl"}}}

    def turns(self):
        path = self.fed.imac.directory / "turns.jsonl"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def assertWorking(self):
        outcome = self.fed.macbook.send("imac/jarvis", "still there?")
        self.assertCode(outcome, EXIT_OK)
        self.assertEqual(outcome.json["reply"], "echo: still there?")
        back = self.fed.imac.send("macbook/main", "and you?")
        self.assertCode(back, EXIT_OK)

    def dropped(self):
        """Everything that the daemon counted as not taken, by whichever check."""
        return sum(count for name, count in self.fed.imac.counters().items() if NOT_TAKEN.search(name))

    def view(self):
        """What hostile messages might change: exchanges and pinned peers."""
        exchanges = self.fed.imac.cli("exchange", "list").json["exchanges"]
        peers = {peer["gateway"]: (peer["trust"], peer["fingerprint"]) for peer in self.fed.imac.cli("peers", "list").json["peers"]}
        return [(item["correlationId"], item["status"]) for item in exchanges], peers["macbook"]

    def test_foreign_payloads_on_every_topic(self):
        self.assertWorking()
        before, dropped, lines = self.view(), self.dropped(), len(self.fed.imac.log_lines("level=warn"))
        sent = 0
        for number, payload in enumerate(foreign_payloads()):
            self.fed.broker.publish(TOPICS[number % len(TOPICS)], payload, qos=number % 2)
            self.fed.broker.publish("claw/imac/jarvis/inbox", payload)
            sent += 2
        process.wait_until(f"{sent} messages to be dropped, now {self.dropped() - dropped}",
                           lambda: self.dropped() - dropped >= sent * 0.7, 60, step=0.5)
        self.assertEqual(self.view(), before)
        self.assertLess(len(self.fed.imac.log_lines("level=warn")) - lines, sent / 3, "the log is rate-limited")
        self.assertGreater(len(self.fed.imac.log_lines("level=warn")), lines, "but it does say so")
        self.assertWorking()

    def test_true_keys_and_one_broken_rule(self):
        self.assertWorking()
        for name, topic, payload, retain in list(mutations(self.fed)):
            with self.subTest(name):
                before, dropped = self.view(), self.dropped()
                self.fed.broker.publish(topic, payload, retain=retain)
                process.wait_until(f"“{name}” to be dropped and counted", lambda: self.dropped() > dropped, 10, step=0.1)
                self.assertEqual(self.view(), before)
                if retain:
                    self.fed.broker.publish(topic, b"", retain=True)
        self.assertNotIn("HOSTILE", self.turns())
        self.assertWorking()

    def test_a_replayed_request_does_not_run_twice(self):
        outcome = self.fed.macbook.send("imac/pepper", "only once")
        self.assertCode(outcome, EXIT_OK)
        request = self.fed.capture.of_exchange(outcome.json["correlationId"])[0]
        for _ in range(5):
            self.fed.broker.publish(request.topic, request.payload)
        self.assertWorking()
        self.assertEqual(self.turns().count(f'"{outcome.json["correlationId"]}"'), 1)

    def test_a_true_exchange_ends_well_during_a_flood(self):
        from concurrent.futures import ThreadPoolExecutor
        with ThreadPoolExecutor(2) as pool:
            flood = [pool.submit(self.fed.broker.publish, TOPICS[number % 4], b"{" * 1000) for number in range(300)]
            answers = [self.fed.macbook.send("imac/jarvis", f"through the noise {number}") for number in range(5)]
            for published in flood:
                published.result()
        for answer in answers:
            self.assertCode(answer, EXIT_OK)

    def test_retained_rubbish_survives_a_restart_of_the_bridge(self):
        self.fed.broker.publish("claw/imac/jarvis/inbox", b"rubbish", retain=True)
        self.fed.broker.publish("claw/imac/state", b"rubbish", retain=True)
        self.fed.broker.publish("claw/rubbish/state", b"{}", retain=True)
        self.fed.imac.restart()
        self.fed.macbook.wait_until_knows("imac/jarvis")
        self.assertWorking()
        for topic in ("claw/imac/jarvis/inbox", "claw/rubbish/state"):
            self.fed.broker.publish(topic, b"", retain=True)


if __name__ == "__main__":
    case.main()
