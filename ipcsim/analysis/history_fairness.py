"""How evenly the processes of a trace were served: who waited how long, and how often it was overtaken."""

from __future__ import annotations

from dataclasses import dataclass

from ipcsim.analysis.fairness import jain, percentile
from ipcsim.analysis.history import History, Lane
from ipcsim.analysis.history_lanes import ordered
from ipcsim.analysis.requests import SET
from ipcsim.analysis.starvation import Overtaking
from ipcsim.trace import Event, EventKind


@dataclass(frozen=True, slots=True)
class Share:
    """One process: `served` calls that take something, `sleeps` of which it slept in, for `waited` in all
    (`median`, `p95` and `longest` of the sleeps, in the trace's time). While it slept others were served
    before it `overtaken` times in all, `most` in one sleep."""

    process: int
    served: int
    sleeps: int
    waited: int
    median: int
    p95: int
    longest: int
    overtaken: int
    most: int


@dataclass(frozen=True, slots=True)
class Fairness:
    """`served` and `waited` are Jain's index of a family's processes, by family; of several only."""

    shares: tuple[Share, ...]
    served: dict[str, float]
    waited: dict[str, float]


def fairness(past: History) -> Fairness:
    """The shares of all processes."""
    counting = _Counting(past)
    if past.trace is not None:
        for event in ordered(past.trace):
            counting.feed(event)
        for process in range(len(past.program.processes)):
            counting.end(process, past.end)
    shares = tuple(_share(past, counting, p.number) for p in past.program.processes)
    served: dict[str, float] = {}
    waited: dict[str, float] = {}
    for number, family in enumerate(past.program.families):
        members = [shares[p.number] for p in past.program.processes if p.family == number]
        if len(members) > 1:
            served[family.name] = jain([m.served for m in members])
            waited[family.name] = jain([m.waited for m in members])
    return Fairness(shares, served, waited)


def _share(past: History, counting: _Counting, process: int) -> Share:
    times = [s.end - s.start for s in past.spans[process] if s.lane is Lane.BLOCKED]
    return Share(
        process,
        counting.calls[process],
        len(times),
        sum(times),
        percentile(times, 50),
        percentile(times, 95),
        max(times, default=0),
        counting.overtaken[process],
        counting.most[process],
    )


class _Counting(Overtaking):
    """Overtaking without a bound: every wait counts, however short."""

    def __init__(self, past: History) -> None:
        super().__init__(past.program, 1 << 60)
        number = len(past.program.processes)
        self.calls = [0] * number
        self.overtaken = [0] * number
        self.most = [0] * number

    def end(self, process: int, time: int) -> None:
        wait = self._open.get(process)
        if wait is not None and wait.base:
            total = self._total
            # a turn at the whole set (SET) is for judging starvation, not what it waits for
            bases = wait.base.items()
            times = max((total.get(key, 0) - base for key, base in bases if key.sort != SET), default=0)
            self.overtaken[process] += times
            self.most[process] = max(self.most[process], times)
        super().end(process, time)

    def feed(self, event: Event) -> None:
        if event.kind is EventKind.END and not event.errno:
            request = self.requests.of(event)
            if request is not None and request.wants:
                self.calls[event.process] += 1
        super().feed(event)
