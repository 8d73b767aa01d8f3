"""The OpenClaw adapter alone against a real gateway: what it promises the core, restarts and retries included.

Long: part of `make check-long`. OPENCLAW_VERSION chooses the version, CLAWBRIDGE_GATEWAY_CONTRACT names the program.
"""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from clawtest.gateway import Lab  # noqa: E402

VERSION = os.environ.get("OPENCLAW_VERSION", "2026.9.6")
PROGRAM = os.environ.get("CLAWBRIDGE_GATEWAY_CONTRACT", "build/asan/tests/integration/gateway_contract/gateway_contract")


class GatewayContract(unittest.TestCase):
    def test_the_adapter_keeps_it(self):
        with tempfile.TemporaryDirectory(prefix="claw-", ignore_cleanup_errors=True) as directory:
            lab = Lab(pathlib.Path(directory) / "lab", VERSION)
            try:
                done = subprocess.run([PROGRAM, str(lab.directory / "lab.json"), "imac"], timeout=1500, check=False,
                                      env={**os.environ, "OPENCLAW_VERSION": VERSION})
            finally:
                lab.stop()
        self.assertEqual(done.returncode, 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
