#!/usr/bin/python3
"""make fuzz: every fuzz target under libFuzzer for some minutes, two at a time, and one table of what came out.

Works on a copy of the corpus in the build folder, which it keeps from run to run. A finding ends its target, is kept in
the build folder, and makes the exit code 1; the line under the table runs it again.
"""

import argparse
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
# The longest input worth trying, in bytes: longer ones of the corpus are cut here, and whole in the normal tests.
TARGETS = {"topic": 256, "message": 20_000, "gateway_frame": 12_000, "api_request": 12_000, "settings": 8_000, "policy": 400}
# When one input counts as a finding. It takes microseconds, but by the clock on the wall: a busy machine has let a target
# wait for 12 s in the middle of one.
INPUT_SECONDS = 60
MEMORY_MIB = 2048


def copy_corpus(target, build):
    copy = build / "corpus" / target
    copy.mkdir(parents=True, exist_ok=True)
    for source in (HERE / "corpus" / target).iterdir():
        shutil.copyfile(source, copy / source.name)
    return copy


def fuzz(target, minutes, build):
    findings = build / "findings" / target
    shutil.rmtree(findings, ignore_errors=True)
    findings.mkdir(parents=True)
    program = build / "tests" / "fuzz" / f"fuzz_{target}"
    command = [program, f"-max_total_time={round(minutes * 60)}", f"-max_len={TARGETS[target]}", f"-timeout={INPUT_SECONDS}",
               f"-rss_limit_mb={MEMORY_MIB}", f"-dict={HERE / target}.dict", f"-artifact_prefix={findings}/",
               "-print_final_stats=1", copy_corpus(target, build)]
    log = build / f"{target}.log"
    with log.open("wb") as out:
        code = subprocess.run(["nice", "-n", "10", *map(str, command)], stdout=out, stderr=subprocess.STDOUT, check=False).returncode
    # slow-unit-…: slower than others, but within the time. Not a finding.
    kept = sorted(path for path in findings.iterdir() if not path.name.startswith("slow-unit-"))
    return {"target": target, "program": program, "log": log, "code": code, "kept": kept, **read_log(log)}


def read_log(log):
    text = log.read_text(encoding="utf-8", errors="replace")
    last = lambda pattern: ([0] + re.findall(pattern, text))[-1]  # noqa: E731
    return {"executions": int(last(r"stat::number_of_executed_units: (\d+)") or last(r"(?m)^#(\d+)\s")),
            "rate": int(last(r"stat::average_exec_per_sec: +(\d+)")), "edges": int(last(r"\bcov: (\d+)"))}


def report(results):
    print(f"\n{'target':<15}{'executions':>12}{'exec/s':>9}{'edges':>8}{'findings':>10}")
    for result in results:
        print(f"{result['target']:<15}{result['executions']:>12}{result['rate']:>9}{result['edges']:>8}{len(result['kept']):>10}")
    for result in results:
        for path in result["kept"]:
            print(f"\n{result['target']}: {path.name}; what it says stands in {result['log']}\n  again: {result['program']} {path}")
        if result["code"] and not result["kept"]:
            print(f"\n{result['target']}: ended with {result['code']} and left no input; see {result['log']}")
    print()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--target", choices=TARGETS, help="only this one")
    options = parser.parse_args()
    built = {path.name.removeprefix("fuzz_") for path in (options.build / "tests" / "fuzz").glob("fuzz_*") if os.access(path, os.X_OK)}
    if built != set(TARGETS):
        sys.exit(f"{options.build} has {sorted(built)}, expected {sorted(TARGETS)}; cmake --build --preset fuzz")
    chosen = [options.target] if options.target else list(TARGETS)
    print(f"fuzzing {', '.join(chosen)}: {options.minutes:g} minutes each, two at a time", flush=True)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda target: fuzz(target, options.minutes, options.build.resolve()), chosen))
    report(results)
    return 1 if any(result["code"] or result["kept"] for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
