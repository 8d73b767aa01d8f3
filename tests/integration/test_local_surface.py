"""The local HTTP API on TCP: a token says who calls, and whoever has none, or another name for the server, or a web
page to speak from, gets nothing."""

import http.client
import json
import pathlib
import secrets
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from clawtest import case, process  # noqa: E402
from clawtest.bridge import EXIT_FAILED, EXIT_OK, EXIT_USAGE, Bridge, run_cli  # noqa: E402

TOKENS = {name: secrets.token_hex(32) for name in ("main", "other", "_bridge")}
FINGERPRINT = "4f0c" * 16


class LocalSurface(case.SharedCase):
    options = {"observe": False}

    @classmethod
    def setUpClass(cls):
        cls.port = process.free_port()
        folder = tempfile.TemporaryDirectory(prefix="claw-")
        cls.addClassCleanup(folder.cleanup)
        token_file = pathlib.Path(folder.name) / "token-main"
        token_file.write_text(TOKENS["main"] + "\n", encoding="utf-8")
        cls.bridges = {
            "macbook": {"gateway": {"agents": ["main", "other"]},
                        "api": {"listen": f"127.0.0.1:{cls.port}",
                                "tokens": {**TOKENS, "main": f"${{file:{token_file}}}"}}},
            "imac": case.IMAC}
        super().setUpClass()

    @classmethod
    def tearDownClass(cls):
        log = cls.fed.macbook.log()
        for name, token in TOKENS.items():
            assert token not in log, f"the token of {name} stands in the log"

    def tcp(self, method, path, token=None, body=None, headers=None):
        """(status, JSON, headers)"""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            sent = {"Authorization": f"Bearer {token}"} if token else {}
            connection.request(method, path, body=None if body is None else json.dumps(body), headers={**sent, **(headers or {})})
            response = connection.getresponse()
            return response.status, json.loads(response.read()), response.headers
        finally:
            connection.close()

    def send(self, token, headers=None):
        return self.tcp("POST", "/v1/tools/sessions_send", token, {"message": "hello", "agentId": "imac/jarvis"}, headers)

    def test_a_token_says_which_agent_calls(self):
        status, result, _ = self.send(TOKENS["main"], {"X-Claw-Session": "agent:main:main"})
        self.assertEqual((status, result["reply"]), (200, "echo: hello"))
        path = f"/v1/exchanges/{result['correlationId']}"
        for name, expected in (("main", 200), ("_bridge", 200), ("other", 404)):
            self.assertEqual(self.tcp("GET", path, TOKENS[name])[0], expected, name)
        self.assertEqual(self.tcp("GET", path, TOKENS["main"])[1]["source"], "macbook/main")
        mine = self.tcp("GET", "/v1/exchanges", TOKENS["main"])[1]["exchanges"]
        self.assertIn(result["correlationId"], [exchange["correlationId"] for exchange in mine])
        self.assertNotIn(result["correlationId"], json.dumps(self.tcp("GET", "/v1/exchanges", TOKENS["other"])[1]))

    def test_nobody_else_is_heard(self):
        before = self.fed.macbook.counters()
        status, result, headers = self.send(None)
        self.assertEqual((status, result["error"]["code"]), (401, "forbidden"))
        self.assertEqual(headers["WWW-Authenticate"], 'Bearer realm="clawbridge"')
        self.assertEqual(self.send(TOKENS["main"][:-1])[0], 401)
        self.assertEqual(self.send(TOKENS["main"], {"Host": f"rebound.example:{self.port}"})[0], 403)
        self.assertEqual(self.send(TOKENS["main"], {"Origin": "https://evil.example"})[0], 403)
        self.assertEqual(self.send(TOKENS["main"], {"X-Claw-Agent": "other"})[0], 403)
        self.assertEqual(self.send(TOKENS["main"], {"X-Claw-Session": "agent:other:main"})[0], 403)
        after = self.fed.macbook.counters()
        for counter, count in (("token", 2), ("host", 1), ("origin", 1), ("agent", 1)):
            name = f"api.refused_{counter}"
            self.assertEqual(after[name] - before.get(name, 0), count, name)
            self.assertTrue(self.fed.macbook.log_lines("event=api.refused", name), name)

    def test_an_agent_changes_nothing(self):
        for name, expected in (("main", 403), ("_bridge", 404)):
            status, result, _ = self.tcp("POST", "/v1/peers/nobody/trust", TOKENS[name], {"fingerprint": FINGERPRINT})
            self.assertEqual(status, expected, result)
        self.assertEqual(self.tcp("GET", "/v1/peers", TOKENS["main"])[0], 403)
        self.assertEqual(self.fed.macbook.http("POST", "/v1/peers/nobody/trust", {"fingerprint": FINGERPRINT},
                                               {"X-Claw-Agent": "main"})[0], 403, "nor on the socket")

    def test_the_command_line_goes_on_over_the_socket(self):
        self.assertCode(self.fed.macbook.send("imac/jarvis", "hello"), EXIT_OK)

    def test_a_port_in_use_is_said(self):
        second = Bridge(self.make_directory(), "studio", self.fed.broker, {"api": {
            "listen": f"127.0.0.1:{self.port}", "tokens": {"main": TOKENS["main"]}}}, start=False)
        outcome = run_cli(["run", "--config", second.config_path], second.directory)
        self.assertCode(outcome, EXIT_FAILED)
        self.assertIn(f"cannot listen on TCP port {self.port} of 127.0.0.1", outcome.text)

    def test_only_this_machine_and_only_with_tokens(self):
        directory = self.make_directory()
        file = directory / "clawbridge.yaml"
        for api, words in (({"listen": "0.0.0.0:18790", "tokens": {"main": TOKENS["main"]}}, "this machine only"),
                           ({"listen": "127.0.0.1:18790"}, "api.listen needs api.tokens"),
                           ({"tokens": {"main": "short"}}, "api.tokens.main has a wrong value")):
            file.write_text(json.dumps({"version": 1, "api": api}), encoding="utf-8")
            outcome = run_cli(["run", "--config", file], directory)
            self.assertCode(outcome, EXIT_USAGE)
            self.assertIn(words, outcome.text)
            self.assertNotIn(TOKENS["main"], outcome.text)


if __name__ == "__main__":
    case.main()
