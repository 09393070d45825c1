"""The values of semaphores as the events tell them.

In the order of the effects (a controlled scheduler) they are exact. In a free run events of different
processes overlap, so they are right whenever nobody is inside a call, and off by a few units in between.
A value that cannot be known (set by an expression, or after a removal) is None until it is set again.
"""

from __future__ import annotations

from ipcsim.analysis.operations import Pairs
from ipcsim.program import Program
from ipcsim.program.expressions import Const
from ipcsim.program.instructions import Lifecycle, ObjectCall, ObjectKind, Semop, SetValue
from ipcsim.program.objects import SEMVMX


class Values:
    """Apply every successful call to it, and every end of a process (SEM_UNDO, rule S-16)."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self.sets: list[list[int | None]] = [
            list(s.initial) if s.created_by_run else [None] * s.size for s in program.sets
        ]
        self._adjust: dict[int, dict[tuple[int, int], int]] = {}

    def get(self, set_: int, number: int) -> int | None:
        return self.sets[set_][number]

    def semop(self, process: int, instruction: Semop, pairs: Pairs, times: int = 1) -> None:
        """A semop of `process` succeeded, `times` over."""
        values = self.sets[instruction.set]
        for i, (number, delta) in enumerate(pairs):
            value = values[number]
            if delta and value is not None:
                values[number] = value + delta * times
            if delta and i < len(instruction.operations) and instruction.operations[i].undo:
                adjust = self._adjust.setdefault(process, {})
                key = (instruction.set, number)
                adjust[key] = adjust.get(key, 0) - delta * times

    def other(self, instruction: SetValue | ObjectCall) -> None:
        """A set_value, create or remove succeeded."""
        if isinstance(instruction, ObjectCall):
            if instruction.object.kind is ObjectKind.SEMAPHORES:
                size = self._program.sets[instruction.object.number].size
                fresh = 0 if instruction.action is Lifecycle.CREATE else None
                if instruction.action in (Lifecycle.CREATE, Lifecycle.REMOVE):
                    self.sets[instruction.object.number] = [fresh] * size
            return
        values = self.sets[instruction.set]
        known = [
            e.value if isinstance(e, Const) and isinstance(e.value, int) else None for e in instruction.values
        ]
        if instruction.all:
            values[:] = known + [None] * (len(values) - len(known))
        elif instruction.index is None:
            values[instruction.base] = known[0]
        else:
            span = range(instruction.base, instruction.base + (instruction.count or 1))
            for number in span:
                values[number] = None
        for adjust in self._adjust.values():  # S-17: setting a value clears everybody's undo
            for key in [k for k in adjust if k[0] == instruction.set and self._covers(instruction, k[1])]:
                del adjust[key]

    @staticmethod
    def _covers(instruction: SetValue, number: int) -> bool:
        if instruction.all or instruction.index is not None:
            return True
        return number == instruction.base

    def died(self, process: int) -> None:
        """The process is gone: the kernel undoes what it did with SEM_UNDO, within 0 … 32767."""
        for (set_, number), amount in self._adjust.pop(process, {}).items():
            value = self.sets[set_][number]
            if value is not None:
                self.sets[set_][number] = min(max(value + amount, 0), SEMVMX)
