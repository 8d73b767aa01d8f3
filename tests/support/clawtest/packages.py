"""What users install: the packages that CPack makes of a build."""

import os
import pathlib
import subprocess

from . import bridge


def build_folder():
    """The build that CLAWBRIDGE_BUILD names, else the one that the program under test lies in."""
    named = os.environ.get("CLAWBRIDGE_BUILD")
    return pathlib.Path(named).resolve() if named else pathlib.Path(bridge.binary()).parents[1]


def make(folder, generator):
    """The package of that kind (DEB, TGZ), made in the folder."""
    done = subprocess.run(["cpack", "--config", str(build_folder() / "CPackConfig.cmake"), "-B", str(folder), "-G", generator], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise AssertionError(f"cpack failed:\n{done.stdout}{done.stderr}")
    return next(pathlib.Path(folder).glob({"DEB": "*.deb", "TGZ": "*.tar.gz"}[generator]))
