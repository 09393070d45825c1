"""Properties judged over the events of a run as they come, and at its end.

A phase lasts from the `Phase` event to the next one, to the BEGIN of a semop that ends it, or to the end
of the process (see `instructions.Phase`). Events must come in the order of time: what one process does
because of another is then seen after it, so an overlap of phases found here happened. That a property was
never seen broken holds for this run alone.

Values of semaphores, queues and segments are followed only with `exact`, when the events come in the order
of their effects (a controlled scheduler); otherwise such conditions are judged at the end only. A turn begins
with a BEGIN or a STEP, and whoever it wakes ends its call within it: a V and the P that it lets through are
one act of the kernel, whichever of them is recorded first. So values are looked at when a turn is over.

A property that has no value (a division by zero, an index out of range) is an error of the scenario. While an
object is not there that it looks at, it is not judged; if that was so whenever it was looked at, that is an
error, too.
`always_eventually` is not judged here: in a run, starvation and livelock are its signs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ipcsim.analysis.conditions import looks_at_values, nodes, only_rises, phases_of
from ipcsim.analysis.operations import Operations
from ipcsim.analysis.watched import FinalState as FinalState
from ipcsim.analysis.watched import NotThere, Unknown, Watched
from ipcsim.analysis.wording import listed
from ipcsim.errors import EvaluationError
from ipcsim.kernel.observed import observed
from ipcsim.program import Program, Property, PropertyKind
from ipcsim.program.expressions import (
    Observable,
    QueueLength,
    SegmentValue,
    SemaphoreValue,
    compile_expression,
)
from ipcsim.program.instructions import (
    Crash,
    Exit,
    Instruction,
    KernelCall,
    ObjectKind,
    ObjectRef,
    Phase,
    Semop,
    Store,
)
from ipcsim.trace import Event, EventKind
from ipcsim.verdict import Finding, Kind, Verdict

_MANY = 200  # processes in a phase: from then on it is not worked out who of them matters


class _Check:
    """One `never` or `always` property and when to look at it again."""

    def __init__(self, prop: Property, world: Observable) -> None:
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
        self._values = self.world.values
        checks = [
            _Check(p, self.world)
            for p in program.properties
            if p.kind in (PropertyKind.NEVER, PropertyKind.ALWAYS) and p.condition is not None
        ]
        self._checks = [c for c in checks if exact or not c.values]
        self._unordered = [c.prop for c in checks if not exact and c.values]
        self._found: dict[str, Finding] = {}
        self._had: dict[str, set[str]] = {}  # property → objects that were there when it asked for them
        self._missing: dict[str, NotThere] = {}  # property → what it missed when it had no value
        self._started = False
        self._turn = -1  # the process that has the turn
        self._changed: Event | None = None  # what changed a value in this turn
        self.follows_values = exact and any(c.values for c in self._checks)

    @property
    def needed(self) -> bool:
        """Whether any property has to be judged while the run goes on."""
        return bool(self._checks)

    def begin(self, first: FinalState) -> None:
        """What is really there before the first step."""
        self._values.begin(first.by_object())

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
        if kind is EventKind.BEGIN or kind is EventKind.STEP:
            self.at_rest()
            self._turn = process
        instruction = self._program.instruction(process, event.pc) if kind is not EventKind.DIED else None
        if kind is EventKind.STEP and not event.errno:
            if isinstance(instruction, Phase):
                self._enter(event, instruction.name)
            elif isinstance(instruction, Exit | Crash):
                self._end(event)
            elif isinstance(instruction, Store) and self.follows_values:
                self._apply(event, instruction)
        elif kind is EventKind.BEGIN:
            if isinstance(instruction, Semop) and instruction.ends_phase:
                self._enter(event, None)
            if self.follows_values and event.data:
                self._operations.of(event)
        elif kind is EventKind.DIED:
            self._values.died(process)
            self._end(event)
        elif kind is EventKind.END and not event.errno and self.follows_values:
            assert instruction is not None
            self._apply(event, instruction)

    def _apply(self, event: Event, instruction: Instruction) -> None:
        pairs = self._operations.of(event) if isinstance(instruction, Semop) else ()
        done = observed(self._program, event, instruction, pairs)
        if [True for effect in done if self._values.apply(event.process, effect)]:
            self._note(event)

    def at_rest(self) -> None:
        """The turn is over: look at what depends on the values that it has changed."""
        event, self._changed = self._changed, None
        if event is not None:
            self._look(event, lambda check: check.values)

    def _note(self, event: Event) -> None:
        """A value has changed; the one whose turn it is did it, whoever is recorded first."""
        if self._changed is None or event.process == self._turn:
            self._changed = event

    def _enter(self, event: Event, phase: str | None) -> None:
        world = self.world
        before, world.phase[event.process] = world.phase[event.process], phase
        world.place[event.process] = self._program.where(event.process, event.pc)
        waits = phase is None and self.follows_values  # for what the call that ends the phase does
        if waits:
            self._note(event)
        self._look(
            event,
            lambda check: (
                not (waits and check.values)
                and (phase in check.phases or (before in check.phases and not check.entering_only))
            ),
        )

    def _end(self, event: Event) -> None:
        self.world.ended[event.process] = True
        before, self.world.phase[event.process] = self.world.phase[event.process], None
        if self.follows_values:
            self._note(event)  # with SEM_UNDO it gives back what it took
        self._look(
            event,
            lambda check: (
                not check.values
                and ("" in check.phases or (before in check.phases and not check.entering_only))
            ),
        )

    def _look(self, event: Event, concerned: Callable[[_Check], bool]) -> None:
        for check in self._checks:
            if check.prop.name in self._found or not concerned(check):
                continue
            self.world.had = self._had.setdefault(check.prop.name, set())
            try:
                broken = check.broken()
            except NotThere as error:
                self._missing[check.prop.name] = error
                continue
            except Unknown:
                continue
            except EvaluationError as error:
                self._found[check.prop.name] = self._unevaluable(check.prop, str(error))
                continue
            if broken:
                self._found[check.prop.name] = self._violation(check, event)

    # --- the end ---

    def at_end(self, final: FinalState) -> tuple[Finding, ...]:
        """Judge what must hold once every process has ended by itself, with the values that remain."""
        world = Watched.at_end(self._program, final)
        found: list[Finding] = []
        for check in self._checks:
            name = check.prop.name
            missing = self._missing.get(name)
            # what is there now and then is judged then
            if missing is not None and missing.name not in self._had[name] and name not in self._found:
                found.append(self._unevaluable(check.prop, str(missing)))
        for prop in self._program.properties:
            if prop.condition is None or (
                prop.kind is not PropertyKind.AT_END and prop not in self._unordered
            ):
                continue
            try:
                value = compile_expression(prop.condition, world)([0] * max(1, prop.slots))
                holds = not value if prop.kind is PropertyKind.NEVER else value
            except EvaluationError as error:
                if isinstance(error, NotThere) and prop in self._unordered:
                    self._missing[prop.name] = error  # it may well have been there before
                else:
                    found.append(self._unevaluable(prop, str(error)))
                continue
            if not holds:
                found.append(self._broken_at_end(prop, world))
        return tuple(found)

    def not_judged(self, ended: bool) -> tuple[str, ...]:
        """What this run could not judge, as sentences. `ended`: everybody ended by itself."""
        order = "in a free run the order of values is not known. `--scheduler random` judges every step."
        said = []
        for p in self._unordered:
            if not ended:
                how = f"was not judged: {order}"
            elif p.name in self._missing:
                how = f"was not judged: {self._missing[p.name]}, at the end; {order}"
            else:
                how = f"was looked at only at the end: {order}"
            said.append(f"The property `{p.name}` ({p.at}) {how}")
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
            f"The property `{prop.name}` (line {prop.at.line}) cannot be judged: {problem}.",
            at=prop.at,
            details=(("", f"the property: {prop.name}", str(prop.at)),),
        )

    def _values_seen(self, prop: Property, world: Watched) -> tuple[tuple[str, str, str], ...]:
        """The values that the condition looks at, where they can be named."""
        assert prop.condition is not None
        found: dict[str, Any] = {}

        def note(name: str, ref: ObjectRef, place: int) -> None:
            thing = world.values.present[ref]
            if thing is not None and place < len(thing.values):
                found[name] = thing.values[place]

        for node in nodes(prop.condition):
            match node:
                case SemaphoreValue(set=s, base=base, count=None):
                    note(self._program.sets[s].label(base), ObjectRef(ObjectKind.SEMAPHORES, s), base)
                case QueueLength(queue=q):
                    note(f"len({self._program.queues[q].name})", ObjectRef(ObjectKind.QUEUE, q), 0)
                case SegmentValue(segment=s, field=f):
                    segment = self._program.segments[s]
                    name = f"{segment.name}.{segment.struct.fields[f].name}"
                    note(name, ObjectRef(ObjectKind.SEGMENT, s), f)
        return tuple(("", f"{n} is {v}", "") for n, v in list(found.items())[:6] if v is not None)
