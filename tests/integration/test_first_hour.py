#!/usr/bin/python3
"""The first hour, from nothing: three machines, each a directory tree of its own with an OpenClaw in it, on which somebody types what the
README says and reads what comes. The package, a broker of their own, `init`, two `join`s, `doctor`, nine agents on each, a message each
way, the page on all of them; and away again, until every tree is what it was, byte for byte.

    CLAWBRIDGE_BIN=build/release/bridge/clawbridge tests/integration/test_first_hour.py      the package is made of that build

What is not as on real machines: the package's scripts for root do not run (they do in tests/install), systemd and OpenClaw are the
stand-ins of tests/support, whose OpenClaw has no tools (what agents do with the plugin in real ones is test_openclaw_tools.py), and all
three share one host name, so that each command says --name.
"""

import itertools
import json
import pathlib
import re
import shlex
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from clawtest import bridge, browser, case, home, packages, process, standin  # noqa: E402

AGENTS = {"macbook": ["main", "coder", "writer"], "imac": ["jarvis", "pepper", "friday"], "studio": ["vision", "shuri", "happy"]}
VERSIONS = {"macbook": standin.NEW, "imac": standin.OLD, "studio": standin.NEW}
EVERYONE = sorted(f"{name}/{agent}" for name, agents in AGENTS.items() for agent in agents)
# Who asks whom: every machine each of the others, six agents in all.
WAYS = [(here, f"{there}/{AGENTS[there][number % 2]}") for number, (here, there) in enumerate(itertools.permutations(AGENTS, 2))]


