"""The values of semaphores, queues and segments as the events tell them: one book for all of them.

In the order of the effects (a controlled scheduler) they are exact whenever everything is at rest. In a free
run events of different processes overlap, so they are right whenever nobody is inside a call, and off by a
few units in between. A value that the events do not tell (of an object that somebody else made, a long text)
is None until it is set.

Objects come and go. A name stands for the object that its key finds now; a process's own handle for the one
that it made, found or inherited, and an attachment for the one that was attached, even where that has been
removed and another made under the same key (H-6, S-21).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, assert_never

from ipcsim.analysis.operations import Pairs
from ipcsim.facts.limits import SEMVMX
from ipcsim.program import Program
from ipcsim.program.expressions import Const
from ipcsim.program.instructions import (
    Call,
    GetValue,
    Lifecycle,
    ObjectCall,
    ObjectKind,
    ObjectRef,
    Receive,
    Semop,
    Send,
    SetValue,
    Signal,
    Spawn,
    Store,
)
from ipcsim.program.objects import IpcObject, Queue, SemaphoreSet
from ipcsim.trace import Event


@dataclass(eq=False, slots=True)
class Thing:
    """One kernel object. `values`: one a semaphore; the number of messages; one a field. `id` None: not yet
    told."""

    values: list[Any]
    id: int | None = None
    removed: bool = False


@dataclass(slots=True)
class _Own:
    """What one process has: handles, attachments (address, thing; the latest last), and its semadj."""

    handles: dict[ObjectRef, Thing | None] = field(default_factory=dict)
    attached: dict[int, list[tuple[int, Thing]]] = field(default_factory=dict)
    adjust: dict[tuple[Thing, int], int] = field(default_factory=dict)


class Values:
    """Apply every successful call and store to it, and every end of a process (SEM_UNDO, rule S-16)."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self.present: dict[ObjectRef, Thing | None] = {
            ref: _first(declared) if declared.created_by_run else None for ref, declared in program.objects()
        }
        self._inherited = dict(self.present)
        self._known: dict[tuple[ObjectKind, int], Thing] = {}
        self._own: dict[int, _Own] = {}

    def get(self, set_: int, number: int) -> int | None:
        """The value of a semaphore; None where it is not known, or there is no such set."""
        thing = self.present[ObjectRef(ObjectKind.SEMAPHORES, set_)]
        known = thing is not None and number < len(thing.values)
        return thing.values[number] if thing is not None and known else None

    def begin(self, found: Mapping[ObjectRef, list[Any] | None]) -> None:
        """What is really there when the run begins: a persistent object may be older than the run."""
        for ref, values in found.items():
            thing = self.present[ref]
            if thing is not None and values is not None:
                thing.values[:] = values

    # --- what happens ---

    def call(self, event: Event, call: Call, pairs: Pairs) -> bool:
        """A call succeeded (`pairs`: the operations of a semop); whether that may have changed a value."""
        match call:
            case Semop():
                self.semop(event.process, call, pairs)
            case SetValue() | ObjectCall():
                self.other(call, event)
            case Send(queue=queue):
                self._count(event.process, queue, 1)
            case Receive(queue=queue):
                self._count(event.process, queue, -1)
            case Spawn():
                self._fork(event.process, event.a)
                return False
            case GetValue() | Signal():
                return False
            case _:
                assert_never(call)
        return True

    def semop(self, process: int, instruction: Semop, pairs: Pairs, times: int = 1) -> None:
        """A semop of `process` succeeded, `times` over."""
        thing = self.handle(process, ObjectRef(ObjectKind.SEMAPHORES, instruction.set))
        if thing is None:
            return
        adjust = self._of(process).adjust
        for i, (number, delta) in enumerate(pairs):
            if not delta or number >= len(thing.values):
                continue
            if thing.values[number] is not None:
                thing.values[number] += delta * times
            if i < len(instruction.operations) and instruction.operations[i].undo:
                adjust[thing, number] = adjust.get((thing, number), 0) - delta * times

    def other(self, instruction: SetValue | ObjectCall, event: Event | None = None) -> None:
        """A set_value or a call about an object's life succeeded; without the event it is not known whose it
        was, and what it answered."""
        if isinstance(instruction, SetValue):
            self._set(instruction, event)
            return
        ref, process = instruction.object, None if event is None else event.process
        match instruction.action:
            case Lifecycle.CREATE | Lifecycle.OPEN:
                self._find(instruction, process, None if event is None else event.a)
            case Lifecycle.REMOVE:
                self._remove(self.handle(process, ref))
            case Lifecycle.ATTACH if event is not None:
                thing = self.handle(process, ref)
                if thing is not None:
                    self.attachments(event.process, ref.number).append((event.a, thing))
            case Lifecycle.DETACH if event is not None:
                self._detach(self.attachments(event.process, ref.number), event)

    def store(self, event: Event, instruction: Store) -> None:
        """A store into the process's latest attachment."""
        attached = self.attachments(event.process, instruction.segment)
        if not attached:
            return
        values = attached[-1][1].values
        declared = self._program.segments[instruction.segment].struct.fields[instruction.field]
        if declared.is_text:
            whole = len(event.data) >= declared.size  # a record has room for a short text only
            values[instruction.field] = declared.decode_text(event.data[: declared.size]) if whole else None
        elif declared.count is None:
            values[instruction.field] = event.a
        elif values[instruction.field] is not None:
            items = list(values[instruction.field])
            items[event.b] = event.a
            values[instruction.field] = tuple(items)

    def died(self, process: int) -> None:
        """The process is gone: the kernel undoes what it did with SEM_UNDO, within 0 … 32767."""
        own = self._own.pop(process, None)
        if own is None:
            return
        for (thing, number), amount in own.adjust.items():
            if thing.values[number] is not None:
                thing.values[number] = min(max(thing.values[number] + amount, 0), SEMVMX)

    # --- calls ---

    def _set(self, call: SetValue, event: Event | None) -> None:
        thing = self.handle(
            None if event is None else event.process, ObjectRef(ObjectKind.SEMAPHORES, call.set)
        )
        if thing is None:
            return
        told = dict(event.pairs()) if event is not None and event.data else _constant(call)
        if call.all:
            numbers = range(len(thing.values))
        elif told:
            numbers = range(min(told), max(told) + 1)
        elif call.index is None:
            numbers = range(call.base, call.base + 1)
        else:
            numbers = range(call.base, call.base + (call.count or 1))
        for number in numbers:
            if number < len(thing.values):
                thing.values[number] = told.get(number)
        for own in self._own.values():  # S-17: setting a value clears everybody's undo
            for key in [k for k in own.adjust if k[0] is thing and k[1] in numbers]:
                del own.adjust[key]

    def _find(self, call: ObjectCall, process: int | None, answer: int | None) -> None:
        """create or open, which answered with this id."""
        ref, declared = call.object, self._program.object(call.object)
        there = self.present[ref]
        thing = None if answer is None else self._known.get((ref.kind, answer))
        if thing is not None and thing.removed:
            thing = None  # the kernel gives an id again after a while
        by_key = call.id is None and not declared.key.private
        if thing is None and by_key and there is not None and (answer is None or there.id is None):
            thing = there
        if thing is None and call.id is None:
            thing = _made(declared, call)
        if thing is not None and answer is not None:
            thing.id = answer
            self._known[ref.kind, answer] = thing
        if thing is not None and call.id is None:
            for other, its in self._program.objects():
                if other == ref or (by_key and other.kind is ref.kind and its.key == declared.key):
                    self.present[other] = thing  # two names with one key are one object
        if process is not None:
            self._of(process).handles[ref] = thing

    def _remove(self, thing: Thing | None) -> None:
        if thing is None:
            return
        thing.removed = True
        for ref in [ref for ref, there in self.present.items() if there is thing]:
            self.present[ref] = None
        for own in self._own.values():
            for key in [k for k in own.adjust if k[0] is thing]:
                del own.adjust[key]

    def _detach(self, attached: list[tuple[int, Thing]], event: Event) -> None:
        address = event.pairs()[0][0] if event.data else None
        for place in reversed(range(len(attached))):
            if address in (None, attached[place][0]):
                del attached[place]
                return

    def _count(self, process: int, queue: int, by: int) -> None:
        thing = self.handle(process, ObjectRef(ObjectKind.QUEUE, queue))
        if thing is not None and thing.values[0] is not None:
            thing.values[0] += by

    def _fork(self, parent: int, child: int) -> None:
        """A child begins with its parent's handles and attachments; its semadj is its own (S-15)."""
        own = self._of(parent)
        attached = {n: list(self.attachments(parent, n)) for n in range(len(self._program.segments))}
        handles = {ref: self.handle(parent, ref) for ref in self.present}
        self._own[child] = _Own({**handles, **own.handles}, attached)

    # --- whose ---

    def _of(self, process: int) -> _Own:
        own = self._own.get(process)
        if own is None:
            own = self._own[process] = _Own()
        return own

    def handle(self, process: int | None, ref: ObjectRef) -> Thing | None:
        """What a process's handle stands for; where it is not known whose handle it is, what is there now."""
        if process is None:
            return self.present[ref]
        handles = self._of(process).handles
        if ref in handles:
            return handles[ref]
        inherited = self._inherited[ref]
        return self.present[ref] if inherited is None or inherited.removed else inherited

    def attachments(self, process: int, segment: int) -> list[tuple[int, Thing]]:
        """Its attachments; at first what the run has made, unless it attaches that by a step."""
        own = self._of(process).attached
        if segment not in own:
            thing = self._inherited[ObjectRef(ObjectKind.SEGMENT, segment)]
            by_hand = any(
                isinstance(i, ObjectCall)
                and i.action is Lifecycle.ATTACH
                and i.object == ObjectRef(ObjectKind.SEGMENT, segment)
                for i in self._program.code(process)
            )
            own[segment] = [] if thing is None or by_hand else [(0, thing)]
        return own[segment]


def _first(declared: IpcObject) -> Thing:
    """An object that the run makes, with the values that the scenario declares."""
    return Thing([0] if isinstance(declared, Queue) else list(declared.initial))


def _made(declared: IpcObject, call: ObjectCall) -> Thing:
    """An object that nobody in this run knew: new, unless it was found, or may have been."""
    match declared:
        case SemaphoreSet():
            new: list[Any] = [0] * (call.size or declared.size)
        case Queue():
            new = [0]
        case _:
            new = list(declared.struct.unpack(b""))
    found = call.action is Lifecycle.OPEN or (declared.persist and not call.exclusive)
    return Thing([None] * len(new) if found else new)


def _constant(call: SetValue) -> dict[int, int]:
    """What is set, by semaphore, as far as it stands in the text."""
    if not call.all and call.index is not None:
        return {}
    return {
        call.base + i: e.value
        for i, e in enumerate(call.values)
        if isinstance(e, Const) and isinstance(e.value, int)
    }
