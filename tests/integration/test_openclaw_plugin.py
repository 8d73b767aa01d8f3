"""The OpenClaw plugin against real bridges with echo gateways, in Node without OpenClaw around it: identity, many calls at
once, aborts, errors, and what it does with native calls. In real gateways it is test_openclaw_tools.py's."""

import collections
import json
import pathlib
import socket
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from clawtest import bridge, case, gateway, node, process  # noqa: E402

PLUGIN = bridge.SOURCE_DIR / "bridge" / "gateway" / "openclaw-plugin"
HOST = bridge.SOURCE_DIR / "tests" / "support" / "plugin_host.mjs"
MAIN = {"agentId": "main", "sessionKey": "agent:main:main"}


class Host(node.Led):
    """The plugin in a process of its own."""

    def __init__(self, runtime, **config):
        super().__init__(runtime, HOST, str(PLUGIN), json.dumps(config))

    def begin(self, **call):
        return self.begin_call(**{"context": MAIN, **call})

    def call(self, tool, args, **more):
        """What the model is shown. The same stands in `details`."""
        told = self.wait(self.begin(tool=tool, args=args, **more))
        assert "result" in told, told
        shown = json.loads(told["result"]["content"][0]["text"])
        assert shown == told["result"]["details"], told
        return shown

    def hook(self, name, params, context=None):
        return self.wait(self.begin(hook={"toolName": name, "params": params}, context=context or MAIN))["result"]


class ScriptedDaemon:
    """Answers each request with the same bytes, and ends the connection."""

    def __init__(self, path, answer):
        self.listening = socket.socket(socket.AF_UNIX)
        self.listening.bind(str(path))
        self.listening.listen()
        self.answer, self.requests = answer, []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                connection, _ = self.listening.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as stream:
                head = b"".join(iter(stream.readline, b"\r\n")).decode("utf-8")
                length = int(head.lower().split("content-length: ")[1].split("\r\n")[0])
                self.requests.append((head, json.loads(stream.read(length))))
                connection.sendall(self.answer)

    def close(self):
        self.listening.close()


