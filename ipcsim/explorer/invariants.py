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
from ipcsim.model.machine import Machine
from ipcsim.program.expressions import Const, position
from ipcsim.program.instructions import KernelCall, Phase, SemaphoreOperation, Semop, SetValue, successors


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
        self._text = {p.number: Accesses(machine, p, frozenset()) for p in machine.people}
        self.groups: list[Group] = []
        self._most: dict[tuple[int, frozenset[int]], list[int]] = {}
        self.overflowing: frozenset[int] = frozenset()
        if trusted and machine.living is None and not machine.undo:
            self._find()
        else:
            self.overflowing = frozenset(s for slots in machine.sem for s in slots)

    def _find(self) -> None:
        program = self._machine.program
        settable = {i.set for f in program.families for i in f.code if isinstance(i, SetValue)}
        overflowing: set[int] = set()
        for number, slots in enumerate(self._machine.sem):
            if number in settable:
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
        for person in self._machine.people:
            found = self._held(person.number, number, slots)
            if found is None:
                return None
            held.append(found)
        return Group(slots, total, held)

    def _held(self, process: int, number: int, slots: frozenset[int]) -> list[int] | None:
        """The least number of units in hand before each pc; None where some V may give what is not held."""
        text = self._text[process]
        code = self._machine.people[process].code
        if not self.touches(process, slots):
            return [0] * len(code)
        least: list[int | None] = [None] * len(code)
        least[0], work = 0, [0]
        while work:
            pc = work.pop()
            before = least[pc]
            assert before is not None
            instruction = code[pc]
            after = before
            if isinstance(instruction, Semop) and instruction.set == number:
                change = self._change(process, instruction, slots, before)
                if change is None:
                    return None
                after = before + change
            for target in text.follow[pc]:
                if target >= len(code):
                    continue
                failed = isinstance(instruction, KernelCall) and target != pc + 1
                value = min(before if failed else after, SEMVMX)
                known = least[target]
                if known is None or value < known:
                    least[target] = value
                    work.append(target)
        return [SEMVMX + 1 if v is None else v for v in least]  # never reached: never occupied

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
        person = self._machine.people[process]
        all_slots = self._machine.sem[number]
        if operation.index is None or operation.count is None:
            meant = [all_slots[operation.base]]
        else:
            index = person.fold(operation.index)
            if isinstance(index, Const) and isinstance(index.value, int):
                if not 0 <= index.value < operation.count:
                    return True, 0
                meant = [all_slots[position(operation.base, operation.count, index.value)]]
            else:
                meant = all_slots[operation.base : operation.base + operation.count]
        if not slots & set(meant):
            return True, 0
        delta = person.fold(operation.delta)
        if not isinstance(delta, Const) or not isinstance(delta.value, int):
            return False, None
        return set(meant) <= slots, int(delta.value)

    def _few(self, number: int, slot: int) -> bool:
        """Whether all Vs on a semaphore that can ever be done leave it in range: no V stands in a loop."""
        total = self._machine.program.sets[number].initial[self._machine.sem[number].index(slot)]
        for person in self._machine.people:
            text = self._text[person.number]
            for pc, instruction in enumerate(person.code):
                if not isinstance(instruction, Semop) or instruction.set != number:
                    continue
                given = 0
                for operation in instruction.operations:
                    _, units = self._units(person.number, number, operation, frozenset((slot,)))
                    if units is None:
                        return False
                    given += max(0, units)
                if given:
                    rounds = text.rounds(pc)
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
        return known[pc]

    def _most_before(self, process: int, group: Group) -> list[int]:
        code, text = self._machine.people[process].code, self._text[process]
        most = [0] + [-1] * (len(code) - 1)
        work = [0]
        while work:
            pc = work.pop()
            after = most[pc]
            instruction = code[pc]
            if isinstance(instruction, Semop):
                for operation in instruction.operations:
                    sure, units = self._units(process, instruction.set, operation, group.slots)
                    taken = group.total + 1 if units is None else -units
                    after += taken if sure or taken > 0 else 0
            after = max(0, min(after, group.total + 1))
            for target in text.follow[pc]:
                if target < len(code) and after > most[target]:
                    most[target] = after
                    work.append(target)
        return most

    # --- places ---

    def apart(self, first: tuple[int, Iterable[int]], second: tuple[int, Iterable[int]]) -> bool:
        """Whether it is proved that two processes are never at such pcs at once."""
        a, b = (first[0], list(first[1])), (second[0], list(second[1]))
        return any(g.excludes(a, b) for g in self.groups)

    def places_of(self, process: int, phase: str) -> frozenset[int]:
        """The pcs at which a process may be in a phase."""
        return self._phases[self._machine.people[process].family].get(phase, frozenset())

    @cached_property
    def _phases(self) -> list[dict[str, frozenset[int]]]:
        first: dict[int, int] = {}
        for person in self._machine.people:
            first.setdefault(person.family, person.number)
        return [
            self._phase_places(first[f]) if f in first else {}
            for f in range(len(self._machine.program.families))
        ]

    def _phase_places(self, process: int) -> dict[str, frozenset[int]]:
        code = self._machine.people[process].code
        # whichever way a branch goes in any instance of the family
        follow = [tuple(t for t in successors(code, pc) if t < len(code)) for pc in range(len(code))]
        seen: set[tuple[int, str | None]] = {(0, None)}
        work: list[tuple[int, str | None]] = [(0, None)]
        while work:
            pc, phase = work.pop()
            instruction = code[pc]
            if isinstance(instruction, Phase):
                phase = instruction.name
            elif isinstance(instruction, Semop) and instruction.ends_phase:
                phase = None
            for target in follow[pc]:
                if (target, phase) not in seen:
                    seen.add((target, phase))
                    work.append((target, phase))
        found: dict[str, set[int]] = {}
        for pc, name in seen:
            if name is not None:
                found.setdefault(name, set()).add(pc)
        return {name: frozenset(pcs) for name, pcs in found.items()}
