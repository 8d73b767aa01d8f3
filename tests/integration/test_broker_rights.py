"""A mosquitto made by `clawbridge broker init`, and a nats-server with the rules of `clawbridge broker acl`: bridges work
on them, and the credentials of one gateway open nothing of another.

mosquitto grants every SUBSCRIBE, and brokers acknowledge publishes that they refuse, so everything is judged by what
arrives: at an observer who may read all, and at the intruder.
"""

import json
import os
import pathlib
import re
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from clawtest import case, process, wire  # noqa: E402
from clawtest.bridge import EXIT_FAILED, EXIT_OK, EXIT_USAGE, Bridge, join_secret, run_cli  # noqa: E402

FEDERATION = ["macbook", "imac", "observer"]
AGENTS = {"macbook": "main", "imac": "jarvis", "observer": "none"}


def temporary_directory(cleanup):
    """One that the account `mosquitto` gets through, to which a broker started by root changes."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="claw-"))
    cleanup(shutil.rmtree, directory, ignore_errors=True)
    directory.chmod(0o711)
    return directory


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Hub:
    """A broker and the credentials that its rules are for."""

    def __init__(self, directory):
        self.base, self.port, self.daemon = directory, process.free_port(), None

    def run(self, program, *words):
        path = shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin")
        self.daemon = process.Daemon([path, *map(str, words)], self.base / "broker.log")
        try:
            process.wait_until(f"{program} to listen: {process.read(self.base / 'broker.log')}", lambda: listens(self.port))
        except AssertionError:
            self.stop()
            raise

    def stop(self):
        self.daemon.stop()

    def publish(self, gateway, topic, payload, *words, check=True):
        command = ["mosquitto_pub", *self.credentials(gateway), "-t", topic, *words, *(["-m", payload] if payload else ["-n"])]
        return subprocess.run(command, capture_output=True, timeout=30, check=check)


class MosquittoHub(Hub):
    """The folder that `broker init` makes, and mosquitto running from it and from nothing else."""

    def __init__(self, directory):
        super().__init__(directory)
        self.directory = directory / "hub"
        self.made = run_cli(["broker", "init", self.directory, "--json", "--port", self.port, "--gateway", *FEDERATION], directory)
        assert self.made.code == EXIT_OK, self.made
        self.settings = {machine["gateway"]: machine["settings"] for machine in self.made.json["machines"]}
        # A person's observer: the last gateway of the list, with one rule more.
        with open(self.directory / "acl", "a", encoding="utf-8") as rules:
            rules.write("topic read #\ntopic read $SYS/#\n")
        self.run("mosquitto", "-c", self.directory / "mosquitto.conf")

    def reload(self):
        os.kill(self.daemon.pid, signal.SIGHUP)

    def credentials(self, gateway, user=None, password=None, certificate=True):
        """mosquitto_pub's and mosquitto_sub's words for a gateway's certificate and password."""
        folder = self.directory / "gateways" / gateway
        words = ["-h", "localhost", "-p", str(self.port), "-V", "5", "--cafile", str(folder / "authority.pem")]
        if certificate:
            words += ["--cert", str(folder / "certificate.pem"), "--key", str(folder / "key.pem")]
        password = (folder / "password").read_text().strip() if password is None else password
        return [*words, "-u", user or gateway, *(["-P", password] if password else [])]

    def bridge(self, gateway, join, change=lambda block: block, wait=True):
        """A bridge as its operator sets it up: the folder copied, the printed block in the settings."""
        made = Bridge(self.base, gateway, "mqtt://unused", {"gateway": {"agents": [AGENTS[gateway]]}}, join, start=False)
        target = made.directory / ".config" / "clawbridge" / "broker"
        shutil.copytree(self.directory / "gateways" / gateway, target)
        rest = {name: value for name, value in made.settings.items() if name != "broker"}
        block = re.sub(r"^#.*\n", "", (target / "broker.yaml").read_text(), flags=re.MULTILINE)
        assert block == self.settings[gateway], "the file says what was printed"
        text = "".join(f"{name}: {json.dumps(value)}\n" for name, value in rest.items()) + change(block)
        made.config_path.write_text(text, encoding="utf-8")
        made.start(wait)
        return made


