#!/usr/bin/python3
"""The packages on a bare Debian 12: what they bring, that it runs there, and that nothing is left when they are gone.

    CLAWBRIDGE_BUILD=build/release /usr/bin/python3 tests/install/test_package.py        as root, with debootstrap
"""

import shutil
import subprocess
import tempfile
import unittest

from bare_tree import BareTree, packages

# Every path of the tree, without what packages in general leave behind.
EVERYTHING = ("find / -xdev \\( -path /proc -o -path /dev -o -path /tmp -o -path /var/lib/dpkg -o -path /var/lib/apt -o -path /var/cache -o -path /var/log "
              "\\) -prune -o -print | sort")

# A federation of three homes of one user, as people set it up; the broker is Debian's mosquitto.
FIRST_HOUR = """
useradd --create-home ada
mkdir -p /run/mosquitto; printf 'listener 1883 127.0.0.1\\nallow_anonymous true\\n' > /tmp/broker.conf
mosquitto -c /tmp/broker.conf >/dev/null 2>&1 &
cat > /tmp/on <<'END'
#!/bin/bash
# on MACHINE COMMAND…: as ada, on one of her machines
machine=$1; shift
mkdir -p /home/ada/$machine/run
exec env HOME=/home/ada/$machine XDG_RUNTIME_DIR=/home/ada/$machine/run "$@"
END
chmod 755 /tmp/on
as() { setpriv --reuid ada --regid ada --init-groups /tmp/on "$@"; }
for i in $(seq 100); do (: </dev/tcp/127.0.0.1/1883) 2>/dev/null && break; sleep 0.1; done
as macbook clawbridge init --name macbook --kind echo --agent main --advertise 127.0.0.1 --no-service --json > /tmp/init.json
token=$(sed 's/.*"token":"\\([^"]*\\)".*/\\1/' /tmp/init.json)
as imac clawbridge join --name imac --agent jarvis --kind echo --no-service - <<< "clawbridge join $token" >/dev/null
as studio clawbridge join "$token" --name studio --agent helper --no-service -- /bin/cat >/dev/null
for machine in macbook imac studio; do as $machine clawbridge run 2>/tmp/$machine.log & done
for i in $(seq 200); do
  n=$(as macbook clawbridge agents --json 2>/dev/null | grep -o '"id":' | wc -l || true)
  [ "$n" = 3 ] && break; sleep 0.1
done
as macbook clawbridge send imac/jarvis hello
as imac clawbridge send studio/helper 'to a program'
as studio clawbridge send macbook/main back
kill $(pidof clawbridge); while pidof clawbridge >/dev/null; do sleep 0.1; done    # all there are: the tree has process ids of its own
for machine in macbook imac studio; do as $machine clawbridge uninstall --purge --yes >/dev/null; done
find /home/ada -name '*claw*' -o -name journal.db -o -name keys.json
"""

# The service of the whole machine, run as systemd would: the user, the variables and the command of the unit.
SERVICE = """
mosquitto -c /tmp/broker.conf >/dev/null 2>&1 &
for i in $(seq 100); do (: </dev/tcp/127.0.0.1/1883) 2>/dev/null && break; sleep 0.1; done
clawbridge init --system --name hub --kind echo --agent main --no-service >/dev/null
stat -c '%U %a %n' /etc/clawbridge /etc/clawbridge/* /var/lib/clawbridge /var/lib/clawbridge/keys.json
unit=/usr/lib/systemd/system/clawbridge.service
install -d -o clawbridge -m 0750 /run/clawbridge
command=$(sed -n 's/^ExecStart=//p' $unit); variables=$(sed -n 's/^Environment=//p' $unit)
setpriv --reuid clawbridge --regid clawbridge --clear-groups --no-new-privs env -i PATH="$PATH" $variables $command 2>/tmp/hub.log &
for i in $(seq 100); do clawbridge --config /etc/clawbridge/clawbridge.yaml status >/dev/null 2>&1 && break; sleep 0.1; done
clawbridge --config /etc/clawbridge/clawbridge.yaml send main 'to the service'
kill %2; wait %2 || true
"""


