"""Properties judged over the events of a run as they come, and at its end.

A phase lasts from the `Phase` event to the next one, to the BEGIN of a semop that ends it, or to the end
of the process (see `instructions.Phase`). Events must come in the order of time: what one process does
because of another is then seen after it, so an overlap of phases found here happened. That a property was
never seen broken holds for this run alone.

Values of semaphores, queues and segments are followed only with `exact`, when the events come in the order
of their effects (a controlled scheduler); otherwise such conditions are judged at the end only.
`always_eventually` is not judged here: in a run, starvation and livelock are its signs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ipcsim.analysis.conditions import looks_at_values, nodes, only_rises, phases_of
from ipcsim.analysis.operations import Operations
from ipcsim.analysis.values import Values
from ipcsim.analysis.wording import listed
from ipcsim.errors import NOWHERE, EvaluationError, Location
from ipcsim.program import Program, Property, PropertyKind
from ipcsim.program.expressions import (
    QueueLength,
    SegmentValue,
    SemaphoreValue,
    World,
    compile_expression,
    position,
)
from ipcsim.program.instructions import (
    Crash,
    Exit,
    Instruction,
    KernelCall,
    ObjectCall,
    Phase,
    Receive,
    Semop,
    Send,
    SetValue,
    Store,
)
from ipcsim.trace import Event, EventKind
from ipcsim.verdict import Finding, Kind, Verdict


@dataclass(frozen=True, slots=True)
class FinalState:
    """The values at the end, one entry a declared object; None where it is gone.

    A segment's entry has one value a field, as `Struct.unpack` gives them."""

    semaphores: tuple[tuple[int, ...] | None, ...]
    queues: tuple[int | None, ...]
    segments: tuple[tuple[Any, ...] | None, ...]


class Watched(World):
    """The world as a property sees it: phases always, values where they are known."""

    def __init__(self, program: Program) -> None:
        self._program = program
        sizes = [f.size for f in program.families]
        self._first = [sum(sizes[:i]) for i in range(len(sizes))]
        self.phase: list[str | None] = [None] * len(program.processes)
        self.place: list[Location] = [NOWHERE] * len(program.processes)
        self.ended = [False] * len(program.processes)
        self.semaphores: list[Any] = [list(s.initial) for s in program.sets]
        self.queues: list[int | None] = [0] * len(program.queues)
        self.segments: list[Any] = [list(s.initial) for s in program.segments]

    def at(self, family: int, index: int | None, phase: str) -> bool:
        number = self._first[family] + position(0, self._program.families[family].count, index)
        return self.phase[number] == phase if phase else self.ended[number]

    def semaphore(self, set_: int, number: int) -> int:
        values = self.semaphores[set_]
        name = self._program.sets[set_].name
        return int(self._known(None if values is None else values[number], name))

    def queue_length(self, queue: int) -> int:
        return int(self._known(self.queues[queue], self._program.queues[queue].name))

    def segment(self, segment: int, field: int) -> Any:
        values = self.segments[segment]
        return self._known(None if values is None else values[field], self._program.segments[segment].name)

    def _known(self, value: Any, name: str) -> Any:
        if value is None:
            raise EvaluationError(f"`{name}` has no known value here")
        return value


_MANY = 200  # processes in a phase: from then on it is not worked out who of them matters


class _Check:
    """One `never` or `always` property and when to look at it again."""

    def __init__(self, prop: Property, world: World) -> None:
        assert prop.condition is not None
        self.prop = prop
        self.phases = phases_of(prop.condition)
        self.values = looks_at_values(prop.condition)
        self._bad_when = prop.kind is PropertyKind.NEVER
        self.entering_only = only_rises(prop.condition, up=self._bad_when)
        self._evaluate = compile_expression(prop.condition, world)
        self._slots = [0] * max(1, prop.slots)

    def broken(self) -> bool:
        """Whether the property is broken now; `EvaluationError` where that cannot be said."""
        return bool(self._evaluate(list(self._slots))) is self._bad_when


