"""Whether what a free run recorded is a path of the model: trace inclusion.

In a free run nobody gives turns. A record says when a call began, or was over; what it did happened at some
instant in between. So the question is whether there is an order of the effects that the times leave open
and that is a path of the model: the check of linearizability by J. Wing and C. Gong ("Testing and verifying
concurrent objects", 1993), with the memory of what was tried by G. Lowe (2017), and the model in place of the
sequential object. The search goes depth first over (state of the model, place in every process's records).

When an effect may have happened is told in `intervals`. Steps of the model that leave no record (falling
asleep, queueing up anew, the parts of an end) may happen at any time; phases, choices and assertions that
hold are nobody else's business and are taken at once.

What happened after the run was stopped (`Trace.stopped`) is not compared: from then on the run kills.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import NamedTuple

from ipcsim.explorer import recorded
from ipcsim.explorer.follow import Departure
from ipcsim.explorer.intervals import Lane, lanes
from ipcsim.explorer.recorded import Expected, Names
from ipcsim.model.effects import Act, Action
from ipcsim.model.layout import Overflow
from ipcsim.model.machine import Machine
from ipcsim.program import Discipline, Program
from ipcsim.program.instructions import (
    Assert,
    Choose,
    Instruction,
    Load,
    Phase,
    Store,
)
from ipcsim.trace import Event, EventKind

BUDGET = 20_000  # states looked at before the question is left open
SHARE = 4  # a search for the shortest beginning that is no path gets the budget divided by this
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
    question = _Question(program, events, discipline)
    whole = question.answer(until, budget)
    if whole.answer is Answer.INCLUDED:
        return whole
    return question.shortest(until, whole, budget // SHARE)


class _Question:
    """Searches for the records up to one time or another, with one machine."""

    def __init__(self, program: Program, events: Sequence[Event], discipline: Discipline) -> None:
        self._program, self._events, self._discipline = program, events, discipline
        self._widths: dict[str, int] = {}
        self._machine: Machine | None = None

    def answer(self, until: int | None, budget: int) -> Inclusion:
        found = lanes(self._program, self._events, until)
        while True:
            try:
                if self._machine is None:
                    self._machine = Machine(self._program, self._discipline, widths=self._widths)
                return _Search(self._machine, found, budget).answer()
            except Overflow as overflow:
                self._widths[overflow.name] = overflow.width * 2
                self._machine = None

    def shortest(self, until: int | None, found: Inclusion, budget: int) -> Inclusion:
        """The answer for the shortest beginning that is not included, where `found` is the whole's. Its last
        record is what nobody can explain, and it is decided more often than the whole. Found by halving:
        where the whole is a path, so is each beginning."""
        times = sorted(e.time for e in self._events if until is None or e.time <= until)
        included, not_included = 0, len(times)
        while included + 1 < not_included:
            middle = (included + not_included) // 2
            answer = self.answer(times[middle - 1], budget)
            if answer.answer is Answer.INCLUDED:
                included = middle
                continue
            not_included = middle
            if answer.answer is Answer.DEPARTED or found.answer is Answer.UNDECIDED:
                found = answer
        return found


class _Node(NamedTuple):
    """A state of the model after some of the records. `places[p]`: how many of those of process p; ~n where
    it has done more than the n that were recorded, and can only die."""

    state: int
    places: tuple[int, ...]
    names: Names


class _Taken(NamedTuple):
    """What an action makes of a node. `least`: its effect is not earlier; `guess`: when it probably was."""

    after: _Node
    least: float
    guess: float


class _Search:
    """See the module."""

    def __init__(self, machine: Machine, lanes: list[Lane], budget: int) -> None:
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
        return self._machine.processes[event.process].code[event.pc]

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
    def _is_passed_over(lane: Lane, at: int, act: Act, expected: Expected) -> bool:
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
        code = self._machine.processes[process].code[expected.pc]
        return expected.kind is EventKind.STEP and isinstance(code, Load | Store)

    # --- words ---

    def _departure(self, node: _Node) -> Departure:
        """The last record, without which there is a path. `node`: where the search got furthest."""
        process = max(self._everybody, key=lambda p: max((e.time for e in self._lanes[p].events), default=0))
        lane, place = self._lanes[process], _place(node.places[process])
        event = lane.events[-1]
        who, what = self._machine.processes[process].name, recorded.what(self._machine, event)
        words = (
            f"{who}: {what}; together with what was recorded before it, this is no path of the model in any "
            "order that the times leave open"
        )
        if place < len(lane.events) and lane.events[place].pc == event.pc:
            words += f" (where it goes furthest, {self._instead(node, process)})"
        return Departure(lane.numbers[-1], event, words)

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
