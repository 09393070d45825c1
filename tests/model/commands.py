"""An instruction as the command that a child gets: the call with its arguments (see `children`)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ipcsim.program import Program
from ipcsim.program.codec import encode
from ipcsim.program.expressions import Const, Expr
from ipcsim.program.instructions import (
    GetValue,
    Instruction,
    Lifecycle,
    Load,
    ObjectCall,
    ObjectKind,
    ObjectRef,
    Receive,
    SemaphoreQuestion,
    Semop,
    Send,
    SetValue,
    Store,
)
from ipcsim.program.objects import IpcObject, Segment
from ipcsim.sysv import libc

_COMMANDS = {
    SemaphoreQuestion.VALUE: libc.GETVAL,
    SemaphoreQuestion.ALL: libc.GETALL,
    SemaphoreQuestion.NCNT: libc.GETNCNT,
    SemaphoreQuestion.ZCNT: libc.GETZCNT,
    SemaphoreQuestion.PID: libc.GETPID,
}

Command = tuple[Any, ...]
Handle = Callable[[ObjectRef], int]  # the id that the process has of an object


def constant(expr: Expr | None) -> Any:
    """The value of an argument: these Programs have only constants."""
    assert isinstance(expr, Const)
    return expr.value


def _bare(declared: IpcObject) -> IpcObject:
    """Without first values, which no process gives an object that it makes, and which may be many."""
    return replace(declared, initial=()) if isinstance(declared, Segment) else declared


def command(program: Program, instruction: Instruction, handle: Handle) -> Command:
    """A call that is neither a signal nor an access to memory."""

    def set_id(number: int) -> int:
        return handle(ObjectRef(ObjectKind.SEMAPHORES, number))

    match instruction:
        case Semop(set=number, operations=operations, nowait=nowait):
            triples = [
                (
                    o.base,
                    constant(o.delta),
                    (libc.IPC_NOWAIT if o.nowait or nowait else 0) | (libc.SEM_UNDO if o.undo else 0),
                )
                for o in operations
            ]
            return ("semop", set_id(number), triples)
        case GetValue(set=number, base=base, question=question):
            size = program.sets[number].size
            return ("get", set_id(number), base, _COMMANDS[question], size)
        case SetValue(set=number, all=True, values=values):
            return ("setall", set_id(number), tuple(constant(v) for v in values))
        case SetValue(set=number, base=base, values=(value,)):
            return ("setval", set_id(number), base, constant(value))
        case Send():
            return _send(program, instruction, handle)
        case Receive():
            return _receive(instruction, handle)
        case ObjectCall():
            return _object_call(program, instruction, handle)
    raise TypeError(f"not driven: {type(instruction).__name__}")


def _send(program: Program, call: Send, handle: Handle) -> Command:
    struct = program.queues[call.queue].message
    values = list(struct.unpack(b""))
    for number, expr in call.payload:
        values[number] = constant(expr)
    raw = struct.pack(tuple(values))[: constant(call.length)]
    flags = libc.IPC_NOWAIT if call.nowait else 0
    found = handle(ObjectRef(ObjectKind.QUEUE, call.queue))
    return ("send", found, constant(call.type), raw, flags)


def _receive(call: Receive, handle: Handle) -> Command:
    flags = libc.IPC_NOWAIT if call.nowait else 0
    flags |= libc.MSG_NOERROR if call.noerror else 0
    flags |= libc.MSG_EXCEPT if call.exclude else 0
    found = handle(ObjectRef(ObjectKind.QUEUE, call.queue))
    return ("receive", found, constant(call.size), constant(call.type), flags)


def _object_call(program: Program, call: ObjectCall, handle: Handle) -> Command:
    found, declared = handle(call.object), program.object(call.object)
    kind = call.object.kind
    match call.action:
        case Lifecycle.CREATE:
            mode = declared.mode if call.mode is None else call.mode
            return ("create", encode(_bare(declared)), mode, call.size, call.exclusive)
        case Lifecycle.OPEN:
            asked = (0o444 if call.readonly else 0) if call.mode is None else call.mode
            return ("find", encode(_bare(declared)), asked, call.size)
        case Lifecycle.ATTACH:
            return ("attach", found, call.readonly, program.segments[call.object.number].struct.size)
        case Lifecycle.STAT:
            return (f"stat-{kind.value}", found, call.field)
        case Lifecycle.REMOVE:
            return (f"remove-{kind.value}", found)
        case Lifecycle.CHANGE:
            room = None if call.bytes is None else constant(call.bytes)
            return ("change", kind.value, found, call.mode, room)
    raise TypeError(f"not driven: {call.action}")


def access(program: Program, instruction: Load | Store, address: int) -> Command:
    """A load or store in the segment that is attached at `address`."""
    field = program.segments[instruction.segment].struct.fields[instruction.field]
    value = () if isinstance(instruction, Load) else (constant(instruction.value),)
    name = "load" if isinstance(instruction, Load) else "store"
    if field.is_text:
        return (f"{name}-text", address, field.offset, field.size, *value)
    index = 0 if instruction.index is None else constant(instruction.index)
    return (name, address, field.type, field.offset + index * field.width, *value)
