"""A stand-in for an OpenClaw gateway: speaks its protocol with the key, restart and recovery behaviour of one version.

    python3 tests/support/standin --version 2026.9.6 --state FOLDER --port N --token T --agents jarvis,pepper

Everything durable lies in FOLDER: `state.db`, and `record.jsonl`, which tells every turn that ran (record.py). Loopback
only. Ends like the real ones: SIGTERM drains (2026.9.6) or cuts (2026.3.8).
"""

import argparse
import asyncio
import http
import json
import os
import pathlib
import signal
import sys
import time
import uuid

import websockets
from websockets.legacy.server import serve

import connection
from methods import Methods
from record import Record
from store import Store
from turns import Turns
from versions import BUFFERED_BYTES_MAX, PREAUTH_BYTES_MAX, VERSIONS


class Gateway:
    def __init__(self, options):
        self.options = options
        self.version = VERSIONS[options.version]
        self.boot = str(uuid.uuid4())
        state = pathlib.Path(options.state)
        state.mkdir(parents=True, exist_ok=True)
        self._keep_distance(state / "started")
        self.started = time.monotonic()
        self.store = Store(state / "state.db")
        self.record = Record(state / "record.jsonl")
        self.cut = self.record.complete(self.store)
        self.record.write("boot", version=self.version.name, pid=os.getpid(), boot=self.boot)
        self.connections = set()
        self.tasks = set()
        self.turns = Turns(self.version, options, self.store, self.record, self.boot, self.broadcast)
        self.methods = Methods(self)
        self.stopping = asyncio.Event()

    def _keep_distance(self, mark):
        if mark.exists():
            time.sleep(min(max(0, mark.stat().st_mtime + self.version.start_spacing - time.time()), self.version.start_spacing))
        mark.write_text("", encoding="utf-8")

    async def run(self):
        loop = asyncio.get_running_loop()
        for signal_number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(signal_number, self.stopping.set)
        async with serve(self._client, "127.0.0.1", self.options.port, max_size=PREAUTH_BYTES_MAX, compression=None, ping_interval=25,
                         ping_timeout=25, close_timeout=2, process_request=self._plain_http):
            self.spawn(self._tick())
            if self.version.keeps_keys:
                self.spawn(self.turns.begin_again(self.cut))
            else:
                with self.store.commit():
                    for turn in self.cut:
                        self.store.cut_turn(turn["seq"])
            await self.stopping.wait()
            if self.version.keeps_keys:
                await self.turns.drain()
            await self._say_goodbye()
            os._exit(0)    # what 2026.3.8 still runs is cut, not unwound

    async def _say_goodbye(self):
        payload = {"reason": "gateway stopping"} if self.version.keeps_keys else {"reason": "gateway stopping", "restartExpectedMs": None}
        for client in list(self.connections):
            await client.event("shutdown", payload)
        await asyncio.gather(*(client.socket.close(1012, "service restart") for client in list(self.connections)))

    # ---- what the parts need ----

    @staticmethod
    def now():
        return int(time.time() * 1000)

    def uptime_ms(self):
        return int((time.monotonic() - self.started) * 1000)

    def spawn(self, coroutine):
        task = asyncio.create_task(coroutine)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def broadcast(self, name, payload):
        """To every client that may read; one that leaves too much unread is dropped."""
        for client in list(self.connections):
            if not client.scopes:
                continue
            if client.socket.transport.get_write_buffer_size() > BUFFERED_BYTES_MAX:
                client.socket.transport.abort()
                continue
            client.sequence += 1
            frame = {"type": "event", "event": name, "payload": payload, "seq": client.sequence}
            websockets.broadcast([client.socket], json.dumps(frame, ensure_ascii=False, separators=(",", ":")))

    # ---- clients ----

    async def _client(self, socket, _path):
        try:
            await connection.Connection(socket, self).serve()
        except websockets.ConnectionClosed:
            pass

    async def _plain_http(self, path, headers):
        """Health, and what is refused before the upgrade."""
        if headers.get("X-Forwarded-For") and self.version.keeps_keys:
            return http.HTTPStatus.FORBIDDEN, [], b'{"error":"proxy_attribution_required"}'
        if headers.get("Upgrade", "").lower() == "websocket":
            return (http.HTTPStatus.SERVICE_UNAVAILABLE, [], b"Gateway is restarting") if self.turns.draining else None
        answers = {"/healthz": b'{"ok":true,"status":"live"}', "/health": b'{"ok":true,"status":"live"}', "/readyz": b'{"ready":true,"failing":[]}'}
        if path in answers:
            return http.HTTPStatus.OK, [("Content-Type", "application/json")], answers[path]
        return http.HTTPStatus.NOT_FOUND, [], b"Not Found"

    async def _tick(self):
        while True:
            await asyncio.sleep(self.options.tick / 1000)
            self.broadcast("tick", {"ts": self.now()})


def parse(arguments):
    parser = argparse.ArgumentParser(prog="standin", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--version", choices=sorted(VERSIONS), required=True)
    parser.add_argument("--state", required=True, metavar="FOLDER")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--token", required=True)
    parser.add_argument("--agents", type=lambda text: text.split(","), required=True, metavar="ID,ID")
    parser.add_argument("--delay", type=int, default=0, metavar="MS", help="added to every answer of the model")
    parser.add_argument("--prepare", type=int, default=5, metavar="MS", help="from taking a turn to having its row on disk")
    parser.add_argument("--recovery-delay", type=int, default=200, metavar="MS", help="from the start to beginning cut turns again")
    parser.add_argument("--retry", type=int, default=50, metavar="MS", help="between tries of a failing provider")
    parser.add_argument("--tick", type=int, default=30_000, metavar="MS")
    parser.add_argument("--protocol", type=int, help="speak another version of the protocol than that release does, in the handshake")
    return parser.parse_args(arguments)


async def main():
    await Gateway(parse(sys.argv[1:])).run()


if __name__ == "__main__":
    asyncio.run(main())
