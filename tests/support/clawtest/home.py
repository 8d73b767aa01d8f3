"""One machine of somebody who sets clawbridge up: a home folder of its own, in which commands are run as a person types them."""

import os
import pathlib
import pty
import subprocess

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
        self.bin = None  # of the package that was installed here; until then the program is the one under test
        self.settings = self.path / ".config" / "clawbridge" / "clawbridge.yaml"
        self.state = self.path / ".local" / "state" / "clawbridge"

    @property
    def environment(self):
        folders = [str(self.bin)] if self.bin else []
        folders += [str(SERVICE_MANAGER)] if self.services else []
        return {"XDG_RUNTIME_DIR": str(self.runtime), "SERVICE_MANAGER_STATE": str(self.manager), "PATH": ":".join([*folders, os.environ["PATH"]])}

    @property
    def program(self):
        return str(self.bin / "clawbridge") if self.bin else bridge.binary()

    def run(self, *words, stdin=None, env=None, timeout=90):
        """One command of the program, as a script gives it."""
        return self._run([self.program, *map(str, words)], stdin.encode() if stdin else None, env, timeout)

    def types(self, line, answers=None, timeout=90):
        """A line as a person types it into a shell. With `answers` at a terminal, where they type these when they are asked; else
        there is nobody to ask."""
        if answers is None:
            return self._run(["bash", "-c", line], None, None, timeout, self.path)
        ours, theirs = pty.openpty()
        try:
            os.write(ours, answers.encode())
            return self._run(["bash", "-c", line], theirs, None, timeout, self.path)
        finally:
            os.close(ours)
            os.close(theirs)

    def _run(self, command, stdin, env, timeout, cwd=None):
        return bridge.run_command(command, self.path, stdin, timeout, {**self.environment, **(env or {})}, cwd)

    def install(self, package):
        """Puts what is in a Debian package into this machine's own tree, as dpkg would but for its scripts, which are for root:
        those run in tests/install."""
        subprocess.run(["dpkg-deb", "--extract", str(package), str(self.folder)], check=True)
        self.bin = self.folder / "usr" / "bin"

    def remove(self, package):
        """Takes that out again, and the folders that are empty then."""
        tar = subprocess.run(["dpkg-deb", "--fsys-tarfile", str(package)], capture_output=True, check=True).stdout
        listed = subprocess.run(["tar", "--list"], input=tar, capture_output=True, check=True).stdout.decode().splitlines()
        for name in sorted(listed, reverse=True):    # what is in a folder before the folder
            path = self.folder / name
            if not path.is_dir():
                path.unlink()
            elif path != self.folder and not any(path.iterdir()):
                path.rmdir()
        self.bin = None

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

    def tree(self):
        """Everything on this machine but the service manager's own: path -> (mode, what is in it). A folder's is empty."""
        paths = [path for path in self.folder.rglob("*") if self.manager not in (path, *path.parents)]
        return {str(path.relative_to(self.folder)): (oct(path.lstat().st_mode), path.read_bytes() if path.is_file() else b"") for path in paths}

    def processes(self):
        """Those that run a program of this machine's tree."""
        found = []
        for link in pathlib.Path("/proc").glob("[0-9]*/exe"):
            try:
                if os.readlink(link).startswith(f"{self.folder}/"):
                    found.append(int(link.parent.name))
            except OSError:
                pass  # it has ended, or is somebody else's
        return found

    def close(self):
        """Ends the service if a test left one."""
        pid = self.service_pid()
        if pid and process.read(f"/proc/{pid}/cmdline").startswith(self.program):
            os.kill(pid, 9)
