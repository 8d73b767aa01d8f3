"""A broker that lies about who is there: forged, old and withheld states, wills and retained messages, taken names and
client ids, and journals that are lost meanwhile. Otherwise as test_hostile_broker.py."""

import contextlib
import json
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from clawtest import case, crypto, forgery, process, wire  # noqa: E402
from clawtest.hostile_broker import arriving  # noqa: E402
from clawtest.under_attack import SEALED, UnderAttack  # noqa: E402


class HostileStates(UnderAttack, case.SharedCase):
    # ---- states, wills, retained messages ----

    def test_forged_states(self):
        true = json.loads(self.hostile.states("imac")[-1])
        eve, later = crypto.Keys.make("imac"), {"epoch": true["data"]["epoch"] + 1000}
        rotation = {"sign": crypto.b64url(self.keys["imac"].sign_public), "proof": crypto.b64url(eve.sign(eve.fingerprint))}
        wrong = crypto.b64url(crypto.join_proof(bytes(16), "imac", eve.fingerprint))
        forged = {"own keys": {}, "no proof": {"join": None}, "a proof with another secret": {"join": wrong},
                  "a rotation that the old key did not sign": {"rotation": rotation},
                  "offline": {"state": "offline", "revision": wire.WILL_REVISION}, "another incarnation": {"incarnation": "0" * 32}}
        with self.attacked("states with other keys"), self.in_flight():
            for name, data in forged.items():
                with self.subTest(name), self.counting("macbook", {"state.key_changed": 2}):
                    self.shown_to("macbook", forgery.state(true, eve, **later, **data))
            with self.subTest("the true keys, signed by others"):
                for signer in (eve, self.keys["studio"], self.keys["ghost"]):
                    body = json.loads(forgery.state(true, self.keys["imac"], **later, state="offline"))
                    body.pop("signature")
                    with self.counting("macbook", {"state.unauthentic": 2}):
                        self.shown_to("macbook", wire.finish(body, forgery.in_the_name_of(signer, self.keys["imac"])))
            self.assertEqual(self.presence("macbook", "imac"), "online")

    def test_old_states_and_wills_shown_to_others(self):
        self.fed.imac.restart()  # then there is one of each: an orderly goodbye, wills, an epoch that is over
        self.wait_all_online()
        old = [*self.hostile.states("imac")[:-1], *(payload for _, payload in self.hostile.wills["imac"][:-1])]
        self.assertIn("offline", [json.loads(payload)["data"]["state"] for payload in self.hostile.states("imac")[:-1]])
        with self.attacked("old states and wills"), self.in_flight(), self.in_flight("studio", "imac/lane0"):
            for gateway in ("macbook", "studio"):
                for payload in old:
                    self.shown_to(gateway, payload)
                self.assertEqual(self.presence(gateway, "imac"), "online")
        with self.attacked("the will of now, shown to one"):
            self.shown_to("macbook", self.hostile.wills["imac"][-1][1])
            self.assertEqual(self.presence("macbook", "imac"), "offline")  # it is true, only early: presence is advice
            for _ in range(3):
                self.assertEndsRight("macbook", "imac/jarvis", self.ask("macbook", "imac/jarvis"))
            self.assertEndsRight("imac", "macbook/main", self.ask("imac", "macbook/main"))
            self.cut("imac")

    def test_what_the_broker_keeps_is_put_right(self):
        """A bridge that finds its own retained state missing or wrong publishes it again."""
        self.fed.imac.restart()
        self.wait_all_online()
        client, states, wills = self.client("keeper"), self.hostile.states, self.hostile.wills["imac"]
        goodbye = [payload for payload in states("imac")[:-1] if json.loads(payload)["data"]["state"] == "offline"][-1]
        # Each round at three bridges at once: putting it right takes some seconds, so that it cannot be made a storm.
        rounds = ({"imac": ("an old will", lambda: wills[-2][1]),
                   "macbook": ("nothing", lambda: b""),
                   "studio": ("rubbish", lambda: b"rubbish")},
                  {"imac": ("an earlier state of this epoch", lambda: states("imac")[-2]),
                   "macbook": ("another's state", lambda: states("imac")[-1]),
                   "studio": ("a state with other keys", lambda: forgery.state(json.loads(states("studio")[-1]), crypto.Keys.make("studio")))},
                  {"imac": ("a goodbye of an earlier epoch", lambda: goodbye)},
                  {"imac": ("the will of now", lambda: wills[-1][1])})
        for kept in rounds:
            with self.attacked(", ".join(name for name, _ in kept.values())):
                for owner, (_, payload) in kept.items():
                    client.publish(f"claw/{owner}/state", payload(), retain=True)
                exchanges = [(asker, target, self.ask(asker, target))
                             for asker, target in (("macbook", "imac/jarvis"), ("imac", "macbook/main"))]
                for owner, (name, _) in kept.items():
                    with self.subTest(f"kept by the broker: {name}"), self.renewed_after(owner, only_if=lambda: not self.is_kept(client, owner)):
                        process.wait_until(f"{owner}'s own state to be there again", lambda: self.is_kept(client, owner), 15, step=0.3)
                for exchange in exchanges:
                    self.assertEndsRight(*exchange)
                self.wait_all_online()

    def is_kept(self, client, owner):
        return client.retained(f"claw/{owner}/state") == self.hostile.states(owner)[-1]

    def test_withheld_states(self):
        """Without retained messages a bridge asks for the states; and when they come again it is whole again."""
        hellos = len(self.hostile.sent_by("studio", "hello"))
        with self.attacked("withheld states"):
            states = [f"claw/{name}/state" for name in self.fed.bridges]
            with self.hostile.hold(lambda m: not m.outbound and m.gateway == "studio" and m.topic in states):
                self.hostile.cut("studio")
                process.wait_until("the hello", lambda: len(self.hostile.sent_by("studio", "hello")) > hellos, 30)
                self.assertEndsRight("studio", "imac/jarvis", self.ask("studio", "imac/jarvis"))
            hello = self.hostile.sent_by("studio", "hello")[-1]
            process.wait_until("the answers", lambda: {m.gateway for m in list(self.hostile.sent) if m.topic == "claw/studio/_bridge/inbox"
                                                       and m.kind == "state"} == {"macbook", "imac"})
        with self.attacked("hellos replayed"), self.in_flight(), self.counting("imac", {"dropped.retained": 1}):
            since, begin = len(self.hostile.sent), time.monotonic()
            for _ in range(20):
                self.hostile.deliver("imac", "claw/_all/hello", hello.payload)
            self.hostile.deliver("imac", "claw/_all/hello", hello.payload, retain=True)
            self.settle("imac")
            answers = [m for m in self.hostile.sent_by("imac", "state", since) if m.topic == "claw/studio/_bridge/inbox"]
            self.assertLessEqual(len(answers), 1 + int((time.monotonic() - begin) / 10) + 1)
        with self.subTest("whole again"):
            process.wait_until("studio to say that it is online", lambda: self.fed.studio.status()["state"] == "online", 20, step=0.5)

    # ---- names ----

    def test_a_name_taken_before_its_bridge_comes(self):
        self.introduce_ghost()
        true = json.loads(self.hostile.states("studio")[-1])
        squatter = crypto.Keys.make("late")
        wrong = crypto.b64url(crypto.join_proof(bytes(16), "late", squatter.fingerprint))
        lies = {"no proof": {"join": None}, "another's proof": {}, "a proof with another secret": {"join": wrong}}
        client = self.client("squatter")
        with self.attacked("a name taken"):
            for name, data in lies.items():
                with self.subTest(name):
                    payload = forgery.state(true, squatter, epoch=true["data"]["epoch"] + 10 ** 6, **data)
                    client.publish("claw/late/state", payload, retain=True)
                    for gateway in self.fed.bridges:
                        self.hostile.deliver(gateway, "claw/late/state", payload)
                        self.settle(gateway)
                        self.assertEqual(self.peer(gateway, "late")["trust"], "pending")
            replayed = forgery.state(true, self.keys["studio"], gateway="late")  # a member's own keys and proof, under another name
            self.hostile.deliver("macbook", "claw/late/state", replayed)
            self.settle("macbook")
            self.assertEqual(self.peer("macbook", "late")["trust"], "pending")
        with self.attacked("more names than anyone has"):
            names = [f"flood{number}" for number in range(80)]
            for name in names:
                self.hostile.deliver("studio", f"claw/{name}/state", forgery.state(true, crypto.Keys.make(name), join=None, agents=[]))
            self.settle("studio")
            pending = [peer for peer in self.fed.studio.http("GET", "/v1/peers")[1]["peers"] if peer["trust"] == "pending"]
            self.assertLessEqual(len(pending), 64)
            self.assertGreater(self.counters("studio")["state.too_many_peers"], 0)
        late = self.fed.add("late", {"gateway": {"agents": ["latecomer"], "record": "turns.jsonl"},
                                     "broker": {"url": self.hostile.url}, "trust": self.trust})
        self.keys["late"] = late.keys()
        try:
            self.wait_all_online()
            with self.attacked("a name taken, and its bridge is here"):
                for gateway in ("macbook", "imac", "studio"):
                    self.assertEqual(self.peer(gateway, "late")["trust"], "joined")
                    with self.counting(gateway, {"state.key_changed": 1}):
                        self.hostile.deliver(gateway, "claw/late/state", forgery.state(true, squatter, epoch=true["data"]["epoch"] + 10 ** 6))
                for asker, target in (("late", "imac/jarvis"), ("macbook", "late/latecomer")):
                    self.assertEndsRight(asker, target, self.ask(asker, target))
        finally:
            self.fed.bridges.pop("late").stop()

    def test_keys_that_make_no_secret(self):
        """An all-zero key exchange is refused: whoever names such a key cannot have its MACs computed by everyone."""
        true = json.loads(self.hostile.states("studio")[-1])
        points = [bytes(32), b"" + bytes(31), bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800")]
        with self.attacked("keys of low order"), self.in_flight():
            for point in points:
                made = crypto.Keys.make("lowly")
                lowly = crypto.Keys("lowly", made.sign_public, point, made.sign_secret)
                self.shown_to("imac", forgery.state(true, lowly, join=None, agents=[]), "lowly")
                demand = forgery.request("lowly/x", "imac/jarvis", self.incarnation("imac"))
                with self.counting("imac", {"dropped.unauthentic": 1}):
                    self.hostile.deliver("imac", "claw/imac/jarvis/inbox", forgery.by_a_null_exchange(demand, lowly, self.keys["imac"]))

    def test_squatting_on_client_ids(self):
        name = f"claw-imac-{self.incarnation('imac')[:8]}"
        tape = [message for message in self.hostile.sent_by("macbook", "request") if message.topic == "claw/imac/pepper/inbox"][-1]
        with self.attacked("both ids taken"):
            eve = crypto.Keys.make("imac")
            forged = forgery.state(json.loads(self.hostile.states("imac")[-1]), eve, state="offline", epoch=1 << 40)
            subscriber = self.client(f"{name}-sub", clean=False, will=("claw/imac/state", forged))
            publisher = self.client(f"{name}-pub", will=("claw/imac/state", b""))
            id_ = self.ask("macbook", "imac/jarvis")
            with contextlib.suppress(ConnectionError, OSError):  # when the bridge is back before we are through
                subscriber.subscribe("claw/imac/+/inbox", "claw/imac/+/reply")
                for made in forgery.claims("imac/jarvis", "macbook/_bridge", id_, self.digest(id_)):
                    publisher.publish(forgery.address_topic(made), forgery.by(eve, made, self.keys["imac"], self.keys["macbook"]))
                publisher.publish("claw/imac/state", forged, retain=True)
                publisher.publish(tape.topic, tape.payload)
            process.wait_until("imac to have its ids back", lambda: subscriber.closed and publisher.closed, 60)
            self.assertEndsRight("macbook", "imac/jarvis", id_)
            self.wait_all_online()
        with self.attacked("a session with more subscriptions than its owner made"):
            squatter = self.client(f"{name}-sub", clean=False, session_expiry=3600)
            squatter.subscribe("claw/#")
            process.wait_until("imac to have its id back", lambda: squatter.closed, 60)
            self.wait_all_online()
            before = self.counters("imac")["dropped.topic"]
            self.assertEndsRight("macbook", "studio/friday", self.ask("macbook", "studio/friday"))
            process.wait_until("imac to get what is not its own", lambda: self.counters("imac")["dropped.topic"] > before)
            self.assertEndsRight("imac", "macbook/main", self.ask("imac", "macbook/main"))
            wiper = self.client(f"{name}-sub")
            process.wait_until("imac to have its id back", lambda: wiper.closed, 60)
            self.wait_all_online()
        with self.attacked("a listener that looks like the bridge"), self.in_flight():
            listener = self.client("claw-imac-ffffffff-sub")
            listener.subscribe("claw/imac/+/inbox")
            id_ = self.ask("macbook", "imac/lane0")
            self.assertEndsRight("macbook", "imac/lane0", id_)
            process.wait_until("it to hear", lambda: id_ in [message.correlation_id for message in listener.received])

    # ---- a journal that is lost, a state that never comes ----

    def test_a_lost_journal(self):
        first = self.hostile.states("imac")[-1]
        taped = [(gateway, message) for gateway, message in self.record_of_truth() if "imac" in (gateway, message.gateway)]
        self.lose_journal("imac")
        self.wait_all_online()
        with self.attacked("what was said to a lost journal, again"), self.in_flight(), self.in_flight("studio", "imac/lane2"):
            before = self.counters("imac")["request.refused"]
            for _ in range(2):
                for gateway, message in taped:
                    self.hostile.deliver(gateway, message.topic, message.payload)
                for gateway in ("macbook", "studio"):
                    self.shown_to(gateway, first)
            self.settle("imac")
            requests = [message for gateway, message in taped if gateway == "imac" and message.operation == "sessions_send"]
            self.assertEqual(self.counters("imac")["request.refused"] - before, 2 * len(requests))
        with self.subTest("an old answer to an old doubt"), self.renewed_after("imac"):
            second = self.hostile.states("imac")[-1]
            with self.hostile.hold(arriving("macbook", kind="reply", source="imac/_bridge")) as pongs:
                self.shown_to("macbook", first)  # another incarnation: macbook asks imac, and we keep the answer
                process.wait_until("the answer", lambda: pongs)
                self.lose_journal("imac")
                self.wait_all_online()
                self.assertEndsRight("macbook", "imac/pepper", self.ask("macbook", "imac/pepper"))
            with self.in_flight():
                self.hostile.release(pongs)
                self.shown_to("macbook", second)

    def test_a_question_that_comes_to_another_journal(self):
        """`not_found` of a new journal says nothing of what the lost one knew: the turn ran, so nobody may say that it did not."""
        def hide(message):
            of_imac = message.topic == "claw/imac/state" or message.kind in ("receipt", "reply") and message.source == "imac/jarvis"
            return [] if not message.outbound and message.gateway == "macbook" and of_imac else None

        with self.renewed_after("imac"):
            with self.hostile.attack(hide), self.hostile.hold(arriving("imac", operation="status")) as questions:
                id_ = self.ask("macbook", "imac/jarvis", expiresInSeconds=1)
                process.wait_until("the turn", lambda: self.turns()["imac", id_, self.asked["imac", id_]])
                process.wait_until("the question", lambda: questions)
                self.lose_journal("imac")
                since = len(self.hostile.sent)
                self.hostile.release(questions)
                process.wait_until("an answer or a refusal", lambda: [m for m in self.hostile.sent_by("imac", since=since) if m.kind == "refusal"
                                                                      or m.correlation_id == questions[0].correlation_id])
                self.settle("macbook")
            self.assertIn(self.view("macbook", id_)["status"], ("accepted", "unknown"), "it ran; only the journal that knew is lost")

    def test_a_state_that_was_dropped(self):
        """A broker that drops one state must not keep two bridges apart after it has stopped."""
        def hide(message):
            to_macbook = (message.outbound, message.gateway, message.topic) == (False, "macbook", "claw/imac/state")
            return [] if to_macbook and message.event["data"]["state"] != "offline" else None

        with self.subTest("of a restarted bridge"), self.renewed_after("imac"):
            with self.hostile.attack(hide):
                self.fed.imac.restart()
                process.wait_until("macbook to miss imac", lambda: self.presence("macbook", "imac") == "offline")
            self.assertEndsRight("macbook", "imac/jarvis", self.ask("macbook", "imac/jarvis"))
            self.wait_all_online()
        with self.subTest("of a new journal"), self.renewed_after("imac"):
            with self.hostile.attack(hide):
                self.lose_journal("imac")
                id_ = self.ask("macbook", "imac/jarvis")
                process.wait_until("the refusal", lambda: self.counters("imac")["request.refused"])
            # It may have become `unknown`, as everything published to a journal that is lost; the next must arrive.
            self.assertEndsRight("macbook", "imac/pepper", self.ask("macbook", "imac/pepper"), 30)
            self.assertEqual(self.turns()["imac", id_, self.asked["imac", id_]], 0)


class HostileStatesSealed(HostileStates):
    trust = SEALED


if __name__ == "__main__":
    case.main()
