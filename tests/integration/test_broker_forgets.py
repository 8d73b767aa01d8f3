"""The broker forgets everything, again and again, under load: sessions, queues, retained states. Nothing is lost.

CLAWBRIDGE_FORGETS sets how often (default 5; `make check-long` 50).
"""

import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "chaos"))
from clawtest import case  # noqa: E402
import rounds  # noqa: E402
import table  # noqa: E402
from world import Keeps  # noqa: E402

TIMES = int(os.environ.get("CLAWBRIDGE_FORGETS", "5"))
EXCHANGES_BETWEEN = 100


class Forgetful(rounds.Round):
    """A broker without persistence, killed and ended in turns."""

    ok_share = 1

    def strike(self, world, driver):
        for number in range(TIMES):
            driver.wait_ended(driver.ended() + EXCHANGES_BETWEEN)
            world.broker.restart("KILL" if number % 2 else "TERM")
            self.strikes["KILL broker" if number % 2 else "TERM broker"] = number // 2 + 1


class BrokerForgets(case.Case):
    def test_nothing_is_lost_and_nothing_runs_twice(self):
        round_ = Forgetful(self.make_directory(), "forgetful", {"imac": "echo", "macbook": "echo"}, Keeps.NOTHING).run()
        self.assertTrue(table.show([round_]), round_.verdict["violations"])
        self.assertGreater(round_.verdict["counts"]["ended"], TIMES * EXCHANGES_BETWEEN)


if __name__ == "__main__":
    case.main()
