"""What each instruction of each process means to the history, worked out once."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from ipcsim.analysis.operations import Operations, Pairs
from ipcsim.errors import NOWHERE, Location
from ipcsim.facts.selectors import describe
from ipcsim.program import Program
from ipcsim.program.instructions import (
    Assert,
    Choose,
    Crash,
    Exit,
    GetValue,
    Instruction,
    Load,
    ObjectCall,
    Phase,
    Receive,
    Semop,
    Send,
    SetValue,
    Signal,
    Spawn,
    Store,
)


class Sort(IntEnum):
    """What the history does with an instruction."""

    OTHER = 0
    SEMOP = 1
    SEND = 2
    RECEIVE = 3
    SET_VALUE = 4
    OBJECT = 5
    SIGNAL = 6
    SPAWN = 7
    STORE = 8
    PHASE = 9
    EXIT = 10
    CRASH = 11


_SORTS: dict[type[Instruction], Sort] = {
    Semop: Sort.SEMOP, Send: Sort.SEND, Receive: Sort.RECEIVE, SetValue: Sort.SET_VALUE,
    ObjectCall: Sort.OBJECT, Signal: Sort.SIGNAL, Spawn: Sort.SPAWN, Store: Sort.STORE, Phase: Sort.PHASE,
    Exit: Sort.EXIT, Crash: Sort.CRASH,
}  # fmt: skip


@dataclass(slots=True)
class Plan:
    """One instruction of one process. `pairs` are the operations of a semop where they never change;
    `gives`: it does nothing but V, so it cannot block; `sleeps`: it may."""

    instruction: Instruction | None
    sort: Sort
    text: str
    at: Location
    pc: int = -1
    number: int = -1  # of the set or queue
    pairs: Pairs | None = None
    gives: bool = False
    sleeps: bool = False
    undo: tuple[bool, ...] = ()
    ends_phase: bool = False


class Plans:
    """The plans of a Program, made when first met."""

    def __init__(self, program: Program, operations: Operations) -> None:
        self._program = program
        self._operations = operations
        self._rows: list[dict[int, Plan]] = [{} for _ in program.processes]

    def of(self, process: int, pc: int) -> Plan:
        found = self._rows[process].get(pc)
        if found is None:
            found = self._rows[process][pc] = self._make(process, pc)
        return found

    def _make(self, process: int, pc: int) -> Plan:
        code = self._program.code(process)
        if not 0 <= pc < len(code):
            return Plan(None, Sort.OTHER, "?", NOWHERE)
        instruction = code[pc]
        plan = Plan(
            instruction, _SORTS.get(type(instruction), Sort.OTHER), instruction.text, instruction.at, pc
        )
        match instruction:
            case Semop():
                plan.pairs = self._operations.constant(process, pc)
                plan.number = instruction.set
                plan.gives = bool(plan.pairs) and all(delta > 0 for _, delta in plan.pairs or ())
                plan.undo = tuple(o.undo for o in instruction.operations)
                plan.undo = plan.undo if any(plan.undo) else ()
                plan.ends_phase = instruction.ends_phase
                plan.sleeps = not instruction.nowait and not plan.gives
            case Send() | Receive():
                plan.number = instruction.queue
                plan.sleeps = not instruction.nowait
        return plan


def result_text(instruction: Instruction | None, kind_is_end: bool, a: int, b: int) -> str:
    """What a successful call or step gave, where that is worth a word."""
    match instruction:
        case Receive():
            return f"type {b}, {a} bytes"
        case Load() | GetValue():
            return f"= {a}"
        case Choose():
            return f"alternative {a + 1}"
        case Assert():
            return "holds" if a else "does not hold"
        case Exit():
            return f"code {a}"
        case ObjectCall() if kind_is_end and instruction.into is not None:
            return f"= {a}"
    return ""


def waiting_for(program: Program, labels: list[list[str]], plan: Plan, lacking: Pairs, type_: int) -> str:
    """`fork[1]`, `gate to be zero`, `room in belt`, `a message of type 3 in belt`: after "blocked on"."""
    instruction = plan.instruction
    match instruction:
        case Semop():
            names = labels[plan.number]
            parts = [names[n] if d < 0 else f"{names[n]} to be zero" for n, d in lacking]
            return " and ".join(dict.fromkeys(parts)) or program.sets[plan.number].name
        case Send():
            return f"room in {program.queues[plan.number].name}"
        case Receive():
            selector = describe(type_, instruction.exclude and type_ > 0)
            return f"a message {selector + ' ' if selector else ''}in {program.queues[plan.number].name}"
    return ""
