"""Asks the kernel whether who seems to starve in a free run was in its queue all the while.

A record says when a process entered a call and when it came back, not when the kernel queued and served
it: on a busy machine milliseconds lie between. So a wait is asked about twice.

1. Some competitor was served now and then: the process sleeps in its call, says the kernel (`probe`). What
   was written before is counted and forgotten, and counting begins anew.
2. One competitor reached the bound: it still sleeps, without having run in between, so everything counted
   was served while it was in the queue. With one exception: the kernel takes a sleeper out of its queue
   first and wakes it then. So whoever was inside a call at that moment must have come out of it, or be
   asleep itself, and the sleeper must sleep on after that.

A process that was stopped and continued has run in between, and lost its place (Q-12): for it counting
begins anew.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from ipcsim.analysis.starvation import Overtaking, Sleeping
from ipcsim.program.instructions import ObjectKind, ObjectRef
from ipcsim.runner import objects
from ipcsim.runner.deadlock import SHARE
from ipcsim.runner.probe import Asleep, asleep, run_state, unmoved
from ipcsim.runner.rings import TAIL, WORDS
from ipcsim.runner.session import Session, object_of

MOST = 32  # waits that one look asks about
LONGEST_WAKE = 1.0  # seconds that others may take to come out of their calls
POLL = 0.001  # seconds between looks at them
# states of ps in which nobody is between taking a sleeper out of a queue and waking it
_OUT = (b"S", b"T", b"t", b"Z", b"X", b"")


@dataclass(frozen=True, slots=True)
class _Seen:
    """A process found asleep in the kernel's queue, after `written` records."""

    asleep: Asleep
    written: int


@dataclass
class StarvationWatch:
    """Looks where the monitor suspects something, within its share of time."""

    session: Session
    _samples: dict[int, _Seen] = field(default_factory=dict)  # by process, of the last confirmation
    _next: float = 0.0

    @property
    def _overtaking(self) -> Overtaking:
        return self.session.monitor.overtaking

    def look(self) -> None:
        """Answer the monitor's suspicions; what is confirmed is a finding of the monitor from then on."""
        if not self._overtaking.has_suspects:
            return
        start = time.monotonic()
        if start < self._next:
            return
        suspects = self._overtaking.suspects(MOST)
        self._begin([wait for wait in suspects if not wait.queued])
        for wait in suspects:
            if wait.queued and wait.asked:
                self._judge(wait)
        now = time.monotonic()
        self._next = now + (now - start) / SHARE

    def _begin(self, waits: list[Sleeping]) -> None:
        """Those that sleep are counted for from here."""
        samples = {wait.process: self._sample(wait) for wait in waits}
        if any(samples.values()):
            self.session.drain()  # what was served before the samples is not to be counted
        values: dict[int, tuple[int, ...] | None] = {}
        for wait in waits:
            sample = samples[wait.process]
            if sample is None or not self._overtaking.is_open(wait):
                self._overtaking.dismiss(wait)
                continue
            self._samples[wait.process] = sample
            set_ = wait.request.set
            if set_ not in values:
                values[set_] = self._values(set_)
            self._overtaking.confirm(wait, values[set_])

    def _sample(self, wait: Sleeping) -> _Seen | None:
        """Whether the process sleeps in this very call."""
        session, process = self.session, wait.process
        written = session.written(process)
        state = session.state(process)
        if written != session.rings.control[process * WORDS + TAIL] or state.wait is None:
            return None  # it has gone on, and the monitor does not know yet
        object_id = session.ids.get(object_of(state.wait))
        found = None if object_id is None else asleep(session.pid(process), state.wait, object_id)
        if found is None or session.written(process) != written:
            return None
        return _Seen(found, written)

    def _values(self, set_: int) -> tuple[int, ...] | None:
        if set_ < 0:
            return None
        object_id = self.session.ids.get(ObjectRef(ObjectKind.SEMAPHORES, set_))
        size = self.session.program.sets[set_].size
        return None if object_id is None else objects.semaphore_values(object_id, size)

    def _judge(self, wait: Sleeping) -> None:
        """The bound is reached: believe it, or begin anew."""
        evidence = self._overtaking.evidence(wait)
        if not self._sleeps_on(wait):
            self._overtaking.dismiss(wait)
        elif evidence is None:
            self._overtaking.doubt(wait)
        elif self._others_come_out() and self._sleeps_on(wait):
            self._overtaking.establish(evidence)
        else:
            self._overtaking.dismiss(wait)

    def _sleeps_on(self, wait: Sleeping) -> bool:
        """Whether it has not run since its sample: it is in the same call, asleep without a break."""
        sample = self._samples[wait.process]
        return unmoved(sample.asleep) and self.session.written(wait.process) == sample.written

    def _others_come_out(self) -> bool:
        """Wait until nobody is still inside a call that it was in before, awake."""
        session, monitor = self.session, self.session.monitor
        session.drain()
        inside = {
            process: session.written(process)
            for process in session.alive
            if monitor.in_call(process) or monitor.is_leaving(process)
        }
        until = time.monotonic() + LONGEST_WAKE
        while inside and time.monotonic() < until and not session.ending.interrupted:
            inside = {p: w for p, w in inside.items() if session.written(p) == w and not self._is_out(p)}
            if inside:
                time.sleep(POLL)
                session.drain()
        return not inside

    def _is_out(self, process: int) -> bool:
        return run_state(self.session.pid(process)) in _OUT
