"""What is looked at in every new state: properties, and races; and what ends amount to.

A property is taken apart into parts that each look at little (`never: any(a(i) for i in …)` is one part
for each i), a part is looked at only after a step that may have changed what it reads, and what it said of
the same bits before is remembered. Parts that an invariant proves are not looked at at all. A property that
has no value in some state (a division by zero, an object that is not there) cannot be judged, and says so.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ipcsim.analysis.conditions import nodes
from ipcsim.analysis.watched import NotThere
from ipcsim.errors import EvaluationError
from ipcsim.explorer import conditions
from ipcsim.explorer.accesses import Accesses
from ipcsim.explorer.invariants import Invariants
from ipcsim.model.effects import Effects
from ipcsim.model.layout import View
from ipcsim.model.locals import Local, Mode
from ipcsim.model.machine import Machine
from ipcsim.program import Property, PropertyKind
from ipcsim.program.expressions import (
    At,
    Const,
    Expr,
    Observable,
    QueueLength,
    SegmentValue,
    SemaphoreValue,
    Unary,
    compile_expression,
    position,
)
from ipcsim.program.instructions import Load, ObjectKind, ObjectRef, Store

_REMEMBERED = 200_000
_MOST_PAIRED = 60  # processes of which each pair is looked at


class Seen(Observable):
    """A state of the model as properties see it."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        sizes = [f.size for f in machine.program.families]
        self._first = [sum(sizes[:i]) for i in range(len(sizes))]
        self.had: set[str] = set()  # objects whose value was asked for and there; whoever asks empties it
        self.view = View(machine.layout, machine.init)

    def process(self, family: int, index: int | None) -> int:
        count = self._machine.program.families[family].count
        return self._first[family] + position(0, count, index)

    def at(self, family: int, index: int | None, phase: str) -> bool:
        local: Local = self.view[self.process(family, index)]
        if not phase:
            return local.mode in (Mode.ENDED, Mode.FAILED, Mode.DEAD)
        return local.phase == phase

    def _present(self, kind: ObjectKind, number: int, name: str) -> int:
        living = self._machine.living
        generation = 0 if living is None else living.present(self.view, ObjectRef(kind, number))
        if generation is None:
            raise NotThere(f"`{name}` is not there", name)
        self.had.add(name)
        return generation

    def semaphore(self, set_: int, number: int) -> int:
        self._present(ObjectKind.SEMAPHORES, set_, self._machine.program.sets[set_].name)
        return int(self.view[self._machine.sem[set_][number]])

    def queue_length(self, queue: int) -> int:
        self._present(ObjectKind.QUEUE, queue, self._machine.program.queues[queue].name)
        return len(self.view[self._machine.queue[queue]])

    def segment(self, segment: int, field_: int) -> Any:
        declared = self._machine.program.segments[segment]
        generation = self._present(ObjectKind.SEGMENT, segment, declared.name)
        slots = self._machine.element[segment][generation][field_]
        if declared.struct.fields[field_].count is None or declared.struct.fields[field_].is_text:
            return self.view[slots[0]]
        return tuple(self.view[s] for s in slots)


@dataclass(slots=True)
class Part:
    """One conjunct of `always`, or one disjunct of `never`, as what must not be true; the whole of it where
    some part may have no value (`sure` is False then)."""

    prop: Property
    bad: Expr
    sure: bool
    processes: frozenset[int]  # whose phases it reads
    slots: frozenset[int]  # and which objects
    mask: int = 0
    known: dict[int, str | bool] = field(default_factory=dict)
    had: set[str] = field(default_factory=set)  # objects that were there when it asked for them


class Absent(str):
    """Why a part has no value in a state: the object called `name` is not there."""

    __slots__ = ("name",)

    def __new__(cls, error: NotThere) -> Absent:
        made = super().__new__(cls, str(error))
        made.name = error.name
        return made

    name: str


