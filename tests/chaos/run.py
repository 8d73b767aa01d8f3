#!/usr/bin/python3
"""make chaos: real bridges, gateways and brokers under load, while a seeded killer strikes them and the network between.

Rounds: `kept`, with a broker that keeps its sessions on disk; `forgotten`, with one that forgets everything; `changing`, with one
that does either by turns; `destroyed`, a small one in which a responder loses its journal. After each the checker (check.py)
judges. Ends by itself, whatever happens.
"""

import argparse
import os
import pathlib
import random
import shutil
import signal
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))
import table  # noqa: E402
from rounds import Fire, JournalDestroyed, Load  # noqa: E402
from world import Keeps  # noqa: E402

FIRES = {"kept": Keeps.EVERYTHING, "forgotten": Keeps.NOTHING, "changing": Keeps.BY_TURNS}
NAMES = ("imac", "macbook", "studio", "mini")
DESTROYED_TIMES, DESTROYED_EXCHANGES = 5, 1_500  # at most; a short run has fewer


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--exchanges", type=int, default=100_000)
    parser.add_argument("--kills", type=int, default=1_000)
    parser.add_argument("--seed", type=int, help="repeats a schedule; drawn and printed otherwise")
    parser.add_argument("--minutes", type=float, default=120, help="for the striking; the run fails when it needs more")
    parser.add_argument("--rounds", default="kept,forgotten,destroyed", help="all but `destroyed` share exchanges and kills")
    parser.add_argument("--gateways", default="echo,command,openclaw-2026.9.6,openclaw-2026.3.8", help="a kind for each bridge")
    parser.add_argument("--agents", type=int, default=4, help="of each gateway")
    parser.add_argument("--sources", type=int, default=2, help="asking agents of each gateway")
    parser.add_argument("--open-per-lane", type=int, default=6)
    parser.add_argument("--delay-ms", type=int, default=10, help="how long a turn takes")
    parser.add_argument("--log", default="warn", help="log.level of the bridges")
    parser.add_argument("--folder", help="keeps everything there; otherwise kept only when something is wrong")
    options = parser.parse_args()
    unknown = set(options.rounds.split(",")) - {*FIRES, "destroyed"}
    if unknown:
        parser.error(f"no round {', '.join(sorted(unknown))}; there are {', '.join(FIRES)} and destroyed")
    return options


def main():
    # Asked to end, it ends what it has started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("asked to end"))
    options = arguments()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1 << 32)
    folder = pathlib.Path(options.folder or tempfile.mkdtemp(prefix="claw-chaos-"))
    print(f"seed {seed}: {options.exchanges} exchanges, {options.kills} kills; {os.environ.get('CLAWBRIDGE_BIN', 'build/asan')}; {folder}", flush=True)
    chance = random.Random(seed)
    kinds = dict(zip(NAMES, options.gateways.split(","), strict=False))
    load = Load(options.agents, options.sources, options.open_per_lane, options.delay_ms, options.log)
    deadline = time.monotonic() + options.minutes * 60
    names = options.rounds.split(",")
    fires = [name for name in names if name in FIRES]
    rounds = []
    for name in names:
        if name == "destroyed":
            two = dict(zip(NAMES, list(kinds.values())[1::-1], strict=False))
            exchanges = min(DESTROYED_EXCHANGES, options.exchanges // 4)
            rounds.append(JournalDestroyed(folder, name, two, load, DESTROYED_TIMES, exchanges).run())
        else:
            exchanges, kills = (-(-count // len(fires)) for count in (options.exchanges, options.kills))
            rounds.append(Fire(folder, name, kinds, FIRES[name], load, chance, exchanges, kills, deadline).run())
    good = table.show(rounds)
    if not good:
        print(f"seed {seed}; everything of this run is in {folder}")
    elif options.folder is None:
        shutil.rmtree(folder)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
