"""A real bridge as a process: its settings, its start and end, its command line and its local HTTP API."""

import http.client
import json
import os
import pathlib
import re
import secrets
import shlex
import socket
import subprocess

from . import crypto, process

SOURCE_DIR = pathlib.Path(__file__).resolve().parents[3]

EXIT_OK, EXIT_FAILED, EXIT_USAGE, EXIT_REFUSED, EXIT_UNREACHABLE, EXIT_WAIT_ENDED = range(6)


def binary():
    """The program under test."""
    path = pathlib.Path(os.environ.get("CLAWBRIDGE_BIN", SOURCE_DIR / "build" / "asan" / "bridge" / "clawbridge")).resolve()
    if not path.is_file():
        raise AssertionError(f"no program at {path}: build it, or name it with --binary or CLAWBRIDGE_BIN")
    return str(path)


def is_sanitized():
    """Whether the program was built with a sanitizer, whose memory and time say nothing about users'."""
    with open(binary(), "rb") as file:
        return b"__asan_init" in file.read()


class Outcome:
    """What one run of the command line gave."""

    def __init__(self, command, code, stdout, stderr):
        self.command, self.code, self.stdout, self.stderr = command, code, stdout, stderr

    @property
    def json(self):
        try:
            return json.loads(self.stdout)
        except ValueError as error:
            raise AssertionError(f"standard output is not JSON: {self}") from error

    @property
    def text(self):
        """Everything a person would see."""
        return (self.stdout + self.stderr).decode("utf-8", "backslashreplace")

    def __str__(self):
        return (f"{shlex.join(self.command)}\n  exit code {self.code}\n  stdout: {self.stdout[:2000]!r}\n"
                f"  stderr: {self.stderr[:2000]!r}")


def run_cli(arguments, home, stdin=None, timeout=90, env=None):
    """Runs the program once. Sanitizer reports fail the test whatever the exit code was."""
    return run_command([binary(), *map(str, arguments)], home, stdin, timeout, env)


def run_command(command, home, stdin=None, timeout=90, env=None, cwd=None):
    """Runs what runs the program. `stdin`: bytes, or the number of an open file."""
    source = {"stdin": stdin} if isinstance(stdin, int) else {"input": stdin or b""}
    done = subprocess.run(command, **source, capture_output=True, timeout=timeout, cwd=cwd, check=False,
                          env={**process.clean_environment(home), **(env or {})})
    outcome = Outcome(command, done.returncode, done.stdout, done.stderr)
    if any(report in outcome.text for report in process.SANITIZER_REPORTS):
        raise AssertionError(f"a sanitizer complains: {outcome}")
    return outcome


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def join_secret():
    """A fresh join secret as people write it: base64url of 128 bits."""
    return crypto.b64url(secrets.token_bytes(16))


