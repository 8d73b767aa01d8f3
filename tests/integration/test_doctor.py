"""`clawbridge doctor` on set-ups that are broken one by one: each is named in one line, with the remedy. And on sound ones, with the
daemon and without it, where nothing is found; and it leaves no trace.

The brokers, gateways and bridges are started once; each test changes one thing in a copy of the settings. Full and read-only disks
are small file systems in a name space of their own.
"""

import concurrent.futures
import datetime
import http.server
import json
import os
import pathlib
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from clawtest import case, crypto, forgery, process, wire  # noqa: E402
from clawtest.bridge import EXIT_FAILED, EXIT_OK, EXIT_UNREACHABLE, EXIT_USAGE, Bridge, binary, join_secret, run_cli  # noqa: E402
from clawtest.broker import SCRIPTS, Broker  # noqa: E402
from clawtest.certificates import DAY, Authority  # noqa: E402
from clawtest.standin import NEW, OLD, StandIn  # noqa: E402

HERE = ["127.0.0.1", "localhost"]
HOUR = datetime.timedelta(hours=1)

RIGHTS = {"write_own": "topic write claw/imac/#", "write_inbox": "topic write claw/+/+/inbox", "write_reply": "topic write claw/+/+/reply",
          "write_hello": "topic write claw/_all/hello", "read_inbox": "topic read claw/imac/+/inbox", "read_reply": "topic read claw/imac/+/reply",
          "read_state": "topic read claw/+/state", "read_hello": "topic read claw/_all/hello"}


def rules():
    """One user with all of imac's rights, and for each right one who lacks it."""
    lines = ["topic readwrite #"]  # of clients without a name: the other bridges, and this test
    for user in ["imac", *RIGHTS]:
        lines += [f"user {user}", *(rule for right, rule in RIGHTS.items() if right != user)]
    return "\n".join(lines) + "\n"


class Doctor(case.Case):
    """What all of the tests share."""

    @classmethod
    def start_all(cls):
        cls.directory = pathlib.Path(tempfile.mkdtemp(prefix="claw-"))
        unittest.addModuleCleanup(shutil.rmtree, cls.directory, ignore_errors=True)
        cls.join = join_secret()
        cls.broker = cls.start_broker("broker", users={user: "secret" for user in ["imac", *RIGHTS]}, acl=rules())
        cls.imac = cls.start_bridge("imac", {"broker": {"username": "imac", "password": "secret"}, **case.IMAC})
        cls.macbook = cls.start_bridge("macbook", case.MACBOOK)
        cls.studio = cls.start_bridge("studio", {})
        cls.macbook.wait_until_knows("imac/jarvis", "studio/main")
        cls.imac.wait_until_knows("macbook/main", "studio/main")
        cls.studio.wait_until_knows("imac/jarvis", "macbook/main")
        cls.studio.stop()  # the one whose daemon is down

    @classmethod
    def start_broker(cls, name, **options):
        broker = Broker(cls.directory / name, **options)
        unittest.addModuleCleanup(broker.stop)
        return broker

    @classmethod
    def start_bridge(cls, name, settings):
        bridge = Bridge(cls.directory, name, cls.broker, settings, cls.join)
        unittest.addModuleCleanup(bridge.stop)
        return bridge

    @classmethod
    def new_folder(cls):
        return pathlib.Path(tempfile.mkdtemp(prefix="set-up-", dir=cls.directory))

    def fresh(self, settings=None, name="attic", join=None):
        """A bridge that has never been started, in a folder of its own."""
        return Bridge(self.new_folder(), name, self.broker, settings, join or self.join, start=False)

    def variant(self, bridge, changes):
        """The bridge's settings with these changes, in another file: same name, keys, journal and daemon."""
        settings = json.loads(json.dumps(bridge.settings))
        for section, values in changes.items():
            settings[section] = {**settings.get(section, {}), **values} if isinstance(values, dict) else values
        file = self.new_folder() / "clawbridge.yaml"
        file.write_text(json.dumps(settings), encoding="utf-8")
        file.chmod(0o600)
        return file

    def examine(self, config, *options, env=None, within=()):
        """{check: finding}, the exit code, and the text for people. `within`: a command that runs the program."""
        arguments = ["doctor", "--config", str(config), *map(str, options)]
        # Paho leaves something behind where TLS fails. In the daemon that is told from ours by its stack, which the sanitizer loses in
        # OpenSSL now and then; a program that ends at once may leave it.
        environment = {**process.clean_environment(self.directory), "ASAN_OPTIONS": "detect_leaks=0", **(env or {})}
        done = subprocess.run([*within, binary(), *arguments, "--json"], env=environment, capture_output=True, timeout=60, check=False)
        self.assertNotIn(b"ERROR: AddressSanitizer", done.stderr)
        try:
            answer = json.loads(done.stdout)
        except ValueError:
            self.fail(f"no JSON: {done.stdout!r} {done.stderr!r}")
        self.assertEqual(answer.get("exitCode"), done.returncode, answer)
        return {one["name"]: one for one in answer["checks"]}, done.returncode

    def assertFault(self, found, fault, code, words=()):
        """That fault is the first failure (or, with code 0, the one warning), in one line with its remedy; what fails beside it is
        skipped for it."""
        findings, exit_code = found
        told = [f"{one['name']}: {one['status']} {one['found']}" for one in findings.values() if one["status"] in ("fail", "warn")]
        failed = [one for one in findings.values() if one["status"] == ("fail" if code else "warn") and one["fault"] != "daemon.running.not"]
        if fault == "daemon.running.not":
            failed = [one for one in findings.values() if one["status"] == "warn"]
        self.assertTrue(failed, f"nothing was found, expected {fault}")
        self.assertEqual(failed[0]["fault"], fault, told)
        self.assertEqual(exit_code, code, told)
        self.assertEqual([one["fault"] for one in failed], [fault], told)
        self.assertTrue(failed[0]["remedy"].endswith("."))
        self.assertNotIn("\n", failed[0]["found"] + failed[0]["remedy"])
        for word in words:
            self.assertIn(word, failed[0]["found"])

    def assertEach(self, cases):
        """Each (name, examination, fault, exit code, words…), several at a time: a doctor waits more than it works."""
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            running = [(name, pool.submit(examination), *expected) for name, examination, *expected in cases]
            for name, examination, fault, code, *words in running:
                with self.subTest(name):
                    self.assertFault(examination.result(), fault, code, words)


