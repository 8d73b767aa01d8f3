#!/usr/bin/python3
"""make bench: raw Paho C++ beside the full path through two bridges, in one run, in one table.

Stock mosquitto on loopback, two bridges with echo gateways, journal and authentication on, nothing tuned. Raw and full
runs take turns, so that what else the machine does hits both alike. The loads are bounded: about two minutes in all. With --against the
path of this build beside that of another, in turns as well: what a change costs, as a ratio.
"""

import argparse
import contextlib
import json
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from clawtest import bridge, broker, process  # noqa: E402

ROUNDS = 3
COMPARED_ROUNDS = 7
# (bytes, in flight, exchanges a round, agents that share the load). A session runs one turn after the other and a lane
# keeps its order, so 64 in flight are spread over 64 agents; the last row shows one single lane.
CASES = [(200, 1, 1500, 1), (4096, 1, 1000, 1), (256 * 1024, 1, 120, 1),
         (200, 64, 8000, 64), (4096, 64, 5000, 64), (256 * 1024, 64, 300, 64), (200, 64, 3000, 1)]
AGENTS = 64
TARGETS = {(200, 1): 500, (4096, 1): 800, (256 * 1024, 1): 5000}  # microseconds added to p50, at most
TICK = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid):
    fields = process.read(f"/proc/{pid}/stat").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def resident_mib(pid):
    return next(int(line.split()[1]) for line in process.read(f"/proc/{pid}/status").splitlines() if line.startswith("VmRSS")) / 1024


class Peak:
    """The largest resident memory of some processes while it runs."""

    def __init__(self, pids):
        self.pids, self.mib, self.over = pids, dict.fromkeys(pids, 0.0), threading.Event()
        self.thread = threading.Thread(target=self._watch)

    def _watch(self):
        while not self.over.wait(0.05):
            for pid in self.pids:
                self.mib[pid] = max(self.mib[pid], resident_mib(pid))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


