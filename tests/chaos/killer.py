"""Carries a schedule out: strikes each victim, and mends it. Ends nothing but what this run has started, by its pid."""

import collections
import json
import os
import signal
import sys
import threading
import time

TERM_SECONDS = 30  # for an orderly end
YOUNG_SECONDS = 3  # so soon after its start a process may not yet listen to SIGTERM
AT_ONCE = 4  # strikes under way
PATIENCE_SECONDS = 6  # the next strike comes, even if the exchanges do not go on


class Victim:
    """A process that can be struck. `pid` and `running` ask it, `start` starts it again. `hits`: what its strikes have met, for
    those that may meet nothing."""

    hits = None

    def __init__(self, name):
        self.name, self.lock, self.started = name, threading.RLock(), float("-inf")

    def strike(self, kind):
        if kind == "STOP":
            os.kill(self.pid(), signal.SIGSTOP)
        elif kind == "KILL":
            self.kill()
        else:
            self.terminate()

    def mend(self, kind, seconds):
        if kind == "STOP":
            os.kill(self.pid(), signal.SIGCONT)
            self.started += seconds  # it has not grown older meanwhile
        else:
            self.start()
            self.started = time.monotonic()


class BridgeVictim(Victim):
    def __init__(self, bridge):
        super().__init__(f"bridge {bridge.name}")
        self.bridge = bridge

    def pid(self):
        return self.bridge.pid

    def running(self):
        return self.bridge.daemon is not None and self.bridge.daemon.running()

    def start(self):
        self.bridge.start(wait=False)

    def kill(self):
        self.bridge.kill()

    def terminate(self):
        young = time.monotonic() - self.started < YOUNG_SECONDS
        code = self.bridge.daemon.stop(TERM_SECONDS)
        self.bridge.daemon = None
        if code != 0 and not (young and code == -signal.SIGTERM):
            raise AssertionError(f"{self.name} ended with code {code} after SIGTERM")


class BrokerVictim(Victim):
    """`changing`: it forgets everything at every other start, and at the next has what it had kept before that."""

    def __init__(self, broker, changing):
        super().__init__("broker")
        self.broker, self.changing = broker, changing

    def pid(self):
        return int((self.broker.directory / "broker.pid").read_text(encoding="utf-8"))

    def running(self):
        return os.path.exists(f"/proc/{self.pid()}")

    def start(self):
        self.broker.persistent ^= self.changing
        self.broker.start()

    def kill(self):
        self.broker.stop("KILL")

    def terminate(self):
        self.broker.stop("TERM")


class LinkVictim(Victim):
    """One link of the relay process."""

    def __init__(self, link, relay):
        super().__init__(f"link {link}")
        self.link, self.relay = link, relay

    def running(self):
        return self.relay.running()

    def strike(self, kind):
        self.relay.order(self.link, kind.split()[0])

    def mend(self, kind, _seconds):
        self.relay.order(self.link, "reset" if kind.endswith("lost") else "heal")


def write_down(log, kind, victim, seconds, **more):
    """One line in the log of strikes, which must be there before it happens. Returns its time. `more`: once it has happened, `t` and
    `until`, between which it did: a strike may have to look for what it meets, or wait for it."""
    now = round(time.time(), 3)
    log.write(json.dumps({"t": now, "kind": kind, "victim": victim.name, "seconds": round(seconds, 3), **more}) + "\n")
    log.flush()
    return now


class Killer:
    """`victims` by name. `log`: a file for one line per strike. `progress()`: exchanges that have ended so far."""

    def __init__(self, victims, log, progress):
        self.victims, self.log, self.progress = victims, log, progress
        self.problems, self.done, self.threads = [], collections.Counter(), []
        self.writing = threading.Lock()

    def run(self, strikes, exchanges, deadline):
        """Strikes at even distances of progress. Returns when all is mended, or at the deadline."""
        with open(self.log, "a", encoding="utf-8") as log:
            try:
                self.strike_all(strikes, exchanges, deadline, log)
            finally:
                for thread in self.threads:  # also when this run is asked to end: they start again what they have ended
                    thread.join()

    def strike_all(self, strikes, exchanges, deadline, log):
        last = time.monotonic()
        for number, strike in enumerate(strikes):
            due = exchanges * (number + 1) / (len(strikes) + 1)
            patience = strike.burst if strike.burst is not None else PATIENCE_SECONDS
            while time.monotonic() < last + patience and (strike.burst is not None or self.progress() < due):
                time.sleep(0.02)
            while len(self.threads) >= AT_ONCE:
                time.sleep(0.02)
                self.threads = [thread for thread in self.threads if thread.is_alive()]
            last = time.monotonic()
            if last > deadline or self.problems:
                break
            self.threads.append(threading.Thread(target=self.carry_out, args=(strike, log)))
            self.threads[-1].start()

    def struck(self):
        """How often each victim was."""
        struck = collections.Counter()
        for (_, victim), count in self.done.items():
            struck[victim] += count
        return struck

    def carry_out(self, strike, log):
        victims = [self.victims[name] for name in sorted(strike.victims)]  # one order for all: no deadlock
        for victim in victims:
            victim.lock.acquire()
        try:
            for victim in victims:
                if not victim.running():
                    raise AssertionError(f"{victim.name} has ended by itself")
                with self.writing:
                    begun = write_down(log, strike.kind, victim, strike.seconds)
                victim.strike(strike.kind)
                with self.writing:
                    write_down(log, strike.kind, victim, strike.seconds, t=begun, until=round(time.time(), 3))
                self.done[strike.kind, victim.name] += 1
            time.sleep(strike.seconds)
            for victim in victims:
                victim.mend(strike.kind, strike.seconds)
        except Exception as problem:  # noqa: BLE001 a thread's problem is the run's
            self.problems.append(f"{time.strftime('%H:%M:%S')} {strike}: {problem}")
            print(self.problems[-1], file=sys.stderr, flush=True)
        finally:
            for victim in victims:
                victim.lock.release()
