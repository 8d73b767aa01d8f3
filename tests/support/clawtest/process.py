"""Processes, ports and waiting: the small change of the harness."""

import os
import random
import signal
import socket
import subprocess
import time

SANITIZER_REPORTS = ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "runtime error:", "WARNING: ThreadSanitizer")


_reservations = []


def free_port():
    """A loopback port that is this process's own while it lives.

    Below the range from which the system gives ports to clients, so that a broker which is down for a moment finds its
    port free again; reserved by a name in the abstract socket namespace, so that suites running beside this one choose
    others. broker_process.h does the same.
    """
    for port in random.SystemRandom().sample(range(10_000, 32_000), 1_000):
        reservation = socket.socket(socket.AF_UNIX)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                reservation.bind(f"\0clawbridge-test-port-{port}")
                probe.bind(("127.0.0.1", port))
            except OSError:
                reservation.close()
                continue
        _reservations.append(reservation)
        return port
    raise AssertionError("no free loopback port among 1,000 tried")


def wait_until(what, condition, seconds=20.0, step=0.02):
    """The first true value of condition(); AssertionError naming `what` when the time is over."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds:g} s in vain for: {what}")
        time.sleep(step)


def clean_environment(home):
    """The caller's environment without what would lead a program to the caller's own settings or to a proxy."""
    kept = {name: value for name, value in os.environ.items()
            if not name.lower().endswith("_proxy") and not name.startswith(("XDG_", "OPENCLAW", "CLAWBRIDGE_"))}
    return {**kept, "HOME": str(home), "XDG_RUNTIME_DIR": str(home), "LANG": "C.UTF-8"}


class Daemon:
    """One process with its output in a file. Ended by its id, never by name."""

    def __init__(self, command, log, env=None, cwd=None):
        self.log_path = log
        with open(log, "ab") as output:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=env, cwd=cwd)

    @property
    def pid(self):
        return self.process.pid

    def running(self):
        return self.process.poll() is None

    def kill(self):
        """SIGKILL, and wait: what a power cut leaves behind."""
        if self.running():
            self.process.send_signal(signal.SIGKILL)
        return self.process.wait(15)

    def stop(self, seconds=20):
        """SIGTERM, and the exit code; the process is killed and an AssertionError raised when it does not end."""
        if self.running():
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired as error:
            self.kill()
            raise AssertionError(f"{self.process.args[0]} did not end {seconds} s after SIGTERM") from error


def read(path):
    try:
        with open(path, encoding="utf-8", errors="backslashreplace") as file:
            return file.read()
    except FileNotFoundError:
        return ""
