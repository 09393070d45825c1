"""Traces to make reports of: real runs, long ones made up, hostile ones."""

from __future__ import annotations

import random
from dataclasses import replace
from functools import cache
from heapq import heapify, heappop, heappush
from pathlib import Path
from typing import Any

import ipcsim
from ipcsim.program import Program
from ipcsim.program.instructions import Phase, Semop
from ipcsim.report import stored
from ipcsim.report.html import render
from ipcsim.trace import RECORD, EventKind, Trace, TraceWriter, head, read_trace
from ipcsim.verdict import Outcome

FEW = {"meals": 10, "items": 20, "rounds": 5, "times": 20}  # small settings, where a scenario has them


def run(folder: Path, name: str, **arguments: Any) -> tuple[Trace, Outcome]:
    """A real run: its trace, and the outcome that the trace holds."""
    made = ipcsim.run(name, trace_dir=folder, **arguments)
    return read(Path(made.extra["trace"]))


def read(path: Path) -> tuple[Trace, Outcome]:
    trace = read_trace(path)
    return trace, stored.outcome(trace, path)


def report(folder: Path, trace: Trace, outcome: Outcome) -> Path:
    """The report as a file."""
    file = folder / "report.html"
    file.write_text(render(trace, outcome), encoding="utf-8")
    return file


def long(path: Path, events: int, processes: int = 10) -> Path:
    """Philosophers who take forks in order, for `events` events: as a run would write it, but at once."""
    program = ipcsim.load("philosophers-ordered", seats=processes, meals=10**6)
    _Table(program, path).play(events)
    return path


class _Table:
    """A discrete simulation, quick enough for a million events."""

    def __init__(self, program: Program, path: Path) -> None:
        self._program, self._path = program, path
        code = program.code(0)
        self._steps = [
            (pc, isinstance(i, Semop)) for pc, i in enumerate(code) if isinstance(i, Semop | Phase)
        ]
        number = len(program.processes)
        self._out = [bytearray() for _ in range(number)]
        self._holder: dict[int, int | None] = dict.fromkeys(range(number))
        self._waiting: dict[int, list[int]] = {}
        self._random = random.Random(1)

    @cache  # noqa: B019
    def _pairs(self, process: int, pc: int) -> tuple[tuple[int, int], ...]:
        from ipcsim.analysis.operations import Operations

        return Operations(self._program).constant(process, pc) or ()

    def play(self, events: int) -> None:
        number = len(self._out)
        at, asleep, count, now = [0] * number, [False] * number, 0, 0
        queue = [(1000 + p, p) for p in range(number)]
        heapify(queue)
        while count < events and queue:
            now, p = heappop(queue)
            pc, semop = self._steps[at[p]]
            if semop and not asleep[p]:
                self._write(p, now, EventKind.BEGIN, pc)
                count += 1
            if semop and not self._do(p, self._pairs(p, pc), queue, now):
                asleep[p] = True
                continue
            asleep[p] = False
            self._write(p, now + 900 * semop, EventKind.END if semop else EventKind.STEP, pc)
            count += 1
            at[p] = (at[p] + 1) % len(self._steps)
            heappush(queue, (now + self._random.randint(2000, 25000), p))
        self._save(count, now)

    def _do(self, p: int, pairs: tuple[tuple[int, int], ...], queue: list[tuple[int, int]], now: int) -> bool:
        for number, delta in pairs:
            if delta < 0:
                if self._holder[number] is not None:
                    self._waiting.setdefault(number, []).append(p)
                    return False
                self._holder[number] = p
            else:
                self._holder[number] = None
                if self._waiting.get(number):
                    heappush(queue, (now + 8000, self._waiting[number].pop(0)))
        return True

    def _write(self, p: int, now: int, kind: EventKind, pc: int) -> None:
        self._out[p] += RECORD.pack(now, head(kind, pc), 0, 0)

    def _save(self, count: int, now: int) -> None:
        program = self._program
        writer = TraceWriter(self._path, program, seed=1, scheduler="free")
        for p, raw in enumerate(self._out):
            writer.records(p, raw)
        outcome = Outcome(
            "run", program.name, program.expect_run, program.expect_run, True, (), 1, now / 1e9,
            dict(program.arguments), {"events": count, "trace": str(self._path), "scheduler": "free"},
        )  # fmt: skip
        writer.outcome(outcome.as_json())
        writer.close()


HOSTILE = "</script><img src=x onerror=alert(1)>'\"&\u202eelif\u200f" + "x" * 10_000


def hostile(trace: Trace, outcome: Outcome) -> tuple[Trace, Outcome]:
    """The same run of a scenario whose author means harm."""
    old = trace.program
    families = tuple(
        replace(f, name=f.name + HOSTILE, code=tuple(replace(i, text=i.text + HOSTILE) for i in f.code))
        for f in old.families
    )
    sets = tuple(
        replace(s, name=HOSTILE, members=tuple(replace(m, name=HOSTILE + m.name) for m in s.members))
        for s in old.sets
    )
    sources = tuple(replace(s, file=HOSTILE, text=HOSTILE + "\n" + s.text) for s in old.sources)
    program = replace(
        old, name=HOSTILE, title=HOSTILE, description=HOSTILE, families=families, sets=sets, sources=sources
    )
    findings = tuple(
        replace(
            f, message=HOSTILE + f.message, cycle=tuple(HOSTILE + c for c in f.cycle),
            details=tuple((HOSTILE, HOSTILE, HOSTILE) for _ in f.details),
        )
        for f in outcome.findings
    )  # fmt: skip
    extra = {**outcome.extra, "remarks": [HOSTILE], "trace": HOSTILE}
    return (
        replace(trace, program=program),
        replace(outcome, scenario=HOSTILE, findings=findings, arguments={"a": HOSTILE}, extra=extra),
    )
