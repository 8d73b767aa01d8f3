"""Agents of real OpenClaw gateways use the plugin's tools, of two versions in one federation.

macbook runs OPENCLAW_VERSION (2026.9.6 unless set) and asks; imac runs the other version and answers. The mock model calls a
tool when it is told `TOOL <name> <arguments>`, and says what came back. Each gateway is started once for all tests.
"""

import base64
import concurrent.futures
import json
import os
import pathlib
import secrets
import shutil
import sys
import tempfile
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from clawtest import bridge, case, gateway, process  # noqa: E402
from clawtest.bridge import EXIT_FAILED, EXIT_OK, EXIT_REFUSED  # noqa: E402

VERSIONS = {"2026.9.6", "2026.3.8"}
ASKER = os.environ.get("OPENCLAW_VERSION", "2026.9.6")
ANSWERER, = VERSIONS - {ASKER}
TOOLS = {"claw_sessions_send", "claw_sessions_spawn", "claw_sessions_list", "claw_sessions_history", "claw_session_status",
         "claw_agents_list", "claw_exchange"}
# As the setup wizard of 2026.9.6 leaves it: plugins' tools are hidden until they are allowed.
HIDING = {"tools": {"profile": "coding", "alsoAllow": ["sessions_send", "sessions_spawn"]}}
# A command agent: it answers, and what it is told to ask another agent it asks with the command line.
SMITH = """#!/bin/sh
text=$(cat)
case $text in
  "ask "*) rest=${text#ask }; exec "$1" send --socket "$2" "${rest%%:*}" "${rest#*: }" --timeout 120 ;;
  *) printf 'smith says: %s' "$text" ;;
esac
"""
ASKERS = ("macbook/main", "macbook/agent:main:main")    # as the history there names who asked
READING = ["sessions_list", "sessions_history", "session_status"]
MCP_HOST = "macbook" if ASKER == "2026.9.6" else "imac"    # 2026.3.8 knows no MCP servers
DOT = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")    # a PNG


