"""One machine of somebody who sets clawbridge up: a home folder of its own, in which commands are run as a person types them."""

import os
import pathlib

from . import bridge, process

SERVICE_MANAGER = pathlib.Path(__file__).resolve().parents[1] / "service-manager"


class Home:
    """`services`: whether the system has a service manager (the stand-in of tests/support/service-manager)."""

    def __init__(self, directory, name, services=True):
        self.name, self.services = name, services
        self.folder = pathlib.Path(directory) / name
        self.path = self.folder / "home"
        self.manager = self.folder / "services"
        self.runtime = self.folder / "run"
        for folder in (self.path, self.manager, self.runtime):
            folder.mkdir(parents=True)
        self.settings = self.path / ".config" / "clawbridge" / "clawbridge.yaml"
        self.state = self.path / ".local" / "state" / "clawbridge"

    @property
    def environment(self):
        path = os.environ["PATH"]
        return {"XDG_RUNTIME_DIR": str(self.runtime), "SERVICE_MANAGER_STATE": str(self.manager),
                "PATH": f"{SERVICE_MANAGER}:{path}" if self.services else path}

    def run(self, *words, stdin=None, env=None, timeout=90):
        """One command of the program, as it is typed."""
        return bridge.run_cli(words, self.path, stdin.encode() if stdin else None, timeout, {**self.environment, **(env or {})})

    def ok(self, *words, **options):
        outcome = self.run(*words, **options)
        if outcome.code != bridge.EXIT_OK:
            raise AssertionError(f"{outcome}\n{self.log()}")
        return outcome

    def json(self, *words, **options):
        return self.ok(*words, "--json", **options).json

    def agents(self):
        outcome = self.run("agents", "--json")
        return {f"{agent['gateway']}/{agent['id']}" for agent in outcome.json["agents"] if agent.get("presence") != "offline"} if outcome.code == 0 else set()

    def wait_until_knows(self, *addresses, seconds=60):
        process.wait_until(f"{self.name} to know {', '.join(addresses)}", lambda: set(addresses) <= self.agents(), seconds)

    def log(self):
        """What the service wrote."""
        return process.read(self.manager / "log")

    def service_pid(self):
        text = process.read(self.manager / "pid")
        return int(text) if text else None

    def files(self):
        """Everything in the home and the runtime folder, without folders."""
        return sorted(str(path.relative_to(self.folder)) for top in (self.path, self.runtime) for path in top.rglob("*") if not path.is_dir())

    def close(self):
        """Ends the service if a test left one."""
        pid = self.service_pid()
        if pid and process.read(f"/proc/{pid}/cmdline").startswith(bridge.binary()):
            os.kill(pid, 9)
