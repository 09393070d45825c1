"""Happens-before from the events of a run: which steps are ordered by the IPC objects.

What orders is said by one table, `facts.ordering`; here it is applied to events. Of a call only the instants
before (BEGIN) and after (END) are known; its effect lies in between. So a call passes on what its process
knows at its BEGIN and learns at its END: an order found so may be more than the real one, never less, and no
race is reported that is none. A call that fails has passed nothing on once its END is known.

What the table leaves to whoever applies it:

- the first k − C receives of a queue that has room for C messages are before the k-th send (as in Go's
  memory model);
- whoever gets a semaphore, or asks for it, knows all of the processes that have operations on it to be
  undone, since they may have died and given it back: of a death it is told late;
- a process that may have been stopped knows, when it may be continued, what the signals to it passed on.
"""

from __future__ import annotations

import heapq
from typing import NamedTuple, assert_never

from ipcsim.analysis import links
from ipcsim.analysis.clocks import Clock, Clocks, join
from ipcsim.analysis.links import About, Thing
from ipcsim.analysis.operations import Operations, Pairs
from ipcsim.analysis.resolve import Constants
from ipcsim.facts import errnos
from ipcsim.facts import ordering as facts
from ipcsim.facts.ordering import SUCCESS
from ipcsim.program import Program
from ipcsim.program.flow import Flow, backward
from ipcsim.program.instructions import (
    Call,
    Code,
    GetValue,
    KernelCall,
    Load,
    ObjectCall,
    Receive,
    Semop,
    Send,
    SetValue,
    Signal,
    Spawn,
    Store,
)
from ipcsim.trace import Event, EventKind


class _Meaning(NamedTuple):
    """What a call is about, and what it passes on and learns where it succeeds."""

    about: About
    passes: list[Thing]
    learns: list[Thing]


