"""Real OpenClaw gateways (tests/support/openclaw-lab) and a small client of their WebSocket protocol, to look inside."""

import base64
import json
import os
import pathlib
import re
import secrets
import shutil
import socket
import struct
import subprocess

LAB = pathlib.Path(__file__).resolve().parents[1] / "openclaw-lab" / "lab.sh"
TIME_STAMP = re.compile(r"^\[\w{3} \d{4}-\d\d-\d\d \d\d:\d\d[^\]]*\] ")


def node():
    """The Node that the lab runs gateways with; installed when it is not there yet."""
    done = subprocess.run([str(LAB.with_name("install.sh"))], capture_output=True, text=True, timeout=600, check=True)
    return re.search(r"^LAB_NODE=(.+)$", done.stdout, re.M)[1]


class Lab:
    """The gateways of one OpenClaw version, each with its own home, token and agents, and one mock model."""

    def __init__(self, directory, version, spec=None):
        self.directory, self.version = pathlib.Path(directory), version
        self.directory.mkdir(parents=True, exist_ok=True)
        arguments = ["start", str(self.directory)]
        if spec:
            (self.directory / "spec.json").write_text(json.dumps(spec), encoding="utf-8")
            arguments.append(str(self.directory / "spec.json"))
        self._run(*arguments, timeout=600)
        self.gateways = json.loads((self.directory / "lab.json").read_text(encoding="utf-8"))["gateways"]

    def _run(self, *arguments, timeout=180):
        done = subprocess.run([str(LAB), *arguments], env={**os.environ, "OPENCLAW_VERSION": self.version}, timeout=timeout,
                              capture_output=True, text=True, check=False)
        if done.returncode:
            raise AssertionError(f"lab.sh {' '.join(arguments)} failed:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")

    def restart(self, name):
        self._run("restart", str(self.directory), name)
        self.gateways = json.loads((self.directory / "lab.json").read_text(encoding="utf-8"))["gateways"]

    def kill(self, name):
        """Ends one gateway as a crash would; restart() brings it back."""
        os.kill(self.gateways[name]["pid"], 9)

    def stop(self):
        self._run("stop", str(self.directory))

    def url(self, name):
        return f"ws://127.0.0.1:{self.gateways[name]['port']}"

    def client(self, name):
        return Client(self.gateways[name]["port"], self.gateways[name]["token"])

    def discard(self):
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)


class Client:
    """An operator's client: RFC 6455 without extensions, a connection per call, events ignored. Per call, because nobody
    answers the gateway's pings in between, and it drops whoever does not."""

    def __init__(self, port, token, timeout=180):
        self.port, self.token, self.timeout = port, token, timeout
        self.socket = None
        self._connect()

    def _connect(self):
        if self.socket is not None:
            self.stream.close()
            self.socket.close()
        port, token, timeout = self.port, self.token, self.timeout
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self.socket.sendall((f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                             f"Sec-WebSocket-Key: {base64.b64encode(secrets.token_bytes(16)).decode()}\r\n"
                             "Sec-WebSocket-Version: 13\r\n\r\n").encode())
        self.stream = self.socket.makefile("rb")
        if b" 101 " not in self.stream.readline():
            raise AssertionError("the gateway does not speak WebSocket")
        while self.stream.readline().strip():
            pass
        while self._read().get("event") != "connect.challenge":
            pass
        self.hello = self._call("connect", {
            "minProtocol": 3, "maxProtocol": 4, "role": "operator", "scopes": ["operator.read", "operator.write", "operator.admin"],
            "caps": [], "client": {"id": "gateway-client", "version": "0.1.0", "platform": "linux", "mode": "backend"},
            "auth": {"token": token}})

    def _write(self, opcode, data):
        length = len(data)
        head = bytes([0x80 | opcode])
        head += (bytes([0x80 | length]) if length < 126 else
                 struct.pack("!BH", 0xFE, length) if length < 65536 else struct.pack("!BQ", 0xFF, length))
        self.socket.sendall(head + b"\0\0\0\0" + data)  # an all-zero mask leaves the data as it is

    def _read(self):
        """The next JSON frame; control frames are answered on the way."""
        data = b""
        while True:
            first, second = self.stream.read(2)
            length = second & 0x7F
            if length == 126:
                length = struct.unpack("!H", self.stream.read(2))[0]
            elif length == 127:
                length = struct.unpack("!Q", self.stream.read(8))[0]
            part = self.stream.read(length)
            opcode = first & 0x0F
            if opcode == 8:
                raise AssertionError(f"the gateway closed the connection: {part[:200]!r}")
            if opcode == 9:
                self._write(10, part)
            elif opcode in (0, 1):
                data += part
                if first & 0x80:
                    return json.loads(data)

    def call(self, method, params=None, final=False):
        """The payload of the response; with `final` of the second one, which tells how a turn ended."""
        self._connect()
        return self._call(method, params, final)

    def _call(self, method, params=None, final=False):
        id_ = secrets.token_hex(8)
        self._write(1, json.dumps({"type": "req", "id": id_, "method": method, "params": params or {}}).encode())
        while True:
            frame = self._read()
            if frame.get("type") != "res" or frame.get("id") != id_:
                continue
            if not frame.get("ok"):
                raise AssertionError(f"{method}: {frame.get('error')}")
            if final and frame["payload"].get("status") == "accepted":
                continue
            return frame["payload"]

    def turn(self, session_key, message, **more):
        """A native turn, as a local user's client makes it; its reply's text."""
        result = self.call("agent", {"message": message, "sessionKey": session_key, "agentId": session_key.split(":")[1],
                                     "idempotencyKey": secrets.token_hex(8), **more}, final=True)
        return "\n".join(payload.get("text") or "" for payload in result["result"]["payloads"])

    def history(self, session_key, limit=200):
        return self.call("chat.history", {"sessionKey": session_key, "limit": limit})["messages"]

    def transcript(self, session_key, limit=500):
        """The rows with their whole texts as the gateway keeps them; chat.history shortens long ones for display."""
        return self.call("sessions.get", {"key": session_key, "limit": limit})["messages"]

    def close(self):
        self.stream.close()
        self.socket.close()


def text_of(row):
    """A row's text, whichever shape this version gives it."""
    content = row.get("content")
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in content or [] if part.get("type") == "text")


JAVASCRIPT_BLANKS = "\t\n\v\f\r \xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"


def as_kept(text):
    """What both versions make of a message before they keep it: String.prototype.trim()."""
    return text.strip(JAVASCRIPT_BLANKS)


def without_time_stamp(stored, expected):
    """`stored` without the stamp that 2026.3.8 puts in front, unless the text itself began with one."""
    return stored if stored == expected else TIME_STAMP.sub("", stored, count=1)


def find_turn(rows, correlation_id):
    """(the row that our provenance marks with this exchange, the rows after it); (None, []) when there is none."""
    for index, row in enumerate(rows):
        provenance = row.get("provenance") or {}
        if provenance.get("sourceChannel") == f"mqtt:{correlation_id}":
            return row, rows[index + 1:]
    return None, []
