"""Two things on their way to one sleeper: made to meet again and again, each time a little differently."""

from __future__ import annotations

import itertools
import os
import signal
import time
from collections.abc import Callable, Iterator

from tests.conformance import calls
from tests.conformance.child import Child, NewChild

TRIALS = 30
_GAPS = (0.0, 0.0, 5e-6, 20e-6, 100e-6)  # seconds; a sleeper needs some 3 to 50 µs to get going

Sleeper = tuple[Child, Callable[[], None]]


class Gap:
    """The time between the two calls, spent awake: asleep we would let the other one run."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def __call__(self) -> None:
        end = time.perf_counter() + self._seconds
        while time.perf_counter() < end:
            pass


class Meetings:
    """Where the sleepers run, and how far apart the two things come.

    We stay on one processor. Half of the sleepers stay there, too, and need not run before we go to sleep;
    the others stay on another one, if there is another one, and run at once.
    """

    def __init__(self, new_child: NewChild) -> None:
        self._new = new_child
        self._before = os.sched_getaffinity(0)
        self._places = sorted(self._before)[:2]
        calls.stay_on(self._places[0])

    def end(self) -> None:
        os.sched_setaffinity(0, self._before)

    def sleepers(self) -> Iterator[Sleeper]:
        """Few children in turn, and the gap for each trial."""
        few = [self._child(place) for place in self._places]
        return itertools.islice(itertools.cycle((child, Gap(gap)) for gap in _GAPS for child in few), TRIALS)

    def mortals(self) -> Iterator[Sleeper]:
        """A new child for each trial, because it is going to be killed."""
        varied = itertools.cycle((place, Gap(gap)) for gap in _GAPS for place in self._places)
        return ((self._child(place), gap) for place, gap in itertools.islice(varied, TRIALS))

    def _child(self, place: int) -> Child:
        """One that catches SIGUSR1."""
        child = self._new()
        child.does(calls.stay_on, place)
        child.does(calls.catch, signal.SIGUSR1)
        return child