class FirstHour(case.Case):
    def setUp(self):
        self.directory = self.make_directory()
        self.directory.chmod(0o711)  # as root, mosquitto changes to its own user
        self.machines = {name: home.Home(self.directory, name) for name in AGENTS}
        self.gateways = {name: standin.StandIn(self.directory / f"gateway-{name}", VERSIONS[name], AGENTS[name]) for name in AGENTS}
        self.openclaw = {name: self.gateways[name].write_settings(machine.path / ".openclaw") for name, machine in self.machines.items()}
        for each in (*self.machines.values(), *self.gateways.values()):
            self.addCleanup(each.close if isinstance(each, home.Home) else each.kill)

    def on(self, name, line, answers=None):
        """What the machine says to a line that somebody types there; it must be done."""
        outcome = self.machines[name].types(line, answers)
        self.assertEqual(outcome.code, bridge.EXIT_OK, f"on {name}: {outcome}\n{self.machines[name].log()[-4000:]}")
        return outcome.text

    def test_from_nothing_to_a_federation_that_is_watched_and_back_to_nothing(self):
        before = {name: machine.tree() for name, machine in self.machines.items()}
        package = packages.make(self.directory, "DEB")
        for machine in self.machines.values():
            machine.install(package)
        mosquitto = self.start_broker()
        self.set_up()
        self.restart_gateways()
        self.look()
        chromium = browser.Browser()
        self.addCleanup(chromium.close)
        pages = {name: self.open_page(name, chromium.page()) for name in self.machines}
        self.talk()
        for name, page in pages.items():
            self.watch(name, page)
        self.take_out()
        self.on("macbook", "rm -r ~/hub")
        self.assertEqual(mosquitto.stop(), 0)
        for name, machine in self.machines.items():
            machine.remove(package)
            self.assertEqual(machine.processes(), [])
            self.assertSameTree(name, before[name], machine.tree())

    def start_broker(self):
        """macbook has it. Each machine gets its folder, as the words of `broker init` say."""
        said = self.on("macbook", f"clawbridge broker init hub --gateway {' '.join(AGENTS)} --port {process.free_port()}")
        command = re.search(r"^  (mosquitto -c .*)$", said, re.M)[1]
        for name in AGENTS:
            folder = re.search(rf"^  {name}: (.*)$", said, re.M)[1]
            self.on(name, f"mkdir -p ~/.config/clawbridge && mv {shlex.quote(folder)} ~/.config/clawbridge/broker")
        daemon = process.Daemon(["/usr/sbin/mosquitto", *shlex.split(command)[1:]], self.directory / "mosquitto.log")
        self.addCleanup(daemon.stop)
        return daemon

    def set_up(self):
        """At a terminal, where Enter says yes to plugin and service. Two pages on one machine need two ports."""
        page = {name: process.free_port() for name in AGENTS}
        said = self.on("macbook", f"clawbridge init --name macbook --page {page['macbook']}", answers="\n\n")
        line = re.search(r"^  (clawbridge join claw1\.\S+)$", said, re.M)[1]
        self.on("imac", f"{line} --name imac --page {page['imac']}", answers="\n\n")
        self.on("studio", f"{line} --name studio --page {page['studio']}", answers="\n\n")

    def restart_gateways(self):
        """As the words of the plugin's installation say."""
        connected = lambda machine: machine.json("status")["agentGateway"]["connected"]  # noqa: E731
        for name, machine in self.machines.items():
            self.assertIn("clawbridge", json.loads(self.openclaw[name].read_text(encoding="utf-8"))["plugins"]["entries"])
            self.gateways[name].stop()
            process.wait_until(f"{name} to miss its gateway", lambda: not connected(machine))
            self.gateways[name].start()
            process.wait_until(f"{name} to find its gateway again", lambda: connected(machine), 60)

    def look(self):
        for name, machine in self.machines.items():
            machine.wait_until_knows(*EVERYONE)
            agents = [line.split() for line in self.on(name, "clawbridge agents").splitlines()[1:]]
            self.assertEqual(sorted(words[0] for words in agents), EVERYONE)
            self.assertEqual({words[-1] for words in agents}, {"online"})
            self.assertIn("active", self.on(name, "clawbridge service status"))
            self.assertEqual(machine.processes(), [machine.service_pid()])
            checks = self.on(name, "clawbridge doctor").splitlines()[:-1]
            self.assertGreater(len(checks), 40)
            # All green; one check is for gateways of another kind.
            self.assertEqual([line for line in checks if not line.startswith("ok ")], ["skip gateway.program     gateway.kind is openclaw"])
            self.assertEqual(self.on(name, "clawbridge openclaw check").count("sees the tools"), 3)

    def talk(self):
        for here, target in WAYS:
            self.assertEqual(self.on(here, f"clawbridge send {target} 'Hello from {here}'"), f"echo: Hello from {here}\n")
        for here, target in WAYS:
            there, agent = target.split("/")
            turns = [(row["session"].split(":")[1], row["text"]) for row in self.gateways[there].record() if row["event"] == "start"]
            self.assertIn((agent, f"Hello from {here}"), turns)

    def open_page(self, name, page):
        page.go(self.on(name, "clawbridge page 2>/dev/null").strip())
        page.wait_text("live", selector="#live")
        return page

    def watch(self, name, page):
        """It was open all the time."""
        page.wait("document.querySelectorAll('.card').length === 3")
        for gateway, agents in AGENTS.items():
            listed = page.js(f"[...document.querySelectorAll('[data-gateway={gateway}] .agents li')].map((item) => item.innerText)")
            self.assertEqual(listed, agents)
            page.wait_text("online", selector=f"[data-gateway={gateway}] .presence")
        self.assertEqual(page.text("#problems"), "")
        mine = [(f"{here}/_bridge", target) for here, target in WAYS if name in (here, target.split("/")[0])]
        page.js("location.hash = '#/exchanges'")
        page.wait(f"document.querySelectorAll('.exchanges li').length === {len(mine)}")
        rows = page.js("[...document.querySelectorAll('.exchanges li')].map((item) => item.innerText)")
        for asker, target in mine:
            self.assertTrue(any(asker in row and target in row and "ok" in row.split() for row in rows), f"{asker} to {target} is not in {rows}")
        self.assertEqual(page.complaints(), [])

    def take_out(self):
        for name, machine in self.machines.items():
            said = self.on(name, "clawbridge uninstall --purge", answers="y\n")
            self.assertNotIn("Left", said)
            for report in process.SANITIZER_REPORTS:
                self.assertNotIn(report, machine.log())
            if name == "macbook":
                studio = self.machines["studio"]
                process.wait_until("studio to see macbook gone", lambda: studio.agents() == {address for address in EVERYONE if not address.startswith("macbook/")})

    def assertSameTree(self, name, before, after):
        changed = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
        self.assertEqual({path: ("there before" if path in before else "left behind", before.get(path), after.get(path)) for path in sorted(changed)}, {}, name)


if __name__ == "__main__":
    case.main()
