"""One federation from its start to its verdict: load, strikes, mending, judgement."""

import dataclasses
import json
import pathlib
import subprocess
import sys
import threading
import time

import gateways
import schedule
from clawtest import process
from killer import Killer, write_down
from world import KEEPALIVE_SECONDS, World

HERE = pathlib.Path(__file__).resolve().parent
SETTLE_SECONDS = 420  # the contract's slowest question comes every five minutes
DOUBT_SECONDS = 20
CHECK_SECONDS = 1200
OK_SHARE = 0.99
STRIKES_THAT_MEET = 5


@dataclasses.dataclass(frozen=True)
class Load:
    """What the driver and the gateways do."""

    agents: int = 6  # of each gateway
    sources: int = 2  # asking agents of each gateway
    open_per_lane: int = 6
    delay_ms: int = 10  # how long a turn takes
    log_level: str = "warn"


class Driver:
    """driver.py as a process."""

    def __init__(self, folder, world, load, askers):
        plan = {"log": str(folder / "driver.jsonl"), "bridges": {name: made.socket for name, made in world.bridges.items()},
                "lanes": world.lanes(askers, load.sources), "open_per_lane": load.open_per_lane}
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

    def ended(self):
        """Exchanges so far."""
        return self.counts["ended"]

    def running(self):
        return self.process.poll() is None

    def wait_ended(self, count, seconds=300):
        process.wait_until(f"{count} exchanges to end", lambda: self.ended() >= count or not self.running(), seconds)

    def stop(self, seconds):
        """Ends the sending. Whether everything that was accepted has ended within that time."""
        if self.running():
            self.process.stdin.write("stop\n")
            self.process.stdin.flush()
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        if code != 0:
            raise AssertionError(f"the driver ended with code {code}: see driver.log")
        return True

    def kill(self):
        if self.running():
            self.process.kill()
        self.process.wait()
        self.reading.join()
        self.process.stdin.close()
        self.process.stdout.close()


class Round:
    """`kinds`: bridge name -> kind of its gateway. strike() is what a round does to it; subclasses do other things."""

    ok_share = OK_SHARE
    journals_destroyed = ()

    def __init__(self, folder, name, kinds, persistent, load=Load()):  # noqa: B008 it is frozen
        self.folder = pathlib.Path(folder) / name
        self.folder.mkdir(parents=True)
        self.name, self.kinds, self.persistent, self.load = name, kinds, persistent, load
        self.problems, self.strikes, self.times = [], {}, {"fire": 0.0, "settling": 0.0, "checking": 0.0}
        self.verdict = {"counts": {}, "outcomes": {}, "violations": {}}

    def run(self):
        """Whatever goes wrong is in `problems`, and everything has ended."""
        world = driver = None
        try:
            world = World(self.folder, self.kinds, self.persistent, self.load)
            driver = Driver(self.folder, world, self.load, self.askers())
            self.timed("fire", self.strike, world, driver)
            self.timed("settling", self.settle, world, driver)
            self.timed("checking", self.check, world)
        except Exception as problem:  # noqa: BLE001 it is told with the others
            self.problems.append(f"{type(problem).__name__}: {problem}")
        finally:
            if driver is not None:
                driver.kill()
            if world is not None:
                self.close(world)
        return self

    def timed(self, what, step, *arguments):
        began = time.monotonic()
        try:
            step(*arguments)
        finally:
            self.times[what] = time.monotonic() - began

    def askers(self):
        """The gateways whose agents ask."""
        return list(self.kinds)

    def strike(self, world, driver):
        raise NotImplementedError

    def settle(self, world, driver):
        """Everything is mended; each exchange must come to its end. If not, the checker says which did not."""
        seconds = 10 if self.problems else SETTLE_SECONDS  # something is down for good
        try:
            ended = driver.stop(min(seconds, DOUBT_SECONDS))
            if not ended or not world.settled():
                self.end_doubts(world)
            if not driver.stop(seconds):
                raise AssertionError(f"{seconds} s after everything was mended, not all exchanges have ended: {driver.counts}")
            process.wait_until("the exchanges that the driver does not know to end", world.settled, seconds, step=0.2)
        except AssertionError as problem:
            self.problems.append(str(problem))

    def end_doubts(self, world):
        """2026.3.8 cannot tell a turn that waits from one that it was never given: while it runs, a bridge waits for a quarter
        of an hour before it calls such a turn interrupted. A restart tells: what waited is gone."""
        with open(self.folder / "strikes.jsonl", "a", encoding="utf-8") as log:
            for name, gateway in world.gateways.items():
                if self.kinds[name] != gateways.Old.kind:
                    continue
                write_down(log, "TERM", gateway, 0)
                gateway.strike("TERM")
                gateway.mend("TERM", 0)

    def check(self, world):
        (self.folder / "round.json").write_text(json.dumps({
            "gateways": self.kinds, "bridges": {name: made.socket for name, made in world.bridges.items()},
            "journals_destroyed": self.journals_destroyed, "ok_share": self.ok_share}), encoding="utf-8")
        done = subprocess.run([sys.executable, "-B", str(HERE / "check.py"), str(self.folder)], timeout=CHECK_SECONDS, check=False)
        if done.returncode not in (0, 1):
            raise AssertionError(f"the checker ended with code {done.returncode}")
        self.verdict = json.loads((self.folder / "verdict.json").read_text(encoding="utf-8"))

    def close(self, world):
        try:
            world.close()
            for made in world.bridges.values():
                made.check_log()
        except Exception as problem:  # noqa: BLE001 it is told with the others
            self.problems.append(f"at the end: {problem}")

    def good(self):
        return not self.problems and not self.verdict["violations"] and bool(self.verdict["counts"].get("ended"))