class Ordering:
    """Keeps `clocks` up to date with the events, which come in the order of time. `exact`: they come in the
    order of their effects (a controlled run, a path of the model), so a store is told as it is done."""

    def __init__(self, program: Program, operations: Operations, exact: bool = False) -> None:
        self._program, self._operations = program, operations
        self.clocks = Clocks(len(program.processes))
        self._open: dict[int, tuple[_Meaning, list[Thing]]] = {}  # calls begun, and what they have offered
        self._fixed: dict[tuple[int, int], _Meaning] = {}  # by process and pc
        self._rooms = [_Room(links.capacity(program, i)) for i in range(len(program.queues))]
        self._undo: dict[tuple[int, int], dict[int, int]] = {}
        self._killed: set[int] = set()
        self._targets: dict[str, set[int]] = {"SIGSTOP": set(), "SIGCONT": set()}  # targets so far
        self._unborn = {p.number for p in program.processes if program.families[p.family].spawned}
        self._next_stores = [None if exact else _next_stores(program, f.code) for f in program.families]
        self._about_to_store: dict[tuple[int, int], set[int]] = {}

    def feed(self, event: Event) -> None:
        if event.kind is EventKind.DIED:
            return  # ESRCH tells of it, or what it gave back by SEM_UNDO, known by `_undo`
        instruction = self._program.instruction(event.process, event.pc)
        if event.process in self._unborn:
            self._unborn.discard(event.process)
            self._learn(event.process, (facts.START, event.process))
        if event.kind is EventKind.BEGIN:
            if isinstance(instruction, KernelCall):  # else it is a store that may be a fault
                self._begin(event, instruction)
        elif event.kind is EventKind.END:
            assert isinstance(instruction, KernelCall)
            self._end(event, instruction)
        elif isinstance(instruction, Load | Store) and not event.errno:
            self._atomic(event, instruction)
        self._note_next_store(event)

    # --- before a call ---

    def _begin(self, event: Event, call: Call) -> None:
        process, clocks = event.process, self.clocks
        meaning = self._meaning(event, call)
        offered: list[Thing] = []
        for thing in meaning.passes:
            if thing[0] == facts.ROOM:
                self._rooms[int(thing[1])].begin(process, clocks.of[process])
            elif call.handlers:
                clocks.offer(process, thing)
                offered.append(thing)
            else:  # should it fail, the process is at its end
                clocks.release(process, thing)
        if isinstance(call, Send):
            self._rooms[call.queue].sending += 1
        self._open[process] = (meaning, offered)
        if isinstance(call, Signal):
            self._signal(meaning.about.target, call.signal)
        if meaning.passes:
            clocks.tick(process)

    def _signal(self, target: int, signal: str) -> None:
        if signal == "SIGKILL":
            self._killed.add(target)
        elif signal in ("SIGSTOP", "SIGCONT"):
            # which of two that overlap came first is not known, nor whether the target was still stopped
            self._targets[signal].add(target)
            if all(target in targets for targets in self._targets.values()):
                for sort in facts.of("continued", SUCCESS).learns:
                    self._learn(target, (sort, target))

    # --- after a call ---

    def _end(self, event: Event, call: Call) -> None:
        process = event.process
        begun = self._open.pop(process, None)
        (about, _, learns), offered = (self._meaning(event, call), []) if begun is None else begun
        if isinstance(call, Receive):
            learns = links.learns(call, SUCCESS, About(type=event.b), process)
            self._rooms[call.queue].end(process, not event.errno)
        elif isinstance(call, Send) and event.errno:
            self._rooms[call.queue].sending -= 1
        for thing in offered:
            self.clocks.settle(process, thing, not event.errno)
        if event.errno:
            learns = links.learns(call, errnos.name(event.errno), about, process)
        for thing in learns:
            self._learn(process, thing)
        if isinstance(call, Semop) and not event.errno and any(o.undo for o in call.operations):
            self._note_undo(process, call, about.pairs)

    def _learn(self, process: int, thing: Thing) -> None:
        match thing[0]:
            case facts.ROOM:
                self._rooms[int(thing[1])].sent(self.clocks.of[process])
            case facts.END:
                self._ended(process, int(thing[1]))
            case facts.GIVEN | facts.TAKEN:
                self.clocks.acquire(process, thing)
                for other in self._undo.get((int(thing[1]), int(thing[2])), ()):
                    self._ended(process, other)
            case _:
                self.clocks.acquire(process, thing)

    def _ended(self, process: int, other: int) -> None:
        """`process` learns that `other` has, or may have, ended: all that it did, and who killed it."""
        if other == process or not 0 <= other < len(self.clocks.of):
            return
        self.clocks.learn(process, other)
        if other in self._killed:
            for sort in facts.of("killed", SUCCESS).learns:
                self.clocks.acquire(process, (sort, other))

    def _note_undo(self, process: int, call: Semop, pairs: Pairs) -> None:
        for operation, (number, delta) in zip(call.operations, pairs, strict=False):
            if delta and operation.undo:
                net = self._undo.setdefault((call.set, number), {})
                net[process] = net.get(process, 0) + delta
                if not net[process]:
                    del net[process]

    def _meaning(self, event: Event, call: Call) -> _Meaning:
        """What the call that begins is about, and what follows where it succeeds."""
        process, pc = event.process, event.pc
        found = self._fixed.get((process, pc))
        if found is None:
            about = self._about(event, call)
            learns = links.learns(call, SUCCESS, about, process)
            found = _Meaning(about, links.passes(call, SUCCESS, about), learns)
            varies = isinstance(call, Semop) and self._operations.constant(process, pc) is None
            if not varies and not isinstance(call, Send | Receive | Signal | Spawn):
                self._fixed[process, pc] = found
        return found

    def _about(self, event: Event, call: Call) -> About:
        """What the call that begins is about."""
        match call:
            case Semop():
                return About(pairs=self._operations.of(event))
            case GetValue() | SetValue():
                return About(numbers=self._numbers_of(event.process, call))
            case Send():
                return About(type=event.a)
            case Signal() | Spawn():
                return About(target=event.a)
            case Receive() | ObjectCall():
                return About()
            case _:
                assert_never(call)

    def _numbers_of(self, process: int, call: GetValue | SetValue) -> range:
        declared, index = self._program.processes[process], None
        if call.index is not None:
            family = self._program.families[declared.family]
            index = Constants(family).known(call.index)(family.initial[declared.instance])
        return links.numbers_of(self._program, call, index)

    # --- atomic fields ---

    def _atomic(self, event: Event, access: Load | Store) -> None:
        field = self._program.segments[access.segment].struct.fields[access.field]
        if not field.atomic:
            return
        process, thing = event.process, links.field_of(access, event.b)
        row = facts.of("store" if isinstance(access, Store) else "load", SUCCESS)
        if row.passes:
            self.clocks.release(process, thing)
            self.clocks.tick(process)
        if row.learns:
            self.clocks.acquire(process, thing)
            # a store is recorded when it is done: one whose record is still to come may have been seen
            for other in self._about_to_store.get((access.segment, access.field), ()):
                if other != process:
                    self.clocks.learn(process, other)

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

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self.sending = 0  # sends begun
        self._received = 0  # receives ended
        self._open: dict[int, tuple[int, Clock]] = {}
        self._done: list[tuple[int, int, Clock]] = []  # a heap by how many receives were surely before
        self._known: Clock = {}
        self._number = 0

    def begin(self, process: int, clock: Clock) -> None:
        self._open[process] = (self._received, dict(clock))

    def end(self, process: int, success: bool) -> None:
        begun = self._open.pop(process, None)
        if begun is not None and success:
            self._received += 1
            self._number += 1
            heapq.heappush(self._done, (begun[0], self._number, begun[1]))

    def sent(self, clock: Clock) -> None:
        first = self.sending - self._capacity
        while self._done and self._done[0][0] < first:
            join(self._known, heapq.heappop(self._done)[2])
        if first > 0:
            join(clock, self._known)
            for before, known in self._open.values():
                if before < first:
                    join(clock, known)


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
    nothing: frozenset[tuple[int, int]] = frozenset()
    own = [frozenset((atomic[pc],)) if pc in atomic else nothing for pc in range(len(code))]

    def first(pc: int, behind: frozenset[tuple[int, int]]) -> frozenset[tuple[int, int]]:
        return own[pc] if code[pc].visible else behind

    flow = Flow(code)
    found = backward(flow, nothing, frozenset.union, first, first)
    return [tuple(nothing.union(*(found[t] for t in targets))) for targets in flow.next]
