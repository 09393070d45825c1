"""Where a search stops, when it looks at that, and how far it tells to be."""

from __future__ import annotations

import resource
import time
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