class Fire(Round):
    """A seeded schedule of strikes, carried out while `exchanges` exchanges end."""

    def __init__(self, folder, name, kinds, persistent, load, chance, exchanges, kills, deadline):
        super().__init__(folder, name, kinds, persistent, load)
        self.chance, self.exchanges, self.kills, self.deadline = chance, exchanges, kills, deadline

    def strike(self, world, driver):
        strikes = schedule.make(self.chance, self.kills, world.names("bridge"), world.names("gateway"), world.names("link"),
                                keepalive=KEEPALIVE_SECONDS)
        killer = Killer(world.victims, self.folder / "strikes.jsonl", driver.ended)
        killer.run(strikes, self.exchanges, self.deadline)
        self.problems += killer.problems
        self.problems += [f"none of {count} strikes on {name} met anything" for name, count in killer.struck().items()
                          if count >= STRIKES_THAT_MEET and world.victims[name].hits == 0]
        self.strikes = {f"{kind} {victim}": count for (kind, victim), count in sorted(killer.done.items())}
        while driver.ended() < self.exchanges and time.monotonic() < self.deadline and driver.running() and not self.problems:
            time.sleep(0.1)
        if time.monotonic() >= self.deadline:
            self.problems.append(f"the time was over after {sum(killer.done.values())} of {len(strikes)} strikes and "
                                 f"{driver.ended()} of {self.exchanges} exchanges")


class JournalDestroyed(Round):
    """A responder is killed under load and loses its journal, several times. What it had taken may end as `unknown`."""

    ok_share = 0  # how many are under way then is chance; none is lost and none runs twice all the same

    def __init__(self, folder, name, kinds, load, times, exchanges):
        super().__init__(folder, name, kinds, True, load)
        self.count, self.exchanges = times, exchanges
        self.victim = next(iter(kinds))
        self.journals_destroyed = [self.victim]

    def askers(self):
        """What the victim itself had asked would be lost with its journal."""
        return [name for name in self.kinds if name != self.victim]

    def strike(self, world, driver):
        victim = world.bridges[self.victim]
        for number in range(self.count):
            driver.wait_ended(self.exchanges * (number + 1) // (self.count + 1))
            victim.kill()
            for path in victim.store_path.parent.glob("journal.db*"):
                path.unlink()
            victim.start()
        self.strikes = {f"KILL bridge {self.victim}": self.count}
        driver.wait_ended(self.exchanges)
