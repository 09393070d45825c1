"""What a process that has begun a kernel call waits for, and where it goes on after an event."""

from __future__ import annotations

from typing import assert_never

from ipcsim.analysis.operations import Pairs
from ipcsim.facts import errnos
from ipcsim.program.instructions import (
    Assert,
    Assign,
    Branch,
    Choose,
    Code,
    Crash,
    Exit,
    GetValue,
    Instruction,
    Jump,
    KernelCall,
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
from ipcsim.snapshot import ReceiveWait, SemaphoreWait, SendWait, Wait
from ipcsim.trace import EventKind


def resolve_wait(instruction: Instruction, a: int, b: int, operations: Pairs) -> Wait | None:
    """The wait of a call whose BEGIN event carried `a` and `b`; None where it never sleeps."""
    match instruction:
        case KernelCall(nowait=True):
            return None
        case Semop(set=set_) if operations:
            return SemaphoreWait(set_, operations)
        case Send(queue=queue):
            return SendWait(queue, a, b)
        case Receive(queue=queue, exclude=exclude):
            return ReceiveWait(queue, a, exclude)
        case Semop() | GetValue() | SetValue() | ObjectCall() | Signal() | Spawn() | Load() | Store():
            return None
        case Phase() | Choose() | Assert() | Exit() | Crash():
            return None
        case Assign() | Branch() | Jump() | Repeat() | Pause():
            return None
        case _:
            assert_never(instruction)


def is_timed(instruction: Instruction) -> bool:
    return isinstance(instruction, KernelCall) and instruction.timeout is not None


def next_pc(code: Code, kind: int, pc: int, errno: int, a: int) -> int:
    """Where the process is after this event: inside `pc` (BEGIN), or about to do what it returns."""
    if kind == EventKind.BEGIN or not 0 <= pc < len(code):
        return pc
    instruction = code[pc]
    match instruction:
        case Exit() | Crash():
            return pc
        case Choose(targets=targets) if 0 <= a < len(targets):
            return targets[a]
        case KernelCall() if errno:
            handler = instruction.handler(errnos.name(errno))
            return pc if handler is None else handler
        case _:
            return pc + 1
