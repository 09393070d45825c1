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
from typing import Any, assert_never

from ipcsim.explorer.conditions import has_value
from ipcsim.kernel import effects
from ipcsim.kernel.effects import (
    Ask,
    Attach,
    AwaitZero,
    Change,
    Create,
    Detach,
    Effect,
    Find,
    Give,
    Inspect,
    Interrupt,
    OnSemaphores,
    Remove,
    Set,
    Start,
    Take,
)
from ipcsim.kernel.static import effects_of
from ipcsim.model.locals import ModelProcess
from ipcsim.model.machine import Machine
from ipcsim.program.constants import expressions_of
from ipcsim.program.expressions import Const, Expr, Local
from ipcsim.program.flow import ahead, cycles
from ipcsim.program.instructions import (
    Assign,
    Branch,
    Choose,
    Crash,
    Exit,
    Instruction,
    Jump,
    KernelCall,
    Load,
    Pause,
    Phase,
    Repeat,
    SemaphoreOperation,
    Semop,
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
        proc: ModelProcess,
        overflows: frozenset[int],
        shown: frozenset[int] = frozenset(),
    ) -> None:
        self._machine, self._proc = machine, proc
        self._overflows = overflows  # semaphores whose V might leave the range
        self._shown = shown  # pcs at which it may be in a phase that somebody looks at
        self.now: list[tuple[Access, ...]] = [tuple(self._of(i, pc)) for pc, i in enumerate(proc.code)]

    @cached_property
    def future(self) -> list[list[int]]:
        """By kind and pc: the slots that may be accessed so from there on."""
        room = len(self._machine.layout.slots)
        own = [sum({1 << room * kind + slot for kind, slot in now}) for now in self.now]
        found = ahead(self._proc.flow, own)
        return [[mask >> room * kind & (1 << room) - 1 for mask in found] for kind in Kind]

    @cached_property
    def gives_first(self) -> list[int]:
        """By pc: the semaphores that may be given from there on before they are taken.

        While a semaphore is 0 nobody can take it, so the first to give it is one of these.
        """
        gives = [sum({1 << slot for kind, slot in now if kind is Kind.GIVE}) for now in self.now]
        return ahead(self._proc.flow, gives, self.surely_taken)

    @cached_property
    def surely_taken(self) -> list[int]:
        """By pc: the semaphores that the instruction there certainly takes from when it succeeds."""
        return [self._surely_taken(i) for i in self._proc.code]

    def _surely_taken(self, instruction: Instruction) -> int:
        if not isinstance(instruction, KernelCall) or instruction.handlers or instruction.gives_up:
            return 0
        return sum(
            {
                1 << self._machine.sem[effect.set][effect.numbers[0]]
                for effect in self._effects(instruction)
                if isinstance(effect, Take) and effect.units is not None and len(effect.numbers) == 1
            }
        )

    def _effects(self, instruction: Instruction) -> tuple[Effect, ...]:
        return effects_of(instruction, self._machine.program, self.value)

    def may_fail(self, pc: int) -> bool:
        """Whether the instruction may end the process: an assertion, an errno, what has no value."""
        if pc in self._unseen_loops:
            return True
        instruction = self._proc.code[pc]
        match instruction:
            case Jump() | Repeat() | Pause() | Phase() | Choose() | Crash():
                return False
            case Branch(condition=condition):
                return not has_value(self._proc.fold(condition), self._machine)
            case Assign(value=value, index=None):
                return not isinstance(self._proc.fold(value), Const | Local)  # a sum may leave 64 bits
            case Exit():
                return not all(has_value(e, self._machine) for e in expressions_of(instruction))
            case Semop(operations=operations):
                if any(kind is Kind.WRITE for kind, _ in self.now[pc]):
                    return True  # it does not wait, or may leave the range
                return not all(self._is_certain(o) for o in operations)
            case Load(index=None):
                return False
        return True

    @cached_property
    def _unseen_loops(self) -> frozenset[int]:
        """The pcs of loops that nothing counts and in which nobody can see a step: one may never end, and is
        an error then."""
        code = self._proc.code
        follow = [
            [t for t in targets if not (i.visible or code[t].visible or _counted(i, t))]
            for i, targets in zip(code, self._proc.flow.next, strict=True)
        ]
        return frozenset(pc for loop in cycles(follow) for pc in loop)

    def _is_certain(self, operation: SemaphoreOperation) -> bool:
        """Whether the operation has a value whenever it is done."""
        if not isinstance(self._proc.fold(operation.delta), Const):
            return False
        if operation.index is None or operation.count is None:
            return True
        index = self._proc.fold(operation.index)
        return (
            isinstance(index, Const) and isinstance(index.value, int) and 0 <= index.value < operation.count
        )

    def reaching(self, marked: list[bool]) -> list[bool]:
        """By pc: whether a marked instruction may be met from there on."""
        return [bool(m) for m in ahead(self._proc.flow, [int(m) for m in marked])]

    # --- one instruction ---

    def _of(self, instruction: Instruction, pc: int) -> Iterator[Access]:
        done = self._effects(instruction)
        impatient = isinstance(instruction, KernelCall) and instruction.gives_up
        if isinstance(instruction, Semop) and instruction.ends_phase and pc in self._shown:
            # whether it has to wait shows: it ends its phase as it begins
            impatient = impatient or not all(isinstance(e, Give) for e in done)
        found: dict[int, Kind] = {}
        for effect in done:
            for kind, slot in self._touched(effect):
                # two operations on one semaphore, or an amount that varies: anything may happen
                found[slot] = Kind.WRITE if impatient or slot in found else kind
        yield from ((kind, slot) for slot, kind in found.items())

    def value(self, expr: Expr) -> Any:
        """What an expression is always worth in this process; None where it varies."""
        folded = self._proc.fold(expr)
        return folded.value if isinstance(folded, Const) else None

    def _touched(self, effect: Effect) -> Iterator[Access]:
        machine = self._machine
        match effect:
            case Take() | Give() | AwaitZero() | Set() | Ask():
                slots = machine.sem[effect.set]
                yield from ((self._kind(effect, slots[n]), slots[n]) for n in effect.numbers)
            case effects.Send(queue=queue):
                yield Kind.SEND, machine.queue[queue]
            case effects.Receive(queue=queue, selector=selector):
                plain = selector is not None and selector >= 0
                yield Kind.RECEIVE if plain else Kind.LOWEST, machine.queue[queue]
            case effects.Load() | effects.Store():
                kind = Kind.READ if isinstance(effect, effects.Load) else Kind.WRITE
                for generation in machine.element[effect.segment]:
                    yield from ((kind, generation[effect.field][i]) for i in effect.elements)
            case Create() | Find() | Attach() | Detach() | Remove() | Change() | Inspect():
                pass  # where there are any, no reduction asks what they touch: see `model.features`
            case Interrupt() | Start():
                pass
            case _:
                assert_never(effect)

    def _kind(self, effect: OnSemaphores, slot: int) -> Kind:
        match effect:
            case Take(units=int()):
                return Kind.TAKE
            case Give(units=int()):
                return Kind.WRITE if slot in self._overflows else Kind.GIVE
            case AwaitZero():
                return Kind.ZERO
            case Ask():
                return Kind.READ
            case Take() | Give() | Set():
                return Kind.WRITE
            case _:
                assert_never(effect)


def _counted(instruction: Instruction, target: int) -> bool:
    """Whether this is the way back of a counted loop, which ends."""
    return isinstance(instruction, Repeat) and target == instruction.target
