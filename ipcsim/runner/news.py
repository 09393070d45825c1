"""How the supervisor learns that a process is where it has not been yet: see `analysis.livelock`.

Only at the few instructions that `analysis.idle` names does a worker remember the variables that it was there
with; it counts what is new in a word of its own, and writes no record of it. The supervisor reads that word
when it is about to call something a livelock, and says by a word of its own from when on all is new again.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from ipcsim.program.expressions import Locals
from ipcsim.runner.rings import Rings

# What is kept at a place: by one process at most, by all of them together, and by one in any case.
MOST, TOGETHER, LEAST = 100_000, 2_000_000, 1_000


class RunNews:
    """The supervisor's end."""

    def __init__(self, rings: Rings) -> None:
        self._words, self._last = rings.news, rings.processes

    def of(self, process: int) -> int:
        return int(self._words[process])

    def renew(self) -> None:
        self._words[self._last] += 1


def watch(
    step: Callable[[], int], slots: tuple[int, ...], env: Locals, rings: Rings, process: int
) -> Callable[[], int]:
    """The worker's: `step`, and then count whether the process has not been here with these variables.

    What it has seen is forgotten when the supervisor says so, and when it has become too much.
    """
    news, last, here = rings.news, rings.processes, operator.itemgetter(*slots)
    most = min(MOST, max(LEAST, TOGETHER // rings.processes))
    seen: set[Any] = set()
    since = news[last]

    def watched() -> int:
        nonlocal since
        after = step()
        if news[last] != since or len(seen) >= most:
            since = news[last]
            seen.clear()
        values = here(env)
        if values not in seen:
            seen.add(values)
            news[process] += 1
        return after

    return watched
