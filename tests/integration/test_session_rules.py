"""What policy says of histories holds for every way to read one, whatever a peer writes: against stand-ins of both versions."""

import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from clawtest import case, standin  # noqa: E402
from clawtest.bridge import EXIT_OK  # noqa: E402

SECRET = "the code is 4711"
HIDDEN, SHOWN = "agent:jarvis:private", "agent:jarvis:work"
POLICY = [{"from": "*/*", "to": "jarvis", "sessions": [f"{HIDDEN}*"], "deny": ["sessions_list", "sessions_history", "session_status"]},
          {"from": "*/*", "to": "jarvis", "allow": ["sessions_history"]}]


class SessionRules(case.Case):
    VERSION = standin.NEW

    def setUp(self):
        gateway = standin.StandIn(self.make_directory() / "gateway", self.VERSION, ["jarvis", "pepper"])
        self.addCleanup(gateway.kill)
        client = gateway.client()
        self.addCleanup(client.close)
        for session in (HIDDEN, SHOWN, "agent:pepper:main"):
            client.turn(session, SECRET)
        self.fed = self.federation({"macbook": case.MACBOOK, "imac": {"gateway": gateway.settings(), "policy": POLICY}}, observe=False)
        self.fed.macbook.wait_until_knows("imac/jarvis", "imac/pepper")

    def ask(self, tool, **arguments):
        return self.fed.macbook.http("POST", f"/v1/tools/{tool}", {"gateway": "imac", **arguments}, {"X-Claw-Agent": "main"})[1]

    def test_a_list_brings_no_messages_that_a_history_would_not(self):
        for agent in ({"agentId": "pepper"}, {"agentId": "jarvis"}, {}):
            with self.subTest(agent):
                refused = self.ask("sessions_list", messageLimit=5, **agent)
                self.assertEqual(refused.get("error", {}).get("code"), "forbidden", refused)
                self.assertIn("leave messageLimit out", refused["error"]["message"])
                self.assertNotIn(SECRET, json.dumps(self.ask("sessions_list", **agent)))

    def test_a_list_has_the_sessions_that_its_asker_may_list(self):
        for agent in ({"agentId": "jarvis"}, {}):
            with self.subTest(agent):
                keys = {row["key"] for row in self.ask("sessions_list", **agent)["sessions"]}
                self.assertIn(SHOWN, keys)
                self.assertNotIn(HIDDEN, keys)

    def test_a_rule_about_a_session_holds_however_its_key_is_written(self):
        self.assertIn(SECRET, json.dumps(self.ask("sessions_history", sessionKey=SHOWN)))
        for key in (HIDDEN, HIDDEN.replace("private", "PRIVATE"), SHOWN.replace("work", "Work")):
            with self.subTest(key):
                for tool in ("sessions_history", "session_status"):
                    refused = self.ask(tool, sessionKey=key)
                    self.assertIn(refused.get("error", {}).get("code"), ("forbidden", "unknown_session"), refused)
        self.assertCode(self.fed.macbook.cli("sessions", "status", f"imac/{SHOWN}"), EXIT_OK)


class SessionRulesOfOld(SessionRules):
    VERSION = standin.OLD


if __name__ == "__main__":
    case.main()