def setUpModule():
    Doctor.start_all()


class Sound(Doctor):
    def assertSound(self, found, expected_warnings=()):
        findings, code = found
        told = {name: one["found"] for name, one in findings.items() if one["status"] in ("fail", "warn")}
        self.assertEqual(set(told), set(expected_warnings), told)
        self.assertEqual(code, EXIT_OK)
        return findings

    def test_with_the_daemon(self):
        self.assertEqual(self.imac.send("macbook/main", "hello").code, EXIT_OK)
        counters, log = self.imac.counters(), len(self.imac.log_lines("level=warn")) + len(self.macbook.log_lines("level=warn"))
        incarnation, epoch = self.imac.status()["incarnation"], self.imac.status()["epoch"]
        findings = self.assertSound(self.examine(self.imac.config_path))
        skipped = {name for name, one in findings.items() if one["status"] == "skip"}
        self.assertEqual(skipped, {name for name in findings if name.startswith("gateway.") and name != "gateway.agents"}, "an echo gateway has none of these")
        self.assertIn("last exchange", findings["peers.present"]["found"])
        self.assertIn("macbook", findings["peers.answer"]["found"])
        # It was not in the way: same connection, nothing dropped but what was the doctor's, nothing logged, no state touched.
        self.assertEqual((self.imac.status()["incarnation"], self.imac.status()["epoch"], self.imac.status()["state"]), (incarnation, epoch, "online"))
        grown = {name for name, count in self.imac.counters().items() if count > counters.get(name, 0)}
        self.assertFalse({name for name in grown if name.startswith(("dropped.", "state.", "broker."))} - {"dropped.doctor", "dropped.own_name"}, grown)
        self.assertEqual(len(self.imac.log_lines("level=warn")) + len(self.macbook.log_lines("level=warn")), log)

    def test_without_the_daemon(self):
        findings = self.assertSound(self.examine(self.studio.config_path), ["daemon.running"])
        self.assertEqual(findings["broker.one_owner"]["found"], "the state there is ours, offline")
        self.assertIn("macbook joined", findings["peers.trust"]["found"])
        self.assertEqual([one["status"] for name, one in findings.items() if name.startswith("broker.")], ["ok"] * 21)

    def test_before_the_first_start_and_nothing_is_made(self):
        fresh = self.fresh()
        shutil.rmtree(fresh.store_path.parent)
        findings = self.assertSound(self.examine(fresh.config_path), ["daemon.running"])
        self.assertIn("first start", findings["state.journal"]["found"])
        self.assertFalse(fresh.store_path.parent.exists())

    def test_nothing_stays_on_the_broker(self):
        self.assertSound(self.examine(self.studio.config_path), ["daemon.running"])
        listed = subprocess.run(["mosquitto_sub", "-h", "127.0.0.1", "-p", str(self.broker.port), "-t", "claw/#", "-F", "%r %t", "-W", "1"],
                                capture_output=True, text=True, check=False).stdout.split("\n")
        self.assertEqual([line for line in listed if line.startswith("1 ") and not line.endswith("/state")], [])

    def test_for_people_it_is_one_line_each_and_a_summary(self):
        outcome = run_cli(["doctor", "--config", self.studio.config_path], self.directory)
        lines = outcome.stdout.decode().splitlines()
        self.assertTrue(all(line.split()[0] in ("ok", "warn", "fail", "skip") for line in lines[:-1]), outcome)
        self.assertRegex(lines[-1], r"^\d+ ok, 1 warn, 0 fail, \d+ skip$")
        warning = next(line for line in lines if line.startswith("warn"))
        self.assertIn("clawbridge run", warning)

    def test_both_gateway_versions(self):
        for version in (NEW, OLD):
            with self.subTest(version):
                gateway = StandIn(self.new_folder(), version, ["main"])
                self.addCleanup(gateway.kill)
                findings = self.assertSound(self.examine(self.fresh({"gateway": gateway.settings()}).config_path), ["daemon.running"])
                self.assertIn(version, findings["gateway.protocol"]["found"])
                self.assertEqual(findings["gateway.scopes"]["status"], "ok")
                self.assertEqual(findings["gateway.agents"]["found"], "main")