class Plugin(case.Case):
    AGENTS = [f"agent{number:02}" for number in range(20)]

    @classmethod
    def setUpClass(cls):
        cls.node = gateway.node()

    def make(self, **imac):
        self.fed = self.federation({"macbook": {"gateway": {"agents": ["main", "other"]}},
                                    "imac": {"gateway": {"agents": ["jarvis", *self.AGENTS], **imac}}})
        return self.host(self.fed.macbook.socket)

    def host(self, socket, **config):
        made = Host(self.node, socket=str(socket), **config)
        self.addCleanup(made.close)
        return made

    def test_it_registers_what_its_manifest_says(self):
        host = self.host("/nowhere.sock")
        manifest = json.loads((PLUGIN / "openclaw.plugin.json").read_text(encoding="utf-8"))
        tools = {tool["name"]: tool for tool in host.shown["tools"]}
        self.assertEqual(sorted(tools), sorted(manifest["contracts"]["tools"]))
        for name, tool in tools.items():
            self.assertEqual((tool["registeredAs"], tool["catalogMode"]), (name, "direct-only"))
            self.assertTrue(tool["description"] and tool["parameters"]["type"] == "object", name)
        self.assertEqual([hook["name"] for hook in host.shown["hooks"]], ["before_tool_call"])
        self.assertEqual(self.host("/nowhere.sock", sugar=False).shown["hooks"], [])

    def test_who_calls_is_what_openclaw_says(self):
        host = self.make()
        for context, source in ((MAIN, "macbook/main"), ({"agentId": "other", "sessionKey": "agent:other:über 会議"}, "macbook/other"),
                                ({"agentId": "other", "sessionKey": "global"}, "macbook/other"), ({"sessionKey": "agent:other:main"}, "macbook/other")):
            with self.subTest(context):
                sent = host.call("claw_sessions_send", {"agentId": "imac/jarvis", "message": "hello"}, context=context)
                self.assertEqual((sent["status"], sent["reply"]), ("ok", "echo: hello"), sent)
                self.assertEqual(self.fed.imac.exchange(sent["correlationId"]).json["source"], source)
        for stranger in ({}, {"sessionKey": "global"}):
            refused = host.call("claw_sessions_send", {"agentId": "imac/jarvis", "message": "hello"}, context=stranger)
            self.assertEqual(refused["status"], "error")
            self.assertIn("cannot tell which agent calls", refused["error"])
        for forged in ("source", "from", "caller", "sourceSessionKey"):
            refused = host.call("claw_sessions_send", {"agentId": "imac/jarvis", "message": "hello", forged: "imac/pepper"})
            self.assertEqual((refused["status"], refused["code"]), ("error", "bad_request"), refused)

    def test_two_hundred_calls_at_once(self):
        record = self.make_directory() / "turns.jsonl"
        host = self.make(delay="20ms", record=str(record))
        calls = [host.begin(tool="claw_sessions_send", args={"gateway": "imac", "agentId": self.AGENTS[number % 20], "message": f"number {number}", "timeoutSeconds": 120})
                 for number in range(200)]
        results = [host.wait(id_, 120)["result"]["details"] for id_ in calls]
        self.assertEqual([(result["status"], result.get("reply")) for result in results], [("ok", f"echo: number {number}") for number in range(200)])
        turns = [json.loads(line) for line in record.read_text(encoding="utf-8").splitlines()]
        self.assertEqual(len(turns), 200, "each ran once")
        by_session = collections.defaultdict(list)
        for turn in turns:
            by_session[turn["session"]].append(turn["correlationId"])
        self.assertEqual(len(by_session), 20)
        for session, ids in by_session.items():
            self.assertEqual(ids, sorted(ids), f"order in {session}: ids are made in the order of acceptance")

    def test_an_abort_ends_the_wait_and_not_the_exchange(self):
        host = self.make(delay="3s")
        told = host.wait(host.begin(tool="claw_sessions_send", args={"agentId": "imac/jarvis", "message": "go on"}, abortAfterMs=700), 20)
        self.assertIn("AbortError", told["error"])
        listed = self.fed.macbook.cli("exchange", "list").json["exchanges"]
        self.assertEqual(len(listed), 1)
        self.assertEqual(self.fed.macbook.wait_for_exchange(listed[0]["correlationId"])["reply"], "echo: go on")
        later = host.call("claw_exchange", {"correlationId": listed[0]["correlationId"]})
        self.assertEqual((later["status"], later["reply"]), ("ok", "echo: go on"))

    def test_errors_say_what_to_do(self):
        host = self.make()
        cases = {"unknown_agent": {"agentId": "imac/nobody", "message": "x"}, "bad_request": {"agentId": "imac/jarvis", "message": "x", "watch": True},
                 "too_large": {"agentId": "imac/jarvis", "message": "x" * 80_000_000}}
        for code, args in cases.items():
            with self.subTest(code):
                refused = host.call("claw_sessions_send", args)
                self.assertEqual((refused["status"], refused["code"]), ("error", code), refused)
                self.assertIsInstance(refused["error"], str)
        self.fed.macbook.stop()
        down = host.call("claw_agents_list", {})
        self.assertEqual((down["status"], down["code"], down["retryable"]), ("error", "daemon_down", True))
        self.assertIn("clawbridge run", down["error"])

    def test_a_daemon_that_dies_leaves_it_open_and_says_so(self):
        host = self.make(delay="5s")
        id_ = host.begin(tool="claw_sessions_send", args={"agentId": "imac/jarvis", "message": "x"})
        process.wait_until("the request to be taken", lambda: self.fed.macbook.cli("exchange", "list").json["exchanges"], 20)
        self.fed.macbook.kill()
        lost = host.wait(id_)["result"]["details"]
        self.assertEqual((lost["status"], lost["code"]), ("error", "daemon_lost"), lost)
        self.assertIn("clawbridge exchange list", lost["error"])
        self.fed.macbook.start()

    def scripted(self, answer):
        path = self.make_directory() / "api.sock"
        daemon = ScriptedDaemon(path, answer)
        self.addCleanup(daemon.close)
        return daemon, self.host(path)

    def test_progress_is_passed_on(self):
        stream = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
        progress = b'event: progress\ndata: {"text":"Looking"}\n\nevent: progress\ndata: {"text":"Looking at it"}\n\n'
        daemon, host = self.scripted(stream + progress + b'event: result\ndata: {"status":"ok","reply":"Done"}\n\n')
        told = host.wait(host.begin(tool="claw_sessions_send", args={"agentId": "imac/jarvis", "message": "x"}))
        self.assertEqual([update["details"] for update in told["updates"]],
                         [{"status": "running", "text": "Looking"}, {"status": "running", "text": "Looking at it"}])
        self.assertEqual(told["result"]["details"], {"status": "ok", "reply": "Done"})
        head, args = daemon.requests[0]
        self.assertIn("text/event-stream", head)
        self.assertEqual(args, {"agentId": "imac/jarvis", "message": "x"}, "the arguments are the model's, and no more")
        host.call("claw_sessions_send", {"agentId": "imac/jarvis", "message": "x", "timeoutSeconds": 0})
        self.assertNotIn("text/event-stream", daemon.requests[1][0], "nobody waits, so nobody watches")
        told = host.wait(host.begin(tool="claw_sessions_send", args={"agentId": "imac/jarvis", "message": "x"}, updatesFail=True))
        self.assertEqual(told["result"]["details"], {"status": "ok", "reply": "Done"}, "whoever looked on has gone, and the reply is there")
        _, host = self.scripted(stream + progress + b'event: error\ndata: {"error":{"code":"forbidden","message":"no rule"}}\n\n')
        self.assertEqual(host.call("claw_sessions_send", {"message": "x"}), {"status": "forbidden", "error": "no rule", "code": "forbidden"})
        _, host = self.scripted(stream + progress)
        self.assertEqual(host.call("claw_sessions_send", {"message": "x"})["code"], "daemon_lost")

    def test_what_is_no_daemon_is_said(self):
        for answer in (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", b"what?\r\n\r\n"):
            with self.subTest(answer):
                _, host = self.scripted(answer)
                refused = host.call("claw_agents_list", {})
                self.assertEqual(refused["status"], "error", refused)

    def test_native_calls_to_other_gateways_only(self):
        host = self.make()
        for name, params in (("sessions_send", {"sessionKey": "agent:other:main", "message": "x"}), ("sessions_send", {"label": "Work", "message": "x"}),
                             ("sessions_spawn", {"agentId": "other", "task": "x"}), ("sessions_send", {"gateway": " ", "agentId": "other", "message": "x"}),
                             ("sessions_send", {"sessionKey": "agent:other:main", "message": "x", "gateway": None, "gatewayUrl": None, "gatewayToken": ""}),
                             ("sessions_send", {}), ("exec", {"gateway": "imac", "command": "x"}), ("read", {"path": "imac/agent:jarvis:main"})):
            with self.subTest(name, params=params):
                self.assertIsNone(host.hook(name, params))
        for params in ({"gateway": "imac", "agentId": "jarvis", "message": "x"}, {"sessionKey": "imac/agent:jarvis:main", "message": "x"}):
            answered = host.hook("sessions_send", params)
            self.assertIs(answered["block"], True)
            result = json.loads(answered["blockReason"])
            self.assertEqual((result["status"], result["reply"]), ("ok", "echo: x"), result)
            self.assertEqual(self.fed.imac.exchange(result["correlationId"]).json["source"], "macbook/main")
        for params in ({"gatewayUrl": "ws://imac:18789", "message": "x"}, {"gatewayToken": "t", "sessionKey": "agent:other:main", "message": "x"}):
            refused = json.loads(host.hook("sessions_send", params)["blockReason"])
            self.assertEqual(refused["status"], "error")
            self.assertIn('gateway: "imac"', refused["error"])


if __name__ == "__main__":
    case.main()
