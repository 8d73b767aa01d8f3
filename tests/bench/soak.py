#!/usr/bin/python3
"""make soak: a day of use in minutes. Nothing that a bridge holds may grow: memory, file handles, journal.

    soak.py [--exchanges 100000] [--seconds 600] [--hours 24]

Two bridges with echo gateways and a stock mosquitto behind relays. The bridges' calendar runs fast (fast_calendar.c), so that what they
keep for hours is kept and forgotten many times over; their timers run as always. Meanwhile the broker is restarted and killed and the
connections are cut. What is measured comes from the bridges' own /metrics; flatness.py judges it. Loss and doubling are chaos' part.
"""

import argparse
import contextlib
import http.client
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "support"), str(HERE.parent / "chaos")]
from clawtest import bridge, broker, metrics, process  # noqa: E402
from flatness import grows  # noqa: E402
from world import Relays  # noqa: E402

AGENTS = 16
THREADS = 16
KEEP = "1h"                 # the least there is: what has ended is forgotten after it
EXPIRES_HOURS = 1           # of an exchange; what was answered is kept for an hour longer. From then on the journal forgets as much as it takes,
PURGE_SECONDS = 10          # whenever it is purged
OUTAGE_SECONDS = 10         # no exchange expires while the broker is away for a moment
SAMPLE_EVERY = 0.5
IDLE_CORE_SHARE = 0.001
LOG_BYTES_MAX = 80 << 20    # of SQLite's write-ahead log: its limit, and what one transaction may add
MIB = 1 << 20
# What is judged: name, sample and its labels, share of the median by which it may grow after the warm-up, slack.
JUDGED = [("resident memory", "process_resident_memory_bytes", {}, 0.03, 1 * MIB),
          ("journal", "clawbridge_journal_bytes", {"file": "data"}, 0.05, 1 * MIB)]


def fast_calendar(folder, factor):
    """The environment in which a bridge's calendar runs that much faster from now on, and its timers as always."""
    library = folder / "fast_calendar.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", library, HERE / "fast_calendar.c"], check=True)
    return {"LD_PRELOAD": str(library), "CALENDAR_BEGIN": str(int(time.time())), "CALENDAR_FACTOR": str(round(factor)),
            "ASAN_OPTIONS": "verify_asan_link_order=0:" + os.environ.get("ASAN_OPTIONS", "")}


class Traffic:
    """Asks at a steady pace until `count` exchanges have been begun; counts how they ended. What an outage has delayed is not made up
    for: a burst would fill the journal with more than it holds at that pace."""

    def __init__(self, asker, count, seconds, expires_hours):
        self.asker, self.count, self.pause, self.expires_hours = asker, count, seconds * THREADS / count, expires_hours
        self.lock, self.begun, self.outcomes = threading.Lock(), 0, {}
        self.start = time.monotonic()
        self.threads = [threading.Thread(target=self._ask, daemon=True) for _ in range(THREADS)]
        for thread in self.threads:
            thread.start()

    def running(self):
        return any(thread.is_alive() for thread in self.threads)

    def _next(self):
        with self.lock:
            if self.begun >= self.count:
                return None
            self.begun += 1
            return self.begun

    def _ask(self):
        connection = bridge._UnixConnection(self.asker.socket, 60)
        turn = time.monotonic()
        while (number := self._next()) is not None:
            turn = max(turn + self.pause, time.monotonic())
            time.sleep(max(0, turn - time.monotonic()))
            body = {"agentId": f"imac/a{number % AGENTS}", "message": f"message {number} " + "x" * (number % 7 * 200),
                    "timeoutSeconds": 20, "expiresInSeconds": self.expires_hours * 3600}
            try:
                connection.request("POST", "/v1/tools/sessions_send", body=json.dumps(body))
                answer = json.loads(connection.getresponse().read())
                status = answer.get("status", "?")
            except (OSError, http.client.HTTPException) as problem:
                status = type(problem).__name__
                connection.close()
            with self.lock:
                self.outcomes[status] = self.outcomes.get(status, 0) + 1
        connection.close()


