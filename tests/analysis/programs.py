"""Small Programs built by hand, so that these tests need neither the language nor a kernel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ipcsim.errors import Location
from ipcsim.program import Family, Program, Property, RunSettings
from ipcsim.program.expressions import Const, Expr, Local
from ipcsim.program.instructions import (
    Choose,
    Crash,
    Exit,
    Instruction,
    Jump,
    Lifecycle,
    Load,
    ObjectCall,
    ObjectKind,
    ObjectRef,
    Pause,
    Phase,
    Receive,
    SemaphoreOperation,
    Semop,
    Send,
    SetValue,
    Store,
)
from ipcsim.program.objects import Key, Member, Queue, Segment, SemaphoreSet, layout
from ipcsim.snapshot import (
    Holding,
    ProcessState,
    QueueState,
    SemaphoreWait,
    Snapshot,
    Status,
    Wait,
)

FILE = "test.yaml"
LEFT = Local(1, "left")
RIGHT = Local(2, "right")


def at(line: int) -> Location:
    return Location(FILE, line)


def expr(value: int | Expr) -> Expr:
    return Const(value) if isinstance(value, int) else value


def op(
    base: int, delta: int | Expr, index: Expr | None = None, count: int | None = None, **flags: bool
) -> Any:
    return SemaphoreOperation(base, count, index, expr(delta), **flags)


def semop(*operations: Any, line: int = 1, set: int = 0, **options: Any) -> Semop:
    """Each operation is (number, delta) or what `op` made."""
    made = tuple(o if isinstance(o, SemaphoreOperation) else op(*o) for o in operations)
    return Semop(at=at(line), text=options.pop("text", "semop"), set=set, operations=made, **options)


def p(number: int, line: int = 1, undo: bool = False, **options: Any) -> Semop:
    return semop(op(number, -1, undo=undo), line=line, text=f"P: s{number}", **options)


def v(number: int, line: int = 1, undo: bool = False, **options: Any) -> Semop:
    return semop(op(number, 1, undo=undo), line=line, text=f"V: s{number}", **options)


def z(number: int, line: int = 1, **options: Any) -> Semop:
    return semop(op(number, 0), line=line, text=f"Z: s{number}", **options)


def send(queue: int, type: int | Expr = 1, line: int = 1, **options: Any) -> Send:
    return Send(at=at(line), text="send", queue=queue, type=expr(type), payload=(), **options)


def receive(queue: int, type: int | Expr = 0, line: int = 1, **options: Any) -> Receive:
    return Receive(at=at(line), text="receive", queue=queue, type=expr(type), **options)


def load(field: int = 0, line: int = 1, index: Expr | None = None) -> Load:
    return Load(at=at(line), text="load", segment=0, field=field, index=index, into=1)


def store(field: int = 0, line: int = 1, value: int = 1, index: Expr | None = None) -> Store:
    return Store(at=at(line), text="store", segment=0, field=field, index=index, value=Const(value))


def phase(name: str, line: int = 1, progress: bool = False) -> Phase:
    return Phase(at=at(line), text=f"phase: {name}", name=name, progress=progress)


def set_value(number: int, value: int, line: int = 1) -> SetValue:
    return SetValue(at=at(line), text="set_value", set=0, base=number, values=(Const(value),))


def remove(kind: ObjectKind = ObjectKind.SEMAPHORES, number: int = 0, line: int = 1) -> ObjectCall:
    return ObjectCall(at=at(line), text="remove", action=Lifecycle.REMOVE, object=ObjectRef(kind, number))


def exit_(code: int = 0, line: int = 99) -> Exit:
    return Exit(at=at(line), text="exit", code=Const(code))


def crash(line: int = 98) -> Crash:
    return Crash(at=at(line), text="crash")


def jump(target: int) -> Jump:
    return Jump(at=at(1), text="", target=target)


def pause() -> Pause:
    return Pause(at=at(1), text="pause", least=0, most=0)


def choose(*targets: int) -> Choose:
    return Choose(at=at(1), text="choose", targets=targets)


def family(
    name: str,
    *code: Instruction,
    count: int | None = None,
    slots: Sequence[str] = ("me", "left", "right"),
    initial: Sequence[tuple[Any, ...]] | None = None,
) -> Family:
    """An Exit is appended, as the language layer does."""
    rows = (
        tuple((i, i, (i + 1) % (count or 1)) for i in range(count or 1))
        if initial is None
        else tuple(initial)
    )
    return Family(name, count, tuple(slots), rows, (*code, exit_()), at(1))


def semaphores(*initial: int, names: str = "abcdefghij") -> SemaphoreSet:
    """A set of single semaphores a, b, c, …"""
    members = tuple(Member(names[i], i, None, (value,)) for i, value in enumerate(initial))
    return SemaphoreSet("set", members, Key(), 0o600, at(1))


def forks(count: int, value: int = 1) -> SemaphoreSet:
    return SemaphoreSet("table", (Member("fork", 0, count, (value,) * count),), Key(), 0o600, at(1))


def queue(name: str = "q", bytes: int | None = 64) -> Queue:
    return Queue(name, layout([("value", "int", None, False)]), bytes, Key(), 0o600, at(1))


def segment(*fields: str, atomic: bool = False, count: int | None = None) -> Segment:
    struct = layout([(f, "int", count, atomic) for f in fields])
    value: Any = 0 if count is None else (0,) * count
    return Segment("account", struct, tuple(value for _ in fields), Key(), 0o600, at(1))


def program(
    *families: Family,
    sets: Sequence[SemaphoreSet] = (),
    queues: Sequence[Queue] = (),
    segments: Sequence[Segment] = (),
    properties: Sequence[Property] = (),
    **settings: Any,
) -> Program:
    return Program(
        "test", "Test", "", (), tuple(sets), tuple(queues), tuple(segments), families, tuple(properties),
        replace(RunSettings(), **settings),
    )  # fmt: skip


# --- snapshots ---


def blocked(
    process: int, pc: int, wait: Wait, holds: Sequence[Holding] = (), timed: bool = False
) -> ProcessState:
    return ProcessState(process, Status.BLOCKED, pc, wait, timed, None, tuple(holds))


def on(*operations: tuple[int, int], set: int = 0) -> SemaphoreWait:
    return SemaphoreWait(set, operations)


def running(process: int, pc: int = 0, holds: Sequence[Holding] = ()) -> ProcessState:
    return ProcessState(process, Status.RUNNING, pc, holds=tuple(holds))


def ended(
    process: int, pc: int = 0, status: Status = Status.ENDED, holds: Sequence[Holding] = ()
) -> ProcessState:
    return ProcessState(process, status, pc, holds=tuple(holds))


def holds(number: int, line: int = 1, units: int = 1, set: int = 0) -> Holding:
    return Holding(set, number, units, at(line))


def snapshot(
    *processes: ProcessState,
    values: Sequence[tuple[int, ...] | None] = (),
    queues: Sequence[QueueState | None] = (),
) -> Snapshot:
    return Snapshot(0, processes, tuple(values), tuple(queues))


def philosophers(count: int = 5, **settings: Any) -> Program:
    """Left fork, right fork, eating, both back; for ever."""
    code = (
        phase("hungry", 2),
        semop(op(0, -1, LEFT, count), line=3, text="P: fork[left]"),
        semop(op(0, -1, RIGHT, count), line=4, text="P: fork[right]"),
        phase("eating", 5),
        semop(op(0, 1, LEFT, count), op(0, 1, RIGHT, count), line=6, text="V: both", ends_phase=True),
        jump(0),
    )
    return program(family("philosopher", *code, count=count), sets=[forks(count)], **settings)


def seated(count: int) -> Snapshot:
    """Every philosopher holds the left fork and waits for the right one."""
    states = [blocked(i, 2, on(((i + 1) % count, -1)), [holds(i, 3)]) for i in range(count)]
    return snapshot(*states, values=[(0,) * count])
