"""The base of the integration tests: a temporary directory, a federation on a real broker, and the command line.

Each test file runs alone:  /usr/bin/python3 tests/integration/test_exchange.py --binary build/asan/bridge/clawbridge
"""

import os
import pathlib
import shutil
import sys
import tempfile
import unittest

from .bridge import Bridge, join_secret
from .broker import Broker
from .capture import Capture, Judge
from . import crypto, process

IMAC = {"gateway": {"agents": ["jarvis", "pepper"]}}
MACBOOK = {"gateway": {"agents": ["main"]}, "remote_agents": {"butler": "imac/jarvis"}}


def main():
    """unittest.main with --binary PATH."""
    if "--binary" in sys.argv:
        at = sys.argv.index("--binary")
        os.environ["CLAWBRIDGE_BIN"] = os.path.abspath(sys.argv[at + 1])
        del sys.argv[at:at + 2]
    unittest.main(module="__main__", verbosity=2)


class Federation:
    """A broker, an observer, and bridges that share a join secret: macbook with agent main, imac with jarvis, pepper."""

    def __init__(self, directory, bridges=None, observe=True, **broker_options):
        self.directory = pathlib.Path(directory)
        self.join = join_secret()
        self.broker = Broker(self.directory / "broker", **broker_options)
        self.bridges = {}
        self.capture = Capture(self.broker, self.directory / "capture.txt") if observe else None
        try:
            for name, settings in (bridges if bridges is not None else {"macbook": MACBOOK, "imac": IMAC}).items():
                self.add(name, settings)
            self.wait_acquainted()
        except BaseException:
            self.close()
            raise

    def __getattr__(self, name):
        try:
            return self.__dict__["bridges"][name]
        except KeyError:
            raise AttributeError(name) from None

    def add(self, name, settings=None, **options):
        self.bridges[name] = Bridge(self.directory, name, self.broker, settings, self.join, **options)
        return self.bridges[name]

    def wait_acquainted(self):
        agents = {name: [f"{name}/{agent}" for agent in bridge.settings["gateway"].get("agents", [])]
                  for name, bridge in self.bridges.items()}
        for name, bridge in self.bridges.items():
            bridge.wait_until_knows(*(address for other, known in agents.items() if other != name for address in known))

    def judge(self):
        """The Judge over everything that crossed the broker so far."""
        judge = Judge([bridge.keys() for bridge in self.bridges.values()], crypto.unb64url(self.join))
        judge.judge(self.capture.messages())
        return judge

    def close(self):
        """Stops everything; raises what was wrong with the ending, after all of it has ended."""
        problems = []
        for bridge in self.bridges.values():
            try:
                bridge.stop()
            except AssertionError as problem:
                problems.append(str(problem))
        for part in (self.capture, self.broker):
            if part is not None:
                part.stop()
        if problems:
            raise AssertionError("\n".join(problems))


class Case(unittest.TestCase):
    """One behaviour. On failure the logs of all bridges are printed."""

    maxDiff = 4000

    def make_directory(self):
        directory = tempfile.mkdtemp(prefix="claw-")
        self.addCleanup(shutil.rmtree, directory, ignore_errors=True)
        return pathlib.Path(directory)

    def federation(self, bridges=None, **options):
        made = Federation(self.make_directory(), bridges, **options)
        self.addCleanup(made.close)
        self.addCleanup(self._print_logs, made)
        return made

    def _print_logs(self, federation):
        result = self._outcome.result
        if any(test is self for test, _ in [*result.failures, *result.errors]) or not self._outcome.success:
            for name, bridge in federation.bridges.items():
                print(f"---- log of {name} (last 60 lines)\n" + "\n".join(bridge.log().splitlines()[-60:]), file=sys.stderr)

    def assertCode(self, outcome, code):
        self.assertEqual(outcome.code, code, f"\n{outcome}")

    def assertAuthentic(self, federation):
        """Everything that crossed the broker was as the contract says. Returns the Judge."""
        judge = federation.judge()
        self.assertFalse(judge.faults, "\n" + "\n".join(judge.faults[:10]) + f"\n{len(judge.faults)} faults")
        return judge


class SharedCase(Case):
    """A class whose tests share one federation, made once."""

    bridges = None
    options = {}

    @classmethod
    def setUpClass(cls):
        cls.directory = pathlib.Path(tempfile.mkdtemp(prefix="claw-"))
        cls.addClassCleanup(shutil.rmtree, cls.directory, ignore_errors=True)
        cls.fed = Federation(cls.directory, cls.bridges, **cls.options)
        cls.addClassCleanup(cls.fed.close)

    def setUp(self):
        self.addCleanup(self._print_logs, self.fed)


wait_until = process.wait_until