class Bridge:
    """`clawbridge run` beside one gateway. `settings` is merged into the defaults below, one level deep."""

    def __init__(self, directory, name, broker, settings=None, join=None, start=True, wait=True, environment=None):
        self.name = name
        self.environment = environment or {}  # of the daemon, beside the usual one
        self.directory = pathlib.Path(directory) / name
        self.directory.mkdir(parents=True, exist_ok=True)
        self.socket = str(self.directory / "api.sock")
        self.log_path = self.directory / "bridge.log"
        self.config_path = self.directory / "clawbridge.yaml"
        self.store_path = self.directory / "state" / "journal.db"
        self.keys_path = self.directory / "state" / "keys.json"
        self.store_path.parent.mkdir(mode=0o700, exist_ok=True)
        self.daemon = None
        self.starts = 0
        self.settings = {
            "version": 1,
            "gateway": {"name": name, "kind": "echo", "agents": ["main"]},
            "broker": {"url": broker if isinstance(broker, str) else broker.url},
            "store": {"path": str(self.store_path)},
            "api": {"socket": self.socket},
            "log": {"level": "debug", "format": "logfmt"},
            # Tests are no loops: those about rates set their own.
            "limits": {"per_minute_per_peer": 0, "per_minute_per_pair": 0},
        }
        if join:
            self.settings["trust"] = {"join": join}
        self.configure(settings or {})
        if start:
            self.start(wait)

    def configure(self, changes):
        """Merges and writes the settings; a running daemon notices within some seconds. JSON is YAML too."""
        for section, values in changes.items():
            old = self.settings.get(section)
            merged = {**old, **values} if isinstance(old, dict) and isinstance(values, dict) else values
            if isinstance(merged, dict):
                merged = {key: value for key, value in merged.items() if value is not None}  # None removes a key
            self.settings[section] = merged
        self.config_path.write_text(json.dumps(self.settings, indent=1, ensure_ascii=False), encoding="utf-8")
        self.config_path.chmod(0o600)

    # ---- life ----

    def start(self, wait=True):
        self.starts += 1
        self.daemon = process.Daemon([binary(), "run", "--config", str(self.config_path)], self.log_path,
                                     env={**process.clean_environment(self.directory), **self.environment}, cwd=self.directory)
        if wait:
            self.wait_ready()

    def wait_alive(self, seconds=20):
        """Until the API answers; the broker may be down."""
        process.wait_until(f"{self.name} to answer on its socket", lambda: self._probe("/healthz") is not None, seconds)

    def wait_ready(self, seconds=90):
        """Until it is at the broker; the gateway may be down."""
        process.wait_until(f"{self.name} to be ready", self._is_ready, seconds)

    def _is_ready(self):
        if self._probe("/healthz") is None:
            return False
        status = self.http("GET", "/v1/status")[1]
        return status["broker"]["state"] == "connected" and status["state"] in ("online", "degraded")

    def wait_until_knows(self, *addresses, seconds=30):
        """Until these agents (gateway/agent) are in the list of agents, present and not offline."""
        def known():
            found = {f"{agent['gateway']}/{agent['id']}" for agent in self.agents() if agent.get("presence") != "offline"}
            return set(addresses) <= found

        process.wait_until(f"{self.name} to know {', '.join(addresses)}", known, seconds)

    def _probe(self, path):
        if not self.daemon.running():
            raise AssertionError(f"{self.name} ended with code {self.daemon.process.returncode}:\n{self.log()[-4000:]}")
        try:
            return self.http("GET", path, timeout=5)[0]
        except (OSError, http.client.HTTPException):
            return None

    def stop(self):
        """Ends it as an operator would, and insists on a clean exit."""
        if self.daemon is None:
            return
        was_running, code = self.daemon.running(), self.daemon.stop()
        self.daemon = None
        self.check_log()
        if was_running and code != 0:
            raise AssertionError(f"{self.name} ended with code {code} after SIGTERM:\n{self.log()[-4000:]}")

    def kill(self):
        self.daemon.kill()
        self.daemon = None

    def restart(self, wait=True):
        self.stop()
        self.start(wait)

    def check_log(self):
        for report in process.SANITIZER_REPORTS:
            if report in self.log():
                raise AssertionError(f"a sanitizer complains in {self.name}:\n{self.log()[-6000:]}")

    def log(self):
        return process.read(self.log_path)

    def log_lines(self, *parts):
        return [line for line in self.log().splitlines() if all(part in line for part in parts)]

    @property
    def pid(self):
        return self.daemon.pid

    def keys(self):
        return crypto.Keys.load(self.keys_path)

    # ---- its surfaces ----

    def cli(self, *arguments, stdin=None, timeout=90):
        """A command that talks to this daemon, with --json."""
        command, *rest = arguments
        sub = []
        if command in ("exchange", "peers", "key", "sessions", "dead") and rest:
            sub, rest = rest[:1], rest[1:]
        where = ["--config", self.config_path] if command == "key" else ["--socket", self.socket]
        return run_cli([command, *sub, *where, "--json", *rest], self.directory, stdin, timeout)

    def send(self, target, text, *options, timeout=90):
        """`clawbridge send`, the text from a file so that every byte arrives."""
        path = self.directory / f"message-{secrets.token_hex(4)}"
        path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
        try:
            return self.cli("send", *([target] if target else []), "--message-file", path, *options, timeout=timeout)
        finally:
            path.unlink()

    def http(self, method, path, body=None, headers=None, timeout=60):
        """(status, JSON or text)"""
        connection = _UnixConnection(self.socket, timeout)
        try:
            data = None if body is None else json.dumps(body, ensure_ascii=False).encode("utf-8")
            connection.request(method, path, body=data, headers={"Content-Type": "application/json", **(headers or {})})
            response = connection.getresponse()
            content = response.read()
        finally:
            connection.close()
        try:
            return response.status, json.loads(content)
        except ValueError:
            return response.status, content.decode("utf-8", "backslashreplace")

    def agents(self):
        outcome = self.cli("agents")
        if outcome.code != EXIT_OK:
            return []
        return outcome.json["agents"] if isinstance(outcome.json, dict) else outcome.json

    def status(self):
        outcome = self.cli("status")
        assert outcome.code == EXIT_OK, outcome
        return outcome.json

    def counters(self):
        return self.status()["counters"]

    def exchange(self, correlation_id):
        return self.cli("exchange", "show", correlation_id)

    def wait_for_exchange(self, correlation_id, seconds=60):
        """The exchange once it is over, whatever the outcome."""
        def over():
            outcome = self.exchange(correlation_id)
            if outcome.code in (EXIT_UNREACHABLE, EXIT_USAGE):
                raise AssertionError(str(outcome))
            return outcome.json if outcome.stdout and outcome.json.get("status") not in (None, "accepted") else None

        return process.wait_until(f"exchange {correlation_id} to end on {self.name}", over, seconds, step=0.1)

    def resident_kib(self):
        return int(re.search(r"VmRSS:\s+(\d+)", process.read(f"/proc/{self.pid}/status"))[1])
