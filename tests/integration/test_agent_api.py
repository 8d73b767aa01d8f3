"""What agents and people do through the local API and the command line, between two real bridges with echo gateways: spawning,
reading sessions, streams, events, files, late replies; and that nobody can choose who calls, whichever way they come."""

import base64
import hashlib
import http.client
import json
import pathlib
import secrets
import socket
import sys
import tempfile
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from clawtest import case, process  # noqa: E402
from clawtest.bridge import EXIT_OK, EXIT_REFUSED, EXIT_USAGE, EXIT_WAIT_ENDED, run_cli  # noqa: E402

TOKENS = {name: secrets.token_hex(32) for name in ("main", "other", "_bridge")}
EVERYTHING = [{"from": "*/*", "to": "*", "allow": ["*"]}]
MAIN = {"X-Claw-Agent": "main", "X-Claw-Session": "agent:main:main"}


def events_of(text):
    """[(name, data)]"""
    events = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
        if "event" in fields:
            events.append((fields["event"], json.loads(fields["data"])))
    return events


class Watcher:
    """GET /v1/events on the socket, until closed."""

    def __init__(self, path, **headers):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self.socket.sendall(f"GET /v1/events HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n".encode())
        self.heard = b""
        threading.Thread(target=self._read, daemon=True).start()
        process.wait_until("the stream of events", lambda: b":\n\n" in self.heard, 10)

    def _read(self):
        while chunk := self.socket.recv(65536):
            self.heard += chunk

    def events(self):
        return events_of(self.heard.decode().replace("\r\n", "\n\n"))  # between the chunks stand their sizes

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


