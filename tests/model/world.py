"""The real system of one Program: its kernel objects, its processes, and what can be seen of both."""

from __future__ import annotations

import signal
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from ipcsim.model.living import UNKNOWN
from ipcsim.model.processes import BY_THE_RUN, pid_of
from ipcsim.program import Program, names
from ipcsim.program.instructions import (
    Crash,
    Exit,
    Instruction,
    Lifecycle,
    Load,
    ObjectCall,
    ObjectKind,
    ObjectRef,
    Signal,
    Store,
)
from ipcsim.program.objects import Segment
from ipcsim.runner import objects
from ipcsim.sysv import libc, queues
from tests.model.children import PATIENCE, Child
from tests.model.commands import access, command, constant
from tests.model.looking import (
    NOBODY,
    THE_RUN,
    QueueSeen,
    Seen,
    SetSeen,
    Stat,
    look_at_queue,
    look_at_set,
    stated,
    translated,
)


class World:
    """See the module. `close` removes every object; whoever sleeps there then wakes with EIDRM.

    Each process has its own handles, as a worker has; `made` are all objects that ever were, by the id that
    the model gives them.
    """

    def __init__(self, program: Program, children: Sequence[Child]) -> None:
        self.program = program
        self.children = list(children)
        self._number = {c.pid: i for i, c in enumerate(self.children)}
        self._asleep: set[int] = set()
        self._stopped: set[int] = set()
        self._leader = names.leaders(program)
        self.made: dict[int, tuple[ObjectKind, int]] = {}
        self._live: dict[ObjectRef, int] = {}  # by the first name of an object: the real id of the latest one
        try:
            created = self._create_all()
            self.handles = [dict(created) for _ in self.children]
            self._attached: list[dict[int, list[int]]] = [{} for _ in self.children]
            self._prepare_children()
        except BaseException:
            self.close()
            raise

    def _create_all(self) -> dict[ObjectRef, int]:
        """What the run creates, as its launcher does; the id of each by its name."""
        created: dict[ObjectRef, int] = {}
        for place, (ref, declared) in enumerate(self.program.objects()):
            if declared.created_by_run:
                made = objects.create(declared, declared.mode, exclusive=not declared.persist)
                created[ref] = made.id
                if made.new:
                    self._note(ref, place + 1, made.id)
                    objects.initialise(declared, made.id)
        self._next = len(self.program.objects()) + 1
        return created

    def _note(self, ref: ObjectRef, number: int, found: int) -> None:
        self.made[number] = (ref.kind, found)
        self._live[self._leader[ref]] = found

    def _prepare_children(self) -> None:
        for process, child in enumerate(self.children):
            family = self.program.families[self.program.processes[process].family]
            by_hand = {
                i.object for i in family.code if isinstance(i, ObjectCall) and i.action is Lifecycle.ATTACH
            }
            for ref, found in self.handles[process].items():
                if ref.kind is ObjectKind.SEGMENT and ref not in by_hand:
                    errno, address = child.does("attach", found, False, self._span(ref.number))
                    assert errno is None
                    self._attached[process].setdefault(ref.number, []).append(address)
            if family.identity is not None:  # as a worker: it attaches with the rights of the run
                child.become(family.identity.uid, family.identity.gid)

    def _span(self, number: int) -> int:
        return self.program.segments[number].struct.size

    # --- steps ---

    def step(self, process: int, instruction: Instruction) -> Seen:
        """Let a process do an instruction, and everything come to rest."""
        child, seen = self.children[process], Seen()
        match instruction:
            case Exit():
                child.start("exit", constant(instruction.code) & 0xFF)
                self._reap(process, seen)
            case Crash():
                self.kill(process, seen)
            case Load() | Store() if not self._attached[process].get(instruction.segment):
                self.kill(process, seen)  # a worker ends here by itself, with a word
            case Load() | Store():
                address = self._attached[process][instruction.segment][-1]
                child.start(*access(self.program, instruction, address))
                self._until(process, lambda: child.answered() or child.ended())
                if not child.answered():
                    self._reap(process, seen)
            case ObjectCall(action=Lifecycle.DETACH):
                self._detach(process, instruction, seen)
            case ObjectCall(action=Lifecycle.STAT, field="id"):
                seen.answers[process] = (None, self._handle(process, instruction.object))
            case _:
                child.start(*self._command(process, instruction))
                if isinstance(instruction, Signal):
                    self._signalled(process, instruction, seen)
        return self._settled(seen, {process: instruction})

    def _handle(self, process: int, ref: ObjectRef) -> int:
        return self.handles[process].get(ref, UNKNOWN)

    def _detach(self, process: int, call: ObjectCall, seen: Seen) -> None:
        """The latest attachment; a worker that has none gets EINVAL without asking the kernel (H-5)."""
        attached = self._attached[process].get(call.object.number)
        if attached:
            self.children[process].start("detach", attached.pop())
        else:
            seen.answers[process] = ("EINVAL", None)

    def _learn(self, process: int, call: ObjectCall, seen: Seen) -> None:
        """What a call that succeeded tells of handles and objects; ids become the model's."""
        errno, result = seen.answers[process]
        if errno is not None:
            return
        if call.action is Lifecycle.ATTACH:
            self._attached[process].setdefault(call.object.number, []).append(result)
        elif call.action is Lifecycle.OPEN:
            self.handles[process][call.object] = result
            seen.answers[process] = (None, self._modelled_id(call.object.kind, result))
        elif call.action is Lifecycle.CREATE:
            found, new = result
            self.handles[process][call.object] = found
            if new:
                self._note(call.object, self._next, found)
                self._next += 1
            seen.answers[process] = (None, self._modelled_id(call.object.kind, found))
        elif call.action is Lifecycle.STAT and call.field == "id":
            seen.answers[process] = (None, self._modelled_id(call.object.kind, result))
        elif call.action is Lifecycle.STAT:
            seen.answers[process] = (None, translated(str(call.field), result, self.as_modelled))

    def _modelled_id(self, kind: ObjectKind, found: int) -> int:
        """The model's id of what really is `found`."""
        if found == UNKNOWN:
            return UNKNOWN
        # an id of the kernel's is used again only after very many others
        return next(n for n, made in self.made.items() if made == (kind, found))

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

    def _command(self, process: int, instruction: Instruction) -> tuple[Any, ...]:
        if isinstance(instruction, Signal):
            child = self.children[instruction.family]
            return ("kill", child.pid if child.alive else 0, int(getattr(signal, instruction.signal)))
        return command(self.program, instruction, partial(self._handle, process))

    # --- rest ---

    def _until(self, process: int, condition: Any) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            if time.monotonic() > deadline:
                raise AssertionError(
                    f"process {process} does not get on: {self.children[process]._where()!r}"
                )
            self.children[process].wait_a_little(0.0001)

    def _settled(self, seen: Seen, made: Mapping[int, Instruction] | None = None) -> Seen:
        """Wait until everyone has answered or certainly sleeps, then look at everything. `made`: the call of
        whoever was told to make one.

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
        for process, call in (made or {}).items():
            if isinstance(call, ObjectCall) and process in seen.answers:
                self._learn(process, call, seen)
        seen.asleep, seen.stopped = frozenset(self._asleep), frozenset(self._stopped)
        seen.sets = {n: self._look_at_set(n) for n in range(len(self.program.sets))}
        seen.queues = {n: self._look_at_queue(n) for n in range(len(self.program.queues))}
        seen.objects = {number: self._stat(kind, found) for number, (kind, found) in self.made.items()}
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
        found = self.live(ObjectKind.SEMAPHORES, number)
        longest = max(
            declared.size
            for n, declared in enumerate(self.program.sets)
            if self._first(ObjectKind.SEMAPHORES, n) == self._first(ObjectKind.SEMAPHORES, number)
        )
        return None if found is None else look_at_set(found, longest, self.who)

    def _look_at_queue(self, number: int) -> QueueSeen | None:
        found = self.live(ObjectKind.QUEUE, number)
        return None if found is None else look_at_queue(queues.stat(found), self.who)

    def _stat(self, kind: ObjectKind, found: int) -> Stat | None:
        stat = stated(kind, found)
        return stat and {name: translated(name, value, self.as_modelled) for name, value in stat.items()}

    def _first(self, kind: ObjectKind, number: int) -> ObjectRef:
        return self._leader[ObjectRef(kind, number)]

    def live(self, kind: ObjectKind, number: int) -> int | None:
        """The id of the object that a name stands for; None where there is none."""
        found = self._live.get(self._first(kind, number))
        return None if found is None or stated(kind, found) is None else found

    @property
    def bare(self) -> bool:
        """Whether there is no object any more, and nobody will make one."""
        creates = any(
            isinstance(i, ObjectCall) and i.action is Lifecycle.CREATE
            for f in self.program.families
            for i in f.code
        )
        return not creates and any(stated(kind, found) is None for kind, found in self.made.values())

    def contents(self, number: int, count: int) -> list[tuple[int, bytes]]:
        """The first `count` messages of a queue; takes them out, so it ends the comparison (blocked senders
        come in at the end)."""
        found = self.live(ObjectKind.QUEUE, number)
        assert found is not None
        return [queues.receive(found, 9000, 0, libc.IPC_NOWAIT) for _ in range(count)]

    def fields(self, number: int, segment: Segment) -> tuple[Any, ...] | None:
        """What stands in the segment that the model calls so, as one of its names divides it."""
        return objects.segment_values(segment, self.made[number][1])

    def close(self) -> None:
        """Remove what is left. Sleepers end with EIDRM, undo is discarded (S-17, S-21), so children can go on
        to serve another program."""
        for kind, found in self.made.values():
            objects.remove(kind, found)
        for process in self._stopped:
            self.children[process].kill()
        for process in self._asleep:
            child = self.children[process]
            self._until(process, child.answered)
            child.answer()
        for child in self.children:
            if child.alive and not child.in_call:
                child.does("detach-all")
