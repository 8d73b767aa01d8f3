"""TLS over mqtts:// (test_tls_wss.py: wss://) with authorities made for this test: what works, and that each thing that does not has a
message of its own, naming the check that failed and what to do.

mqtts ends at mosquitto.
"""

import pathlib
import secrets
import shutil
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from clawtest import case, process  # noqa: E402
from clawtest.bridge import EXIT_OK, Bridge, join_secret, run_cli  # noqa: E402
from clawtest.broker import Broker  # noqa: E402
from clawtest.certificates import DAY, Authority  # noqa: E402

HERE = ["127.0.0.1", "localhost"]
SERVERS = ["here", "elsewhere", "expired", "future"]  # and "mutual", which is "here" asking for certificates
SECRET = secrets.token_hex(8)


class Tls:
    """What must hold for either scheme. `ports`: server -> port; `plain_port`: the same without TLS."""

    scheme, plain_scheme, path = None, None, ""

    @classmethod
    def setUpClass(cls):
        cls.directory = pathlib.Path(tempfile.mkdtemp(prefix="claw-tls-"))
        cls.addClassCleanup(shutil.rmtree, cls.directory, ignore_errors=True)
        cls.authority, cls.stranger = (Authority(cls.directory, name) for name in ("authority", "stranger"))
        cls.authority.issue("here", HERE)
        cls.authority.issue("elsewhere", ["hub.example"])
        cls.authority.issue("expired", HERE, begin=-2 * DAY, end=-DAY)
        cls.authority.issue("future", HERE, begin=DAY, end=2 * DAY)
        cls.authority.issue("client")
        cls.authority.issue("old-client", begin=-2 * DAY, end=-DAY)
        cls.authority.issue("revoked-client", revoked=True)
        cls.stranger.issue("foreign-client")
        cls.serve()

    always = {}  # settings of every bridge

    def file(self, name):
        return str(self.directory / name)

    def url(self, server, scheme=None):
        port = self.plain_port if server == "plain" else self.ports[server]
        return f"{scheme or self.scheme}://127.0.0.1:{port}{self.path}"

    def bridge(self, url, settings=None, name="macbook", join=None, wait=True):
        settings = {"username": "claw", "password": SECRET, **self.always, **(settings or {})}
        made = Bridge(self.make_directory(), name, url, {"gateway": {"agents": ["jarvis"]}, "broker": settings}, join or join_secret(),
                      wait=wait)
        self.addCleanup(lambda: made.daemon and made.stop())
        if not wait:
            made.wait_alive()
        return made

    def trusting(self, client=None):
        settings = {"ca": self.file("authority.pem")}
        return {**settings, "certificate": self.file(f"{client}.pem"), "key": self.file(f"{client}.key")} if client else settings

    def assertRefused(self, url, settings, *words):
        """Such a bridge does not connect, and says all of `words`, in the status, in the log and to whoever asks for readiness."""
        bridge = self.bridge(url, settings, wait=False)

        def told():
            error = bridge.status()["broker"].get("error", "")
            return error if all(word in error for word in words) else None

        try:
            error = process.wait_until("", told, 30, step=0.2)
        except AssertionError:
            self.fail(f"not told {words}, but: {bridge.status()['broker']}")
        self.assertNotEqual(bridge.status()["broker"]["state"], "connected")
        self.assertIn(url, error)
        self.assertTrue(bridge.log_lines("level=warn", "event=broker.down", words[0].replace('"', '\\"')), bridge.log())
        status, readiness = bridge.http("GET", "/readyz")
        self.assertEqual(status, 503)
        self.assertIn(words[0], str(readiness))
        return error

    # ---- what works ----

    def test_a_private_authority(self):
        join = join_secret()
        macbook = self.bridge(self.url("here"), self.trusting(), "macbook", join)
        imac = self.bridge(self.url("here").replace("127.0.0.1", "localhost"), self.trusting(), "imac", join)
        macbook.wait_until_knows("imac/jarvis")
        imac.wait_until_knows("macbook/jarvis")
        outcome = macbook.send("imac/jarvis", "private")
        self.assertCode(outcome, EXIT_OK)
        self.assertEqual(outcome.json["reply"], "echo: private")

    def test_a_client_certificate(self):
        bridge = self.bridge(self.url("mutual"), self.trusting("client"))
        self.assertEqual(bridge.status()["broker"]["state"], "connected")
        self.assertNotIn("insecure", bridge.status()["broker"])

    def test_no_check_only_when_asked_for_and_then_loudly(self):
        bridge = self.bridge(self.url("elsewhere"), {"insecure": True})
        for start in (1, 2):
            status = bridge.status()["broker"]
            self.assertEqual((status["state"], status.get("insecure")), ("connected", True))
            self.assertEqual(len(bridge.log_lines("level=warn", "event=broker.insecure")), start, bridge.log())
            text = run_cli(["status", "--socket", bridge.socket], bridge.directory).stdout.decode()
            self.assertIn("BROKER WARNING", text)
            if start == 1:
                bridge.restart()

    # ---- what we hold against the broker ----

    def test_an_expired_certificate(self):
        self.assertRefused(self.url("expired"), self.trusting(), "its certificate has expired", "renew it on the broker")

    def test_a_certificate_that_is_not_yet_valid(self):
        self.assertRefused(self.url("future"), self.trusting(), "its certificate is not valid yet", "correct the clock")

    def test_a_certificate_for_another_host(self):
        self.assertRefused(self.url("elsewhere"), self.trusting(), 'its certificate is for another host name than "127.0.0.1"',
                           "broker.url")

    def test_a_certificate_for_another_name(self):
        url = self.url("elsewhere").replace("127.0.0.1", "localhost")
        self.assertRefused(url, self.trusting(), 'its certificate is for another host name than "localhost"')

    def test_an_unknown_authority(self):
        self.assertRefused(self.url("here"), {"ca": self.file("stranger.pem")}, "its certificate is of an authority that is unknown here",
                           "set broker.ca")

    def test_without_an_authority_the_system_decides(self):
        self.assertRefused(self.url("here"), {}, "its certificate is of an authority that is unknown here", "set broker.ca")

    # ---- what the broker holds against us ----

    def test_a_revoked_client_certificate(self):
        self.assertRefused(self.url("mutual"), self.trusting("revoked-client"), "our client certificate is on the broker's revocation list",
                           "have a new one made")

    def test_no_client_certificate(self):
        self.assertRefused(self.url("mutual"), self.trusting(), "it wants a client certificate", "set broker.certificate and broker.key")

    def test_a_client_certificate_of_an_unknown_authority(self):
        self.assertRefused(self.url("mutual"), self.trusting("foreign-client"),
                           "it does not know the authority that signed our client certificate", "check broker.certificate")

    def test_an_expired_client_certificate(self):
        self.assertRefused(self.url("mutual"), self.trusting("old-client"), "our client certificate has expired", "renewed")

    def test_a_wrong_password(self):
        error = self.assertRefused(self.url("here"), {**self.trusting(), "password": "guessed"}, 'it does not let the user "claw" in',
                                   "check broker.username, broker.password")
        self.assertNotIn("guessed", error)

    # ---- files and ports ----

    def test_files_that_are_not_what_they_should_be(self):
        (self.directory / "nonsense.pem").write_text("nonsense")
        self.assertRefused(self.url("here"), {"ca": self.file("nonsense.pem")}, "broker.ca", "cannot be read")
        self.assertRefused(self.url("mutual"), {**self.trusting("client"), "key": self.file("old-client.key")}, "broker.key",
                           "is not the certificate's")

    def test_plain_text_to_a_port_with_tls(self):
        self.assertRefused(self.url("here", self.plain_scheme), {}, "it speaks TLS on this port", f"use {self.scheme}://")
        self.assertRefused(self.url("mutual", self.plain_scheme), {}, "it speaks TLS on this port", f"use {self.scheme}://")

    def test_tls_to_a_plain_port(self):
        self.assertRefused(self.url("plain"), self.trusting(), "it may not speak TLS on this port", f"use {self.plain_scheme}://")


class Mqtts(Tls, case.Case):
    scheme, plain_scheme = "mqtts", "mqtt"

    @classmethod
    def serve(cls):
        cls.ports = {name: process.free_port() for name in (*SERVERS, "mutual")}
        listeners = []
        for name, port in cls.ports.items():
            certificate = "here" if name == "mutual" else name
            listeners.append(f"listener {port} 127.0.0.1\ncafile {cls.directory}/authority.pem\n"
                             f"certfile {cls.directory}/{certificate}.pem\nkeyfile {cls.directory}/{certificate}.key\n"
                             + (f"require_certificate true\ncrlfile {cls.authority.revocation_list}\n" if name == "mutual" else ""))
        cls.broker = Broker(cls.directory / "broker", users={"claw": SECRET}, extra="\n".join(listeners))
        cls.addClassCleanup(cls.broker.stop)
        cls.plain_port = cls.broker.port


if __name__ == "__main__":
    case.main()