class Disturbances:
    """Every few seconds the broker goes or a connection is cut, in an order that a seed repeats. One at a time: what two faults in a row
    do is chaos' part, and may take the five minutes after which a bridge asks again what became of an exchange."""

    def __init__(self, hub, relays, bridges, every):
        self.hub, self.relays, self.bridges, self.every, self.random = hub, relays, bridges, every, random.Random(20261122)
        self.done, self.over = 0, threading.Event()
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self):
        while not self.over.wait(self.every):
            what = self.random.choice(["restart", "kill", "cut", "reset", "reset", "stall"])
            if what in ("restart", "kill"):
                self.hub.restart("TERM" if what == "restart" else "KILL")
            else:
                link = self.random.choice(["macbook", "imac"])
                self.relays.order(link, what)
                if what != "reset":
                    time.sleep(0.3)
                    self.relays.order(link, "heal")
            self.done += 1
            time.sleep(0.5)  # until they notice
            for made in self.bridges:
                made.wait_ready()

    def stop(self):
        self.over.set()
        self.thread.join()


def settle(bridges, seconds):
    """Until no bridge has an exchange open."""
    def settled():
        views = [made.http("GET", "/v1/status")[1] for made in bridges]
        return not any(view["outgoingOpen"] or view["incomingOpen"] for view in views)
    process.wait_until("every exchange to end", settled, seconds, step=0.2)


