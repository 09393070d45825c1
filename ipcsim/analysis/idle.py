"""Where a process can go round without anything coming of it, and which of its variables count there.

A *way round* is a cycle in the code on which nothing need change for the others: no object is changed and
nobody enters a phase marked as progress (where the Program marks any, changes of objects do not count).
Whoever goes round for long is in a livelock, unless it counts towards an end. A counted loop (`repeat`) ends
by itself. Of other variables only those can count that depend on their own value of the round before
(`i: i + 1`), and that something reads besides: the rest follows from constants and from what was read of
objects, and is the same again after a round in which no object has changed (where changes of objects do not
count, what is read of them can count as well). So `watched` says after which instructions, and with which
variables, a worker has to look whether it has been there before; in most programs nowhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ipcsim.analysis.may import may_raise
from ipcsim.kernel.static import only_looks
from ipcsim.program import Program
from ipcsim.program.constants import expressions_of, written_slots
from ipcsim.program.expressions import generator_slots, slots_of
from ipcsim.program.flow import Flow, cycles, walk
from ipcsim.program.instructions import (
    Assign,
    Code,
    Instruction,
    KernelCall,
    Load,
    Phase,
    Repeat,
)

Watched = dict[int, tuple[int, ...]]  # pc → the slots that make up where the process is, besides the pc


@dataclass(frozen=True)
class Idle:
    """Of one family: the ways round, each as the pcs on it, and what to watch on them."""

    rounds: tuple[frozenset[int], ...]
    watched: Watched

    def round_of(self, pcs: Iterable[int]) -> frozenset[int] | None:
        """The way round that all of these are on; None where there is none."""
        seen = frozenset(pcs)
        return next((r for r in self.rounds if seen <= r), None) if seen else None


def progress_phases(program: Program) -> frozenset[str]:
    """The names of the phases marked as progress."""
    return frozenset(i.name for f in program.families for i in f.code if isinstance(i, Phase) and i.progress)


def idle(program: Program) -> list[Idle]:
    """By family."""
    marked = bool(progress_phases(program))
    return [_idle(program, family.code, marked) for family in program.families]


def _idle(program: Program, code: Code, marked: bool) -> Idle:
    onward = _onward(program, code, marked)
    if all(target > pc for pc, targets in enumerate(onward) for target in targets):
        return Idle((), {})  # straight ahead: by far the commonest
    rounds = tuple(frozenset(c) for c in cycles(onward))
    counted = [(*t, i.target) if isinstance(i, Repeat) else t for i, t in zip(code, onward, strict=True)]
    read = _read(code)
    watched: Watched = {}
    for cycle in cycles(counted):
        if any(r <= set(cycle) for r in rounds):
            watched |= _watched(code, cycle, read, marked)
    return Idle(rounds, watched)


def _onward(program: Program, code: Code, marked: bool) -> list[tuple[int, ...]]:
    """By pc: where the process can go on to with nothing changed; a counted loop goes on to its end."""
    flow = Flow(code)
    found = flow.next.copy()
    for pc, instruction in enumerate(code):
        match instruction:
            case Repeat():
                found[pc] = (pc + 1,)
            case Phase(progress=True):
                found[pc] = ()
            case _ if not (marked or only_looks(instruction, program)):
                found[pc] = flow.failed[pc]  # a call that failed has changed nothing
    return found


def _watched(
    code: Code, cycle: Sequence[int], read: frozenset[int], marked: bool
) -> Iterator[tuple[int, tuple[int, ...]]]:
    """On one cycle: after which instructions which variables have to be looked at."""
    writes = {pc: written_slots(code[pc]) - _bound(code[pc]) for pc in cycle}
    numbers = sorted({s for slots in writes.values() for s in slots})
    place = {slot: i for i, slot in enumerate(numbers)}
    onward: list[set[int]] = [set() for _ in numbers]  # slot → those that are computed from it
    for pc, slots in writes.items():
        for source in _reads(code[pc]) & place.keys():
            onward[place[source]] |= {place[s] for s in slots}
    carried = {numbers[i] for c in cycles(onward) for i in c}
    if marked:
        carried |= {
            s for pc, slots in writes.items() if isinstance(code[pc], KernelCall | Load) for s in slots
        }
    counting = tuple(sorted(carried & read))
    return ((pc, counting) for pc, slots in writes.items() if slots & set(counting))


def _reads(instruction: Instruction) -> frozenset[int]:
    """The variables that what the instruction writes is computed from."""
    slots = {s for e in expressions_of(instruction) for s in slots_of(e)} - _bound(instruction)
    if isinstance(instruction, Repeat) or (isinstance(instruction, Assign) and instruction.index is not None):
        slots.add(instruction.slot)
    return frozenset(slots)


def _bound(instruction: Instruction) -> frozenset[int]:
    """The variables of generators, which mean nothing outside them."""
    return frozenset().union(*(generator_slots(e) for e in expressions_of(instruction)))


def _read(code: Code) -> frozenset[int]:
    """The variables on which anything depends but variables that nobody reads (a mere statistic)."""
    anyhow: set[int] = set()
    behind: dict[int, set[int]] = {}  # variable → those that it is computed from
    for instruction in code:
        if isinstance(instruction, Assign) and not any(may_raise(e) for e in expressions_of(instruction)):
            behind.setdefault(instruction.slot, set()).update(_reads(instruction))
        else:
            anyhow |= _reads(instruction)
    return frozenset(walk(anyhow, lambda slot: behind.get(slot, ())))
