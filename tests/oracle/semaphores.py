"""semop: what an array does, who is woken by a change, on what a sleeper counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

from tests.oracle.world import Sleeper, Undo, World

SEMVMX = 32767


class Op(NamedTuple):
    """One sembuf."""

    number: int
    delta: int
    nowait: bool
    undo: bool


Array = tuple[Op, ...]
ArrayOf = Callable[[int], Array]  # the array that a process sleeps in


@dataclass(frozen=True)
class Blocked:
    """The array has to wait, at this operation."""

    at: int


@dataclass(frozen=True)
class Done:
    values: tuple[int, ...]
    adjustments: tuple[tuple[int, int], ...]


def attempt(array: Array, values: tuple[int, ...], undo: Undo | None) -> Done | Blocked | str:
    """What the array does now (S-1 to S-4): all of it, an errno, or it has to wait."""
    running = list(values)
    adjustments = dict(undo.adjustments) if undo else {}
    for place, op in enumerate(array):
        if (op.delta == 0 and running[op.number] != 0) or running[op.number] + op.delta < 0:
            return "EAGAIN" if op.nowait else Blocked(place)
        running[op.number] += op.delta
        if running[op.number] > SEMVMX:
            return "ERANGE"
        if op.undo:
            adjustments[op.number] = adjustments.get(op.number, 0) - op.delta
            if not -SEMVMX - 1 <= adjustments[op.number] <= SEMVMX:
                return "ERANGE"
    return Done(tuple(running), tuple(sorted((n, a) for n, a in adjustments.items() if a)))


def alters(array: Array) -> bool:
    return any(op.delta for op in array)


def only_zeros(array: Array) -> bool:
    """Whether S-11 concerns the array."""
    return len(array) > 1 and not alters(array)


def undo_of(world: World, process: int, set_: int) -> Undo | None:
    return next((u for u in world.undo[process] if u.set == set_), None)


def use_undo(world: World, process: int, set_: int) -> None:
    """The process calls semop with SEM_UNDO: the set is now its most recently used one (S-16)."""
    here = undo_of(world, process, set_) or Undo(set_)
    world.undo[process] = (here, *[u for u in world.undo[process] if u.set != set_])


def apply(world: World, process: int, set_: int, array: Array, done: Done) -> None:
    """The array is done for this process (S-15)."""
    world.sems[set_] = done.values
    if any(op.undo for op in array):
        world.undo[process] = tuple(
            [u._replace(adjustments=done.adjustments) if u.set == set_ else u for u in world.undo[process]]
        )


def give_back(world: World, process: int, undo: Undo) -> None:
    """The undo of one set at the end of a process (S-16)."""
    values = list(world.sems[undo.set])
    for number, adjustment in undo.adjustments:
        values[number] = min(SEMVMX, max(0, values[number] + adjustment))
    world.sems[undo.set] = tuple(values)
    world.undo[process] = tuple([u for u in world.undo[process] if u.set != undo.set])


def set_values(world: World, set_: int, new: dict[int, int]) -> None:
    """SETVAL, SETALL: also clears everybody's undo of these semaphores (S-17)."""
    world.sems[set_] = tuple([new.get(n, v) for n, v in enumerate(world.sems[set_])])
    for process, undos in enumerate(world.undo):
        world.undo[process] = tuple(
            [
                u
                if u.set != set_
                else u._replace(adjustments=tuple([(n, a) for n, a in u.adjustments if n not in new]))
                for u in undos
            ]
        )


# --- the order of Linux ---