class BrokenMachine(Doctor):
    def broken(self, text):
        file = self.new_folder() / "clawbridge.yaml"
        file.write_text(text, encoding="utf-8")
        return lambda: self.examine(file)

    def test_settings(self):
        sound = "version: 1\ngateway: { name: attic, kind: echo }\n"
        self.assertEach([
            ("an unknown key", self.broken(sound + "broker:\n  usrname: x\n"), "settings.file.unknown_key", EXIT_USAGE, "clawbridge.yaml:4", "username"),
            ("a placeholder", self.broken(sound + "broker: { password: '${env:NO_SUCH_VARIABLE}' }\n"), "settings.file.placeholder", EXIT_USAGE, "NO_SUCH_VARIABLE"),
            ("no YAML", self.broken(sound + "broker: { url\n"), "settings.file.yaml", EXIT_USAGE),
            ("a socket's path that is too long", self.broken(sound + f"api: {{ socket: '/{'x' * 200}' }}\n"), "settings.file.value", EXIT_USAGE, "api.socket"),
            ("no such file", lambda: self.examine("/nowhere/clawbridge.yaml"), "settings.file.missing", EXIT_USAGE, "/nowhere/clawbridge.yaml"),
        ])

    def test_secrets_that_others_can_read(self):
        secret = self.new_folder() / "join-secret"
        secret.write_text(self.join, encoding="utf-8")
        secret.chmod(0o644)
        fresh = self.fresh({"trust": {"join": f"${{file:{secret}}}"}})
        self.assertFault(self.examine(fresh.config_path), "settings.secrets.loose", EXIT_OK, [str(secret)])

    def on_small_disk(self, options, after="true"):
        """The doctor of a bridge whose state folder is a file system of its own."""
        fresh = self.fresh()
        shell = f"mount -t tmpfs -o {options} tmpfs {fresh.store_path.parent} && {after.format(fresh.store_path.parent)}; exec \"$@\""
        alone = ["unshare", *(["--map-root-user"] if os.geteuid() else []), "--mount", "sh", "-c", shell, "sh"]
        return lambda: self.examine(fresh.config_path, within=alone)

    def with_keys(self, change):
        fresh = self.fresh()
        shutil.copy(self.studio.keys_path, fresh.keys_path)
        fresh.keys_path.chmod(0o600)
        change(fresh.keys_path)
        return lambda: self.examine(fresh.config_path)

    def with_journal(self, change):
        fresh = self.fresh()
        shutil.copy(self.studio.store_path, fresh.store_path)
        change(fresh.store_path)

        def examine():
            before = fresh.store_path.read_bytes()
            found = self.examine(fresh.config_path)
            self.assertEqual(fresh.store_path.read_bytes(), before, "the doctor changes no journal")
            return found
        return examine

    def test_state(self):
        def newer(path):
            database = sqlite3.connect(path)
            database.execute("PRAGMA user_version = 99")
            database.commit()
            database.close()

        def foreign(path):
            path.unlink()
            database = sqlite3.connect(path)
            database.execute("CREATE TABLE of_somebody (x)")
            database.commit()
            database.close()

        def damaged(path):
            with open(path, "r+b") as file:
                file.seek(4096)
                file.write(b"\xff" * 4096 * 4)

        def renamed(path):
            path.write_text(path.read_text().replace('"studio"', '"garage"'), encoding="utf-8")

        self.assertEach([
            ("a read-only state folder", self.on_small_disk("ro"), "state.folder.read_only", EXIT_FAILED),
            ("a full disk", self.on_small_disk("size=64k", "dd if=/dev/zero of={}/filler 2>/dev/null"), "state.disk.full", EXIT_FAILED, "No space left"),
            ("a journal of a newer release", self.with_journal(newer), "state.journal.newer", EXIT_FAILED, "99"),
            ("another program's journal", self.with_journal(foreign), "state.journal.foreign", EXIT_FAILED),
            ("a damaged journal", self.with_journal(damaged), "state.journal.damaged", EXIT_FAILED),
            ("keys that others can read", self.with_keys(lambda path: path.chmod(0o644)), "state.keys.loose", EXIT_FAILED),
            ("keys of another gateway", self.with_keys(renamed), "state.keys.of_another", EXIT_FAILED, "garage"),
            ("damaged keys", self.with_keys(lambda path: path.write_text("{")), "state.keys.damaged", EXIT_FAILED),
        ])

    def test_daemon(self):
        plain_file = self.fresh()
        pathlib.Path(plain_file.socket).write_text("no socket", encoding="utf-8")
        stuck = self.fresh()
        listener = socket.socket(socket.AF_UNIX)
        self.addCleanup(listener.close)
        listener.bind(stuck.socket)
        listener.listen()
        self.assertEach([
            ("no daemon", lambda: self.examine(self.studio.config_path), "daemon.running.not", EXIT_OK, self.studio.socket),
            ("a daemon elsewhere with this journal", lambda: self.examine(self.variant(self.imac, {"api": {"socket": str(self.new_folder() / "s")}})),
             "state.journal.in_use", EXIT_FAILED),
            ("no socket", lambda: self.examine(plain_file.config_path), "daemon.socket.no_socket", EXIT_UNREACHABLE),
            ("a daemon that hangs", lambda: self.examine(stuck.config_path), "daemon.running.silent", EXIT_UNREACHABLE),
            ("another gateway's daemon", lambda: self.examine(self.studio.config_path, "--socket", self.macbook.socket), "daemon.running.another", EXIT_UNREACHABLE, "macbook"),
        ])