class NatsHub(Hub):
    """nats-server with the rules that `broker acl` prints, included as its comment says."""

    def __init__(self, directory):
        super().__init__(directory)
        self.passwords = {name: secrets.token_hex(8) for name in FEDERATION}
        rules = run_cli(["broker", "acl", "--for", "nats", "--gateway", "macbook", "--gateway", "imac"], directory)
        assert rules.code == EXIT_OK, rules
        watcher = f'    {{user: "observer", password: "{self.passwords["observer"]}"}}\n'
        self.rules = rules.stdout.decode().replace("  ]\n}", watcher + "  ]\n}")
        self.run("nats-server", "-c", self.configure("nats.conf", ("macbook", "imac")))

    def configure(self, name, with_passwords):
        (self.base / f"{name}-rules").write_text("".join(
            [f'password-{gateway}: "{self.passwords[gateway]}"\n' for gateway in with_passwords] + [self.rules]), encoding="utf-8")
        (self.base / name).write_text("\n".join([
            "server_name: hub", f'listen: "127.0.0.1:{process.free_port()}"', f'jetstream {{ store_dir: "{self.base}/js" }}',
            f'mqtt {{ listen: "127.0.0.1:{self.port}" }}', f"include {name}-rules\n"]), encoding="utf-8")
        return str(self.base / name)

    def credentials(self, gateway):
        return ["-h", "127.0.0.1", "-p", str(self.port), "-V", "311", "-u", gateway, "-P", self.passwords[gateway]]

    def bridge(self, gateway, join):
        return Bridge(self.base, gateway, f"mqtt://127.0.0.1:{self.port}",
                      {"gateway": {"agents": [AGENTS[gateway]]}, "broker": {"username": gateway, "password": self.passwords[gateway]}}, join)


class Listener:
    """mosquitto_sub with one gateway's credentials: every message as (topic, payload, retained)."""

    def __init__(self, hub, gateway, *filters, words=(), client_id=None):
        self.path = hub.base / f"listener-{secrets.token_hex(4)}"
        self.id = client_id or f"listener-{secrets.token_hex(4)}"
        self.hub, self.gateway = hub, gateway
        chosen = [word for filter_ in filters for word in ("-t", filter_)]
        self.daemon = process.Daemon(["stdbuf", "-oL", "mosquitto_sub", *hub.credentials(gateway), "-q", "1", "-i", self.id, *words, *chosen,
                                      "-F", r"%t\t%x\t%r"], self.path)

    def messages(self):
        lines = [line.split("\t") for line in process.read(self.path).splitlines()]
        return [(line[0], bytes.fromhex(line[1]), line[2] == "1") for line in lines if len(line) == 3]

    def topics(self):
        return [topic for topic, _, _ in self.messages()]

    def payloads(self):
        return [payload for _, payload, _ in self.messages()]

    def wait_for(self, topic, sender=None):
        """Returns when what the broker took before this call has arrived, if it was to arrive: by a mark on `topic`."""
        mark = f"mark-{secrets.token_hex(8)}"

        def arrived():
            self.hub.publish(sender or self.gateway, topic, mark, "-q", "1")
            return mark.encode() in self.payloads()

        process.wait_until(f"a mark on {topic} at {self.gateway}: {process.read(self.path)[-500:]}", arrived, 30, step=0.1)

    def stop(self):
        self.daemon.kill()  # mosquitto_sub now and then waits for a connection that is gone


