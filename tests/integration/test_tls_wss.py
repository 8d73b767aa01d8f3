"""What test_tls.py shows of mqtts://, over wss://: a reverse proxy before nats-server, because Debian's mosquitto has no WebSockets.

And what only WebSockets have: pieces that are no packets, paths, and ws:// without TLS.
"""

import contextlib
import http.server
import pathlib
import shutil
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import test_tls  # noqa: E402
from clawtest import case, process  # noqa: E402
from clawtest.tls_front import TlsFront  # noqa: E402

SECRET, SERVERS = test_tls.SECRET, test_tls.SERVERS


class NotFound(http.server.BaseHTTPRequestHandler):
    """A web server that has nothing but pages, and not this one."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):  # noqa: N802, the name that http.server calls
        # Whoever asks reads no further than the header.
        with contextlib.suppress(OSError):
            self.send_error(404, "No such page, and text from outside")

    def log_message(self, *arguments):
        pass


class Wss(test_tls.Tls, case.Case):
    scheme, plain_scheme, path = "wss", "ws", "/mqtt"
    always = {"protocol": "3.1.1"}  # all that nats-server speaks

    @classmethod
    def serve(cls):
        cls.plain_port = process.free_port()
        configuration = cls.directory / "nats.conf"
        configuration.write_text("\n".join([
            "server_name: hub", f'listen: "127.0.0.1:{process.free_port()}"', f'jetstream {{ store_dir: "{cls.directory}/js" }}',
            f'mqtt {{ listen: "127.0.0.1:{process.free_port()}" }}', f'websocket {{ listen: "127.0.0.1:{cls.plain_port}", no_tls: true }}',
            f'authorization {{ users: [ {{ user: "claw", password: "{SECRET}" }} ] }}', ""]), encoding="utf-8")
        program = shutil.which("nats-server", path="/usr/sbin:/usr/bin:/usr/local/bin")
        server = process.Daemon([program, "-c", str(configuration)], cls.directory / "nats.log")
        cls.addClassCleanup(server.stop)
        process.wait_until("nats-server", lambda: "Server is ready" in process.read(cls.directory / "nats.log"))
        cls.ports = {}
        for name in (*SERVERS, "mutual"):
            certificate = "here" if name == "mutual" else name
            asking = {"authority": cls.directory / "authority.pem", "revoked": cls.authority.revocation_list} if name == "mutual" else {}
            front = TlsFront(cls.plain_port, cls.directory / f"{certificate}.pem", cls.directory / f"{certificate}.key", **asking)
            cls.addClassCleanup(front.stop)
            cls.ports[name] = front.port

    def assertExchange(self, url, settings, longest):
        """Two bridges meet there at the first attempt and have messages of every size up to `longest` answered."""
        join = test_tls.join_secret()
        macbook, imac = (self.bridge(url, settings, name, join) for name in ("macbook", "imac"))
        macbook.wait_until_knows("imac/jarvis")
        imac.wait_until_knows("macbook/jarvis")
        for text in ("hello", "x" * 4096, "y" * longest):
            outcome = macbook.send("imac/jarvis", text)
            self.assertCode(outcome, test_tls.EXIT_OK)
            self.assertEqual(outcome.json["reply"], f"echo: {text}")
        for bridge in (macbook, imac):
            self.assertEqual(bridge.log_lines("event=broker.down"), [], bridge.log())

    def test_without_tls(self):
        self.assertExchange(self.url("plain", "ws"), {}, 200_000)

    def test_every_attempt_connects(self):
        for _ in range(5):
            bridge = self.bridge(self.url("here"), self.trusting())
            self.assertEqual(bridge.log_lines("event=broker.down"), [], bridge.log())
            bridge.stop()

    def test_a_way_that_cuts_everything_into_pieces(self):
        front = TlsFront(self.plain_port, self.directory / "here.pem", self.directory / "here.key", piece=7)
        self.addCleanup(front.stop)
        # Each piece is a TLS record that the front makes by itself: a long message would test its patience only.
        self.assertExchange(f"wss://127.0.0.1:{front.port}{self.path}", self.trusting(), 10_000)

    def test_a_path_without_websockets(self):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", process.free_port()), NotFound)
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        self.addCleanup(lambda: (server.shutdown(), serving.join(), server.server_close()))
        front = TlsFront(server.server_port, self.directory / "here.pem", self.directory / "here.key")
        self.addCleanup(front.stop)
        for url, settings in ((f"ws://127.0.0.1:{server.server_port}/chat", {}), (f"wss://127.0.0.1:{front.port}/chat", self.trusting())):
            error = self.assertRefused(url, settings, "HTTP 404 Not Found at the path /chat", "path in broker.url")
            self.assertNotIn("text from outside", error)


if __name__ == "__main__":
    case.main()
