#!/usr/bin/python3
"""make chaos: real bridges, gateways and brokers under load, while a seeded killer strikes them and the network between.

Two rounds, with a broker that keeps its sessions on disk and with one that forgets everything, and a small one in which a
responder's journal is destroyed. After each the checker (check.py) judges. Ends by itself, whatever happens.
"""

import argparse
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))
import schedule  # noqa: E402
import table  # noqa: E402
from killer import Killer  # noqa: E402
from world import KEEPALIVE_SECONDS, World  # noqa: E402

SETTLE_SECONDS = 420  # the contract's slowest question comes every five minutes
CHECK_SECONDS = 1200
OK_SHARE = 0.99
NAMES = ("imac", "macbook", "studio", "mini")


class Driver:
    """driver.py as a process."""

    def __init__(self, folder, world, sources, open_per_lane):
        plan = {"log": str(folder / "driver.jsonl"), "bridges": {name: made.socket for name, made in world.bridges.items()},
                "lanes": world.lanes(sources), "open_per_lane": open_per_lane}
        (folder / "plan.json").write_text(json.dumps(plan), encoding="utf-8")
        self.counts = {"sent": 0, "accepted": 0, "ended": 0}
        with open(folder / "driver.log", "ab") as errors:
            self.process = subprocess.Popen([sys.executable, "-B", str(HERE / "driver.py"), str(folder / "plan.json")],
                                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True)
        self.reading = threading.Thread(target=self.read)
        self.reading.start()

    def read(self):
        for line in self.process.stdout:
            self.counts = json.loads(line)

    def stop(self, seconds):
        """Ends the sending; an AssertionError when what was accepted does not end within that time."""
        if self.process.poll() is None:
            self.process.stdin.write("stop\n")
            self.process.stdin.flush()
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{seconds} s after everything was mended, not all exchanges have ended: {self.counts}") from None
        finally:
            self.kill()
        if code != 0:
            raise AssertionError(f"the driver ended with code {code}: see driver.log")

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.reading.join()


class Round:
    """One federation from its start to its verdict."""

    def __init__(self, folder, name, kinds, arguments, chance, persistent, exchanges, kills):
        self.folder = pathlib.Path(folder) / name
        self.folder.mkdir(parents=True)
        self.name, self.kinds, self.arguments, self.chance = name, kinds, arguments, chance
        self.persistent, self.exchanges, self.kills = persistent, exchanges, kills
        self.result = {"name": name, "kinds": kinds, "persistent": persistent, "problems": [], "strikes": {}, "seconds": 0.0,
                       "verdict": {"counts": {}, "outcomes": {}, "violations": {}}}

    def run(self, deadline):
        try:
            world = World(self.folder, self.kinds, self.persistent, self.arguments.agents, self.arguments.delay_ms, self.arguments.log)
        except Exception as problem:  # noqa: BLE001 said in the table
            self.result["problems"].append(f"cannot start: {problem}")
            return self.result
        driver = Driver(self.folder, world, self.arguments.sources, self.arguments.open_per_lane)
        began = time.monotonic()
        try:
            self.strike(world, driver, deadline)
            self.result["seconds"] = time.monotonic() - began
            self.settle(world, driver)
            self.check(world)
        except Exception as problem:  # noqa: BLE001 said in the table
            self.result["problems"].append(f"{type(problem).__name__}: {problem}")
        finally:
            driver.kill()
            self.close(world)
        return self.result

    def strike(self, world, driver, deadline):
        strikes = schedule.make(self.chance, self.kills, world.names("bridge"), world.names("gateway"), world.names("link"),
                                keepalive=KEEPALIVE_SECONDS)
        (self.folder / "strikes.jsonl").touch()
        killer = Killer(world.victims, self.folder / "strikes.jsonl", lambda: driver.counts["ended"])
        killer.run(strikes, self.exchanges, deadline)
        while driver.counts["ended"] < self.exchanges and time.monotonic() < deadline and driver.process.poll() is None and not killer.problems:
            time.sleep(0.1)
        self.result["problems"] += killer.problems
        self.result["strikes"] = {f"{kind} {victim}": count for (kind, victim), count in sorted(killer.done.items())}
        if time.monotonic() >= deadline:
            self.result["problems"].append(f"the time was over after {sum(killer.done.values())} of {len(strikes)} strikes and "
                                           f"{driver.counts['ended']} of {self.exchanges} exchanges")

    def settle(self, world, driver):
        began = time.monotonic()
        try:
            driver.stop(SETTLE_SECONDS)
            world.wait_healed(SETTLE_SECONDS)
        except AssertionError as problem:
            self.result["problems"].append(str(problem))
        self.result["settled"] = time.monotonic() - began

    def check(self, world):
        (self.folder / "round.json").write_text(json.dumps({
            "gateways": self.kinds, "bridges": {name: made.socket for name, made in world.bridges.items()},
            "journals_destroyed": [], "ok_share": OK_SHARE}), encoding="utf-8")
        began = time.monotonic()
        done = subprocess.run([sys.executable, "-B", str(HERE / "check.py"), str(self.folder)], timeout=CHECK_SECONDS, check=False)
        self.result["checked"] = time.monotonic() - began
        if done.returncode not in (0, 1):
            raise AssertionError(f"the checker ended with code {done.returncode}")
        self.result["verdict"] = json.loads((self.folder / "verdict.json").read_text(encoding="utf-8"))

    def close(self, world):
        try:
            world.close()
            for made in world.bridges.values():
                made.check_log()
        except Exception as problem:  # noqa: BLE001 said in the table
            self.result["problems"].append(f"at the end: {problem}")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--exchanges", type=int, default=100_000)
    parser.add_argument("--kills", type=int, default=1_000)
    parser.add_argument("--seed", type=int, help="repeats a schedule; drawn and printed otherwise")
    parser.add_argument("--minutes", type=float, default=120, help="for the striking; the run fails when it needs more")
    parser.add_argument("--gateways", default="echo,echo,echo", help="a kind for each bridge")
    parser.add_argument("--agents", type=int, default=6, help="of each gateway")
    parser.add_argument("--sources", type=int, default=2, help="asking agents of each gateway")
    parser.add_argument("--open-per-lane", type=int, default=6)
    parser.add_argument("--delay-ms", type=int, default=10, help="how long a turn takes")
    parser.add_argument("--log", default="warn", help="log.level of the bridges")
    parser.add_argument("--folder", help="keeps everything there; otherwise kept only when something is wrong")
    return parser.parse_args()


def main():
    # Asked to end, it ends what it has started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("asked to end"))
    options = arguments()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1 << 32)
    folder = pathlib.Path(options.folder or tempfile.mkdtemp(prefix="claw-chaos-"))
    print(f"seed {seed}: {options.exchanges} exchanges, {options.kills} kills; {os.environ.get('CLAWBRIDGE_BIN', 'build/asan')}; {folder}", flush=True)
    chance = random.Random(seed)
    kinds = dict(zip(NAMES, options.gateways.split(","), strict=False))
    deadline = time.monotonic() + options.minutes * 60
    results = [
        Round(folder, "kept", kinds, options, chance, True, options.exchanges // 2, options.kills // 2).run(deadline),
        Round(folder, "forgotten", kinds, options, chance, False, options.exchanges - options.exchanges // 2, options.kills - options.kills // 2).run(deadline),
    ]
    good = table.show(results)
    if not good:
        print(f"seed {seed}; everything of this run is in {folder}")
    elif options.folder is None:
        shutil.rmtree(folder)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
