"""Random Programs over small sets and queues, to hold the model against the kernel.

Every errno is handled by going on with the next instruction. Values are near 0 or near 32767, queues
hold a few messages, and everything that may sleep may also have a timeout (which strikes by schedule).
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ipcsim.errors import NOWHERE
from ipcsim.program import Family, Program, RunSettings
from ipcsim.program.expressions import Const
from ipcsim.program.instructions import (
    Code,
    Crash,
    Exit,
    GetValue,
    Instruction,
    Jump,
    KernelCall,
    Lifecycle,
    ObjectCall,
    ObjectKind,
    ObjectRef,
    Receive,
    SemaphoreOperation,
    SemaphoreQuestion,
    Semop,
    Send,
    SetValue,
    Signal,
)
from ipcsim.program.objects import Key, Member, Queue, SemaphoreSet, layout

ERRNOS: dict[type, tuple[str, ...]] = {  # what each call can end with
    Semop: ("EAGAIN", "ERANGE", "EIDRM", "EINVAL", "EINTR"),
    SetValue: ("ERANGE", "EINVAL"),
    Send: ("EAGAIN", "EIDRM", "EINVAL", "EINTR"),
    Receive: ("ENOMSG", "E2BIG", "EAGAIN", "EIDRM", "EINVAL", "EINTR"),
    Signal: ("ESRCH",),
    GetValue: ("EINVAL",),
    ObjectCall: ("EINVAL",),
}
MESSAGE = layout([("serial", "int", None, False), ("rest", "short", 4, False)])  # 12 bytes
STAT_QUEUE = ("qnum", "cbytes", "qbytes", "lspid", "lrpid")
LONG_MIN = -(2**63)
_ANYWHERE: dict[str, Any] = {"at": NOWHERE, "text": ""}


def semaphores(name: str, initial: Sequence[int]) -> SemaphoreSet:
    return SemaphoreSet(name, (Member(name, 0, len(initial), tuple(initial)),), Key(), 0o600, NOWHERE)


def queue(name: str, capacity: int) -> Queue:
    return Queue(name, MESSAGE, capacity, Key(), 0o600, NOWHERE)


def program(
    sets: Sequence[SemaphoreSet], queues: Sequence[Queue], codes: Sequence[Code], looks: bool = True
) -> Program:
    """Process i runs `codes[i]`. `looks`: with a process that is never started and only makes the model keep
    what GETPID and IPC_STAT ask for."""
    families = [family(f"p{i}", code) for i, code in enumerate(codes)]
    if looks:
        families.append(family("observer", observer(len(sets), len(queues)), spawned=True))
    return Program("random", "", "", (), tuple(sets), tuple(queues), (), tuple(families), (), RunSettings())


def family(name: str, code: Code, spawned: bool = False) -> Family:
    return Family(name, None, ("me", "got"), ((0, 0),), (*code, exit_()), NOWHERE, spawned)


def observer(sets: int, queues: int) -> Code:
    asked: list[Instruction] = [get(number, 0, SemaphoreQuestion.PID) for number in range(sets)]
    asked += [stat(ObjectRef(ObjectKind.SEMAPHORES, n), "otime") for n in range(sets)]
    asked += [stat(ObjectRef(ObjectKind.QUEUE, n), "lspid") for n in range(queues)]
    return handled(asked)


def handled(instructions: Sequence[Any]) -> Code:
    """Every call goes on with the next instruction, whatever errno it ends with."""
    code = []
    for pc, instruction in enumerate(instructions):
        if isinstance(instruction, KernelCall):
            names = ERRNOS[type(instruction)]
            instruction = replace(instruction, handlers=tuple((name, pc + 1) for name in names))
        code.append(instruction)
    return tuple(code)


# --- instructions ---


def operation(number: int, delta: int, nowait: bool = False, undo: bool = False) -> SemaphoreOperation:
    return SemaphoreOperation(number, None, None, Const(delta), nowait, undo)


def semop(set_: int, *operations: SemaphoreOperation, **more: Any) -> Semop:
    return Semop(**_ANYWHERE, set=set_, operations=operations, **more)


def get(set_: int, number: int, question: SemaphoreQuestion) -> GetValue:
    return GetValue(**_ANYWHERE, set=set_, question=question, base=number, into=1)


def setval(set_: int, number: int, value: int) -> SetValue:
    return SetValue(**_ANYWHERE, set=set_, base=number, values=(Const(value),))


def setall(set_: int, values: Sequence[int]) -> SetValue:
    return SetValue(**_ANYWHERE, set=set_, values=tuple(Const(v) for v in values), all=True)


def send(queue_: int, kind: int, serial: int, length: int, **more: Any) -> Send:
    payload = ((0, Const(serial)), (1, Const((serial, -serial, serial + 1, 7))))
    return Send(**_ANYWHERE, queue=queue_, type=Const(kind), payload=payload, length=Const(length), **more)


def receive(queue_: int, kind: int, size: int, **more: Any) -> Receive:
    return Receive(**_ANYWHERE, queue=queue_, type=Const(kind), size=Const(size), into=1, **more)


def stat(ref: ObjectRef, field: str) -> ObjectCall:
    return ObjectCall(**_ANYWHERE, action=Lifecycle.STAT, object=ref, field=field, into=1)


def remove(ref: ObjectRef) -> ObjectCall:
    return ObjectCall(**_ANYWHERE, action=Lifecycle.REMOVE, object=ref)


def change(number: int, capacity: int) -> ObjectCall:
    ref = ObjectRef(ObjectKind.QUEUE, number)
    return ObjectCall(**_ANYWHERE, action=Lifecycle.CHANGE, object=ref, bytes=Const(capacity))


def signal(target: int, name: str) -> Signal:
    return Signal(**_ANYWHERE, family=target, index=None, signal=name)


def exit_(code: int = 0) -> Exit:
    return Exit(**_ANYWHERE, code=Const(code))


def again() -> Jump:
    """From the beginning: a long run out of a short code."""
    return Jump(**_ANYWHERE, target=0)


def crash() -> Crash:
    return Crash(**_ANYWHERE)


# --- at random ---

_DELTAS: tuple[tuple[int, ...], ...] = (
    (1, 1, 1, -1, -1, 0),
    (1, 1, 1, 2, 2, -1, -1, -2, -3, 0, 0),
    (1, 1, 1, -1, -1, 0, 2, -2, 32766, 32767, -32767, -32768),
)
_VALUES: tuple[tuple[int, ...], ...] = ((0, 0, 1), (0, 0, 0, 1, 2, 3), (0, 0, 1, 2, 32765, 32766, 32767))
_TYPES = (1, 1, 1, 2, 2, 3)
_SELECTORS = (0, 0, 0, 0, 0, 0, 1, 1, 2, 2, 3, -1, -2, -3, LONG_MIN)
_SIGNALS = ("SIGUSR1", "SIGUSR1", "SIGSTOP", "SIGCONT", "SIGCONT", "SIGKILL")


class Dice:
    """Makes one Program out of a source of chance, which may be hypothesis's."""

    def __init__(self, chance: random.Random, longest: int = 30) -> None:
        self._chance = chance
        self._longest = longest  # instructions of a process
        self._serial = 0

    def program(self) -> Program:
        chance = self._chance
        about = chance.choice(("semaphores", "semaphores", "queues", "queues", "both"))
        size = chance.choice((0, 1, 1, 2))
        self._deltas, self._values = _DELTAS[size], _VALUES[size]
        sets = chance.choice((1, 1, 2)) if about != "queues" else 0
        queues = chance.choice((1, 1, 2)) if about != "semaphores" else 0
        self._sets = [
            semaphores(f"s{i}", [chance.choice(self._values) for _ in range(chance.randint(1, 4))])
            for i in range(sets)
        ]
        self._queues = [queue(f"q{i}", chance.choice((2, 3, 8, 12, 20, 40, 100))) for i in range(queues)]
        self._processes = chance.randint(2, 6)
        self._patient = chance.choice((0.1, 0.1, 0.3))  # how many calls have no timeout
        self._undoing = chance.choice((0.0, 0.3, 0.8))
        self._rough = chance.choice((0.0, 0.0, 0.1))  # signals and removals
        codes = [handled(self._code(i)) for i in range(self._processes)]
        return program(self._sets, self._queues, codes, looks=chance.random() < 0.9)

    def _code(self, process: int) -> list[Instruction]:
        code = [self._instruction(process) for _ in range(self._chance.randint(3, self._longest))]
        end = self._chance.random()
        if end < 0.2:
            code.append(exit_(3) if end < 0.1 else crash())
        elif end < 0.7:
            code.append(again())
        return code

    def _instruction(self, process: int) -> Instruction:
        chance = self._chance
        if chance.random() < self._rough:
            return self._rough_one(process)
        kinds = [self._semaphore] * len(self._sets) + [self._queue] * len(self._queues)
        return chance.choice(kinds)()

    def _rough_one(self, process: int) -> Instruction:
        """A signal to another process, an object removed, a queue's room changed."""
        chance = self._chance
        if chance.random() < 0.6:
            target = chance.choice([p for p in range(self._processes) if p != process])
            return signal(target, chance.choice(_SIGNALS))
        if self._queues and chance.random() < 0.7:
            return change(chance.randrange(len(self._queues)), chance.choice((0, 1, 5, 12, 30, 200)))
        refs = [ObjectRef(ObjectKind.SEMAPHORES, i) for i in range(len(self._sets))]
        refs += [ObjectRef(ObjectKind.QUEUE, i) for i in range(len(self._queues))]
        return remove(chance.choice(refs)) if chance.random() < 0.15 else self._asks(chance.choice(refs))

    def _asks(self, ref: ObjectRef) -> Instruction:
        return stat(ref, "otime" if ref.kind is ObjectKind.SEMAPHORES else self._chance.choice(STAT_QUEUE))

    def _semaphore(self) -> Instruction:
        chance = self._chance
        set_ = chance.randrange(len(self._sets))
        size = self._sets[set_].size
        kind = chance.random()
        if kind < 0.08:
            return get(set_, chance.randrange(size), chance.choice(tuple(SemaphoreQuestion)))
        if kind < 0.18:
            return setval(
                set_, chance.randrange(size), chance.choice((*self._values, *self._values, -1, 32768))
            )
        if kind < 0.22:
            return setall(set_, [chance.choice((*self._values, *self._values, 32768)) for _ in range(size)])
        many = chance.choice((1, 1, 1, 1, 2, 2, 3, 4))
        all_zero = many > 1 and chance.random() < 0.25
        operations = [
            operation(
                chance.randrange(size),
                0 if all_zero else chance.choice(self._deltas),
                chance.random() < 0.12,
                chance.random() < self._undoing,
            )
            for _ in range(many)
        ]
        return semop(set_, *operations, **self._waiting(0.05))

    def _queue(self) -> Instruction:
        chance = self._chance
        number = chance.randrange(len(self._queues))
        kind = chance.random()
        if kind < 0.05:
            return self._asks(ObjectRef(ObjectKind.QUEUE, number))
        if kind < 0.5:
            self._serial += 1
            length = chance.choice((0, 0, 1, 3, 4, 5, 8, 12))
            label = chance.choice((*_TYPES, 0, -1)) if chance.random() < 0.1 else chance.choice(_TYPES)
            return send(number, label, self._serial, length, **self._waiting(0.15))
        return receive(
            number,
            chance.choice(_SELECTORS),
            chance.choice((12, 12, 12, 12, 4, 2, 0, 20, 9000)) if chance.random() < 0.97 else -1,
            exclude=chance.random() < 0.2,
            noerror=chance.random() < 0.3,
            **self._waiting(0.15),
        )

    def _waiting(self, nowait: float) -> dict[str, Any]:
        """Whether the call waits at all, and for ever."""
        chance = self._chance
        if chance.random() < nowait:
            return {"nowait": True}
        return {} if chance.random() < self._patient else {"timeout": 1.0}
