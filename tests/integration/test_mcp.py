"""The tools over MCP, with the official client of npm, over HTTP and over stdin and stdout; and the official conformance tool,
as far as it tests what a server of tools has."""

import http.client
import http.server
import json
import pathlib
import secrets
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from clawtest import bridge, case, mcp, process  # noqa: E402

TOOLS = {"claw_sessions_send", "claw_sessions_spawn", "claw_sessions_list", "claw_sessions_history", "claw_session_status",
         "claw_agents_list", "claw_exchange"}
TOKENS = {name: secrets.token_hex(32) for name in ("main", "other", "_bridge")}
EVERYTHING = [{"from": "*/*", "to": "*", "allow": ["*"]}]


class Mcp(case.SharedCase):
    @classmethod
    def setUpClass(cls):
        cls.port = process.free_port()
        folder = tempfile.TemporaryDirectory(prefix="claw-")
        cls.addClassCleanup(folder.cleanup)
        cls.turns = pathlib.Path(folder.name) / "turns.jsonl"
        cls.bridges = {
            "macbook": {"gateway": {"agents": ["main", "other"], "record": str(cls.turns)}, "policy": EVERYTHING,
                        "api": {"listen": f"127.0.0.1:{cls.port}", "tokens": TOKENS}},
            "imac": {"gateway": {"agents": ["jarvis", "pepper"], "delay": "300ms"}, "policy": EVERYTHING}}
        super().setUpClass()

    def client(self, **transport):
        made = mcp.Client(**transport)
        self.addCleanup(made.close)
        return made

    def over_http(self, agent="main", **headers):
        return self.client(url=f"http://127.0.0.1:{self.port}/mcp", headers={"Authorization": f"Bearer {TOKENS[agent]}", **headers})

    def over_stdio(self, *arguments):
        return self.client(command=bridge.binary(), args=["mcp", "--socket", self.fed.macbook.socket, *arguments],
                           env=process.clean_environment(self.fed.macbook.directory))

    def source(self, result):
        """Who asked, as the other side has it."""
        return self.fed.imac.wait_for_exchange(result["correlationId"])["source"]

    def check_the_tools(self, client):
        self.assertEqual(client.shown["server"]["name"], "clawbridge")
        self.assertEqual({tool["name"] for tool in client.shown["tools"]}, TOOLS)
        for tool in client.shown["tools"]:
            self.assertIn("readOnlyHint", tool["annotations"])
            self.assertIn("outputSchema", tool)
        sent = client.call("claw_sessions_send", {"message": "hello", "agentId": "imac/jarvis"})
        self.assertEqual((sent["status"], sent["reply"], sent["isError"]), ("ok", "echo: hello", False))
        self.assertEqual(self.source(sent), "macbook/main")
        agents = client.call("claw_agents_list", {})["agents"]
        self.assertIn("sessions_spawn", next(agent for agent in agents if agent["id"] == "jarvis")["ops"])
        spawned = client.call("claw_sessions_spawn", {"task": "look around", "agentId": "imac/jarvis"})
        self.assertTrue(spawned["childSessionKey"].startswith("agent:jarvis:"), spawned)
        ended = client.call("claw_exchange", {"correlationId": spawned["correlationId"], "action": "wait"})
        self.assertEqual((ended["status"], ended["reply"]), ("ok", "echo: look around"))
        listed = client.call("claw_sessions_list", {"gateway": "imac"})
        self.assertIn("agent:jarvis:main", [session["key"] for session in listed["sessions"]])
        self.assertEqual((listed["gateway"], listed["remote"]), ("imac", True))
        self.assertEqual(client.call("claw_session_status", {"sessionKey": "imac/agent:jarvis:main"})["gateway"], "imac")
        history = client.call("claw_sessions_history", {"sessionKey": "imac/agent:jarvis:main"})
        self.assertTrue(history["isError"])  # this echo gateway keeps none
        self.assertIn("history", history["error"]["message"])

    def check_progress_and_aborts(self, client):
        told = client.wait(client.begin("claw_sessions_send", {"message": "one two three", "agentId": "imac/jarvis"}, progress=True))
        texts = [step["message"] for step in told["progress"]]
        self.assertTrue(texts and all("echo: one two three".startswith(text.rstrip()) for text in texts), told)
        self.assertEqual([step["progress"] for step in told["progress"]], sorted({step["progress"] for step in told["progress"]}))
        text = f"never mind {secrets.token_hex(4)}"
        aborted = client.wait(client.begin("claw_sessions_send", {"message": text, "agentId": "imac/pepper"}, abortAfterMs=50))
        self.assertIn("error", aborted)
        # Nobody waits for it any more, so its reply comes late, into the calling session: a turn of the own gateway.
        late = process.wait_until("the late reply", lambda: [turn for turn in self.own_turns() if text in turn["text"]], 30)
        self.assertEqual([turn["session"] for turn in late], ["agent:main:main"])
        self.assertEqual(client.call("claw_sessions_send", {"message": "still there", "agentId": "imac/jarvis"})["reply"], "echo: still there")

    def own_turns(self):
        return [json.loads(line) for line in self.turns.read_text(encoding="utf-8").splitlines()] if self.turns.exists() else []

    def test_over_http(self):
        client = self.over_http()
        self.assertEqual(client.shown["version"], "2025-11-25")
        self.check_the_tools(client)
        self.check_progress_and_aborts(client)

    def test_over_stdin_and_stdout(self):
        client = self.over_stdio("--agent", "main")
        self.check_the_tools(client)
        self.check_progress_and_aborts(client)
        self.assertEqual(client.close(), "", "nothing but the protocol, and no complaint")

    def test_many_calls_at_once(self):
        for client in (self.over_http(), self.over_stdio("--agent", "main")):
            calls = [client.begin("claw_sessions_send", {"message": f"number {number}", "gateway": "imac", "agentId": ("jarvis", "pepper")[number % 2]})
                     for number in range(30)]
            replies = [json.loads(client.wait(id_)["result"]["content"][0]["text"])["reply"] for id_ in calls]
            self.assertEqual(replies, [f"echo: number {number}" for number in range(30)])

    def test_who_calls_is_not_for_the_client_to_say(self):
        forged = {"X-Claw-Agent": "other"}
        self.assertIn("failed", self.over_http("main", **forged).shown)
        self.assertIn("failed", self.client(url=f"http://127.0.0.1:{self.port}/mcp", headers={"Authorization": "Bearer wrong"}).shown)
        self.assertIn("failed", self.over_http("main", **{"X-Claw-Session": "agent:other:main"}).shown)
        for client, source in ((self.over_http("other"), "macbook/other"), (self.over_stdio("--agent", "other"), "macbook/other"), (self.over_stdio(), "macbook/_bridge")):
            for name in ("caller", "source", "from", "agent", "callerAgent", "sourceSessionKey"):
                refused = client.call("claw_sessions_send", {"message": "hello", "agentId": "imac/jarvis", name: "main"})
                self.assertTrue(refused["isError"])
                self.assertIn("unknown argument", refused["error"]["message"])
            sent = client.call("claw_sessions_send", {"message": "hello", "agentId": "imac/jarvis"})
            self.assertEqual(self.source(sent), source)
            other = self.over_http("main").call("claw_exchange", {"correlationId": sent["correlationId"]})
            self.assertEqual(other["error"]["code"], "unknown_exchange", "another agent's exchange")

    def test_stdio_lives_through_a_restart_of_the_daemon(self):
        client = self.over_stdio("--agent", "main")
        self.fed.macbook.stop()
        waiting = client.begin("claw_agents_list", {"timeoutSeconds": 0})
        time.sleep(1)
        self.fed.macbook.start()
        self.assertNotIn("isError\":true", json.dumps(client.wait(waiting)))
        self.fed.wait_acquainted()
        self.assertEqual(client.call("claw_sessions_send", {"message": "again", "agentId": "imac/jarvis"})["reply"], "echo: again")

    def test_http_needs_no_session_to_be_kept(self):
        client = self.over_http()
        self.fed.macbook.restart()
        self.fed.wait_acquainted()
        self.assertEqual(client.call("claw_sessions_send", {"message": "again", "agentId": "imac/jarvis"})["reply"], "echo: again")

    def test_the_conformance_tool_finds_nothing_wrong(self):
        node, modules = mcp.install()
        with Authorizing(self.port, TOKENS["main"]) as proxy:
            for scenario in ("server-initialize", "ping", "tools-list", "dns-rebinding-protection"):
                with self.subTest(scenario):
                    done = subprocess.run([node, f"{modules}/@modelcontextprotocol/conformance/dist/index.js", "server", "--url",
                                           f"http://127.0.0.1:{proxy.port}/mcp", "--scenario", scenario, "-o", str(self.make_directory())],
                                          capture_output=True, text=True, timeout=120, check=False)
                    self.assertEqual(done.returncode, 0, done.stdout[-3000:] + done.stderr[-3000:])


class Authorizing:
    """A port that adds the token, which the conformance tool cannot, and leaves all else as it is."""

    def __init__(self, port, token):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def pass_on(self):
                own = {f"{host}:{self.server.server_port}" for host in ("127.0.0.1", "localhost")}
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
                connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
                for name, value in self.headers.items():
                    for address in own:  # the one thing that the port itself changes
                        value = f"127.0.0.1:{port}" if value == address else f"http://127.0.0.1:{port}" if value == f"http://{address}" else value
                    if name.lower() not in ("connection", "authorization"):
                        connection.putheader(name, value)
                connection.putheader("Authorization", f"Bearer {token}")
                connection.endheaders(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
                response = connection.getresponse()
                body = response.read()
                connection.close()
                self.send_response(response.status)
                for name, value in response.getheaders():
                    if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_DELETE = pass_on

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


if __name__ == "__main__":
    case.main()
