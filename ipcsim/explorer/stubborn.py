"""Stubborn sets: which processes have to be explored in a state, so that nothing worth finding is missed.

A. Valmari, "Stubborn sets for reduced state space generation", 1991 (strong stubborn sets). A set of
processes is closed when

- for one that can step now, everybody who may, now or later, do something that its step interferes with
  is in the set (with the step that is next for them);
- for one that has to wait, everybody who may be the first to end that wait is in the set;
- if one of them can now change what an unproved property looks at, so is everybody who ever may. A step that
  fails ends its process, which leaves its phase.

Exploring only a closed set with somebody in it who can step keeps every deadlock and, as long as nobody is
left out for ever (`search` sees to that), every error, race and broken property. Of all such sets the one
in which the fewest can step is taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ipcsim.errors import EvaluationError
from ipcsim.explorer.accesses import ENABLES, INTERFERES, Access, Accesses, Kind
from ipcsim.explorer.checks import Checks
from ipcsim.model import semaphore_calls
from ipcsim.model.effects import Action
from ipcsim.model.layout import View
from ipcsim.model.locals import LIVING, Local
from ipcsim.model.machine import Machine
from ipcsim.model.turn import Turn
from ipcsim.program.instructions import Crash, Exit, Phase, Semop

Row = Sequence[tuple[Action, ...]]
Relations = list[list[int]]
_SMALL = 4  # sets of fewer than so many are looked for first, the smallest before larger ones


@dataclass(frozen=True, slots=True)
class _Place:
    """What matters of one local state of a process."""

    pc: int
    living: bool
    now: tuple[Access, ...]
    visible: bool
    operations: tuple[tuple[int, int], ...]  # (slot, delta) of a semop


class Stubborn:
    """Chooses for each state; see the module."""

    def __init__(self, machine: Machine, accesses: list[Accesses], checks: Checks) -> None:
        self._machine = machine
        self._checks = checks
        self._masks = [s.mask for s in machine.layout.slots]
        self._places: list[dict[int, _Place]] = [{} for _ in machine.processes]
        self._gives_first = [a.gives_first for a in accesses]
        self._accesses = accesses
        # by process, kind, pc: the slots of which it may yet do what interferes with that kind
        self._rivalry = [self._combined(a, INTERFERES) for a in accesses]
        self._relief = [self._combined(a, ENABLES) for a in accesses]
        self._users: dict[int, list[int]] = {}
        for proc, a in zip(machine.processes, accesses, strict=True):
            for slot in {s for now in a.now for _, s in now}:
                self._users.setdefault(slot, []).append(proc.number)
        self._watched = frozenset(s for p in checks.parts for s in p.slots)
        self._noticed = bool(checks.phases) or checks.asks_for_ends  # whether the end of a process is
        self._may_show = [self._showing(p.number) for p in machine.processes]
        self._near = [self._neighbours(p.number) for p in machine.processes]

    def _neighbours(self, process: int) -> list[int]:
        """Whose relations a step of this process may change: all who use what it uses."""
        if any(map(any, self._may_show)):
            return list(range(len(self._machine.processes)))
        slots = {s for now in self._accesses[process].now for _, s in now}
        return sorted({process}.union(*(self._users[s] for s in slots)))

    @staticmethod
    def _combined(accesses: Accesses, table: dict[Kind, frozenset[Kind]]) -> dict[Kind, list[int]]:
        length = len(accesses.now)
        found = {}
        for kind, others in table.items():
            masks = [0] * length
            for other in others:
                for pc, mask in enumerate(accesses.future[other]):
                    masks[pc] |= mask
            found[kind] = masks
        return found

    def _showing(self, process: int) -> list[bool]:
        """By pc: whether the process may yet do a step that a property may notice."""
        code = self._machine.processes[process].code
        phases = self._checks.phases
        ended = self._checks.asks_for_ends
        own = [
            (self._noticed and self._accesses[process].may_fail(pc))
            or (isinstance(i, Phase | Exit | Crash) and bool(phases))
            or (isinstance(i, Semop) and i.ends_phase and bool(phases))
            or (ended and isinstance(i, Exit | Crash))
            or any(slot in self._watched for _, slot in self._accesses[process].now[pc])
            for pc, i in enumerate(code)
        ]
        return self._accesses[process].reaching(own)

    def _place(self, state: int, process: int) -> _Place:
        own = state & self._masks[process]
        found = self._places[process].get(own)
        if found is None:
            found = self._places[process][own] = self._look(state, process)
        return found

    def _look(self, state: int, process: int) -> _Place:
        machine = self._machine
        local = machine.local(state, process)
        if local.mode not in LIVING:
            return _Place(local.pc, False, (), False, ())
        instruction = machine.processes[process].code[local.pc]
        operations: tuple[tuple[int, int], ...] = ()
        now = self._accesses[process].now[local.pc]
        if isinstance(instruction, Semop):
            operations = self._operations(state, process, local, instruction)
            touched = {slot for slot, _ in operations}
            now = tuple((k, s) for k, s in now if s in touched)
        phases = self._checks.phases
        changes = isinstance(instruction, Phase | Exit | Crash) or (
            isinstance(instruction, Semop) and instruction.ends_phase
        )
        visible = (
            (isinstance(instruction, Phase) and instruction.name in phases)
            or (changes and local.phase in phases)
            or (self._checks.asks_for_ends and isinstance(instruction, Exit | Crash))
            or any(slot in self._watched for _, slot in now)
        )
        return _Place(local.pc, True, now, visible, operations)

    def _operations(
        self, state: int, process: int, local: Local, semop: Semop
    ) -> tuple[tuple[int, int], ...]:
        """The (slot, delta) of a semop; none where it touches nothing because an index of it has no value."""
        machine = self._machine
        try:
            meant = semaphore_calls.operations(
                Turn(machine, View(machine.layout, state), process, local), semop
            )
        except EvaluationError:
            return ()
        return tuple((machine.sem[semop.set][o.number], o.delta) for o in meant)

    # --- choosing ---

    def relations(self, state: int, row: Row) -> Relations:
        """For each process, who has to be in a set that it is in."""
        return [self._related(p, state, row) for p in range(len(row))]

    def updated(self, relations: Relations, state: int, row: Row, moved: int) -> Relations:
        """The relations after a step of process `moved`: only those near it can have changed."""
        new = relations.copy()
        for p in self._near[moved]:
            new[p] = self._related(p, state, row)
        return new

    def choose(self, row: Row, relations: Relations) -> list[int]:
        """The processes to explore: of all closed sets one in which the fewest can step."""
        able = [p for p, actions in enumerate(row) if actions]
        if len(able) < 2:
            return able
        for limit in range(2, min(_SMALL, len(able)) + 1):
            for seed in able:
                found = self._close(seed, row, relations, limit)
                if found is not None:
                    return found
        best = able
        for seed in able:
            found = self._close(seed, row, relations, len(best))
            if found is not None:
                best = found
        return best

    @staticmethod
    def _close(seed: int, row: Row, relations: Relations, limit: int) -> list[int] | None:
        """Who can step in the smallest closed set around `seed`; None where that are `limit` or more."""
        members, work, able = {seed}, [seed], [seed]
        while work:
            for other in relations[work.pop()]:
                if other not in members:
                    members.add(other)
                    work.append(other)
                    if row[other]:
                        able.append(other)
                        if len(able) >= limit:
                            return None
        return sorted(able)

    def _related(self, process: int, state: int, row: Row) -> list[int]:
        """Who has to be in a set that `process` is in."""
        place = self._place(state, process)
        if not place.living:
            return []
        if not row[process]:
            return self._who_relieves(process, place, state)
        found: list[int] = []
        for kind, slot in place.now:
            for other in self._users[slot]:
                if other != process:
                    there = self._place(state, other)
                    if there.living and self._rivalry[other][kind][there.pc] >> slot & 1:
                        found.append(other)
        if place.visible or (self._noticed and any(a.failed for a in row[process])):
            found += [q for q, show in enumerate(self._may_show) if show[self._place(state, q).pc]]
        return found

    def _who_relieves(self, process: int, place: _Place, state: int) -> list[int]:
        """Who may be the first to end the wait of a process that cannot step."""
        kind, slot, empty = self._obstacle(place, state)
        found: list[int] = []
        for other in self._users.get(slot, ()):
            if other == process:
                continue
            there = self._place(state, other)
            if not there.living:
                continue
            may = self._relief[other][kind][there.pc] >> slot & 1
            if may and empty:  # nobody can take it first, so the first to give has not
                writes = self._accesses[other].future[Kind.WRITE][there.pc]
                may = (self._gives_first[other][there.pc] | writes) >> slot & 1
            if may:
                found.append(other)
        return found

    def _obstacle(self, place: _Place, state: int) -> tuple[Kind, int, bool]:
        """(kind, slot, whether the slot is a semaphore at 0) of what a waiting process lacks first."""
        layout, running = self._machine.layout, dict[int, int]()
        for slot, delta in place.operations:
            value = running.get(slot, layout.get(state, slot))
            if delta == 0 and value:
                return Kind.ZERO, slot, False
            if value + delta < 0:
                own_gives = any(s == slot and d > 0 for s, d in place.operations)
                return Kind.TAKE, slot, value == 0 and slot not in running and not own_gives
            running[slot] = value + delta
        kind, slot = place.now[0]
        return kind, slot, False
