"""Races: two accesses to one element of a segment, one of them a store, that nothing orders.

Epochs as in FastTrack (C. Flanagan, S. Freund, "FastTrack: Efficient and Precise Dynamic Race
Detection", PLDI 2009), over the happens-before order of `ordering`. A race reported is one of the program,
even where this run's values came out right. No race reported means none in this run's order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from ipcsim.analysis.operations import Operations
from ipcsim.analysis.ordering import Ordering
from ipcsim.errors import Location
from ipcsim.program import Program
from ipcsim.program.instructions import Load, Store
from ipcsim.trace import Event, EventKind
from ipcsim.verdict import Finding, Kind, Verdict


class _Access(NamedTuple):
    process: int
    epoch: int
    pc: int
    store: bool


_Pair = tuple[tuple[int, int, int], _Access, _Access]  # where, a store, and the other access
_MOST = 12


@dataclass(slots=True)
class _Element:
    """The last store to one element, and the loads since, by process."""

    store: _Access | None
    loads: dict[int, _Access]


class RaceDetector:
    """Feed it the events of a run in the order of time; `exact`: see `Ordering`."""

    def __init__(self, program: Program, operations: Operations | None = None, exact: bool = False) -> None:
        self._program = program
        self._shared = _shared_fields(program)
        self._ordering = Ordering(program, operations or Operations(program), exact) if self._shared else None
        self._elements: dict[tuple[int, int, int], _Element] = {}
        self._found: dict[tuple[int, int], dict[tuple[tuple[int, int], ...], _Pair]] = {}

    @property
    def needed(self) -> bool:
        """Whether any field can be raced for at all."""
        return bool(self._shared)

    @property
    def found(self) -> bool:
        return bool(self._found)

    def feed(self, event: Event) -> None:
        ordering = self._ordering
        if ordering is None:
            return
        ordering.feed(event)  # first: with its first step a process learns from whoever started it
        if event.kind is EventKind.STEP and not event.errno:
            instruction = self._program.instruction(event.process, event.pc)
            if (
                isinstance(instruction, Load | Store)
                and (instruction.segment, instruction.field) in self._shared
            ):
                for index in self._indexes(instruction, event.b):
                    self._access(event, instruction, index, ordering)

    def _indexes(self, access: Load | Store, index: int) -> range:
        """The elements touched: one, or a whole array where no index is given; a text is one element."""
        field = self._program.segments[access.segment].struct.fields[access.field]
        if access.index is None and field.count is not None and not field.is_text:
            return range(field.count)
        return range(index, index + 1)

    def _access(self, event: Event, instruction: Load | Store, index: int, ordering: Ordering) -> None:
        process = event.process
        clock = ordering.clocks.of[process]
        place = (instruction.segment, instruction.field, index)
        element = self._elements.get(place)
        if element is None:
            element = self._elements[place] = _Element(None, {})
        mine = _Access(process, clock[process], event.pc, isinstance(instruction, Store))
        last = element.store
        if last is not None and last.process != process and last.epoch > clock.get(last.process, 0):
            self.report(place, last, mine)
        if not mine.store:
            element.loads[process] = mine
            return
        for other in element.loads.values():
            if other.process != process and other.epoch > clock.get(other.process, 0):
                self.report(place, other, mine)
        element.store = mine
        element.loads.clear()

    def report(self, place: tuple[int, int, int], first: _Access, second: _Access) -> None:
        if not first.store:
            first, second = second, first  # the store stands first
        family = self._program.processes[first.process].family
        other = self._program.processes[second.process].family
        pairs = self._found.setdefault(place[:2], {})
        pairs.setdefault(tuple(sorted([(family, first.pc), (other, second.pc)])), (place, first, second))

    def findings(self) -> tuple[Finding, ...]:
        """One finding a field; its details list every pair of instructions that race for it."""
        return tuple(self._finding(list(pairs.values())) for pairs in self._found.values())

    def _finding(self, pairs: list[_Pair]) -> Finding:
        # two stores, of which one is lost, tell more than a load that may come too early
        pairs.sort(key=lambda pair: not pair[2].store)
        place, first, second = pairs[0]
        name = self._name(place)
        who = [f"by {self._who(a)} (line {self._at(a).line})" for a in (first, second)]
        told = f"`{name}` is stored {who[0]} and {'stored' if second.store else 'loaded'} {who[1]}"
        lost = "one of the two stores can be lost" if second.store else "the load may see it or not"
        details = [self._detail(name, access) for access in (first, second)]
        for also, one, other in pairs[1:_MOST]:
            way = "stored" if other.store else "loaded"
            at = f"stored at line {self._at(one).line} and {way} at {self._at(other)}"
            text = f"likewise {self._name(also)}, {at}"
            details.append(("", text, ""))
        if len(pairs) > _MOST:
            details.append(("", f"and {len(pairs) - _MOST:,} more pairs", ""))
        return Finding(
            Kind.RACE,
            Verdict.RACE,
            f"{told}, and nothing orders the two: {lost}.",
            processes=(self._who(first), self._who(second)),
            objects=(name,),
            at=self._at(first),
            details=tuple(details),
        )

    def _detail(self, name: str, access: _Access) -> tuple[str, str, str]:
        return (self._who(access), f"{'stores' if access.store else 'loads'} {name}", str(self._at(access)))

    def _who(self, access: _Access) -> str:
        return self._program.processes[access.process].name

    def _at(self, access: _Access) -> Location:
        return self._program.where(access.process, access.pc)

    def _name(self, place: tuple[int, int, int]) -> str:
        segment = self._program.segments[place[0]]
        field = segment.struct.fields[place[1]]
        element = f"[{place[2]}]" if field.count is not None and not field.is_text else ""
        return f"{segment.name}.{field.name}{element}"


def told(program: Program, one: tuple[int, int, int], other: tuple[int, int, int]) -> Finding:
    """The finding of a race between two accesses, each (process, pc, index), that is known from elsewhere."""
    instruction = program.instruction(one[0], one[1])
    assert isinstance(instruction, Load | Store)
    first, second = (
        _Access(process, 0, pc, isinstance(program.instruction(process, pc), Store))
        for process, pc, _ in (one, other)
    )
    detector = RaceDetector(program)
    detector.report((instruction.segment, instruction.field, one[2]), first, second)
    return detector.findings()[0]


def _shared_fields(program: Program) -> frozenset[tuple[int, int]]:
    """The fields that are not atomic, are stored to, and are accessed by more than one process."""
    users: dict[tuple[int, int], int] = {}
    stored: set[tuple[int, int]] = set()
    for family in program.families:
        accesses = [i for i in family.code if isinstance(i, Load | Store)]
        for place in {(i.segment, i.field) for i in accesses}:
            users[place] = users.get(place, 0) + family.size
        stored |= {(i.segment, i.field) for i in accesses if isinstance(i, Store)}
    return frozenset(
        (s, f)
        for (s, f), count in users.items()
        if count > 1 and (s, f) in stored and not program.segments[s].struct.fields[f].atomic
    )
