"""Whom a bridge believes, what it lets them do, what the broker can read, and how loops end: with real bridges."""

import base64
import concurrent.futures
import json
import pathlib
import re
import secrets
import stat
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from clawtest import capture, case, crypto, forgery, process, texts, wire  # noqa: E402
from clawtest.bridge import EXIT_FAILED, EXIT_OK, EXIT_REFUSED, EXIT_USAGE, EXIT_WAIT_ENDED, Bridge  # noqa: E402

READABLE_KINDS = {"receipt", "ack", "refusal", "state", "hello"}
REFUSED = {"forbidden", "bad_request", "unknown_session"}


def turns(bridge):
    """The turns that ran, as the echo gateway recorded them."""
    return [json.loads(line) for line in process.read(bridge.directory / "turns.jsonl").splitlines()]


def ask(bridge, gateway, agent, text, caller=None, wait=30, **arguments):
    """(status, answer) of a request through the local API, as a person or as a local agent in its main session."""
    headers = {"X-Claw-Agent": caller, "X-Claw-Session": f"agent:{caller}:main"} if caller else {}
    return bridge.http("POST", "/v1/tools/sessions_send",
                       {"gateway": gateway, "agentId": agent, "message": text, "timeoutSeconds": wait, **arguments}, headers, wait + 60)


class Crafting:
    """Authentic requests with a bridge's own keys: what its owner could send with another program."""

    def craft(self, source, subject, operation="sessions_send", data=None, incarnation=True, topic=None, **attributes):
        """The reply's event that imac gives, opened; and that it is authentic."""
        made = forgery.request(source, subject, self.fed.imac.status()["incarnation"] if incarnation else None, operation, data, **attributes)
        self.fed.broker.publish(topic or forgery.address_topic(made), wire.finish(made, self.fed.macbook.keys(), self.fed.imac.keys()))

        def replied():
            return [seen.event for seen in self.fed.capture.of_exchange(made["id"]) if seen.event["type"] == "claw.v1.reply"]

        reply = process.wait_until(f"a reply to the {operation} of {source}", replied, 20, step=0.2)[0]
        self.assertEqual((reply["source"], reply["subject"]), (subject, source))
        return reply["data"]

    def assertRejected(self, data, *codes):
        self.assertEqual(data["status"], "rejected", data)
        self.assertIn(data["error"]["code"], codes, data)


# ---- sealing ----

SECRETS = {
    "short": "Kurz-7q!",
    "unicode": "Geheime Grüße 🦀 日本語 שלום",
    "quotes": 'a "quoted" \\"secret\\" isn\'t \'quoted\' `at all`',
    "newlines": "first secret line\nsecond secret line\r\n\tthird\n",
    "JSON": '{"status":"ok","reply":"looks like JSON inside"}',
    "4 KiB": texts._pattern(4 * 1024),
    "controls": "control \x01\x02\x7f secret",
    "emoji": "👩‍👩‍👧‍👦🏳️‍🌈👍🏽🎉❤️",
    "slash": "/reset the secret thing",
    "SQL": "'); DROP TABLE secret_exchange; --",
    "percent": "%s secret %n ${HOME} $(id)",
    "blanks": "   only the secret middle   ",
}


