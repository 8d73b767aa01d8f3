#!/usr/bin/python3
"""The Dockerfile and the compose file without an engine: each step of the one is run in a bare Debian 12 tree, and what the other
starts is started there by its own commands, variables and users.

    CLAWBRIDGE_BUILD=build/release /usr/bin/python3 tests/install/test_docker.py        as root, with debootstrap
CLAWBRIDGE_DOCKER_COMPILES=1 also compiles in the tree, as the image's build does; without it the package of CLAWBRIDGE_BUILD takes
the place of that one step's result.
"""

import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import tempfile
import unittest

import yaml

from bare_tree import SOURCE_DIR, BareTree, packages

DOCKER = SOURCE_DIR / "docker"


def stages(text):
    """[(base, [(instruction, words)])] of a Dockerfile."""
    found = []
    for line in re.sub(r"\\\n", " ", re.sub(r"(?m)^\s*#.*\n", "", text)).splitlines():
        if not line.strip():
            continue
        instruction, words = line.split(None, 1)
        if instruction == "FROM":
            found.append((words, []))
        else:
            found[-1][1].append((instruction, words.strip()))
    return found


class Image:
    """One stage, as far as it was made."""

    def __init__(self, tree):
        self.tree, self.user, self.workdir, self.env = tree, "root", "/", {}
        self.entrypoint, self.command, self.health = [], [], []

    def step(self, instruction, words, context):
        """`context`: a tar of what COPY takes files from, in the tree at /srv/context.tar."""
        if instruction == "RUN":
            self.tree.run(f"mkdir -p {self.workdir}; cd {self.workdir}; {words}", timeout=7200)
        elif instruction == "WORKDIR":
            self.workdir = words
        elif instruction == "COPY" and not words.startswith("--from="):
            source, target = words.split()
            self.tree.copy(context, "/srv/context.tar")
            self.tree.run(f"mkdir -p /srv/context; tar -xf /srv/context.tar -C /srv/context; mkdir -p {self.workdir}; cd {self.workdir}; "
                          + (f"cp -a /srv/context/. {target}" if source == "." else f"mkdir -p $(dirname {target}); cp -a /srv/context/{source} {target}")
                          + "; rm -rf /srv/context /srv/context.tar")
        elif instruction == "ENV":
            self.env.update(word.split("=", 1) for word in shlex.split(words))
        elif instruction == "USER":
            self.user = words
        elif instruction == "HEALTHCHECK":
            self.health = json.loads(words.split("CMD", 1)[1])
        elif instruction in ("ENTRYPOINT", "CMD"):
            setattr(self, "entrypoint" if instruction == "ENTRYPOINT" else "command", json.loads(words))
        elif instruction != "VOLUME":
            raise AssertionError(f"this test does not know {instruction}")

    def shell(self, command, user=None, env=None):
        """As the container would run it."""
        variables = " ".join(shlex.quote(f"{name}={value}") for name, value in {**self.env, **(env or {})}.items())
        user = user or self.user
        become = "" if user == "root" else f"setpriv --reuid {user} --regid {user} --clear-groups "
        return f'{become}env -i PATH="$PATH" {variables} {shlex.join(command)}'


