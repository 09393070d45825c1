"""How evenly the processes of a trace were served: who waited how long, and how often it was overtaken.

Overtaking is counted as for a starvation finding: while a process slept, to when it was served and not to
when it next got a processor. A trace holds no word of the kernel on that: in a free run it is known of those
who want one unit of a semaphore (S-5: the first V that is left over for them); for others the END must do.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from ipcsim.analysis.fairness import jain, percentile
from ipcsim.analysis.history import History, Lane
from ipcsim.analysis.history_lanes import ordered
from ipcsim.analysis.operations import Operations
from ipcsim.analysis.requests import RECEIVE, SET, Key, Request, Requests
from ipcsim.facts.selectors import takes
from ipcsim.trace import Event, EventKind

EFFORT = 20_000_000  # services looked at to find who overtook most; beyond that `most` is a lower bound


@dataclass(frozen=True, slots=True)
class Share:
    """One process: `served` calls that take something, `sleeps` of which it slept in, for `waited` in all
    (`median`, `p95` and `longest` of the sleeps, in the trace's time). While it slept others were served
    before it `overtaken` times in all, `most` times one and the same in one sleep."""

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
    counting.count()
    shares = tuple(_share(past, counting, p.number) for p in past.program.processes)
    served: dict[str, float] = {}
    waited: dict[str, float] = {}
    for number, family in enumerate(past.program.families):
        members = [shares[p] for p in past.program.members(number)]
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


@dataclass(slots=True)
class _Services:
    """Who got something and when, in the order of time."""

    times: list[int] = field(default_factory=list)
    who: list[int] = field(default_factory=list)

    def add(self, time: int, process: int) -> None:
        self.times.append(time)
        self.who.append(process)

    def between(self, since: int, until: int) -> tuple[int, int]:
        """The places of those after `since` and before `until`."""
        return bisect_right(self.times, since), bisect_left(self.times, until)


@dataclass(frozen=True, slots=True)
class _Passed:
    """Those served from place `first` to before `end` of `services`, while somebody slept for it."""

    services: _Services
    first: int
    end: int

    @property
    def times(self) -> int:
        return self.end - self.first

    def most(self) -> int:
        """How often the one who was served most."""
        return max(Counter(self.services.who[self.first : self.end]).values(), default=0)


class _Counting:
    """One pass over the events for who was served what, then one over the sleeps."""

    def __init__(self, past: History) -> None:
        number = len(past.program.processes)
        self.calls = [0] * number
        self.overtaken = [0] * number
        self.most = [0] * number
        self._past = past
        self._requests = Requests(past.program, Operations(past.program))
        self._services: dict[Key, _Services] = {}
        self._wanted: dict[tuple[int, int], Request] = {}  # by (process, BEGIN)
        self._merged: dict[Key, _Services] = {}
        self._woken = {(wake.woken, wake.time): wake.waker_time for wake in past.wakes}

    def count(self) -> None:
        if self._past.trace is None:
            return
        for event in ordered(self._past.trace):
            self._take(event)
        effort = EFFORT
        for process in range(len(self.most)):
            passed = list(self._sleeps(process))
            self.overtaken[process] = sum(p.times for p in passed)
            for one in sorted(passed, key=lambda p: -p.times):
                if one.times <= self.most[process] or effort <= 0:
                    break
                effort -= one.times
                self.most[process] = max(self.most[process], one.most())

    def _sleeps(self, process: int) -> Iterator[_Passed]:
        """By whom the process was overtaken, sleep by sleep."""
        for span in self._past.spans[process]:
            request = self._wanted.get((process, span.start))
            if span.lane is Lane.BLOCKED and request is not None:
                until = span.end
                if not self._past.exact and len(request.pairs) == 1 and request.pairs[0][1] == -1:
                    until = self._woken.get((process, span.end), span.end)
                yield self._passed(request, span.start, until)

    def _take(self, event: Event) -> None:
        if event.kind not in (EventKind.BEGIN, EventKind.END) or event.errno:
            return
        request = self._requests.of(event)
        if request is None:
            return
        if event.kind is EventKind.BEGIN:
            if request.wants:
                self._wanted[event.process, event.time] = request
            return
        if request.wants:
            self.calls[event.process] += 1
        for key in request.serves:
            self._services.setdefault(key, _Services()).add(event.time, event.process)

    def _passed(self, request: Request, since: int, until: int) -> _Passed:
        """What it was overtaken on most. A turn at the whole set (SET) is for judging starvation, not what
        it waits for."""
        found = _Passed(_Services(), 0, 0)
        for key in request.wants:
            if key.sort == SET:
                continue
            services = self._of(key)
            one = _Passed(services, *services.between(since, until))
            if one.times > found.times:
                found = one
        return found

    def _of(self, wanted: Key) -> _Services:
        """Who got what `wanted` waits for: of messages all that it could have taken."""
        if wanted.sort != RECEIVE or (wanted.number > 0 and not wanted.exclude):
            return self._services.get(wanted) or _Services()
        if wanted not in self._merged:
            fitting = [
                services
                for key, services in self._services.items()
                if key.sort == RECEIVE
                and key.object == wanted.object
                and takes(wanted.number, wanted.exclude, key.number)
            ]
            merged = sorted(pair for one in fitting for pair in zip(one.times, one.who, strict=True))
            self._merged[wanted] = _Services([t for t, _ in merged], [w for _, w in merged])
        return self._merged[wanted]
