"""What test_tls.py shows of mqtts://, over wss://: a reverse proxy before nats-server, because Debian's mosquitto has no WebSockets.

Part of `make check-long`: Paho 1.3.12 leaves an attempt to connect over wss:// half open now and then, so that it is given up
and made anew, which takes its time.
"""

import pathlib
import shutil
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import test_tls  # noqa: E402
from clawtest import case, process  # noqa: E402
from clawtest.tls_front import TlsFront  # noqa: E402

SECRET, SERVERS = test_tls.SECRET, test_tls.SERVERS


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


if __name__ == "__main__":
    case.main()
