"""Who holds units of which semaphore: what a process has taken of it, net.

A unit is only *held* where it is kept like a lock: the family both takes from the semaphore and gives back to
it, and there is something to take. Whether it is really held depends on the values as well, see
`analysis.graph.WaitForGraph.held`. SEM_UNDO gives back at the end; what else was taken stays so for ever.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from ipcsim.errors import NOWHERE, Location
from ipcsim.kernel.effects import Effect, Give, Remove, Set, Take
from ipcsim.kernel.static import effects_of, settable
from ipcsim.kernel.values import written
from ipcsim.program import Program
from ipcsim.program.instructions import ObjectKind
from ipcsim.snapshot import Holding

Place = tuple[int, int]  # set, semaphore


class Held(NamedTuple):
    """`process` holds so many units of the semaphore from now on."""

    process: int
    set: int
    number: int
    units: int


@dataclass(slots=True)
class _Own:
    """What a process took, net; `undo` is the part that its end gives back."""

    units: int = 0
    undo: int = 0
    since: Location = NOWHERE


class Holdings:
    """Apply what was done to it; what changes by that is returned."""

    def __init__(self, program: Program) -> None:
        like = _lock_like(program)
        self._like = [like[p.family] for p in program.processes]
        self._own: list[dict[Place, _Own]] = [{} for _ in program.processes]

    def apply(self, process: int, done: Iterable[Take | Give], at: Location, times: int = 1) -> list[Held]:
        """The process has done this at `at`, `times` over."""
        like, mine = self._like[process], self._own[process]
        changed: list[Held] = []
        for effect in done:
            place = effect.set, effect.numbers[0]
            if place not in like or not effect.units:
                continue
            units = effect.units * times if isinstance(effect, Take) else -effect.units * times
            own = mine.setdefault(place, _Own())
            own.units += units
            if effect.undo:
                own.undo += units
            if units > 0:
                own.since = at
            changed.append(Held(process, *place, own.units))
        return changed

    def forget(self, effect: Effect) -> list[Held]:
        """Semaphores that were given a value, or are gone, are held by nobody (S-17)."""
        match effect:
            case Set(set=number):
                wanted = [(number, n) for n in effect.numbers]
            case Remove(object=ref) if ref.kind is ObjectKind.SEMAPHORES:
                number = ref.number
                wanted = sorted({place for own in self._own for place in own if place[0] == number})
            case _:
                return []
        return [
            Held(process, *place, 0)
            for process, mine in enumerate(self._own)
            for place in wanted
            if (own := mine.pop(place, None)) is not None and own.units
        ]

    def ended(self, process: int) -> list[Held]:
        """The process is gone, and the kernel has given back what it took with SEM_UNDO (S-16)."""
        return list(self._given_back(process)) if 0 <= process < len(self._own) else []  # else: damaged

    def _given_back(self, process: int) -> Iterator[Held]:
        for place, own in self._own[process].items():
            if own.undo:
                own.units, own.undo = own.units - own.undo, 0
                yield Held(process, *place, own.units)

    def of(self, process: int) -> tuple[Holding, ...]:
        """What the process holds, by set and semaphore."""
        mine = self._own[process]
        if not mine:
            return ()
        return tuple([Holding(*p, own.units, own.since) for p, own in sorted(mine.items()) if own.units > 0])


def _lock_like(program: Program) -> list[frozenset[Place]]:
    """By family: the semaphores that it both takes from and gives back to, and that start, or may be set,
    with something to take: only of units of these can it be said that a process holds them."""
    done = [[e for i in f.code for e in effects_of(i, program, written)] for f in program.families]
    may_be_set = settable(program)
    initial = [s.initial for s in program.sets]
    found = []
    for some in done:
        taken, given = (
            {(e.set, n) for e in some if isinstance(e, kind) for n in e.numbers} for kind in (Take, Give)
        )
        found.append(frozenset((s, n) for s, n in taken & given if s in may_be_set or initial[s][n] > 0))
    return found
