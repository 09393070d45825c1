"""When what a process of a free run has recorded may have happened (CLOCK_MONOTONIC is one clock for all
processors):

- a call: from its BEGIN to its END, which may be missing where the process was killed or the run was over;
- a load or store: from the record before it to its own STEP, which is written right after the access.
  Between the two lie hundreds of instructions of the interpreter, so no store is still on its way;
- whatever ends a process (exit, crash, an error that nothing handles): until the supervisor has booked its
  death, because a process does not end at once (S-29).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ipcsim.explorer import recorded
from ipcsim.program import Program
from ipcsim.program.instructions import Assert, Crash, Exit, KernelCall
from ipcsim.trace import Event, EventKind


@dataclass(frozen=True)
class Lane:
    """The records of one process, and for each of them from when until when its effect may have happened.

    `open`: more may have happened than was recorded.
    """

    events: tuple[Event, ...]
    numbers: tuple[int, ...]  # of the events in the trace
    least: tuple[float, ...]
    most: tuple[float, ...]
    open: bool


def lanes(program: Program, events: Sequence[Event], until: int | None) -> list[Lane]:
    found: list[list[tuple[int, Event]]] = [[] for _ in program.processes]
    for number, event in enumerate(events):
        if event.kind is not EventKind.STALL and (until is None or event.time <= until):
            found[event.process].append((number, event))
    return [_lane(program, lane) for lane in found]


def _lane(program: Program, numbered: list[tuple[int, Event]]) -> Lane:
    events = tuple(e for _, e in numbered)
    died = events[-1].time if events and events[-1].kind is EventKind.DIED else math.inf
    least: list[float] = []
    most: list[float] = []
    for place, event in enumerate(events):
        before = events[place - 1].time if place else -math.inf
        ends = event.kind is not EventKind.DIED and _ends(program, event)
        least.append(event.time if event.kind is EventKind.BEGIN or _leaves(program, event) else before)
        fails = place + 1 < len(events) and _failed(events[place + 1])
        most.append(died if ends or fails else event.time)
    for place in reversed(range(len(events))):
        if events[place].kind is EventKind.BEGIN:  # over when the next record says so
            most[place] = most[place + 1] if place + 1 < len(events) else math.inf
    return Lane(events, tuple(n for n, _ in numbered), tuple(least), tuple(most), died == math.inf)


def _failed(event: Event) -> bool:
    """Whether it is an evaluation that failed: for the model a part of the step before."""
    return event.kind is EventKind.STEP and event.errno != 0


def _leaves(program: Program, event: Event) -> bool:
    """Whether it is recorded before it is done: a step by which the process ends itself."""
    if event.kind is not EventKind.STEP:
        return False
    return isinstance(program.instruction(event.process, event.pc), Exit | Crash)


def _ends(program: Program, event: Event) -> bool:
    """Whether the process is at its end with this record."""
    if _failed(event) or _leaves(program, event):
        return True
    instruction = program.instruction(event.process, event.pc)
    if event.kind is EventKind.STEP:
        return isinstance(instruction, Assert) and event.a == 0
    if event.kind is EventKind.END and event.errno:
        return isinstance(instruction, KernelCall) and recorded.unhandled(instruction, event.errno)
    return False
