"""Two real OpenClaw gateways, a bridge beside each, and messages between their agents.

The version is OPENCLAW_VERSION (2026.9.6 unless set); the lab is started once for all tests of a run. With
OPENCLAW_STANDIN=1 the stand-in takes the place of the real gateways, and has to pass for them.
"""

import os
import pathlib
import shutil
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from clawtest import case, gateway, process, standin, texts  # noqa: E402
from clawtest.bridge import EXIT_FAILED, EXIT_OK, EXIT_REFUSED, EXIT_UNREACHABLE, EXIT_WAIT_ENDED  # noqa: E402

VERSION = os.environ.get("OPENCLAW_VERSION", "2026.9.6")
OLD = VERSION.startswith("2026.3.")

# What the bridge puts in front of a text that begins with "/", after any blanks: documented in the README.
GUARD = "[remote message] "
BLANKS = gateway.JAVASCRIPT_BLANKS + "\x85\u200b\u2060"


def as_handed_over(text):
    return GUARD + text if text.lstrip(BLANKS).startswith("/") else text


class OpenClaw(case.Case):
    @classmethod
    def setUpClass(cls):
        cls.directory = pathlib.Path(tempfile.mkdtemp(prefix="claw-oc-"))
        cls.addClassCleanup(shutil.rmtree, cls.directory, ignore_errors=True)
        make = standin.StandInLab if os.environ.get("OPENCLAW_STANDIN") == "1" else gateway.Lab
        cls.lab = make(cls.directory / "lab", VERSION)
        cls.addClassCleanup(cls.lab.stop)
        cls.fed = case.Federation(cls.directory, {
            "macbook": {"gateway": cls.beside("macbook"), "remote_agents": {"butler": "imac/jarvis"}},
            "imac": {"gateway": cls.beside("imac")}})
        cls.addClassCleanup(cls.fed.close)
        cls.imac, cls.macbook = cls.lab.client("imac"), cls.lab.client("macbook")
        cls.addClassCleanup(lambda: (cls.imac.close(), cls.macbook.close()))
        cls.fed.macbook.wait_until_knows("imac/jarvis", "imac/pepper", "macbook/main", seconds=60)
        cls.fed.imac.wait_until_knows("macbook/main", "imac/jarvis", seconds=60)

    @classmethod
    def beside(cls, name):
        return {"kind": "openclaw", "url": cls.lab.url(name), "token": cls.lab.gateways[name]["token"], "agents": None}

    def setUp(self):
        self.addCleanup(self._print_logs, self.fed)

    def send(self, target, text, *options, code=EXIT_OK):
        outcome = self.fed.macbook.send(target, text, "--timeout", "120", *options, timeout=180)
        self.assertCode(outcome, code)
        return outcome.json

    # ---- a message crosses ----

    def test_a_message_crosses_and_stands_in_the_history(self):
        result = self.send("imac/jarvis", "hello")
        id_ = result["correlationId"]
        self.assertEqual(result["status"], "ok", result)
        self.assertEqual(result["reply"], "echo: hello")
        self.assertEqual((result["gateway"], result["agent"], result["sessionKey"]), ("imac", "jarvis", "agent:jarvis:main"))
        self.assertIs(result["remote"], True)
        self.assertTrue(result["runId"])

        row, following = gateway.find_turn(self.imac.history("agent:jarvis:main"), id_)
        self.assertIsNotNone(row, "no row carries our provenance")
        self.assertEqual(row["provenance"]["kind"], "inter_session")
        self.assertTrue(row["provenance"]["sourceSessionKey"].startswith("macbook/"), row["provenance"])
        self.assertEqual(gateway.without_time_stamp(gateway.text_of(row), "hello"), "hello")
        self.assertEqual(gateway.text_of(following[0]), "echo: hello")

        for bridge in (self.fed.macbook, self.fed.imac):
            self.assertTrue(bridge.log_lines(f"cid={id_}"), bridge.name)
            self.assertEqual(bridge.exchange(id_).json["reply"], "echo: hello")
        self.assertEqual([seen.event["type"] for seen in self.fed.capture.of_exchange(id_)][-1], "claw.v1.reply")

    def test_the_provenance_names_the_calling_agent(self):
        status, result = self.fed.macbook.http(
            "POST", "/v1/tools/sessions_send", {"gateway": "imac", "agentId": "pepper", "message": "who am I"}, timeout=180,
            headers={"X-Claw-Agent": "main", "X-Claw-Session": "agent:main:main"})
        self.assertEqual((status, result.get("status")), (200, "ok"), result)
        row, _ = gateway.find_turn(self.imac.history("agent:pepper:main"), result["correlationId"])
        self.assertTrue(row["provenance"]["sourceSessionKey"].startswith("macbook/"), row)
        self.assertIn("main", row["provenance"]["sourceSessionKey"])

    def test_every_way_to_name_the_target(self):
        for target in ("imac/pepper", "imac/agent:pepper:main", "pepper", "agent:pepper:main"):
            with self.subTest(target):
                self.assertEqual(self.send(target, f"as {target}")["sessionKey"], "agent:pepper:main")
        self.assertEqual(self.send("butler", "short name")["agent"], "jarvis")

    def test_a_label_is_resolved_over_there(self):
        self.imac.turn("agent:jarvis:labelled", "make this session")
        self.imac.call("sessions.patch", {"key": "agent:jarvis:labelled", "label": "Work"})
        result = self.send("imac/jarvis", "to the label", "--label", "Work")
        self.assertEqual((result["reply"], result["sessionKey"]), ("echo: to the label", "agent:jarvis:labelled"))

    def test_both_directions(self):
        outcome = self.fed.imac.send("macbook/main", "back", "--timeout", "120", timeout=180)
        self.assertCode(outcome, EXIT_OK)
        self.assertEqual(outcome.json["reply"], "echo: back")
        row, _ = gateway.find_turn(self.macbook.history("agent:main:main"), outcome.json["correlationId"])
        self.assertIsNotNone(row)

    def test_native_sessions_are_undisturbed(self):
        self.imac.turn("agent:pepper:native", "SAY one")
        self.macbook.turn("agent:main:native", "SAY two")
        before = [self.imac.transcript("agent:pepper:native"), self.macbook.transcript("agent:main:native")]
        sessions = {row["key"] for row in self.imac.call("sessions.list", {"limit": 100})["sessions"]}
        self.send("imac/pepper", "elsewhere")
        self.send("imac/jarvis", "elsewhere")
        self.assertEqual([self.imac.transcript("agent:pepper:native"), self.macbook.transcript("agent:main:native")], before)
        after = {row["key"] for row in self.imac.call("sessions.list", {"limit": 100})["sessions"]}
        self.assertLessEqual(after - sessions, {"agent:pepper:main", "agent:jarvis:main"}, "no session of its own")
        self.assertEqual(self.imac.turn("agent:pepper:native", "SAY still here"), "still here")

    # ---- texts ----

    def test_texts_stand_in_the_history_as_they_were_sent(self):
        sent = {}
        for name, text in texts.CORPUS.items():
            if not gateway.as_kept(text):
                continue
            with self.subTest(name):
                sent[self.send("imac/agent:jarvis:main", text)["correlationId"]] = (name, text)
        rows = {(row.get("provenance") or {}).get("sourceChannel"): row for row in self.imac.transcript("agent:jarvis:main", 1000)}
        for id_, (name, text) in sent.items():
            with self.subTest(name, stored=True):
                expected = gateway.as_kept(as_handed_over(text))
                self.assertIn(f"mqtt:{id_}", rows)
                stored = gateway.without_time_stamp(gateway.text_of(rows[f"mqtt:{id_}"]), expected)
                self.assertTrue(stored == expected, f"{stored[:200]!r} instead of {expected[:200]!r}")
        self.assertGreaterEqual(len(sent), 60)

    def test_a_text_of_blanks_only_fails_clearly(self):
        for name in ("only blanks", "only one newline", "only Unicode blanks"):
            outcome = self.fed.macbook.send("imac/jarvis", texts.CORPUS[name], "--timeout", "60")
            self.assertIn(outcome.code, (EXIT_FAILED, EXIT_REFUSED), outcome)
            self.assertTrue(outcome.json["error"]["message"])

    def test_commands_wipe_nothing(self):
        self.send("imac/jarvis", "SAY remember me")
        def session():
            rows = self.imac.call("sessions.list", {"limit": 100})["sessions"]
            return next(row["sessionId"] for row in rows if row["key"] == "agent:jarvis:main")
        before, count = session(), len(self.imac.transcript("agent:jarvis:main", 1000))
        for name, text in texts.CORPUS.items():
            if "reset" in name or "new" in name.split():
                with self.subTest(name):
                    result = self.send("imac/jarvis", text)
                    self.assertEqual(result["status"], "ok", result)
                    self.assertEqual(session(), before, "the session was replaced")
                    self.assertGreater(len(self.imac.transcript("agent:jarvis:main", 1000)), count, "the history shrank")

    # ---- outcomes ----

    def test_a_provider_failure_is_an_error_and_no_reply(self):
        outcome = self.fed.macbook.send("imac/jarvis", "FAIL 400", "--timeout", "120", timeout=180)
        self.assertCode(outcome, EXIT_FAILED)
        self.assertEqual((outcome.json["status"], outcome.json["error"]["code"]), ("error", "gateway_error"), outcome)

    def test_a_silent_agent_is_no_reply(self):
        result = self.send("imac/pepper", "SAY NO_REPLY")
        self.assertEqual(result["status"], "no_reply", result)
        self.assertFalse(result.get("reply"))

    def test_unknown_targets_are_refused_and_create_nothing(self):
        for target, code, options in (("imac/nobody", "unknown_agent", []),
                                      ("imac/agent:jarvis:nosuch", "unknown_session", []),
                                      ("imac/agent:nobody:main", "unknown_agent", []),
                                      ("imac/jarvis", "unknown_session", ["--label", "Nope"])):
            with self.subTest(target, options=options):
                result = self.send(target, "x", *options, code=EXIT_REFUSED)
                self.assertEqual(result["error"]["code"], code, result)
        keys = {row["key"] for row in self.imac.call("sessions.list", {"limit": 100})["sessions"]}
        self.assertFalse({"agent:jarvis:nosuch", "agent:nobody:main"} & keys, keys)

    def test_a_wait_that_ends_early_and_the_reply_that_comes_later(self):
        outcome = self.fed.macbook.send("imac/jarvis", "SLEEP 4000 well", "--timeout", "1")
        self.assertCode(outcome, EXIT_WAIT_ENDED)
        self.assertEqual(outcome.json["status"], "accepted")
        ended = self.fed.macbook.wait_for_exchange(outcome.json["correlationId"], 60)
        self.assertEqual((ended["status"], ended["reply"]), ("ok", "slept 4000 well"))

    def test_one_session_keeps_the_order(self):
        ids = [self.fed.macbook.send("imac/jarvis", f"SLEEP 300 number {number}", "--timeout", "0").json["correlationId"] for number in range(4)]
        replies = [self.fed.macbook.wait_for_exchange(id_, 90)["reply"] for id_ in ids]
        self.assertEqual(replies, [f"slept 300 number {number}" for number in range(4)])
        channels = [(row.get("provenance") or {}).get("sourceChannel") for row in self.imac.transcript("agent:jarvis:main", 1000)]
        self.assertEqual([channel for channel in channels if channel in {f"mqtt:{id_}" for id_ in ids}], [f"mqtt:{id_}" for id_ in ids])

    def test_a_turn_is_stopped_where_the_gateway_can_stop_it(self):
        id_ = self.fed.macbook.send("imac/pepper", "SLEEP 20000 stop me", "--timeout", "0").json["correlationId"]
        process.wait_until("the start of the turn", lambda: "started" in [
            stage["stage"] for stage in self.fed.macbook.exchange(id_).json.get("stages", [])], 60)
        told = self.fed.macbook.cli("exchange", "cancel", id_, "--json", "--timeout", "60")
        if VERSION.startswith("2026.3"):
            self.assertEqual((told.code, told.json["result"]), (1, "cannot_abort"), told)
            ended = self.fed.macbook.wait_for_exchange(id_, 90)
            self.assertEqual((ended["status"], ended["reply"]), ("ok", "slept 20000 stop me"), "it goes on to its natural end")
        else:
            self.assertEqual((told.code, told.json["result"], told.json["ran"]), (EXIT_OK, "cancelled", True), told)
            self.assertEqual(self.fed.macbook.exchange(id_).json["status"], "cancelled")
            self.assertEqual(self.fed.imac.exchange(id_).json["status"], "cancelled")
        self.assertEqual(self.fed.macbook.send("imac/pepper", "SAY the next one").json["reply"], "the next one")

    # ---- the gateway's troubles ----

    def test_a_wrong_token_is_said_and_nothing_is_lost(self):
        bridge = self.fed.add("studio", {"gateway": {**self.beside("imac"), "token": "wrong-token-4711"}}, wait=False)
        bridge.wait_alive()
        error = process.wait_until("the refused token to be reported",
                                   lambda: bridge.status()["agentGateway"].get("error"), 30, step=0.2)
        self.assertIn("token", error.lower())
        self.assertNotIn("wrong-token-4711", bridge.log() + error)
        process.wait_until("the bridge to be there without its gateway", lambda: bridge.status()["state"] == "degraded", 30, step=0.2)

    def test_the_gateway_goes_down_and_comes_back(self):
        self.lab.kill("macbook")
        process.wait_until("the bridge to notice", lambda: self.fed.macbook.status()["state"] == "degraded", 60, step=0.2)
        outcome = self.fed.imac.send("macbook/main", "SAY after all", "--timeout", "2")
        self.assertIn(outcome.code, (EXIT_WAIT_ENDED, EXIT_UNREACHABLE), outcome)
        self.assertEqual(outcome.json["status"], "accepted", outcome)
        self.lab.restart("macbook")
        type(self).macbook = self.lab.client("macbook")
        ended = self.fed.imac.wait_for_exchange(outcome.json["correlationId"], 120)
        self.assertEqual((ended["status"], ended["reply"]), ("ok", "after all"))
        channels = [(row.get("provenance") or {}).get("sourceChannel") for row in self.macbook.transcript("agent:main:main")]
        self.assertEqual(channels.count(f"mqtt:{outcome.json['correlationId']}"), 1)

    def test_the_bridge_is_killed_during_a_turn_and_the_turn_runs_once(self):
        id_ = self.fed.macbook.send("imac/pepper", "SLEEP 3000 once", "--timeout", "0").json["correlationId"]
        process.wait_until("the start of the turn", lambda: "started" in [
            stage["stage"] for stage in self.fed.macbook.exchange(id_).json.get("stages", [])], 30)
        self.fed.imac.kill()
        self.fed.imac.start()
        ended = self.fed.macbook.wait_for_exchange(id_, 120)
        rows = [row for row in self.imac.transcript("agent:pepper:main", 1000)
                if (row.get("provenance") or {}).get("sourceChannel") == f"mqtt:{id_}"]
        self.assertEqual(len(rows), 1, "the turn must stand in the history once")
        self.assertEqual((ended["status"], ended.get("reply")), ("ok", "slept 3000 once"), ended)

    def test_what_crossed_the_broker_is_authentic(self):
        self.send("imac/jarvis", "seen by the observer")
        judge = self.assertAuthentic(self.fed)
        self.assertGreaterEqual(judge.counts["reply"], 1)


if __name__ == "__main__":
    case.main()
