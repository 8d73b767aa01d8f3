"""A broker that lies in every way MQTT allows: no forged or replayed message has an effect on a turn or an outcome.

Three bridges reach a real mosquitto through clawtest.hostile_broker. Each subtest is one attack, most of them while a
true exchange is under way: it ends right, nothing that had ended changes, no turn runs that nobody asked for or runs
twice, and after it exchanges work in each direction and everyone is online. Each class of attacks has a second one that
runs them with `trust.seal: always`. test_hostile_states.py has the attacks on states, names and journals.
"""

import collections
import hashlib
import json
import pathlib
import random
import socket
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from clawtest import case, crypto, forgery, hostile_broker, process, wire  # noqa: E402
from clawtest.hostile_broker import CONTENT_TYPE, CORRELATION_DATA, RESPONSE_TOPIC, Refused, arriving, leaving  # noqa: E402
from clawtest.under_attack import LANES, SEALED, UnderAttack  # noqa: E402


class WhatIsSaid(UnderAttack, case.SharedCase):
    """Messages that nobody said, or not so, or not to this one, or not now."""

    def test_an_effect_would_be_seen(self):
        """With true keys the same tools do have an effect, and the checks of the other tests find it."""
        with self.assertRaises(AssertionError), self.in_flight() as id_:
            lie = forgery.event("reply", "imac/jarvis", "macbook/_bridge", id_, {"status": "ok", "reply": forgery.HOSTILE}, status="ok")
            self.hostile.deliver("macbook", forgery.address_topic(lie), self.authentic(lie))
        self.assertEqual(self.view("macbook", id_)["reply"], forgery.HOSTILE)
        made = forgery.request("macbook/_bridge", "imac/jarvis", self.incarnation("imac"))
        self.ours.add(made["id"])
        self.hostile.deliver("imac", forgery.address_topic(made), self.authentic(made))
        process.wait_until("the turn", lambda: self.turns()["imac", made["id"], forgery.HOSTILE])
        with self.assertRaises(AssertionError):
            self.assertOnlyTrueTurns()
        self.asked["imac", made["id"]] = forgery.HOSTILE

    # ---- altered, re-attributed, downgraded ----

    def test_altered_on_the_way(self):
        for asker, gateway, kind in (("macbook", "imac", "request"), ("studio", "imac", "reply"), ("macbook", "studio", "receipt")):
            receiver = gateway if kind == "request" else asker
            alterations = self.alterations(asker, gateway, kind)
            waiting, seen = {}, collections.defaultdict(list)

            def alter(message):
                alteration = waiting.get(message.correlation_id)
                if alteration and kind == "reply" and (message.gateway, message.kind) == (receiver, "receipt"):
                    return []  # on a slow machine there is one, and the request would not be repeated for five minutes
                if message.outbound or alteration is None or (message.gateway, message.kind) != (receiver, kind):
                    return None
                if kind != "receipt":
                    del waiting[message.correlation_id]  # the first only: it is repeated until it arrives
                other = message.but(payload=alterations[alteration](message))
                seen[alteration].append(self.counter_for(receiver, other.topic, other.payload))
                return [other]

            before = self.counters(receiver)
            exchanges = {}
            with self.attacked(f"{kind}s altered"), self.hostile.attack(alter):
                for number, alteration in enumerate(alterations):
                    target = f"{gateway}/{LANES[number]}"
                    with self.hostile.hold(leaving(asker, kind="request")) as held:
                        id_ = self.ask(asker, target)
                        waiting[id_] = alteration
                    self.hostile.release(held)
                    exchanges[alteration] = target, id_
                for alteration, (target, id_) in exchanges.items():
                    with self.subTest(f"{kind}: {alteration}"):
                        self.assertEndsRight(asker, target, id_)
                        self.assertTrue(seen[alteration], "nothing was altered")
                self.settle(receiver)
                difference = self.counters(receiver) - before
                self.assertEqual({name: number for name, number in difference.items() if name.startswith("dropped.")},
                                 dict(collections.Counter(counter for counters in seen.values() for counter in counters)))

    def alterations(self, asker, gateway, kind):
        """Of messages of that kind between the two; sealed ones may also get the content of an earlier one."""
        if self.trust != SEALED or kind not in wire.SEALABLE:
            return forgery.alterations()
        id_ = self.ask(asker, f"{gateway}/{LANES[0]}")
        self.assertEndsRight(asker, f"{gateway}/{LANES[0]}", id_)
        return forgery.alterations(self.hostile.of_exchange(id_, kind)[0])

    def test_altered_acknowledgements_and_states(self):
        id_ = self.ask("macbook", "imac/jarvis")
        self.assertEndsRight("macbook", "imac/jarvis", id_)
        ack = process.wait_until("the acknowledgement", lambda: [
            message for message in self.hostile.sent_by("macbook", "ack") if id_ in message.event["data"]["ids"]])[0]
        with self.attacked("acknowledgements altered"), self.in_flight() as open_id:
            for name, alteration in forgery.ALTERATIONS.items():
                with self.subTest(f"ack: {name}"):
                    payload = alteration(ack.but(payload=ack.payload.replace(id_.encode(), open_id.encode())))
                    self.counter_for("imac", ack.topic, payload)  # insists that there is something wrong with it
                    before = self.dropped("imac")
                    self.hostile.deliver("imac", ack.topic, payload)
                    self.settle("imac")
                    self.assertEqual(self.dropped("imac"), before + 1)
            self.assertFalse(self.is_acknowledged("imac", open_id))
        state = self.hostile.states("imac")[-1]
        data = json.loads(state)["data"]
        later, other_box = {"epoch": data["epoch"] + 1000}, {**data["keys"], "box": crypto.b64url(self.keys["studio"].box_public)}
        lies = {"state": {"state": "offline", "revision": wire.WILL_REVISION - 1}, "epoch": {**later, "agents": []},
                "keys": {**later, "keys": other_box}, "incarnation": {**later, "incarnation": "0" * 32}}
        with self.attacked("states altered"), self.in_flight():
            for name, lie in lies.items():
                with self.subTest(f"state: {name}"):
                    self.shown_to("macbook", forgery.rewritten(state, data={**data, **lie}))
                    self.assertEqual(self.presence("macbook", "imac"), "online")
            with self.subTest("state: on another's topic"), self.counting("macbook", {"state.malformed": 1}):
                self.hostile.deliver("macbook", "claw/studio/state", state, retain=True)

    # ---- forged ----

    def test_forged_receipts_replies_and_refusals(self):
        self.introduce_ghost()
        with self.attacked("forged to the requester"), self.in_flight() as id_:
            digest = self.digest(id_)
            for name, close in self.forgers("imac", "macbook").items():
                with self.subTest(name):
                    claims = list(forgery.claims("imac/jarvis", "macbook/_bridge", id_, digest))
                    self.assertDropped("macbook", [(forgery.address_topic(made), close(made)) for made in claims])
            self.assertNotIn("hint", self.view("macbook", id_))

    def test_forged_requests_and_acknowledgements(self):
        self.introduce_ghost()
        with self.attacked("forged to the responder"), self.in_flight() as id_:
            since = len(self.hostile.sent)
            for name, close in self.forgers("macbook", "imac").items():
                with self.subTest(name):
                    demands = list(forgery.demands("macbook/main", "imac/jarvis", self.incarnation("imac"), id_))
                    demands.append(forgery.event("hello", "macbook/_bridge"))
                    self.assertDropped("imac", [(forgery.address_topic(made), close(made)) for made in demands])
            self.assertFalse(self.is_acknowledged("imac", id_))
            told = [m for m in self.hostile.sent_by("imac", since=since) if m.correlation_id != id_]
            for ack in (m for m in told if m.kind == "ack"):  # of what imac itself asked before, at most a second late
                self.assertNotIn(id_, ack.event["data"]["ids"])
            self.assertLessEqual({m.kind for m in told} - {"ack"}, {"refusal"})

    def test_refusals_are_few(self):
        """An attacker cannot make a bridge answer each forgery: one refusal per claimed gateway and 10 s."""
        with self.attacked("a flood of forgeries"), self.in_flight():
            since, begin = len(self.hostile.sent), time.monotonic()
            made = [forgery.by_nothing(forgery.request(f"{name}/x", "imac/jarvis", "0" * 32), self.keys[name], None)
                    for name in ("macbook", "studio", "ghost") for _ in range(40)]
            for payload in made:
                self.hostile.deliver("imac", "claw/imac/jarvis/inbox", payload)
            self.settle("imac")
            refusals = collections.Counter(m.topic for m in self.hostile.sent_by("imac", "refusal", since))
            most = 1 + int((time.monotonic() - begin) / 10) + 1
            self.assertTrue(all(number <= most for number in refusals.values()), refusals)

    def test_what_others_may_say_does_not_count_for_this_exchange(self):
        """True keys, but not those of whom the exchange is with: another member, a pending peer, another agent of the same gateway."""
        self.introduce_ghost()
        with self.attacked("true keys of others"), self.in_flight() as id_:
            digest = self.digest(id_)

            def deliver(gateway, made):
                payload = self.authentic(made)
                self.receiver(gateway).receive(payload, forgery.address_topic(made))  # authentic
                self.hostile.deliver(gateway, forgery.address_topic(made), payload)

            ignored = {"receipt.ignored": len(forgery.STAGES), "reply.ignored": len(forgery.REPLY_STATUSES), "progress.ignored": 1}
            with self.subTest("another member"), self.counting("macbook", {**ignored, "refusal.ignored": len(forgery.REFUSALS)}):
                for made in forgery.claims("studio/friday", "macbook/_bridge", id_, digest):
                    deliver("macbook", made)
            with self.subTest("another agent of the same gateway"), self.counting("macbook", ignored):
                for made in forgery.claims("imac/pepper", "macbook/_bridge", id_, digest):
                    if not made["type"].endswith("refusal"):
                        deliver("macbook", made)
            with self.subTest("to another asker there"), self.counting("macbook", ignored):
                for made in forgery.claims("imac/jarvis", "macbook/main", id_, digest):
                    if not made["type"].endswith("refusal"):
                        deliver("macbook", made)
            with self.subTest("refusals of bytes that we did not publish"):
                for made in forgery.claims("imac/jarvis", "macbook/_bridge", id_, hashlib.sha256(b"").hexdigest()):
                    if made["type"].endswith("refusal"):
                        deliver("macbook", made)
                self.settle("macbook")
                self.assertNotIn("hint", self.view("macbook", id_))
            pending = sum(1 for _ in forgery.claims("ghost/x", "macbook/_bridge", id_, digest))
            with self.subTest("a pending peer"), self.counting("macbook", {"dropped.pending_peer": pending + 1}):
                for made in forgery.claims("ghost/x", "macbook/_bridge", id_, digest):
                    deliver("macbook", made)
                deliver("macbook", forgery.event("ack", "ghost/_bridge", "macbook/_bridge", data={"ids": [id_]}))
            with self.subTest("acknowledged, asked about and cancelled by another member"):
                for made in (forgery.event("ack", "studio/_bridge", "imac/_bridge", data={"ids": [id_]}),
                             forgery.request("studio/_bridge", "imac/_bridge", operation="status", data={"ids": [id_]}),
                             forgery.request("studio/_bridge", "imac/_bridge", self.incarnation("imac"), "cancel",
                                             {"id": id_, "expirytime": wire.format_time(wire.now() + wire.SKEW)})):
                    self.ours.add(made["id"])
                    deliver("imac", made)
                self.settle("imac")
                self.assertFalse(self.is_acknowledged("imac", id_))
                answers = [self.opened(m.event) for m in self.hostile.sent_by("imac", "reply") if m.correlation_id in self.ours]
                said = [made["data"]["exchanges"] for made in answers if "exchanges" in made.get("data", {})]
                self.assertIn(said, ([], [[{"id": id_, "state": "not_found"}]]), "another's exchange was told about")

    def test_a_pending_peer_gets_no_turn(self):
        self.introduce_ghost()
        with self.attacked("requests of a pending peer"), self.in_flight() as id_:
            demands = list(forgery.demands("ghost/x", "imac/jarvis", self.incarnation("imac"), id_))
            for made in demands:
                if made["id"] != id_:
                    self.ours.add(made["id"])
                self.hostile.deliver("imac", forgery.address_topic(made), self.authentic(made))
            self.settle("imac")
            answers = [m for m in self.hostile.sent_by("imac") if m.topic.startswith("claw/ghost/")]
            self.assertLessEqual({m.kind for m in answers}, {"receipt", "refusal"})
            self.assertLessEqual({m.event["data"]["stage"] for m in answers if m.kind == "receipt"}, {"deferred"})
            self.assertTrue([m for m in answers if m.kind == "receipt"])

    def test_plain_text_is_answered_by_nobody(self):
        with self.attacked("plain text"), self.in_flight(), self.counting("imac", {"dropped.form": 3}):
            since = len(self.hostile.sent)
            properties = [(RESPONSE_TOPIC, b"me/1"), (CORRELATION_DATA, b"1")]
            for payload in (b"HOSTILE", b"  HOSTILE", b"/reset HOSTILE"):
                self.hostile.deliver("imac", "claw/imac/jarvis/inbox", payload, properties=properties)
            self.settle("imac")
            self.assertFalse([m for m in self.hostile.sent[since:] if not m.topic.startswith("claw/")])

    # ---- replayed, redirected, reflected ----

    def test_replayed(self):
        taped = self.record_of_truth()
        with self.attacked("replayed as they were"), self.in_flight(), self.in_flight("macbook", "studio/friday"):
            for _ in range(2):
                for gateway, message in taped:
                    self.hostile.deliver(gateway, message.topic, message.payload)
            for gateway in self.fed.bridges:
                self.settle(gateway)
        with self.attacked("replayed with RETAIN"), self.in_flight():
            for gateway in self.fed.bridges:
                mine = [message for name, message in taped if name == gateway]
                with self.subTest(gateway), self.counting(gateway, {"dropped.retained": len(mine)}):
                    for message in mine:
                        self.hostile.deliver(gateway, message.topic, message.payload, retain=True)
        with self.attacked("replayed through the broker with RETAIN"), self.in_flight():
            requests = [message for _, message in taped if message.kind == "request"]
            client = hostile_broker.Client(self.fed.broker.port, "replayer")
            for message in requests:
                client.publish(message.topic, message.payload, retain=True)
            for message in requests:
                client.publish(message.topic, b"", retain=True)
            client.close()

    def test_redirected_and_reflected(self):
        taped = self.record_of_truth()
        for name, other in (("to another gateway", lambda gateway: "studio" if gateway != "studio" else "imac"),):
            with self.attacked(name), self.in_flight():
                for gateway, message in taped:
                    victim = other(gateway)
                    for topic in {message.topic, message.topic.replace(f"/{gateway}/", f"/{victim}/"),
                                  f"claw/{victim}/_bridge/inbox", f"claw/{victim}/_bridge/reply", f"claw/{gateway}/state", "claw/_all/hello"}:
                        self.hostile.deliver(victim, topic, message.payload)
                self.settle("studio")
        taped = [(gateway, message) for gateway, message in taped if "subject" in message.event]
        with self.attacked("back to the sender"), self.in_flight():
            for _, message in taped:
                sender = message.gateway
                made = message.event
                reflected = forgery.rewritten(message.payload, source=made["subject"], subject=made["source"],
                                              replyto=f"claw/{made['subject']}/reply" if "replyto" in made else None)
                for topic in (message.topic, f"claw/{made['source']}/inbox", f"claw/{made['source']}/reply"):
                    self.hostile.deliver(sender, topic, message.payload)
                    self.hostile.deliver(sender, topic, reflected)
                self.settle(sender)
        with self.attacked("to another agent"), self.in_flight():
            for gateway, message in taped:
                for agent in ("jarvis", "pepper", "main", "friday", "_bridge"):
                    if message.event["subject"] != f"{gateway}/{agent}":
                        self.hostile.deliver(gateway, f"claw/{gateway}/{agent}/{message.topic.rsplit('/', 1)[1]}", message.payload)
                self.settle(gateway)

    def test_a_reply_to_another(self):
        """The true reply goes to a third bridge, and what that one got comes instead."""
        with self.attacked("replies swapped"):
            swapped = []

            def swap(message):
                if message.outbound or message.kind != "reply" or message.gateway not in ("macbook", "studio") or len(swapped) == 2:
                    return None
                swapped.append(message)
                if len(swapped) == 1:
                    return []
                first, second = swapped
                return [first.but(gateway=second.gateway), second.but(gateway=first.gateway, topic=first.topic),
                        first.but(gateway=second.gateway, topic=second.topic)]

            with self.hostile.attack(swap):
                ids = {asker: self.ask(asker, target) for asker, target in (("macbook", "imac/jarvis"), ("studio", "imac/pepper"))}
                self.assertEndsRight("macbook", "imac/jarvis", ids["macbook"])
                self.assertEndsRight("studio", "imac/pepper", ids["studio"])
            self.assertEqual(len(swapped), 2)

    def test_a_true_refusal_ends_nothing(self):
        """On a wrong topic true bytes are refused, and the refusal is true: the requester shows it, and goes on."""
        with self.attacked("true bytes refused"):
            with self.hostile.hold(arriving("imac", operation="sessions_send")) as held:
                id_ = self.ask("macbook", "imac/jarvis")
                process.wait_until("the request", lambda: held)
                before = self.counters("macbook")

                def refused():
                    self.hostile.deliver("imac", "claw/imac/pepper/inbox", held[0].payload)  # one refusal in 10 s is answered
                    return self.counters("macbook")["refusal.received"] > before["refusal.received"]

                process.wait_until("the refusal", refused, 30, step=0.5)
                view = self.view("macbook", id_)
                self.assertEqual(view["status"], "accepted")
                self.assertRegex(view["hint"], "imac refused it")
                tape = self.hostile.sent_by("imac", "refusal")[-1]
            self.hostile.release(held)
            self.assertEndsRight("macbook", "imac/jarvis", id_)
            self.hostile.deliver("macbook", tape.topic, tape.payload)
            self.settle("macbook")


