"""Whether what a free run recorded is a path of the model: trace inclusion.

In a free run nobody gives turns. A record says when a call began, or was over; what it did happened at some
instant in between. So the question is whether there is an order of the effects that the times leave open
and that is a path of the model: the check of linearizability by J. Wing and C. Gong ("Testing and verifying
concurrent objects", 1993), with the memory of what was tried by G. Lowe (2017), and the model in place of the
sequential object. The search goes depth first over (state of the model, place in every process's records).

When an effect may have happened (CLOCK_MONOTONIC is one clock for all processors):

- a call: from its BEGIN to its END, which may be missing where the process was killed or the run was over;
- a load or store: from the record before it to its own STEP, which is written right after the access.
  Between the two lie hundreds of instructions of the interpreter, so no store is still on its way;
- phases, choices and assertions that hold are nobody else's business: they are taken at once;
- whatever ends a process (exit, crash, an error that nothing handles): until the supervisor has booked its
  death, because a process does not end at once (S-29);
- steps of the model that leave no record (falling asleep, queueing up anew, the parts of an end): any time.

What happened after the run was stopped (`Trace.stopped`) is not compared: from then on the run kills.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from ipcsim.explorer import recorded
from ipcsim.explorer.follow import Departure
from ipcsim.explorer.recorded import Expected, Names
from ipcsim.model.effects import Act, Action
from ipcsim.model.layout import Overflow
from ipcsim.model.machine import Machine
from ipcsim.program import Discipline, Program
from ipcsim.program.instructions import (
    Assert,
    Choose,
    Crash,
    Exit,
    Instruction,
    KernelCall,
    Load,
    Phase,
    Store,
)
from ipcsim.trace import Event, EventKind

BUDGET = 50_000  # states looked at before the question is left open
LOCAL = (Phase, Choose, Assert)  # what nobody else can notice


class Answer(StrEnum):
    """Whether some order of the effects is a path of the model."""

    INCLUDED = "included"
    DEPARTED = "departed"
    UNDECIDED = "undecided"  # the budget is spent


class Inclusion(NamedTuple):
    """The answer, how many states it took, and what nobody could explain where it is DEPARTED."""

    answer: Answer
    states: int
    departure: Departure | None = None


def include(
    program: Program,
    events: Sequence[Event],
    discipline: Discipline = Discipline.WEAK,
    *,
    until: int | None = None,
    budget: int = BUDGET,
) -> Inclusion:
    """Whether the records of a free run are a path of the model under `discipline`.

    `until`: when the run was stopped, or where else the comparison is to end, in ns as in the records.
    `budget`: so many states may be looked at. Raises `Unsupported` for the few programs that have no model.
    """
    lanes = _lanes(program, events, until)
    widths: dict[str, int] = {}
    while True:
        try:
            return _Search(Machine(program, discipline, widths=widths), lanes, budget).answer()
        except Overflow as overflow:
            widths[overflow.name] = overflow.width * 2


# --- the records of one process ---


@dataclass(frozen=True)
class _Lane:
    """The records of one process, and for each of them from when until when its effect may have happened.

    `open`: more may have happened than was recorded.
    """

    events: tuple[Event, ...]
    numbers: tuple[int, ...]  # of the events in the trace
    least: tuple[float, ...]
    most: tuple[float, ...]
    open: bool


def _lanes(program: Program, events: Sequence[Event], until: int | None) -> list[_Lane]:
    lanes: list[list[tuple[int, Event]]] = [[] for _ in program.processes]
    for number, event in enumerate(events):
        if event.kind is not EventKind.STALL and (until is None or event.time <= until):
            lanes[event.process].append((number, event))
    return [_lane(program, lane) for lane in lanes]


def _lane(program: Program, numbered: list[tuple[int, Event]]) -> _Lane:
    events = tuple(e for _, e in numbered)
    died = events[-1].time if events and events[-1].kind is EventKind.DIED else math.inf
    least: list[float] = []
    most: list[float] = []
    for place, event in enumerate(events):
        before = events[place - 1].time if place else -math.inf
        ends = event.kind is not EventKind.DIED and _ends(program, event)
        least.append(event.time if event.kind is EventKind.BEGIN or _leaves(program, event) else before)
        fails = place + 1 < len(events) and _failed(events[place + 1])
        most.append(died if ends or fails else event.time)
    for place in reversed(range(len(events))):
        if events[place].kind is EventKind.BEGIN:  # over when the next record says so
            most[place] = most[place + 1] if place + 1 < len(events) else math.inf
    return _Lane(events, tuple(n for n, _ in numbered), tuple(least), tuple(most), died == math.inf)


def _failed(event: Event) -> bool:
    """Whether it is an evaluation that failed: for the model a part of the step before."""
    return event.kind is EventKind.STEP and event.errno != 0


def _leaves(program: Program, event: Event) -> bool:
    """Whether it is recorded before it is done: a step by which the process ends itself."""
    if event.kind is not EventKind.STEP:
        return False
    return isinstance(program.instruction(event.process, event.pc), Exit | Crash)


def _ends(program: Program, event: Event) -> bool:
    """Whether the process is at its end with this record."""
    if _failed(event) or _leaves(program, event):
        return True
    instruction = program.instruction(event.process, event.pc)
    if event.kind is EventKind.STEP:
        return isinstance(instruction, Assert) and event.a == 0
    if event.kind is EventKind.END and event.errno:
        return isinstance(instruction, KernelCall) and recorded.unhandled(instruction, event.errno)
    return False


# --- the search ---


class _Node(NamedTuple):
    """A state of the model after some of the records. `places[p]`: how many of those of process p; ~n where
    it has done more than the n that were recorded, and can only die."""

    state: int
    places: tuple[int, ...]
    names: Names


class _Taken(NamedTuple):
    """What an action makes of a node. `least`: no earlier can its effect be; `guess`: when it probably was."""

    after: _Node
    least: float
    guess: float


class _Search:
    """See the module."""

    def __init__(self, machine: Machine, lanes: list[_Lane], budget: int) -> None:
        self._machine, self._lanes, self._budget = machine, lanes, budget
        self._everybody = range(len(lanes))
        self._states = 0

    def answer(self) -> Inclusion:
        todo = [_Node(self._machine.init, (0,) * len(self._lanes), recorded.NO_NAMES)]
        seen: set[_Node] = set()
        furthest, most = todo[0], -1
        while todo:
            node = self._alone(todo.pop())
            if node in seen:
                continue
            seen.add(node)
            if self._states == self._budget:
                return Inclusion(Answer.UNDECIDED, self._states)
            self._states += 1
            done = sum(_place(p) for p in node.places)
            if done > most:
                furthest, most = node, done
            if all(self._explained(node, p) for p in self._everybody):
                return Inclusion(Answer.INCLUDED, self._states)
            # the best guess last, so that it is looked at first
            todo += [t.after for t in sorted(self._next(node), key=lambda t: -t.guess)]
        return Inclusion(Answer.DEPARTED, self._states, self._departure(furthest))

    def _latest(self, node: _Node) -> float:
        """When the next effect must have happened: nobody's next record may be left behind."""
        pairs = zip(node.places, self._lanes, strict=True)
        return min(
            (lane.most[_place(p)] for p, lane in pairs if _place(p) < len(lane.events)), default=math.inf
        )

    def _explained(self, node: _Node, process: int) -> bool:
        """Whether nothing that a process has recorded is left, but a call that may have done nothing yet."""
        lane, place = self._lanes[process], _place(node.places[process])
        left = lane.events[place:]
        if len(left) == 1 and left[0].kind is EventKind.BEGIN:
            return self._machine.local(node.state, process).pc == left[0].pc
        return not left

    def _next(self, node: _Node) -> Iterator[_Taken]:
        latest = self._latest(node)
        for process in self._everybody:
            for action in self._machine.actions_of(node.state, process):
                taken = self._take(node, action)
                if taken is not None and taken.least <= latest:
                    yield taken

    def _alone(self, node: _Node) -> _Node:
        """After all steps that are nobody else's business."""
        again = True
        while again:
            again = False
            for process in self._everybody:
                while self._is_local(node, process) and (taken := self._locally(node, process)) is not None:
                    node, again = taken, True
        return node

    def _is_local(self, node: _Node, process: int) -> bool:
        place, lane = node.places[process], self._lanes[process]
        if not 0 <= place < len(lane.events) or lane.events[place].kind is not EventKind.STEP:
            return False
        return isinstance(self._code(lane.events[place]), LOCAL)

    def _locally(self, node: _Node, process: int) -> _Node | None:
        for action in self._machine.actions_of(node.state, process):
            if action.writes == {process} and (taken := self._take(node, action)) is not None:
                return taken.after
        return None

    def _code(self, event: Event) -> Instruction:
        return self._machine.people[event.process].code[event.pc]

    # --- one action ---

    def _take(self, node: _Node, action: Action) -> _Taken | None:
        """The node after an action, where what it would record is what was recorded."""
        places, names = list(node.places), node.names
        least, guess = -math.inf, -math.inf
        wanted: dict[int, list[tuple[Act, Expected]]] = {}
        for step in action.steps:
            records = recorded.expected(self._machine, step)
            wanted.setdefault(step.process, []).extend((step.act, e) for e in records)
        for process, records_ in wanted.items():
            first = _place(places[process])
            found = self._consume(process, places[process], records_, names)
            if found is None:
                return None
            places[process], names = found
            lane, last = self._lanes[process], _place(places[process])
            if last > first:
                least = max(least, lane.least[first])
                if process == action.process:
                    asleep = lane.events[last - 1].kind is EventKind.BEGIN
                    guess = lane.least[first] if asleep else lane.most[last - 1]
        after = _Node(self._machine.next(node.state, action), tuple(places), names)
        return _Taken(after, least, guess)

    def _consume(
        self, process: int, place: int, wanted: Sequence[tuple[Act, Expected]], names: Names
    ) -> tuple[int, Names] | None:
        """The place after these records of a process; None where it has recorded something else."""
        lane = self._lanes[process]
        for act, expected in wanted:
            at = _place(place)
            if self._is_passed_over(lane, at, act, expected):
                at += 1
            event = lane.events[at] if at < len(lane.events) else None
            if event is not None and (place >= 0 or event.kind is EventKind.DIED):
                learned = recorded.matches(self._machine, expected, event, names)
                if learned is not None:
                    place, names = at + 1, learned
                    continue
            if expected.optional:
                continue
            if place < 0 or not self._may_be_lost(process, expected, event):
                return None
            place = ~at
        return place, names

    @staticmethod
    def _is_passed_over(lane: _Lane, at: int, act: Act, expected: Expected) -> bool:
        """Whether the record at this place is the begin of a call that the model has no step for: a timeout
        strikes where falling asleep is no step, or the process is killed before its call does anything."""
        event = lane.events[at] if at < len(lane.events) else None
        if event is None or event.kind is not EventKind.BEGIN:
            return False
        return (act is Act.STRIKE and event.pc == expected.pc) or expected.kind is EventKind.DIED

    def _may_be_lost(self, process: int, expected: Expected, event: Event | None) -> bool:
        """Whether the process may have done this and was then killed before it could write the record."""
        if event is None:
            if not self._lanes[process].open:
                return False
        elif event.kind is not EventKind.DIED:
            return False
        if expected.kind is EventKind.END:
            return True
        code = self._machine.people[process].code[expected.pc]
        return expected.kind is EventKind.STEP and isinstance(code, Load | Store)

    # --- words ---

    def _departure(self, node: _Node) -> Departure:
        """The record that had to be explained next, where the search got furthest."""
        process = min(
            (p for p in self._everybody if _place(node.places[p]) < len(self._lanes[p].events)),
            key=lambda p: self._lanes[p].most[_place(node.places[p])],
        )
        lane, place = self._lanes[process], _place(node.places[process])
        if lane.events[place].kind is EventKind.BEGIN and place + 1 < len(lane.events):
            place += 1
        event = lane.events[place]
        who = self._machine.people[process].name
        words = (
            f"{who}: {recorded.what(self._machine, event)}; in no order that the times leave open is this "
        )
        return Departure(
            lane.numbers[place],
            event,
            words + f"a path: where it goes furthest, {self._instead(node, process)}",
        )

    def _instead(self, node: _Node, process: int) -> str:
        """What the process does next in the model, in words."""
        found = [
            recorded.shown(self._machine, process, expected)
            for action in self._machine.actions_of(node.state, process)
            for step in action.steps
            if step.process == process
            for expected in recorded.expected(self._machine, step)[-1:]
        ]
        if found:
            return "it " + ", or ".join(dict.fromkeys(found))
        local = self._machine.local(node.state, process)
        return f"it can do nothing ({local.mode.name.lower()})"


def _place(place: int) -> int:
    """How many records of a process are explained."""
    return ~place if place < 0 else place