class BrokenBroker(Doctor):
    def with_broker(self, url, **settings):
        fresh = self.fresh({"broker": {"url": url, **settings}})
        return lambda: self.examine(fresh.config_path)

    def closed_broker(self):
        """The port of one that lets nobody in without a name."""
        folder, port = self.new_folder(), process.free_port()
        (folder / "mosquitto.conf").write_text(f"listener {port} 127.0.0.1\nallow_anonymous false\n", encoding="utf-8")
        program = shutil.which("mosquitto", path=os.environ["PATH"] + ":/usr/sbin")
        daemon = process.Daemon([program, "-c", str(folder / "mosquitto.conf")], folder / "log")
        self.addCleanup(daemon.stop)

        def listens():
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        process.wait_until("mosquitto to listen", listens)
        return port

    def test_the_way_in(self):
        gateway = StandIn(self.new_folder(), NEW, ["main"])
        self.addCleanup(gateway.kill)
        nats = self.new_folder()
        nats_port = process.free_port()
        subprocess.run([str(SCRIPTS / "start-nats.sh"), str(nats_port), str(nats)], check=True, stdout=subprocess.DEVNULL)
        self.addCleanup(subprocess.run, [str(SCRIPTS / "stop.sh"), str(nats)], check=True)
        closed = self.closed_broker()
        self.assertEach([
            ("no such name", self.with_broker("mqtt://no-such-host.invalid"), "broker.name.unknown", EXIT_UNREACHABLE, "no-such-host.invalid"),
            ("the wrong port", self.with_broker(f"mqtt://127.0.0.1:{process.free_port()}"), "broker.reach.refused", EXIT_UNREACHABLE),
            ("no MQTT there", self.with_broker(f"mqtt://127.0.0.1:{gateway.port}"), "broker.protocol.no_mqtt", EXIT_UNREACHABLE),
            ("an old protocol", self.with_broker(f"mqtt://127.0.0.1:{nats_port}", protocol="5"), "broker.protocol.version", EXIT_UNREACHABLE),
            ("a wrong password", self.with_broker(self.broker.url, username="imac", password="wrong"), "broker.login.not_authorized", EXIT_UNREACHABLE, '"imac"'),
            ("no user name", self.with_broker(f"mqtt://127.0.0.1:{closed}"), "broker.login.not_authorized", EXIT_UNREACHABLE, "without a user name"),
        ])
        findings, code = self.with_broker(f"mqtt://127.0.0.1:{nats_port}")()
        self.assertEqual((findings["broker.protocol"]["found"], code), ("MQTT 3.1.1", EXIT_OK))
        self.assertEqual({name: findings[f"broker.{name}"]["status"] for name in ("exchange", "retained", "will", "session", "size", "write_inbox")},
                         {"exchange": "ok", "retained": "ok", "will": "ok", "session": "ok", "size": "ok", "write_inbox": "skip"})

    def test_tls(self):
        certificates = self.new_folder()
        authority, stranger = Authority(certificates, "authority"), Authority(certificates, "stranger")
        authority.issue("here", HERE)
        authority.issue("elsewhere", ["hub.example"])
        authority.issue("expired", HERE, begin=-2 * DAY, end=-DAY)
        authority.issue("future", HERE, begin=DAY, end=2 * DAY)
        authority.issue("client")
        authority.issue("revoked", revoked=True)
        stranger.issue("foreign")
        ports = {name: process.free_port() for name in ("here", "elsewhere", "expired", "future", "mutual")}
        path = lambda name: str(certificates / name)  # noqa: E731
        extra = ["per_listener_settings false"]
        for name, port in ports.items():
            server = "here" if name == "mutual" else name
            extra += [f"listener {port} 127.0.0.1", f"certfile {path(server)}.pem", f"keyfile {path(server)}.key"]
            if name == "mutual":
                extra += [f"cafile {path('authority.pem')}", f"crlfile {authority.revocation_list}", "require_certificate true"]
        broker = self.start_broker("tls", extra="\n".join(extra[1:]))
        url = lambda name, scheme="mqtts": f"{scheme}://127.0.0.1:{ports[name]}"  # noqa: E731
        ca = {"ca": path("authority.pem")}
        client = lambda name: {**ca, "certificate": path(f"{name}.pem"), "key": path(f"{name}.key")}  # noqa: E731
        self.assertEach([
            ("expired", self.with_broker(url("expired"), **ca), "broker.tls.expired", EXIT_UNREACHABLE),
            ("not valid yet", self.with_broker(url("future"), **ca), "broker.tls.not_yet", EXIT_UNREACHABLE),
            ("another host", self.with_broker(url("elsewhere"), **ca), "broker.tls.host_name", EXIT_UNREACHABLE, "127.0.0.1"),
            ("another authority", self.with_broker(url("here"), ca=path("stranger.pem")), "broker.tls.authority", EXIT_UNREACHABLE),
            ("no such file", self.with_broker(url("here"), ca=path("missing.pem")), "broker.tls.files", EXIT_UNREACHABLE, "missing.pem"),
            ("a certificate is wanted", self.with_broker(url("mutual"), **ca), "broker.tls.client_wanted", EXIT_UNREACHABLE),
            ("a revoked one", self.with_broker(url("mutual"), **client("revoked")), "broker.tls.client_revoked", EXIT_UNREACHABLE),
            ("a stranger's", self.with_broker(url("mutual"), **client("foreign")), "broker.tls.client_refused", EXIT_UNREACHABLE),
            ("TLS to a plain port", self.with_broker(broker.url.replace("mqtt", "mqtts"), **ca), "broker.tls.plain_port", EXIT_UNREACHABLE),
            ("no TLS to a port with it", self.with_broker(url("here", "mqtt")), "broker.tls.tls_port", EXIT_UNREACHABLE),
            ("no check", self.with_broker(url("elsewhere"), insecure=True), "broker.tls.insecure", EXIT_OK),
        ])
        findings, code = self.with_broker(url("mutual"), **client("client"))()
        self.assertEqual((findings["broker.tls"]["status"], code), ("ok", EXIT_OK))

    def test_each_right_that_is_missing(self):
        def lacking(right):
            return lambda: self.examine(self.variant(self.imac, {"broker": {"username": right}}))

        self.assertEach([(right, lacking(right), f"broker.{right}.denied", EXIT_FAILED, rule.split()[-1]) for right, rule in RIGHTS.items()])

    def test_what_a_broker_lacks(self):
        forgetful = self.start_broker("forgetful", extra="retain_available false")
        small = self.start_broker("small", extra="message_size_limit 100000")
        packets = self.start_broker("packets", extra="max_packet_size 100000")
        careless = self.start_broker("careless", extra="max_qos 0")
        self.assertEach([
            ("no retained messages", self.with_broker(forgetful.url), "broker.retained.none", EXIT_OK),
            ("only short messages", self.with_broker(small.url), "broker.size.small", EXIT_OK, "1048576"),
            ("only short packets, as it says", self.with_broker(packets.url), "broker.size.small", EXIT_OK, "100000"),
            ("no QoS 1", self.with_broker(careless.url), "broker.qos.none", EXIT_FAILED),
        ])

    def test_two_bridges_with_one_name(self):
        other_keys = self.fresh(name="macbook")
        same_keys = self.fresh({"broker": {"username": "imac", "password": "secret"}}, name="imac")
        shutil.copy(self.imac.keys_path, same_keys.keys_path)
        self.assertEach([
            ("with other keys", lambda: self.examine(other_keys.config_path), "broker.one_owner.other_keys", EXIT_FAILED, "macbook"),
            ("with the same keys", lambda: self.examine(same_keys.config_path), "broker.one_owner.other_journal", EXIT_FAILED, "imac"),
        ])


