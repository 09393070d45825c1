"""World: the values of semaphores, queues and segments, as the effects that were done tell them.

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

from ipcsim.facts.limits import SEMVMX
from ipcsim.kernel import effects
from ipcsim.kernel.effects import (
    Ask,
    Attach,
    AwaitZero,
    Change,
    Create,
    Detach,
    Effect,
    Find,
    Give,
    Inspect,
    Interrupt,
    Remove,
    Set,
    Start,
    Take,
)
from ipcsim.program import Program
from ipcsim.program.instructions import Lifecycle, ObjectCall, ObjectKind, ObjectRef
from ipcsim.program.objects import IpcObject, Queue, SemaphoreSet


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


class World:
    """The fold of effects: apply each that was done to it, and every end of a process (SEM_UNDO, S-16)."""

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

    def apply(self, process: int | None, effect: Effect, times: int = 1) -> bool:
        """What a process has done, `times` over; whether that may have changed a value. `process` None: it is
        not known whose doing it was."""
        match effect:
            case Take(units=int(units)) | Give(units=int(units)):
                sign = 1 if isinstance(effect, Give) else -1
                self._add(process, effect, sign * units * times)
            case Set():
                self._set(process, effect)
            case effects.Send(queue=queue):
                self._count(process, queue, times)
            case effects.Receive(queue=queue):
                self._count(process, queue, -times)
            case effects.Store():
                self._store(process, effect)
            case Create() | Find():
                self._find(process, effect)
            case Remove(object=ref):
                self._remove(self.handle(process, ref))
            case Attach() | Detach():
                self._attach(process, effect)
            case Change():
                pass
            case Start(processes=children):
                self._fork(process, children)
                return False
            case Take() | Give() | AwaitZero() | Ask() | Inspect() | effects.Load() | Interrupt():
                return False
            case _:
                assert_never(effect)
        return True

    def died(self, process: int) -> None:
        """The process is gone: the kernel undoes what it did with SEM_UNDO, within 0 … 32767."""
        own = self._own.pop(process, None)
        if own is None:
            return
        for (thing, number), amount in own.adjust.items():
            if thing.values[number] is not None:
                thing.values[number] = min(max(thing.values[number] + amount, 0), SEMVMX)

    # --- effects ---

    def _add(self, process: int | None, effect: Take | Give, amount: int) -> None:
        thing = self.handle(process, ObjectRef(ObjectKind.SEMAPHORES, effect.set))
        number = effect.numbers[0]
        if thing is None or number >= len(thing.values):
            return
        if thing.values[number] is not None:
            thing.values[number] += amount
        if effect.undo and process is not None:
            adjust = self._of(process).adjust
            adjust[thing, number] = adjust.get((thing, number), 0) - amount

    def _set(self, process: int | None, effect: Set) -> None:
        thing = self.handle(process, ObjectRef(ObjectKind.SEMAPHORES, effect.set))
        if thing is None:
            return
        values = effect.values if effect.every else [None] * len(effect.numbers)
        for number, value in zip(effect.numbers, values, strict=True):
            if number < len(thing.values):
                thing.values[number] = value
        for own in self._own.values():  # S-17: setting a value clears everybody's undo
            for key in [k for k in own.adjust if k[0] is thing and k[1] in effect.numbers]:
                del own.adjust[key]

    def _count(self, process: int | None, queue: int, by: int) -> None:
        thing = self.handle(process, ObjectRef(ObjectKind.QUEUE, queue))
        if thing is not None and thing.values[0] is not None:
            thing.values[0] += by

    def _store(self, process: int | None, effect: effects.Store) -> None:
        """A store into the process's latest attachment."""
        attached = [] if process is None else self.attachments(process, effect.segment)
        if not attached:
            return
        values = attached[-1][1].values
        declared = self._program.segments[effect.segment].struct.fields[effect.field]
        if declared.is_text or declared.count is None:
            values[effect.field] = effect.value
        elif values[effect.field] is not None:
            items = list(values[effect.field])
            items[effect.elements[0]] = effect.value
            values[effect.field] = tuple(items)

    def _find(self, process: int | None, effect: Create | Find) -> None:
        ref, declared, answer = effect.object, self._program.object(effect.object), effect.id
        there = self.present[ref]
        thing = None if answer is None else self._known.get((ref.kind, answer))
        if thing is not None and thing.removed:
            thing = None  # the kernel gives an id again after a while
        told = isinstance(effect, Find) and effect.by_id
        by_key = not told and not declared.key.private
        if thing is None and by_key and there is not None and (answer is None or there.id is None):
            thing = there
        if thing is None and not told:
            thing = _made(declared, effect)
        if thing is not None and answer is not None:
            thing.id = answer
            self._known[ref.kind, answer] = thing
        if thing is not None and not told:
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

    def _attach(self, process: int | None, effect: Attach | Detach) -> None:
        if process is None:
            return
        attached = self.attachments(process, effect.object.number)
        if isinstance(effect, Attach):
            thing = self.handle(process, effect.object)
            if thing is not None and effect.address is not None:
                attached.append((effect.address, thing))
            return
        for place in reversed(range(len(attached))):
            if effect.address in (None, attached[place][0]):
                del attached[place]
                return

    def _fork(self, parent: int | None, children: range) -> None:
        """A child begins with its parent's handles and attachments; its semadj is its own (S-15)."""
        if parent is None:
            return
        own = self._of(parent)
        for child in children:
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


def _made(declared: IpcObject, effect: Create | Find) -> Thing:
    """An object that nobody in this run knew: new, unless it was found, or may have been."""
    match declared:
        case SemaphoreSet():
            size = effect.size if isinstance(effect, Create) else None
            new: list[Any] = [0] * (size or declared.size)
        case Queue():
            new = [0]
        case _:
            new = list(declared.struct.unpack(b""))
    found = isinstance(effect, Find) or (declared.persist and not effect.exclusive)
    return Thing([None] * len(new) if found else new)