class AgentApi(case.SharedCase):
    @classmethod
    def setUpClass(cls):
        cls.port = process.free_port()
        folder = tempfile.TemporaryDirectory(prefix="claw-")
        cls.addClassCleanup(folder.cleanup)
        cls.turns = {name: pathlib.Path(folder.name) / f"{name}.jsonl" for name in ("macbook", "imac")}
        cls.bridges = {
            "macbook": {"gateway": {"agents": ["main", "other"], "record": str(cls.turns["macbook"])}, "policy": EVERYTHING,
                        "api": {"listen": f"127.0.0.1:{cls.port}", "tokens": TOKENS}},
            "imac": {"gateway": {"agents": ["jarvis", "pepper"], "record": str(cls.turns["imac"]), "delay": "400ms"},
                     "policy": [{"from": "*/other", "to": "*", "deny": ["sessions_spawn"]}, *EVERYTHING]}}
        super().setUpClass()

    def tool(self, name, arguments, headers=None):
        return self.fed.macbook.http("POST", f"/v1/tools/{name}", arguments, MAIN if headers is None else headers)

    def good(self, name, arguments, headers=None):
        status, result = self.tool(name, arguments, headers)
        self.assertEqual(status, 200, result)
        return result

    def recorded(self, gateway, text):
        if not self.turns[gateway].exists():
            return []
        return [turn for turn in map(json.loads, self.turns[gateway].read_text(encoding="utf-8").splitlines()) if text in turn["text"]]

    # ---- operations ----

    def test_spawn_by_tool_and_by_command(self):
        started = self.good("claw_sessions_spawn", {"task": "look around", "agentId": "imac/jarvis"})
        self.assertEqual((started["status"], started["stage"], started["gateway"]), ("accepted", "started", "imac"))
        self.assertTrue(started["runId"] and started["childSessionKey"].startswith("agent:jarvis:"), started)
        ended = self.good("exchange", {"correlationId": started["correlationId"], "action": "wait"})
        self.assertEqual((ended["status"], ended["reply"], ended["childSessionKey"]), ("ok", "echo: look around", started["childSessionKey"]))
        spawned = self.fed.macbook.cli("spawn", "imac/jarvis", "look again")
        self.assertCode(spawned, EXIT_OK)
        self.assertEqual(self.fed.macbook.wait_for_exchange(spawned.json["correlationId"])["reply"], "echo: look again")
        refused = self.good("sessions_spawn", {"task": "x", "agentId": "imac/jarvis"}, {"X-Claw-Agent": "other"})
        self.assertEqual((refused["status"], refused["error"]["code"]), ("rejected", "forbidden"))
        self.assertCode(self.fed.macbook.cli("spawn", "imac/jarvis", "x", "--as", "other"), EXIT_REFUSED)

    def test_sessions_of_another_gateway(self):
        self.good("sessions_send", {"message": "for the record", "agentId": "imac/pepper"})
        listed = self.good("sessions_list", {"gateway": "imac", "agentId": "pepper"})
        self.assertEqual((listed["gateway"], listed["remote"]), ("imac", True))
        self.assertIn("agent:pepper:main", [session["key"] for session in listed["sessions"]])
        history = self.good("sessions_history", {"sessionKey": "imac/agent:pepper:main", "limit": 4})
        self.assertIn("for the record", json.dumps(history["messages"]))
        self.assertEqual(self.good("session_status", {"agentId": "pepper"})["gateway"], "imac")
        for arguments, words in ((["list", "imac"], "agent:pepper:main"), (["history", "imac/pepper"], "for the record"), (["status", "imac/agent:pepper:main"], "")):
            done = run_cli(["sessions", arguments[0], "--socket", self.fed.macbook.socket, *arguments[1:]], self.fed.macbook.directory)
            self.assertCode(done, EXIT_OK)
            self.assertIn(words, done.text)
        own = self.good("sessions_list", {})
        self.assertEqual((own["gateway"], own["remote"]), ("macbook", False))

    def test_agents_list_says_what_the_asking_agent_may_do(self):
        for agent, may_spawn in (("main", True), ("other", False)):
            listed = self.good("agents_list", {}, {"X-Claw-Agent": agent})
            self.assertEqual(listed["requester"], agent)
            jarvis = next(found for found in listed["agents"] if found["id"] == "jarvis")
            self.assertEqual((jarvis["gateway"], jarvis["presence"], "sessions_spawn" in jarvis["ops"]), ("imac", "online", may_spawn))
            own = self.good("agents_list", {"gateway": "macbook"}, {"X-Claw-Agent": agent})["agents"]
            self.assertEqual(own, [found for found in listed["agents"] if found["gateway"] == "macbook"])
            for found in own:
                self.assertEqual((found["presence"], found["remote"]), ("online", False))
                self.assertIn("sessions_spawn", found["ops"], "no rule is about one's own")
        spawned = self.good("sessions_spawn", {"task": "at home", "agentId": "macbook/main"}, {"X-Claw-Agent": "other"})
        self.assertIn(spawned["status"], ("accepted", "ok"), "and so it is")
        allowed = run_cli(["agents", "--allowed", "--as", "other", "--socket", self.fed.macbook.socket], self.fed.macbook.directory)
        self.assertIn("ALLOWED", allowed.text)
        self.assertEqual({line.split("/")[0]: "sessions_spawn" in line for line in allowed.text.splitlines()[1:]}, {"macbook": True, "imac": False})

    def test_exchange_of_ones_own(self):
        sent = self.good("sessions_send", {"message": "hello", "agentId": "imac/jarvis", "timeoutSeconds": 0})
        self.assertEqual(sent["status"], "accepted")
        id_ = sent["correlationId"]
        for action in ("show", "wait", "cancel"):
            status, refused = self.tool("exchange", {"correlationId": id_, "action": action}, {"X-Claw-Agent": "other"})
            self.assertEqual((status, refused["error"]["code"]), (404, "unknown_exchange"))
        self.assertEqual(self.good("exchange", {"correlationId": id_, "action": "wait"})["reply"], "echo: hello")
        self.assertEqual(self.good("exchange", {"correlationId": id_, "action": "cancel"})["result"], "already_ended")

    # ---- streams ----

    def test_a_reply_while_it_is_written(self):
        status, text = self.fed.macbook.http("POST", "/v1/tools/sessions_send", {"message": "one two three", "agentId": "imac/jarvis"},
                                             {**MAIN, "Accept": "text/event-stream"})
        self.assertEqual(status, 200)
        events = events_of(text)
        self.assertEqual(events[-1][0], "result")
        self.assertEqual(events[-1][1]["reply"], "echo: one two three")
        self.assertTrue([name for name, _ in events[:-1]] and {name for name, _ in events[:-1]} == {"progress"}, events)
        for _, told in events[:-1]:
            self.assertTrue("echo: one two three".startswith(told["text"].rstrip()), told)
        streamed = run_cli(["send", "--socket", self.fed.macbook.socket, "imac/jarvis", "one two three", "--stream"], self.fed.macbook.directory)
        self.assertEqual(streamed.stdout, b"echo: one two three\n")
        self.assertIn(b"echo: one", streamed.stderr)

    def test_events_of_everybody_and_of_an_agent(self):
        everything, own = Watcher(self.fed.macbook.socket), Watcher(self.fed.macbook.socket, **{"X-Claw-Agent": "main"})
        self.addCleanup(everything.close)
        self.addCleanup(own.close)
        mine = self.good("sessions_send", {"message": "mine", "agentId": "imac/jarvis"})["correlationId"]
        others = self.good("sessions_send", {"message": "not mine", "agentId": "imac/jarvis"}, {"X-Claw-Agent": "other"})["correlationId"]

        def ends(watcher):
            return [told["correlationId"] for name, told in watcher.events() if name == "exchange.ended"]

        process.wait_until("both ends", lambda: {mine, others} <= set(ends(everything)), 10)
        process.wait_until("the agent's own", lambda: mine in ends(own), 10)
        self.assertNotIn(others, own.heard.decode())

    # ---- files ----

    def test_files_go_there_and_back(self):
        content = secrets.token_bytes(50_000)
        file = {"name": "data.bin", "mimeType": "application/octet-stream", "content": base64.b64encode(content).decode()}
        sent = self.good("sessions_send", {"message": "look at this", "agentId": "imac/jarvis", "attachments": [file]})
        self.assertEqual(sent["attachments"], [{**file, "digest": hashlib.sha256(content).hexdigest()}])
        folder = self.make_directory()
        (folder / "in.txt").write_bytes(content)
        done = self.fed.macbook.send("imac/jarvis", "and this", "--attach", folder / "in.txt", "--save-attachments", folder / "out")
        self.assertCode(done, EXIT_OK)
        self.assertEqual((folder / "out" / "in.txt").read_bytes(), content)
        status, refused = self.tool("sessions_send", {"message": "x", "agentId": "imac/jarvis", "attachments": [{"content": "no base64!"}]})
        self.assertEqual((status, refused["error"]["code"]), (400, "bad_request"))
        large = {"content": base64.b64encode(bytes(1_000_000)).decode()}
        refused = self.good("sessions_send", {"message": "x", "agentId": "imac/jarvis", "attachments": [large]})
        self.assertEqual((refused["status"], refused["error"]["code"]), ("rejected", "too_large"))

    # ---- late replies ----

    def test_a_late_reply_is_delivered_or_kept(self):
        cases = {"deliver": True, "keep": False}
        texts = {choice: f"late {choice} {secrets.token_hex(4)}" for choice in cases}
        ids = {choice: self.good("sessions_send", {"message": text, "agentId": "imac/jarvis", "timeoutSeconds": 0, "lateReply": choice})["correlationId"]
               for choice, text in texts.items()}
        by_cli = f"late by command {secrets.token_hex(4)}"
        done = self.fed.macbook.send("imac/jarvis", by_cli, "--as", "agent:main:work", "--late-reply", "deliver", "--timeout", "0.05")
        self.assertCode(done, EXIT_WAIT_ENDED)
        late = process.wait_until("the late replies", lambda: self.recorded("macbook", texts["deliver"]) and self.recorded("macbook", by_cli), 30)
        self.assertEqual([turn["session"] for turn in late], ["agent:main:work"])
        self.assertEqual([turn["session"] for turn in self.recorded("macbook", texts["deliver"])], ["agent:main:main"])
        for choice, id_ in ids.items():
            self.assertEqual(self.fed.macbook.wait_for_exchange(id_)["reply"], f"echo: {texts[choice]}")
        self.assertEqual(self.recorded("macbook", texts["keep"]), [])
        self.assertCode(self.fed.macbook.send("imac/jarvis", "x", "--late-reply", "later"), EXIT_USAGE)

    # ---- nobody chooses who calls ----

    def source(self, correlation_id):
        return self.fed.imac.wait_for_exchange(correlation_id)["source"]

    def test_arguments_do_not_say_who_calls(self):
        for tool, needed in (("sessions_send", {"message": "x", "agentId": "imac/jarvis"}), ("sessions_spawn", {"task": "x", "agentId": "imac/jarvis"}),
                             ("sessions_list", {"gateway": "imac"}), ("exchange", {"correlationId": "01KANYZ2Q6S7C0J5X4M3T8W9B1"}), ("agents_list", {})):
            for name in ("caller", "callerAgent", "caller_agent", "source", "from", "agent", "session", "sourceSessionKey", "X-Claw-Agent"):
                status, refused = self.tool(tool, {**needed, name: "imac/pepper"}, {"X-Claw-Agent": "other"})
                self.assertEqual((status, refused["error"]["code"]), (400, "bad_request"), (tool, name))
        sent = self.good("sessions_send", {"message": "I am macbook/main, really", "agentId": "imac/jarvis"}, {"X-Claw-Agent": "other"})
        self.assertEqual(self.source(sent["correlationId"]), "macbook/other")

    def test_headers_on_tcp_do_not_say_who_calls(self):
        def ask(headers):
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
            try:
                connection.request("POST", "/v1/tools/sessions_send", json.dumps({"message": "x", "agentId": "imac/jarvis"}),
                                   {"Authorization": f"Bearer {TOKENS['other']}", **headers})
                response = connection.getresponse()
                return response.status, json.loads(response.read())
            finally:
                connection.close()

        for headers in ({"X-Claw-Agent": "main"}, {"x-claw-agent": "_bridge"}, {"X-Claw-Session": "agent:main:main"}, {"X-Claw-Agent": "other", "X-Claw-Session": "agent:main:x"},
                        {"Origin": "https://evil.example"}, {"Host": "evil.example"}):
            self.assertEqual(ask(headers)[0], 403, headers)
        status, sent = ask({"Forwarded": "for=main", "X-Forwarded-User": "main", "From": "main", "X-Claw-Session": "agent:other:main"})
        self.assertEqual((status, self.source(sent["correlationId"])), (200, "macbook/other"))

    def test_mcp_does_not_say_who_calls(self):
        def ask(arguments, **params):
            body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "claw_sessions_send", "arguments": arguments, **params}}
            return self.fed.macbook.http("POST", "/mcp", body, {"X-Claw-Agent": "other"})[1]["result"]

        for name in ("caller", "source", "agent", "_meta"):
            refused = ask({"message": "x", "agentId": "imac/jarvis", name: "main"})
            self.assertTrue(refused["isError"], name)
        sent = ask({"message": "x", "agentId": "imac/jarvis"}, _meta={"agent": "main", "X-Claw-Agent": "main"}, agent="main", caller="main")
        self.assertEqual(self.source(sent["structuredContent"]["correlationId"]), "macbook/other")

    def test_mqtt_does_not_say_who_calls(self):
        """A message that anyone on the broker can publish, in another's name: without the keys it is nobody's."""
        text = f"forged {secrets.token_hex(8)}"
        self.good("sessions_send", {"message": "genuine", "agentId": "imac/jarvis"})
        genuine = process.wait_until("the request on the broker", lambda: [seen for seen in self.fed.capture.messages() if seen.topic == "claw/imac/jarvis/inbox"], 10)
        forged = json.loads(genuine[-1].payload)
        forged["data"]["message"] = text
        for source in ("macbook/main", "macbook/_bridge", "imac/pepper", "stranger/main"):
            forged["source"] = source
            self.fed.broker.publish("claw/imac/jarvis/inbox", json.dumps(forged, separators=(",", ":")).encode())
        # What comes after it, through the same broker and lane, has run: so the forged ones would have.
        self.good("sessions_send", {"message": "after the forged ones", "agentId": "imac/jarvis"})
        self.assertEqual(self.recorded("imac", text), [])
        dropped = sum(count for name, count in self.fed.imac.counters().items() if name.startswith("dropped."))
        self.assertGreaterEqual(dropped, 4)


if __name__ == "__main__":
    case.main()
