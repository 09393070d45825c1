"""Where real processes, given the turns of a path, did something else than the path.

Every process's own records are compared, in the order of the path: the first that differs tells at which step
the kernel went another way. Ids, addresses, pids and times are stand-ins in the model and not compared.
"""

from __future__ import annotations

from collections.abc import Iterable

from ipcsim.explorer.path import Path
from ipcsim.facts import errnos
from ipcsim.program import Program
from ipcsim.program.instructions import (
    GetValue,
    Instruction,
    Load,
    Receive,
    SemaphoreQuestion,
    Store,
)
from ipcsim.trace import Event, EventKind


def describe(path: Path, events: Iterable[Event]) -> str | None:
    """A sentence on the first difference; None where there is none as far as both go."""
    program = path.machine.program
    real: list[list[Event]] = [[] for _ in program.processes]
    for event in events:
        if event.kind not in (EventKind.STALL, EventKind.DIED):
            real[event.process].append(event)
    place = [0] * len(real)
    for expected in path.events():
        if expected.kind is EventKind.DIED:
            continue
        process = expected.process
        if place[process] >= len(real[process]):
            return _told(program, expected, None)
        found = real[process][place[process]]
        place[process] += 1
        if not _alike(program, expected, found):
            return _told(program, expected, found)
    return None


def _alike(program: Program, expected: Event, found: Event) -> bool:
    if (expected.kind, expected.pc, expected.errno) != (found.kind, found.pc, found.errno):
        return False
    if found.kind is EventKind.BEGIN or found.errno:
        return True
    return not _told_by_value(program.instruction(found.process, found.pc)) or expected.a == found.a


def _told_by_value(instruction: Instruction) -> bool:
    """Whether the result of a step is the same number in the model and in the kernel."""
    if isinstance(instruction, GetValue):
        return instruction.question in (
            SemaphoreQuestion.VALUE,
            SemaphoreQuestion.NCNT,
            SemaphoreQuestion.ZCNT,
        )
    return isinstance(instruction, Load | Store | Receive)


def _told(program: Program, expected: Event, found: Event | None) -> str:
    name = program.processes[expected.process].name
    instruction = program.instruction(expected.process, expected.pc)
    at = f"At step {expected.time} (`{instruction.text}` of {name}, {instruction.at})"
    if found is None:
        return f"{at} the kernel went another way: {name} did not get so far."
    if (found.pc, found.kind) != (expected.pc, expected.kind):
        other = program.instruction(found.process, found.pc)
        return f"{at} the kernel went another way: {name} was in `{other.text}` ({other.at}) instead."
    gave, wanted = _result(found), _result(expected)
    return f"{at} the kernel went another way: it gave {gave}, and the way has {wanted} there."


def _result(event: Event) -> str:
    return errnos.name(event.errno) if event.errno > 0 else str(event.a)
