"""The published vectors against the tests' own reading of the contract, the schemas and the examples.

This needs no bridge: it shows that the judge of the other tests can be trusted, in both directions.
"""

import base64
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from clawtest import capture, case, crypto, wire  # noqa: E402

VECTORS = json.loads(wire.VECTORS.read_text(encoding="utf-8"))
NOW = wire.parse_time(VECTORS["receiver_of_invalid"]["now"])
KEYS = {name: crypto.Keys.from_json(name, value) for name, value in VECTORS["gateways"].items() if "/" not in name}

# Valid bytes on the wire that a receiver nevertheless answers with `unsupported`.
ANSWERED_UNSUPPORTED = {"request of an unknown operation", "request of another major"}

# Faults of attributes that lie between two members, or between a text and the calendar: no schema can see them.
BEYOND_A_SCHEMA = {"correlationid is not id", "replyto of another", "chain ends elsewhere", "part 2 of 2 counted from 1"}


def payload_of(vector):
    return vector["payload"].encode() if "payload" in vector else base64.b64decode(vector["payload_base64"])


def receiver(gateway, invalid=False):
    made = wire.Receiver(KEYS[gateway], [keys for name, keys in KEYS.items() if name in ("macbook", "imac", "studio")],
                         incarnation=VECTORS["gateways"][gateway]["incarnation"], clock=lambda: NOW)
    if invalid:
        context = VECTORS["receiver_of_invalid"]
        for known in context["known"]:
            made.known[known["source"], known["id"]] = known["sha256"]
        mark = context["replay_mark"]
        made.replay_marks[mark["source"]] = (wire.parse_time(mark["id_time"]), wire.parse_time(mark["expirytime"]))
    return made


class Vectors(case.Case):
    def test_every_schema_is_a_schema(self):
        wire.check_schemas_themselves()

    def test_valid_vectors_pass_every_check(self):
        self.assertGreaterEqual(len(VECTORS["valid"]), 49)
        for vector in VECTORS["valid"]:
            with self.subTest(vector["name"]):
                place = wire.parse_topic(vector["topic"])
                gateway = (place[1] or "imac/_bridge").split("/")[0]
                try:
                    receiver(gateway).receive(payload_of(vector), vector["topic"])
                    self.assertNotIn(vector["name"], ANSWERED_UNSUPPORTED)
                except wire.Violation as violation:
                    self.assertIn(vector["name"], ANSWERED_UNSUPPORTED, violation)
                    self.assertEqual(violation.code, "unsupported")

    def test_valid_vectors_pass_their_schema(self):
        for vector in VECTORS["valid"]:
            with self.subTest(vector["name"]):
                event, _ = wire.check_form(payload_of(vector))
                self.assertEqual(wire.schema_errors(event, wire.Kind(event["type"])), [])

    def test_invalid_vectors_fail_at_the_named_check_with_the_named_code(self):
        self.assertGreaterEqual(len(VECTORS["invalid"]), 73)
        for vector in VECTORS["invalid"]:
            with self.subTest(vector["name"]):
                with self.assertRaises(wire.Violation) as caught:
                    receiver("imac", invalid=True).receive(payload_of(vector), vector["topic"])
                self.assertEqual((caught.exception.check, caught.exception.code), (vector["check"], vector["code"]))

    def test_the_known_request_is_a_duplicate(self):
        vector = next(vector for vector in VECTORS["valid"] if vector["name"] == "request sessions_send")
        self.assertEqual(receiver("imac", invalid=True).receive(payload_of(vector), vector["topic"])[2], "duplicate")

    def test_schemas_alone_reject_wrong_attributes(self):
        for vector in VECTORS["invalid"]:
            if vector["check"] != "attributes" or vector["name"] in BEYOND_A_SCHEMA:
                continue
            with self.subTest(vector["name"]):
                event, _ = wire.check_form(payload_of(vector))
                self.assertTrue(wire.schema_errors(event, wire.Kind(event["type"])), "the schema takes it")

    def test_an_oversize_message_fails_first(self):
        with self.assertRaises(wire.Violation) as caught:
            receiver("imac").receive(b"{" + b" " * wire.MESSAGE_BYTES, "claw/imac/jarvis/inbox")
        self.assertEqual((caught.exception.check, caught.exception.code), ("size", "too_large"))

    def test_every_changed_byte_is_noticed(self):
        vector = next(vector for vector in VECTORS["valid"] if vector["name"] == "receipt started")
        payload = payload_of(vector)
        for at in range(len(payload)):
            changed = payload[:at] + bytes([payload[at] ^ 1]) + payload[at + 1:]
            with self.assertRaises(wire.Violation, msg=f"byte {at}"):
                receiver("macbook").receive(changed, vector["topic"])

    def test_only_states_may_be_retained(self):
        for vector in VECTORS["valid"]:
            gateway = (wire.parse_topic(vector["topic"])[1] or "imac/_bridge").split("/")[0]
            if vector["topic"].endswith("/state") or vector["name"] in ANSWERED_UNSUPPORTED:
                continue
            with self.subTest(vector["name"]), self.assertRaises(wire.Violation) as caught:
                receiver(gateway).receive(payload_of(vector), vector["topic"], retained=True)
            self.assertEqual(caught.exception.check, "topic")


