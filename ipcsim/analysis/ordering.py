"""Happens-before from the events of a run: which steps are ordered by the IPC objects.

Of a call only the instants before (BEGIN) and after (END) are known; its effect lies in between. So a call
passes on what its process knows at its BEGIN and learns at its END: an order found so may be more than
the real one, never less, and no race is reported that is none. The edges:

- V → P of the same semaphore; P → Z; SETVAL → both; whoever asks for the value learns from both;
- SEM_UNDO: whoever gets a semaphore knows all of the processes that have operations on it to be undone,
  since they may have died and given it back;
- a send → every later receive of that type; and where the queue's capacity in messages is known, the
  first k − C receives → the k-th send (as in Go's memory model);
- create and remove of an object → whoever finds it, or finds it gone;
- a store to an atomic field → a load of it;
- a spawn → everything that the spawned process does; a signal → the call that it interrupts.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator

from ipcsim.analysis import errnos
from ipcsim.analysis.clocks import Clock, Clocks, join
from ipcsim.analysis.operations import Operations, Pairs
from ipcsim.program import Program
from ipcsim.program.instructions import (
    Code,
    GetValue,
    Instruction,
    KernelCall,
    Lifecycle,
    Load,
    ObjectCall,
    ObjectKind,
    Receive,
    Semop,
    Send,
    SetValue,
    Signal,
    Spawn,
    Store,
    successors,
)
from ipcsim.trace import Event, EventKind

_USUAL_MSGMNB = 16384  # a queue without `bytes` has the system's default
_FROM_V, _FROM_P, _MESSAGE, _OBJECT, _ATOMIC, _SIGNAL = range(6)


class Ordering:
    """Keeps `clocks` up to date with the events, which come in the order of time."""

    def __init__(self, program: Program, operations: Operations) -> None:
        self._program = program
        self._operations = operations
        self.clocks = Clocks(len(program.processes))
        self._undo: dict[tuple[int, int], dict[int, int]] = {}
        self._rooms = [_Room(_capacity(program, i)) for i in range(len(program.queues))]
        self._next_stores = [_next_stores(program, f.code) for f in program.families]
        self._about_to_store: dict[tuple[int, int], set[int]] = {}

    def feed(self, event: Event) -> None:
        if event.kind is EventKind.DIED:
            return  # what it gave back by SEM_UNDO is known by `_undo`
        instruction = self._program.instruction(event.process, event.pc)
        if event.kind is EventKind.BEGIN:
            self._begin(event, instruction)
        elif event.kind is EventKind.END:
            self._end(event, instruction)
        elif isinstance(instruction, Load | Store):
            self._atomic(event, instruction)
        self._note_next_store(event)

    # --- before a call ---

    def _begin(self, event: Event, instruction: Instruction) -> None:
        process, clocks = event.process, self.clocks
        match instruction:
            case Semop(set=set_):
                for number, delta in self._operations.of(event):
                    if delta:
                        clocks.release(process, (_FROM_V if delta > 0 else _FROM_P, set_, number))
            case SetValue(set=set_):
                for number in self._numbers_set(instruction):
                    clocks.release(process, (_FROM_V, set_, number))
                    clocks.release(process, (_FROM_P, set_, number))
            case Send(queue=queue):
                clocks.release(process, (_MESSAGE, queue, event.a))
                self._rooms[queue].sending += 1
            case Receive(queue=queue):
                self._rooms[queue].begin(process, clocks.of[process])
            case ObjectCall(action=Lifecycle.CREATE | Lifecycle.REMOVE, object=ref):
                clocks.release(process, (_OBJECT, ref.kind, ref.number))
            case Spawn() if 0 <= event.a < len(clocks.of):
                join(clocks.of[event.a], clocks.of[process])
            case Signal():
                clocks.release(process, (_SIGNAL, event.a))
            case _:
                return
        clocks.tick(process)

    # --- after a call ---

    def _end(self, event: Event, instruction: Instruction) -> None:
        process, clocks = event.process, self.clocks
        if isinstance(instruction, Receive):
            self._rooms[instruction.queue].end(process, not event.errno)
        if event.errno:
            if isinstance(instruction, Send):
                self._rooms[instruction.queue].sending -= 1
            self._failed(event, instruction)
            return
        match instruction:
            case Semop():
                self._semop(process, instruction, self._operations.of(event))
            case GetValue(set=set_):
                for number in self._numbers_asked(instruction):
                    clocks.acquire(process, (_FROM_V, set_, number))
                    clocks.acquire(process, (_FROM_P, set_, number))
            case Send(queue=queue):
                self._rooms[queue].sent(clocks.of[process])
            case Receive(queue=queue):
                clocks.acquire(process, (_MESSAGE, queue, event.b))
            case ObjectCall(object=ref):
                clocks.acquire(process, (_OBJECT, ref.kind, ref.number))
            case _:
                pass

    def _failed(self, event: Event, instruction: Instruction) -> None:
        """A failed call orders nothing, except that it may tell that the object is gone or there."""
        ref = _object_of(instruction)
        if ref and errnos.name(event.errno) in ("EIDRM", "EINVAL", "ENOENT", "EEXIST"):
            self.clocks.acquire(event.process, (_OBJECT, *ref))
        if errnos.name(event.errno) == "EINTR":
            self.clocks.acquire(event.process, (_SIGNAL, event.process))

    def _semop(self, process: int, instruction: Semop, pairs: Pairs) -> None:
        set_ = instruction.set
        for i, (number, delta) in enumerate(pairs):
            if delta <= 0:
                self.clocks.acquire(process, (_FROM_V if delta else _FROM_P, set_, number))
                for other in self._undo.get((set_, number), ()):
                    if other != process:
                        self.clocks.learn(process, other)
            if delta and i < len(instruction.operations) and instruction.operations[i].undo:
                net = self._undo.setdefault((set_, number), {})
                net[process] = net.get(process, 0) + delta
                if not net[process]:
                    del net[process]

    def _numbers_set(self, instruction: SetValue) -> range:
        if instruction.all:
            return range(self._program.sets[instruction.set].size)
        return range(instruction.base, instruction.base + (instruction.count or 1))

    def _numbers_asked(self, instruction: GetValue) -> range:
        if instruction.question.value == "GETALL":
            return range(self._program.sets[instruction.set].size)
        return range(instruction.base, instruction.base + (instruction.count or 1))

    # --- atomic fields ---

    def _atomic(self, event: Event, access: Load | Store) -> None:
        field = self._program.segments[access.segment].struct.fields[access.field]
        if not field.atomic:
            return
        thing = (_ATOMIC, access.segment, access.field, event.b)
        if isinstance(access, Store):
            self.clocks.release(event.process, thing)
            self.clocks.tick(event.process)
            return
        self.clocks.acquire(event.process, thing)
        # a store is recorded when it is done: one whose record is still to come may have been seen
        for other in self._about_to_store.get((access.segment, access.field), ()):
            if other != event.process:
                self.clocks.learn(event.process, other)

    def _note_next_store(self, event: Event) -> None:
        table = self._next_stores[self._program.processes[event.process].family]
        if table is None:
            return
        upcoming = table[event.pc] if event.kind is not EventKind.BEGIN else ()
        for field, processes in self._about_to_store.items():
            if field not in upcoming:
                processes.discard(event.process)
        for field in upcoming:
            self._about_to_store.setdefault(field, set()).add(event.process)


class _Room:
    """A queue of at most `capacity` messages: the k-th send has seen the first k − capacity receives.

    Which receives were first is not known where they overlap, so every one counts that may have been.
    """

    def __init__(self, capacity: int | None) -> None:
        self._capacity = capacity
        self.sending = 0  # sends begun
        self._received = 0  # receives ended
        self._open: dict[int, tuple[int, Clock]] = {}
        self._done: list[tuple[int, int, Clock]] = []  # a heap by how many receives were surely before
        self._known: Clock = {}
        self._number = 0

    def begin(self, process: int, clock: Clock) -> None:
        if self._capacity is not None:
            self._open[process] = (self._received, dict(clock))

    def end(self, process: int, success: bool) -> None:
        begun = self._open.pop(process, None)
        if begun is not None and success:
            self._received += 1
            self._number += 1
            heapq.heappush(self._done, (begun[0], self._number, begun[1]))

    def sent(self, clock: Clock) -> None:
        if self._capacity is None:
            return
        first = self.sending - self._capacity
        while self._done and self._done[0][0] < first:
            join(self._known, heapq.heappop(self._done)[2])
        if first > 0:
            join(clock, self._known)
            for before, known in self._open.values():
                if before < first:
                    join(clock, known)


def _capacity(program: Program, number: int) -> int | None:
    """How many messages fit into a queue at most; None where they differ in length."""
    queue = program.queues[number]
    sends = [i for f in program.families for i in f.code if isinstance(i, Send) and i.queue == number]
    if any(s.length is not None for s in sends):
        return None
    if queue.persist or not queue.created_by_run:
        return 0  # messages from before the run may take up any of the room
    total = _USUAL_MSGMNB if queue.bytes is None else queue.bytes
    return total // queue.message.size if queue.message.size else total


def _object_of(instruction: Instruction) -> tuple[ObjectKind, int] | None:
    match instruction:
        case Semop(set=number) | SetValue(set=number) | GetValue(set=number):
            return (ObjectKind.SEMAPHORES, number)
        case Send(queue=number) | Receive(queue=number):
            return (ObjectKind.QUEUE, number)
        case ObjectCall(object=ref):
            return (ref.kind, ref.number)
        case _:
            return None


_Fields = tuple[tuple[int, int], ...]


def _next_stores(program: Program, code: Code) -> list[_Fields] | None:
    """For each pc, the atomic fields that the next visible step may store to; None where there are none."""
    atomic = {
        pc: (i.segment, i.field)
        for pc, i in enumerate(code)
        if isinstance(i, Store) and program.segments[i.segment].struct.fields[i.field].atomic
    }
    if not atomic:
        return None
    return [tuple({atomic[n] for n in _visible_next(code, pc) if n in atomic}) for pc in range(len(code))]


def _visible_next(code: Code, pc: int) -> Iterator[int]:
    seen: set[int] = set()
    pending = list(successors(code, pc))
    while pending:
        target = pending.pop()
        if target in seen or target >= len(code):
            continue
        seen.add(target)
        if code[target].visible or isinstance(code[target], KernelCall):
            yield target
        else:
            pending += successors(code, target)
