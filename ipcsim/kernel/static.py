"""The effects of any instruction, as far as they are known before it is done."""

from __future__ import annotations

from typing import assert_never

from ipcsim.kernel import objects, processes, queues, segments, semaphores
from ipcsim.kernel.effects import Effect, Set, changes
from ipcsim.kernel.values import Value, written
from ipcsim.program import Program
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
    Semop,
    Send,
    SetValue,
    Signal,
    Spawn,
    Store,
)


def effects_of(instruction: Instruction, program: Program, value: Value) -> tuple[Effect, ...]:
    """What the instruction does where it succeeds, in the order in which it does so. `value` tells what
    expressions are worth in the process that is meant."""
    match instruction:
        case Semop():
            return tuple(semaphores.semop(instruction, value))
        case SetValue():
            return (semaphores.set_value(instruction, program, value),)
        case GetValue():
            return (semaphores.get_value(instruction, program, value),)
        case Send():
            return (queues.send(instruction, value),)
        case Receive():
            return (queues.receive(instruction, value),)
        case Load():
            return (segments.load(instruction, program, value),)
        case Store():
            return (segments.store(instruction, program, value),)
        case ObjectCall():
            return objects.object_call(instruction)
        case Signal():
            return (processes.signal(instruction, program, value),)
        case Spawn():
            return (processes.spawn(instruction, program, value),)
        case Phase() | Choose() | Assert() | Exit() | Crash():
            return ()
        case Assign() | Branch() | Jump() | Repeat() | Pause():
            return ()
        case _:
            assert_never(instruction)


def only_looks(instruction: Instruction, program: Program) -> bool:
    """Whether its success leaves everything as it was for others, as far as the text tells."""
    return not any(changes(effect) for effect in effects_of(instruction, program, written))


def settable(program: Program) -> frozenset[int]:
    """The sets that some process gives values to: what they began with need not last."""
    every = (e for f in program.families for i in f.code for e in effects_of(i, program, written))
    return frozenset(e.set for e in every if isinstance(e, Set))
