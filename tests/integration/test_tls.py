"""mqtts with a private authority made for this test: the right one, a wrong one, and a certificate for another name."""

import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from clawtest import case, process  # noqa: E402
from clawtest.bridge import EXIT_OK, Bridge, join_secret  # noqa: E402


def openssl(*arguments, cwd):
    subprocess.run(["openssl", *arguments], cwd=cwd, check=True, capture_output=True)


def make_authority(directory, name):
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{name}.key",
            "-out", f"{name}.pem", "-subj", f"/CN={name}", "-days", "2", cwd=directory)


def make_certificate(directory, authority, name, alternative):
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{name}.key", "-out",
            f"{name}.csr", "-subj", f"/CN={name}", cwd=directory)
    (directory / f"{name}.ext").write_text(f"subjectAltName={alternative}\n", encoding="utf-8")
    openssl("x509", "-req", "-in", f"{name}.csr", "-CA", f"{authority}.pem", "-CAkey", f"{authority}.key", "-CAcreateserial",
            "-out", f"{name}.pem", "-days", "2", "-extfile", f"{name}.ext", cwd=directory)


class Tls(case.Case):
    @classmethod
    def setUpClass(cls):
        import shutil
        import tempfile
        from clawtest.broker import Broker
        cls.directory = pathlib.Path(tempfile.mkdtemp(prefix="claw-tls-"))
        cls.addClassCleanup(shutil.rmtree, cls.directory, ignore_errors=True)
        for name in ("authority", "stranger"):
            make_authority(cls.directory, name)
        make_certificate(cls.directory, "authority", "here", "IP:127.0.0.1,DNS:localhost")
        make_certificate(cls.directory, "authority", "elsewhere", "DNS:hub.example")
        make_certificate(cls.directory, "authority", "client", "DNS:client")
        cls.ports = {name: process.free_port() for name in ("here", "elsewhere", "mutual")}
        listeners = []
        for name, port in cls.ports.items():
            certificate = "here" if name == "mutual" else name
            listeners.append(f"listener {port} 127.0.0.1\ncafile {cls.directory}/authority.pem\n"
                             f"certfile {cls.directory}/{certificate}.pem\nkeyfile {cls.directory}/{certificate}.key\n"
                             + ("require_certificate true\n" if name == "mutual" else ""))
        cls.broker = Broker(cls.directory / "broker", extra="\n".join(listeners))
        cls.addClassCleanup(cls.broker.stop)

    def bridge(self, name, port, settings, secret, wait=True):
        made = Bridge(self.make_directory(), name, f"mqtts://127.0.0.1:{port}",
                      {"gateway": {"agents": ["jarvis"]}, "broker": settings}, secret, wait=wait)
        self.addCleanup(lambda: made.daemon and made.stop())
        if not wait:
            made.wait_alive()
        return made

    def assertTold(self, bridge, *words):
        def told():
            error = bridge.status()["broker"].get("error", "").lower()
            return error if any(word in error for word in words) else None

        process.wait_until(f"one of {words}; last: {bridge.status()['broker']}", told, 30, step=0.2)
        self.assertNotEqual(bridge.status()["broker"]["state"], "connected")

    def test_a_private_authority(self):
        secret, settings = join_secret(), {"ca": str(self.directory / "authority.pem")}
        macbook = self.bridge("macbook", self.ports["here"], settings, secret)
        imac = self.bridge("imac", self.ports["here"], settings, secret)
        macbook.wait_until_knows("imac/jarvis")
        imac.wait_until_knows("macbook/jarvis")
        outcome = macbook.send("imac/jarvis", "private")
        self.assertCode(outcome, EXIT_OK)
        self.assertEqual(outcome.json["reply"], "echo: private")

    def test_a_client_certificate(self):
        settings = {"ca": str(self.directory / "authority.pem"), "certificate": str(self.directory / "client.pem"),
                    "key": str(self.directory / "client.key")}
        bridge = self.bridge("macbook", self.ports["mutual"], settings, join_secret())
        self.assertEqual(bridge.status()["broker"]["state"], "connected")

    def test_a_foreign_authority_is_refused_and_named(self):
        bridge = self.bridge("macbook", self.ports["here"], {"ca": str(self.directory / "stranger.pem")}, join_secret(), wait=False)
        self.assertTold(bridge, "certificate")

    def test_without_an_authority_the_system_decides(self):
        self.assertTold(self.bridge("macbook", self.ports["here"], {}, join_secret(), wait=False), "certificate")

    def test_a_certificate_for_another_host_is_refused(self):
        settings = {"ca": str(self.directory / "authority.pem")}
        bridge = self.bridge("macbook", self.ports["elsewhere"], settings, join_secret(), wait=False)
        self.assertTold(bridge, "host", "mismatch", "address")

    def test_tls_to_a_port_without_tls(self):
        bridge = self.bridge("macbook", self.broker.port, {"ca": str(self.directory / "authority.pem")}, join_secret(), wait=False)
        self.assertTold(bridge, "tls", "ssl")

    def test_no_check_only_when_asked_for_and_then_loudly(self):
        bridge = self.bridge("macbook", self.ports["elsewhere"], {"insecure": True}, join_secret())
        self.assertEqual(bridge.status()["broker"]["state"], "connected")
        self.assertTrue(bridge.log_lines("level=warn", "insecure"), bridge.log())


if __name__ == "__main__":
    case.main()
