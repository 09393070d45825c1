"""What each instruction of each process may do to which slot: now, and at any time from a place on.

The basis of every reduction. Kinds of access, and which of them another process's step interferes with
(changes what it does, or does something else when it comes first):

- a TAKE (P) and a GIVE (V) of a semaphore that can be done at once may come in either order;
- two TAKEs compete; a ZERO (Z) waits for TAKEs and is broken by GIVEs; a READ sees all of them;
- a SEND appends and a RECEIVE takes the oldest that fits: of one queue they may come in either order where
  both can be done; SEND and SEND may not, nor RECEIVE and RECEIVE; a LOWEST (negative selector) sees SENDs;
- a WRITE interferes with everything; calls that do not wait (`nowait`, `timeout`) count as one.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from functools import cached_property
from typing import assert_never

from ipcsim.errors import EvaluationError
from ipcsim.explorer.conditions import has_value
from ipcsim.model.locals import Person
from ipcsim.model.machine import Machine
from ipcsim.program.constants import expressions_of
from ipcsim.program.expressions import Const, Expr, Local, position
from ipcsim.program.flow import ahead
from ipcsim.program.instructions import (
    Assert,
    Assign,
    Branch,
    Choose,
    Crash,
    Exit,
    GetValue,
    Instruction,
    Jump,
    Load,
    ObjectCall,
    Pause,
    Phase,
    Receive,
    Repeat,
    SemaphoreOperation,
    SemaphoreQuestion,
    Semop,
    Send,
    SetValue,
    Signal,
    Spawn,
    Store,
)


class Kind(IntEnum):
    TAKE = 0
    GIVE = 1
    ZERO = 2
    READ = 3
    WRITE = 4
    SEND = 5
    RECEIVE = 6
    LOWEST = 7


_ALL = frozenset(Kind)
INTERFERES: dict[Kind, frozenset[Kind]] = {
    Kind.TAKE: frozenset((Kind.TAKE, Kind.ZERO, Kind.READ, Kind.WRITE)),
    Kind.GIVE: frozenset((Kind.ZERO, Kind.READ, Kind.WRITE)),
    Kind.ZERO: frozenset((Kind.GIVE, Kind.WRITE)),
    Kind.READ: frozenset((Kind.TAKE, Kind.GIVE, Kind.WRITE, Kind.SEND, Kind.RECEIVE, Kind.LOWEST)),
    Kind.WRITE: _ALL,
    Kind.SEND: frozenset((Kind.SEND, Kind.READ, Kind.WRITE, Kind.LOWEST)),
    Kind.RECEIVE: frozenset((Kind.RECEIVE, Kind.LOWEST, Kind.READ, Kind.WRITE)),
    Kind.LOWEST: frozenset((Kind.SEND, Kind.RECEIVE, Kind.LOWEST, Kind.READ, Kind.WRITE)),
}
# what may enable an access of this kind that has to wait
ENABLES: dict[Kind, frozenset[Kind]] = {
    Kind.TAKE: frozenset((Kind.GIVE, Kind.WRITE)),
    Kind.ZERO: frozenset((Kind.TAKE, Kind.WRITE)),
    Kind.SEND: frozenset((Kind.RECEIVE, Kind.LOWEST, Kind.WRITE)),
    Kind.RECEIVE: frozenset((Kind.SEND, Kind.WRITE)),
    Kind.LOWEST: frozenset((Kind.SEND, Kind.WRITE)),
}

Access = tuple[Kind, int]  # kind, slot


class Accesses:
    """The accesses of one process, by pc; bit `slot` of a mask stands for that slot."""

    def __init__(
        self,
        machine: Machine,
        person: Person,
        overflows: frozenset[int],
        shown: frozenset[int] = frozenset(),
    ) -> None:
        self._machine, self._person = machine, person
        self._overflows = overflows  # semaphores whose V might leave the range
        self._shown = shown  # pcs at which it may be in a phase that somebody looks at
        self.now: list[tuple[Access, ...]] = [tuple(self._of(i, pc)) for pc, i in enumerate(person.code)]

    @cached_property
    def future(self) -> list[list[int]]:
        """By kind and pc: the slots that may be accessed so from there on."""
        room = len(self._machine.layout.slots)
        own = [sum({1 << room * kind + slot for kind, slot in now}) for now in self.now]
        found = ahead(self._person.flow, own)
        return [[mask >> room * kind & (1 << room) - 1 for mask in found] for kind in Kind]

    @cached_property
    def gives_first(self) -> list[int]:
        """By pc: the semaphores that may be given from there on before they are taken.

        While a semaphore is 0 nobody can take it, so the first to give it is one of these.
        """
        gives = [sum({1 << slot for kind, slot in now if kind is Kind.GIVE}) for now in self.now]
        return ahead(self._person.flow, gives, self.surely_taken)

    @cached_property
    def surely_taken(self) -> list[int]:
        """By pc: the semaphores that the instruction there certainly takes from when it succeeds."""
        return [
            sum(
                1 << slot
                for o in i.operations
                if (slot := self._single(i.set, o)) is not None and _negative(self._person.fold(o.delta))
            )
            if isinstance(i, Semop) and not i.handlers and not any(o.nowait for o in i.operations)
            else 0
            for i in self._person.code
        ]

    def may_fail(self, pc: int) -> bool:
        """Whether the instruction may end the process: an assertion, an errno, what has no value."""
        instruction = self._person.code[pc]
        match instruction:
            case Jump() | Repeat() | Pause() | Phase() | Choose() | Crash():
                return False
            case Branch(condition=condition):
                return not has_value(self._person.fold(condition), self._machine)
            case Assign(value=value, index=None):
                return not isinstance(self._person.fold(value), Const | Local)  # a sum may leave 64 bits
            case Exit():
                return not all(has_value(e, self._machine) for e in expressions_of(instruction))
            case Semop(operations=operations):
                if any(kind is Kind.WRITE for kind, _ in self.now[pc]):
                    return True  # it does not wait, or may leave the range
                return not all(self._is_certain(o) for o in operations)
            case Load(index=None):
                return False
        return True

    def _is_certain(self, operation: SemaphoreOperation) -> bool:
        """Whether the operation has a value whenever it is done."""
        if not isinstance(self._person.fold(operation.delta), Const):
            return False
        if operation.index is None or operation.count is None:
            return True
        index = self._person.fold(operation.index)
        return (
            isinstance(index, Const) and isinstance(index.value, int) and 0 <= index.value < operation.count
        )

    def reaching(self, marked: list[bool]) -> list[bool]:
        """By pc: whether a marked instruction may be met from there on."""
        return [bool(m) for m in ahead(self._person.flow, [int(m) for m in marked])]

    # --- one instruction ---

    def _of(self, instruction: Instruction, pc: int) -> Iterator[Access]:
        machine = self._machine
        match instruction:
            case Semop(set=number):
                yield from self._semop(instruction, number, pc)
            case SetValue(set=number, all=True):
                yield from ((Kind.WRITE, s) for s in machine.sem[number])
            case SetValue(set=number, base=base, count=count, index=index):
                yield from ((Kind.WRITE, s) for s in self._members(number, base, count, index))
            case GetValue(set=number, question=SemaphoreQuestion.ALL):
                yield from ((Kind.READ, s) for s in machine.sem[number])
            case GetValue(set=number, base=base, count=count, index=index):
                yield from ((Kind.READ, s) for s in self._members(number, base, count, index))
            case Send(queue=number):
                waits = not instruction.nowait and instruction.timeout is None
                yield (Kind.SEND if waits else Kind.WRITE, machine.queue[number])
            case Receive(queue=number):
                yield (self._receive(instruction), machine.queue[number])
            case Load():
                yield from ((Kind.READ, s) for s in self._elements(instruction))
            case Store():
                yield from ((Kind.WRITE, s) for s in self._elements(instruction))
            case ObjectCall() | Signal() | Spawn():
                pass  # where there are any, no reduction asks what they touch: see `model.features`
            case Phase() | Choose() | Assert() | Exit() | Crash():
                pass
            case Assign() | Branch() | Jump() | Repeat() | Pause():
                pass
            case _:
                assert_never(instruction)

    def _semop(self, semop: Semop, number: int, pc: int) -> Iterator[Access]:
        impatient = semop.nowait or semop.timeout is not None or any(o.nowait for o in semop.operations)
        # whether it has to wait shows: it ends its phase as it begins
        impatient = impatient or (semop.ends_phase and pc in self._shown and _may_wait(self._person, semop))
        found: dict[int, Kind] = {}
        for o in semop.operations:
            delta = self._person.fold(o.delta)
            for slot in self._members(number, o.base, o.count, o.index):
                kind = Kind.WRITE if impatient else self._operation(delta, slot)
                # two operations on one semaphore, or an index that varies: anything may happen
                found[slot] = kind if slot not in found else Kind.WRITE
        yield from ((kind, slot) for slot, kind in found.items())

    def _operation(self, delta: Expr, slot: int) -> Kind:
        if not isinstance(delta, Const) or not isinstance(delta.value, int):
            return Kind.WRITE
        if delta.value == 0:
            return Kind.ZERO
        if delta.value < 0:
            return Kind.TAKE
        return Kind.WRITE if slot in self._overflows else Kind.GIVE

    def _receive(self, receive: Receive) -> Kind:
        if receive.nowait or receive.timeout is not None:
            return Kind.WRITE
        selector = self._person.fold(receive.type)
        plain = isinstance(selector, Const) and isinstance(selector.value, int) and selector.value >= 0
        return Kind.RECEIVE if plain else Kind.LOWEST

    def _single(self, number: int, operation: SemaphoreOperation) -> int | None:
        slots = self._members(number, operation.base, operation.count, operation.index)
        return slots[0] if len(slots) == 1 else None

    def _members(self, number: int, base: int, count: int | None, index: Expr | None) -> list[int]:
        slots = self._machine.sem[number]
        if index is None or count is None:
            return [slots[base]]
        value = self._person.fold(index)
        if isinstance(value, Const) and isinstance(value.value, int):
            try:
                return [slots[position(base, count, value.value)]]
            except EvaluationError:
                return []
        return slots[base : base + count]

    def _elements(self, access: Load | Store) -> list[int]:
        slots = [s for g in self._machine.element[access.segment] for s in g[access.field]]
        if access.index is None:
            return slots[:1] if len(slots) == 1 else slots
        value = self._person.fold(access.index)
        if (
            isinstance(value, Const)
            and isinstance(value.value, int)
            and len(self._machine.element[access.segment]) == 1
        ):
            return slots[value.value : value.value + 1] if value.value >= 0 else []
        return slots


def _may_wait(person: Person, semop: Semop) -> bool:
    deltas = [person.fold(o.delta) for o in semop.operations]
    return not all(isinstance(d, Const) and isinstance(d.value, int) and d.value > 0 for d in deltas)


def _negative(delta: Expr) -> bool:
    return isinstance(delta, Const) and isinstance(delta.value, int) and delta.value < 0
