"""Every interleaving by brute force: what `verify` says has to follow from this.

Written to be plainly right and nothing else: all states in one dictionary, every question answered by
looking at all of them. It uses the model's `actions` and nothing of the explorer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import networkx

from ipcsim.errors import EvaluationError
from ipcsim.model.effects import Action, Failure
from ipcsim.model.layout import Overflow
from ipcsim.model.locals import LIVING, Mode
from ipcsim.model.machine import Machine
from ipcsim.program import Discipline, Fairness, Program, PropertyKind
from ipcsim.program.expressions import Observable, compile_expression
from ipcsim.program.instructions import Choose, Load, Phase, Store
from ipcsim.verdict import PRECEDENCE, Verdict
from tests.explorer import happens_before

ENDED = (Mode.ENDED, Mode.FAILED, Mode.DEAD)


class TooMany(Exception):
    """More states than brute force is for."""


@dataclass
class Reference:
    """All states of a program, and what is wrong with it."""

    machine: Machine
    edges: dict[int, list[tuple[Action, int]]] = field(default_factory=dict)
    verdicts: set[Verdict] = field(default_factory=set)
    stuck: dict[int, set[int]] = field(default_factory=dict)  # by process, where it never steps again
    broken: dict[int, set[Verdict]] = field(default_factory=dict)  # by state

    def due(self, state: int) -> list[tuple[Action, int]]:
        """The edges that must be taken at last: nobody is obliged to be killed from outside."""
        return [(a, t) for a, t in self.edges[state] if a.obliged]

    @property
    def verdict(self) -> Verdict:
        return _gravest(self.verdicts)

    @property
    def possible(self) -> set[Verdict]:
        """What the verdict may be. A wait for ever may be the consequence of a failure, which then gives the
        verdict; whose unit it was is more than brute force knows, so where somebody failed it may be both."""
        stuck = {s for where in self.stuck.values() for s in where}
        by_itself = stuck - self._failing()
        if by_itself or self.verdict is not Verdict.DEADLOCK:
            return {self.verdict}
        return {Verdict.DEADLOCK, _gravest(self.verdicts - {Verdict.DEADLOCK})} - {Verdict.OK}

    def _failing(self) -> set[int]:
        """The states from which somebody may yet fail, or has."""
        before: dict[int, list[int]] = {}
        for state, edges in self.edges.items():
            for _, target in edges:
                before.setdefault(target, []).append(state)
        gone = (Mode.FAILED, Mode.DEAD)
        numbers = [p.number for p in self.machine.processes]
        found = {s for s in self.edges if any(self.machine.local(s, p).mode in gone for p in numbers)}
        todo = list(found)
        while todo:
            fresh = [s for s in before.get(todo.pop(), ()) if s not in found]
            found.update(fresh)
            todo += fresh
        return found


def _gravest(verdicts: set[Verdict]) -> Verdict:
    return next((v for v in PRECEDENCE if v in verdicts), Verdict.OK)


def explore(
    program: Program,
    discipline: Discipline = Discipline.WEAK,
    fairness: Fairness = Fairness.STRONG,
    crashes: int = 0,
    most: int = 1500,
) -> Reference:
    """Look at every state of `program`; `TooMany` where there are more than `most`."""
    widths: dict[str, int] = {}
    while True:
        try:
            found = Reference(Machine(program, discipline, crashes, widths=widths))
            _walk(found, most)
            break
        except Overflow as overflow:
            widths[overflow.name] = overflow.width * 2
    for state, edges in found.edges.items():
        _judge(found, state, edges)
    _unordered(found, most)
    _never_again(found)
    _polls(found)
    worse = PRECEDENCE.index(found.verdict) < PRECEDENCE.index(Verdict.LIVELOCK) if found.verdicts else False
    if not worse:
        _unfair(found, fairness)
    return found


def _walk(found: Reference, most: int) -> None:
    todo = [found.machine.init]
    while todo:
        state = todo.pop()
        if state in found.edges:
            continue
        if len(found.edges) >= most:
            raise TooMany
        found.edges[state] = [(a, found.machine.next(state, a)) for a in found.machine.actions(state)]
        todo += [target for _, target in found.edges[state]]


# --- what is wrong in a state ---


class _Here(Observable):
    """One state, as a property sees it."""

    def __init__(self, machine: Machine, state: int) -> None:
        self._machine, self._state = machine, state

    def _get(self, slot: int) -> Any:
        return self._machine.layout.get(self._state, slot)

    def at(self, family: int, index: int | None, phase: str) -> bool:
        members = [p.number for p in self._machine.processes if p.family == family]
        if index is not None and not 0 <= index < len(members):
            raise EvaluationError("no such process")
        local = self._get(members[index or 0])
        return local.phase == phase if phase else local.mode in ENDED

    def semaphore(self, set_: int, number: int) -> int:
        return int(self._get(self._machine.sem[set_][number]))

    def queue_length(self, queue: int) -> int:
        return len(self._get(self._machine.queue[queue]))

    def segment(self, segment: int, field_: int) -> Any:
        slots = self._machine.element[segment][0][field_]
        declared = self._machine.program.segments[segment].struct.fields[field_]
        values = tuple(self._get(s) for s in slots)
        return values[0] if declared.count is None or declared.is_text else values


def _judge(found: Reference, state: int, edges: list[tuple[Action, int]]) -> None:
    machine = found.machine
    wrong: set[Verdict] = set()
    for action, _ in edges:
        for step in action.steps:
            if step.failure is not None:
                wrong.add(Verdict.VIOLATION if step.failure is Failure.ASSERTION else Verdict.ERROR)
    locals_ = [machine.local(state, p.number) for p in machine.processes]
    over = not found.due(state) and all(one.mode in (Mode.ENDED, Mode.UNBORN) for one in locals_)
    for prop in machine.program.properties:
        if prop.condition is None or (prop.kind is PropertyKind.AT_END and not over):
            continue
        try:
            holds = bool(compile_expression(prop.condition, _Here(machine, state))([0] * max(1, prop.slots)))
        except EvaluationError:
            wrong.add(Verdict.ERROR)
            continue
        if holds is (prop.kind is PropertyKind.NEVER):
            wrong.add(Verdict.VIOLATION)
    if _race(machine, state):
        wrong.add(Verdict.RACE)
    if wrong:
        found.broken[state] = wrong
        found.verdicts |= wrong


def _race(machine: Machine, state: int) -> bool:
    """Whether two processes are about to access one element that is not atomic, one of them with a store."""
    seen: dict[tuple[int, int, int], list[bool]] = {}
    for proc in machine.processes:
        local = machine.local(state, proc.number)
        if local.mode is not Mode.READY:
            continue
        instruction = proc.code[local.pc]
        if not isinstance(instruction, Load | Store):
            continue
        declared = machine.program.segments[instruction.segment].struct.fields[instruction.field]
        if declared.atomic:
            continue
        index = 0
        if instruction.index is not None:
            index = proc.evaluate(instruction.index, proc.env(local))
        where = (instruction.segment, instruction.field, index)
        seen.setdefault(where, []).append(isinstance(instruction, Store))
    return any(len(stores) > 1 and any(stores) for stores in seen.values())


def _unordered(found: Reference, most: int) -> None:
    """Races that no state shows."""
    try:
        states = happens_before.in_states(found.machine, found.edges, 20 * most)
    except happens_before.TooManyWays:
        raise TooMany from None
    for state in states:
        found.broken.setdefault(state, set()).add(Verdict.RACE)
        found.verdicts.add(Verdict.RACE)


# --- what goes on for ever ---


def _never_again(found: Reference) -> None:
    """For each process the states from which it lives for ever and never steps again: backward from where it
    does, or something is done to it (it is killed, or handed what it waits for)."""
    machine = found.machine
    before: dict[int, set[int]] = {s: set() for s in found.edges}
    for state in found.edges:
        for _, target in found.due(state):
            before[target].add(state)
    for proc in machine.processes:
        p = proc.number
        able = {s for s in found.edges if any(a.process == p or p in a.writes for a, _ in found.due(s))}
        todo = list(able)
        while todo:
            for source in before[todo.pop()]:
                if source not in able:
                    able.add(source)
                    todo.append(source)
        found.stuck[p] = {s for s in found.edges if s not in able and machine.local(s, p).mode in LIVING}
        if found.stuck[p]:
            found.verdicts.add(Verdict.DEADLOCK)


def _graph(found: Reference, states: Iterable[int], keep: Callable[[Action], bool]) -> Any:
    inside = set(states)
    graph = networkx.DiGraph()
    graph.add_nodes_from(inside)
    for s in inside:
        graph.add_edges_from((s, t) for a, t in found.due(s) if t in inside and keep(a))
    return graph


def _progress(program: Program) -> set[str]:
    return {i.name for f in program.families for i in f.code if isinstance(i, Phase) and i.progress}


def _polls(found: Reference) -> None:
    """Final components in which all who live go round, and no object changes any more."""
    machine = found.machine
    if _progress(machine.program):
        return
    for component in networkx.strongly_connected_components(_graph(found, found.edges, lambda a: True)):
        edges = [(a, t) for s in component for a, t in found.due(s)]
        if not edges or any(t not in component for _, t in edges):
            continue
        movers = {a.process for a, _ in edges}
        state = next(iter(component))
        living = {p.number for p in machine.processes if machine.local(state, p.number).mode in LIVING}
        asleep = {*machine.sleepers, *machine.receivers, *machine.senders}
        changes = any(s >= len(machine.processes) and s not in asleep for a, _ in edges for s in a.writes)
        if living <= movers and not changes:
            found.verdicts.add(Verdict.LIVELOCK)


def _unfair(found: Reference, fairness: Fairness) -> None:
    """Fair loops without progress, and fair loops in which somebody never gets to a phase."""
    machine = found.machine
    phases = _progress(machine.program)
    if phases and _fair_loop(
        found, set(found.edges), fairness, lambda a: not any(n in phases for _, n in a.entered)
    ):
        found.verdicts.add(Verdict.LIVELOCK)
    for prop in machine.program.properties:
        if prop.kind is not PropertyKind.ALWAYS_EVENTUALLY:
            continue
        for proc in machine.processes:
            hungry = {
                s
                for s in found.edges
                if (local := machine.local(s, proc.number)).mode in LIVING
                and local.phase != prop.phase
                and _ahead(found, proc.number, local.pc, str(prop.phase))
            }
            if _fair_loop(found, hungry, fairness, lambda a: True):
                found.verdicts.add(Verdict.STARVATION)


def _ahead(found: Reference, process: int, pc: int, phase: str) -> bool:
    """Whether a phase can still be reached by the text."""
    proc = found.machine.processes[process]
    follow = proc.flow.next
    seen, todo = set[int](), [pc]
    while todo:
        here = todo.pop()
        if here in seen or here >= len(proc.code):
            continue
        seen.add(here)
        instruction = proc.code[here]
        if isinstance(instruction, Phase) and instruction.name == phase:
            return True
        todo += follow[here]
    return False


def _fair_loop(found: Reference, among: set[int], fairness: Fairness, keep: Callable[[Action], bool]) -> bool:
    """Whether some fair execution stays in these states for ever, by the actions to keep."""
    for component in networkx.strongly_connected_components(_graph(found, among, keep)):
        inside = [(s, a) for s in component for a, t in found.due(s) if t in component and keep(a)]
        if not inside:
            continue
        if fairness is Fairness.NONE:
            return True
        moving = {a.process for _, a in inside}
        able = {s: {a.process for a, _ in found.due(s)} for s in component}
        if fairness is Fairness.WEAK:
            if all(
                p in moving or any(p not in able[s] for s in component) for p in set().union(*able.values())
            ):
                return True
            continue
        bad = {s for s in component if able[s] - moving} or _one_sided(found, component, inside)
        if not bad or (len(bad) < len(component) and _fair_loop(found, component - bad, fairness, keep)):
            return True
    return False


def _one_sided(found: Reference, component: set[int], inside: list[tuple[int, Action]]) -> set[int]:
    """The states at a `choose` of which an alternative is possible and never taken inside."""
    machine = found.machine

    def place(state: int, action: Action) -> tuple[int, int, int] | None:
        local = machine.local(state, action.process)
        chooses = isinstance(machine.processes[action.process].code[local.pc], Choose)
        return (action.process, local.pc, action.alternative) if chooses else None

    taken = {place(s, a) for s, a in inside}
    return {s for s in component for a, _ in found.due(s) if place(s, a) not in taken and place(s, a)}
