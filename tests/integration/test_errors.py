"""Whatever goes wrong has its own clear text and the documented exit code: 1 failed, 2 usage or settings, 3 refused,
4 unreachable, 5 the wait ended."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from clawtest import case, process  # noqa: E402
from clawtest.bridge import (EXIT_OK, EXIT_REFUSED, EXIT_UNREACHABLE, EXIT_USAGE, EXIT_WAIT_ENDED, Bridge,  # noqa: E402
                             join_secret, run_cli)
from clawtest.broker import Broker  # noqa: E402


def rights(name):
    """The broker rights of one bridge, as the contract lists them."""
    return (f"user {name}\ntopic write claw/{name}/#\ntopic write claw/+/+/inbox\ntopic write claw/+/+/reply\n"
            f"topic write claw/_all/hello\ntopic read claw/{name}/+/inbox\ntopic read claw/{name}/+/reply\n"
            "topic read claw/+/state\ntopic read claw/_all/hello\n")


OBSERVER = "topic readwrite #\n"


class Refused(case.SharedCase):
    def assertRefused(self, outcome, code, *words):
        self.assertCode(outcome, EXIT_REFUSED)
        error = outcome.json["error"]
        self.assertEqual(error["code"], code, outcome)
        for word in words:
            self.assertIn(word, error["message"], outcome)

    def test_unknown_agent_of_a_known_gateway(self):
        self.assertRefused(self.fed.macbook.send("imac/nobody", "x"), "unknown_agent", "nobody", "imac")

    def test_unknown_agent_anywhere(self):
        self.assertRefused(self.fed.macbook.send("nobody", "x"), "unknown_agent", "nobody")

    def test_unknown_session(self):
        self.assertRefused(self.fed.macbook.send("imac/agent:jarvis:nosuch", "x"), "unknown_session", "agent:jarvis:nosuch")

    def test_unknown_label(self):
        outcome = self.fed.macbook.send("imac/jarvis", "x", "--label", "Nope")
        self.assertRefused(outcome, "unknown_session", "Nope")

    def test_unknown_own_agent_and_session(self):
        self.assertRefused(self.fed.macbook.send("macbook/nobody", "x"), "unknown_agent", "nobody")
        self.assertRefused(self.fed.macbook.send("agent:main:nosuch", "x"), "unknown_session", "nosuch")

    def test_a_gateway_never_seen_waits_and_says_so(self):
        outcome = self.fed.macbook.send("nowhere/jarvis", "x", "--timeout", "1")
        self.assertIn(outcome.code, (EXIT_UNREACHABLE, EXIT_WAIT_ENDED), outcome)
        result = outcome.json
        self.assertEqual(result["status"], "accepted", outcome)
        self.assertIn("nowhere", result["hint"])
        self.assertEqual(self.fed.capture.of_exchange(result["correlationId"]), [], "there is no key to write it with")

    def test_refused_texts_for_people_go_to_standard_error(self):
        outcome = run_cli(["send", "--socket", self.fed.macbook.socket, "imac/nobody", "x"], self.directory)
        self.assertCode(outcome, EXIT_REFUSED)
        self.assertIn("nobody", outcome.stderr.decode())
        self.assertNotIn("nobody", outcome.stdout.decode())

    def test_a_wrong_address(self):
        for target in ("imac/", "/jarvis", "a/b/c", "IMAC/jarvis", "imac/#", ""):
            with self.subTest(target):
                outcome = self.fed.macbook.cli("send", target, "x")
                self.assertIn(outcome.code, (EXIT_USAGE, EXIT_REFUSED), outcome)
                self.assertTrue(outcome.text.strip())

    def test_nothing_of_this_ran(self):
        """The refused texts above are all `x`: no exchange with that text ended well."""
        for exchange in self.fed.imac.cli("exchange", "list").json["exchanges"]:
            self.assertNotEqual(exchange["status"], "ok", exchange)


class Usage(case.Case):
    def test_usage_errors(self):
        directory = self.make_directory()
        for arguments in (["frobnicate"], ["send"], ["send", "--no-such-option"], ["exchange", "show"],
                          ["run", "--config", str(directory / "missing.yaml")]):
            with self.subTest(arguments):
                outcome = run_cli(arguments, directory)
                self.assertCode(outcome, EXIT_USAGE)
                self.assertTrue(outcome.text.strip())

    def test_help_and_version(self):
        directory = self.make_directory()
        for arguments, word in ((["--help"], "send"), (["send", "--help"], "--timeout"), (["--version"], "0.")):
            outcome = run_cli(arguments, directory)
            self.assertCode(outcome, EXIT_OK)
            self.assertIn(word, outcome.stdout.decode())

    def test_wrong_settings_name_file_line_and_nearest_key(self):
        directory = self.make_directory()
        file = directory / "clawbridge.yaml"
        file.write_text("version: 1\ngateway: { name: imac, kind: echo }\nbroker:\n  usrname: x\n", encoding="utf-8")
        outcome = run_cli(["run", "--config", file], directory)
        self.assertCode(outcome, EXIT_USAGE)
        for word in ("clawbridge.yaml:4", "usrname", "username"):
            self.assertIn(word, outcome.text)

    def test_no_daemon(self):
        directory = self.make_directory()
        for arguments in (["send", "imac/jarvis", "x"], ["status"], ["agents"], ["exchange", "list"], ["peers", "list"]):
            with self.subTest(arguments):
                outcome = run_cli([*arguments, "--socket", directory / "none.sock"], directory)
                self.assertCode(outcome, EXIT_UNREACHABLE)
                self.assertIn("none.sock", outcome.stderr.decode())
                self.assertIn("run", outcome.stderr.decode(), "says what to do")

    def test_a_second_daemon_on_the_same_journal_does_not_start(self):
        federation = self.federation({"imac": case.IMAC}, observe=False)
        outcome = run_cli(["run", "--config", federation.imac.config_path], federation.directory, timeout=30)
        self.assertNotEqual(outcome.code, EXIT_OK)
        self.assertTrue(outcome.text.strip())
        self.assertEqual(federation.imac.status()["state"], "online")


class BrokerTroubles(case.Case):
    def lonely(self, settings=None, broker="mqtt://127.0.0.1:1", **options):
        bridge = Bridge(self.make_directory(), "macbook", broker, {**case.MACBOOK, **(settings or {})}, join_secret(),
                        wait=False, **options)
        self.addCleanup(lambda: bridge.daemon and bridge.stop())
        bridge.wait_alive()
        return bridge

    def broker_error(self, bridge, *words):
        def told():
            error = bridge.status()["broker"].get("error", "")
            return error if any(word in error.lower() for word in words) else None

        error = process.wait_until(f"an error with one of {words}, last: {bridge.status()['broker']}", told, 30, step=0.2)
        self.assertEqual(bridge.http("GET", "/readyz")[0], 503)
        self.assertTrue(bridge.log_lines("level=warn") + bridge.log_lines("level=error"), "and the log says so")
        return error

    def test_broker_down_from_the_start(self):
        port = process.free_port()
        bridge = self.lonely(broker=f"mqtt://127.0.0.1:{port}")
        self.assertIn(str(port), self.broker_error(bridge, "refused", "reach"))
        outcome = bridge.send("imac/jarvis", "x", "--timeout", "1")
        self.assertCode(outcome, EXIT_UNREACHABLE)
        self.assertEqual(outcome.json["status"], "accepted", "kept for later")
        self.assertIn("broker", outcome.json["hint"])
        own = bridge.send("macbook/main", "at home it works all the same")
        self.assertCode(own, EXIT_OK)

    def test_broker_goes_down_and_comes_back(self):
        federation = self.federation(observe=False)
        federation.broker.stop()
        process.wait_until("the loss to be noticed", lambda: federation.macbook.status()["broker"]["state"] != "connected", 30)
        outcome = federation.macbook.send("imac/jarvis", "patience", "--timeout", "1")
        self.assertCode(outcome, EXIT_UNREACHABLE)
        federation.broker.start()
        ended = federation.macbook.wait_for_exchange(outcome.json["correlationId"], 90)
        self.assertEqual((ended["status"], ended["reply"]), ("ok", "echo: patience"))

    def test_unknown_host(self):
        self.broker_error(self.lonely(broker="mqtt://no-such-host.invalid:1883"), "no-such-host")

    def test_wrong_password(self):
        broker = Broker(self.make_directory(), users={"macbook": "right"})
        self.addCleanup(broker.stop)
        bridge = self.lonely({"broker": {"username": "macbook", "password": "wrong"}}, broker)
        error = self.broker_error(bridge, "password", "credentials")
        self.assertNotIn("wrong", error.replace("wrong password", "").replace("wrong user", ""))
        self.assertCode(bridge.send("imac/jarvis", "x", "--timeout", "1"), EXIT_UNREACHABLE)
        bridge.stop()
        bridge.configure({"broker": {"password": "right"}})
        bridge.start()
        self.assertEqual(bridge.status()["broker"]["state"], "connected")

    def test_the_documented_rights_suffice(self):
        federation = self.federation(
            {name: {**settings, "broker": {"username": name, "password": name}}
             for name, settings in (("macbook", case.MACBOOK), ("imac", case.IMAC))},
            users={"macbook": "macbook", "imac": "imac"}, acl=OBSERVER + rights("macbook") + rights("imac"))
        self.assertCode(federation.macbook.send("imac/jarvis", "within my rights"), EXIT_OK)
        self.assertAuthentic(federation)

    def test_a_right_to_subscribe_is_missing(self):
        # mosquitto grants every SUBSCRIBE and withholds the messages: the state that does not come back tells.
        bridge = self.denied("topic read claw/+/state\n")
        def told():
            status = bridge.status()
            return (status["state"] != "online" and status["broker"].get("error")) or bridge.log_lines("level=warn", "claw/")
        process.wait_until("the missing right to be reported", told, 40, step=0.5)

    def test_a_right_to_publish_is_missing(self):
        bridge = self.denied("topic write claw/macbook/#\n")
        def told():
            return any("authori" in line.lower() or "denied" in line.lower() for line in bridge.log_lines("claw/macbook/state"))
        process.wait_until("the refused publish of the state to be reported", told, 40, step=0.5)
        self.assertNotEqual(bridge.status()["state"], "online")

    def test_a_request_that_the_broker_refuses_is_reported(self):
        missing = "topic write claw/+/+/inbox\n"
        federation = self.federation(
            {name: {**settings, "broker": {"username": name, "password": name}}
             for name, settings in (("macbook", case.MACBOOK), ("imac", case.IMAC))},
            users={"macbook": "macbook", "imac": "imac"},
            acl=OBSERVER + rights("macbook").replace(missing, "") + rights("imac"))
        outcome = federation.macbook.send("imac/jarvis", "not allowed", "--timeout", "3")
        self.assertIn(outcome.code, (EXIT_REFUSED, EXIT_UNREACHABLE), outcome)
        self.assertRegex(outcome.text.lower(), "authori|denied|rights")
        self.assertIn("claw/imac/jarvis/inbox", outcome.text)

    def denied(self, missing):
        broker = Broker(self.make_directory(), users={"macbook": "macbook"}, acl=OBSERVER + rights("macbook").replace(missing, ""))
        self.addCleanup(broker.stop)
        return self.lonely({"broker": {"username": "macbook", "password": "macbook"}}, broker)


class Trust(case.Case):
    def test_a_stranger_waits_until_a_person_trusts_it(self):
        federation = self.federation(observe=True)
        stranger = Bridge(federation.directory, "stranger", federation.broker, {"gateway": {"agents": ["eve"]}}, join_secret())
        federation.bridges["stranger"] = stranger
        outcome = stranger.send("imac/jarvis", "let me in", "--timeout", "2")
        self.assertNotEqual(outcome.code, EXIT_OK, outcome)
        self.assertEqual(federation.imac.cli("exchange", "list").json["exchanges"], [], "nothing of it may be kept")

        pending = {peer["gateway"]: peer for peer in federation.imac.cli("peers", "list").json["peers"]}["stranger"]
        self.assertEqual(pending["trust"], "pending")
        self.assertEqual(pending["fingerprint"], stranger.keys().fingerprint.hex())
        wrong = federation.imac.cli("peers", "trust", "stranger", "0" * 64)
        self.assertCode(wrong, EXIT_REFUSED)
        for bridge, peer in ((federation.imac, stranger), (stranger, federation.imac)):
            fingerprint = peer.cli("key", "show").json["fingerprint"]
            self.assertEqual(fingerprint, peer.keys().fingerprint.hex())
            self.assertCode(bridge.cli("peers", "trust", peer.name, fingerprint), EXIT_OK)
        ended = stranger.wait_for_exchange(outcome.json["correlationId"], 90) if "correlationId" in outcome.json else \
            stranger.send("imac/jarvis", "let me in", "--timeout", "60").json
        self.assertEqual((ended["status"], ended["reply"]), ("ok", "echo: let me in"))


if __name__ == "__main__":
    case.main()
