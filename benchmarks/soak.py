"""Looks for false alarms and misses: `python -m benchmarks.soak --minutes 5 --runs 200`.

Right variants are run over and over for the minutes given: any verdict but `ok` is a false alarm.
Each scenario that expects a deadlock is run so many times: any other verdict is a miss. Run two of
these side by side to keep both cores busy.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from collections import Counter

from ipcsim import catalogue
from ipcsim.program import Program
from ipcsim.runner.supervisor import run
from ipcsim.verdict import Verdict


def shipped() -> list[tuple[str, Program]]:
    """Every shipped scenario, and every variant of every problem."""
    found: list[tuple[str, Program]] = []
    for entry in catalogue.entries():
        if entry.kind == "scenario":
            found.append((entry.name, catalogue.load(str(entry.path))))
            continue
        for variant in catalogue.describe(str(entry.path)).variants:
            words = " ".join(f"{k}={v}" for k, v in variant.arguments.items())
            program = catalogue.load(str(entry.path), dict(variant.arguments))
            found.append((f"{entry.name} {words}", program))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--runs", type=int, default=200)
    arguments = parser.parse_args()
    programs = shipped()
    wrong: Counter[str] = Counter()
    right = [p for p in programs if p[1].expect_run is Verdict.OK]
    end, runs = time.monotonic() + arguments.minutes * 60, 0
    for name, program in itertools.cycle(right):
        if time.monotonic() >= end:
            break
        outcome = run(program)
        runs += 1
        if not outcome.as_expected:
            wrong[f"{name}: {outcome.verdict} instead of ok (seed {outcome.seed})"] += 1
    print(f"{runs:,} runs of {len(right)} right variants: {sum(wrong.values())} false alarms", flush=True)
    for name, program in programs:
        if program.expect_run is not Verdict.DEADLOCK:
            continue
        missed = Counter(str(run(program).verdict) for _ in range(arguments.runs))
        bad = arguments.runs - missed["deadlock"]
        print(f"{name}: {arguments.runs} runs, {bad} missed", flush=True)
        if bad:
            wrong[f"{name}: {dict(missed)}"] += bad
    for line, count in wrong.items():
        print(f"  {count} × {line}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