class Wake:
    """Who is completed by a change of a set, in the order of Linux (S-5 to S-9)."""

    def __init__(self, world: World, set_: int, array_of: ArrayOf) -> None:
        self._world, self._set, self._array_of = world, set_, array_of
        self.completed: list[tuple[int, str | None]] = []  # who is through, with an errno or none

    def run(self, touched: list[int] | None) -> None:
        """`touched`: the semaphores named in the call that made the change, None for all."""
        self._zeros(list(range(len(self._world.sems[self._set]))) if touched is None else touched)
        while self._one_that_alters():
            pass

    def _sleepers(self) -> Iterator[tuple[Sleeper, Array]]:
        for sleeper in self._world.sleepers[self._set]:
            yield sleeper, self._array_of(sleeper.process)

    def _zeros(self, numbers: list[int]) -> None:
        """Those who wait for zero only: first single ones by semaphore, then whole arrays (S-7)."""
        empty = [n for n in numbers if self._world.sems[self._set][n] == 0]
        for number in empty:
            for sleeper, array in list(self._sleepers()):
                if len(array) == 1 and not alters(array) and array[0].number == number:
                    self._goes(sleeper, array)
        for sleeper, array in list(self._sleepers()) if empty else ():
            if only_zeros(array):
                self._goes(sleeper, array)

    def _one_that_alters(self) -> bool:
        """Let the oldest that can go on do so; False where nobody can."""
        for sleeper, array in list(self._sleepers()):
            if alters(array) and self._goes(sleeper, array):
                self._zeros([op.number for op in array])
                return True
        return False

    def _goes(self, sleeper: Sleeper, array: Array) -> bool:
        """Whether the array of a sleeper is done now; it leaves the queue by an error, too."""
        process = sleeper.process
        result = attempt(array, self._world.sems[self._set], undo_of(self._world, process, self._set))
        if isinstance(result, Blocked):
            if only_zeros(array):
                _note(self._world, self._set, sleeper, result.at)
            return False
        left = tuple([s for s in self._world.sleepers[self._set] if s.process != process])
        self._world.sleepers[self._set] = left
        if isinstance(result, str):
            self.completed.append((process, result))
            return False
        apply(self._world, process, self._set, array, result)
        self.completed.append((process, None))
        return True


def look_again(world: World, set_: int, touched: list[int] | None, array_of: ArrayOf) -> None:
    """Under `weak` nobody is completed by another, but what S-11 says of the counts holds: sleepers of arrays
    of zeros are looked at where a touched semaphore is 0."""
    values = world.sems[set_]
    if all(values[n] for n in (range(len(values)) if touched is None else touched)):
        return
    for sleeper in world.sleepers[set_]:
        array = array_of(sleeper.process)
        if only_zeros(array):
            result = attempt(array, values, None)
            if isinstance(result, Blocked):
                _note(world, set_, sleeper, result.at)


def _note(world: World, set_: int, sleeper: Sleeper, blocker: int) -> None:
    world.sleepers[set_] = tuple(
        [s._replace(blocker=blocker) if s.process == sleeper.process else s for s in world.sleepers[set_]]
    )


def counts(
    world: World, set_: int, number: int, zero: bool, kernel: bool, array_of: ArrayOf
) -> Iterator[int]:
    """What GETNCNT (or GETZCNT, `zero`) may say: one number under `kernel`; under `weak` a sleeper that can
    go on is not counted, and one of S-11 counts where it is blocked now or where it was last looked at."""
    options: list[set[int | None]] = []
    for sleeper in world.sleepers[set_]:
        array = array_of(sleeper.process)
        now = attempt(array, world.sems[set_], undo_of(world, sleeper.process, set_))
        places: set[int | None] = {now.at if isinstance(now, Blocked) else None}
        if only_zeros(array) and kernel:
            places = {sleeper.blocker}
        elif only_zeros(array) and isinstance(now, Blocked):
            places.add(sleeper.blocker)
        options.append({_counted(array, p, number, zero) for p in places})
    yield from sorted({sum(c or 0 for c in choice) for choice in product(*options)})


def _counted(array: Array, place: int | None, number: int, zero: bool) -> int:
    if place is None:
        return 0
    return int(array[place].number == number and (array[place].delta == 0) is zero)
