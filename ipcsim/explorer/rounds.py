"""Rounds that need not be counted.

`repeat: 200` makes two hundred states of each place in the loop, though the last round is like the first.
For programs that do nothing but take units of semaphores and give back what they took, it is enough to look
at the program that goes round for ever:

*If nobody gets stuck when all go round for ever, nobody does when they stop after some rounds.* Assume that
somebody does: at the end a set B of processes sleeps, the others have ended and hold nothing. Take the same
steps in the endless program: those others now stand at the beginning of another round, with empty hands. What
they give from there on they have taken before, so no semaphore ever has more units than now while B sleeps,
and B sleeps for ever there as well.

That speaks of deadlocks alone. What else can go wrong must not depend on the loop's end: no property and no
race is left to be judged, and behind the last round stands nothing that can fail.

The converse does not hold (a round may be one too many), so what is found in the endless program is tried in
the real one, which is searched itself where that fails.
"""

from __future__ import annotations

from dataclasses import replace

from ipcsim.explorer.accesses import Accesses, Kind
from ipcsim.explorer.conditions import has_value
from ipcsim.explorer.invariants import Invariants
from ipcsim.explorer.path import Path
from ipcsim.model.effects import Step
from ipcsim.model.machine import Machine
from ipcsim.program import Family, Program
from ipcsim.program.constants import expressions_of, written_slots
from ipcsim.program.expressions import slots_of
from ipcsim.program.flow import Flow
from ipcsim.program.instructions import (
    Assign,
    Branch,
    Exit,
    Instruction,
    Jump,
    Pause,
    Phase,
    Repeat,
)

_UNNOTICED = (Assign, Branch, Jump, Repeat, Pause, Phase, Exit)


def uncounted(machine: Machine, invariants: Invariants) -> Program | None:
    """The program that goes round for ever, where the theorem above speaks of `machine`'s; else None.

    What speaks against a machine as a whole has been asked before (`model.features`).
    """
    program = machine.program
    single = {s for g in invariants.groups if len(g.slots) == 1 for s in g.slots}
    texts = [Accesses(machine, p, frozenset()) for p in machine.processes]
    for text in texts:
        for kind, slot in (access for now in text.now for access in now):
            if kind not in (Kind.TAKE, Kind.GIVE) or slot not in single:
                return None
    families = [_endless(machine, f) for f in program.families]
    if None in families or families == list(program.families):
        return None
    if not all(_empty_handed(machine, invariants, f) for f in range(len(families))):
        return None
    return replace(program, families=tuple(f for f in families if f is not None))


def _endless(machine: Machine, family: Family) -> Family | None:
    """The family with its counted loops made endless; None where counting may matter."""
    loops = [pc for pc, i in enumerate(family.code) if isinstance(i, Repeat)]
    counters = {i.slot for i in family.code if isinstance(i, Repeat)}
    if any(_asks_for(i, counters) for i in family.code):
        return None
    flow = Flow(family.code)
    if not all(_over(machine, family.code[pc]) for pc in flow.from_(*(pc + 1 for pc in loops))):
        return None
    code = tuple(
        Jump(at=i.at, text=i.text, target=i.target) if isinstance(i, Repeat) else i for i in family.code
    )
    return replace(family, code=code)


def _asks_for(instruction: Instruction, counters: set[int]) -> bool:
    """Whether anything but the loop itself reads a counter, or sets any other variable."""
    if isinstance(instruction, Repeat):
        return False
    if isinstance(instruction, Branch) and slots_of(instruction.condition) <= counters:
        return False  # the test before the first round
    if isinstance(instruction, Assign) and instruction.slot in counters:
        return bool(counters & {s for e in expressions_of(instruction) for s in slots_of(e)})
    reads = {s for e in expressions_of(instruction) for s in slots_of(e)}
    return bool(reads & counters) or bool(written_slots(instruction))


def _over(machine: Machine, instruction: Instruction) -> bool:
    """Whether this may follow the last round of a loop: others do not notice it, and it cannot fail."""
    return isinstance(instruction, _UNNOTICED) and all(
        has_value(e, machine) for e in expressions_of(instruction)
    )


def _empty_handed(machine: Machine, invariants: Invariants, family: int) -> bool:
    """Whether the processes of a family hold nothing at the end of each round, on every way."""
    code = machine.program.families[family].code
    loops = [pc for pc, i in enumerate(code) if isinstance(i, Repeat)]
    members = list(machine.program.members(family))
    return all(
        invariants.most_held(process, group, pc) == 0
        for process in members
        for group in invariants.groups
        if invariants.touches(process, group.slots)
        for pc in loops
    )


def concrete(machine: Machine, path: Path) -> Path | None:
    """The same steps on the program that counts; None where it does not get so far."""
    state = machine.init
    found = Path(machine, [])
    for step in (s for a in path.actions for s in a.steps):
        action = next((a for a in machine.actions_of(state, step.process) if _like(a.steps, step)), None)
        if action is None:
            return None
        found.actions.append(action)
        state += action.delta
    if any(machine.actions_of(state, s.process) for s in path.asleep):
        return None
    found.asleep = list(path.asleep)
    return found


def _like(steps: tuple[Step, ...], step: Step) -> bool:
    return len(steps) == 1 and (steps[0].pc, steps[0].act) == (step.pc, step.act)