class BrokenGateway(Doctor):
    def beside(self, gateway, **settings):
        fresh = self.fresh({"gateway": {**gateway, **settings}})
        return lambda: self.examine(fresh.config_path)

    def test_openclaw(self):
        cases = []
        for version in (NEW, OLD):
            gateway = StandIn(self.new_folder(), version, ["main"])
            self.addCleanup(gateway.kill)
            sound = gateway.settings()
            cases += [
                (f"{version}: the token was changed", self.beside(sound, token="of-yesterday"), "gateway.login.token", EXIT_UNREACHABLE),
                (f"{version}: no token", self.beside(sound, token=""), "gateway.login.no_token", EXIT_UNREACHABLE),
            ]
        future = StandIn(self.new_folder(), NEW, ["main"], protocol=5)
        self.addCleanup(future.kill)

        class NotHere(http.server.BaseHTTPRequestHandler):
            def do_GET(self):  # noqa: N802: the name is the library's
                self.send_error(404)

            def log_message(self, *_):
                pass

        page = http.server.ThreadingHTTPServer(("127.0.0.1", 0), NotHere)
        threading.Thread(target=page.serve_forever, daemon=True).start()
        self.addCleanup(page.server_close)
        self.addCleanup(page.shutdown)
        self.assertEach([
            *cases,
            ("nobody there", self.beside(sound, url=f"ws://127.0.0.1:{process.free_port()}"), "gateway.reach.refused", EXIT_UNREACHABLE),
            ("no gateway", self.beside(sound, url=f"ws://127.0.0.1:{page.server_port}"), "gateway.reach.no_gateway", EXIT_UNREACHABLE),
            ("a protocol of the future", self.beside(future.settings()), "gateway.protocol.mismatch", EXIT_UNREACHABLE),
        ])

    def test_names_of_agents(self):
        def naming(**settings):
            fresh = self.fresh({"gateway": {"agents": ["jarvis"]}, **settings})
            return lambda: self.examine(fresh.config_path)

        self.assertEach([
            ("expose", naming(expose=["jarvsi"]), "gateway.agents.unknown", EXIT_USAGE, "jarvsi (expose)"),
            ("policy", naming(policy=[{"from": "*", "to": "peper", "allow": "sessions_send"}]), "gateway.agents.unknown", EXIT_USAGE, "peper (policy.1.to)"),
        ])

    def test_programs(self):
        folder = self.new_folder()
        script = folder / "agent.sh"
        script.write_text("#!/bin/sh\ncat\n", encoding="utf-8")
        command = lambda program: self.beside({"kind": "command"}, command=[str(program)])  # noqa: E731
        self.assertEach([
            ("none", command(folder / "missing.sh"), "gateway.program.missing", EXIT_UNREACHABLE, "missing.sh"),
            ("not executable", command(script), "gateway.program.not_executable", EXIT_UNREACHABLE, "agent.sh"),
        ])

    def test_tools(self):
        gateway = StandIn(self.new_folder(), NEW, ["main"])
        self.addCleanup(gateway.kill)
        fresh = self.fresh({"gateway": gateway.settings()})
        home = self.new_folder()
        (home / "openclaw.json").write_text("{}", encoding="utf-8")
        env = {"OPENCLAW_STATE_DIR": str(home), "XDG_CONFIG_HOME": str(home / "config")}
        self.assertFault(self.examine(fresh.config_path, env=env), "gateway.plugin.not_installed", EXIT_OK)
        installed = run_cli(["openclaw", "install", "--config", fresh.config_path], self.directory, env=env)
        self.assertCode(installed, EXIT_OK)
        findings, _ = self.examine(fresh.config_path, env=env)
        self.assertEqual((findings["gateway.plugin"]["status"], findings["gateway.tools"]["status"]), ("ok", "ok"), findings)
        settings = json.loads((home / "openclaw.json").read_text(encoding="utf-8"))
        (home / "openclaw.json").write_text(json.dumps({**settings, "tools": {"profile": "coding"}}, indent=2), encoding="utf-8")
        self.assertFault(self.examine(fresh.config_path, env=env), "gateway.tools.hidden", EXIT_OK, ["main", "coding"])