class Init(case.Case):
    """What the commands themselves promise."""

    def setUp(self):
        self.directory = self.make_directory()

    def init(self, *words):
        return run_cli(["broker", "init", self.directory / "hub", *words], self.directory)

    def test_it_overwrites_nothing_and_leaves_nothing_half_done(self):
        self.assertCode(self.init("--gateway", "macbook"), EXIT_OK)
        before = {path: path.read_bytes() for path in (self.directory / "hub").rglob("*") if path.is_file()}
        again = self.init("--gateway", "macbook")
        self.assertCode(again, EXIT_FAILED)
        self.assertIn("nothing is overwritten", again.stderr.decode())
        self.assertEqual(before, {path: path.read_bytes() for path in (self.directory / "hub").rglob("*") if path.is_file()})
        for words in (["--gateway", "No"], ["--gateway", "a", "--gateway", "a"], ["--gateway", "a", "--host", "x y"],
                      ["--gateway", "a", "--port", "0"], ["--gateway", "a", "--base", "a//b"], []):
            with self.subTest(words):
                self.assertCode(run_cli(["broker", "init", self.directory / "other", *words], self.directory), EXIT_USAGE)
                self.assertFalse((self.directory / "other").exists())

    def test_secrets_are_the_owners_alone(self):
        self.init("--gateway", "macbook", "imac")
        hub = self.directory / "hub"
        for name in ("server.key", "passwords", "acl", "authority/authority.key", "gateways/imac/key.pem", "gateways/imac/password"):
            self.assertEqual(stat.S_IMODE((hub / name).stat().st_mode), 0o600, name)
        for name in ("authority", "gateways", "gateways/imac", "data"):
            self.assertEqual(stat.S_IMODE((hub / name).stat().st_mode), 0o700, name)
        passwords = [(hub / "gateways" / name / "password").read_text().strip() for name in ("macbook", "imac")]
        self.assertNotEqual(*passwords)
        self.assertTrue(all(len(password) == 32 and password not in (hub / "passwords").read_text() for password in passwords))

    def test_the_certificates_are_what_they_should_be(self):
        self.assertCode(self.init("--gateway", "imac", "--host", "hub.example", "--host", "10.0.0.7", "--host", "fd00::7"), EXIT_OK)
        hub = self.directory / "hub"

        def openssl(*words):
            return subprocess.run(["openssl", *map(str, words)], capture_output=True, check=True, text=True).stdout

        names = openssl("x509", "-in", hub / "server.pem", "-noout", "-ext", "subjectAltName")
        for name in ("DNS:hub.example", "IP Address:10.0.0.7", "IP Address:FD00:0:0:0:0:0:0:7"):
            self.assertIn(name, names)
        self.assertNotIn("localhost", names)
        self.assertIn("mqtts://hub.example:8883", (hub / "gateways/imac/broker.yaml").read_text())
        self.assertIn("listener 8883\n", (hub / "mosquitto.conf").read_text())
        check = ["verify", "-x509_strict", "-CAfile", hub / "authority.pem", "-CRLfile", hub / "revoked.pem", "-crl_check"]
        openssl(*check, "-purpose", "sslserver", "-verify_hostname", "hub.example", hub / "server.pem")
        openssl(*check, "-purpose", "sslclient", hub / "gateways/imac/certificate.pem")
        with self.assertRaises(subprocess.CalledProcessError):
            openssl(*check, "-purpose", "sslserver", hub / "gateways/imac/certificate.pem")

    def test_revoking_names_what_it_cannot_do(self):
        self.init("--gateway", "imac")
        for name, word in (("nobody", "no certificate was made"), ("../x", "no gateway name")):
            outcome = run_cli(["broker", "revoke", self.directory / "hub", name], self.directory)
            self.assertCode(outcome, EXIT_USAGE)
            self.assertIn(word, outcome.stderr.decode())
        outcome = run_cli(["broker", "revoke", self.directory, "imac"], self.directory)
        self.assertCode(outcome, EXIT_FAILED)
        self.assertIn("broker init", outcome.stderr.decode())
        for changed in (True, False):
            outcome = run_cli(["broker", "revoke", self.directory / "hub", "imac", "--json"], self.directory)
            self.assertEqual((outcome.code, outcome.json["changed"]), (EXIT_OK, changed))


