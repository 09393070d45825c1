"""What happened in a trace, process by process: where each ran, slept and ended, in which phase, who woke
whom, what each step changed, and every object's value over time. All report forms read this.

Times are the trace's own: ns of CLOCK_MONOTONIC, or the step numbers of a trace that the model wrote. A
call that did not sleep is running; that it slept is told by what others did meanwhile (`history_builder`).
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from enum import StrEnum

from ipcsim.analysis.history_objects import Value
from ipcsim.analysis.history_wakes import Wake
from ipcsim.errors import Location
from ipcsim.program import Program
from ipcsim.snapshot import Snapshot, Wait
from ipcsim.trace import Trace

__all__ = ["History", "Lane", "PhaseSpan", "Span", "Step", "Wake", "history", "snapshot_at"]


class Lane(StrEnum):
    RUNNING = "running"
    BLOCKED = "blocked"
    UNBORN = "not started"
    ENDED = "ended"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class Span:
    """`process` was in `lane` from `start` to `end`. Blocked: in the call at `pc`, which waits for `wait`,
    in words `on`: `fork[1]`, `room in belt`. Otherwise `pc` is where it began to be so."""

    process: int
    start: int
    end: int
    lane: Lane
    pc: int
    wait: Wait | None = None
    on: str = ""


@dataclass(frozen=True, slots=True)
class PhaseSpan:
    process: int
    start: int
    end: int
    name: str


@dataclass(frozen=True, slots=True)
class Step:
    """One finished visible instruction. `changes` are (object, field or process, new value): what this
    step made another; a process's own name stands for its phase. `pc` −1: killed by a signal. `then` is
    where the process is afterwards; `holds` are (process, semaphore, units) that are now another number."""

    time: int
    begin: int
    process: int
    pc: int
    text: str
    at: Location
    result: str
    changes: tuple[tuple[str, str], ...]
    then: int = -1
    holds: tuple[tuple[int, str, int], ...] = ()


@dataclass(frozen=True)
class History:
    """See the module. `spans` and `phases` are by process; the spans of a process follow each other
    without a gap from `start` to `end` (the last of one that ended at the very end has no length). `wakes`
    and `steps` are in the order of time. `series` gives each value as (time, value) changes, the first at
    `start`. `exact`: the events stand in the order of their effects; `by_steps`: times are step numbers of
    the model; `loop`: from when on it repeats for ever."""

    program: Program
    start: int
    end: int
    spans: tuple[tuple[Span, ...], ...]
    phases: tuple[tuple[PhaseSpan, ...], ...]
    wakes: tuple[Wake, ...]
    steps: tuple[Step, ...]
    series: dict[str, tuple[tuple[int, Value], ...]]
    exact: bool = False
    by_steps: bool = False
    loop: int | None = None
    trace: Trace | None = field(default=None, repr=False, compare=False)

    def span_at(self, process: int, time: int) -> Span:
        """What the process was doing at `time`: of two spans that meet there, the later."""
        spans = self.spans[process]
        return spans[max(0, bisect_right(spans, time, key=lambda s: s.start) - 1)]

    def value_at(self, label: str, time: int) -> Value:
        """The value of an object or field at `time`."""
        changes = self.series[label]
        return changes[max(0, bisect_right(changes, time, key=lambda c: c[0]) - 1)][1]


def history(trace: Trace) -> History:
    """Everything that `trace` tells; of one that was cut off, as far as it goes."""
    from ipcsim.analysis.history_builder import Builder

    return Builder(trace).build()


def is_exact(trace: Trace) -> bool:
    """Whether the events stand in the order of their effects, one process moving at a time."""
    return by_steps(trace) or trace.header.get("scheduler") in ("random", "pct", "replay")


def by_steps(trace: Trace) -> bool:
    """Whether times are step numbers: the trace is a counterexample of the model."""
    return trace.header.get("source") == "model"


def snapshot_at(source: History | Trace, time: int) -> Snapshot:
    """The whole system at `time`, what happened just then included; for `graph.analyse`."""
    from ipcsim.analysis.history_snapshots import Replay

    past = source if isinstance(source, History) else history(source)
    return Replay(past).snapshot(time)
