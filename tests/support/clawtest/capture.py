"""An independent observer of everything that crosses the broker, and the judgement on what it saw."""

import dataclasses
import hashlib
import subprocess

from . import crypto, process, wire

FIELDS = r"%r\t%q\t%t\t%x\t%C\t%F\t%D\t%R\t%E\t%U"
MARK = "clawtest-capture/mark"


@dataclasses.dataclass(frozen=True)
class Seen:
    """One message as the broker passed it on; the properties are empty texts where the publisher set none."""

    retained: bool  # as the publisher set it (Retain As Published)
    qos: int
    topic: str
    payload: bytes
    content_type: str
    payload_format: str
    correlation_data: str
    response_topic: str
    expiry_interval: str
    arrived: str = ""  # when the observer had it, seconds since 1970; empty: just now

    @property
    def event(self):
        return wire.check_form(self.payload)[0]

    def is_of(self, correlation_id):
        """Whether it belongs to that exchange; False for what is no message at all."""
        try:
            return correlation_id.encode() in self.payload and self.event.get("correlationid") == correlation_id
        except wire.Violation:
            return False


class Capture:
    """mosquitto_sub on everything below the base. Start it before the bridges: it then sees every message.

    Two observers of one broker need two names; one that watches `#` has its own mark."""

    def __init__(self, broker, path, base="claw", name="clawtest-observer", everything=False):
        self.broker, self.path, self.marks = broker, path, 0
        self.topic = f"{name}/mark" if everything else MARK
        self.daemon = process.Daemon(
            ["mosquitto_sub", "-h", "127.0.0.1", "-p", str(broker.port), "-V", "5", "-q", "1", "-k", "600",
             "-c", "-i", name, "-x", "3600", "--retain-as-published",
             *(["-t", "#"] if everything else ["-t", f"{base}/#", "-t", MARK]), "-F", FIELDS], path)
        self.mark()

    def mark(self):
        """Returns when everything that the broker took before this call is in the file."""
        self.marks += 1
        text = f"{self.marks}".encode()

        def seen():
            self.broker.publish(self.topic, text)
            return any(line.split("\t")[2:4] == [self.topic, text.hex()] for line in process.read(self.path).splitlines())

        process.wait_until("the observer to be subscribed and up to date", seen, seconds=60, step=0.1)

    def messages(self):
        """Everything so far, in the broker's order."""
        self.mark()
        found = []
        for line in process.read(self.path).splitlines():
            parts = line.split("\t")
            if len(parts) == 10 and not parts[2].endswith("/mark"):
                found.append(Seen(parts[0] == "1", int(parts[1]), parts[2], bytes.fromhex(parts[3]), *parts[4:]))
        return found

    def of_exchange(self, correlation_id):
        return [seen for seen in self.messages() if seen.is_of(correlation_id)]

    def stop(self):
        self.daemon.stop()


