"""The machine: all that a Program's processes can do on System V IPC, as a graph of states.

    init                      the first state
    actions(state)            every choice enabled in a state
    next(state, action)       the state after one of them

A state is an integer (see `layout`). What a process does depends on its own local state and on the few
objects that its next instruction names; the outcome is worked out by the rules (`calls`, `living`) the
first time, and from then on looked up by just those bits. So the rules may be written to be read.

Nothing here knows an operating system. Which order of wake-ups holds is the *discipline*:

- `weak`: any sleeper whose call can succeed may be next, and newcomers compete. What is proved so holds on
  every kernel that follows POSIX;
- `kernel`: Linux hands over in its own order (S-5 to S-9, Q-3), as one step with the call that
  wakes. Blocked senders race even there (Q-4).

Falling asleep is a step of its own only where somebody can tell a sleeper from one who has not called yet
(`explicit`); otherwise a call that has to wait is simply not enabled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from ipcsim.analysis.conditions import nodes
from ipcsim.model import calls, features, memory, other_calls, processes
from ipcsim.model.effects import Act, Action, Effects, Step
from ipcsim.model.features import Made, Saving
from ipcsim.model.layout import Layout, Table, View
from ipcsim.model.living import Living, Unsupported
from ipcsim.model.locals import GONE, LIVING, Local, Mode, ModelProcess, Text
from ipcsim.model.object_calls import LivingObjects
from ipcsim.program import Discipline, Program, PropertyKind, names
from ipcsim.program.expressions import At
from ipcsim.program.instructions import (
    GetValue,
    Instruction,
    ObjectCall,
    ObjectKind,
    ObjectRef,
    SemaphoreQuestion,
    Signal,
)
from ipcsim.program.objects import Segment

T = TypeVar("T")
NARROW = {"local": 10, "semaphore": 6, "data": 8}  # bits to begin with


@dataclass(slots=True)
class Move:
    """What a process does next in one of its local states: actions by the bits that they depend on."""

    mask: int
    known: dict[int, tuple[Action, ...]]


class Machine:
    """See the module. `crashes`: how many processes may die anywhere.

    `chained`: (family, pc) of instructions that nobody else can notice and that are done together with
    the step before them; `watched`: the phases that local states keep, None for all that properties ask for;
    `widths`: bits of slots by name, where the usual ones are too few (`Overflow` says so, here and later).

    Raises `Unsupported` for the few programs that have no model.
    """

    def __init__(
        self,
        program: Program,
        discipline: Discipline = Discipline.WEAK,
        crashes: int = 0,
        chained: frozenset[tuple[int, int]] = frozenset(),
        watched: frozenset[str] | None = None,
        widths: dict[str, int] | None = None,
    ) -> None:
        self.program = program
        self.kernel = discipline is Discipline.KERNEL
        self.crashes = crashes
        self.chained = chained
        texts = [Text(f) for f in program.families]
        self.processes = [ModelProcess(program, p.number, texts[p.family]) for p in program.processes]
        self.off = features.switched_off(Made(program, self.kernel, crashes, self.processes))
        self.explicit = Saving.SLEEP in self.off
        self.watched = frozenset(_phases_asked(program)) if watched is None else watched
        self.undo_shows = undo_shows(program)
        self.zcnt_shows = any(_asks_zcnt(i) for f in program.families for i in f.code)
        # whose being reaped shows: kill(2) finds a zombie, and nobody once it is gone (S-29)
        self.reaping = {i.family for f in program.families for i in f.code if isinstance(i, Signal)}
        self.leader = names.leaders(program)
        self._groups = names.groups(program)
        self.layout = Layout()
        self.widths = widths if widths is not None else {}
        self._place_slots()
        self.living = LivingObjects(self) if Living.needed(program) else None
        self.init = self.layout.pack(self._first_values())
        self._moves: list[dict[int, Move]] = [{} for _ in self.processes]
        self._own = [self.layout.slots[p.number].mask for p in self.processes]

    # --- slots ---

    def _slot(self, name: str, sort: str, table: Table | None = None) -> int:
        return self.layout.add(name, self.widths.get(name, NARROW[sort]), table)

    def _place_slots(self) -> None:
        """Slot p is process p; then the objects, and what else the rules must remember."""
        program = self.program
        self.tables = [Table() for _ in program.families]  # shared, so that equal processes look equal
        for process in program.processes:
            # those of one family are of one width: symmetry exchanges them
            name = program.families[process.family].name
            self.layout.add(name, self.widths.get(name, NARROW["local"]), self.tables[process.family])
        asked = {i.question for f in program.families for i in f.code if isinstance(i, GetValue)}
        self.sem = self._shared(ObjectKind.SEMAPHORES, lambda n: self._of_each(n, "", "semaphore"))
        self.pid = self._shared(
            ObjectKind.SEMAPHORES,
            lambda n: self._of_each(n, "pid ", "data") if SemaphoreQuestion.PID in asked else [],
        )
        self.queue = self._shared(
            ObjectKind.QUEUE, lambda n: self._slot(f"queue {program.queues[n].name}", "data", Table())
        )
        self.undo = {
            p.number: self._slot(f"undo {p.name}", "data", Table())
            for p in program.processes
            if any(features.undoes(i) for i in program.families[p.family].code)
        }
        self.sleepers: list[int] = []
        self.receivers: list[int] = []
        self.senders: list[int] = []
        if self.explicit:
            self.sleepers = self._asleep("sleepers", ObjectKind.SEMAPHORES)
            self.receivers = self._asleep("receivers", ObjectKind.QUEUE)
            self.senders = self._asleep("senders", ObjectKind.QUEUE)
        self.budget = self._slot("crashes left", "data", Table()) if self.crashes else None
        self._place_segments()

    def one_set(self, number: int) -> int:
        """The set that stands for all names of the one called so."""
        return self.leader[ObjectRef(ObjectKind.SEMAPHORES, number)].number

    def names_of(self, ref: ObjectRef) -> tuple[ObjectRef, ...]:
        """Every declared name of a kernel object."""
        return self._groups[ref]

    def _shared(self, kind: ObjectKind, make: Callable[[int], T]) -> list[T]:
        """What `make` gives, by number of the declared objects of a kind; names of one object share it."""
        found: list[T] = []
        for ref, leader in self.leader.items():
            if ref.kind is kind:
                found.append(make(ref.number) if leader == ref else found[leader.number])
        return found

    def _of_each(self, number: int, tag: str, sort: str) -> list[int]:
        """A slot for each semaphore of a set, as many as the longest of its names speaks of."""
        named = [self.program.sets[r.number] for r in self.names_of(ObjectRef(ObjectKind.SEMAPHORES, number))]
        longest = max(named, key=lambda s: s.size)
        return [
            self._slot(f"{tag}{longest.name}:{longest.label(n)}", sort, Table() if tag else None)
            for n in range(longest.size)
        ]

    def _asleep(self, who: str, kind: ObjectKind) -> list[int]:
        return self._shared(
            kind,
            lambda n: self._slot(f"{who} {self.program.object(ObjectRef(kind, n)).name}", "data", Table()),
        )

    def _place_segments(self) -> None:
        """`element[segment][generation][field]` are the slots of a field's elements."""
        program = self.program
        generations = Living.generations(program, self.leader)
        elements = sum(
            g * memory.count_of(f)
            for g, s in zip(generations, program.segments, strict=True)
            for f in s.struct.fields
        )
        if elements > memory.MOST_ELEMENTS:
            raise Unsupported(
                f"its segments have {elements:,} numbers, and the model follows at most "
                f"{memory.MOST_ELEMENTS:,}"
            )
        known: dict[tuple[ObjectRef, int], dict[memory.Cell, int]] = {}
        self.element: list[list[list[list[int]]]] = []
        for number, segment in enumerate(program.segments):
            leader = self._one_segment(ObjectRef(ObjectKind.SEGMENT, number))
            found = []
            for generation in range(generations[number]):
                cells = known.setdefault((leader, generation), {})
                found.append(memory.place(segment, cells, partial(self._field_slot, segment, generation)))
            self.element.append(found)

    def _field_slot(self, segment: Segment, generation: int, element: str) -> int:
        tag = f"~{generation}" if generation else ""
        return self._slot(f"{segment.name}{tag}.{element}", "data", Table())

    def _one_segment(self, ref: ObjectRef) -> ObjectRef:
        """The leader of a segment, whose names have to agree on what its bytes are."""
        segments = [self.program.segments[r.number] for r in self.names_of(ref)]
        try:
            memory.check_overlap(segments)
        except memory.Overlap:
            raise Unsupported(
                f"{' and '.join(f'`{s.name}`' for s in segments)} have the same key and are one segment, "
                "with different fields at the same bytes, which the model does not follow"
            ) from None
        return self.leader[ref]

    def _first_values(self) -> list[object]:
        values: list[object] = [None] * len(self.layout.slots)
        for proc in self.processes:
            values[proc.number] = self.first_local(proc)
        self._first_semaphores(values)
        for slot in [*self.queue, *self.sleepers, *self.receivers, *self.senders, *self.undo.values()]:
            values[slot] = ()
        if self.budget is not None:
            values[self.budget] = self.crashes
        self._first_fields(values)
        if self.living is not None:
            self.living.first_values(values)
        return values

    def _first_semaphores(self, values: list[object]) -> None:
        for slots, pids in zip(self.sem, self.pid, strict=True):
            for slot in [*slots, *pids]:
                values[slot] = 0
        for number, declared in enumerate(self.program.sets):
            # the run gives a set its values by SETALL, which is a touch (S-13); all zero needs none
            if self._made_by_run(ObjectRef(ObjectKind.SEMAPHORES, number)) and any(declared.initial):
                for slot, value in zip(self.sem[number], declared.initial, strict=False):
                    values[slot] = value
                for slot in self.pid[number][: declared.size]:
                    values[slot] = processes.BY_THE_RUN

    def _first_fields(self, values: list[object]) -> None:
        for number, segment in enumerate(self.program.segments):
            for fields in self.element[number]:
                _fill(values, fields, segment.struct.unpack(b""))
        for number, segment in enumerate(self.program.segments):
            if self._made_by_run(ObjectRef(ObjectKind.SEGMENT, number)):
                _fill(values, self.element[number][0], segment.initial)

    def _made_by_run(self, ref: ObjectRef) -> bool:
        """Whether the run makes the object under this name; a second one with its key it only finds."""
        first = next((r for r in self.names_of(ref) if self.program.object(r).created_by_run), None)
        return first == ref

    def first_local(self, proc: ModelProcess, handles: object = None) -> Local:
        """Where a process begins: unborn, or before its first visible step."""
        family = self.program.families[proc.family]
        if handles is None and self.living is not None:
            handles = self.living.first_handles(proc)
        if family.spawned:
            return Local(0, Mode.UNBORN, (), None, None)
        return processes.arrive(proc, 0, list(proc.initial), None, handles)

    # --- the graph ---

    def actions(self, state: int) -> tuple[Action, ...]:
        """Every choice enabled in `state`, by process."""
        return tuple(a for p in range(len(self.processes)) for a in self.actions_of(state, p))

    @staticmethod
    def next(state: int, action: Action) -> int:
        """The state after an action that is enabled in `state`."""
        return state + action.delta

    def actions_of(self, state: int, process: int) -> tuple[Action, ...]:
        """The choices that one process has in `state`."""
        own = state & self._own[process]
        move = self._moves[process].get(own)
        if move is None:
            move = self._moves[process][own] = Move(self._own[process], {})
        found = move.known.get(state & move.mask)
        return self._work_out(state, process, move) if found is None else found

    def _work_out(self, state: int, process: int, move: Move) -> tuple[Action, ...]:
        view = View(self.layout, state)
        outcomes = list(self._outcomes(view, process))
        needed = move.mask | self.layout.mask(view.read)
        for effects in outcomes:
            needed |= self.layout.mask(effects.writes)  # a delta replaces what was there
        if needed != move.mask:
            move.mask = needed
            move.known.clear()
        found = tuple(
            Action(
                self.layout.change(state, e.writes),
                process,
                number,
                tuple(e.steps),
                frozenset(e.writes),
                tuple(e.entered),
                e.obliged,
            )
            for number, e in enumerate(outcomes)
        )
        move.known[state & needed] = found
        return found

    def _outcomes(self, view: View, process: int) -> Iterator[Effects]:
        local: Local = view[process]
        proc = self.processes[process]
        if local.mode is Mode.READY:
            yield from calls.begin(self, view, process, local)
        elif local.mode is Mode.ASLEEP:
            yield from calls.resume_or_strike(self, view, process, local)
        elif local.mode is Mode.ENDING:
            yield from other_calls.ending(self, view, process, local)
        elif local.mode in GONE and not local.reaped and proc.family in self.reaping:
            yield other_calls.reaped(view, process, local)
        mortal = local.mode in LIVING and local.mode is not Mode.ENDING
        if self.budget is not None and mortal and view[self.budget] > 0:
            effects = Effects(view)
            effects.obliged = False
            effects[self.budget] = effects[self.budget] - 1
            effects.steps.append(Step(process, local.pc, Act.DIE, end=(-9, 0, b""), scheduled=True))
            processes.end(self, effects, process, Mode.DEAD)
            yield effects

    def local(self, state: int, process: int) -> Local:
        found: Local = self.layout.get(state, process)
        return found


def _fill(values: list[object], fields: memory.Elements, contents: Sequence[object]) -> None:
    """Give the slots of fields what they contain."""
    for slots, content in zip(fields, contents, strict=True):
        for slot, item in zip(slots, memory.items(content), strict=True):
            values[slot] = item


def undo_shows(program: Program) -> bool:
    """Whether anything tells a process that once used SEM_UNDO, and owes nothing now, from one that never
    did: at the end of the first the kernel sets otime (S-18), and looks again at whoever waits for zero."""
    return any(_asks_zcnt(i) or _asks_otime(i) for f in program.families for i in f.code)


def _asks_otime(instruction: Instruction) -> bool:
    return isinstance(instruction, ObjectCall) and instruction.field == "otime"


def _asks_zcnt(instruction: Instruction) -> bool:
    return isinstance(instruction, GetValue) and instruction.question is SemaphoreQuestion.ZCNT


def _phases_asked(program: Program) -> Iterator[str]:
    for prop in program.properties:
        if prop.kind is PropertyKind.ALWAYS_EVENTUALLY and prop.phase is not None:
            yield prop.phase
        if prop.condition is not None:
            yield from (node.phase for node in nodes(prop.condition) if isinstance(node, At))
