"""The stand-in for OpenClaw gateways (tests/support/standin): started, killed and brought back in a fraction of a second.

StandIn is one gateway. StandInLab has the face of gateway.Lab, so that a test of real gateways can run against it:

    clawtest/standin.py restart DIR NAME     what `lab.sh restart` is for a real one
"""

import http.client
import http.server
import json
import os
import pathlib
import secrets
import shlex
import signal
import subprocess
import sys
import threading
import time

if __name__ == "__main__":
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from clawtest import gateway, process  # noqa: E402

PROGRAM = pathlib.Path(__file__).resolve().parents[1] / "standin"
PYTHON = "/usr/bin/python3"    # the one that sees Debian's python3-websockets
NEW, OLD = "2026.9.6", "2026.3.8"
AGENTS = {"macbook": ["main"], "imac": ["jarvis", "pepper"]}


class StandIn:
    """One gateway with a folder, a port and a token of its own, which it keeps over its restarts.

    Options are the program's: delay, prepare, recovery_delay, retry, tick (milliseconds).
    """

    def __init__(self, directory, version, agents, start=True, port=None, token=None, **options):
        self.directory, self.version, self.agents = pathlib.Path(directory), version, list(agents)
        self.port, self.token = port or process.free_port(), token or secrets.token_hex(16)
        self.options, self.process = options, None
        self.record_path = self.directory / "record.jsonl"
        self.directory.mkdir(parents=True, exist_ok=True)
        if start:
            self.start()

    @property
    def url(self):
        return f"ws://127.0.0.1:{self.port}"

    @property
    def pid(self):
        return self.process.pid

    def command(self):
        options = [f"--{name.replace('_', '-')}={value}" for name, value in self.options.items()]
        return [PYTHON, "-B", str(PROGRAM), "--version", self.version, "--state", str(self.directory), "--port", str(self.port),
                "--token", self.token, "--agents", ",".join(self.agents), *options]

    def start(self, seconds=20):
        """Starts it and returns when it takes clients."""
        self.process = process.Daemon(self.command(), self.directory / "log")
        end = time.monotonic() + seconds
        while not is_ready(self.port):
            if not self.process.running() or time.monotonic() > end:
                raise AssertionError(f"the stand-in gateway does not start:\n{process.read(self.directory / 'log')[-3000:]}")
            time.sleep(0.005)

    def running(self):
        return self.process is not None and self.process.running()

    def kill(self):
        """SIGKILL."""
        self.process.kill()

    def stop(self, seconds=60):
        """SIGTERM: 2026.9.6 finishes what runs, 2026.3.8 cuts it. Waits for the end."""
        return self.process.stop(seconds)

    def restart(self):
        if self.running():
            self.kill()
        self.start()

    def pause(self):
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self):
        os.kill(self.pid, signal.SIGCONT)

    def settings(self):
        """Of a bridge beside it: its `gateway` key, without the name."""
        return {"kind": "openclaw", "url": self.url, "token": self.token, "agents": None}

    def write_settings(self, folder):
        """openclaw.json, as this version keeps it. Returns the file."""
        folder = pathlib.Path(folder)
        folder.mkdir(parents=True)
        agents = {"entries": {name: {} for name in self.agents}} if self.version == NEW else {"list": [{"id": name} for name in self.agents]}
        settings = {"meta": {"lastTouchedVersion": self.version}, "agents": agents, "plugins": {"entries": {"notes": {"enabled": False}}},
                    "gateway": {"port": self.port, "auth": {"mode": "token", "token": self.token}}}
        (folder / "openclaw.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
        (folder / "openclaw.json").chmod(0o600)
        return folder / "openclaw.json"

    def client(self):
        return gateway.Client(self.port, self.token)

    def record(self):
        """The lines of its record (standin/record.py), oldest first; a half line at the end is left out."""
        lines = process.read(self.record_path).split("\n")
        return [json.loads(line) for line in lines[:-1]]


def is_ready(port):
    """Whether it answers /readyz."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


class StandInLab:
    """Stand-ins under the names and with the lab.json of gateway.Lab."""

    def __init__(self, directory, version, spec=None, pace=1.0, **options):
        self.directory, self.version = pathlib.Path(directory), version
        self.directory.mkdir(parents=True, exist_ok=True)
        agents = {each["name"]: each["agents"] for each in spec["gateways"]} if spec else AGENTS
        self.model = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)    # a server that is no gateway
        threading.Thread(target=self.model.serve_forever, daemon=True).start()
        self.standins = {name: StandIn(self.directory / name, version, each, **options) for name, each in agents.items()}
        restart = shlex.join([PYTHON, "-B", str(pathlib.Path(__file__).resolve()), "restart", str(self.directory)])
        self._write({"version": version, "mock": {"port": self.model.server_address[1]}, "restart": restart, "pace": pace, "gateways": {
            name: {"name": name, "port": each.port, "token": each.token, "pid": each.pid, "agents": each.agents, "command": each.command()}
            for name, each in self.standins.items()}})

    def _write(self, state):
        (self.directory / "lab.json").write_text(json.dumps(state, indent=1), encoding="utf-8")

    @property
    def gateways(self):
        return json.loads((self.directory / "lab.json").read_text(encoding="utf-8"))["gateways"]

    def restart(self, name):
        restart(self.directory, name)

    def kill(self, name):
        os.kill(self.gateways[name]["pid"], signal.SIGKILL)

    def stop(self):
        for each in self.gateways.values():
            end(each["pid"], signal.SIGKILL)
        for each in self.standins.values():
            each.process.process.wait()
        self.model.shutdown()
        self.model.server_close()

    def url(self, name):
        return self.standins[name].url

    def client(self, name):
        return gateway.Client(self.standins[name].port, self.standins[name].token)


_restarted = []    # outlives whoever asked for it, as a real gateway does


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
            return stat.read().rpartition(") ")[2][0] != "Z"
    except OSError:
        return False


def end(pid, signal_number=signal.SIGTERM):
    """Sends the signal and waits for the end of a process that need not be our child."""
    if alive(pid):
        os.kill(pid, signal_number)
    process.wait_until(f"the end of process {pid}", lambda: not alive(pid), 60, step=0.005)


def restart(directory, name):
    """Ends the gateway if it still runs, and starts it again as it was; lab.json then has its new process."""
    path = pathlib.Path(directory) / "lab.json"
    entry = json.loads(path.read_text(encoding="utf-8"))["gateways"][name]
    end(entry["pid"])
    with open(path.parent / name / "log", "ab") as log:
        started = subprocess.Popen(entry["command"], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    _restarted.append(started)
    state = json.loads(path.read_text(encoding="utf-8"))
    state["gateways"][name]["pid"] = started.pid
    path.write_text(json.dumps(state, indent=1), encoding="utf-8")
    process.wait_until(f"stand-in gateway {name} to start", lambda: is_ready(entry["port"]), 20, step=0.005)


if __name__ == "__main__":
    restart(*sys.argv[2:])
