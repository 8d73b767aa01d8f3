"""A gateway that is a program: what goes in and comes out, and turns that outlive their bridge."""

import base64
import collections
import hashlib
import json
import os
import pathlib
import secrets
import shutil
import signal
import subprocess
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from clawtest import case, process, texts  # noqa: E402
from clawtest.bridge import EXIT_FAILED, EXIT_OK, EXIT_REFUSED, EXIT_USAGE, binary  # noqa: E402

# Does what a text that begins with `@@ ` says; answers any other with `agent: ` and its very bytes.
AGENT = r"""#!/usr/bin/python3 -BEs
import json, os, signal, sys, time

def record(what):
    line = json.dumps({"what": what, "cid": os.environ["CLAW_CORRELATION_ID"], "session": os.environ["CLAW_SESSION"], "pid": os.getpid()}) + "\n"
    file = os.open("turns.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    os.write(file, line.encode())
    os.close(file)

text = sys.stdin.buffer.read()
assert sys.stdin.buffer.read() == b""
record("begin")
out = sys.stdout.buffer
words = text.split(b" ")
if words[0] != b"@@":
    out.write(b"agent: " + text)
elif words[1] == b"environment":
    out.write(json.dumps({"environment": dict(os.environ), "arguments": sys.argv[1:], "directory": os.getcwd(),
                          "files": sorted(int(name) for name in os.listdir("/proc/self/fd") if os.path.exists("/proc/self/fd/" + name)),
                          "session": os.getsid(0), "group": os.getpgid(0), "pid": os.getpid()}).encode())
elif words[1] == b"print":
    out.write(eval(words[2]))
elif words[1] == b"count":  # a line at once and one after each of the files is there
    for number, name in enumerate(words[2:] + [b""], 1):
        os.write(1, b"line %d\n" % number)
        while name and not os.path.exists(name):
            time.sleep(0.01)
elif words[1] == b"files":  # tells what came, and gives it back with its bytes reversed
    came, back = os.environ.get("CLAW_ATTACHMENTS", ""), os.environ["CLAW_REPLY_ATTACHMENTS"]
    names = sorted(os.listdir(came)) if came else []
    for name in names:
        with open(came + "/" + name, "rb") as file, open(back + "/back-" + name, "wb") as reply:
            reply.write(file.read()[::-1])
    for name, size in zip(words[2::2], words[3::2]):  # and more of its own
        with open(back.encode() + b"/" + name, "wb") as reply:
            reply.write(bytes(int(size)))
    out.write(", ".join(names).encode())
elif words[1] == b"fail":
    sys.stderr.write("what went wrong\n")
    record("end")
    sys.exit(int(words[2]))
elif words[1] == b"hold":  # until the file is there
    if len(words) > 3:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while not os.path.exists(words[2]):
        time.sleep(0.01)
    out.write(b"held " + words[2])
record("end")
"""


def settings(**more):
    gateway = {"kind": "command", "agents": ["jarvis", "pepper"], "command": ["/nowhere"], **more}
    return {"macbook": case.MACBOOK, "imac": {"gateway": gateway}}