class Judge:
    """Validates captured messages one by one and what holds between them. Each fault is one text in `faults`.

    `keys`: every bridge's crypto.Keys with secrets. `join`: the join secret's bytes, or None.
    """

    def __init__(self, keys, join=None, base="claw", mqtt5=True):
        self.keys = {item.gateway: item for item in keys}
        self.join, self.base, self.mqtt5 = join, base, mqtt5
        self.clock = wire.now
        self.faults = []
        self.counts = {}
        self._bytes_of_id = {}
        self._states = {}  # (gateway, incarnation) -> latest (epoch, revision); a new journal knows no earlier epoch
        self._incarnations = {}  # gateway -> every incarnation its states have told
        self._requests, self._stages, self._replies = {}, {}, {}

    def judge(self, messages):
        for seen in messages:
            try:
                self._judge_one(seen)
            except (wire.Violation, AssertionError) as fault:
                self.faults.append(f"{seen.topic}: {fault}\n    {seen.payload[:600]!r}")
        return self.faults

    def _judge_one(self, seen):
        assert seen.qos == 1, f"published at QoS {seen.qos}"
        event, kind = self._receive(seen)
        self.counts[kind.name] = self.counts.get(kind.name, 0) + 1
        unknown = set(event) - wire.KNOWN_ATTRIBUTES
        assert not unknown, f"attributes that the contract does not have: {unknown}"
        errors = wire.schema_errors(event, kind)
        assert not errors, f"schema: {errors}"
        digest = hashlib.sha256(seen.payload).hexdigest()
        assert self._bytes_of_id.setdefault(event["id"], digest) == digest, "one id, two payloads"
        if self.mqtt5:
            self._judge_properties(seen, event, kind)
        getattr(self, f"_judge_{kind.name}", lambda *_: None)(seen, event, digest)

    def _receive(self, seen):
        """Every check of the receiver that the topic names, with its true keys."""
        place = wire.parse_topic(seen.topic, self.base)
        assert place, f"{seen.topic} is no topic of the federation"
        event, _ = wire.check_form(seen.payload)
        target = (place[1] or event["source"]).split("/")[0]
        assert target in self.keys, f"for {target}, which no bridge here is"
        arrived = wire.from_seconds(float(seen.arrived)) if seen.arrived else self.clock()
        receiver = wire.Receiver(self.keys[target], self.keys.values(), base=self.base, clock=lambda: arrived)
        event, kind, _ = receiver.receive(seen.payload, seen.topic, seen.retained)
        return event, kind

    def _judge_properties(self, seen, event, kind):
        if kind.name == "state" and event["data"]["revision"] == wire.WILL_REVISION:
            return
        assert seen.content_type == "application/cloudevents+json", f"Content Type {seen.content_type!r}"
        assert seen.payload_format == "1", f"Payload Format Indicator {seen.payload_format!r}"
        assert seen.correlation_data == event.get("correlationid", ""), f"Correlation Data {seen.correlation_data!r}"
        if kind.name == "request":
            assert seen.response_topic == event["replyto"], f"Response Topic {seen.response_topic!r}"
            left = (wire.parse_time(event["expirytime"]) - wire.parse_time(event["time"])).total_seconds()
            assert seen.expiry_interval and 0 < int(seen.expiry_interval) <= left + 1, f"Message Expiry {seen.expiry_interval!r}"

    def _judge_state(self, seen, event, _digest):
        data, gateway = event["data"], event["source"].split("/")[0]
        keys = self.keys[gateway]
        assert crypto.unb64url(data["keys"]["sign"]) == keys.sign_public, "not the sign key of the key file"
        assert crypto.unb64url(data["keys"]["box"]) == keys.box_public, "not the box key of the key file"
        if self.join is not None:
            assert crypto.unb64url(data.get("join", "")) == crypto.join_proof(self.join, gateway, keys.fingerprint), "join proof"
        assert len(seen.payload) <= wire.STATE_BYTES, "a state over 64 KiB"
        self._incarnations.setdefault(gateway, set()).add(data["incarnation"])
        if not seen.topic.endswith("/state"):
            return
        assert seen.retained, "a state that was published not retained"
        order, journal = (data["epoch"], data["revision"]), (gateway, data["incarnation"])
        if data["revision"] == wire.WILL_REVISION and order < self._states.get(journal, (0, 0)):
            return  # the will of an earlier connection may come late; it ends that epoch and no later one
        assert order >= self._states.get(journal, (0, 0)), f"state {order} after {self._states[journal]}"
        self._states[journal] = order

    def _judge_request(self, seen, event, _digest):
        first = self._requests.setdefault(event["id"], event)
        assert first == event
        target = event["subject"].split("/")[0]
        if "incarnation" in event:
            assert event["incarnation"] in self._incarnations.get(target, ()), "an incarnation that no state has told"

    def _answered(self, event, seen):
        request = self._requests.get(event["correlationid"])
        assert request, "answers a request that nobody published"
        assert event["source"] == request["subject"], "answered by another than was asked"
        assert event["subject"] == request["source"], "answered to another than asked"
        assert seen.topic == request["replyto"], "not on the reply topic"
        return request

    def _judge_receipt(self, seen, event, digest):
        self._answered(event, seen)
        order = ["deferred", "stored", "queued", "started"]
        stage = order.index(event["data"]["stage"])
        known = self._stages.setdefault(event["correlationid"], [])
        if digest in (item[1] for item in known):
            return
        assert event["correlationid"] not in self._replies, "a new receipt after the reply"
        assert not known or stage >= known[-1][0], f"{event['data']['stage']} after {order[known[-1][0]]}"
        known.append((stage, digest))

    def _judge_reply(self, seen, event, digest):
        request = self._answered(event, seen)
        if wire.Kind(request["type"]).operation not in wire.READ_ONLY:
            assert self._replies.setdefault(event["correlationid"], digest) == digest, "two different replies to one request"

    def _judge_ack(self, _seen, event, _digest):
        for id_ in event["data"]["ids"]:
            request = self._requests.get(id_)
            assert request and id_ in self._replies, f"acknowledges {id_}, which has no reply"
            assert request["source"].split("/")[0] == event["source"].split("/")[0], "acknowledged by another than asked"
