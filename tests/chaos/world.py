"""The processes of a chaos run: a broker, relays, and bridges with their gateways. Everything has a pid and is ended by it."""

import enum
import json
import pathlib
import subprocess
import sys

import gateways
from clawtest import bridge, broker, process
from killer import BridgeVictim, BrokerVictim, LinkVictim

HERE = pathlib.Path(__file__).resolve().parent
KEEPALIVE_SECONDS = 5  # short, so that a fault can outlast it


class Keeps(enum.Enum):
    """What a broker has of sessions and retained messages after a restart."""

    EVERYTHING = "keeps everything"
    NOTHING = "keeps nothing"
    BY_TURNS = "keeps everything and nothing by turns"


class Relays:
    """The relay process. `links`: name -> port of the target."""

    def __init__(self, links, log):
        self.ports = {name: process.free_port() for name in links}
        with open(log, "ab") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-B", str(HERE / "relay.py"), *(f"{name}={self.ports[name]}:{port}" for name, port in links.items())],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True)
        if self.process.stdout.readline() != "ready\n":
            raise AssertionError(f"the relays do not start: see {log}")

    def running(self):
        return self.process.poll() is None

    def order(self, link, what):
        self.process.stdin.write(json.dumps({"link": link, "do": what}) + "\n")
        self.process.stdin.flush()

    def stop(self):
        with self.process:  # closes its pipes, which ends it
            self.process.stdin.close()
            self.process.wait(20)


class World:
    """`kinds`: bridge name -> kind of its gateway. `keeps`: what the broker does at a restart. `load`: a rounds.Load."""

    def __init__(self, folder, kinds, keeps, load):
        self.folder, self.kinds, self.agents = pathlib.Path(folder), kinds, [f"a{number}" for number in range(load.agents)]
        self.parts = []  # in the order of their start
        self.bridges, self.victims = {}, {}
        self.gateways = {name: gateways.KINDS[kind](self.folder / name, name, self.agents, load.delay_ms) for name, kind in kinds.items()}
        try:
            self.broker = self.add(broker.Broker(self.folder / "broker", persistent=keeps is not Keeps.NOTHING, stock=True))
            links = {name: self.broker.port for name in kinds}
            links.update({f"{name}-gateway": gateway.port for name, gateway in self.gateways.items() if gateway.port})
            self.relays = self.add(Relays(links, self.folder / "relays.log"))
            join = bridge.join_secret()
            for name, gateway in self.gateways.items():
                (self.folder / name).mkdir(exist_ok=True)
                self.add(gateway).start()
                self.bridges[name] = self.add(bridge.Bridge(
                    self.folder, name, f"mqtt://127.0.0.1:{self.relays.ports[name]}",
                    {"gateway": gateway.settings(self.relays.ports.get(f"{name}-gateway")), "log": {"level": load.log_level},
                     "broker": {"keepalive": f"{KEEPALIVE_SECONDS}s"}}, join))
            self.wait_acquainted()
        except BaseException:
            self.close()
            raise
        victims = [BrokerVictim(self.broker, changing=keeps is Keeps.BY_TURNS), *(BridgeVictim(made) for made in self.bridges.values()),
                   *(LinkVictim(name, self.relays) for name in self.relays.ports),
                   *(victim for gateway in self.gateways.values() for victim in gateway.victims())]
        self.victims = {victim.name: victim for victim in victims}

    def add(self, part):
        self.parts.append(part)
        return part

    def wait_acquainted(self):
        for name, made in self.bridges.items():
            made.wait_until_knows(*(f"{other}/{agent}" for other in self.bridges if other != name for agent in self.agents), seconds=120)

    def names(self, group):
        return sorted(name for name in self.victims if name.split()[0] == group)

    def lanes(self, askers, sources):
        """Every source agent of these gateways asks every agent of the others, and one of its own gateway's."""
        return [[f"{name}/s{source}", f"{target}/{agent}"] for name in askers for source in range(sources)
                for target in self.bridges for agent in (self.agents if target != name else self.agents[:1])]

    def settled(self):
        """Whether no bridge has an exchange open on either side."""
        for made in self.bridges.values():
            made.wait_ready(60)
        views = [made.http("GET", "/v1/status")[1] for made in self.bridges.values()]
        return not any(view["outgoingOpen"] or view["incomingOpen"] for view in views)

    def close(self):
        """Ends everything, the last started first; raises what was wrong with the ending, after all of it has ended."""
        problems = []
        for part in reversed(self.parts):
            try:
                part.stop()
            except Exception as problem:  # noqa: BLE001 the others must be ended too
                problems.append(f"{type(problem).__name__}: {problem}")
        if problems:
            raise AssertionError("\n".join(problems))
