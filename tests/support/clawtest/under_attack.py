"""Three bridges on a hostile broker, and what must hold whatever that does: the base of the hostile-broker tests.

The record files of the echo gateways are the truth about turns. A test wraps each attack in attacked(), and what must not
move meanwhile in in_flight().
"""

import collections
import contextlib
import hashlib
import json
import pathlib
import shutil
import sqlite3
import tempfile
import time

from . import capture, crypto, forgery, hostile_broker, process, wire
from .hostile_broker import CONTENT_TYPE, CORRELATION_DATA, RESPONSE_TOPIC, arriving

# Agents enough that what is under attack at the same time need not wait in one lane.
LANES = [f"lane{number}" for number in range(48)]
BRIDGES = {"macbook": {"gateway": {"agents": ["main", "butler"], "record": "turns.jsonl"}},
           "imac": {"gateway": {"agents": ["jarvis", "pepper", *LANES], "record": "turns.jsonl"}},
           "studio": {"gateway": {"agents": ["friday", *LANES], "record": "turns.jsonl", "delay": "100ms"}}}
SEALED = {"seal": "always"}
FENCE = "claw/fence/state"  # cleared by the broker, again and again: a bridge counts that as state.empty


class UnderAttack:
    """For a case.SharedCase. A class of attacks is run a second time by a class like it with `trust = SEALED`."""

    trust = {}  # merged into each bridge's settings

    # ---- the federation ----

    @classmethod
    def setUpClass(cls):
        port = process.free_port()
        cls.hostile = hostile_broker.HostileBroker(port)
        cls.addClassCleanup(cls.hostile.close)
        cls.bridges = {name: {**settings, "broker": {"url": cls.hostile.url}, "trust": cls.trust} for name, settings in BRIDGES.items()}
        cls.options = {"port": port, "observe": False}
        super().setUpClass()
        cls.keys = {name: bridge.keys() for name, bridge in cls.fed.bridges.items()}
        cls.keys["ghost"] = crypto.Keys.make("ghost")  # a peer that nobody trusts
        cls.asked = {}  # (gateway, correlation id) -> text
        cls.ours = set()  # ids of requests that we made with true keys

    def test_z_what_the_bridges_said(self):
        """Last: whatever was done to them, each of their own messages was as the contract says, and only where it allows."""
        bridges = set(self.keys) - {"ghost"} | {"_all"}
        judge = capture.Judge(self.keys.values(), crypto.unb64url(self.fed.join))
        for message in list(self.hostile.sent):
            if message.correlation_id in self.ours or message.topic.split("/")[1] not in bridges:
                continue  # an answer to what we made, with true keys or as a peer that nobody trusts
            judge.mqtt5 = bool(message.properties)  # one that was talked into MQTT 3.1.1 has none
            texts = [message.property(name) for name in (CONTENT_TYPE, CORRELATION_DATA, RESPONSE_TOPIC)]
            content_type, correlation_data, response_topic = [(text or b"").decode() for text in texts]
            numbers = [str(message.property(name) or "") for name in (hostile_broker.PAYLOAD_FORMAT, hostile_broker.EXPIRY)]
            judge.judge([capture.Seen(message.retain, message.qos, message.topic, message.payload, content_type, numbers[0],
                                      correlation_data, response_topic, numbers[1])])
            if self.trust == SEALED and message.kind in wire.SEALABLE:
                self.assertNotIn("data", message.event)
        self.assertFalse(judge.faults, f"{len(judge.faults)} faults\n" + "\n".join(judge.faults[:5]))

    def client(self, name="attacker", **options):
        client = hostile_broker.Client(self.fed.broker.port, name, **options)
        self.addCleanup(client.close)
        return client

    # ---- true exchanges ----

    def bridge(self, gateway):
        return self.fed.bridges[gateway]

    def ask(self, asker, target, text=None, **arguments):
        """The correlation id of a new exchange with the agent `target`."""
        gateway, agent = target.split("/")
        text = text or f"true {len(self.asked)}"
        status, answer = self.bridge(asker).http("POST", "/v1/tools/sessions_send", {
            "gateway": gateway, "agentId": agent, "message": text, "timeoutSeconds": 0, **arguments})
        self.assertEqual(status, 200, answer)
        self.asked[gateway, answer["correlationId"]] = text
        return answer["correlationId"]

    def view(self, asker, id_):
        """What `clawbridge exchange show --json` prints."""
        return self.bridge(asker).http("GET", f"/v1/exchanges/{id_}")[1]

    def assertEndsRight(self, asker, target, id_, seconds=60):
        answer = self.bridge(asker).http("GET", f"/v1/exchanges/{id_}?wait={seconds}", timeout=seconds + 30)[1]
        gateway = target.split("/")[0]
        self.assertEqual((answer["status"], answer.get("reply")), ("ok", f"echo: {self.asked[gateway, id_]}"), answer)
        self.assertEqual(self.turns()[gateway, id_, self.asked[gateway, id_]], 1, f"turns of {id_}")

    def turns(self):
        """How often each turn ran: (gateway, correlation id, text) -> number."""
        ran = collections.Counter()
        for name, bridge in self.fed.bridges.items():
            for line in process.read(bridge.directory / "turns.jsonl").splitlines():
                turn = json.loads(line)
                ran[name, turn["correlationId"], turn["text"]] += 1
        return ran

    def assertOnlyTrueTurns(self):
        for (gateway, id_, text), times in self.turns().items():
            self.assertEqual((self.asked.get((gateway, id_)), times), (text, 1), f"a turn of {id_} on {gateway}")

    def assertWorking(self):
        for asker, target in (("macbook", "imac/pepper"), ("imac", "macbook/butler"), ("studio", "imac/pepper"), ("macbook", "studio/friday")):
            self.assertEndsRight(asker, target, self.ask(asker, target))
        self.wait_all_online()

    def wait_all_online(self):
        def others():
            return {(bridge.name, peer["gateway"]): peer["presence"] for bridge in self.fed.bridges.values()
                    for peer in bridge.http("GET", "/v1/peers")[1]["peers"] if peer["gateway"] in self.fed.bridges}

        process.wait_until("all to be online for all", lambda: set(others().values()) == {"online"}, 30, step=0.1)

    def cut(self, *gateways):
        """Cuts their connections, and returns when they are back, each in a new epoch."""
        before = {gateway: len(self.hostile.states(gateway)) for gateway in gateways}
        for gateway in gateways:
            self.hostile.cut(gateway)
        process.wait_until("them to be back", lambda: all(len(self.hostile.states(name)) > number for name, number in before.items()), 30)
        self.wait_all_online()

    # ---- one attack ----

    def facts(self):
        """What no attack may change: every exchange that has ended, and whose keys are believed."""
        ended, pinned = {}, {}
        for name, bridge in self.fed.bridges.items():
            for item in bridge.http("GET", "/v1/exchanges?limit=1000")[1]["exchanges"]:
                if item["status"] != "accepted":
                    ended[name, item["correlationId"]] = item
            for item in bridge.http("GET", "/v1/exchanges?limit=3")[1]["exchanges"]:
                if item["status"] != "accepted":
                    ended[name, item["correlationId"]] = self.view(name, item["correlationId"])
            for peer in bridge.http("GET", "/v1/peers")[1]["peers"]:
                if peer["gateway"] in self.fed.bridges:
                    pinned[name, peer["gateway"]] = peer["trust"], peer["fingerprint"]
        return ended, pinned

    @contextlib.contextmanager
    def attacked(self, name):
        """One subtest around one attack."""
        with self.subTest(name):
            self.hostile.errors.clear()
            ended, pinned = self.facts()
            yield
            self.assertFalse(self.hostile.errors, f"the attack itself failed: {self.hostile.errors}")
            self.assertWorking()
            for gateway, id_ in ended:
                now = self.view(gateway, id_)
                self.assertEqual({name: now.get(name) for name in ended[gateway, id_]}, ended[gateway, id_])
            self.assertEqual(self.facts()[1], pinned)
            self.assertOnlyTrueTurns()

    @contextlib.contextmanager
    def in_flight(self, asker="macbook", target="imac/jarvis"):
        """A true exchange whose reply is kept back meanwhile: nothing that happens in the context may move it."""
        with self.hostile.hold(arriving(asker, kind="reply", source=target)) as held:
            id_ = self.ask(asker, target)
            process.wait_until("the reply to be on its way", lambda: held)
            self.settle(asker)
            before = self.view(asker, id_)
            self.assertEqual(before["status"], "accepted")
            yield id_
            self.settle(target.split("/")[0])
            self.settle(asker)
            self.assertEqual(self.view(asker, id_), before)
        self.hostile.release(held)
        self.assertEndsRight(asker, target, id_)

    @contextlib.contextmanager
    def renewed_after(self, gateway, only_if=lambda: True):
        """Whatever others believe of that bridge in the context: its next epoch is above that."""
        try:
            yield
        finally:
            if only_if():
                self.cut(gateway)

    def lose_journal(self, gateway):
        bridge = self.bridge(gateway)
        bridge.stop()
        epoch = json.loads(self.hostile.states(gateway)[-1])["data"]["epoch"]
        process.wait_until("a later second, which is the new journal's first epoch", lambda: time.time() > epoch + 1)
        for path in bridge.store_path.parent.glob("journal.db*"):
            path.unlink()
        bridge.start()

    # ---- what a bridge shows ----

    def counters(self, gateway):
        return collections.Counter(self.bridge(gateway).http("GET", "/v1/status")[1]["counters"])

    def dropped(self, gateway):
        return sum(number for name, number in self.counters(gateway).items() if name.startswith("dropped."))

    def settle(self, gateway):
        """Returns when the bridge has looked at everything that was delivered to it before."""
        before = self.counters(gateway)["state.empty"]
        self.hostile.deliver(gateway, FENCE, b"", retain=True)
        process.wait_until(f"{gateway} to have come so far", lambda: self.counters(gateway)["state.empty"] > before)

    @contextlib.contextmanager
    def counting(self, gateway, expected):
        """Exactly so many messages are not taken at that bridge meanwhile, each by the check that should not take it."""
        self.settle(gateway)
        before = self.counters(gateway)
        yield expected
        self.settle(gateway)
        difference = self.counters(gateway) - before
        counted = {name: number for name, number in difference.items() if name.startswith("dropped.") or name in expected}
        self.assertEqual(counted, dict(expected))

    def incarnation(self, gateway):
        return self.bridge(gateway).http("GET", "/v1/status")[1]["incarnation"]

    def peer(self, gateway, name):
        return next(peer for peer in self.bridge(gateway).http("GET", "/v1/peers")[1]["peers"] if peer["gateway"] == name)

    def presence(self, gateway, peer):
        return next(item["presence"] for item in self.bridge(gateway).http("GET", "/v1/peers")[1]["peers"] if item["gateway"] == peer)

    def is_acknowledged(self, gateway, id_, asker="macbook"):
        """Whether the journal of the responder has it acknowledged: nothing else shows that before it is purged, days later."""
        store = self.bridge(gateway).store_path
        with tempfile.TemporaryDirectory() as directory:  # of a copy: the daemon keeps its journal for itself
            for suffix in ("", "-wal"):
                shutil.copy(f"{store}{suffix}", directory)
            with contextlib.closing(sqlite3.connect(pathlib.Path(directory) / store.name)) as journal:
                rows = journal.execute("SELECT acknowledged FROM incoming WHERE id = ? AND source_gateway = ?", (id_, asker)).fetchall()
        self.assertEqual(len(rows), 1, f"{id_} in the journal of {gateway}")
        return rows[0][0] != 0

    # ---- what the owner of keys has ----

    def authentic(self, made):
        """The payload of an event with the true keys of its source, sealed where the bridges seal."""
        source, target = self.keys[made["source"].split("/")[0]], self.keys[made["subject"].split("/")[0]]
        if wire.Kind(made["type"]).name in wire.SIGNED:
            return wire.finish(made, source)
        if self.trust == SEALED:
            made = forgery.sealed(made, crypto.direction_key("seal", source, target))
        return wire.finish(made, source, target)

    def opened(self, made):
        """A true event with its content readable."""
        if "data_base64" not in made:
            return made
        source, target = self.keys[made["source"].split("/")[0]], self.keys[made["subject"].split("/")[0]]
        return {**made, "data": json.loads(crypto.unseal(source, target, made))}

    # ---- what an attacker has ----

    def receiver(self, gateway):
        """The second reading of the contract in the place of that bridge."""
        return wire.Receiver(self.keys[gateway], [keys for name, keys in self.keys.items() if name != gateway])

    def counter_for(self, gateway, topic, payload):
        """Which counter of that bridge must show that it did not take this."""
        try:
            self.receiver(gateway).receive(payload, topic)
        except wire.Violation as violation:
            return forgery.counter_of(violation)
        raise AssertionError(f"nothing is wrong with {payload!r} on {topic}")

    def introduce_ghost(self):
        """Makes the bridges know the keys of a peer that they do not trust."""
        payload = forgery.state(json.loads(self.hostile.states("imac")[-1]), self.keys["ghost"], join=None, agents=[])
        for gateway in self.fed.bridges:
            self.hostile.deliver(gateway, "claw/ghost/state", payload)
            self.settle(gateway)
            peers = {peer["gateway"]: peer["trust"] for peer in self.bridge(gateway).http("GET", "/v1/peers")[1]["peers"]}
            self.assertEqual(peers["ghost"], "pending")

    def forgers(self, source, target):
        """name -> function of the event that closes it as well as the attacker can. Where bridges seal, also one that seals it before."""
        true, receiver, keys = self.keys[source], self.keys[target], self.keys
        nobody = crypto.Keys.make(source)
        forgers = {"nobody's keys": lambda made: wire.finish(made, nobody, None if wire.Kind(made["type"]).name in wire.SIGNED else receiver),
                   "nobody's keys under the true keyid": lambda made: forgery.by(nobody, made, true, receiver),
                   "another member's keys": lambda made: forgery.by(keys["studio"], made, true, receiver),
                   "a pending peer's keys": lambda made: forgery.by(keys["ghost"], made, true, receiver),
                   "the other direction's key": lambda made: forgery.by_the_receiver(made, true, receiver),
                   "the key of a null exchange": lambda made: forgery.by_a_null_exchange(made, true, receiver),
                   "zeros": lambda made: forgery.by_nothing(made, true, receiver)}
        if self.trust != SEALED:
            return forgers
        own = {name: crypto.direction_key("seal", forgery.in_the_name_of(whose, true), receiver) for name, whose in (
            ("nobody's keys", nobody), ("nobody's keys under the true keyid", nobody),
            ("another member's keys", keys["studio"]), ("a pending peer's keys", keys["ghost"]))}
        sealing = {**own, "the other direction's key": crypto.direction_key("seal", receiver, true),
                   "the key of a null exchange": forgery.null_key("seal", true, receiver), "zeros": bytes(32)}
        return forgers | {f"{name}, sealed": lambda made, close=close, key=sealing[name]: close(forgery.sealed(made, key))
                          for name, close in forgers.items()}

    def assertDropped(self, gateway, forged):
        """Delivers events, closed as they are, and insists that the key or the proof is what fails."""
        expected, topics = collections.Counter(), []
        for topic, payload in forged:
            counter = self.counter_for(gateway, topic, payload)
            self.assertIn(counter, ("dropped.unauthentic", "dropped.key_changed", "dropped.unknown_peer"), payload)
            expected[counter] += 1
            topics.append((topic, payload))
        with self.counting(gateway, expected):
            for topic, payload in topics:
                self.hostile.deliver(gateway, topic, payload)

    def digest(self, id_):
        request = process.wait_until("the request", lambda: self.hostile.of_exchange(id_, "request"))[0]
        return hashlib.sha256(request.payload).hexdigest()

    def record_of_truth(self):
        """Messages of exchanges that have ended, by kind, and the bridge each was for: what an attacker has on tape."""
        for asker, target in (("macbook", "imac/lane0"), ("macbook", "studio/lane0"), ("imac", "macbook/main"), ("studio", "imac/lane1")):
            self.assertEndsRight(asker, target, self.ask(asker, target))
        process.wait_until("acknowledgements", lambda: all(self.hostile.sent_by(name, "ack") for name in ("macbook", "imac", "studio")))
        taped = []
        for message in reversed(self.hostile.sent):
            place = wire.parse_topic(message.topic)
            if place and place[0] in ("inbox", "reply") and message.correlation_id not in self.ours:
                gateway = place[1].split("/")[0]
                if gateway in self.fed.bridges and sum(m.kind == message.kind and g == gateway for g, m in taped) < 6:
                    taped.append((gateway, message))
        self.assertLessEqual({"request", "receipt", "reply", "ack"}, {message.kind for _, message in taped})
        return taped

    def shown_to(self, gateway, payload, owner="imac"):
        """The broker shows a state to one bridge, on its topic and as if it answered a hello."""
        self.hostile.deliver(gateway, f"claw/{owner}/state", payload, retain=True)
        self.hostile.deliver(gateway, f"claw/{gateway}/_bridge/inbox", payload)
        self.settle(gateway)