def spellings(text):
    """Every form in which a text might lie in bytes, cut so that what stands around it does not matter: itself, as JSON
    writes it, and base64 in both alphabets at all three alignments."""
    raw = text.encode()
    yield raw
    for ascii_only in (True, False):
        yield json.dumps(text, ensure_ascii=ascii_only)[1:-1].encode()
    for shift in range(3):
        encoded = base64.b64encode(bytes(shift) + raw)
        inner = encoded[-(-shift * 8 // 6):(shift + len(raw)) * 8 // 6]
        yield inner
        yield inner.translate(bytes.maketrans(b"+/", b"-_"))


def pieces(text, size=24):
    """The text itself, and pieces of a long one: none of them may be readable either."""
    return [text] if len(text) <= 2 * size else [text, *(text[at:at + size] for at in range(0, len(text) - size, 5 * size))]


def found_in(heap, secret_texts):
    return [(text[:40], spelling[:40]) for whole in secret_texts for text in pieces(whole)
            for spelling in spellings(text) if spelling in heap]


class Sealed(case.SharedCase):
    """macbook and imac seal always, tablet when it can, studio never."""

    bridges = {"macbook": {**case.MACBOOK, "trust": {"seal": "always"}},
               "imac": {**case.IMAC, "trust": {"seal": "always"}},
               "tablet": {"gateway": {"agents": ["finn"]}, "trust": {"seal": "when_possible"}},
               "studio": {"gateway": {"agents": ["smith"], "record": "turns.jsonl"}, "trust": {"seal": "off"}}}

    def test_the_search_finds_what_is_there(self):
        for name, text in SECRETS.items():
            for shift in range(3):
                for heap in (text.encode(), json.dumps({"x": text}).encode(), base64.b64encode(bytes(shift) + text.encode() + b"xyz"),
                             base64.urlsafe_b64encode(bytes(shift) + text.encode() + b"xyz")):
                    self.assertTrue(found_in(b"before " + heap + b" after", [text]), name)

    def test_an_independent_subscriber_reads_nothing(self):
        observer = capture.Capture(self.fed.broker, self.directory / "everything.txt", name="clawtest-stranger", everything=True)
        self.addCleanup(observer.stop)
        ids, hidden = set(), []
        for number, (name, text) in enumerate(SECRETS.items()):
            for asker, responder, agent in ((self.fed.macbook, self.fed.imac, "jarvis"), (self.fed.imac, self.fed.macbook, "main")):
                with self.subTest(name, asker=asker.name):
                    options = ("--session", f"agent:{agent}:main") if number % 2 else ()
                    outcome = asker.send(f"{responder.name}/{agent}", text, *options)
                    self.assertCode(outcome, EXIT_OK)
                    self.assertEqual(outcome.json["reply"], f"echo: {text}")
                    ids.add(outcome.json["correlationId"])
                    for side in (asker, responder):
                        shown = side.exchange(outcome.json["correlationId"])
                        self.assertCode(shown, EXIT_OK)
                        self.assertEqual((shown.json["message"], shown.json["reply"]), (text, f"echo: {text}"))
        hidden += SECRETS.values()
        for session, words in (("agent:jarvis:secret-session-name", ()), (None, ("--label", "Secret label words"))):
            outcome = self.fed.macbook.send("imac/jarvis", "secret text that never runs", *(("--session", session) if session else words))
            self.assertCode(outcome, EXIT_REFUSED)
            ids.add(outcome.json["correlationId"])
            hidden += ["secret text that never runs", session or words[1], outcome.json["error"]["message"]]
        status, agents = self.fed.macbook.http("POST", "/v1/tools/agents_list", {"gateway": "imac"})
        self.assertEqual((status, sorted(agent["id"] for agent in agents["agents"])), (200, ["jarvis", "pepper"]), agents)
        pinged = self.fed.macbook.cli("ping", "imac")
        self.assertCode(pinged, EXIT_OK)
        # The version and the time of a pong stand in states and envelopes too; that it is sealed is seen below.
        seen = observer.messages()
        heap = b"\n".join(part for one in seen for part in (
            one.topic.encode(), one.payload, one.correlation_data.encode(), one.response_topic.encode()))
        self.assertEqual(found_in(heap, hidden), [])
        self.assertLessEqual(ids, {one.event.get("correlationid") for one in seen}, "the observer saw these exchanges")
        between = [event for event in (one.event for one in seen)
                   if {event["source"].split("/")[0], event.get("subject", "-").split("/")[0]} == {"macbook", "imac"}]
        counted = {"request": 0, "reply": 0}
        for event in between:
            kind = wire.Kind(event["type"])
            if kind.name not in READABLE_KINDS:
                counted[kind.name] += 1
                self.assertNotIn("data", event)
                self.assertEqual(event["datacontenttype"], "application/vnd.clawbridge.sealed")
            if kind.name == "request":
                counted[kind.operation] = counted.get(kind.operation, 0) + 1
        self.assertGreaterEqual(min(counted["agents_list"], counted["ping"]), 1, counted)
        self.assertGreaterEqual(min(counted["request"], counted["reply"]), 2 * len(SECRETS) + 4, counted)
        # The harness opens each with the two key files: what was hidden was there.
        keys = {name: bridge.keys() for name, bridge in self.fed.bridges.items()}
        opened = b"\n".join(crypto.unseal(keys[event["source"].split("/")[0]], keys[event["subject"].split("/")[0]], event)
                            for event in between if "data_base64" in event)
        missing = [text for text in hidden if not found_in(opened, [text])]
        self.assertEqual(missing, [])
        self.assertAuthentic(self.fed)

    def test_who_never_seals_is_refused_by_who_always_does(self):
        for target in ("imac/jarvis", "macbook/main"):
            outcome = self.fed.studio.send(target, "readable")
            self.assertCode(outcome, EXIT_REFUSED)
            self.assertEqual(outcome.json["error"]["code"], "forbidden", outcome)
            self.assertIn("trust.seal", outcome.json["error"]["message"])
        ended_well = [item["source"] for item in self.fed.imac.cli("exchange", "list").json["exchanges"] if item["status"] == "ok"]
        self.assertNotIn("studio/_bridge", ended_well)

    def test_who_always_seals_can_ask_everyone(self):
        for target in ("studio/smith", "tablet/finn"):
            outcome = self.fed.macbook.send(target, "sealed for you")
            self.assertCode(outcome, EXIT_OK)
            for seen in self.fed.capture.of_exchange(outcome.json["correlationId"]):
                self.assertNotIn(b"sealed for you", seen.payload)

    def test_when_possible_talks_to_off_and_to_always(self):
        for asker, target in (("tablet", "studio/smith"), ("studio", "tablet/finn"), ("tablet", "imac/jarvis"), ("imac", "tablet/finn")):
            with self.subTest(asker, target=target):
                outcome = self.fed.bridges[asker].send(target, f"from {asker}")
                self.assertCode(outcome, EXIT_OK)
                self.assertEqual(outcome.json["reply"], f"echo: from {asker}")
        self.assertAuthentic(self.fed)


# ---- policy ----

EVERYONE = ["*/*"]
POLICY = [
    {"from": ["macbook/butler"], "to": ["jarvis"], "deny": ["sessions_send"]},
    {"from": EVERYONE, "to": ["vault*"], "deny": ["*"]},
    {"from": EVERYONE, "to": ["pepper"], "sessions": ["agent:pepper:private-*"], "deny": ["sessions_send"]},
    {"from": ["macbook/main"], "to": ["gate"], "allow": ["sessions_send"]},
    {"from": EVERYONE, "to": ["gate"], "deny": ["sessions_send"]},
    {"from": EVERYONE, "to": ["small"], "allow": ["sessions_send"], "message_bytes": 1000},
    {"from": EVERYONE, "to": ["slow"], "allow": ["sessions_send"], "per_minute": 20},
    {"from": EVERYONE, "to": ["free"], "allow": ["sessions_spawn", "sessions_history"]},
]
AGENTS = ["jarvis", "pepper", "vault1", "gate", "small", "slow", "free"]
LONG = "n" * 10_000
ODD_LABELS = ["+", "#", "a/+/b", "claw/#", "NUL\0inside", "\0", '"quoted"', "it's", "'); DROP TABLE exchange; --",
              "../../etc/passwd", "line\nbreak", LONG]
ODD_SESSIONS = ["agent:pepper:main", "agent:other:main", "agent:jarvis:../x", "agent:jarvis:../../pepper/main", "../x",
                "agent:jarvis:", "agent::main",
                "agent:jarvis/../pepper:main", "agent:JARVIS:main", "agent:jarvis:main\0", "agent:jarvis:main ", "agent:jarvis:+", "agent:jarvis:#",
                'agent:jarvis:"main"', "agent:jarvis:main' OR '1'='1", "main", "global", f"agent:jarvis:{LONG}", f"agent:{LONG}:main"]


class Policy(Crafting, case.SharedCase):
    bridges = {"macbook": {"gateway": {"agents": ["main", "butler"]}},
               "imac": {"gateway": {"agents": AGENTS, "record": "turns.jsonl"}, "policy": POLICY}}

    def setUp(self):
        super().setUp()
        self.before = len(turns(self.fed.imac))

    def assertNothingRan(self):
        self.assertEqual(turns(self.fed.imac)[self.before:], [])
        self.assertCode(self.fed.macbook.send("imac/free", "still there?"), EXIT_OK)

    def assertForbidden(self, answer, rule):
        """`answer` has an error; imac's log names the rule and the answer does not."""
        error = answer["error"]
        self.assertEqual(error["code"], "forbidden", answer)
        for word in ("clawbridge.yaml", str(self.fed.imac.directory), "policy.", "rule="):
            self.assertNotIn(word, error["message"])
        lines = process.wait_until("the refusal in imac's log", lambda: self.fed.imac.log_lines("request.forbidden"), 10)
        self.assertIn("rule=", lines[-1])
        self.assertIn("rule=default" if rule is None else "clawbridge.yaml", lines[-1])
        if rule is not None:  # a line of that very rule
            line = int(re.search(r"clawbridge\.yaml:(\d+)", lines[-1])[1])
            text = self.fed.imac.config_path.read_text(encoding="utf-8").splitlines()
            begins = [number for number, content in enumerate(text, 1) if content == "  {"]
            policy_from = next(number for number, content in enumerate(text, 1) if '"policy"' in content)
            ours = [*(number for number in begins if number > policy_from), len(text)]
            self.assertIn(line, range(ours[rule], ours[rule + 1]), lines[-1])

    def assertDenied(self, agent, rule, caller="main", **arguments):
        _, answer = ask(self.fed.macbook, "imac", agent, "denied", caller, **arguments)
        self.assertForbidden(answer, rule)

    def assertAllowed(self, agent, caller="main", **arguments):
        _, answer = ask(self.fed.macbook, "imac", agent, "allowed", caller, **arguments)
        self.assertEqual(answer.get("reply"), "echo: allowed", answer)

    # ---- defaults ----

    def test_spawn_is_denied_by_default(self):
        data = self.craft("macbook/main", "imac/jarvis", "sessions_spawn", {"task": "HOSTILE"})
        self.assertRejected(data, "forbidden")
        self.assertForbidden(data, None)
        self.assertNothingRan()

    def test_history_is_denied_by_default(self):
        data = self.craft("macbook/main", "imac/jarvis", "sessions_history", {"sessionKey": "agent:jarvis:main"}, incarnation=False)
        self.assertRejected(data, "forbidden")
        self.assertForbidden(data, None)

    def test_what_is_allowed_by_default_is_not_forbidden(self):
        self.assertAllowed("jarvis")
        for operation, data in (("sessions_list", {}), ("session_status", {"sessionKey": "agent:jarvis:main"})):
            answer = self.craft("macbook/main", "imac/jarvis", operation, data, incarnation=False)
            self.assertEqual(answer["status"], "ok", answer)
        self.assertEqual(self.craft("macbook/_bridge", "imac/_bridge", "ping", {}, incarnation=False)["status"], "ok")

    def test_a_rule_allows_what_the_default_denies(self):
        for operation, data in (("sessions_spawn", {"task": "x"}), ("sessions_history", {"sessionKey": "agent:free:main"})):
            answer = self.craft("macbook/main", "imac/free", operation, data, incarnation=operation == "sessions_spawn")
            self.assertEqual(answer["status"], "ok", answer)

    # ---- one rule each ----

    def test_from(self):
        self.assertDenied("jarvis", 0, "butler")
        self.assertNothingRan()
        self.assertAllowed("jarvis", "main")
        self.assertAllowed("free", "butler")

    def test_to(self):
        self.assertDenied("vault1", 1)
        self.assertNothingRan()

    def test_sessions(self):
        self.assertDenied("pepper", 2, sessionKey="agent:pepper:private-diary")
        self.assertNothingRan()
        self.assertAllowed("pepper")
        _, answer = ask(self.fed.macbook, "imac", "pepper", "x", sessionKey="agent:pepper:public")
        self.assertEqual(answer["error"]["code"], "unknown_session", "the rule is not about this one")

    def test_the_first_rule_that_matches_decides(self):
        self.assertDenied("gate", 4, "butler")
        self.assertNothingRan()
        self.assertAllowed("gate", "main")

    def test_message_bytes(self):
        _, answer = ask(self.fed.macbook, "imac", "small", "x" * 2000)
        self.assertEqual(answer["error"]["code"], "too_large", answer)
        self.assertNothingRan()
        self.assertAllowed("small")

    def test_per_minute_puts_off_and_then_lets_in(self):
        deferred = self.fed.imac.counters().get("request.deferred.rate_limited", 0)
        ids = [ask(self.fed.macbook, "imac", "slow", f"number {number}", "main", wait=0)[1]["correlationId"] for number in range(22)]
        for number, id_ in enumerate(ids):
            ended = self.fed.macbook.wait_for_exchange(id_, 120)
            self.assertEqual((ended["status"], ended.get("reply")), ("ok", f"echo: number {number}"))
        self.assertGreater(self.fed.imac.counters()["request.deferred.rate_limited"], deferred)
        receipts = [event["data"] for id_ in ids[-2:] for event in (seen.event for seen in self.fed.capture.of_exchange(id_))
                    if event["type"] == "claw.v1.receipt"]
        self.assertIn(("deferred", "rate_limited"), [(data["stage"], data.get("reason")) for data in receipts])
        self.assertEqual([turn["text"] for turn in turns(self.fed.imac)[self.before:]], [f"number {number}" for number in range(22)])

    def test_agents_list_tells_each_asker_what_it_may_do(self):
        def allowed(asker):
            data = self.craft(asker, "imac/_bridge", "agents_list", {}, incarnation=False)
            return {agent["id"]: "sessions_send" in agent["ops"] for agent in data["agents"]}

        everything = dict.fromkeys(AGENTS, True)
        self.assertEqual(allowed("macbook/main"), {**everything, "vault1": False})
        self.assertEqual(allowed("macbook/butler"), {**everything, "vault1": False, "jarvis": False, "gate": False})
        status, answer = self.fed.macbook.http("POST", "/v1/tools/agents_list", {"gateway": "imac"})
        self.assertEqual(status, 200)
        self.assertEqual({agent["id"]: "sessions_send" in agent["ops"] for agent in answer["agents"]},
                         {**everything, "vault1": False, "gate": False})

    # ---- escapes ----

    def test_no_session_of_another_through_the_command_line(self):
        for session in ODD_SESSIONS:
            if "\0" in session:
                continue  # no program argument can hold it
            with self.subTest(session=session[:60]):
                outcome = self.fed.macbook.send("imac/jarvis", "HOSTILE", "--session", session)
                self.assertIn(outcome.code, (EXIT_REFUSED, EXIT_USAGE), outcome)
                if outcome.code == EXIT_REFUSED:
                    self.assertIn(outcome.json["error"]["code"], REFUSED, outcome)
        for label in ODD_LABELS:
            if "\0" in label:
                continue
            with self.subTest(label=label[:60]):
                outcome = self.fed.macbook.send("imac/jarvis", "HOSTILE", "--label", label)
                self.assertCode(outcome, EXIT_REFUSED)
                self.assertIn(outcome.json["error"]["code"], REFUSED, outcome)
        for target in ("imac/../jarvis", f"imac/{LONG}", f"{LONG}/jarvis", "imac/+", "imac/jarvis#", 'imac/"jarvis"'):
            with self.subTest(target=target[:60]):
                self.assertIn(self.fed.macbook.send(target, "HOSTILE").code, (EXIT_REFUSED, EXIT_USAGE))
        self.assertNothingRan()

    def test_no_session_of_another_through_the_api(self):
        for name, values in (("sessionKey", ODD_SESSIONS), ("label", ODD_LABELS)):
            for value in values:
                with self.subTest(**{name: value[:60]}):
                    _, answer = ask(self.fed.macbook, "imac", "jarvis", "HOSTILE", "main", **{name: value})
                    self.assertIn(answer["error"]["code"], REFUSED, answer)
        self.assertNothingRan()

    def test_no_session_of_another_through_a_crafted_request(self):
        for name, values in (("sessionKey", ODD_SESSIONS), ("label", ODD_LABELS)):
            for value in values:
                with self.subTest(**{name: value[:60]}):
                    self.assertRejected(self.craft("macbook/main", "imac/jarvis", data={"message": "HOSTILE", name: value}), *REFUSED)
        both = {"message": "HOSTILE", "sessionKey": "agent:jarvis:main", "label": "x"}
        self.assertRejected(self.craft("macbook/main", "imac/jarvis", data=both), "bad_request")
        self.assertRejected(self.craft("macbook/main", "imac/_bridge"), "bad_request", "forbidden")
        self.assertNothingRan()

    def test_addresses_that_are_none_are_dropped(self):
        incarnation = self.fed.imac.status()["incarnation"]
        subjects = ["imac/../pepper", "imac/+", "imac/jarvis\0", f"imac/{LONG}"]
        sources = ["macbook/../imac", "macbook/#", f"macbook/{LONG}", 'macbook/"main"']
        for source, subject in [*(("macbook/main", one) for one in subjects), *((one, "imac/jarvis") for one in sources)]:
            with self.subTest(source=source[:40], subject=subject[:40]):
                dropped = self.fed.imac.counters().get("dropped.attributes", 0)
                made = forgery.request(source, subject, incarnation)
                self.fed.broker.publish("claw/imac/jarvis/inbox", wire.finish(made, self.fed.macbook.keys(), self.fed.imac.keys()))
                process.wait_until("it to be dropped", lambda: self.fed.imac.counters().get("dropped.attributes", 0) > dropped, 10, step=0.1)
        self.assertNothingRan()


# ---- loops ----

HOPS = 3
WORKERS = ["main", "left", "right"]


class Loops(Crafting, case.SharedCase):
    """Three gateways whose turns take long enough to ask others meanwhile. The test is the agents' mind. No late replies: their turns
    would be there beside those that the tests are about."""

    bridges = {name: {"gateway": {"agents": WORKERS, "delay": "4s", "record": "turns.jsonl"}, "limits": {"max_hops": HOPS}, "late_reply": "keep"}
               for name in ("macbook", "imac", "studio")}

    def setUp(self):
        super().setUp()
        self.before = {name: len(turns(bridge)) for name, bridge in self.fed.bridges.items()}
        self.pool = concurrent.futures.ThreadPoolExecutor(4)
        self.addCleanup(self.pool.shutdown)

    def ran(self, name):
        return [turn["text"] for turn in turns(self.fed.bridges[name])[self.before[name]:]]

    def running(self, bridge):
        """The exchanges whose turns run there now."""
        _, answer = bridge.http("GET", "/v1/exchanges?limit=200")
        return [item for item in answer["exchanges"]
                if (item["direction"], item["status"], item.get("stage")) == ("incoming", "accepted", "started")]

    def start(self, asker, target, text, caller="main", wait=60):
        """Asks in the background; returns when the turn runs at `target`: (future of the answer, correlation id)."""
        future = self.pool.submit(ask, self.fed.bridges[asker], target, "main", text, caller, wait)

        def turn_runs():
            return [item for item in self.running(self.fed.bridges[target]) if item["agent"] == "main" and item["source"] == f"{asker}/{caller}"]

        return future, process.wait_until(f"the turn “{text}” to run on {target}", turn_runs, 20, step=0.05)[0]["correlationId"]

    def assertLoop(self, answer):
        self.assertEqual((answer.get("status"), (answer.get("error") or {}).get("code")), ("rejected", "loop"), answer)
        self.assertTrue(answer["error"]["message"])

    def test_back_to_the_session_that_waits(self):
        first, id_ = self.start("macbook", "imac", "round")
        _, answer = ask(self.fed.imac, "macbook", "main", "and back", "main")
        self.assertLoop(answer)
        self.assertEqual(self.fed.macbook.exchange(id_).json["status"], "accepted", "refused at once, while the first turn still ran")
        self.assertEqual(first.result()[1].get("reply"), "echo: round")
        self.assertEqual(self.ran("macbook"), [])

    def test_around_three(self):
        first, _ = self.start("macbook", "imac", "one")
        second, id_ = self.start("imac", "studio", "two")
        _, answer = ask(self.fed.studio, "macbook", "main", "three", "main")
        self.assertLoop(answer)
        self.assertEqual(self.fed.imac.exchange(id_).json["status"], "accepted", "refused at once, while the asking turn still ran")
        self.assertEqual([future.result()[1].get("reply") for future in (first, second)], ["echo: one", "echo: two"])
        self.assertEqual(self.ran("macbook"), [])

    def test_another_session_of_the_same_gateway_is_no_loop(self):
        first, _ = self.start("macbook", "imac", "for main")
        _, answer = ask(self.fed.imac, "macbook", "left", "for left", "main")
        self.assertEqual(answer.get("reply"), "echo: for left", answer)
        self.assertEqual(first.result()[1].get("reply"), "echo: for main")

    def test_without_waiting_it_is_an_answer_and_no_loop(self):
        first, id_ = self.start("macbook", "imac", "asked without waiting", wait=0)
        self.assertEqual(first.result()[1]["status"], "accepted")
        _, answer = ask(self.fed.imac, "macbook", "main", "the answer, later", "main")
        self.assertEqual(answer.get("reply"), "echo: the answer, later", answer)
        request = self.fed.capture.of_exchange(answer["correlationId"])[0].event
        self.assertEqual(request.get("chain"), id_, "the chain is inherited all the same")

    def test_a_chain_longer_than_the_limit_from_a_peer_that_has_none(self):
        ids = [wire.make_ulid() for _ in range(HOPS + 1)]
        self.assertRejected(self.craft("macbook/main", "imac/right", chain=" ".join(ids), causationid=ids[-1]), "loop")
        ids.pop()
        data = self.craft("macbook/main", "imac/right", chain=" ".join(ids), causationid=ids[-1])
        self.assertEqual(data["status"], "ok", data)
        self.assertEqual(self.ran("imac"), [forgery.HOSTILE])

    def test_a_fan_out_storm_stops(self):
        """Each turn asks two others on, without waiting: 1 + 2 + 4 + … turns, and at the limit nothing but errors."""
        names, seen, loops, accepted, others = list(self.fed.bridges), set(), [], 1, []
        targets = [(name, agent) for name in names for agent in WORKERS]
        _, answer = ask(self.fed.macbook, "imac", "main", "storm", wait=0)
        self.assertEqual(answer["status"], "accepted", answer)
        most, asked = 2 ** (HOPS + 1) - 1, 0
        end = time.monotonic() + 150
        while (sum(len(self.ran(name)) for name in names) < accepted or not loops) and asked < 100:
            self.assertLess(time.monotonic(), end, f"{accepted} accepted, {len(loops)} refused, {others}")
            for name in names:
                for item in self.running(self.fed.bridges[name]):
                    if item["correlationId"] in seen:
                        continue
                    seen.add(item["correlationId"])
                    for _ in range(2):
                        gateway, agent = targets[asked % len(targets)]
                        if gateway == name:
                            gateway = names[(names.index(gateway) + 1) % len(names)]
                        asked += 1
                        _, answer = ask(self.fed.bridges[name], gateway, agent, f"storm {asked}", item["agent"], wait=0)
                        if answer.get("status") == "accepted":
                            accepted += 1
                        elif (answer.get("error") or {}).get("code") == "loop":
                            loops.append(answer["error"]["message"])
                        else:
                            others.append(answer)
            time.sleep(0.05)
        self.assertEqual(others, [])
        self.assertEqual(accepted, most)
        self.assertEqual(sum(len(self.ran(name)) for name in names), most)
        self.assertEqual(len(loops), 2 ** (HOPS + 1), "each turn at the limit was refused twice")
        self.assertIn("max_hops", loops[0])
        self.assertEqual(sum(bridge.counters().get("send.loop", 0) for bridge in self.fed.bridges.values()), len(loops))


# ---- plain requests ----


class Plain(case.SharedCase):
    """imac lets plain clients ask jarvis; macbook lets none, as is the default."""

    bridges = {"macbook": {"gateway": {"agents": ["main"], "record": "turns.jsonl"}},
               "imac": {"gateway": {"agents": ["jarvis", "pepper"], "record": "turns.jsonl"},
                        "plain_clients": [{"to": "jarvis", "reply_topics": ["me/#"]}]}}

    def setUp(self):
        super().setUp()
        self.before = {name: len(turns(bridge)) for name, bridge in self.fed.bridges.items()}

    def ran(self, name):
        return turns(self.fed.bridges[name])[self.before[name]:]

    def publish(self, topic, text, response_topic=None, *options):
        response = ["-D", "publish", "response-topic", response_topic] if response_topic else []
        subprocess.run(["mosquitto_pub", "-h", "127.0.0.1", "-p", str(self.fed.broker.port), "-V", "5", "-q", "1", "-t", topic, "-m", text,
                        *response, *options], check=True, timeout=30)

    def observer(self):
        name = f"clawtest-{secrets.token_hex(4)}"
        made = capture.Capture(self.fed.broker, self.directory / f"{name}.txt", name=name, everything=True)
        self.addCleanup(made.stop)
        return made

    def assertDropped(self, name, counter, topic, text, response_topic=None, *options):
        bridge, observer = self.fed.bridges[name], self.observer()
        before = bridge.counters().get(counter, 0)
        self.publish(topic, text, response_topic, *options)
        process.wait_until(f"{counter} to rise on {name}: {bridge.counters()}", lambda: bridge.counters().get(counter, 0) > before, 10, step=0.1)
        self.assertEqual(self.ran(name), [])
        answers = [seen for seen in observer.messages() if text.encode() in seen.payload and seen.topic != topic]
        self.assertEqual(answers, [])

    def test_text_in_and_text_out(self):
        command = ["mosquitto_rr", "-h", "127.0.0.1", "-p", str(self.fed.broker.port), "-V", "5", "-t", "claw/imac/jarvis/inbox",
                   "-e", "me/1", "-m", "hello", "-W", "20"]
        done = subprocess.run(command, capture_output=True, timeout=60, check=True)
        self.assertEqual(done.stdout.decode().strip(), "echo: hello")
        self.assertEqual(len(self.ran("imac")), 1)
        self.assertRegex(self.ran("imac")[0]["session"], r"^agent:jarvis:plain-[0-9a-f]{16}$", "a session of its own")

    def test_correlation_data_comes_back(self):
        observer = self.observer()
        self.publish("claw/imac/jarvis/inbox", "with data", "me/2", "-D", "publish", "correlation-data", "ticket-42")
        answer = process.wait_until("the answer", lambda: [seen for seen in observer.messages() if seen.topic == "me/2"], 20, step=0.3)[0]
        self.assertEqual((answer.payload, answer.correlation_data, answer.retained), (b"echo: with data", "ticket-42", False))

    def test_a_response_topic_that_no_rule_allows(self):
        self.assertDropped("imac", "dropped.plain", "claw/imac/jarvis/inbox", "wrong topic", "you/1")
        self.assertDropped("imac", "dropped.plain", "claw/imac/jarvis/inbox", "no topic")

    def test_a_response_topic_below_the_base(self):
        for topic in ("claw/macbook/main/reply", "claw/imac/state", "claw/x"):
            self.assertDropped("imac", "dropped.plain", "claw/imac/jarvis/inbox", f"for {topic}", topic)

    def test_an_agent_without_a_rule(self):
        self.assertDropped("imac", "dropped.plain", "claw/imac/pepper/inbox", "no rule", "me/1")

    def test_retained(self):
        self.addCleanup(self.fed.broker.publish, "claw/imac/jarvis/inbox", b"", retain=True)
        self.assertDropped("imac", "dropped.retained", "claw/imac/jarvis/inbox", "retained text", "me/1", "-r")

    def test_what_begins_like_an_event_is_none(self):
        self.assertDropped("imac", "dropped.form", "claw/imac/jarvis/inbox", '{"message":"looks like one"}', "me/1")

    def test_off_by_default(self):
        self.assertDropped("macbook", "dropped.form", "claw/macbook/main/inbox", "let me in", "me/1")


# ---- keys ----


class Keys(case.Case):
    def peer(self, bridge, name):
        """What `peers list` says of a gateway; None when it says nothing."""
        outcome = bridge.cli("peers", "list")
        self.assertCode(outcome, EXIT_OK)
        return next((peer for peer in outcome.json["peers"] if peer["gateway"] == name), None)

    def trust_of(self, bridge, name):
        return (self.peer(bridge, name) or {}).get("trust")

    def counter_rises(self, bridge, name, before=0):
        process.wait_until(f"{name} to rise on {bridge.name}", lambda: bridge.counters().get(name, 0) > before, 30, step=0.2)

    @staticmethod
    def grouped(digits):
        return [digits[at:at + 4] for at in range(0, len(digits), 4)]

    def two(self, **more):
        return self.federation({"macbook": case.MACBOOK, "imac": {"gateway": {"agents": ["jarvis", "pepper"], "record": "turns.jsonl"}}, **more})

    def test_a_stranger_is_pending_until_a_person_trusts_it(self):
        fed = self.two()
        # Not in fed.bridges' acquaintance: it has no join secret.
        fed.bridges["studio"] = studio = Bridge(fed.directory, "studio", fed.broker, {"gateway": {"agents": ["smith"]}})
        for bridge, name in ((fed.imac, "studio"), (studio, "imac")):
            process.wait_until(f"{name} to be pending on {bridge.name}", lambda: self.trust_of(bridge, name) == "pending", 20, step=0.2)
        self.assertEqual(self.peer(fed.imac, "studio")["fingerprint"], studio.keys().fingerprint.hex())
        refused = fed.imac.send("studio/smith", "x")
        self.assertEqual((refused.code, refused.json["error"]["code"]), (EXIT_REFUSED, "awaiting_trust"), refused)
        imac, own = fed.imac.keys().fingerprint.hex(), studio.keys().fingerprint.hex()
        wrong = studio.cli("peers", "trust", "imac", *self.grouped(own[:32]))
        self.assertNotEqual(wrong.code, EXIT_OK)
        few = studio.cli("peers", "trust", "imac", *self.grouped(imac[:28]))
        self.assertIn(few.code, (EXIT_REFUSED, EXIT_USAGE), few)
        self.assertEqual(self.trust_of(studio, "imac"), "pending")
        self.assertCode(studio.cli("peers", "trust", "imac", *self.grouped(imac[:32])), EXIT_OK)
        self.assertEqual(self.trust_of(studio, "imac"), "trusted")
        waiting = studio.send("imac/jarvis", "from a stranger", "--timeout", "2")
        self.assertEqual((waiting.code, waiting.json["status"]), (EXIT_WAIT_ENDED, "accepted"), waiting)
        self.counter_rises(fed.imac, "request.awaiting_trust")
        self.assertEqual(turns(fed.imac), [])
        self.assertCode(fed.imac.cli("peers", "trust", "studio", *self.grouped(own[:32].upper())), EXIT_OK)
        self.assertEqual(self.trust_of(fed.imac, "studio"), "trusted")
        fed.imac.restart()  # and then it is asked again at once, not after the minute it named
        ended = studio.wait_for_exchange(waiting.json["correlationId"], 90)
        self.assertEqual((ended["status"], ended.get("reply")), ("ok", "echo: from a stranger"))
        self.assertEqual(self.trust_of(fed.imac, "studio"), "trusted")
        self.assertEqual(len(turns(fed.imac)), 1)

    def test_a_revoked_peer_has_no_effect_and_does_not_come_back(self):
        fed = self.two()
        self.assertCode(fed.macbook.send("imac/jarvis", "before"), EXIT_OK)
        old = fed.macbook.keys()
        self.assertCode(fed.imac.cli("peers", "revoke", "macbook"), EXIT_OK)
        self.assertEqual(self.trust_of(fed.imac, "macbook"), "revoked")
        sent = fed.macbook.send("imac/jarvis", "after the revocation", "--timeout", "0").json["correlationId"]
        self.counter_rises(fed.imac, "request.revoked_peer")
        refused = fed.imac.send("macbook/main", "x")
        self.assertEqual((refused.code, refused.json["error"]["code"]), (EXIT_REFUSED, "unknown_peer"), refused)
        for number in (1, 2):  # the same keys, the join secret, a higher epoch; and imac's memory too
            before = fed.imac.counters().get("state.revoked", 0)
            fed.macbook.restart()
            self.counter_rises(fed.imac, "state.revoked", before)
            fed.imac.restart()
            self.assertEqual(self.trust_of(fed.imac, "macbook"), "revoked", f"restart {number}")
        before = fed.imac.counters().get("request.revoked_peer", 0)
        again = fed.macbook.send("imac/pepper", "after the restart", "--timeout", "0").json["correlationId"]
        self.counter_rises(fed.imac, "request.revoked_peer", before)
        self.assertEqual([turn["text"] for turn in turns(fed.imac)], ["before"])
        for id_ in (sent, again):
            answers = [seen.event["type"] for seen in fed.capture.of_exchange(id_) if seen.event["source"].startswith("imac/")]
            self.assertEqual(answers, [], "it is told nothing")
            self.assertEqual(fed.macbook.exchange(id_).json["status"], "accepted")
        self.assertCode(fed.imac.cli("peers", "trust", "macbook", *self.grouped(old.fingerprint.hex()[:32])), EXIT_OK)
        self.assertEqual(self.trust_of(fed.imac, "macbook"), "trusted")
        self.assertCode(fed.macbook.send("imac/pepper", "a person let it in again", "--timeout", "90"), EXIT_OK)

    def test_a_revoked_key_rotates_to_nothing(self):
        """New keys with the old ones' word and the join secret: whoever stole the old ones has both."""
        fed = self.two()
        self.assertCode(fed.imac.cli("peers", "revoke", "macbook"), EXIT_OK)
        fed.macbook.stop()
        self.assertCode(fed.macbook.cli("key", "rotate"), EXIT_OK)
        new = fed.macbook.keys().fingerprint.hex()
        fed.macbook.start()
        process.wait_until("imac to see the new keys", lambda: self.peer(fed.imac, "macbook")["fingerprint"] == new, 20, step=0.2)
        self.assertEqual(self.trust_of(fed.imac, "macbook"), "pending")
        for again in ("a second state", "a third state"):
            since = self.peer(fed.imac, "macbook").get("seen")
            fed.macbook.restart()
            process.wait_until(f"{again} to be seen", lambda: self.peer(fed.imac, "macbook").get("seen") != since
                               and self.peer(fed.imac, "macbook")["presence"] == "online", 20, step=0.2)
            self.assertEqual(self.trust_of(fed.imac, "macbook"), "pending", again)
        fed.imac.restart()
        fed.macbook.restart()
        sent = fed.macbook.send("imac/jarvis", "HOSTILE", "--timeout", "0")
        self.counter_rises(fed.imac, "request.awaiting_trust")
        self.assertEqual((self.trust_of(fed.imac, "macbook"), turns(fed.imac)), ("pending", []), sent)

    def test_peers_follow_a_rotation(self):
        fed = self.two()
        before = self.peer(fed.imac, "macbook")
        self.assertEqual(before["trust"], "joined")
        open_id = fed.macbook.send("imac/jarvis", "before the rotation").json["correlationId"]
        rotated = fed.macbook.cli("key", "rotate")
        self.assertCode(rotated, EXIT_OK)
        new = rotated.json["fingerprint"]
        self.assertNotEqual(new, before["fingerprint"])
        self.assertEqual(new, fed.macbook.keys().fingerprint.hex())
        self.assertEqual(stat.S_IMODE(fed.macbook.keys_path.stat().st_mode), 0o600)
        fed.macbook.restart()
        process.wait_until("imac to follow", lambda: self.peer(fed.imac, "macbook")["fingerprint"] == new, 20, step=0.2)
        self.assertEqual(self.trust_of(fed.imac, "macbook"), "joined")
        for asker, target in ((fed.macbook, "imac/jarvis"), (fed.imac, "macbook/main")):
            outcome = asker.send(target, "with the new keys")
            self.assertCode(outcome, EXIT_OK)
        self.assertEqual(fed.macbook.exchange(open_id).json["reply"], "echo: before the rotation")
        self.assertEqual(fed.imac.counters().get("peer.rotated"), 1)
        content = fed.macbook.keys_path.read_bytes()
        second = fed.macbook.cli("key", "rotate")
        self.assertCode(second, EXIT_FAILED)
        self.assertIn("7 days", second.text)
        self.assertEqual(fed.macbook.keys_path.read_bytes(), content)
        self.assertEqual(stat.S_IMODE(fed.macbook.keys_path.stat().st_mode), 0o600)
        fed.imac.restart()
        self.assertEqual((self.peer(fed.imac, "macbook")["fingerprint"], self.trust_of(fed.imac, "macbook")), (new, "joined"))


if __name__ == "__main__":
    case.main()