class Rights:
    """What must hold on either broker. `persistent`: mosquitto_sub's words for a session that is kept."""

    hub_kind, persistent, more_filters, more_topics = None, ["-c"], [], []

    @classmethod
    def setUpClass(cls):
        directory = temporary_directory(cls.addClassCleanup)
        cls.hub = cls.hub_kind(directory)
        cls.addClassCleanup(cls.hub.stop)
        join = join_secret()
        for name in ("macbook", "imac"):
            bridge = cls.hub.bridge(name, join)
            cls.addClassCleanup(lambda bridge=bridge: bridge.daemon and bridge.stop())
            setattr(cls, name, bridge)

    def setUp(self):
        self.macbook.wait_until_knows("imac/jarvis")
        self.imac.wait_until_knows("macbook/main")
        self.observer = self.listen("observer", "#")
        self.observer.wait_for("claw/observer/mark")

    def listen(self, *words, **options):
        listener = Listener(self.hub, *words, **options)
        self.addCleanup(listener.stop)
        return listener

    def settle(self):
        """Everything that was published before has arrived at the observer."""
        self.observer.wait_for("claw/observer/mark")

    def exchange(self, asker, target, text):
        outcome = asker.send(target, text)
        self.assertCode(outcome, EXIT_OK)
        self.assertEqual(outcome.json["reply"], f"echo: {text}")

    def state(self):
        """macbook's retained state as a client that comes anew gets it."""
        fresh = self.listen("observer", "claw/macbook/state", words=["--retained-only"])
        return process.wait_until("the retained state", fresh.payloads, 20)[0]

    def test_everything_works(self):
        for bridge in (self.macbook, self.imac):
            self.assertEqual(bridge.status()["state"], "online")
            self.assertEqual(bridge.status()["broker"]["state"], "connected")
            self.assertFalse(bridge.log_lines("level=warn", "event=broker."), bridge.log())
        self.exchange(self.macbook, "imac/jarvis", "there")
        self.exchange(self.imac, "macbook/main", "and back")
        self.assertCode(self.macbook.cli("ping", "imac"), EXIT_OK)
        self.settle()
        self.assertIn("claw/macbook/main/inbox", self.observer.topics())
        self.assertEqual(json.loads(self.state())["data"]["state"], "online")

    def test_a_hello_is_answered(self):
        """Discovery without retained messages: both ways through rules of their own."""
        keys = self.imac.keys()
        hello = {"specversion": "1.0", "id": wire.make_ulid(), "type": "claw.v1.hello", "source": "imac/_bridge",
                 "time": wire.format_time(wire.now())}
        self.hub.publish("imac", "claw/_all/hello", wire.finish(hello, keys).decode(), "-q", "1")

        def answered():
            return any(topic == "claw/imac/_bridge/inbox" and b'"claw.v1.state"' in payload and b'"macbook/_bridge"' in payload
                       for topic, payload, _ in self.observer.messages())

        process.wait_until("macbook's state in imac's inbox", answered, 30, step=0.1)

    def test_nothing_of_another_gateway_can_be_read(self):
        filters = ["#", "+/#", "claw/#", "claw/+/+/inbox", "claw/+/+/reply", "claw/macbook/#", "claw/macbook/+/inbox",
                   "claw/macbook/main/inbox", "$share/group/claw/macbook/+/inbox", *self.more_filters]
        spies = [self.listen("imac", filter_, words=["-d"]) for filter_ in filters]
        own = self.listen("imac", "claw/imac/+/inbox")
        own.wait_for("claw/imac/spied/inbox")
        for spy in spies:  # subscribed, or refused
            process.wait_until("a SUBACK", lambda spy=spy: "SUBACK" in process.read(spy.path) or not spy.daemon.running(), 20)
        self.exchange(self.imac, "macbook/main", "not for other eyes")
        self.exchange(self.macbook, "imac/jarvis", "not this reply")
        self.hub.publish("observer", "claw/macbook/main/inbox", "neither this", "-q", "1")
        self.settle()
        seen = self.observer.topics()
        for topic in ("claw/macbook/main/inbox", "claw/macbook/_bridge/reply", "claw/macbook/state"):
            self.assertIn(topic, seen, "there was something to see")
        allowed = re.compile(r"claw/imac/[^/]+/(inbox|reply)|claw/[^/]+/state|claw/_all/hello")
        own.wait_for("claw/imac/spied/inbox")
        for spy in (*spies, own):
            wrong = [topic for topic in spy.topics() if not allowed.fullmatch(topic)]
            self.assertFalse(wrong)

    def test_nothing_can_be_published_in_the_name_of_another(self):
        state = self.state()
        denied = ["claw/macbook/state", "claw/macbook/main/state", "claw/macbook", "claw/macbook/main", "claw/macbook/main/other",
                  "claw/macbook/main/inbox/deeper", "claw/observer/state", "claw/nobody/state", "claw/_all/other", "claw/_all/hello/x",
                  "claw/state", "claw", "other/topic", "other/a/b/inbox", *self.more_topics]
        granted = ["claw/macbook/main/inbox", "claw/macbook/_bridge/reply", "claw/nobody/x/inbox", "claw/_all/hello",
                   "claw/imac/anything", "claw/imac/deep/er"]
        sent = {}
        for topic in (*denied, *granted):
            for words in (["-q", "0"], ["-q", "1"], ["-q", "1", "-r"]):
                if topic in granted and "-r" in words:
                    continue  # it would be delivered for ever; bridges drop it anyway
                payload = f"attack-{secrets.token_hex(8)}"
                sent[payload.encode()] = topic
                self.hub.publish("imac", topic, payload, *words, check=False)
        self.hub.publish("imac", "claw/macbook/state", None, "-r", "-q", "1", check=False)
        self.settle()
        arrived = {sent[payload] for payload in self.observer.payloads() if payload in sent}
        self.assertEqual(arrived, set(granted))
        self.assertEqual(self.state(), state)
        self.assertEqual(self.macbook.status()["state"], "online")
        self.exchange(self.imac, "macbook/main", "after the attack")

    def test_a_will_is_no_way_around(self):
        state = self.state()
        for topic in ("claw/macbook/state", "claw/imac/will"):
            client = self.listen("imac", "claw/imac/will/inbox", words=["--will-topic", topic, "--will-payload", f"will on {topic}",
                                                                        "--will-retain", "--will-qos", "1", "-d"])
            if topic == "claw/imac/will":
                client.wait_for("claw/imac/will/inbox")
            else:
                process.wait_until("the client to be let in or refused", lambda c=client: "CONNACK" in process.read(c.path) or
                                   not c.daemon.running(), 20)
            client.daemon.kill()
        process.wait_until("the will that is allowed", lambda: b"will on claw/imac/will" in self.observer.payloads(), 20)
        self.settle()
        self.assertNotIn(b"will on claw/macbook/state", self.observer.payloads())
        self.assertEqual(self.state(), state)
        self.hub.publish("imac", "claw/imac/will", None, "-r", "-q", "1")

    def test_the_session_of_another_gives_nothing(self):
        """With macbook away, what waits for it is not delivered to imac under macbook's client id; and is not lost."""
        session = f"claw-macbook-{json.loads(self.state())['data']['incarnation'][:8]}-sub"
        self.macbook.stop()
        outcome = self.imac.send("macbook/main", "for when you are back", "--timeout", "0")
        process.wait_until("the request to be on its way", lambda: "claw/macbook/main/inbox" in self.observer.topics(), 20)
        thief = self.listen("imac", "claw/imac/+/inbox", "claw/macbook/+/inbox", words=self.persistent, client_id=session)
        thief.wait_for("claw/imac/thief/inbox")
        self.assertFalse([topic for topic in thief.topics() if topic.startswith("claw/macbook/") and not topic.endswith("/state")])
        thief.stop()
        self.macbook.start()
        ended = self.imac.wait_for_exchange(outcome.json["correlationId"], 90)
        self.assertEqual(ended["reply"], "echo: for when you are back")


