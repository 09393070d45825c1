"""Which semaphores a semop touches: one answer for every analysis that reads events.

Constant operations are known from the Program; where they vary the worker writes them into the BEGIN
event, and they are remembered until the call's END.
"""

from __future__ import annotations

from ipcsim.analysis.resolve import Constants, Known, varies
from ipcsim.errors import EvaluationError
from ipcsim.kernel.observed import Pairs as Pairs
from ipcsim.program import Family, Program
from ipcsim.program.expressions import position
from ipcsim.program.instructions import SemaphoreOperation, Semop, SetValue
from ipcsim.trace import Event

_Plan = tuple[tuple[SemaphoreOperation, Known, Known], ...]


class Operations:
    """The (number, delta) of each semop of a Program.

    Feed it every event of a process in the order of that process; the events of different processes
    may come in any order.
    """

    def __init__(self, program: Program) -> None:
        self._program = program
        self._families: dict[int, dict[int, _Plan]] = {}
        self._constant: dict[tuple[int, int], Pairs | None] = {}
        self._open: dict[int, Pairs] = {}

    def constant(self, process: int, pc: int) -> Pairs | None:
        """The operations of the Semop at `pc` where they never change, else None."""
        key = (process, pc)
        if key not in self._constant:
            self._constant[key] = self._resolve(process, pc)
        return self._constant[key]

    def of(self, event: Event) -> Pairs:
        """The operations of the semop whose BEGIN or END `event` is; empty where they are unknown."""
        constant = self.constant(event.process, event.pc)
        if constant is not None:
            return constant
        if event.data:
            self._open[event.process] = tuple(event.pairs())
        return self._open.get(event.process, ())

    def _resolve(self, process: int, pc: int) -> Pairs | None:
        p = self._program.processes[process]
        family = self._program.families[p.family]
        plans = self._families.get(p.family)
        if plans is None:
            plans = self._families[p.family] = _plans(family)
        found: list[tuple[int, int]] = []
        for operation, index, delta in plans.get(pc, ()):
            number = number_of(operation, index, family.initial[p.instance])
            change = delta(family.initial[p.instance])
            if number is None or change is None:
                return None
            found.append((number, change))
        return tuple(found)


def _plans(family: Family) -> dict[int, _Plan]:
    constants = Constants(family)
    return {
        pc: tuple((o, index_of(o, constants), constants.known(o.delta)) for o in instruction.operations)
        for pc, instruction in enumerate(family.code)
        if isinstance(instruction, Semop)
    }


def index_of(target: SemaphoreOperation | SetValue, constants: Constants) -> Known:
    """The fixed index of a semaphore of a member array; of a single semaphore it is not asked for."""
    return varies if target.index is None else constants.known(target.index)


def number_of(target: SemaphoreOperation | SetValue, index: Known, initial: tuple[object, ...]) -> int | None:
    """The number in its set of the semaphore meant, None where it varies."""
    if target.index is None:
        return target.base
    value = index(initial)
    try:
        return None if value is None else position(target.base, target.count, value)
    except EvaluationError:
        return None