class Bench:
    """A broker, two bridges of CLAWBRIDGE_BIN and the raw responder. `settings`: of both bridges, beside the stock ones."""

    def __init__(self, directory, program, settings=None):
        self.program = program
        self.broker = broker.Broker(directory / "broker", stock=True, persistent=False)
        self.responder = subprocess.Popen([program, "respond", "--broker", self.broker.url], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.responder.stdout.readline().strip() == b"ready"
        secret = bridge.join_secret()
        quiet = {"log": {"level": "info"}, "limits": {"journal_bytes_per_peer": 1 << 40}, **(settings or {})}
        agents = ["jarvis"] + [f"jarvis{number}" for number in range(1, AGENTS)]
        begin = time.monotonic()
        self.macbook = bridge.Bridge(directory, "macbook", self.broker, quiet, secret)
        self.start_seconds = time.monotonic() - begin
        self.imac = bridge.Bridge(directory, "imac", self.broker, {**quiet, "gateway": {"agents": agents}}, secret)
        self.macbook.wait_until_knows(*(f"imac/{agent}" for agent in agents))
        self.imac.wait_until_knows("macbook/main")
        self.pids = (self.macbook.pid, self.imac.pid)
        self.broker_pid = int((directory / "broker" / "broker.pid").read_text())

    def close(self):
        for part in (self.macbook, self.imac):
            part.stop()
        self.responder.stdin.close()
        self.responder.wait(10)
        self.broker.stop()

    def idle(self, seconds=5):
        """Share of one core that the two bridges use when nothing happens, in percent, and their memory."""
        before = sum(map(cpu_seconds, self.pids))
        time.sleep(seconds)
        return (sum(map(cpu_seconds, self.pids)) - before) / seconds * 100, [resident_mib(pid) for pid in self.pids]

    def load(self, arguments, bytes_, in_flight, count, watched):
        """What the program measured, and processor microseconds an exchange: of the watched processes, and of all."""
        everyone = {*watched, self.broker_pid}
        before = {pid: cpu_seconds(pid) for pid in everyone}
        children = os.times()
        done = subprocess.run([self.program, *arguments, "--bytes", str(bytes_), "--in-flight", str(in_flight), "--count", str(count)],
                              capture_output=True, text=True, timeout=600, check=False)
        if done.returncode:
            raise SystemExit(f"{' '.join(map(str, arguments))}: {done.stderr}")
        after = os.times()
        driver = after.children_user + after.children_system - children.children_user - children.children_system
        used = {pid: cpu_seconds(pid) - before[pid] for pid in everyone}
        result = json.loads(done.stdout)
        result["cpuUs"] = sum(used[pid] for pid in watched) / count * 1e6
        result["allCpuUs"] = (sum(used.values()) + driver) / count * 1e6
        return result

    def raw(self, bytes_, in_flight, count):
        return self.load(["request", "--broker", self.broker.url], bytes_, in_flight, count, [self.responder.pid])

    def path(self, bytes_, in_flight, count, agents):
        return self.load(["path", "--socket", self.macbook.socket, "--agents", str(agents)], bytes_, in_flight, count, self.pids)


def median(results, name):
    return statistics.median(result[name] for result in results)


def size(bytes_):
    return f"{bytes_} B" if bytes_ < 1024 else f"{bytes_ // 1024} KiB"


def measure(bench, scale):
    rows = []
    for bytes_, in_flight, count, agents in CASES:
        count = max(in_flight * 2, int(count * scale))
        raw, path = [], []
        bench.raw(bytes_, in_flight, max(in_flight, count // 10))
        bench.path(bytes_, in_flight, max(in_flight, count // 10), agents)
        with Peak(bench.pids) as peak:
            for _ in range(ROUNDS):
                raw.append(bench.raw(bytes_, in_flight, count))
                path.append(bench.path(bytes_, in_flight, count, agents))
        rows.append({"bytes": bytes_, "inFlight": in_flight, "agents": agents, "count": count * ROUNDS, "rssMib": list(peak.mib.values()),
                     **{name: {key: median(results, key) for key in ("p50Us", "p99Us", "perSecond", "cpuUs", "allCpuUs")}
                        for name, results in (("raw", raw), ("path", path))}})
    return rows


def compare(benches, scale):
    """The path of two programs in turns: rows of what each reached, {name: {measure: median}}."""
    rows = []
    for bytes_, in_flight, count, agents in CASES:
        count = max(in_flight * 2, int(count * scale))
        results = {name: [] for name in benches}
        for bench in benches.values():
            bench.path(bytes_, in_flight, max(in_flight, count // 10), agents)
        for turn in range(COMPARED_ROUNDS):
            for name, bench in sorted(benches.items(), reverse=turn % 2 == 1):
                results[name].append(bench.path(bytes_, in_flight, count, agents))
        rows.append({"bytes": bytes_, "inFlight": in_flight, "agents": agents,
                     **{name: {key: median(each, key) for key in ("p50Us", "perSecond", "cpuUs")} for name, each in results.items()}})
    return rows


def print_comparison(rows, this, other):
    print(f"{'message':>8} {'in flight':>18}   p50 this / other        rate this / other      CPU of both bridges per exchange")
    for row in rows:
        new, old = row[this], row[other]
        def ratio(key, row_new=new, row_old=old):
            return f"{row_new[key] / row_old[key] - 1:+6.1%}"
        print(f"{size(row['bytes']):>8} {in_flight_text(row):>18}   {new['p50Us'] / 1000:7.2f} {old['p50Us'] / 1000:7.2f} ms {ratio('p50Us')}   "
              f"{new['perSecond']:6.0f} {old['perSecond']:6.0f} /s {ratio('perSecond')}   {new['cpuUs']:6.0f} {old['cpuUs']:6.0f} µs {ratio('cpuUs')}")


def in_flight_text(row):
    return str(row["inFlight"]) + (", one lane" if row["inFlight"] > row["agents"] else "")


def print_table(rows):
    head = ["message", "in flight", "p50 raw", "p50 path", "added", "p99 raw", "p99 path", "per s raw", "per s path", "share",
            "CPU raw", "CPU bridges", "CPU all raw", "CPU all path", "RSS macbook", "RSS imac"]
    lines = []
    for row in rows:
        raw, path = row["raw"], row["path"]
        lines.append([size(row["bytes"]), in_flight_text(row),
                      *(f"{value / 1000:.2f} ms" for value in (raw["p50Us"], path["p50Us"], path["p50Us"] - raw["p50Us"], raw["p99Us"], path["p99Us"])),
                      f"{raw['perSecond']:.0f}", f"{path['perSecond']:.0f}", f"{path['perSecond'] / raw['perSecond']:.0%}",
                      *(f"{value:.0f} µs" for value in (raw["cpuUs"], path["cpuUs"], raw["allCpuUs"], path["allCpuUs"])),
                      *(f"{mib:.0f} MiB" for mib in row["rssMib"])])
    widths = [max(len(line[column]) for line in [head, *lines]) for column in range(len(head))]
    for line in [head, ["-" * width for width in widths], *lines]:
        print("| " + " | ".join(cell.rjust(width) for cell, width in zip(line, widths)) + " |")


def judge(rows):
    """The targets of the design, each with what was reached; False when a hard limit is broken."""
    good = True
    for row in rows:
        raw, path, key = row["raw"], row["path"], (row["bytes"], row["inFlight"])
        if key in TARGETS:
            added = path["p50Us"] - raw["p50Us"]
            print(f"added p50 at {size(row['bytes'])}: {added / 1000:.2f} ms, at most {TARGETS[key] / 1000:.2f} ms: "
                  f"{'reached' if added <= TARGETS[key] else 'MISSED'}")
        if row["inFlight"] == 64 and row["agents"] == 64 and row["bytes"] <= 4096:
            share = path["perSecond"] / raw["perSecond"]
            print(f"rate at {size(row['bytes'])}, 64 in flight: {share:.0%} of raw Paho, at least 50 %: {'reached' if share >= 0.5 else 'MISSED'}")
        if row["inFlight"] == 1 and row["bytes"] <= 4096 and path["p50Us"] >= 5000:
            print(f"p50 at {size(row['bytes'])} is {path['p50Us'] / 1000:.1f} ms: Nagle's algorithm is back (must stay below 5 ms)")
            good = False
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build/release"), help="a release build")
    parser.add_argument("--scale", type=float, default=1.0, help="multiplies the number of exchanges")
    parser.add_argument("--against", type=pathlib.Path, metavar="PROGRAM", help="compare with this clawbridge instead, of an earlier build say")
    parser.add_argument("--json", type=pathlib.Path, help="also write the rows here")
    options = parser.parse_args()
    this = str((options.build / "bridge" / "clawbridge").resolve())
    program = str((options.build / "tests" / "bench" / "clawbridge_bench").resolve())
    directory = pathlib.Path(tempfile.mkdtemp(prefix="claw-bench-"))
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        def begin(name, daemon):
            os.environ["CLAWBRIDGE_BIN"] = daemon
            bench = Bench(directory / name, program)
            stack.callback(bench.close)
            return bench
        if options.against:
            rows = compare({"this": begin("this", this), "other": begin("other", str(options.against.resolve(strict=True)))}, options.scale)
            print(f"this = {this}, other = {options.against}; stock mosquitto on loopback; medians of {COMPARED_ROUNDS} rounds in turns\n")
            print_comparison(rows, "this", "other")
            return 0
        bench = begin("this", this)
        idle_cpu, idle_rss = bench.idle()
        rows = measure(bench, options.scale)
    cores = len(os.sched_getaffinity(0))
    print(f"{platform.machine()}, {cores} cores; stock mosquitto on loopback; medians of {ROUNDS} rounds; CPU per exchange: raw = the responder, "
          "bridges = both bridges, all = with broker and load program\n")
    print_table(rows)
    print(f"\nidle: {idle_cpu:.2f} % of a core for both bridges; resident {idle_rss[0]:.1f} and {idle_rss[1]:.1f} MiB; "
          f"start to ready {bench.start_seconds * 1000:.0f} ms")
    good = judge(rows)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
