"""Looks for false alarms and misses, on a busy machine: `python -m benchmarks.long soak`.

Every right variant of what ships runs free, and any verdict but `ok` is a false alarm. Each that is to
deadlock runs too, and any other verdict is a miss, unless all processes have got to their end. Meanwhile one
process a core does nothing but compute.
"""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path

from benchmarks.sums import Failure, Unit, keep, uninterrupted
from ipcsim import catalogue
from ipcsim.program import Program, RunSettings, Scheduler
from ipcsim.runner.supervisor import run
from ipcsim.sysv import process as sysv_process
from ipcsim.verdict import Verdict


@cache
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


@cache
def soaked() -> list[tuple[str, Program]]:
    """What of it has one right verdict, whatever the kernel does first."""
    return [(n, p) for n, p in shipped() if p.expect_run in (Verdict.OK, Verdict.DEADLOCK)]


@contextmanager
def started(folder: Path) -> Iterator[Callable[[int], Unit]]:
    """The unit of a soak: one run. Traces of what went wrong are kept in `folder`."""
    with busy():
        yield lambda seed: unit(seed, folder)


def unit(seed: int, folder: Path) -> Unit:
    name, program = soaked()[seed % len(soaked())]
    expected = program.expect_run
    with tempfile.TemporaryDirectory() as traces:
        outcome = uninterrupted(run(program, settings=settings(program, seed), folder=Path(traces)))
        past = expected is Verdict.DEADLOCK and outcome.verdict is Verdict.OK and outcome.complete
        wrong = not outcome.as_expected and not past
        trace = keep(Path(traces), folder, f"soak-{seed}") if wrong else None
    found = (Failure(seed, f"{name}: {outcome.verdict} instead of {expected}", trace),) if wrong else ()
    if expected is Verdict.OK:
        return Unit({"runs of right variants": 1, "false alarms": len(found)}, found)
    # who gets past the place where they could have met has not deadlocked: that is no miss
    reached = {"deadlocks": int(not past), "missed deadlocks": len(found), "runs that got past it": int(past)}
    return Unit(reached, found)


def settings(program: Program, seed: int) -> RunSettings:
    """Free; but where only a schedule leads into the deadlock, that one."""
    if program.expect_run is Verdict.DEADLOCK and program.settings.scheduler is not Scheduler.FREE:
        return program.settings
    return replace(program.settings, scheduler=Scheduler.FREE, seed=seed)


@contextmanager
def busy() -> Iterator[None]:
    """Every core has something to do, until the end of the block or of this process."""
    children = [_burner() for _ in os.sched_getaffinity(0)]
    try:
        yield
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def _burner() -> int:
    parent = os.getpid()
    child = os.fork()
    if child:
        return child
    try:
        sysv_process.die_with_parent(parent)
        while True:
            pass
    finally:
        os._exit(0)
