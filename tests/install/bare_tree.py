"""A Debian 12 with nothing but its base system, in which a test installs and runs things as on a fresh machine."""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from clawtest import packages  # noqa: E402,F401  (for the tests beside this file)

SOURCE_DIR = pathlib.Path(__file__).resolve().parents[2]
BASE = pathlib.Path(os.environ.get("CLAWBRIDGE_BARE_TREE", "/var/tmp/clawbridge-bare-base"))

# In namespaces of its own: what is mounted and what runs vanishes with the script, however it ends.
ENTER = """
root=$1 base=$2 upper=$3 work=$4; shift 4
mount --make-rprivate /
mount -t overlay overlay -o "lowerdir=$base,upperdir=$upper,workdir=$work" "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
[ -z "${ALONE:-}" ] || ip link set lo up
exec chroot "$root" env -i HOME=/tmp PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 \\
  DEBIAN_FRONTEND=noninteractive bash -euo pipefail -c "$1"
"""


class BareTree:
    """Changes lie in a folder above the base, which stays bare; close() removes them."""

    def __init__(self):
        if os.geteuid() != 0:
            raise AssertionError("a bare tree needs root, for debootstrap and chroot")
        subprocess.run([str(SOURCE_DIR / "tests" / "support" / "bare_tree.sh"), str(BASE)], check=True)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="claw-tree-", dir="/var/tmp"))
        for name in ("tree", "upper", "work"):
            (self.folder / name).mkdir()

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def copy(self, source, inside):
        """Puts a file into the tree."""
        target = self.folder / "upper"
        for name in pathlib.Path(inside).parts[1:-1]:
            target /= name
            if not target.exists():  # a folder above hides what the one below it is, such as the mode of /tmp
                target.mkdir()
                below = BASE / target.relative_to(self.folder / "upper")
                if below.exists():
                    shutil.copystat(below, target)
        shutil.copy(source, target / pathlib.Path(inside).name)

    def run(self, script, alone=False, timeout=900):
        """Runs a bash script there as root, and returns what it printed. `alone`: without a network but its own loopback."""
        command = ["unshare", "--mount", "--pid", "--fork", "--kill-child", *(["--net"] if alone else []), "bash", "-euc", ENTER, "bash",
                   str(self.folder / "tree"), str(BASE), str(self.folder / "upper"), str(self.folder / "work"), script]
        done = subprocess.run(command, capture_output=True, timeout=timeout, check=False, stdin=subprocess.DEVNULL,
                              env={**os.environ, "ALONE": "1" if alone else ""})
        said = done.stdout.decode("utf-8", "replace")
        if done.returncode != 0:
            raise AssertionError(f"in the bare tree the script ended with code {done.returncode}:\n{said[-6000:]}\n{done.stderr.decode('utf-8', 'replace')[-6000:]}")
        return said
