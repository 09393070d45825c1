"""Semaphore sets as the kernel treats them: pure rules over values (S-1 to S-20).

- `attempt`: what one semop array does now: done, an errno, or asleep on its n-th operation;
- `hand_over`: whom a change of values completes, in Linux's order (the `kernel` discipline);
- `blocked_on`: on which semaphore a sleeper counts (GETNCNT, GETZCNT).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ipcsim.facts.limits import SEMAEM, SEMVMX

LEAST_ADJUSTMENT, MOST_ADJUSTMENT = -SEMAEM - 1, SEMAEM  # of semadj (S-4)


class Operation(NamedTuple):
    """One sembuf with its flags."""

    number: int
    delta: int
    nowait: bool = False
    undo: bool = False


Operations = tuple[Operation, ...]
Values = dict[int, int]  # number → value, of as many of a set as matter; changed in place by what completes
Adjustments = dict[int, int]  # semadj of one process: number → adjustment


class Sleeps(NamedTuple):
    """The array cannot be done now; `blocker` is the operation that decides (S-2, S-10)."""

    blocker: int


Result = str | Sleeps | None  # an errno, asleep, or done


def attempt(operations: Operations, values: Values, adjustments: Adjustments) -> Result:
    """Do all operations in array order on a running copy, or none (S-1 to S-4).

    None: done, and `values` and `adjustments` are changed; else they are as before.
    """
    running: dict[int, int] = {}
    undone: Adjustments = {}
    for place, (number, delta, nowait, undo) in enumerate(operations):
        before = running.get(number, values[number])
        after = before + delta
        if after < 0 or (delta == 0 and before != 0):
            return "EAGAIN" if nowait else Sleeps(place)
        if after > SEMVMX:
            return "ERANGE"
        if undo:
            adjustment = undone.get(number, adjustments.get(number, 0)) - delta
            if not LEAST_ADJUSTMENT <= adjustment <= MOST_ADJUSTMENT:
                return "ERANGE"
            undone[number] = adjustment
        running[number] = after
    for number, value in running.items():
        values[number] = value
    adjustments.update(undone)
    return None


def give_back(adjustments: Adjustments, values: Values) -> tuple[int, ...]:
    """Exit with SEM_UNDO: all at once, clamped, never blocking (S-16). The numbers that were touched."""
    touched = tuple(number for number, adjustment in sorted(adjustments.items()) if adjustment)
    for number in touched:
        values[number] = min(SEMVMX, max(0, values[number] + adjustments[number]))
    return touched


class Sleeper(NamedTuple):
    """A process asleep in a semop; `blocker` is the operation it counts on, which may be stale (S-11)."""

    process: int
    operations: Operations
    blocker: int

    @property
    def alters(self) -> bool:
        return any(o.delta for o in self.operations)

    @property
    def simple(self) -> bool:
        return len(self.operations) == 1

    @property
    def grows_stale(self) -> bool:
        """Whether what it counts on is not looked at with every change (S-11)."""
        return not self.alters and not self.simple


class Completion(NamedTuple):
    """A sleeper's call is over: with success (`errno` None) or not."""

    sleeper: Sleeper
    errno: str | None


class HandOver:
    """Linux's hand-over of one set after a change of values: S-5 to S-11.

    `sleepers` are in the order of arrival; `adjustments` is asked for those of a process with SEM_UNDO.
    """

    def __init__(
        self, values: Values, sleepers: Sequence[Sleeper], adjustments: dict[int, Adjustments]
    ) -> None:
        self.values = values
        self.sleepers = list(sleepers)
        self.completed: list[Completion] = []
        self.adjustments = adjustments

    def run(self, touched: Sequence[int] | None) -> None:
        """Complete whoever can run. `touched` are the semaphores named in the call, None: all (SETALL)."""
        self._wake_zero(touched)
        restart = True
        while restart:
            restart = False
            for sleeper in [s for s in self.sleepers if s.alters]:
                outcome = self._try(sleeper)
                if outcome is True:
                    self._wake_zero([o.number for o in sleeper.operations])
                    restart = True
                    break

    def _wake_zero(self, touched: Sequence[int] | None) -> None:
        """Zero waiters: simple ones of each touched semaphore that is 0, then all complex ones (S-7)."""
        numbers = sorted(self.values) if touched is None else touched
        zero = [n for n in numbers if self.values[n] == 0]
        for number in zero:
            for sleeper in list(self.sleepers):
                if not sleeper.alters and sleeper.simple and sleeper.operations[0].number == number:
                    self._try(sleeper)
        if zero:  # otherwise complex ones are not looked at, and their blocker grows stale (S-11)
            for sleeper in [s for s in self.sleepers if not s.alters and not s.simple]:
                self._try(sleeper)

    def _try(self, sleeper: Sleeper) -> bool | None:
        """True: completed; False: ended by an error; None: sleeps on, with its blocker brought up to date."""
        result = attempt(sleeper.operations, self.values, self.adjustments.setdefault(sleeper.process, {}))
        place = self.sleepers.index(sleeper)
        if isinstance(result, Sleeps):
            self.sleepers[place] = sleeper._replace(blocker=result.blocker)
            return None
        del self.sleepers[place]
        self.completed.append(Completion(sleeper, result))
        return result is None


def blocked_on(sleeper: Sleeper) -> Operation:
    """The operation that a sleeper is counted at (S-10)."""
    return sleeper.operations[sleeper.blocker]


def count(sleepers: Iterable[Sleeper], number: int, zero: bool) -> int:
    """GETZCNT (`zero`) or GETNCNT of one semaphore."""
    blockers = [blocked_on(s) for s in sleepers]
    return sum(b.number == number and (b.delta == 0) == zero for b in blockers)
