"""The real system of one Program: its kernel objects, its processes, and what can be seen of both."""

from __future__ import annotations

import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ipcsim.model.processes import BY_THE_RUN, pid_of
from ipcsim.program import Program
from ipcsim.program.expressions import Const, Expr
from ipcsim.program.instructions import (
    Crash,
    Exit,
    GetValue,
    Instruction,
    Lifecycle,
    ObjectCall,
    ObjectKind,
    Receive,
    SemaphoreQuestion,
    Semop,
    Send,
    SetValue,
    Signal,
)
from ipcsim.runner import objects
from ipcsim.sysv import libc, queues, semaphores
from tests.model.children import PATIENCE, Answer, Child

_COMMANDS = {
    SemaphoreQuestion.VALUE: libc.GETVAL,
    SemaphoreQuestion.ALL: libc.GETALL,
    SemaphoreQuestion.NCNT: libc.GETNCNT,
    SemaphoreQuestion.ZCNT: libc.GETZCNT,
    SemaphoreQuestion.PID: libc.GETPID,
}
THE_RUN = -1  # stands for the process that made the objects
NOBODY = -2


class SetSeen(NamedTuple):
    """All that semctl tells of a set; pids as process numbers."""

    values: tuple[int, ...]
    ncnt: tuple[int, ...]
    zcnt: tuple[int, ...]
    pids: tuple[int, ...]
    otime: bool


class QueueSeen(NamedTuple):
    qnum: int
    cbytes: int
    qbytes: int
    lspid: int
    lrpid: int


@dataclass
class Seen:
    """What a step did: answers by process, who is gone, who sleeps, who is stopped; and every object."""

    answers: dict[int, Answer] = field(default_factory=dict)
    gone: set[int] = field(default_factory=set)
    asleep: frozenset[int] = frozenset()
    stopped: frozenset[int] = frozenset()
    sets: list[SetSeen | None] = field(default_factory=list)
    queues: list[QueueSeen | None] = field(default_factory=list)


def constant(expr: Expr | None) -> Any:
    """The value of an argument: these Programs have only constants."""
    assert isinstance(expr, Const)
    return expr.value