class OnMosquitto(Rights, case.Case):
    hub_kind, persistent = MosquittoHub, ["-c", "-x", "600"]
    more_filters = ["$SYS/#", "+/+/+/inbox"]
    more_topics = ["$SYS/broker/clients/total", "claw/macbook//state", "$share/x/claw/macbook/state"]

    def test_both_the_certificate_and_the_password_are_needed(self):
        def enter(*arguments, **options):
            command = ["mosquitto_pub", *self.hub.credentials(*arguments, **options), "-t", "claw/imac/x", "-m", "x", "-q", "1"]
            return subprocess.run(command, capture_output=True, timeout=30, check=False).returncode

        self.assertEqual(enter("imac"), 0)
        self.assertNotEqual(enter("imac", certificate=False), 0)
        self.assertNotEqual(enter("imac", password="guessed"), 0)
        self.assertNotEqual(enter("imac", password=""), 0)
        self.assertNotEqual(enter("imac", user="macbook"), 0)
        self.assertNotEqual(enter("imac", user="nobody"), 0)

    def test_a_bridge_that_is_not_let_in_is_told_why(self):
        def without(*keys):
            return lambda block: "".join(line + "\n" for line in block.splitlines() if not line.strip().startswith(keys))

        for change, words in ((without("username", "password"), "it does not let us without a user name in; check broker.username"),
                              (without("password"), 'it does not let the user "observer" in; check broker.username, broker.password'),
                              (lambda block: block.replace('"observer"', '"imac"'), 'it does not let the user "imac" in'),
                              (without("certificate", "key"), "it wants a client certificate: set broker.certificate"),
                              (without("ca"), "is of an authority that is unknown here")):
            bridge = self.hub.bridge("observer", join_secret(), change, wait=False)
            try:
                bridge.wait_alive()
                process.wait_until(f"{words}, but: {bridge.status()['broker']}",
                                   lambda b=bridge, w=words: w in b.status()["broker"].get("error", ""), 30, step=0.2)
            finally:
                bridge.stop()
                shutil.rmtree(bridge.directory)


