"""The OpenClaw adapter alone against a gateway: what it promises the core, restarts and retries included.

Against a real one it is long: part of `make check-long`. With OPENCLAW_STANDIN=1 the subject is the stand-in, which is
held to the same. OPENCLAW_VERSION chooses the version, CLAWBRIDGE_GATEWAY_CONTRACT names the program, and
CONTRACT_FILTER what of it runs (GoogleTest's filter).
"""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from clawtest.gateway import Lab  # noqa: E402
from clawtest.standin import StandInLab  # noqa: E402

VERSION = os.environ.get("OPENCLAW_VERSION", "2026.9.6")
STANDIN = os.environ.get("OPENCLAW_STANDIN") == "1"
PROGRAM = os.environ.get("CLAWBRIDGE_GATEWAY_CONTRACT", "build/asan/tests/integration/gateway_contract/gateway_contract")


class GatewayContract(unittest.TestCase):
    def test_the_adapter_keeps_it(self):
        with tempfile.TemporaryDirectory(prefix="claw-", ignore_cleanup_errors=True) as directory:
            path = pathlib.Path(directory) / "lab"
            # A real gateway takes a while from taking a turn to beginning it, and a test kills it in between.
            lab = StandInLab(path, VERSION, pace=0.15, prepare=150) if STANDIN else Lab(path, VERSION)
            try:
                done = subprocess.run([PROGRAM, str(lab.directory / "lab.json"), "imac"], timeout=1500, check=False,
                                      env={**os.environ, "OPENCLAW_VERSION": VERSION,
                                           "GTEST_FILTER": os.environ.get("CONTRACT_FILTER", "*")})
            finally:
                lab.stop()
        self.assertEqual(done.returncode, 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
