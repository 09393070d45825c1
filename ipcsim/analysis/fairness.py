"""How evenly processes were served: waiting times, percentiles, Jain's index."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ipcsim.program import Program
from ipcsim.program.instructions import Receive, Semop, Send
from ipcsim.trace import Event, EventKind


@dataclass(frozen=True, slots=True)
class Waiting:
    """The blocking calls of one process: how long each took, in ns; `open`: the last never ended."""

    process: int
    times: tuple[int, ...]
    open: bool

    @property
    def total(self) -> int:
        return sum(self.times)

    def percentiles(self) -> tuple[int, int, int]:
        """The median, the 95th percentile and the greatest."""
        return percentile(self.times, 50), percentile(self.times, 95), max(self.times, default=0)


def percentile(values: Sequence[int], percent: int) -> int:
    """The nearest-rank percentile: the least value that `percent` % of all do not exceed; 0 of none."""
    if not values:
        return 0
    rank = max(1, -(-len(values) * percent // 100))
    return sorted(values)[rank - 1]


def jain(values: Sequence[float]) -> float:
    """Jain's fairness index, (Σx)² / (n·Σx²): 1 where all got the same, 1/n where one got everything.

    R. Jain, D. Chiu, W. Hawe, "A Quantitative Measure of Fairness and Discrimination", DEC-TR-301, 1984.
    """
    squares = sum(v * v for v in values)
    return 1.0 if squares == 0 else sum(values) ** 2 / (len(values) * squares)


def waiting(program: Program, events: Iterable[Event]) -> tuple[Waiting, ...]:
    """The time from BEGIN to END of every semop, send and receive, by process."""
    times: list[list[int]] = [[] for _ in program.processes]
    begun: dict[int, int] = {}
    last = 0
    for event in events:
        last = max(last, event.time)
        if event.kind is EventKind.BEGIN:
            if isinstance(program.instruction(event.process, event.pc), Semop | Send | Receive):
                begun[event.process] = event.time
        elif event.kind in (EventKind.END, EventKind.DIED) and event.process in begun:
            times[event.process].append(event.time - begun.pop(event.process))
    for process, since in begun.items():
        times[process].append(last - since)
    return tuple(Waiting(p, tuple(t), p in begun) for p, t in enumerate(times))
