"""Watches for a deadlock, and announces one only when the kernel confirms it twice.

One sample, in this order, which is what makes it sound:

1. drain the rings: where every process is. A process that did something later is still before it here,
   so the analysis counts it as able to do it;
2. read the object values and analyse: who could never go on;
3. ask the kernel whether each of those really sleeps in its call (`probe`). Had anybody served one of
   them before step 1, it would not be asleep now, or would have written a record;
4. check that none of them has written a record meanwhile.

A second sample agrees where it finds the same processes stuck, and none of them has been running in
between: still asleep, with the same count of context switches.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace

from ipcsim.analysis.graph import DeadlockReport, analyse
from ipcsim.analysis.may import MayAnalysis
from ipcsim.runner.probe import Asleep, asleep, stopped, unmoved
from ipcsim.runner.session import Session, object_of
from ipcsim.snapshot import Snapshot, Status
from ipcsim.verdict import Finding

AGAIN_AFTER = 0.001  # seconds between the two samples
FIRST_LOOK, LONGEST_PAUSE = 0.002, 0.5  # seconds between looks while the kernel does not confirm
NO_NEWS = 5.0  # seconds until the next look where nothing changed since one that found no deadlock
STOPPED_PAUSE = 0.02  # seconds between looks for who is stopped, where the scenario stops somebody
SHARE = 0.02  # of a core that looking may cost


@dataclass(frozen=True)
class Sample:
    """Who can never go on, by one sample; `blocked_at` is when the last of them blocked (ns)."""

    sleepers: dict[int, Asleep]
    report: DeadlockReport
    blocked_at: int


@dataclass
class DeadlockWatch:
    """Looks when everything has come to rest, and otherwise now and then within its share of time.

    `findings` explain the deadlock; `announced_after` seconds passed from the last block to them.
    """

    session: Session
    findings: tuple[Finding, ...] = ()
    announced_after: float | None = None
    _may: MayAnalysis | None = None
    _since: dict[int, tuple[int, float]] = field(default_factory=dict)  # sleeper → records, first seen
    _looked: frozenset[tuple[int, int]] = frozenset()  # the sleepers at the last look
    _suspected: bool = False  # the last analysis found a deadlock, whether or not the kernel confirmed
    _cost: float = 0.0  # seconds that the last look took
    _changes: int = -1  # of the session, when `_since` was made
    _looked_at_all: bool = False  # the last look was at everybody who sleeps
    _next: float = 0.0
    _pause: float = FIRST_LOOK
    _next_stopped: float = 0.0

    def look(self) -> bool:
        """Look if there is reason to; True where a deadlock is found."""
        now = time.monotonic()
        if now >= self._next_stopped:
            self._next_stopped = now + STOPPED_PAUSE
            if self.session.find_stopped():
                self._changes = -1
        if self.session.changes != self._changes:
            self._changes = self.session.changes
            self._looked_at_all = False
            self._update(now)
            self._next = min(self._next, now + max(self._pause, self._cost / SHARE))
        elif now < self._next and self._looked_at_all:
            return False
        resting = frozenset((p, w) for p, (w, seen) in self._since.items() if now - seen >= FIRST_LOOK)
        if not resting:
            return False
        news = resting != self._looked
        everybody = len(resting) == len(self.session.alive)
        if now < self._next and not (news and everybody):
            return False
        self._pause = FIRST_LOOK if news else min(self._pause * 2, LONGEST_PAUSE)
        self._looked = resting
        self._looked_at_all = len(resting) == len(self._since)
        found = self.confirm()
        spent = self._cost = time.monotonic() - now
        if self._suspected:  # the kernel did not confirm yet: somebody is still on the way to sleep
            self._next = now + spent + self._pause
        else:
            pause = NO_NEWS if self._looked_at_all else self._pause
            self._next = now + spent + max(pause, spent / SHARE)
        return found

    def _update(self, now: float) -> None:
        """Who is in a call, since which record of theirs."""
        session, before = self.session, self._since
        self._since = {}
        for process in session.alive:
            if session.monitor.in_call(process) or process in session.stopped:
                written = session.written(process)
                known = before.get(process)
                self._since[process] = known if known and known[0] == written else (written, now)

    def confirm(self) -> bool:
        """Two samples that agree: a deadlock, explained in `findings`."""
        first = self._sample()
        if first is None:
            return False
        time.sleep(AGAIN_AFTER)
        if not self._stands(first):
            return False
        self.findings = first.report.findings()
        self.announced_after = (time.monotonic_ns() - first.blocked_at) / 1e9
        return True

    def _sample(self) -> Sample | None:
        session = self.session
        session.collect()
        session.find_stopped()
        snapshot = session.snapshot()
        if not any(s.status in (Status.BLOCKED, Status.STOPPED) for s in snapshot.processes):
            return None
        if any(session.monitor.is_leaving(p) for p in session.alive):
            self._suspected = True  # its death may be the reason: look again when it is known
            return None
        if self._may is None:
            self._may = MayAnalysis(session.program)
        written = {s.process: session.written(s.process) for s in snapshot.processes}
        report = analyse(session.program, snapshot, self._may)
        self._suspected = bool(report.deadlocked)
        if not self._suspected:
            return None
        sleepers = self._ask_kernel(snapshot, report.deadlocked)
        if sleepers is None or any(session.written(p) != written[p] for p in report.deadlocked):
            return None
        since = [snapshot.processes[p].since for p in report.deadlocked]
        blocked_at = max((s for s in since if s is not None), default=snapshot.time)
        return Sample(sleepers, report, blocked_at)

    def _stands(self, first: Sample) -> bool:
        """The second sample. The analysis is done again only where the system looks different now."""
        session = self.session
        session.collect()
        session.find_stopped()
        snapshot = session.snapshot()
        if replace(snapshot, time=first.report.snapshot.time) != first.report.snapshot:
            assert self._may is not None
            report = analyse(session.program, snapshot, self._may)
            if report.deadlocked != first.report.deadlocked:
                return False
        return all(unmoved(sample) for sample in first.sleepers.values())

    def _ask_kernel(self, snapshot: Snapshot, deadlocked: tuple[int, ...]) -> dict[int, Asleep] | None:
        sleepers: dict[int, Asleep] = {}
        for process in deadlocked:
            if snapshot.processes[process].status is Status.STOPPED:
                found = stopped(self.session.pid(process))
                if found is None:
                    return None
                sleepers[process] = found
                continue
            wait = snapshot.processes[process].wait
            if wait is None:
                return None
            object_id = self.session.ids.get(object_of(wait))
            found = None if object_id is None else asleep(self.session.pid(process), wait, object_id)
            if found is None:
                return None
            sleepers[process] = found
        return sleepers