def context_tar():
    """What `docker build` would send: this tree without what the ignore file names."""
    ignored = [line for line in (DOCKER / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    path = pathlib.Path(tempfile.mkdtemp(prefix="claw-context-")) / "context.tar"
    subprocess.run(["tar", "-cf", str(path), *(f"--exclude=./{name}" for name in ignored), "."], cwd=SOURCE_DIR, check=True)
    return path


class Docker(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.compiles = os.environ.get("CLAWBRIDGE_DOCKER_COMPILES") == "1"
        cls.context = context_tar()
        cls.addClassCleanup(shutil.rmtree, cls.context.parent, ignore_errors=True)
        (build_base, build), (base, final) = stages((DOCKER / "Dockerfile").read_text(encoding="utf-8"))
        assert build_base == "debian:12-slim AS build" and base == "debian:12-slim", (build_base, base)
        cls.tree = BareTree()
        cls.addClassCleanup(cls.tree.close)
        cls.image = Image(cls.tree)
        for instruction, words in final:
            if instruction == "COPY" and words.startswith("--from=build"):
                cls.tree.copy(cls.package(build), words.split()[-1])
            else:
                cls.image.step(instruction, words, cls.context)

    @classmethod
    def package(cls, steps):
        """The result of the first stage, whose steps are all run but for the compiling one, unless that was asked for."""
        builder = BareTree()
        cls.addClassCleanup(builder.close)
        image = Image(builder)
        for instruction, words in steps:
            if cls.compiles or not re.match(r"cmake |cpack ", words):
                image.step(instruction, words, cls.context)
        if cls.compiles:
            return next((builder.folder / "upper" / "package").glob("*.deb"))
        # The tree must be one that could be configured: the libraries are there, and found.
        builder.run("cd /src; cmake --preset release -DCLAWBRIDGE_TESTS=OFF >/dev/null; test -e build/release/build.ninja")
        folder = tempfile.mkdtemp(prefix="claw-packages-")
        cls.addClassCleanup(shutil.rmtree, folder, ignore_errors=True)
        return packages.make(folder, "DEB")

    def test_the_image_runs_unprivileged_and_knows_its_health(self):
        run = self.image.shell([*self.image.entrypoint, *self.image.command],
                               env={"CLAWBRIDGE_GATEWAY_KIND": "echo", "CLAWBRIDGE_GATEWAY_NAME": "one", "CLAWBRIDGE_BROKER_URL": "mqtt://127.0.0.1:1"})
        health = self.image.shell(self.image.health)
        said = self.tree.run(f"! {health} >/dev/null 2>&1; {run} 2>/tmp/log & "
                             f"for i in $(seq 100); do {health} >/tmp/health 2>&1 && break; sleep 0.1; done; "
                             "cat /tmp/health; stat -c %U /proc/$(pidof clawbridge); stat -c '%U %a' /var/lib/clawbridge/keys.json", alone=True)
        status, user, keys = said.strip().splitlines()
        self.assertEqual(json.loads(status)["gateway"], "one")
        self.assertEqual((user, keys), ("clawbridge", "clawbridge 600"))
        self.assertNotEqual(self.image.user, "root")

    def test_compose_makes_a_federation_of_three(self):
        compose = yaml.safe_load((DOCKER / "compose.yaml").read_text(encoding="utf-8"))
        services = compose["services"]
        self.tree.run("apt-get update -qq; apt-get install -y -qq --no-install-recommends mosquitto >/dev/null")
        named = {volume.split(":")[0] for service in services.values() for volume in service["volumes"]}
        self.assertEqual(named, set(compose["volumes"]))
        setup = services["setup"]
        self.assertEqual(setup["user"], "root")
        broker_user = setup["entrypoint"][-1]
        bridges = {name: service for name, service in services.items() if service.get("environment")}
        self.assertEqual(set(bridges), {"macbook", "imac", "studio"})
        start = "\n".join(self.image.shell([*self.image.entrypoint, *self.image.command], env=service["environment"]) + f" 2>/tmp/{name}.log &"
                          for name, service in bridges.items())
        on = {name: self.image.shell(["clawbridge"], env=service["environment"]) for name, service in bridges.items()}
        health = "; ".join(self.image.shell(self.image.health, env=service["environment"]) + " >/dev/null" for service in bridges.values())
        script = f"""
echo '127.0.0.1 localhost broker' > /etc/hosts
mkdir -p {' '.join(volume.split(':')[1] for volume in setup['volumes'])}
{shlex.join(setup['entrypoint'])} >/tmp/setup.log
{shlex.join(setup['entrypoint'])} >/tmp/again.log    # it is run at each start, and changes nothing then
test ! -s /tmp/again.log
stat -c '%u:%g' /federation/broker/hub/server.key
setpriv --reuid {broker_user.split(':')[0]} --regid {broker_user.split(':')[1]} --clear-groups {shlex.join(services['broker']['command'])} >/tmp/broker.log 2>&1 &
{start}
for i in $(seq 300); do
  n=$({on['macbook']} agents --json 2>/dev/null | grep -o '"id":' | wc -l || true)
  [ "$n" = 4 ] && break; sleep 0.1
done
{health}
{on['macbook']} send imac/jarvis hello
{on['imac']} send studio/helper hello
{on['studio']} send macbook/main back
"""
        try:
            said = self.tree.run(script, alone=True)
        except AssertionError:
            print(self.tree.run("tail -n 20 /tmp/*.log || true"))
            raise
        self.assertEqual(said, f"{broker_user}\necho: hello\nHELLO\necho: back\n")


if __name__ == "__main__":
    unittest.main(verbosity=2)
