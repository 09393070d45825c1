"""Whether Linux can do what was found for `weak` semaphores, where anybody who waits may be next.

Two questions. Whether it can go one way: the way is followed on the machine of Linux's own order, event by
event. And whether the verdict is possible there at all: that only a complete search in that order answers,
with the same options, which gets a small share of the time that is left.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from ipcsim.explorer.conclusion import Conclusion, Way
from ipcsim.explorer.follow import follow
from ipcsim.explorer.limits import Limits
from ipcsim.explorer.path import Path
from ipcsim.model.living import Unsupported
from ipcsim.verdict import Verdict

CHECK_STATES = 200_000  # states to spend on it
SHARE = 0.2  # of the seconds that are left
LEAST = 5.0  # seconds, where there is no limit; or as long as the search itself took


@dataclass(frozen=True)
class Compared:
    """What the search in Linux's order said: whether it saw every state, what it found, and the ways."""

    complete: bool
    verdicts: frozenset[Verdict]
    settled: frozenset[Verdict]  # what it would have found
    ways: tuple[Way, ...]


Compare = Callable[[Limits], Compared]


def departure(path: Path) -> str | None:
    """Why Linux cannot go this way, in words; None where it can, or where that cannot be told: a way on which
    somebody is quicker than an end or a signal is none of turns."""
    machine = path.machine
    if machine.kernel or not machine.explicit:
        return None  # nobody sleeps on the way, so it is nobody's turn before another's
    if path.hurried:
        return None
    try:
        found = follow(machine.program, path.events(), machine.crashes)
    except (Unsupported, ValueError):
        return None
    return None if found is None else found.words


def limits_of(given: Limits, started: float) -> Limits:
    """What of the limits the comparison may use."""
    now = time.monotonic()
    left = max(LEAST, now - started) if given.until is None else SHARE * max(0.0, given.until - now)
    states = CHECK_STATES if given.states is None else min(CHECK_STATES, given.states)
    return Limits(states, given.memory, left, after=0, until=now + left)


def compare(drawn: Conclusion, limits: Limits, search: Compare) -> list[str]:
    """Put a way first that Linux can go, where there is one; what is to be remarked on the verdict."""
    verdict = drawn.verdict
    _mark(drawn)
    same = [w for w in drawn.ways if w.verdict is verdict]
    # of those that Linux can go, rather one that a replay can go as well
    possible = next(iter(sorted((w for w in same if w.linux is None), key=lambda w: w.path.hurried)), None)
    if possible is not None and same[0] is not possible:
        drawn.put_first(possible)
    other = search(limits)
    if verdict not in other.verdicts and not other.complete and other.verdicts:
        # it found something else, and ended: is the verdict possible besides?
        other = search(Limits(limits.states, limits.memory, limits.seconds, None, 0, limits.until))
    if verdict not in other.verdicts:
        if other.complete and verdict in other.settled:
            return [
                f"On Linux this {verdict} cannot happen: it hands semaphores and messages over in its own "
                "order (proved with `--semaphores kernel`). It can on a system that promises no more than "
                "POSIX."
            ]
    elif possible is None:
        drawn.put_first(next(w for w in other.ways if w.verdict is verdict))
    return []


def _mark(drawn: Conclusion) -> None:
    """Say of each way whether Linux can go it."""
    drawn.ways = [replace(w, linux=departure(w.path)) for w in drawn.ways]


def remark(way: Way) -> list[str]:
    """That Linux cannot go this way."""
    if way.linux is None:
        return []
    return [
        "Linux, which hands semaphores and messages over in its own order, cannot go this way: "
        f"{way.linux}. `--semaphores kernel` tells what it can do."
    ]