class Package(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.mkdtemp(prefix="claw-packages-")
        cls.addClassCleanup(shutil.rmtree, folder, ignore_errors=True)
        cls.deb, cls.tar = (packages.make(folder, generator) for generator in ("DEB", "TGZ"))
        cls.tree = BareTree()
        cls.addClassCleanup(cls.tree.close)
        cls.tree.copy(cls.deb, "/srv/clawbridge.deb")
        cls.tree.copy(cls.tar, "/srv/clawbridge.tar.gz")
        # The broker, and what the tests of the pages need; before the count, because they stay.
        cls.tree.run("apt-get update -qq; apt-get install -y -qq --no-install-recommends mosquitto man-db zsh fish >/dev/null")

    def test_it_installs_runs_and_leaves_nothing(self):
        before = self.tree.run(EVERYTHING)
        said = self.tree.run("apt-get install -y -qq --no-install-recommends /srv/clawbridge.deb")
        with self.subTest("what it brings"):
            self.assertIn("Setting up clawbridge", said)
            self.assertRegex(self.tree.run("clawbridge --version"), r"^clawbridge \d+\.\d+\.\d+")
            self.assertNotIn("not found", self.tree.run("ldd /usr/bin/clawbridge"))
            self.assertEqual(self.tree.run("getent passwd clawbridge").split(":")[5:], ["/var/lib/clawbridge", "/usr/sbin/nologin\n"])
            self.assertEqual(self.tree.run("dpkg-query -W -f '${Conffiles}' clawbridge").split()[0], "/etc/default/clawbridge")
            self.assertEqual(self.tree.run("stat -c %U:%a /var/lib/clawbridge /etc/clawbridge").split(), ["clawbridge:700", "clawbridge:750"])
        with self.subTest("pages and completion"):
            self.assertIn("SEE ALSO", self.tree.run("man -P cat clawbridge"))
            self.assertIn("--advertise", self.tree.run("source /usr/share/bash-completion/completions/clawbridge; COMP_WORDS=(clawbridge init --ad); "
                                                       "COMP_CWORD=2; _clawbridge; echo ${COMPREPLY[@]}"))
            self.tree.run("zsh -n /usr/share/zsh/vendor-completions/_clawbridge")
            self.assertIn("--advertise", self.tree.run("fish -c 'complete -C \"clawbridge init --adv\"'"))
        with self.subTest("three machines"):
            self.assertEqual(self.tree.run(FIRST_HOUR, alone=True), "echo: hello\nto a program\necho: back\n")
        with self.subTest("the service of the machine"):
            said = self.tree.run(SERVICE, alone=True)
            self.assertTrue(said.endswith("echo: to the service\n"), said)
            self.assertTrue(all(line.startswith("clawbridge ") for line in said.splitlines()[:-1]), said)
            self.assertIn("clawbridge 600 /var/lib/clawbridge/keys.json", said)
        with self.subTest("nothing is left"):
            self.tree.run("userdel --remove ada 2>/dev/null; rm -rf /run/clawbridge; apt-get purge -y -qq clawbridge; apt-get autoremove -y -qq")
            left = set(self.tree.run(EVERYTHING).splitlines()) - set(before.splitlines())
            self.assertEqual({path for path in left if not path.startswith(("/run/mosquitto", "/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow", "/etc/sub"))}, set())
            self.assertEqual(self.tree.run("getent passwd clawbridge || echo gone"), "gone\n")

    def test_the_archive_runs_where_its_libraries_are(self):
        self.tree.run("mkdir -p /opt/claw; tar -xzf /srv/clawbridge.tar.gz -C /opt/claw --strip-components 1")
        listed = self.tree.run("cd /opt/claw; find . -type f | sort").split()
        self.assertIn("./bin/clawbridge", listed)
        self.assertIn("./share/man/man1/clawbridge.1", listed)
        self.assertFalse([path for path in listed if "etc/" in path or "systemd" in path], listed)
        depends = subprocess.run(["dpkg-deb", "-f", str(self.deb), "Depends"], capture_output=True, text=True, check=True).stdout
        libraries = [word.split(" ")[0] for word in depends.strip().split(", ")]
        self.tree.run(f"apt-get install -y -qq --no-install-recommends {' '.join(libraries)} >/dev/null")
        self.assertRegex(self.tree.run("/opt/claw/bin/clawbridge --version"), r"^clawbridge \d+")


if __name__ == "__main__":
    unittest.main(verbosity=2)