class Checks:
    """All that must be looked at while exploring; see the module."""

    def __init__(
        self, machine: Machine, invariants: Invariants, accesses: list[Accesses], plain: bool = False
    ) -> None:
        self._machine = machine
        self.plain = plain  # nothing is left out: every property is looked at as a whole, in every state
        self._world = Seen(machine)
        self._invariants = invariants
        self.racing = dict(self._races(accesses))
        self.parts = [
            part
            for prop in machine.program.properties
            if prop.kind in (PropertyKind.NEVER, PropertyKind.ALWAYS) and prop.condition is not None
            for part in self._parts(prop)
            if not self._proved(part)
        ]
        self._evaluators = {id(p): compile_expression(p.bad, self._world) for p in self.parts}
        self._by_slot: dict[int, list[Part]] = {}
        for part in self.parts:
            for slot in part.processes | part.slots:
                self._by_slot.setdefault(slot, []).append(part)
        self._concerned: dict[frozenset[int], tuple[Part, ...]] = {}
        self.phases = frozenset(
            n.phase for part in self.parts for n in nodes(part.bad) if isinstance(n, At) and n.phase
        )

        self.asks_for_ends = any(
            isinstance(n, At) and not n.phase for part in self.parts for n in nodes(part.bad)
        )

    # --- properties ---

    def _parts(self, prop: Property) -> Iterator[Part]:
        assert prop.condition is not None
        bad = prop.condition if prop.kind is PropertyKind.NEVER else Unary("not", prop.condition)
        for piece in [bad] if self.plain else conditions.parts(bad, self._machine):
            if isinstance(piece, Const) and not piece.value:
                continue
            sure = conditions.has_value(piece, self._machine)
            yield Part(prop, piece, sure, frozenset(self._processes(piece)), frozenset(self._objects(piece)))

    def _processes(self, expr: Expr) -> Iterator[int]:
        for node in nodes(expr):
            if isinstance(node, At):
                index = node.index
                if index is None or (isinstance(index, Const) and isinstance(index.value, int)):
                    try:
                        yield self._world.process(node.family, None if index is None else index.value)  # type: ignore[arg-type]
                        continue
                    except EvaluationError:
                        pass
                yield from self._machine.program.members(node.family)

    def _objects(self, expr: Expr) -> Iterator[int]:
        machine = self._machine
        for node in nodes(expr):
            match node:
                case SemaphoreValue(set=number):
                    yield from machine.sem[number]
                    yield from self._record(ObjectKind.SEMAPHORES, number)
                case QueueLength(queue=number):
                    yield machine.queue[number]
                    yield from self._record(ObjectKind.QUEUE, number)
                case SegmentValue(segment=number, field=field_):
                    yield from (s for g in machine.element[number] for s in g[field_])
                    yield from self._record(ObjectKind.SEGMENT, number)

    def _record(self, kind: ObjectKind, number: int) -> Iterator[int]:
        if self._machine.living is not None:
            yield self._machine.living.record_slot(ObjectRef(kind, number))

    def _proved(self, part: Part) -> bool:
        """Whether an invariant shows that the part is never true: two phases that exclude each other."""
        there = [
            (p, self._invariants.places_of(p, node.phase))
            for node in conditions.conjuncts(part.bad, self._machine)
            if isinstance(node, At) and node.phase
            for p in self._processes(node)
            if node.index is None or isinstance(node.index, Const)
        ]
        return any(
            self._invariants.apart(a, b) for i, a in enumerate(there) for b in there[:i] if a[0] != b[0]
        )

    def of(self, writes: frozenset[int]) -> tuple[Part, ...]:
        """The parts that may have changed with an action that writes these slots."""
        if self.plain:
            return tuple(self.parts)
        found = self._concerned.get(writes)
        if found is None:
            some = {id(p): p for slot in writes for p in self._by_slot.get(slot, ())}
            found = self._concerned[writes] = tuple(some.values())
        return found

    def broken(self, part: Part, state: int) -> bool | str:
        """Whether a part is true, and so its property broken; a text where that cannot be said."""
        known = part.known.get(state & part.mask)
        if known is None:
            self._world.view = View(self._machine.layout, state)
            known = self._evaluate(part)
            mask = part.mask | self._machine.layout.mask(self._world.view.read)
            if mask != part.mask or len(part.known) > _REMEMBERED:
                part.mask = mask
                part.known.clear()
            part.known[state & mask] = known
        return known

    def _evaluate(self, part: Part) -> bool | str:
        self._world.had = part.had
        try:
            return bool(self._evaluators[id(part)]([0] * max(1, part.prop.slots)))
        except NotThere as error:
            return Absent(error)
        except EvaluationError as error:
            return str(error)

    # --- ends ---

    def at_end(self, state: int) -> Iterator[tuple[Hashable, object]]:
        """What is wrong in a state in which everybody has ended: broken properties, objects left behind."""
        machine = self._machine
        modes = [machine.local(state, p.number).mode for p in machine.processes]
        if machine.living is not None:
            for ref in machine.living.leaked(View(machine.layout, state)):
                yield ("leak", ref), ref
        if any(m not in (Mode.ENDED, Mode.UNBORN) for m in modes):
            return
        self._world.view, self._world.had = View(machine.layout, state), set()
        for prop in machine.program.properties:
            if prop.kind is not PropertyKind.AT_END or prop.condition is None:
                continue
            try:
                holds = compile_expression(prop.condition, self._world)([0] * max(1, prop.slots))
            except EvaluationError as error:
                yield ("property", prop.name), (prop, str(error))
                continue
            if not holds:
                yield ("property", prop.name), (prop, True)

    # --- races ---

    def _races(self, accesses: list[Accesses]) -> Iterator[tuple[int, str]]:
        """(slot, field) of what processes access without a lock that is known to keep them apart.

        Such a lock also orders them, whatever else tells something (see `races`): where two hold more units
        at their accesses than there are, some unit in the hands of the second was in those of the first, and
        each time that it passed from one to the other a V was before a P.
        """
        program = self._machine.program
        users: dict[int, dict[int, list[tuple[int, bool]]]] = {}
        for proc, text in zip(self._machine.processes, accesses, strict=True):
            for pc, instruction in enumerate(proc.code):
                if isinstance(instruction, Load | Store):
                    for _, slot in text.now[pc]:
                        where = users.setdefault(slot, {}).setdefault(proc.number, [])
                        where.append((pc, isinstance(instruction, Store)))
        for number, segment in enumerate(program.segments):
            for generation in self._machine.element[number]:
                for slots, declared in zip(generation, segment.struct.fields, strict=True):
                    for slot in slots:
                        if not declared.atomic and self._may_race(users.get(slot, {})):
                            yield slot, f"{segment.name}.{declared.name}"

    def _may_race(self, users: dict[int, list[tuple[int, bool]]]) -> bool:
        if len(users) < 2 or not any(store for where in users.values() for _, store in where):
            return False
        if any(
            g.separates({p: [pc for pc, _ in w] for p, w in users.items()}) for g in self._invariants.groups
        ):
            return False
        if len(users) > _MOST_PAIRED:
            return True
        return any(
            (one or other) and not self._invariants.apart((p, [a]), (q, [b]))
            for p, where in users.items()
            for q, there in users.items()
            if p < q
            for a, one in where
            for b, other in there
        )

    def access(self, state: int, process: int) -> tuple[int, bool] | None:
        """The (slot, whether it stores) that the next step of a process touches."""
        found = field_access(self._machine, state, process)
        return None if found is None else found[:2]


def field_access(machine: Machine, state: int, process: int) -> tuple[int, bool, str] | None:
    """The (slot, whether it stores, name of the field) that the next step of a process touches, where that
    is a field that can be raced for."""
    local = machine.local(state, process)
    if local.mode is not Mode.READY:
        return None
    proc = machine.processes[process]
    instruction = proc.code[local.pc]
    if not isinstance(instruction, Load | Store):
        return None
    segment = machine.program.segments[instruction.segment]
    declared = segment.struct.fields[instruction.field]
    if declared.atomic:
        return None
    generation = 0
    try:
        if machine.living is not None:
            peek = Effects(View(machine.layout, state))
            generation = machine.living.generation(peek, process, instruction.segment)
        index = 0 if instruction.index is None else int(proc.evaluate(instruction.index, proc.env(local)))
    except EvaluationError:
        return None
    slots = machine.element[instruction.segment][generation][instruction.field]
    if not 0 <= index < len(slots):
        return None
    return slots[index], isinstance(instruction, Store), f"{segment.name}.{declared.name}"