class Properties:
    """Feed it events in the order of time; see the module's docstring."""

    def __init__(self, program: Program, exact: bool = False, operations: Operations | None = None) -> None:
        self._program = program
        self._operations = operations or Operations(program)
        self.world = Watched(program)
        self._exact = exact
        self._values = Values(program)
        self.world.semaphores = self._values.sets
        checks = [
            _Check(p, self.world)
            for p in program.properties
            if p.kind in (PropertyKind.NEVER, PropertyKind.ALWAYS) and p.condition is not None
        ]
        self._checks = [c for c in checks if exact or not c.values]
        self._unordered = [c.prop for c in checks if not exact and c.values]
        self._found: dict[str, Finding] = {}
        self._started = False
        self.follows_values = exact and any(c.values for c in self._checks)

    @property
    def needed(self) -> bool:
        """Whether any property has to be judged while the run goes on."""
        return bool(self._checks)

    def concerns(self, kind: int, instruction: Instruction | None) -> bool:
        """Whether such an event can matter to a property, for whoever sorts events out beforehand."""
        match instruction:
            case Phase() | Exit() | Crash() if kind == EventKind.STEP:
                return True
            case Semop(ends_phase=True) if kind == EventKind.BEGIN:
                return True
            case Store() | KernelCall():
                return self.follows_values
            case _:
                return kind == EventKind.DIED

    @property
    def found(self) -> bool:
        return bool(self._found)

    def findings(self) -> tuple[Finding, ...]:
        return tuple(self._found.values())

    def feed(self, event: Event) -> None:
        """The next event; one that changes nothing a property looks at costs little."""
        if not self._started:
            self._started = True
            self._look(event, lambda check: True)
        process, kind = event.process, event.kind
        instruction = self._program.instruction(process, event.pc) if kind is not EventKind.DIED else None
        if kind is EventKind.STEP and not event.errno:
            if isinstance(instruction, Phase):
                self._enter(event, instruction.name)
            elif isinstance(instruction, Exit | Crash):
                self._end(event)
            elif isinstance(instruction, Store) and self.follows_values:
                self._store(event, instruction)
        elif kind is EventKind.BEGIN:
            if isinstance(instruction, Semop) and instruction.ends_phase:
                self._enter(event, None)
            if self.follows_values and event.data:
                self._operations.of(event)
        elif kind is EventKind.DIED:
            self._values.died(process)
            self._end(event)
        elif kind is EventKind.END and not event.errno and self.follows_values:
            self._effect(event)

    def _enter(self, event: Event, phase: str | None) -> None:
        world = self.world
        before, world.phase[event.process] = world.phase[event.process], phase
        world.place[event.process] = self._program.where(event.process, event.pc)
        self._look(
            event,
            lambda check: phase in check.phases or (before in check.phases and not check.entering_only),
        )

    def _end(self, event: Event) -> None:
        self.world.ended[event.process] = True
        before, self.world.phase[event.process] = self.world.phase[event.process], None
        died = event.kind is EventKind.DIED
        self._look(
            event,
            lambda check: (
                "" in check.phases
                or (before in check.phases and not check.entering_only)
                or (died and check.values)
            ),
        )

    def _effect(self, event: Event) -> None:
        instruction = self._program.instruction(event.process, event.pc)
        match instruction:
            case Semop():
                self._values.semop(event.process, instruction, self._operations.of(event))
            case SetValue():
                self._values.other(instruction)
            case ObjectCall():
                self._values.other(instruction)
            case Send(queue=queue):
                self._count(queue, 1)
            case Receive(queue=queue):
                self._count(queue, -1)
            case _:
                return
        self._look(event, lambda check: check.values)

    def _count(self, queue: int, by: int) -> None:
        length = self.world.queues[queue]
        self.world.queues[queue] = None if length is None else length + by

    def _store(self, event: Event, instruction: Store) -> None:
        values = self.world.segments[instruction.segment]
        field = self._program.segments[instruction.segment].struct.fields[instruction.field]
        if field.is_text:
            values[instruction.field] = None  # a record has no room for a text
        elif field.count is None:
            values[instruction.field] = event.a
        else:
            items = list(values[instruction.field])
            items[event.b] = event.a
            values[instruction.field] = tuple(items)
        self._look(event, lambda check: check.values)

    def _look(self, event: Event, concerned: Callable[[_Check], bool]) -> None:
        for check in self._checks:
            if check.prop.name in self._found or not concerned(check):
                continue
            try:
                broken = check.broken()
            except EvaluationError as error:
                if "no known value" not in str(error):
                    self._found[check.prop.name] = self._unevaluable(check.prop, str(error))
                continue
            if broken:
                self._found[check.prop.name] = self._violation(check, event)

    # --- the end ---

    def at_end(self, final: FinalState) -> tuple[Finding, ...]:
        """Judge what must hold once every process has ended by itself, with the values that remain."""
        world = Watched(self._program)
        world.ended = [True] * len(world.ended)
        world.semaphores = [None if s is None else list(s) for s in final.semaphores]
        world.queues = list(final.queues)
        world.segments = [None if s is None else list(s) for s in final.segments]
        found: list[Finding] = []
        for prop in self._program.properties:
            if prop.condition is None or (
                prop.kind is not PropertyKind.AT_END and prop not in self._unordered
            ):
                continue
            try:
                value = compile_expression(prop.condition, world)([0] * max(1, prop.slots))
                holds = not value if prop.kind is PropertyKind.NEVER else value
            except EvaluationError as error:
                found.append(self._unevaluable(prop, str(error)))
                continue
            if not holds:
                found.append(self._broken_at_end(prop, world))
        return tuple(found)

    def not_judged(self, ended: bool) -> tuple[str, ...]:
        """What this run could not judge, as sentences. `ended`: everybody ended by itself."""
        said = [
            f"The property `{p.name}` ({p.at}) was looked at only at the end: in a free run the order of "
            "values is not known. `--scheduler random` judges it at every step."
            if ended
            else f"The property `{p.name}` ({p.at}) was not judged: in a free run the order of values is "
            "not known. `--scheduler random` judges it at every step."
            for p in self._unordered
            if p.name not in self._found
        ]
        if not ended:
            said += [
                f"The property `{p.name}` ({p.at}) was not judged: not every process ended by itself."
                for p in self._program.properties
                if p.kind is PropertyKind.AT_END
            ]
        return tuple(said)

    # --- words ---

    def _witnesses(self, check: _Check) -> list[int]:
        """The processes whose phases break the property; not those that only happen to be in one."""
        phase = self.world.phase
        there = [p for p, name in enumerate(phase) if name and name in check.phases]
        if not check.entering_only or len(there) > _MANY:
            return there
        saved, needed = list(phase), []
        try:
            for process in there:
                phase[process] = None
                if not check.broken():
                    phase[process] = saved[process]
                    needed.append(process)
        except EvaluationError:
            return there
        finally:
            phase[:] = saved
        return needed

    def _violation(self, check: _Check, event: Event) -> Finding:
        prop, there = check.prop, self._witnesses(check)
        names = [self._program.processes[p].name for p in there]
        where = [f"{n} is in `{self.world.phase[p]}`" for n, p in zip(names, there, strict=True)]
        seen = self._values_seen(prop, self.world)
        what = listed([*where, *(text for _, text, _ in seen)], 4)
        told = f": {what}" if what else ""
        if not where:
            told += f", after {self._step(event)}"
        return Finding(
            Kind.VIOLATION,
            Verdict.VIOLATION,
            f"The property `{prop.name}` is broken{told}.",
            processes=tuple(names) or (self._program.processes[event.process].name,),
            at=self._program.where(event.process, event.pc),
            details=(
                *(
                    (n, f"is in phase {self.world.phase[p]}", str(self.world.place[p]))
                    for n, p in list(zip(names, there, strict=True))[:12]
                ),
                *seen,
                ("", f"the property: {prop.name}", str(prop.at)),
            ),
        )

    def _step(self, event: Event) -> str:
        """The step just seen, in words."""
        name = self._program.processes[event.process].name
        if event.kind is EventKind.DIED:
            return f"{name} ended"
        instruction = self._program.instruction(event.process, event.pc)
        return f"`{instruction.text}` of {name} (line {instruction.at.line})"

    def _broken_at_end(self, prop: Property, world: Watched) -> Finding:
        seen = self._values_seen(prop, world)
        told = f": {listed([text for _, text, _ in seen], 4)}" if seen else ""
        return Finding(
            Kind.VIOLATION,
            Verdict.VIOLATION,
            f"At the end the property `{prop.name}` does not hold{told}.",
            at=prop.at,
            details=(*seen, ("", f"the property: {prop.name}", str(prop.at))),
        )

    def _unevaluable(self, prop: Property, problem: str) -> Finding:
        return Finding(
            Kind.EVALUATION,
            Verdict.ERROR,
            f"The property `{prop.name}` cannot be judged: {problem}.",
            at=prop.at,
            details=(("", f"the property: {prop.name}", str(prop.at)),),
        )

    def _values_seen(self, prop: Property, world: Watched) -> tuple[tuple[str, str, str], ...]:
        """The values that the condition looks at, where they can be named."""
        assert prop.condition is not None
        found: dict[str, Any] = {}
        for node in nodes(prop.condition):
            match node:
                case SemaphoreValue(set=s, base=base, count=None):
                    found[self._program.sets[s].label(base)] = (
                        world.semaphores[s] or {}
                    ) and world.semaphores[s][base]
                case QueueLength(queue=q):
                    found[f"len({self._program.queues[q].name})"] = world.queues[q]
                case SegmentValue(segment=s, field=f):
                    segment = self._program.segments[s]
                    name = f"{segment.name}.{segment.struct.fields[f].name}"
                    found[name] = world.segments[s] and world.segments[s][f]
        return tuple(("", f"{n} is {v}", "") for n, v in list(found.items())[:6] if v not in (None, {}, []))