class BrokenFederation(Doctor):
    def state(self, keys, gateway=None, later=datetime.timedelta(0)):
        """An authentic state of a made-up bridge."""
        listed = subprocess.run(["mosquitto_sub", "-h", "127.0.0.1", "-p", str(self.broker.port), "-t", "claw/macbook/state", "-C", "1", "-W", "5"],
                                capture_output=True, check=True)
        template = json.loads(listed.stdout)
        template["time"] = (wire.now() + later).strftime("%Y-%m-%dT%H:%M:%S.") + "000Z"
        print_ = keys.fingerprint
        join = crypto.b64url(crypto.join_proof(crypto.unb64url(self.join), gateway or keys.gateway, print_))
        return forgery.state(template, keys, gateway, join=join)

    def with_state(self, name, gateway, later=datetime.timedelta(0), settings=None, join=None):
        """A bridge on a broker of its own, where that gateway's state lies."""
        broker = self.start_broker(name, stock=True)
        keys = crypto.Keys.make(gateway)
        broker.publish(f"claw/{gateway}/state", self.state(keys, later=later), retain=True)
        fresh = self.fresh({"broker": {"url": broker.url}, **(settings or {})}, join=join)
        return lambda: self.examine(fresh.config_path)

    def test_peers(self):
        self.assertEach([
            ("a clock that is an hour ahead", self.with_state("ahead", "ghost", HOUR), "peers.clock.differs", EXIT_FAILED, "ghost is", "min ahead"),
            ("another join secret", self.with_state("stranger", "ghost", join=join_secret()), "peers.trust.pending", EXIT_OK, "ghost"),
            ("other keys than the pinned ones", self.with_state("pinned", "ghost", settings={"peers": {"ghost": {"fingerprint": "0" * 64}}}),
             "peers.trust.key_changed", EXIT_FAILED, "ghost"),
        ])

    def test_neither_secret_nor_pins(self):
        fresh = self.fresh({"broker": {"url": self.start_broker("empty", stock=True).url}})
        fresh.configure({"trust": {"join": None}})
        self.assertFault(self.examine(fresh.config_path), "peers.trust.no_secret", EXIT_OK)


if __name__ == "__main__":
    case.main()