class HowItIsCarried(UnderAttack, case.SharedCase):
    """True messages that come late, twice, never, or under other flags and properties."""

    # ---- dropped, delayed, doubled, reordered ----

    def test_lost_delayed_doubled_and_reordered(self):
        seed = random.SystemRandom().randrange(1 << 32)
        chance, touched, held, done = random.Random(seed), set(), [], collections.Counter()

        def disturb(message):
            what = message.gateway, message.kind, message.correlation_id or message.event.get("id")
            if message.outbound or message.kind not in ("request", "receipt", "reply", "ack") or what in touched:
                return None
            touched.add(what)
            how = chance.choice(["drop", "delay", "double", "pass"])
            done[message.kind, how] += 1
            if how == "delay":
                held.append(message)
            return {"drop": [], "delay": [], "double": [message, message.but(dup=True), message], "pass": None}[how]

        with self.attacked(f"seed {seed}"):
            lane = [("macbook", "imac/jarvis")] * 4
            others = [(asker, f"{gateway}/{LANES[number]}") for number in range(6)
                      for asker, gateway in (("macbook", "imac"), ("macbook", "studio"), ("studio", "imac"))]
            with self.hostile.attack(disturb):
                asked = [(asker, target, self.ask(asker, target)) for asker, target in [*lane, *others]]
                ids = {id_ for *_, id_ in asked}
                # Each request was disturbed, or waits in its lane for one that was.
                process.wait_until("the disturbances", lambda: len(ids & {id_ for _, kind, id_ in list(touched) if kind == "request"})
                                   >= len(others), 30)
                self.hostile.release(reversed(list(held)))
            late = held[len(held) // 2:]
            self.cut("macbook", "imac", "studio")  # what was promised and then lost is asked for at the next epoch
            for asker, target, id_ in asked:
                self.assertEndsRight(asker, target, id_)
            self.wait_all_online()
            self.hostile.release(late)
            self.assertGreater(sum(done.values()), len(others), done)
            ran = [json.loads(line)["correlationId"] for line in process.read(self.fed.imac.directory / "turns.jsonl").splitlines()]
            self.assertEqual([id_ for id_ in ran if id_ in {id_ for *_, id_ in asked[:len(lane)]}], [id_ for *_, id_ in asked[:len(lane)]])

    def test_acknowledged_by_the_broker_and_never_delivered(self):
        for name, instead in (("swallowed", []), ("refused", [Refused()])):
            with self.attacked(f"a publish {name}"):
                lost = []

                def swallow(message):
                    if not message.outbound or message.gateway != "macbook" or message.kind != "request" or lost:
                        return None
                    lost.append(message)
                    return instead

                with self.hostile.attack(swallow):
                    id_ = self.ask("macbook", "imac/jarvis")
                    self.assertEndsRight("macbook", "imac/jarvis", id_)
                self.assertEqual(len(lost), 1)

    def test_held_until_after_its_end(self):
        """A request that the asker was told has expired runs no more, however late the broker brings it."""
        with self.attacked("held past its expiry"), self.hostile.hold(arriving("imac", operation="sessions_send")) as held:
            id_ = self.ask("macbook", "imac/jarvis", expiresInSeconds=1)
            process.wait_until("the request", lambda: held)
            ended = self.fed.macbook.wait_for_exchange(id_)
            self.assertEqual(ended["status"], "expired", ended)
            self.hostile.release(held)
            self.settle("imac")
            self.assertEqual(self.view("macbook", id_)["status"], "expired")
        with self.attacked("held, and the question about it too"):
            with self.hostile.hold(lambda m: not m.outbound and m.gateway == "imac" and m.operation in ("sessions_send", "status")) as held:
                id_ = self.ask("studio", "imac/jarvis", expiresInSeconds=1)
                process.wait_until("the question", lambda: [m for m in held if m.operation == "status"])
                self.assertEqual(self.view("studio", id_)["status"], "accepted")
            self.hostile.release([m for m in held if m.operation == "sessions_send"])  # within the skew that is allowed
            self.hostile.release([m for m in held if m.operation == "status"])
            self.assertEndsRight("studio", "imac/jarvis", id_)
        with self.attacked("held for a day"), self.in_flight(), self.counting("imac", {"request.rejected": 1}):
            made = {**forgery.request("macbook/_bridge", "imac/jarvis", self.incarnation("imac")),
                    "expirytime": wire.format_time(wire.now() - wire.SKEW - wire.SKEW)}
            self.ours.add(made["id"])
            self.hostile.deliver("imac", "claw/imac/jarvis/inbox", self.authentic(made))
            self.settle("imac")

    # ---- MQTT itself ----

    def test_properties_and_flags_mean_nothing(self):
        lies = ((hostile_broker.PAYLOAD_FORMAT, 1), (CONTENT_TYPE, b"text/plain"),
                (RESPONSE_TOPIC, b"claw/studio/friday/reply"), (CORRELATION_DATA, b"01KANYZ2Q6S7C0J5X4M3T8W9B1"),
                (hostile_broker.USER, (b"source", b"studio/friday")))
        attacks = {"properties altered": lambda m: m.but(properties=lies), "properties stripped": lambda m: m.but(properties=()),
                   "QoS 0": lambda m: m.but(qos=0), "DUP": lambda m: m.but(dup=True)}
        for name, change in attacks.items():
            with self.attacked(name), self.hostile.attack(lambda m: [change(m)]):
                for asker, target in (("macbook", "imac/jarvis"), ("imac", "macbook/main"), ("macbook", "studio/friday")):
                    id_ = self.ask(asker, target)
                    self.assertEndsRight(asker, target, id_)
                    self.assertEqual({m.topic for m in self.hostile.of_exchange(id_, "reply")}, {f"claw/{asker}/_bridge/reply"})

    def test_retain_set_on_everything(self):
        for outbound in (False, True):
            done = collections.Counter()

            def retain(message):
                what = message.kind, message.correlation_id or message.event.get("id")
                if message.outbound != outbound or message.kind not in ("request", "receipt", "reply", "ack") or done[what]:
                    return None
                done[what] += 1
                return [message.but(retain=True)]

            with self.attacked(f"RETAIN set {'towards' if outbound else 'by'} the broker"):
                before = self.counters("imac")["dropped.retained"]
                with self.hostile.attack(retain):
                    exchanges = [(asker, target, self.ask(asker, target)) for asker, target in
                                 (("macbook", "imac/jarvis"), ("imac", "macbook/main"), ("studio", "imac/pepper"))]
                    for asker, target, id_ in exchanges:
                        self.assertEndsRight(asker, target, id_)
                self.assertGreaterEqual(self.counters("imac")["dropped.retained"] - before, 2)
                if outbound:  # they lie at the broker now: a new connection may not bring them back
                    self.cut("imac")
        client = hostile_broker.Client(self.fed.broker.port, "cleaner")
        for topic in {m.topic for m in self.hostile.sent if m.kind in ("request", "receipt", "reply", "ack")}:
            client.publish(topic, b"", retain=True)
        client.close()

    def test_downgraded_to_mqtt_3_1_1(self):
        """A broker may send a bridge elsewhere or to an older protocol: it stays, and the rules hold there, too."""
        with self.attacked("downgraded"), socket.create_server(("127.0.0.1", 0)) as elsewhere:
            elsewhere.setblocking(False)
            self.hostile.refuse_mqtt_5 = frozenset({"studio"})
            self.hostile.disconnect("studio", hostile_broker.SERVER_MOVED, f"127.0.0.1:{elsewhere.getsockname()[1]}")
            self.wait_connected("studio", hostile_broker.MQTT_3_1_1)
            with self.assertRaises(BlockingIOError, msg="studio went where the broker told it"):
                elsewhere.accept()
            tape = self.hostile.sent_by("macbook", "request")[-1]
            made = list(forgery.demands("macbook/main", "studio/friday", self.incarnation("studio"), wire.make_ulid()))
            with self.in_flight("studio", "imac/jarvis"), self.in_flight("macbook", "studio/friday"):
                self.assertDropped("studio", [(forgery.address_topic(one), forgery.by_nothing(one, self.keys["macbook"], None)) for one in made])
                with self.counting("studio", {"dropped.retained": 1, "dropped.topic": 1}):
                    self.hostile.deliver("studio", "claw/studio/friday/inbox", tape.payload, retain=True)
                    self.hostile.deliver("studio", "claw/studio/friday/inbox", tape.payload.replace(b'"studio/', b'"imac/', 1))
            self.hostile.refuse_mqtt_5 = frozenset()

    def wait_connected(self, gateway, version):
        def connected():
            status = self.bridge(gateway).http("GET", "/v1/status")[1]
            return status["state"] == "online" and status["broker"]["protocol"] == version

        process.wait_until(f"{gateway} to be connected with MQTT {version}", connected, 30, step=0.1)
        self.wait_all_online()


class WhatIsSaidSealed(WhatIsSaid):
    trust = SEALED

    def test_true_keys_and_content_that_does_not_open(self):
        """What only a member could send, or who has stolen a key: its MAC is right, its content readable, or sealed for something else."""
        source, target = self.keys["macbook"], self.keys["imac"]
        key = crypto.direction_key("seal", source, target)

        def request():
            return forgery.request("macbook/_bridge", "imac/jarvis", self.incarnation("imac"))

        wrong = {"readable": ("forbidden", request()),
                 "sealed for the other direction": ("bad_request", forgery.sealed(request(), crypto.direction_key("seal", target, source))),
                 "sealed with the key of the MAC": ("bad_request", forgery.sealed(request(), crypto.direction_key("mac", source, target)))}
        for plaintext in (b"", b"HOSTILE", b'["HOSTILE"]', b'{"message":"HOSTILE"', b'{"message":"HOSTILE"}}', b'{"message":"HOSTILE\xff"}',
                          b'{"message":"HOSTILE","message":"HOSTILE"}', b'{"message":' + b"[" * 10_000 + b"]" * 10_000 + b"}"):
            wrong[f"sealed: {plaintext[:24]}"] = "bad_request", forgery.sealed(request(), key, plaintext)
        for name, change in forgery.BOXES.items():
            made = request()
            boxes = [forgery.sealed(one, key)["data_base64"] for one in (made, request())]
            wrong[name] = "bad_request", forgery.with_box(made, change(*boxes))
        with self.attacked("content that does not open"), self.in_flight():
            for name, (code, made) in wrong.items():
                with self.subTest(name), self.counting("imac", {"request.rejected": 1}):
                    self.ours.add(made["id"])
                    self.hostile.deliver("imac", forgery.address_topic(made), wire.finish(made, source, target))
                    reply = process.wait_until("the reply", lambda: self.hostile.of_exchange(made["id"], "reply"))[0].event
                    self.assertNotIn("data", reply)
                    said = self.opened(reply)["data"]
                    self.assertEqual((said["status"], said["error"]["code"]), ("rejected", code))

    def test_true_keys_and_a_reply_that_does_not_open(self):
        """The turn has run, so the exchange ends; but nothing of what came is shown."""
        source, target = self.keys["imac"], self.keys["macbook"]
        with self.attacked("replies that do not open"):
            for name, code in (("readable", "forbidden"), ("sealed for the other direction", "bad_request")):
                with self.subTest(name), self.hostile.hold(arriving("macbook", kind="reply", source="imac/jarvis")) as held:
                    id_ = self.ask("macbook", "imac/jarvis")
                    process.wait_until("the reply", lambda: held)
                    lie = forgery.event("reply", "imac/jarvis", "macbook/_bridge", id_, {"status": "ok", "reply": forgery.HOSTILE}, status="ok")
                    if name != "readable":
                        lie = forgery.sealed(lie, crypto.direction_key("seal", target, source))
                    self.hostile.deliver("macbook", forgery.address_topic(lie), wire.finish(lie, source, target))
                    ended = self.fed.macbook.wait_for_exchange(id_)
                    self.assertEqual((ended["status"], ended["error"]["code"]), ("error", code))
                    self.assertNotIn(forgery.HOSTILE, json.dumps(ended))


class HowItIsCarriedSealed(HowItIsCarried):
    trust = SEALED


if __name__ == "__main__":
    case.main()
