"""Are free runs paths of the model? `python -m benchmarks.long free`; `python -m benchmarks.free TRACE…`.

In turn: something that ships, with few repetitions; a random scenario; a random program of calls. Each runs
free, and its trace (the first `LONGEST` events) is looked for among the paths of the model, under both
disciplines: see `ipcsim.explorer.inclusion`. The second command looks at traces that were kept.
"""

from __future__ import annotations

import random
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path

from benchmarks.sums import Failure, Unit, keep, uninterrupted
from ipcsim import catalogue
from ipcsim.errors import EnvironmentProblem
from ipcsim.explorer.inclusion import Answer, Inclusion, include
from ipcsim.program import Discipline, Program, Scheduler
from ipcsim.program.instructions import Instruction, KernelCall
from ipcsim.runner import objects
from ipcsim.runner.supervisor import run
from ipcsim.trace import Trace, read_trace
from tests.explorer import scenarios
from tests.model import programs

LONGEST = 2_000  # events of a trace that are compared
SECONDS = 0.25  # of a run of a random program: most of them never end
PATIENCE = 0.003  # seconds of their timeouts
REPEATED = 6  # repetitions of what ships, where a parameter says how many
COUNTS = ("rounds", "items", "meals", "times")  # the names of such parameters


@contextmanager
def started(folder: Path) -> Iterator[Callable[[int], Unit]]:
    """The unit: one free run, compared under both disciplines. What departs is kept in `folder`."""
    yield lambda seed: unit(seed, folder)


def unit(seed: int, folder: Path) -> Unit:
    name, program = chosen(seed)
    if program is None:
        return Unit({"scenarios that the language refuses": 1})
    with tempfile.TemporaryDirectory() as traces:
        settings = replace(program.settings, scheduler=Scheduler.FREE, seed=seed)
        try:
            outcome = run(program, settings=settings, folder=Path(traces))
        except EnvironmentProblem:  # another user, where we may not switch to one
            return Unit({"runs that this machine cannot do": 1})
        uninterrupted(outcome)
        forget_what_persists(program)
        trace = read_trace(next(Path(traces).glob("*.trace")))
        found = compared(trace)
        if any(i.answer is not Answer.INCLUDED for i in found.values()):
            kept = keep(Path(traces), folder, f"free-{seed}")
    counts = {"free runs": 1, "events": min(len(trace.events), LONGEST)}
    failures = []
    for discipline, inclusion in found.items():
        counts |= {f"{answer} under {discipline}": int(answer is inclusion.answer) for answer in Answer}
        if inclusion.answer is Answer.DEPARTED:
            failures.append(Failure(seed, f"{name}, {discipline}: {inclusion.departure}", kept))
    return Unit(counts, tuple(failures))


def compared(trace: Trace) -> dict[Discipline, Inclusion]:
    """Whether a trace is a path, under each discipline."""
    until = trace.stopped
    if len(trace.events) > LONGEST:
        last = trace.events[LONGEST - 1].time
        until = last if until is None else min(until, last)
    return {d: include(trace.program, trace.events, d, until=until) for d in Discipline}


# --- what is run ---


def chosen(seed: int) -> tuple[str, Program | None]:
    """What the unit with this seed runs; None where chance has made no scenario."""
    number, sort = divmod(seed, 3)
    chance = random.Random(seed)
    if sort == 0:
        return shortened()[number % len(shortened())]
    if sort == 1:
        text = scenarios.Dice(chance).text()
        return "a random scenario", None if text is None else brief(scenarios.program(text))
    return "a random program", brief(programs.Dice(chance).program())


@cache
def shortened() -> list[tuple[str, Program]]:
    """Whatever ships, with few repetitions."""
    found = []
    for entry in catalogue.entries():
        path = str(entry.path)
        described = catalogue.describe(path)
        variants = [v.arguments for v in described.variants] if entry.kind == "problem" else [{}]
        for arguments in variants:
            few = {
                p.name: REPEATED
                for p in described.parameters
                if p.name in COUNTS
                and isinstance(value := arguments.get(p.name, p.default), int)
                and value > REPEATED
            }
            program = catalogue.load(path, {**arguments, **few})
            words = " ".join(f"{k}={v}" for k, v in arguments.items())
            found.append((f"{entry.name} {words}".strip(), program))
    return found


def brief(program: Program) -> Program:
    """The same with timeouts that strike soon, and an end after a while."""
    families = tuple(replace(f, code=tuple(_impatient(i) for i in f.code)) for f in program.families)
    return replace(program, families=families, settings=replace(program.settings, timeout=SECONDS))


def _impatient(instruction: Instruction) -> Instruction:
    if isinstance(instruction, KernelCall) and instruction.timeout is not None:
        return replace(instruction, timeout=PATIENCE)
    return instruction


def forget_what_persists(program: Program) -> None:
    """Remove what is meant to outlive a run, so that the next one begins anew."""
    for ref, declared in program.objects():
        if declared.persist and not declared.key.private:
            try:
                objects.remove(ref.kind, objects.find(declared, 0, None))
            except OSError:
                continue


def main() -> int:
    """Traces that were kept, once more."""
    departed = False
    for path in sys.argv[1:]:
        for discipline, inclusion in compared(read_trace(Path(path))).items():
            departed |= inclusion.answer is Answer.DEPARTED
            print(f"{path}, {discipline}: {inclusion.answer} after {inclusion.states:,} states", flush=True)
            if inclusion.departure is not None:
                print(f"  event {inclusion.departure.number}: {inclusion.departure}", flush=True)
    return 1 if departed else 0


if __name__ == "__main__":
    sys.exit(main())