class OpenClawTools(case.Case):
    @classmethod
    def setUpClass(cls):
        cls.directory = pathlib.Path(tempfile.mkdtemp(prefix="claw-tools-"))
        cls.addClassCleanup(shutil.rmtree, cls.directory, ignore_errors=True)
        cls.mcp_port, cls.mcp_token = process.free_port(), secrets.token_hex(32)
        with concurrent.futures.ThreadPoolExecutor() as pool:    # a start takes up to 25 s
            started = {"macbook": pool.submit(cls.start, "macbook", ASKER, ["main"]),
                       "imac": pool.submit(cls.start, "imac", ANSWERER, ["jarvis", "pepper"])}
            cls.labs = {name: future.result() for name, future in started.items()}
            cls.installed = {name: cls.openclaw(name, "install") for name in cls.labs}
            list(pool.map(lambda name: cls.labs[name].restart(name), cls.labs))
        api = {MCP_HOST: {"api": {"listen": f"127.0.0.1:{cls.mcp_port}", "tokens": {cls.labs[MCP_HOST].gateways[MCP_HOST]["agents"][0]: cls.mcp_token}}}}
        cls.fed = case.Federation(cls.directory, {
            "macbook": {**api.get("macbook", {}), "gateway": cls.beside("macbook"), "remote_agents": {"butler": "imac/jarvis"},
                        "policy": [{"from": "imac/*", "to": "main", "allow": [*READING, "sessions_spawn"]}]},
            "imac": {**api.get("imac", {}), "gateway": cls.beside("imac"),
                     "policy": [{"from": "macbook/*", "to": "jarvis", "allow": [*READING, "sessions_spawn"]},
                                {"from": "macbook/*", "to": "pepper", "deny": "sessions_send"}]},
            "workshop": {"gateway": {"kind": "command", "agents": ["smith"], "command": cls.smith()}}})
        cls.addClassCleanup(cls.fed.close)
        cls.fed.macbook.wait_until_knows("imac/jarvis", "imac/pepper", "macbook/main", seconds=60)
        cls.fed.imac.wait_until_knows("macbook/main", "imac/jarvis", seconds=60)
        cls.gateways = {name: lab.client(name) for name, lab in cls.labs.items()}
        cls.addClassCleanup(lambda: [client.close() for client in cls.gateways.values()])
        cls.macbook, cls.imac = cls.gateways["macbook"], cls.gateways["imac"]
        for agent, client in (("main", cls.macbook), ("jarvis", cls.imac), ("pepper", cls.imac)):
            client.turn(f"agent:{agent}:main", "hello")    # a session is there from its first turn on
        cls.hidden = {name: cls.openclaw(name, "check") for name in cls.labs}
        for name in cls.labs:
            cls.openclaw(name, "install", "--also-allow")
        for agent, client in (("main", cls.macbook), ("jarvis", cls.imac)):
            process.wait_until(f"{agent} to see the tools", lambda: TOOLS <= cls.tools_of(agent, client), 90, step=2)

    @classmethod
    def start(cls, name, version, agents):
        mcp = {"url": f"http://127.0.0.1:{cls.mcp_port}/mcp", "transport": "streamable-http", "headers": {"Authorization": f"Bearer {cls.mcp_token}"},
               "requestTimeoutMs": 300_000}
        config = {**HIDING, **({"mcp": {"servers": {"bridge": mcp}}} if name == MCP_HOST else {})}
        lab = gateway.Lab(cls.directory / f"lab-{name}", version, {"gateways": [{"name": name, "agents": agents, "config": config}]})
        cls.addClassCleanup(lab.stop)
        return lab

    @classmethod
    def smith(cls):
        program = cls.directory / "smith.sh"
        program.write_text(SMITH, encoding="utf-8")
        program.chmod(0o755)
        return [str(program), bridge.binary(), str(cls.directory / "workshop" / "api.sock")]

    @classmethod
    def beside(cls, name):
        lab = cls.labs[name]
        return {"kind": "openclaw", "url": lab.url(name), "token": lab.gateways[name]["token"], "agents": None}

    @classmethod
    def openclaw(cls, name, command, *options):
        """`clawbridge openclaw …` on that machine: its home, its gateway, its bridge's socket."""
        home = pathlib.Path(cls.labs[name].gateways[name]["home"])
        return bridge.run_cli(["openclaw", command, "--openclaw-home", home / ".openclaw", "--socket", cls.directory / name / "api.sock", "--json", *options], home)

    @staticmethod
    def tools_of(agent, client):
        return set(client.turn(f"agent:{agent}:tools", "TOOLS").split())

    def setUp(self):
        self.addCleanup(self._print_logs, self.fed)

    def told(self, tool, args, session="agent:main:main", client=None):
        """What the model is told by a tool that it calls in a turn of `session`."""
        reply = (client or self.macbook).turn(session, f"TOOL {tool} {json.dumps(args)}")
        self.assertTrue(reply.startswith("tool: "), reply[:2000])
        result, end = json.JSONDecoder().raw_decode(reply.removeprefix("tool: "))
        # Where a tool fails, 2026.3.8 says so to the user itself, behind the agent's words.
        self.assertTrue(len(reply.removeprefix("tool: ")) == end or result["status"] in ("error", "forbidden"), reply[:2000])
        return result

    def rows_of(self, client, session, correlation_id, what=""):
        return [row for row in client.transcript(session, 1000) if (row.get("provenance") or {}).get("sourceChannel") == f"mqtt:{correlation_id}{what}"]

    def wait_for_delivery(self, correlation_id, session="agent:main:main"):
        """The one row by which a late reply was delivered to the asking session."""
        delivered = lambda: self.rows_of(self.macbook, session, correlation_id, ":reply")  # noqa: E731
        process.wait_until(f"the late reply {correlation_id} in {session}", delivered, 90, step=0.5)
        rows = delivered()
        self.assertEqual(len(rows), 1, "delivered once")
        self.assertEqual(rows[0]["provenance"]["kind"], "inter_session")
        self.assertTrue(rows[0]["provenance"]["sourceSessionKey"].startswith("imac/"), rows[0]["provenance"])
        return gateway.text_of(rows[0])

    # ---- an agent that is a program ----

    def test_a_command_agent_and_an_openclaw_agent_talk_to_each_other(self):
        for name in ("macbook", "workshop"):
            self.fed.bridges[name].wait_until_knows("workshop/smith", "imac/jarvis", seconds=60)
        result = self.told("claw_sessions_send", {"gateway": "workshop", "agentId": "smith", "message": "hello smith", "timeoutSeconds": 60})
        self.assertEqual((result["status"], result["reply"]), ("ok", "smith says: hello smith"), result)
        outcome = self.fed.macbook.send("workshop/smith", "ask imac/jarvis: SAY hello from the anvil", "--timeout", "120", timeout=180)
        self.assertCode(outcome, EXIT_OK)
        self.assertEqual(outcome.json["reply"].rstrip("\n"), "hello from the anvil")
        asked = [each for each in self.fed.imac.http("GET", "/v1/exchanges?limit=50")[1]["exchanges"] if each["source"] == "workshop/smith"]
        self.assertEqual(len(asked), 1, "the program asks as its agent")

    # ---- setting up ----

    def test_install_is_found_by_the_gateway_and_check_names_what_hides_it(self):
        for name, agents in (("macbook", ["main"]), ("imac", ["jarvis", "pepper"])):
            with self.subTest(name):
                self.assertCode(self.installed[name], EXIT_OK)
                self.assertEqual({one["agent"] for one in self.installed[name].json["hidden"]}, set(agents))
                self.assertCode(self.hidden[name], EXIT_FAILED)
                for seen in self.hidden[name].json["agents"]:
                    self.assertEqual(seen["tools"], [], seen)
                    self.assertEqual(seen["hidden"][0]["rule"], 'tools.profile is "coding"')
                    self.assertEqual(seen["hidden"][0]["remedy"], 'add "clawbridge" to tools.alsoAllow')
                self.assertNotIn("problem", self.hidden[name].json)
                good = self.openclaw(name, "check")
                self.assertCode(good, EXIT_OK)
                self.assertEqual({seen["agent"]: set(seen["tools"]) for seen in good.json["agents"]}, {agent: TOOLS for agent in agents})
                self.assertEqual(self.openclaw(name, "install", "--also-allow").json["changes"], [])

    def test_uninstall_gives_the_settings_back(self):
        for name, lab in self.labs.items():
            home = self.make_directory()
            settings = home / "openclaw.json"
            before = pathlib.Path(lab.gateways[name]["home"], ".openclaw", "openclaw.json").read_bytes()
            settings.write_bytes(before)
            self.assertCode(bridge.run_cli(["openclaw", "install", "--openclaw-config", settings, "--also-allow"], home), EXIT_OK)
            self.assertNotEqual(settings.read_bytes(), before, "another folder, another socket")
            self.assertCode(bridge.run_cli(["openclaw", "uninstall", "--openclaw-config", settings], home), EXIT_OK)
            left = json.loads(settings.read_text(encoding="utf-8"))
            self.assertNotIn("clawbridge", json.dumps({key: left["plugins"].get(key) for key in ("allow", "entries")}))
            self.assertNotIn("clawbridge", left["tools"].get("alsoAllow", []))

    def test_tools_stay_in_sight_behind_tool_search(self):
        name = "macbook" if ASKER == "2026.9.6" else "imac"
        agent = "main" if name == "macbook" else "jarvis"
        settings = pathlib.Path(self.labs[name].gateways[name]["home"], ".openclaw", "openclaw.json")
        kept = settings.read_text(encoding="utf-8")
        changed = json.loads(kept)
        del changed["tools"]["toolSearch"]    # the lab switches it off; OpenClaw reads the file again by itself
        settings.write_text(json.dumps(changed), encoding="utf-8")
        try:
            searching = process.wait_until("tool search", lambda: (lambda tools: tools if "tool_search" in tools else None)(self.tools_of(agent, self.gateways[name])), 60, step=1)
            self.assertLessEqual(TOOLS, searching)
            self.assertNotIn("sessions_send", searching, "or nothing was hidden")
        finally:
            settings.write_text(kept, encoding="utf-8")
            process.wait_until("the end of tool search", lambda: "sessions_send" in self.tools_of(agent, self.gateways[name]), 60, step=1)

    def test_the_skill_is_offered(self):
        for agent, client in (("main", self.macbook), ("jarvis", self.imac)):
            self.assertEqual(client.turn(f"agent:{agent}:skills", "HASSYS Talk to agents on other machines (gateways) with the claw_* tools"), "true")

    # ---- messages ----

    def test_an_agent_asks_another_and_reports_its_reply(self):
        result = self.told("claw_sessions_send", {"gateway": "imac", "agentId": "jarvis", "message": "Is the build green?"})
        self.assertEqual((result["status"], result["reply"]), ("ok", "echo: Is the build green?"), result)
        self.assertEqual((result["gateway"], result["agent"], result["sessionKey"], result["remote"]), ("imac", "jarvis", "agent:jarvis:main", True))
        row, = self.rows_of(self.imac, "agent:jarvis:main", result["correlationId"])
        self.assertEqual(row["provenance"]["kind"], "inter_session")
        self.assertIn(row["provenance"]["sourceSessionKey"], ASKERS)
        self.assertEqual(self.rows_of(self.macbook, "agent:main:main", result["correlationId"], ":reply"), [], "the reply came in time: it is not delivered again")

    def test_the_other_way(self):
        result = self.told("claw_sessions_send", {"agentId": "main", "message": "and back"}, "agent:jarvis:main", self.imac)
        self.assertEqual((result["status"], result["reply"], result["gateway"]), ("ok", "echo: and back", "macbook"), result)
        row, = self.rows_of(self.macbook, "agent:main:main", result["correlationId"])
        self.assertIn(row["provenance"]["sourceSessionKey"], ("imac/jarvis", "imac/agent:jarvis:main"))

    def test_every_way_to_name_the_target(self):
        self.imac.turn("agent:jarvis:labelled", "make this session")
        self.imac.call("sessions.patch", {"key": "agent:jarvis:labelled", "label": "Work"})
        for args, session in (({"agentId": "imac/jarvis"}, "agent:jarvis:main"), ({"agentId": "jarvis"}, "agent:jarvis:main"),
                              ({"agentId": "butler"}, "agent:jarvis:main"), ({"sessionKey": "imac/agent:jarvis:main"}, "agent:jarvis:main"),
                              ({"gateway": "imac", "sessionKey": "agent:jarvis:labelled"}, "agent:jarvis:labelled"),
                              ({"gateway": "imac", "agentId": "jarvis", "label": "Work"}, "agent:jarvis:labelled")):
            with self.subTest(args):
                result = self.told("claw_sessions_send", {**args, "message": "found"})
                self.assertEqual((result["status"], result.get("sessionKey"), result.get("reply")), ("ok", session, "echo: found"), result)

    def test_not_waiting_and_asking_later(self):
        sent = self.told("claw_sessions_send", {"agentId": "imac/jarvis", "message": "SLEEP 1500 then this", "timeoutSeconds": 0, "lateReply": "keep"})
        self.assertEqual(sent["status"], "accepted", sent)
        shown = self.told("claw_exchange", {"correlationId": sent["correlationId"]})
        self.assertEqual(shown["correlationId"], sent["correlationId"])
        ended = self.told("claw_exchange", {"correlationId": sent["correlationId"], "action": "wait", "timeoutSeconds": 60})
        self.assertEqual((ended["status"], ended["reply"], ended["stage"]), ("ok", "slept 1500 then this", "ended"), ended)
        self.assertEqual(self.rows_of(self.macbook, "agent:main:main", sent["correlationId"], ":reply"), [], "kept, not delivered")

    def test_a_late_reply_comes_into_the_asking_session(self):
        sent = self.told("claw_sessions_send", {"agentId": "imac/jarvis", "message": "SLEEP 4000 well", "timeoutSeconds": 1})
        self.assertEqual(sent["status"], "accepted", sent)
        text = self.wait_for_delivery(sent["correlationId"])
        self.assertIn("slept 4000 well", text)
        self.assertIn(sent["correlationId"], text)

    def test_a_turn_that_is_stopped_ends_the_wait_and_not_the_exchange(self):
        before = {one["correlationId"] for one in self.fed.macbook.cli("exchange", "list").json["exchanges"]}
        client = self.labs["macbook"].client("macbook")    # each serves one thread
        self.addCleanup(client.close)
        def ask():
            try:
                self.told("claw_sessions_send", {"agentId": "imac/jarvis", "message": "SLEEP 6000 after all", "timeoutSeconds": 60}, "agent:main:stopped", client)
            except (AssertionError, KeyError):    # a stopped turn has no reply to report
                pass
        asking = threading.Thread(target=ask)
        asking.start()
        def begun():
            listed = self.fed.macbook.cli("exchange", "list").json["exchanges"]
            return next((one["correlationId"] for one in listed if one["correlationId"] not in before), None)
        id_ = process.wait_until("the request", begun, 60)
        stopped = self.macbook.call("chat.abort", {"sessionKey": "agent:main:stopped"})["aborted"]
        asking.join(90)
        self.assertEqual(self.fed.macbook.wait_for_exchange(id_, 60)["reply"], "slept 6000 after all")
        self.assertEqual(stopped, ASKER != "2026.3.8", "which cannot stop such turns")
        if stopped:
            self.assertIn("slept 6000 after all", self.wait_for_delivery(id_, "agent:main:stopped"))

    # ---- files, and replies while they are written; each version as the target ----

    def targets(self):
        return ((self.fed.macbook, "imac/jarvis", self.imac, ANSWERER), (self.fed.imac, "macbook/main", self.macbook, ASKER))

    def test_a_file_of_text_becomes_part_of_the_message(self):
        note = self.make_directory() / "note.txt"
        note.write_bytes("Grüße 🦀\n".encode())
        for asker, target, _, version in self.targets():
            with self.subTest(version):
                done = asker.send(target, "look", "--attach", note)
                self.assertCode(done, EXIT_OK)
                self.assertEqual(done.json["reply"], "echo: look\n\n[attached file: note.txt, text/plain, 13 bytes]\nGrüße 🦀\n[end of note.txt]")

    def test_an_image_reaches_a_model_that_takes_images(self):
        image = self.make_directory() / "dot.png"
        image.write_bytes(DOT)
        for asker, target, client, version in self.targets():
            with self.subTest(version):
                agent = target.split("/")[1]
                session = f"agent:{agent}:seeing"
                client.turn(session, "make this session")
                client.call("sessions.patch", {"key": session, "model": "mock/eyes"})
                done = asker.send(f"{target.split('/')[0]}/{session}", "CONTEXT", "--attach", image)
                self.assertCode(done, EXIT_OK)
                self.assertIn("[attached image: dot.png, image/png, 70 bytes]", done.json["reply"])
                self.assertIn("data:image/png;base64,", done.json["reply"], "as the model sees it")

    def test_what_the_agent_would_not_get_is_refused(self):
        folder = self.make_directory()
        (folder / "dot.png").write_bytes(DOT)
        (folder / "x.pdf").write_bytes(b"%PDF-1.7")
        for asker, target, _, version in self.targets():
            with self.subTest(version):
                refused = asker.send(target, "look", "--attach", folder / "x.pdf")
                self.assertCode(refused, EXIT_REFUSED)
                self.assertEqual(refused.json["error"]["code"], "unsupported")
                self.assertIn("x.pdf (application/pdf)", refused.json["error"]["message"])
                blind = asker.send(target, "look", "--attach", folder / "dot.png")
                if version == "2026.9.6":
                    self.assertCode(blind, EXIT_REFUSED)
                    self.assertIn("dot.png: active model does not accept image inputs", blind.json["error"]["message"])
                else:    # it leaves the image out; so the agent is at least told that there is one
                    self.assertEqual(blind.json["reply"], "echo: look\n\n[attached image: dot.png, image/png, 70 bytes]")

    def test_a_reply_is_shown_while_the_model_writes_it(self):
        for asker, target, _, version in self.targets():
            with self.subTest(version):
                status, text = asker.http("POST", "/v1/tools/sessions_send", {"agentId": target, "message": "STREAM 8 250", "timeoutSeconds": 60},
                                          {"Accept": "text/event-stream"}, timeout=90)
                self.assertEqual(status, 200)
                events = [(name.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for name, data in
                          (block.splitlines()[-2:] for block in text.strip().split("\n\n") if "event: " in block)]
                self.assertEqual(events[-1][0], "result", events)
                reply = events[-1][1]["reply"]
                self.assertEqual(reply.split(), [f"w{number}" for number in range(8)])
                shown = [told["text"] for name, told in events[:-1] if name == "progress"]
                self.assertGreaterEqual(len(shown), 2, events)
                for before, after in zip(shown, [*shown[1:], reply]):
                    self.assertTrue(after.startswith(before.rstrip()), (before, after))

    # ---- MCP ----

    def test_an_agent_asks_through_an_mcp_server_of_its_gateway(self):
        client, agent, target, there = {"macbook": (self.macbook, "main", "imac/jarvis", self.imac), "imac": (self.imac, "jarvis", "macbook/main", self.macbook)}[MCP_HOST]
        self.assertLessEqual({f"bridge__{tool}" for tool in TOOLS}, set(client.turn(f"agent:{agent}:mcp", "TOOLS").split()))

        def told(args):
            return client.turn(f"agent:{agent}:mcp", f"TOOL bridge__claw_sessions_send {json.dumps(args)}")

        reply = told({"agentId": target, "message": "by MCP"})
        result, _ = json.JSONDecoder().raw_decode(reply, reply.index("{"))
        self.assertEqual((result["status"], result["reply"], result["remote"]), ("ok", "echo: by MCP", True), reply)
        session = f"agent:{target.split('/')[1]}:main"
        row, = self.rows_of(there, session, result["correlationId"])
        self.assertIn(row["provenance"]["sourceSessionKey"], (f"{MCP_HOST}/{agent}", f"{MCP_HOST}/agent:{agent}:main"), "as its token says")
        forged = told({"agentId": target, "message": "x", "caller": "other"})
        self.assertIn("must not have additional properties", forged, "OpenClaw holds the call to our schema")

    # ---- the other operations ----

    def test_who_is_there(self):
        listed = {f"{agent['gateway']}/{agent['id']}": agent for agent in self.told("claw_agents_list", {})["agents"]}
        self.assertEqual(set(listed), {"macbook/main", "imac/jarvis", "imac/pepper", "workshop/smith"})
        self.assertEqual({agent["presence"] for agent in listed.values()}, {"online"})
        only = self.told("claw_agents_list", {"gateway": "imac"})["agents"]
        self.assertEqual({agent["id"] for agent in only}, {"jarvis", "pepper"})

    def test_sessions_there_are_listed_and_read(self):
        self.told("claw_sessions_send", {"agentId": "imac/jarvis", "message": "remember the milk"})
        listed = self.told("claw_sessions_list", {"gateway": "imac", "agentId": "jarvis"})
        self.assertIn("agent:jarvis:main", [row["key"] for row in listed["sessions"]], listed)
        self.assertFalse([row["key"] for row in listed["sessions"] if row["key"].startswith("agent:pepper:")], "not allowed")
        history = self.told("claw_sessions_history", {"sessionKey": "imac/agent:jarvis:main", "limit": 20})
        self.assertIn("remember the milk", json.dumps(history["messages"]))
        self.assertLessEqual(len(history["messages"]), 20)
        status = self.told("claw_session_status", {"gateway": "imac", "sessionKey": "agent:jarvis:main"})
        self.assertEqual((status["gateway"], status["sessionKey"]), ("imac", "agent:jarvis:main"), status)

    def test_a_task_in_a_session_of_its_own(self):
        spawned = self.told("claw_sessions_spawn", {"gateway": "imac", "agentId": "jarvis", "task": "SLEEP 3000 the task is done", "label": f"task for {ASKER}"})
        self.assertEqual(spawned["status"], "accepted", spawned)
        self.assertTrue(spawned["childSessionKey"].startswith("agent:jarvis:"), spawned)
        self.assertTrue(spawned["runId"])
        self.assertIn("slept 3000 the task is done", self.wait_for_delivery(spawned["correlationId"]))
        row, = self.rows_of(self.imac, spawned["childSessionKey"], spawned["correlationId"])
        self.assertIn(row["provenance"]["sourceSessionKey"], ASKERS)
        named = self.told("claw_sessions_send", {"gateway": "imac", "agentId": "jarvis", "label": f"task for {ASKER}", "message": "still there?"})
        self.assertEqual(named["sessionKey"], spawned["childSessionKey"], named)

    # ---- refusals ----

    def test_refusals_say_why(self):
        for tool, args, status, words in (
                ("claw_sessions_send", {"agentId": "imac/pepper", "message": "x"}, "forbidden", ["pepper"]),
                ("claw_sessions_history", {"sessionKey": "imac/agent:pepper:main"}, "forbidden", ["policy"]),
                ("claw_sessions_spawn", {"agentId": "imac/pepper", "task": "x"}, "forbidden", ["policy"]),
                ("claw_sessions_send", {"agentId": "imac/nobody", "message": "x"}, "error", ["nobody", "jarvis"]),
                ("claw_sessions_send", {"agentId": "nobody", "message": "x"}, "error", ["nobody"]),
                ("claw_sessions_send", {"gateway": "studio", "agentId": "x", "message": "x"}, "error", ["studio", "imac"]),
                ("claw_sessions_send", {"agentId": "imac/jarvis", "label": "Nope", "message": "x"}, "error", ["Nope"]),
                ("claw_sessions_send", {"agentId": "imac/jarvis", "message": "x", "watch": True}, "error", ["watch", "timeoutSeconds"]),
                ("claw_exchange", {"correlationId": "01KANYZ2Q6S7C0J5X4M3T8W9B1"}, "error", ["01KANYZ2Q6S7C0J5X4M3T8W9B1"])):
            with self.subTest(tool, args=args):
                result = self.told(tool, args)
                self.assertEqual(result["status"], status, result)
                for word in words:
                    self.assertIn(word, result["error"])

    # ---- native calls ----

    def native(self, tool, args):
        """A native call's answer; 2026.3.8 wraps that of a hook."""
        result = self.told(tool, args)
        return json.loads(result["error"]) if ASKER == "2026.3.8" and result.get("tool") == tool else result

    def test_native_calls_reach_other_gateways(self):
        for args in ({"gateway": "imac", "agentId": "jarvis", "message": "native"}, {"sessionKey": "imac/agent:jarvis:main", "message": "native"}):
            with self.subTest(args):
                result = self.native("sessions_send", args)
                self.assertEqual((result["status"], result["reply"], result["remote"]), ("ok", "echo: native", True), result)
                row, = self.rows_of(self.imac, "agent:jarvis:main", result["correlationId"])
                self.assertIn(row["provenance"]["sourceSessionKey"], ASKERS)
        slow = self.native("sessions_send", {"sessionKey": "imac/agent:jarvis:main", "message": "SLEEP 17000 patience", "timeoutSeconds": 60})
        self.assertEqual((slow["status"], slow.get("reply")), ("ok", "slept 17000 patience"), "hooks end after 15 s unless they ask for more")
        refused = self.native("sessions_send", {"gatewayUrl": "ws://imac:18789", "gatewayToken": "t", "agentId": "jarvis", "message": "x"})
        self.assertEqual(refused["status"], "error")
        self.assertIn("claw_sessions_send", refused["error"])

    def test_native_calls_at_home_are_undisturbed(self):
        exchanges = len(self.fed.macbook.cli("exchange", "list", "--limit", "1000").json["exchanges"])
        self.macbook.turn("agent:main:neighbour", "hello")
        result = self.told("sessions_send", {"sessionKey": "agent:main:neighbour", "message": "SAY next door"})
        self.assertEqual((result["status"], result["reply"]), ("ok", "next door"), result)
        self.assertEqual(len(self.fed.macbook.cli("exchange", "list", "--limit", "1000").json["exchanges"]), exchanges)


if __name__ == "__main__":
    case.main()