class Soak:
    def __init__(self, folder, arguments):
        self.arguments, self.factor = arguments, arguments.hours * 3600 / arguments.seconds
        self.expires_hours = max(EXPIRES_HOURS, OUTAGE_SECONDS * self.factor / 3600)
        self.stack = contextlib.ExitStack()
        self.hub = broker.Broker(folder / "broker", stock=True)
        self.stack.callback(self.hub.stop)
        self.relays = Relays({"macbook": self.hub.port, "imac": self.hub.port}, folder / "relays.log")
        self.stack.callback(self.relays.stop)
        join, agents = bridge.join_secret(), [f"a{number}" for number in range(AGENTS)]
        common = {"log": {"level": "warn"}, "store": {"keep": KEEP}, "broker": {"keepalive": "5s"}}
        calendar = fast_calendar(folder, self.factor)
        self.bridges = [bridge.Bridge(folder, name, f"mqtt://127.0.0.1:{self.relays.ports[name]}", {**common, "gateway": {"agents": served}}, join,
                                      environment=calendar)
                        for name, served in (("macbook", ["main"]), ("imac", agents))]
        for made in self.bridges:
            self.stack.callback(made.stop)
        self.macbook, self.imac = self.bridges
        self.macbook.wait_until_knows(*(f"imac/{agent}" for agent in agents))
        self.samples = {made.name: [] for made in self.bridges}

    def sample(self):
        for made in self.bridges:
            self.samples[made.name].append((time.monotonic(), metrics.read(made)))

    def run(self):
        arguments = self.arguments
        self.sample()
        quiet_fds = [metrics.read(made).value("process_open_fds") for made in self.bridges]
        traffic = Traffic(self.macbook, arguments.exchanges, arguments.seconds, self.expires_hours)
        disturbances = Disturbances(self.hub, self.relays, self.bridges, max(3, arguments.seconds / 60))
        try:
            while traffic.running():
                self.sample()
                time.sleep(SAMPLE_EVERY)
        finally:
            disturbances.stop()
        for made in self.bridges:
            made.wait_ready()
        settle(self.bridges, 330)
        time.sleep(2)  # for acknowledgements, which take one
        self.sample()
        idle_shares = self.idle() if arguments.idle else [0] * len(self.bridges)
        self.report(traffic, disturbances, idle_shares)
        return self.faults(traffic, disturbances, quiet_fds, idle_shares)

    def idle(self):
        """The share of a core that each uses when nothing happens, once all is forgotten that is to be."""
        time.sleep((self.expires_hours + 1) * 3600 / self.factor + 2 * PURGE_SECONDS)
        before = [metrics.read(made).value("process_cpu_seconds_total") for made in self.bridges]
        time.sleep(self.arguments.idle)
        after = [metrics.read(made).value("process_cpu_seconds_total") for made in self.bridges]
        return [(later - earlier) / self.arguments.idle for earlier, later in zip(before, after)]

    def last(self, made):
        return self.samples[made.name][-1][1]

    def series(self, made, name, labels):
        return [(at, one.value(name, **labels)) for at, one in self.samples[made.name]]

    def report(self, traffic, disturbances, idle_shares):
        reconnects = sum(self.last(made).value("clawbridge_broker_connects_total") - 1 for made in self.bridges)
        print(f"{traffic.count} exchanges in {time.monotonic() - traffic.start:.0f} s, {self.arguments.hours:g} h of the calendar; outcomes {traffic.outcomes}; "
              f"{disturbances.done} disturbances, {reconnects:.0f} reconnects")
        for made, share in zip(self.bridges, idle_shares):
            for name, sample, labels, *_ in JUDGED:
                values = [value for _, value in self.series(made, sample, labels)]
                print(f"{made.name:8} {name:16}" + "".join(f"{values[int(at * (len(values) - 1))] / MIB:8.2f}" for at in (0, 0.2, 0.4, 0.6, 0.8, 1)) + " MiB")
            print(f"{made.name:8} file handles {self.last(made).value('process_open_fds'):.0f}, idle {share * 100:.3f} % of a core")

    def faults(self, traffic, disturbances, quiet_fds, idle_shares):
        found = []
        warm_up = max(0.3, (self.expires_hours + 1) / self.arguments.hours + 1.5 * PURGE_SECONDS / self.arguments.seconds)
        sanitized = bridge.is_sanitized()  # whose memory and time say nothing about users'
        for made, fds, share in zip(self.bridges, quiet_fds, idle_shares):
            for name, sample, labels, part, slack in JUDGED:
                problem = None if sanitized and "memory" in name else grows(self.series(made, sample, labels), warm_up, part, slack)
                found += [f"{name} of {made.name} {problem}"] if problem else []
            now = self.last(made).value("process_open_fds")
            found += [f"{made.name} holds {now:.0f} file handles, {fds:.0f} before"] if now > fds + 2 else []
            log = max(value for _, value in self.series(made, "clawbridge_journal_bytes", {"file": "log"}))
            found += [f"the write-ahead log of {made.name} had {log / MIB:.0f} MiB"] if log > LOG_BYTES_MAX else []
            found += [f"{made.name} uses {share * 100:.2f} % of a core when idle"] if share >= IDLE_CORE_SHARE and not sanitized else []
            ended = self.last(made).value("clawbridge_exchanges_ended_total", operation="sessions_send")
            begun = self.last(made).value("clawbridge_exchanges_begun_total", operation="sessions_send")
            found += [f"{made.name} has begun {begun:.0f} exchanges and ended {ended:.0f}"] if ended != begun else []
        asked = self.last(self.macbook).value("clawbridge_exchanges_begun_total", direction="outgoing", operation="sessions_send")
        found += [f"{asked:.0f} exchanges were accepted of {traffic.count}"] if asked != traffic.count else []
        reconnects = self.last(self.macbook).value("clawbridge_broker_connects_total") - 1
        found += [f"only {reconnects:.0f} reconnects: the disturbances did not disturb"] if reconnects < disturbances.done / 4 else []
        return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--exchanges", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=600, help="in which they are begun")
    parser.add_argument("--hours", type=float, default=24, help="of the calendar that pass meanwhile")
    parser.add_argument("--idle", type=float, default=20, help="seconds of rest that are measured at the end; 0: none")
    arguments = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="claw-soak-"))
    soak = Soak(folder, arguments)
    try:
        found = soak.run()
    finally:
        soak.stack.close()
    if found:
        raise SystemExit("soak: " + "\n      ".join(found) + f"\n(logs in {folder})")
    shutil.rmtree(folder)
    print("soak: nothing grows")


if __name__ == "__main__":
    main()
