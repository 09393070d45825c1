"""Where a search stops, when it looks at that, and how far it tells to be."""

from __future__ import annotations

import resource
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ENOUGH = "a finding, some time after it (--all goes on until every state was seen)"
LOOK_EVERY = 2048  # states between looks at the limits


@dataclass(frozen=True, slots=True)
class Limits:
    """Where to stop: states, bytes of memory (of this process), seconds; None: no limit.

    `after`: how many states more, once something was found, to look for something worse. Where several
    searches share the limits, `spent` are the states of those before, and `until` is when the seconds are
    over (`time.monotonic`).
    """

    states: int | None = None
    memory: int | None = None
    seconds: float | None = None
    after: int | None = 100_000
    spent: int = 0
    until: float | None = None


NO_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a search is: seconds, states, of which waiting to be expanded, depth, bytes of memory."""

    elapsed: float
    states: int
    queue: int
    depth: int
    memory: int


class Looks:
    """When to look at the limits again although few new states come: about ten times a second."""

    _PAUSE = 0.1  # seconds

    def __init__(self) -> None:
        self._every = self._left = 1
        self._last = time.monotonic()

    def due(self) -> bool:
        """Whether it is time; to be asked after each expansion."""
        self._left -= 1
        if self._left > 0:
            return False
        now = time.monotonic()
        spent, self._last = now - self._last, now
        if spent < self._PAUSE / 2:
            self._every = min(2 * self._every, LOOK_EVERY)
        elif spent > self._PAUSE:
            self._every = max(self._every // 2, 1)
        self._left = self._every
        return True


def resident_bytes() -> int:
    """The memory that this process has now; where that is not known, the most that it has had."""
    try:
        pages = int(Path("/proc/self/statm").read_bytes().split()[1])
    except (OSError, ValueError, IndexError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return pages * resource.getpagesize()


class TimeIsOver(KeyboardInterrupt):
    """The deadline has struck in the middle of something that does not look at the clock."""


_GRACE = 0.25  # seconds in which a search looks at the clock itself


@contextmanager
def deadline(limits: Limits) -> Iterator[None]:
    """Raise `TimeIsOver` inside where it goes on after `limits.until`: a process may do millions of steps
    that nobody else sees, and one condition may take minutes. In the main thread only, where signals come; a
    timer that somebody else has set is set again."""
    if limits.until is None or threading.current_thread() is not threading.main_thread():
        yield
        return

    def strike(_number: int, _frame: object) -> None:
        raise TimeIsOver

    began = time.monotonic()
    handler = signal.signal(signal.SIGALRM, strike)
    left, every = signal.setitimer(signal.ITIMER_REAL, max(_GRACE, limits.until - began + _GRACE))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        if left:
            signal.setitimer(signal.ITIMER_REAL, max(0.01, left - (time.monotonic() - began)), every)


def stopped_by(end: KeyboardInterrupt, limits: Limits) -> tuple[str, bool]:
    """(why a search stopped, whether it was the user's will)."""
    if isinstance(end, TimeIsOver):
        return f"the limit of {limits.seconds:g} s", False
    return "interrupted", True
