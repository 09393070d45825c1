"""Who takes the next step, where the supervisor decides that.

A scheduler is an oracle: it is shown the choices that are possible now and names one. It sees nothing
else, so the same seed on the same program gives the same schedule.

- `RandomScheduler`: any of them, evenly;
- `PctScheduler`: random priorities, changed at a few random points: finds a bug that needs d ordering
  constraints with probability ≥ 1/(n·k^(d−1)) (Burckhardt et al., ASPLOS 2010);
- `ReplayScheduler`: what a Schedule says.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Protocol

from ipcsim.program import Program, RunSettings
from ipcsim.program import Scheduler as Name
from ipcsim.schedule import Choice, Schedule

EXPECTED_STEPS = 1000  # pct spreads its priority changes over this many steps


class Scheduler(Protocol):
    """Chooses one of the possible steps."""

    def choose(self, possible: Sequence[Choice]) -> Choice | None:
        """One of `possible` (never empty); None where it has nothing (more) to say."""
        ...


class RandomScheduler:
    def __init__(self, seed: int) -> None:
        self._random = random.Random(f"random:{seed}")

    def choose(self, possible: Sequence[Choice]) -> Choice:
        return self._random.choice(possible)


class PctScheduler:
    """The possible process with the highest priority goes on; at `depth` − 1 points it drops to the lowest.

    A timeout strikes only where nothing else is possible.
    """

    def __init__(self, seed: int, processes: int, depth: int) -> None:
        self._random = random.Random(f"pct:{seed}")
        order = list(range(processes))
        self._random.shuffle(order)
        self._priority = {process: depth + place for place, process in enumerate(order)}
        points = self._random.sample(range(1, EXPECTED_STEPS), min(max(0, depth - 1), EXPECTED_STEPS - 1))
        self._drops = {step: low for low, step in enumerate(sorted(points))}
        self._step = 0

    def choose(self, possible: Sequence[Choice]) -> Choice:
        self._step += 1
        steps = [c for c in possible if not c.timeout] or list(possible)
        best = max(steps, key=lambda c: self._priority[c.process]).process
        if self._step in self._drops:
            self._priority[best] = -1 - self._drops[self._step]
            best = max(steps, key=lambda c: self._priority[c.process]).process
        return self._random.choice([c for c in steps if c.process == best])


class ReplayScheduler:
    """Follows a Schedule to its end.

    `refused` is set where the next choice was not possible: (number of the step from 1, the choice).
    """

    def __init__(self, schedule: Schedule) -> None:
        self._choices = schedule.choices
        self._next = 0
        self.refused: tuple[int, Choice] | None = None

    @property
    def upcoming(self) -> Choice | None:
        """The choice that comes next; None at the end."""
        return self._choices[self._next] if self._next < len(self._choices) else None

    def choose(self, possible: Sequence[Choice]) -> Choice | None:
        if self._next >= len(self._choices):
            return None
        choice = self._choices[self._next]
        self._next += 1
        if choice not in possible:
            self.refused = (self._next, choice)
            return None
        return choice


def make(program: Program, settings: RunSettings, seed: int, schedule: Schedule | None) -> Scheduler | None:
    """The scheduler that the settings name; None for `free`."""
    if schedule is not None:
        return ReplayScheduler(schedule)
    match settings.scheduler:
        case Name.RANDOM:
            return RandomScheduler(seed)
        case Name.PCT:
            return PctScheduler(seed, len(program.processes), settings.depth)
        case _:
            return None
