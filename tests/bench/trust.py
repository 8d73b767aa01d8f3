#!/usr/bin/python3
"""make bench-trust: what authentication and sealing cost, as shares of the rate at 64 exchanges in flight.

Three federations of two bridges side by side: the program without MACs (compiled out), the program as it is, and the
program with trust.seal always. They take turns, round by round, so that what else the machine does hits all alike.
"""

import argparse
import os
import pathlib
import shutil
import statistics
import sys
import tempfile

from run import Bench, size

ROUNDS = 7
CASES = [(200, 4000), (4096, 3000)]
IN_FLIGHT = 64


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build/release"), help="a release build")
    parser.add_argument("--scale", type=float, default=1.0, help="multiplies the number of exchanges")
    options = parser.parse_args()
    bench_programs = (options.build / "tests" / "bench").resolve()
    usual = str((options.build / "bridge" / "clawbridge").resolve())
    variants = {"without MACs": (str(bench_programs / "clawbridge_unauthenticated"), None), "with MACs": (usual, None),
                "sealed": (usual, {"seal": "always"})}
    directory = pathlib.Path(tempfile.mkdtemp(prefix="claw-bench-"))
    benches, rates = {}, {}
    try:
        for name, (program, trust) in variants.items():
            os.environ["CLAWBRIDGE_BIN"] = program
            home = directory / name.replace(" ", "-")
            home.mkdir()
            benches[name] = Bench(home, str(bench_programs / "clawbridge_bench"), {"trust": trust} if trust else None)
        for bytes_, count in CASES:
            count = max(IN_FLIGHT * 2, int(count * options.scale))
            for round_ in range(ROUNDS + 1):
                for name, bench in benches.items():
                    rate = bench.path(bytes_, IN_FLIGHT, count, IN_FLIGHT)["perSecond"]
                    if round_ > 0:  # the first warms up
                        rates.setdefault((bytes_, name), []).append(rate)
    finally:
        for bench in benches.values():
            bench.close()
        shutil.rmtree(directory, ignore_errors=True)
    good = True
    for bytes_, _ in CASES:
        rate = {name: statistics.median(rates[bytes_, name]) for name in variants}
        for name, base, most in (("with MACs", "without MACs", 0.10), ("sealed", "with MACs", 0.20)):
            cost = 1 - rate[name] / rate[base]
            good = good and cost <= most
            print(f"{size(bytes_):>6}: {name} {rate[name]:.0f}/s, {base} {rate[base]:.0f}/s: costs {cost:.1%}, at most {most:.0%}: "
                  f"{'reached' if cost <= most else 'MISSED'}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