class Cryptography(case.Case):
    def test_keys_of_both_directions(self):
        for direction in VECTORS["directions"]:
            source, target = KEYS[direction["source"]], KEYS[direction["target"]]
            for label in ("mac", "seal"):
                self.assertEqual(crypto.direction_key(label, source, target).hex(), direction[f"{label}_key_hex"])

    def test_fingerprints_and_join_proofs(self):
        secret = crypto.unb64url(VECTORS["join_secret"]["text"])
        for name, value in VECTORS["gateways"].items():
            if name not in KEYS:
                continue
            self.assertEqual(KEYS[name].fingerprint.hex(), value["fingerprint"])
            if "join" in value:
                self.assertEqual(crypto.b64url(crypto.join_proof(secret, name, KEYS[name].fingerprint)), value["join"])

    def test_rotation(self):
        vector = VECTORS["rotation"]
        rotation = {"sign": vector["old_sign"], "proof": vector["proof"]}
        self.assertTrue(crypto.rotation_is_proven("studio", rotation, bytes.fromhex(vector["new_fingerprint"])))
        self.assertFalse(crypto.rotation_is_proven("imac", rotation, bytes.fromhex(vector["new_fingerprint"])))

    def test_sealed_content_opens_and_is_made(self):
        seal = VECTORS["seal"]
        event = json.loads(next(vector for vector in VECTORS["valid"] if vector["name"] == seal["message"])["payload"])
        self.assertEqual(crypto.unseal(KEYS["macbook"], KEYS["imac"], event).decode(), seal["plaintext"])
        key = crypto.direction_key("seal", KEYS["macbook"], KEYS["imac"])
        self.assertEqual(crypto.seal(key, event, seal["plaintext"].encode(), bytes.fromhex(seal["nonce_hex"])), event["data_base64"])


class Examples(case.Case):
    def test_every_type_has_an_example_made_of_the_vectors_bytes(self):
        valid = {vector["payload"] for vector in VECTORS["valid"]}
        directory = wire.SOURCE_DIR / "topics" / "examples"
        self.assertEqual(sorted(path.stem for path in directory.glob("*.json")), wire.schema_names())
        for path in sorted(directory.glob("*.json")):
            with self.subTest(path.name):
                event = json.loads(path.read_text(encoding="utf-8"))
                self.assertIn(json.dumps(event, ensure_ascii=False, separators=(",", ":")), valid)
                kind = wire.Kind(event["type"])
                self.assertEqual(wire.schema_name(kind), path.stem)
                self.assertEqual(wire.schema_errors(event, kind), [])


class TheJudge(case.Case):
    """The judge of captured traffic must be able to find fault."""

    def seen(self, name, **changes):
        vector = next(vector for vector in VECTORS["valid"] if vector["name"] == name)
        known = {"retained": vector["topic"].endswith("/state"), "qos": 1, "topic": vector["topic"],
                 "payload": payload_of(vector), "content_type": "", "payload_format": "", "correlation_data": "",
                 "response_topic": "", "expiry_interval": ""}
        return capture.Seen(**{**known, **changes})

    def faults(self, *messages, join=None):
        judge = capture.Judge([KEYS[name] for name in ("macbook", "imac", "studio")],
                              join or crypto.unb64url(VECTORS["join_secret"]["text"]), mqtt5=False)
        judge.clock = lambda: NOW
        return judge.judge(messages)

    def test_a_whole_exchange_is_good(self):
        self.assertEqual(self.faults(*map(self.seen, ("state imac", "state macbook", "request sessions_send", "receipt queued",
                                                      "receipt started", "progress 1", "reply ok"))), [])

    def test_what_is_wrong_between_messages_is_found(self):
        state, request = self.seen("state imac"), self.seen("request sessions_send")
        for what, *messages in (
                ("no state has told", request),
                ("nobody published", state, self.seen("reply ok")),
                ("two different replies", state, request, self.seen("reply ok"), self.seen("reply error")),
                ("after the reply", state, request, self.seen("reply ok"), self.seen("receipt started")),
                ("after started", state, request, self.seen("receipt started"), self.seen("receipt queued")),
                ("QoS 0", self.seen("state imac", qos=0)),
                ("retained", state, self.seen("request sessions_send", retained=True)),
                ("published not retained", self.seen("state imac", retained=False)),
                ("state (", self.seen("state degraded"), state),
                ("acknowledges", state, request, self.seen("ack")),
                ("does not have", state, self.seen("request sessions_send with everything"))):
            with self.subTest(what):
                found = self.faults(*messages)
                self.assertEqual(len(found), 1, found)
                self.assertIn(what, found[0])

    def test_a_wrong_join_proof_is_found(self):
        self.assertIn("join proof", self.faults(self.seen("state imac"), join=b"x" * 16)[0])


if __name__ == "__main__":
    case.main()