class Command(case.Case):
    def command_federation(self, observe=False, **more):
        directory = self.make_directory()
        self.program = directory / "agent"
        self.work = directory / "work"
        self.work.mkdir()
        self.install()
        bridges = settings(command=[str(self.program), "--flag", "two words"], workdir=str(self.work), **more)
        federation = case.Federation(directory, bridges, observe=observe)
        self.addCleanup(federation.close)
        self.addCleanup(self.end_supervisors, federation)
        self.addCleanup(self._print_logs, federation)
        return federation

    def install(self):
        new = self.program.with_suffix(".new")
        new.write_text(AGENT, encoding="utf-8")
        new.chmod(0o755)
        new.rename(self.program)

    def turns_folder(self, federation):
        return federation.imac.store_path.parent / "turns"

    def turns(self, federation):
        return sorted(path.name for path in self.turns_folder(federation).iterdir() if path.name != ".id")

    def supervisors(self, federation):
        """Process ids of the supervisors whose turns lie in this federation, dead ones that nobody waited for too."""
        mine = str(self.turns_folder(federation)).encode()
        found = []
        for path in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                words = (path / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if len(words) > 2 and words[1] == b"supervise-turn" and words[2].startswith(mine):
                found.append(int(path.name))
        return found

    def end_supervisors(self, federation):
        for pid in self.supervisors(federation):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def records(self, what=None):
        path = self.work / "turns.jsonl"
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []
        return [line for line in lines if what in (None, line["what"])]

    def times_run(self):
        return collections.Counter(line["cid"] for line in self.records("begin"))

    def ask(self, federation, text, agent="jarvis", seconds=60, **more):
        """The tool's result, by HTTP: the text as it is."""
        status, result = federation.macbook.http("POST", "/v1/tools/sessions_send",
                                                 {"gateway": "imac", "agentId": agent, "message": text, "timeoutSeconds": seconds, **more}, timeout=seconds + 30)
        self.assertIn(status, (200, 202), result)
        return result

    def begin(self, federation, text, agent="jarvis", **more):
        """Asks without waiting for the reply, but until the program runs. Its correlation id."""
        id_ = self.ask(federation, text, agent, seconds=0, **more)["correlationId"]
        process.wait_until(f"the program to run for {id_}", lambda: id_ in self.times_run(), 60)
        return id_

    def hold(self, federation, name, agent="jarvis", more=""):
        return self.begin(federation, f"@@ hold {name}{more}", agent)

    def let_go(self, name):
        (self.work / name).touch()

    def assertEnded(self, federation, id_, status, reply=None):
        ended = federation.macbook.wait_for_exchange(id_, 90)
        self.assertEqual((ended["status"], ended.get("reply")), (status, reply), ended)
        return ended

    def assertNothingLeft(self, federation):
        process.wait_until("the turns' folders to go", lambda: not self.turns(federation), 30)
        process.wait_until("the supervisors to go", lambda: not self.supervisors(federation), 30)
        children = f"/proc/{federation.imac.pid}/task/{federation.imac.pid}/children"
        process.wait_until("the bridge to reap them", lambda: not process.read(children).split(), 30)


class Exchange(Command):
    """What goes in and what comes out; nothing dies."""

    def test_an_exchange(self):
        federation = self.command_federation(observe=True)
        outcome = federation.macbook.send("imac/jarvis", "hello")
        self.assertCode(outcome, EXIT_OK)
        self.assertEqual((outcome.json["status"], outcome.json["reply"]), ("ok", "agent: hello"), outcome)
        shown = federation.imac.exchange(outcome.json["correlationId"]).json
        self.assertEqual([item["stage"] for item in shown["stages"]], ["stored", "handing_over", "started", "ended"])
        self.assertEqual(federation.imac.status()["state"], "online")
        self.assertAuthentic(federation)

    def test_what_the_program_learns(self):
        federation = self.command_federation(environment=["WANTED"])
        federation.imac.stop()
        os.environ["WANTED"], os.environ["UNWANTED"] = "yes", "secret"
        self.addCleanup(os.environ.pop, "WANTED")
        self.addCleanup(os.environ.pop, "UNWANTED")
        federation.imac.start()
        result = self.ask(federation, "@@ environment", agent="pepper", sessionKey="agent:pepper:a session")
        learnt = json.loads(result["reply"])
        variables = learnt["environment"]
        self.assertTrue(variables.pop("CLAW_REPLY_ATTACHMENTS").endswith("/reply"))
        self.assertEqual({name: value for name, value in variables.items() if name.startswith("CLAW_")}, {
            "CLAW_GATEWAY": "imac", "CLAW_AGENT": "pepper", "CLAW_SESSION": "agent:pepper:a session", "CLAW_FROM": "macbook/_bridge",
            "CLAW_CORRELATION_ID": result["correlationId"], "CLAW_ATTEMPT": "1",
            "CLAW_IDEMPOTENCY_KEY": f"claw:macbook:{result['correlationId']}:1"})
        self.assertEqual(variables["WANTED"], "yes")
        self.assertNotIn("secret", json.dumps(variables))
        self.assertEqual(variables["HOME"], str(federation.imac.directory))
        self.assertEqual(learnt["arguments"], ["--flag", "two words"])
        self.assertEqual(learnt["directory"], str(self.work))
        self.assertEqual(learnt["files"], [0, 1, 2])
        self.assertEqual(learnt["group"], learnt["pid"], "a process group of its own")
        self.assertNotEqual(learnt["session"], os.getsid(federation.imac.pid), "the terminal of the bridge is not its own")

    def test_texts_arrive_and_return_byte_for_byte(self):
        federation = self.command_federation()
        for name, text in texts.CORPUS.items():
            with self.subTest(name):
                result = self.ask(federation, text)
                self.assertEqual((result["status"], result.get("reply")), ("ok", "agent: " + text))
        self.assertNothingLeft(federation)

    def test_other_ends(self):
        federation = self.command_federation(reply_bytes=100_000)
        nothing = self.ask(federation, "@@ print b''")
        self.assertEqual((nothing["status"], nothing.get("reply", "")), ("no_reply", ""), nothing)
        failed = self.ask(federation, "@@ fail 3")
        self.assertEqual(failed["status"], "error", failed)
        self.assertEqual(failed["error"]["code"], "gateway_error")
        self.assertEqual(failed["error"]["message"], f"{self.program} ended with exit code 3; the last it wrote to stderr: what went wrong")
        invalid = self.ask(federation, "@@ print b'abc\\xff'")
        self.assertEqual(invalid["status"], "error", invalid)
        self.assertIn("not UTF-8 (byte 4 of 4)", invalid["error"]["message"])
        flood = self.ask(federation, "@@ print 'ü'.encode()*5000000")
        self.assertEqual((flood["status"], flood.get("reply"), flood.get("truncated")), ("ok", "ü" * 50_000, True), flood.get("error"))
        self.assertNothingLeft(federation)

    def test_labels_and_strange_sessions_are_unknown(self):
        federation = self.command_federation()
        for more in ({"label": "daily"}, {"sessionKey": "agent:jarvis:a\nb"}, {"sessionKey": "agent:jarvis:"}):
            with self.subTest(more):
                status, result = federation.macbook.http("POST", "/v1/tools/sessions_send", {"gateway": "imac", "agentId": "jarvis", "message": "x", **more})
                self.assertNotEqual(result.get("status"), "ok", (status, result))
        self.assertEqual(self.records(), [])

    def test_turns_of_a_session_run_one_after_the_other_in_order(self):
        federation = self.command_federation()
        ids = [self.ask(federation, f"number {number}", seconds=0)["correlationId"] for number in range(12)]
        for number, id_ in enumerate(ids):
            self.assertEnded(federation, id_, "ok", f"agent: number {number}")
        self.assertEqual([(line["what"], line["cid"]) for line in self.records()], [(what, id_) for id_ in ids for what in ("begin", "end")])

    def test_sessions_run_in_parallel(self):
        federation = self.command_federation()
        held = self.hold(federation, "a")
        self.assertEqual(self.ask(federation, "meanwhile", agent="pepper")["reply"], "agent: meanwhile")
        self.assertEqual(self.ask(federation, "here too", sessionKey="agent:jarvis:other")["reply"], "agent: here too")
        waiting = self.ask(federation, "after it", seconds=0)["correlationId"]
        self.assertEqual(len(self.records("begin")), 3, "its session is busy")
        self.let_go("a")
        self.assertEnded(federation, held, "ok", "held a")
        self.assertEnded(federation, waiting, "ok", "agent: after it")

    def test_a_time_limit_ends_even_a_program_that_ignores_it(self):
        federation = self.command_federation(time_limit="1s")
        result = self.ask(federation, "@@ hold never ignore")
        self.assertEqual((result["status"], result["error"]["code"]), ("error", "timeout"), result)
        self.assertIn("gateway.time_limit", result["error"]["message"])
        self.assertNothingLeft(federation)

    def test_a_missing_program_is_waited_for(self):
        federation = self.command_federation()
        self.program.unlink()
        id_ = self.ask(federation, "later", seconds=1)["correlationId"]
        process.wait_until("the gateway to be reported down", lambda: federation.imac.log_lines("gateway.down", str(self.program), "install the program"), 20)
        self.install()
        self.assertEnded(federation, id_, "ok", "agent: later")
        self.assertEqual(self.times_run(), {id_: 1})

    def test_nothing_is_left_of_a_hundred_turns(self):
        federation = self.command_federation()
        self.ask(federation, "first")
        files = len(os.listdir(f"/proc/{federation.imac.pid}/fd"))
        ids = [self.ask(federation, f"number {number}", agent=("jarvis", "pepper")[number % 2], seconds=0)["correlationId"] for number in range(100)]
        for number, id_ in enumerate(ids):
            self.assertEnded(federation, id_, "ok", f"agent: number {number}")
        self.assertNothingLeft(federation)
        self.assertEqual(len(os.listdir(f"/proc/{federation.imac.pid}/fd")), files)
        self.assertEqual(set(self.times_run().values()), {1})


class Files(Command):
    """Files that come with a message lie beside the program; those that it leaves go with its reply."""

    def digest(self, bytes_):
        return hashlib.sha256(bytes_).hexdigest()

    def test_by_command(self):
        federation = self.command_federation(observe=True)
        folder = self.make_directory()
        texts_ = {"a/note.txt": "Schöne Grüße\n".encode(), "b/note.txt": b"the other", "data.bin": secrets.token_bytes(100_000), "empty": b""}
        for name, content in texts_.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(content)
        attach = [word for name in texts_ for word in ("--attach", folder / name)]
        done = federation.macbook.send("imac/jarvis", "@@ files", *attach, "--save-attachments", folder / "out")
        self.assertCode(done, EXIT_OK)
        self.assertEqual(done.json["reply"], "2-note.txt, data.bin, empty, note.txt", "a name that comes twice gets a number")
        expected = {f"back-{name}": texts_[path][::-1] for name, path in
                    (("note.txt", "a/note.txt"), ("2-note.txt", "b/note.txt"), ("data.bin", "data.bin"), ("empty", "empty"))}
        self.assertEqual({path.name: path.read_bytes() for path in (folder / "out").iterdir()}, expected)
        self.assertEqual({file["name"]: file["digest"] for file in done.json["attachments"]}, {name: self.digest(content) for name, content in expected.items()})
        again = federation.macbook.send("imac/jarvis", "@@ files", "--attach", folder / "empty", "--save-attachments", folder / "out")
        self.assertCode(again, EXIT_OK)
        self.assertEqual((folder / "out" / "back-empty-2").read_bytes(), b"", "nothing is overwritten")
        self.assertAuthentic(federation)
        self.assertNothingLeft(federation)

    def test_over_the_api(self):
        federation = self.command_federation()
        content = secrets.token_bytes(1000)
        result = self.ask(federation, "@@ files", attachments=[{"name": "../x.png", "mimeType": "image/png", "content": base64.b64encode(content).decode()}])
        self.assertEqual((result["status"], result["reply"]), ("ok", "x.png"), result)
        self.assertEqual(result["attachments"], [{"name": "back-x.png", "mimeType": "image/png", "content": base64.b64encode(content[::-1]).decode(),
                                                  "digest": self.digest(content[::-1])}])
        shown = federation.macbook.exchange(result["correlationId"]).json
        self.assertEqual(shown["attachments"], result["attachments"], "they are kept with the reply")

    def test_what_cannot_be_sent_says_why(self):
        federation = self.command_federation()
        folder = self.make_directory()
        (folder / "large.bin").write_bytes(bytes(1_000_000))    # too much for a message, and for the daemon to read at all
        (folder / "larger.bin").write_bytes(bytes(3_000_000))
        for attach, code, words in (([folder / "missing"], EXIT_FAILED, "missing"), ([folder], EXIT_FAILED, "Is a directory"),
                                    ([folder / "large.bin"], EXIT_REFUSED, "imac and the broker take 1048576"),
                                    ([folder / "larger.bin"], EXIT_REFUSED, "too_large"), (["/dev/null"] * 17, EXIT_USAGE, "at most 16 files")):
            with self.subTest(attach[0], count=len(attach)):
                done = federation.macbook.send("imac/jarvis", "@@ files", *(word for path in attach for word in ("--attach", path)))
                self.assertCode(done, code)
                self.assertIn(words, done.text)
        self.assertEqual(self.records(), [])

    def test_what_does_not_fit_into_the_reply_is_named(self):
        federation = self.command_federation()
        result = self.ask(federation, "@@ files small 100 toobig 600000")
        self.assertEqual((result["status"], result["truncated"]), ("ok", True), result)
        self.assertEqual([file["name"] for file in result["attachments"]], ["small"])
        self.assertIn("[not attached: toobig: it is too large beside the others]", result["reply"])


class Progress(Command):
    """What the program has printed so far is shown to whoever watches."""

    def watch(self, federation, *words):
        """`clawbridge send --stream`, and what it has shown so far."""
        child = subprocess.Popen([binary(), "send", "--socket", federation.macbook.socket, "--stream", "imac/jarvis", " ".join(words)],
                                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=process.clean_environment(federation.macbook.directory))
        self.addCleanup(child.stderr.close)
        self.addCleanup(child.stdout.close)
        self.addCleanup(child.kill)
        os.set_blocking(child.stderr.fileno(), False)
        shown = bytearray()

        def look():
            shown.extend(child.stderr.read() or b"")
            return bytes(shown)

        return child, look

    def test_lines_are_shown_as_they_come(self):
        federation = self.command_federation(observe=True)
        child, shown = self.watch(federation, "@@ count a b")
        for number, name in ((1, "a"), (2, "b")):
            so_far = "".join(f"line {n}\n" for n in range(1, number + 1)).encode()
            process.wait_until(f"line {number}", lambda: shown() == so_far, 30)  # noqa: B023
            self.assertIsNone(child.poll(), "it still runs")
            self.let_go(name)
        reply, _ = child.communicate(timeout=30)
        self.assertEqual((child.returncode, reply), (EXIT_OK, b"line 1\nline 2\nline 3\n\n"))
        self.assertAuthentic(federation)

    def test_a_restart_of_the_bridge_ends_it_and_not_the_turn(self):
        federation = self.command_federation()
        child, shown = self.watch(federation, "@@ count a b")
        process.wait_until("the first line", lambda: shown() == b"line 1\n", 30)
        federation.imac.kill()
        self.let_go("a")
        federation.imac.start()
        self.let_go("b")
        reply, _ = child.communicate(timeout=60)
        self.assertEqual((child.returncode, reply), (EXIT_OK, b"line 1\nline 2\nline 3\n\n"))
        self.assertEqual(set(self.times_run().values()), {1})


class Cancel(Command):
    """A turn under way is stopped from the other side of the federation."""

    def cancel(self, federation, id_):
        return federation.macbook.cli("exchange", "cancel", id_, "--timeout", "30")

    def test_a_running_program_is_ended(self):
        federation = self.command_federation(observe=True)
        id_ = self.hold(federation, "a")
        self.assertCode(self.cancel(federation, id_), EXIT_OK)
        self.assertEnded(federation, id_, "cancelled")
        self.assertEqual([line["what"] for line in self.records()], ["begin"], "it was ended, not waited for")
        self.assertEqual(self.ask(federation, "next")["reply"], "agent: next")
        self.assertNothingLeft(federation)
        self.assertAuthentic(federation)

    def test_a_program_that_ignores_it_is_killed(self):
        federation = self.command_federation()
        id_ = self.hold(federation, "a", more=" ignore")
        self.assertCode(self.cancel(federation, id_), EXIT_OK)
        self.assertEnded(federation, id_, "cancelled")
        self.assertNothingLeft(federation)

    def test_a_turn_that_outlived_its_bridge_is_ended(self):
        federation = self.command_federation()
        id_ = self.hold(federation, "a")
        federation.imac.kill()
        federation.imac.start()
        federation.macbook.wait_until_knows("imac/jarvis")
        self.assertCode(self.cancel(federation, id_), EXIT_OK)
        self.assertEnded(federation, id_, "cancelled")
        self.assertNothingLeft(federation)

    def test_one_that_waits_for_its_session_never_runs(self):
        federation = self.command_federation()
        held = self.hold(federation, "a")
        waiting = self.ask(federation, "never", seconds=0)["correlationId"]
        self.assertCode(self.cancel(federation, waiting), EXIT_OK)
        self.let_go("a")
        self.assertEnded(federation, held, "ok", "held a")
        self.assertEnded(federation, waiting, "cancelled")
        self.assertEqual(self.times_run(), {held: 1})


class Recovery(Command):
    """Bridges, supervisors and programs that are killed in the middle of a turn."""

    def test_a_turn_goes_on_while_its_bridge_is_dead_and_replies_after_its_return(self):
        federation = self.command_federation(observe=True)
        id_ = self.hold(federation, "a")
        federation.imac.kill()
        self.assertEqual(len(self.supervisors(federation)), 1, "it lives on")
        federation.imac.start()
        process.wait_until("the turn to be found", lambda: federation.imac.log_lines("turn.recovering", id_))
        self.let_go("a")
        self.assertEnded(federation, id_, "ok", "held a")
        self.assertEqual(self.times_run(), {id_: 1})
        self.assertEqual(self.ask(federation, "next")["reply"], "agent: next", "the session is free again")
        self.assertNothingLeft(federation)
        self.assertAuthentic(federation)

    def test_a_turn_that_ends_while_its_bridge_is_dead_has_its_own_reply(self):
        federation = self.command_federation()
        held = {self.hold(federation, "a", "jarvis"): ("ok", "held a"), self.hold(federation, "b", "pepper"): ("ok", "held b")}
        failing = self.begin(federation, "@@ hold c", sessionKey="agent:jarvis:other")
        federation.imac.kill()
        for name in ("a", "b"):
            self.let_go(name)
        os.kill(next(line["pid"] for line in self.records("begin") if line["cid"] == failing), signal.SIGSEGV)
        process.wait_until("the turns to end", lambda: not self.supervisors(federation), 30)
        federation.imac.start()
        for id_, (status, reply) in held.items():
            self.assertEnded(federation, id_, status, reply)
        ended = self.assertEnded(federation, failing, "error")
        self.assertIn("signal 11", ended["error"]["message"])
        self.assertEqual(set(self.times_run().values()), {1})
        self.assertNothingLeft(federation)

    def test_a_bridge_killed_again_and_again_during_one_turn(self):
        federation = self.command_federation()
        id_ = self.hold(federation, "a")
        for _ in range(4):
            federation.imac.kill()
            federation.imac.start()
        self.let_go("a")
        self.assertEnded(federation, id_, "ok", "held a")
        self.assertEqual(self.times_run(), {id_: 1})

    def test_an_orderly_stop_lets_the_turn_go_on(self):
        federation = self.command_federation()
        id_ = self.hold(federation, "a")
        federation.imac.stop()
        self.assertEqual(len(self.supervisors(federation)), 1)
        self.let_go("a")
        federation.imac.start()
        self.assertEnded(federation, id_, "ok", "held a")
        self.assertEqual(self.times_run(), {id_: 1})

    def test_bridge_and_supervisor_killed_is_interrupted(self):
        federation = self.command_federation()
        id_ = self.hold(federation, "a")
        program = self.records("begin")[0]["pid"]
        federation.imac.kill()
        for pid in self.supervisors(federation):
            os.kill(pid, signal.SIGKILL)
        process.wait_until("the program to end with its supervisor", lambda: process.read(f"/proc/{program}/stat").split(") ")[-1][:1] in ("", "Z"), 20)
        federation.imac.start()
        ended = self.assertEnded(federation, id_, "interrupted")
        self.assertIn("supervisor was killed", ended["error"]["message"])
        self.assertEqual(self.times_run(), {id_: 1})
        self.assertEqual(self.ask(federation, "next")["reply"], "agent: next")
        self.assertNothingLeft(federation)

    def test_a_supervisor_killed_under_a_living_bridge_is_interrupted(self):
        federation = self.command_federation()
        id_ = self.hold(federation, "a")
        for pid in self.supervisors(federation):
            os.kill(pid, signal.SIGKILL)
        self.assertEnded(federation, id_, "interrupted")
        self.assertEqual(self.times_run(), {id_: 1})
        self.assertEqual(self.ask(federation, "next")["reply"], "agent: next")

    def test_without_the_folder_of_turns_nothing_is_concluded(self):
        federation = self.command_federation()
        id_ = self.hold(federation, "a")
        federation.imac.kill()
        self.end_supervisors(federation)
        process.wait_until("the supervisor to go", lambda: not self.supervisors(federation), 20)
        shutil.rmtree(self.turns_folder(federation))
        federation.imac.start()
        self.assertEnded(federation, id_, "interrupted")
        self.assertEqual(self.times_run(), {id_: 1})

    def test_an_outcome_waits_for_room_on_the_disk(self):
        federation = self.command_federation()
        id_ = self.hold(federation, "a")
        folder = self.turns_folder(federation) / self.turns(federation)[0]
        (folder / "ended.new").symlink_to("/dev/full")
        self.let_go("a")
        process.wait_until("the supervisor to complain", lambda: federation.imac.log_lines("cannot write the outcome", "No space left on device"), 30)
        self.assertEqual(federation.macbook.exchange(id_).json["status"], "accepted")
        (folder / "ended.new").unlink()
        self.assertEnded(federation, id_, "ok", "held a")

    def test_many_turns_while_the_bridge_is_killed(self):
        federation = self.command_federation()
        expected, problems = {}, []

        def ask():
            try:
                for number in range(60):
                    id_ = self.ask(federation, f"number {number}", agent=("jarvis", "pepper")[number % 2], seconds=0)["correlationId"]
                    expected[id_] = f"agent: number {number}"
            except Exception as problem:  # noqa: BLE001: told by the test below
                problems.append(problem)

        asking = threading.Thread(target=ask)
        asking.start()
        for _ in range(8):
            federation.imac.kill()
            federation.imac.start()
        asking.join()
        self.assertEqual(problems, [])
        for id_, reply in expected.items():
            self.assertEnded(federation, id_, "ok", reply)
        self.assertEqual(self.times_run(), dict.fromkeys(expected, 1))
        self.assertNothingLeft(federation)


if __name__ == "__main__":
    case.main()
