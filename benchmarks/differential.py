"""Holds the model against the kernel: `python -m benchmarks.differential --steps 100000`.

Random Programs run on real processes and objects and on the model side by side, and after every step
everything is compared: see tests/model/lockstep.py. Each Program has a seed of its own, which is printed
with a disagreement: `--seed N --steps 1` does that one again. With `--runs N` every shipped scenario and
variant also runs N times under a controlling scheduler, and each trace must be a path of the model.
"""

from __future__ import annotations

import argparse
import itertools
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import ipcsim
from benchmarks.soak import shipped
from ipcsim.explorer.follow import follow
from ipcsim.model.living import Unsupported
from ipcsim.runner.clean import clean
from ipcsim.sysv import process as sysv_process
from ipcsim.trace import read_trace
from tests.model.children import Pool
from tests.model.lives import Lives
from tests.model.lockstep import Covered, Disagreement, Lockstep
from tests.model.programs import Dice

SCHEDULE, LIFE = 400, 120  # steps of one Program, if it gets that far
SHOWN = 5  # disagreements in full


def compare(steps: int, seed: int, lives: bool) -> Covered:
    """Programs one after another until so many steps have been compared. `lives`: objects come and go."""
    covered = Covered()
    with Pool() as pool:
        for number in itertools.count(seed):
            if covered.steps >= steps:
                return covered
            chance = random.Random(number)
            program = (Lives(chance) if lives else Dice(chance)).program()
            try:
                with Lockstep(program, pool, covered) as both:
                    both.run([chance.randrange(10**6) for _ in range(LIFE if lives else SCHEDULE)])
            except Unsupported as problem:
                covered.unsupported[str(problem)] += 1
            except Disagreement as difference:
                covered.disagreements += 1
                if covered.disagreements <= SHOWN:
                    print(f"--- seed {number} ---\n{difference}", flush=True)
    return covered


def follow_runs(runs: int, seed: int) -> int:
    """Every shipped text `runs` times; how many traces were no path of the model."""
    departed = events = done = 0
    began = time.monotonic()
    for name, program in shipped():
        for number in range(runs):
            scheduler = ("random", "pct")[number % 2]
            with tempfile.TemporaryDirectory() as folder:
                ipcsim.run(program, scheduler=scheduler, seed=seed + number, trace_dir=folder)
                trace = read_trace(next(Path(folder).glob("*.trace")))
            clean()
            done += 1
            events += len(trace.events)
            if (departure := follow(trace.program, trace.events)) is not None:
                departed += 1
                print(f"{name}, {scheduler}, seed {seed + number}: event {departure.number}: {departure}")
    print(
        f"{done:,} controlled runs, {events:,} events followed in {time.monotonic() - began:.0f} s: ", end=""
    )
    print(f"{departed} departures")
    return departed


def show(covered: Covered, seconds: float) -> None:
    print(
        f"{covered.steps:,} steps of {covered.programs:,} programs compared in {seconds:.0f} s "
        f"({covered.steps / seconds:,.0f} a second): {covered.disagreements} disagreements"
    )
    if covered.unsupported:
        total = covered.unsupported.total()
        print(f"{total:,} programs came to where the model has no answer, and says so")
    print(f"after {covered.free:,} of them the kernel was free to go on in more than one way")
    table("calls", covered.calls)
    table("errnos", covered.errnos)
    table("sleeps that somebody else ended", covered.hand_overs)


def table(title: str, counted: Counter[str]) -> None:
    print(f"\n{title} ({counted.total():,}):")
    for name, count in counted.most_common():
        print(f"  {count:>7,}  {name}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.differential", description=__doc__)
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0, help="of the first Program; the next one has the next")
    parser.add_argument("--lives", action="store_true", help="programs in which objects come and go")
    parser.add_argument("--runs", type=int, default=0, help="controlled runs of everything that ships")
    arguments = parser.parse_args()
    try:
        sysv_process.unshare(sysv_process.CLONE_NEWIPC)
    except OSError:
        print("in the machine's own IPC namespace (no right to unshare)")
    began = time.monotonic()
    covered = compare(arguments.steps, arguments.seed, arguments.lives)
    show(covered, time.monotonic() - began)
    departed = follow_runs(arguments.runs, arguments.seed) if arguments.runs else 0
    return 1 if covered.disagreements or departed else 0


if __name__ == "__main__":
    sys.exit(main())