class OnNats(Rights, case.Case):
    hub_kind = NatsHub
    more_filters = ["$MQTT/sub/#", "$MQTT/#", "$JS/#", "$JS/API/#", "_INBOX/#"]
    more_topics = ["$JS/API/STREAM/PURGE/$MQTT_rmsgs", "$JS/API/STREAM/DELETE/$MQTT_msgs", "$MQTT/msgs/claw/macbook/state",
                   "$MQTT/rmsgs"]

    def test_without_a_password_the_server_does_not_start(self):
        configuration = self.hub.configure("incomplete.conf", ["macbook"])
        check = subprocess.run(["nats-server", "-t", "-c", configuration], capture_output=True, check=False, timeout=30,
                               env={**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin"}, text=True)
        self.assertNotEqual(check.returncode, 0)
        self.assertIn("password-imac", check.stdout + check.stderr)


class Revoked(case.Case):
    def test_a_revoked_gateway_is_out_and_told_why(self):
        directory = temporary_directory(self.addCleanup)
        hub = MosquittoHub(directory)
        self.addCleanup(hub.stop)
        join = join_secret()
        bridges = {}
        for name in ("macbook", "imac"):
            bridges[name] = hub.bridge(name, join)
            self.addCleanup(lambda bridge=bridges[name]: bridge.daemon and bridge.stop())
        bridges["macbook"].wait_until_knows("imac/jarvis")
        epoch = bridges["macbook"].status()["epoch"]

        self.assertCode(run_cli(["broker", "revoke", hub.directory, "imac"], directory), EXIT_OK)
        hub.reload()

        def told():
            broker = bridges["imac"].status()["broker"]
            return broker["state"] != "connected" and "on the broker's revocation list" in broker.get("error", "")

        process.wait_until(f"imac to be out and told why: {bridges['imac'].status()['broker']}", told, 60, step=0.2)
        self.assertTrue(bridges["imac"].log_lines("level=warn", "revocation list"))
        bridges["imac"].restart(wait=False)
        bridges["imac"].wait_alive()
        process.wait_until("the same after a restart", told, 60, step=0.2)
        self.assertNotEqual(hub.publish("imac", "claw/imac/x", "x", "-q", "1", check=False).returncode, 0)
        status = bridges["macbook"].status()
        self.assertEqual((status["broker"]["state"], status["epoch"]), ("connected", epoch), "macbook was not disturbed")


if __name__ == "__main__":
    case.main()
