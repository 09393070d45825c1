"""Traces to make reports of: of real runs, and told by hand where names are hostile or the model speaks."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import ipcsim
from ipcsim import api
from ipcsim.analysis.graph import analyse
from ipcsim.analysis.history import history, snapshot_at
from ipcsim.analysis.may import MayAnalysis
from ipcsim.program import Program
from ipcsim.program.objects import Member
from ipcsim.trace import Trace, read_trace
from ipcsim.verdict import Outcome, Verdict, conclude
from tests.analysis import programs as make
from tests.analysis.events import Story

# scenarios with circles, orphans, processes that die, that are spawned, queues, segments, many wake-ups
REAL: dict[str, dict[str, Any]] = {
    "dining-philosophers": {},
    "producer-consumer": {},
    "lock-holder-crashes": {},
    "red-label": {},
    "full-queues": {},
    "private-by-inheritance": {},
    "lost-update": {"scheduler": "random", "seed": 1},
    "writer-starves": {},
}
HOSTILE = '</script>"\'`;:#%%{}[]|--><b>&amp;\\N\\"\x1b[31m\u202ertl\u200f\n\r\t' + "long" * 2500

Told = tuple[Trace, Outcome]


@cache
def folder() -> Path:
    """Where the traces of this session lie."""
    import tempfile

    made = tempfile.TemporaryDirectory(prefix="ipcsim-tests-")
    _KEPT.append(made)
    return Path(made.name)


_KEPT: list[Any] = []  # removes the folder when Python ends


@cache
def real(name: str) -> Told:
    """The trace of a run, and what it said; each scenario is run once."""
    path = real_path(name)
    return read_trace(path), api.read_outcome(path)


@cache
def real_path(name: str) -> Path:
    outcome = ipcsim.run(name, trace_dir=folder() / name, **REAL[name])
    return Path(outcome.extra["trace"])


def told(program: Program, story: Story, verdict: Verdict = Verdict.OK, **header: Any) -> Told:
    """A trace with these events, and an outcome with the deadlocks at its end."""
    trace = Trace(
        program, header, tuple(story.events), outcome={"verdict": str(verdict), "detected_after_s": 0.004}
    )
    past = history(trace)
    report = analyse(program, snapshot_at(past, past.end), MayAnalysis(program))
    findings = report.findings()
    found = conclude(findings) if findings else verdict
    return trace, Outcome("run", program.name, found, found, False, findings, 7, 0.5)


def seated(count: int = 2, program: Program | None = None, **header: Any) -> Told:
    """Every philosopher takes the left fork and waits for the right one."""
    program = program or make.philosophers(count)
    story = Story()
    for p in range(count):
        story.step(p, 0).call(p, 1)
    for p in range(count):
        story.begin(p, 2)
    return told(program, story, **header)


def hostile() -> Told:
    """The same with names that are out to break whatever shows them."""
    program = make.philosophers(2)
    family, forks = program.families[0], program.sets[0]
    code = tuple(replace(i, text=HOSTILE, at=replace(i.at, file=HOSTILE)) for i in family.code)
    code = tuple(replace(i, name=HOSTILE) if hasattr(i, "progress") else i for i in code)
    members = (Member(HOSTILE, 0, 2, (1, 1)),)
    program = replace(
        program,
        name=HOSTILE,
        families=(replace(family, name=HOSTILE, code=code),),
        sets=(replace(forks, members=members, name=HOSTILE),),
    )
    return seated(2, program)


def by_the_model() -> Told:
    """A counterexample of the model: step numbers for times, and a loop at its end."""
    program = make.philosophers(2)
    story = Story()
    step = 0

    def events(*some: tuple[str, int, int]) -> None:
        nonlocal step
        for what, process, pc in some:
            story.now = step - 1000
            getattr(story, what)(process, pc)
            if what != "call":
                step += 1
                continue
            story.events[-1] = story.events[-1]._replace(time=step)
            step += 1

    events(("step", 0, 0), ("call", 0, 1), ("step", 1, 0), ("call", 1, 1), ("begin", 0, 2), ("begin", 1, 2))
    trace, outcome = told(program, story, source="model", scheduler="replay")
    return replace(trace, notes=({"note": "lasso", "from": 3},)), outcome


def crowd(count: int = 400) -> Told:
    """More processes than a picture shows."""
    return seated(count)


ALL = {
    **{name: (lambda name=name: real(name)) for name in REAL},
    "hostile": hostile,
    "model": by_the_model,
    "crowd": crowd,
    "nothing": lambda: told(make.philosophers(2), Story()),
}