class World:
    """See the module. `close` removes every object; whoever sleeps there then wakes with EIDRM."""

    def __init__(self, program: Program, children: Sequence[Child]) -> None:
        self.program = program
        self.children = list(children)
        self._number = {c.pid: i for i, c in enumerate(self.children)}
        self._asleep: set[int] = set()
        self._stopped: set[int] = set()
        self._removed: set[tuple[ObjectKind, int]] = set()
        self.set_ids: list[int] = []
        self.queue_ids: list[int] = []
        try:
            for declared in program.sets:
                made = objects.create(declared, 0o600, None, False)
                self.set_ids.append(made.id)
                objects.initialise(declared, made.id)
            for queue in program.queues:
                self.queue_ids.append(objects.create(queue, 0o600, None, False).id)
        except BaseException:
            self.close()
            raise

    # --- steps ---

    def step(self, process: int, instruction: Instruction) -> Seen:
        """Let a process do an instruction, and everything come to rest."""
        child, seen = self.children[process], Seen()
        if isinstance(instruction, Exit):
            child.start("exit", constant(instruction.code) & 0xFF)
            self._reap(process, seen)
        elif isinstance(instruction, Crash):
            self.kill(process, seen)
        else:
            child.start(*self._command(instruction))
            if isinstance(instruction, Signal):
                self._signalled(process, instruction, seen)
            elif isinstance(instruction, ObjectCall) and instruction.action is Lifecycle.REMOVE:
                self._removed.add((instruction.object.kind, instruction.object.number))
        return self._settled(seen)

    def strike(self, process: int) -> Seen:
        """The timeout of a sleeper's call strikes: a signal ends it, as in a controlled run."""
        self.children[process].signal(signal.SIGALRM)
        self._until(process, self.children[process].answered)
        seen = self._settled(Seen())
        if seen.answers.get(process) == ("EINTR", None):
            seen.answers[process] = ("EAGAIN", None)
        return seen

    def kill(self, process: int, seen: Seen | None = None) -> Seen:
        """SIGKILL from outside."""
        seen = Seen() if seen is None else seen
        self.children[process].signal(signal.SIGKILL)
        self._reap(process, seen)
        return self._settled(seen)

    def _reap(self, process: int, seen: Seen) -> None:
        self.children[process].reap()
        self._asleep.discard(process)
        self._stopped.discard(process)
        seen.gone.add(process)

    def _signalled(self, process: int, call: Signal, seen: Seen) -> None:
        """Wait for what the signal does to its target, where an answer does not tell."""
        self._until(process, self.children[process].answered)
        target = call.family
        child = self.children[target]
        if not child.alive:
            return
        if call.signal == "SIGKILL":
            self._reap(target, seen)
        elif call.signal == "SIGSTOP":
            self._until(target, child.stopped)
            self._stopped.add(target)
            self._asleep.discard(target)
        elif call.signal == "SIGCONT":
            self._stopped.discard(target)

    def _command(self, instruction: Instruction) -> tuple[Any, ...]:
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
                return ("semop", self.set_ids[number], triples)
            case GetValue(set=number, base=base, question=question):
                size = self.program.sets[number].size
                return ("get", self.set_ids[number], base, _COMMANDS[question], size)
            case SetValue(set=number, all=True, values=values):
                return ("setall", self.set_ids[number], tuple(constant(v) for v in values))
            case SetValue(set=number, base=base, values=(value,)):
                return ("setval", self.set_ids[number], base, constant(value))
            case Send():
                return self._send(instruction)
            case Receive():
                return self._receive(instruction)
            case Signal(family=target, signal=name):
                child = self.children[target]
                return ("kill", child.pid if child.alive else 0, int(getattr(signal, name)))
            case ObjectCall():
                return self._object_call(instruction)
        raise TypeError(f"not driven: {type(instruction).__name__}")

    def _send(self, call: Send) -> tuple[Any, ...]:
        struct = self.program.queues[call.queue].message
        values = list(struct.unpack(b""))
        for number, expr in call.payload:
            values[number] = constant(expr)
        raw = struct.pack(tuple(values))[: constant(call.length)]
        flags = libc.IPC_NOWAIT if call.nowait else 0
        return ("send", self.queue_ids[call.queue], constant(call.type), raw, flags)

    def _receive(self, call: Receive) -> tuple[Any, ...]:
        flags = libc.IPC_NOWAIT if call.nowait else 0
        flags |= libc.MSG_NOERROR if call.noerror else 0
        flags |= libc.MSG_EXCEPT if call.exclude else 0
        return ("receive", self.queue_ids[call.queue], constant(call.size), constant(call.type), flags)

    def _object_call(self, call: ObjectCall) -> tuple[Any, ...]:
        kind = call.object.kind
        found = (self.set_ids if kind is ObjectKind.SEMAPHORES else self.queue_ids)[call.object.number]
        match call.action:
            case Lifecycle.STAT:
                return (f"stat-{kind.value}", found, call.field)
            case Lifecycle.REMOVE:
                return (f"remove-{kind.value}", found)
            case Lifecycle.CHANGE:
                return ("capacity", found, constant(call.bytes))
        raise TypeError(f"not driven: {call.action}")

    # --- rest ---

    def _until(self, process: int, condition: Any) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            if time.monotonic() > deadline:
                raise AssertionError(
                    f"process {process} does not get on: {self.children[process]._where()!r}"
                )
            self.children[process].wait_a_little(0.0001)

    def _settled(self, seen: Seen) -> Seen:
        """Wait until everyone has answered or certainly sleeps, then look at everything.

        Whoever wakes others has done so before it answers: after a round in which nobody moved, all is
        at rest.
        """
        moved = True
        while moved:
            moved = False
            for process, child in enumerate(self.children):
                if not child.in_call or process in self._stopped:
                    continue
                if self._settle(process, child, seen):
                    moved = True
        seen.asleep, seen.stopped = frozenset(self._asleep), frozenset(self._stopped)
        seen.sets = [self._look_at_set(i) for i in range(len(self.set_ids))]
        seen.queues = [self._look_at_queue(i) for i in range(len(self.queue_ids))]
        return seen

    def _settle(self, process: int, child: Child, seen: Seen) -> bool:
        """Whether the process has moved since it was last looked at."""
        asked, deadline = 0, 0.0
        while True:
            if child.answered():
                seen.answers[process] = child.answer()
                self._asleep.discard(process)
                return True
            if (asked or process in self._asleep) and child.asleep():
                known = process in self._asleep and not asked
                self._asleep.add(process)
                return not known
            asked += 1
            child.wait_a_little(0.0001)
            if asked == 100:
                deadline = time.monotonic() + PATIENCE
            if deadline and time.monotonic() > deadline:
                raise AssertionError(f"process {process} neither answers nor sleeps: {child._where()!r}")

    # --- looking ---

    def who(self, pid: int) -> int:
        """A pid as a process number."""
        if pid == 0:
            return NOBODY
        return self._number.get(pid, THE_RUN)

    def as_modelled(self, pid: int) -> int:
        """A pid as the model has it."""
        who = self.who(pid)
        return 0 if who == NOBODY else pid_of(BY_THE_RUN if who == THE_RUN else who + 1)

    def _look_at_set(self, number: int) -> SetSeen | None:
        if not self.there(ObjectKind.SEMAPHORES, number):
            return None
        found, size = self.set_ids[number], self.program.sets[number].size

        def each(command: int) -> tuple[int, ...]:
            return tuple(semaphores.get(found, n, command) for n in range(size))

        return SetSeen(
            semaphores.get_all(found, size),
            each(libc.GETNCNT),
            each(libc.GETZCNT),
            tuple(self.who(pid) for pid in each(libc.GETPID)),
            semaphores.stat(found)["otime"] != 0,
        )

    def _look_at_queue(self, number: int) -> QueueSeen | None:
        if not self.there(ObjectKind.QUEUE, number):
            return None
        found = queues.stat(self.queue_ids[number])
        return QueueSeen(
            found["qnum"],
            found["cbytes"],
            found["qbytes"],
            self.who(found["lspid"]),
            self.who(found["lrpid"]),
        )

    @property
    def any_removed(self) -> bool:
        return bool(self._removed)

    def there(self, kind: ObjectKind, number: int) -> bool:
        return (kind, number) not in self._removed

    def contents(self, number: int, count: int) -> list[tuple[int, bytes]]:
        """The first `count` messages of a queue; takes them out, so it ends the comparison (blocked senders
        come in at the end)."""
        found = self.queue_ids[number]
        return [queues.receive(found, 9000, 0, libc.IPC_NOWAIT) for _ in range(count)]

    def close(self) -> None:
        """Remove what is left. Sleepers end with EIDRM, undo is discarded (S-17, S-21), so children can go on
        to serve another program."""
        for kind, ids in ((ObjectKind.SEMAPHORES, self.set_ids), (ObjectKind.QUEUE, self.queue_ids)):
            for found in ids:
                objects.remove(kind, found)
        for process in self._stopped:
            self.children[process].kill()
        for process in self._asleep:
            child = self.children[process]
            self._until(process, child.answered)
            child.answer()
