"""The values of every object as the events of a trace tell them: semaphores, queues, segment fields.

In the order of the effects (a controlled scheduler, the model) they are exact. In a free run the calls of
different processes overlap and only their begin and end are known; then what a call gives counts from its
begin on and what it takes from its end on, which is the one order in which no value falls below zero.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ipcsim.analysis.operations import Pairs
from ipcsim.facts.limits import MSGMNB, SEMVMX
from ipcsim.program import Program
from ipcsim.program.constants import constant_locals
from ipcsim.program.expressions import Const, fold
from ipcsim.program.instructions import (
    Lifecycle,
    ObjectCall,
    ObjectKind,
    SetValue,
    Store,
)
from ipcsim.snapshot import QueueState
from ipcsim.trace import Event

ABSENT, UNKNOWN = "not there", "?"
MANY_ELEMENTS = 64  # of an array field: elements of a longer one are followed from their first change on

Value = int | str


class Message(NamedTuple):
    """A message in a queue, and which call put it there."""

    type: int
    size: int
    time: int
    process: int
    pc: int


class Objects:
    """Apply what happens; `series` collects each value that is another than before, with its time."""

    def __init__(self, program: Program, start: int = 0) -> None:
        self._program = program
        self.series: dict[str, list[tuple[int, Value]]] = {}
        self.sets: list[list[int | None] | None] = [
            list(s.initial) if s.created_by_run else None for s in program.sets
        ]
        self.queues: list[list[Message] | None] = [[] if q.created_by_run else None for q in program.queues]
        self.capacity = [MSGMNB if q.bytes is None else q.bytes for q in program.queues]
        self._early: list[list[tuple[int, Message]]] = [[] for _ in program.queues]
        self._sending: list[dict[int, Message]] = [{} for _ in program.queues]
        self._undo: dict[int, dict[tuple[int, int], int]] = {}
        self.semaphore_labels, self.queue_labels = self._name_semaphores(), []
        self._start = start
        for queue in program.queues:
            self.queue_labels.append(self._unused(f"len({queue.name})", queue.name))
        self._begin_series(start)

    # --- labels ---

    def _name_semaphores(self) -> list[list[str]]:
        found: list[list[str]] = []
        for declared in self._program.sets:
            names = []
            for number in range(declared.size):
                label = self._unused(declared.label(number), declared.name)
                self.series[label] = []
                names.append(label)
            found.append(names)
        return found

    def _unused(self, label: str, owner: str) -> str:
        """Two sets may have a member of the same name: then the set's name stands before it."""
        return label if label not in self.series else f"{owner}.{label}"

    def _begin_series(self, start: int) -> None:
        for labels, values in zip(self.semaphore_labels, self.sets, strict=True):
            for number, label in enumerate(labels):
                value = None if values is None else values[number]
                gone = ABSENT if values is None else UNKNOWN
                self.series[label].append((start, gone if value is None else value))
        for label, content in zip(self.queue_labels, self.queues, strict=True):
            self.series[label] = [(start, ABSENT if content is None else 0)]
        for segment in self._program.segments:
            for field, initial in zip(segment.struct.fields, segment.initial, strict=True):
                name = f"{segment.name}.{field.name}"
                if not isinstance(initial, tuple):
                    self.series[name] = [(start, initial)]
                elif len(initial) <= MANY_ELEMENTS:
                    for i, one in enumerate(initial):
                        self.series[f"{name}[{i}]"] = [(start, one)]

    def _note(self, label: str, time: int, value: Value) -> None:
        changes = self.series[label]
        if changes[-1][1] != value:
            changes.append((time, value))

    def now(self, label: str) -> str:
        """The latest value as text."""
        return str(self.series[label][-1][1])

    # --- semaphores ---

    def semop(self, time: int, set_: int, pairs: Pairs, sign: int = 1) -> None:
        """The operations took effect; `sign` −1: they did not after all."""
        values = self.sets[set_]
        if values is None:
            return
        labels = self.semaphore_labels[set_]
        for number, delta in pairs:
            value = values[number]
            if delta and value is not None:
                values[number] = value = value + delta * sign
                self._note(labels[number], time, value)

    def adjust(self, process: int, set_: int, pairs: Pairs, undo: tuple[bool, ...]) -> None:
        """Remember what the end of `process` will undo."""
        for (number, delta), wanted in zip(pairs, undo, strict=False):
            if wanted and delta:
                mine = self._undo.setdefault(process, {})
                mine[set_, number] = mine.get((set_, number), 0) - delta

    def ended(self, process: int, time: int) -> list[str]:
        """The process is gone: the kernel does what it left to undo. The labels concerned."""
        changed: list[str] = []
        for (set_, number), amount in self._undo.pop(process, {}).items():
            values = self.sets[set_]
            value = None if values is None else values[number]
            if values is None or value is None or not amount:
                continue
            values[number] = value = min(max(value + amount, 0), SEMVMX)
            label = self.semaphore_labels[set_][number]
            self._note(label, time, value)
            changed.append(label)
        return changed

    def undone_by(self, process: int) -> dict[tuple[int, int], int]:
        """(set, number) → what the end of `process` adds to it."""
        return {place: amount for place, amount in self._undo.get(process, {}).items() if amount}

    def set_value(self, process: int, time: int, call: SetValue, result: int) -> list[str]:
        """SETVAL or SETALL; a value that varies is known from the result of the call."""
        values = self.sets[call.set]
        if values is None:
            return []
        known = constant_locals_of(self._program, process)
        given = [_constant(fold(e, known)) for e in call.values]
        if call.all:
            places = {n: v for n, v in enumerate(given) if n < len(values)}
        else:
            index = 0 if call.index is None else _constant(fold(call.index, known))
            span = range(call.base, call.base + (call.count or 1))
            value = result if given[0] is None else given[0]
            places = dict.fromkeys(span) if index is None else {call.base + index: value}
        changed: list[str] = []
        for number, new in places.items():
            values[number] = new
            label = self.semaphore_labels[call.set][number]
            self._note(label, time, UNKNOWN if new is None else new)
            changed.append(label)
            for mine in self._undo.values():  # S-17: setting a value clears everybody's undo
                mine.pop((call.set, number), None)
        return changed

    # --- queues ---

    def sending(self, queue: int, message: Message) -> None:
        """A msgsnd has begun; what it sends may be received before its end is recorded."""
        self._sending[queue][message.process] = message

    def sent(self, queue: int, time: int, process: int, succeeded: bool) -> None:
        message = self._sending[queue].pop(process, None)
        content = self.queues[queue]
        if message is None or content is None or not succeeded:
            return
        early = (process, message)
        if early in self._early[queue]:
            self._early[queue].remove(early)  # taken out already
        else:
            content.append(message._replace(time=time))
            self._note(self.queue_labels[queue], time, len(content))

    def received(self, queue: int, time: int, type_: int) -> Message | None:
        """The message that a msgrcv took: the first of this type."""
        content = self.queues[queue]
        if content is None:
            return None
        for i, message in enumerate(content):
            if message.type == type_:
                del content[i]
                self._note(self.queue_labels[queue], time, len(content))
                return message
        for process, message in self._sending[queue].items():
            if message.type == type_ and (process, message) not in self._early[queue]:
                self._early[queue].append((process, message))
                self._note(self.queue_labels[queue], time, len(content) + 1)  # it was there, then it was not
                self._note(self.queue_labels[queue], time, len(content))
                return message
        return None

    def queue_states(self) -> tuple[QueueState | None, ...]:
        """What a snapshot holds of the queues."""
        return tuple(
            None
            if content is None
            else QueueState(len(content), sum(m.size for m in content), room, tuple(m.type for m in content))
            for content, room in zip(self.queues, self.capacity, strict=True)
        )

    # --- segments ---

    def stored(self, event: Event, store: Store) -> list[str]:
        """A store; the label of what it changed."""
        segment = self._program.segments[store.segment]
        field = segment.struct.fields[store.field]
        name = f"{segment.name}.{field.name}"
        label = name if field.count is None or store.index is None else f"{name}[{event.b}]"
        value: Value = event.a
        if field.is_text and store.index is None:
            value = field.decode_text(event.data)
        if label not in self.series:
            initial = segment.initial[store.field]
            before = initial[event.b] if isinstance(initial, tuple) and event.b < len(initial) else 0
            self.series[label] = [(self._start, before)]
        self._note(label, event.time, value)
        return [label]

    # --- the life of objects ---

    def object_call(self, time: int, call: ObjectCall) -> list[str]:
        """Create and remove; the labels of what came or went."""
        kind, number = call.object.kind, call.object.number
        if call.action not in (Lifecycle.CREATE, Lifecycle.REMOVE):
            return []
        gone = call.action is Lifecycle.REMOVE
        if kind is ObjectKind.SEMAPHORES:
            if not gone and self.sets[number] is not None:
                return []  # it was there already
            labels = self.semaphore_labels[number]
            self.sets[number] = None if gone else [0] * len(labels)
        elif kind is ObjectKind.QUEUE:
            if not gone and self.queues[number] is not None:
                return []
            labels = [self.queue_labels[number]]
            self.queues[number] = None if gone else []
        else:
            return []
        for label in labels:
            self._note(label, time, ABSENT if gone else 0)
        return list(labels)

    def semaphore_values(self) -> tuple[tuple[int, ...] | None, ...]:
        """What a snapshot holds of the sets; one with an unknown value counts as not there."""
        found: list[tuple[int, ...] | None] = []
        for values in self.sets:
            known = None if values is None else tuple(v for v in values if v is not None)
            found.append(known if known is not None and values and len(known) == len(values) else None)
        return tuple(found)


def constant_locals_of(program: Program, process: int) -> dict[int, Any]:
    """The locals of this process that never change."""
    p = program.processes[process]
    return constant_locals(program.families[p.family], p.instance)


def _constant(expr: object) -> int | None:
    value = expr.value if isinstance(expr, Const) else None
    return value if isinstance(value, int) else None
