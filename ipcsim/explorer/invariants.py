"""What is proved from the text alone, by counting units.

Where every process gives back only what it took from a group of semaphores, the units in the group and
those in the processes' hands always add up to what the group began with (an S-invariant of the Petri net:
K. Lautenbach, 1973; T. Murata, Proc. IEEE 77(4), 1989). So two places that need more units together than
there are can never be occupied together: mutual exclusion, and no race under a lock. And no V leaves
the range.

Nothing is claimed where the values may change in another way: SETVAL, SEM_UNDO, sets that come and go.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

from ipcsim.explorer.accesses import Accesses
from ipcsim.facts.limits import SEMVMX
from ipcsim.kernel.static import settable
from ipcsim.model.features import Saving
from ipcsim.model.machine import Machine
from ipcsim.program.expressions import Const, position
from ipcsim.program.flow import forward
from ipcsim.program.instructions import Phase, SemaphoreOperation, Semop

_TOO_MANY = -1  # units in hand, where some V gives more than there are


class Group:
    """Semaphores whose units are conserved; `held[process][pc]`: at least so many are in its hands there."""

    def __init__(self, slots: frozenset[int], total: int, held: list[list[int]]) -> None:
        self.slots, self.total, self.held = slots, total, held

    def excludes(self, first: tuple[int, Iterable[int]], second: tuple[int, Iterable[int]]) -> bool:
        """Whether two processes can never be at such pcs at once."""
        least = [min((self.held[p][pc] for pc in pcs), default=SEMVMX + 1) for p, pcs in (first, second)]
        return sum(least) > self.total

    def separates(self, places: dict[int, list[int]]) -> bool:
        """Whether no two of these processes can be at their places at once."""
        least = sorted(min(self.held[p][pc] for pc in pcs) for p, pcs in places.items())
        return least[0] + least[1] > self.total


class Invariants:
    """The conserved groups of a Program: single semaphores, else pairs of one set."""

    def __init__(self, machine: Machine, trusted: bool = True) -> None:
        """`trusted`: whether units are counted at all; else nothing is claimed to be proved."""
        self._machine = machine
        self._text = {p.number: Accesses(machine, p, frozenset()) for p in machine.processes}
        self.groups: list[Group] = []
        self._most: dict[tuple[int, frozenset[int]], dict[int, int]] = {}
        self.overflowing: frozenset[int] = frozenset()
        if trusted and Saving.UNITS not in machine.off:
            self._find()
        else:
            self.overflowing = frozenset(s for slots in machine.sem for s in slots)

    def _find(self) -> None:
        program = self._machine.program
        may_be_set = settable(program)
        overflowing: set[int] = set()
        for number, slots in enumerate(self._machine.sem):
            if number in may_be_set:
                overflowing |= set(slots)
                continue
            single = {s: g for s in slots if (g := self._group(number, frozenset((s,))))}
            self.groups += single.values()
            loose = [s for s in slots if s not in single]
            for s in loose:
                group = next(
                    (g for t in slots if t != s and (g := self._group(number, frozenset((s, t))))), None
                )
                if group is not None:
                    self.groups.append(group)
                elif not self._few(number, s):
                    overflowing.add(s)
        self.overflowing = frozenset(overflowing)

    def _group(self, number: int, slots: frozenset[int]) -> Group | None:
        """The group if every process gives only what it holds of it."""
        initial = self._machine.program.sets[number].initial
        total = sum(initial[self._machine.sem[number].index(s)] for s in slots)
        if total > SEMVMX:
            return None
        held: list[list[int]] = []
        for proc in self._machine.processes:
            found = self._held(proc.number, number, slots)
            if found is None:
                return None
            held.append(found)
        return Group(slots, total, held)

    def _held(self, process: int, number: int, slots: frozenset[int]) -> list[int] | None:
        """The least number of units in hand before each pc; None where some V may give what is not held."""
        proc = self._machine.processes[process]
        code = proc.code
        if not self.touches(process, slots):
            return [0] * len(code)

        def done(pc: int, before: int) -> int:
            instruction = code[pc]
            if before == _TOO_MANY or not isinstance(instruction, Semop) or instruction.set != number:
                return before
            change = self._change(process, instruction, slots, before)
            return _TOO_MANY if change is None else min(before + change, SEMVMX)

        least = forward(proc.flow, 0, min, done)
        if _TOO_MANY in least.values():
            return None
        return [least.get(pc, SEMVMX + 1) for pc in range(len(code))]  # never reached: never occupied

    def touches(self, process: int, slots: frozenset[int]) -> bool:
        """Whether some step of the process uses one of these semaphores."""
        return any(slot in slots for now in self._text[process].now for _, slot in now)

    def _change(self, process: int, semop: Semop, slots: frozenset[int], before: int) -> int | None:
        """What a semop does to the units in hand, at least; None where it may give what is not there."""
        change = 0
        for operation in semop.operations:
            sure, units = self._units(process, semop.set, operation, slots)
            if units is None:
                return None
            if units > 0:  # V
                change -= units
                if before + change < 0:
                    return None
            elif sure:
                change -= units
        return change

    def _units(
        self, process: int, number: int, operation: SemaphoreOperation, slots: frozenset[int]
    ) -> tuple[bool, int | None]:
        """(whether it is surely one of the group, its delta); 0 where it is surely none of it."""
        proc = self._machine.processes[process]
        all_slots = self._machine.sem[number]
        if operation.index is None or operation.count is None:
            meant = [all_slots[operation.base]]
        else:
            index = proc.fold(operation.index)
            if isinstance(index, Const) and isinstance(index.value, int):
                if not 0 <= index.value < operation.count:
                    return True, 0
                meant = [all_slots[position(operation.base, operation.count, index.value)]]
            else:
                meant = all_slots[operation.base : operation.base + operation.count]
        if not slots & set(meant):
            return True, 0
        delta = proc.fold(operation.delta)
        if not isinstance(delta, Const) or not isinstance(delta.value, int):
            return False, None
        return set(meant) <= slots, int(delta.value)

    def _few(self, number: int, slot: int) -> bool:
        """Whether all Vs on a semaphore that can ever be done leave it in range: no V stands in a loop."""
        total = self._machine.program.sets[number].initial[self._machine.sem[number].index(slot)]
        for proc in self._machine.processes:
            for pc, instruction in enumerate(proc.code):
                if not isinstance(instruction, Semop) or instruction.set != number:
                    continue
                given = 0
                for operation in instruction.operations:
                    _, units = self._units(proc.number, number, operation, frozenset((slot,)))
                    if units is None:
                        return False
                    given += max(0, units)
                if given:
                    rounds = proc.rounds(pc)
                    if rounds is None:
                        return False
                    total += given * rounds
        return total <= SEMVMX

    def most_held(self, process: int, group: Group, pc: int) -> int:
        """The most units of a conserved group in the hands of a process before `pc`; more than there are
        where no bound is known."""
        known = self._most.get((process, group.slots))
        if known is None:
            known = self._most[process, group.slots] = self._most_before(process, group)
        return known.get(pc, 0)  # where it never comes it holds nothing

    def _most_before(self, process: int, group: Group) -> dict[int, int]:
        proc = self._machine.processes[process]

        def done(pc: int, before: int) -> int:
            instruction, after = proc.code[pc], before
            if isinstance(instruction, Semop):
                for operation in instruction.operations:
                    sure, units = self._units(process, instruction.set, operation, group.slots)
                    taken = group.total + 1 if units is None else -units
                    after += taken if sure or taken > 0 else 0
            return max(0, min(after, group.total + 1))

        return forward(proc.flow, 0, max, done)

    # --- places ---

    def apart(self, first: tuple[int, Iterable[int]], second: tuple[int, Iterable[int]]) -> bool:
        """Whether it is proved that two processes are never at such pcs at once."""
        a, b = (first[0], list(first[1])), (second[0], list(second[1]))
        return any(g.excludes(a, b) for g in self.groups)

    def places_of(self, process: int, phase: str) -> frozenset[int]:
        """The pcs at which a process may be in a phase."""
        return self._phases[self._machine.processes[process].family].get(phase, frozenset())

    @cached_property
    def _phases(self) -> list[dict[str, frozenset[int]]]:
        first: dict[int, int] = {}
        for proc in self._machine.processes:
            first.setdefault(proc.family, proc.number)
        return [
            self._phase_places(first[f]) if f in first else {}
            for f in range(len(self._machine.program.families))
        ]

    def _phase_places(self, process: int) -> dict[str, frozenset[int]]:
        text = self._machine.processes[process].text

        def after(pc: int, phases: frozenset[str]) -> frozenset[str]:
            instruction = text.code[pc]
            if isinstance(instruction, Phase):
                return frozenset((instruction.name,))
            # it is over when the call begins, whether that fails or not
            return frozenset() if isinstance(instruction, Semop) and instruction.ends_phase else phases

        # whichever way a branch goes in any instance of the family
        before = forward(text.flow, frozenset[str](), frozenset.union, after, after)
        found: dict[str, set[int]] = {}
        for pc, phases in before.items():
            for name in phases:
                found.setdefault(name, set()).add(pc)
        return {name: frozenset(pcs) for name, pcs in found.items()}
