"""What is wrong with a scenario: every question answered by looking at all of its states.

Nobody is obliged to die: that somebody may be killed anywhere makes no deadlock good, and no loop unfair.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import networkx

from tests.oracle.control import current, evaluator, may_enter, split_target
from tests.oracle.explore import Space, State
from tests.oracle.expressions import Evaluator, NeedsLoad, NoValue
from tests.oracle.scenario import Scenario
from tests.oracle.steps import Edge
from tests.oracle.world import OBJECTS, World, thaw

GRAVE = {"error", "deadlock", "race", "violation"}  # where one of them is found loops are not looked for
PRECEDENCE = ("error", "deadlock", "race", "violation", "livelock", "starvation", "leak")


@dataclass(frozen=True)
class Judgement:
    """What there is to find. `perhaps`: a property that has no value somewhere is an `error`; that it does
    not hold elsewhere need not be told as well. `provoked`: wherever somebody is stuck in the end, somebody
    has failed, so the deadlock may be a mere consequence of that."""

    kinds: frozenset[str]
    states: int
    perhaps: frozenset[str] = frozenset()
    provoked: bool = False

    @property
    def verdict(self) -> str:
        return next((k for k in PRECEDENCE if k in self.kinds), "ok")

    @property
    def verdicts(self) -> frozenset[str]:
        """The verdicts that are right: the gravest, or the cause of it."""
        causes = (k for k in PRECEDENCE if k in self.kinds and k != "deadlock")
        return frozenset({self.verdict, *([next(causes, "deadlock")] if self.provoked else [])})


def judge(space: Space, fairness: str = "strong") -> Judgement:
    """Every kind of finding that the scenario has."""
    kinds: set[str] = set()
    properties: dict[str, _Said] = {}
    for state, edges in space.edges.items():
        kinds |= {k for e in edges for k in e.found}
        kinds |= _in_state(space, state, properties)
    perhaps = set[str]()
    for said in properties.values():
        kinds |= {"error"} if said.error else said.kinds
        perhaps |= said.kinds if said.error else set()
    living = _Graph({s: [e for e in edges if not e.crash] for s, edges in space.edges.items()})
    stuck = _stuck(space, living)
    if stuck:
        kinds.add("deadlock")
    if _polling(space, living):
        kinds.add("livelock")
    if not kinds & GRAVE:
        kinds |= _endless(space, living, fairness)
    provoked = bool(stuck) and all(
        any(p.how == "failed" for p in space.processes(s)) for s in _last(living) if s in stuck
    )
    return Judgement(frozenset(kinds), len(space.edges), frozenset(perhaps - kinds), provoked)


# --- in a state ---


@dataclass
class _Said:
    """What came of one property: kinds of findings, whether it had no value, and the objects that it missed
    and had. What comes and goes is judged while it is there; never there when asked for is an error."""

    kinds: set[str]
    valueless: bool
    missed: set[str]
    had: set[str]

    @property
    def error(self) -> bool:
        return self.valueless or bool(self.missed - self.had)


class _Absent(NoValue):
    """An object is not there."""


class _Property(Evaluator):
    """A state as a property sees it; `had` are the objects whose value it gave."""

    def __init__(self, it: Scenario, world: World) -> None:
        super().__init__(it, {}, lambda element: world.fields[element])
        self._it, self._world = it, world
        self.had: set[str] = set()

    def at(self, process: int, phase: str) -> bool:
        return self._world.processes[process].phase == phase

    def ended(self, process: int) -> bool:
        return self._world.processes[process].over

    def semaphore(self, name: str, index: int) -> int:
        set_, base, count = self._it.members[name]
        if not 0 <= index < count:
            raise NoValue(name)
        self._there(self._world.present[set_], self._it.set_names[set_])
        return self._world.sems[set_][base + index]

    def length(self, queue: str) -> int:
        number = self._it.queue_names.index(queue)
        self._there(self._world.present[len(self._it.sets) + number], queue)
        return len(self._world.queues[number])

    def _there(self, present: bool, name: str) -> None:
        if not present:
            raise _Absent(name)
        self.had.add(name)


def _in_state(space: Space, state: State, properties: dict[str, _Said]) -> set[str]:
    """Races of two that stand side by side, what is left over at the end; and what is wrong with each of the
    `properties`, which is added to them."""
    it, world = space.machine.it, thaw(state)
    found: set[str] = set()
    ended = all(p.over or p.life == "unborn" for p in world.processes)
    good = all(p.how in ("ok", "") for p in world.processes)
    for name, declared in it.doc.get("properties", {}).items():
        for kind in ("never", "always", "at_end"):
            if kind not in declared or (kind == "at_end" and not (ended and good)):
                continue
            said = properties.setdefault(name, _Said(set(), False, set(), set()))
            seen = _Property(it, world)
            try:
                holds = bool(seen.value(declared[kind]))
                if holds is (kind == "never"):
                    said.kinds.add("violation")
            except _Absent as absent:
                said.missed.add(str(absent))
                said.valueless |= kind == "at_end"
            except NoValue:
                said.valueless = True
            said.had |= seen.had
    if ended and any(
        there
        for there, name in zip(world.present, (*it.set_names, *it.queue_names), strict=True)
        if name in it.made
    ):
        found.add("leak")
    if space.machine.it.values and _side_by_side(space, state):
        found.add("race")
    return found


def _side_by_side(space: Space, state: State) -> bool:
    """Whether two are about to access one element that is not atomic, one of them to store."""
    about: dict[int, list[bool]] = {}
    for p in range(space.machine.it.processes):
        access = next_access(space, state, p)
        if access is not None and not space.machine.it.atomic[access[0]]:
            about.setdefault(access[0], []).append(access[1])
    return any(len(stores) > 1 and any(stores) for stores in about.values())


def next_access(space: Space, state: State, p: int) -> tuple[int, bool] | None:
    """(element, whether it stores) where the next step of p is a load or a store."""
    it, process = space.machine.it, space.processes(state)[p]
    if process.life != "ready" or process.stopped or process.resume:
        return None
    step = current(it, process)
    if step is None:
        return None
    own = evaluator(it, p, process)
    try:
        for key in ("if", "while", "repeat", "assert"):
            if key in step:
                own.value(step[key])
        if "set" in step:
            name, written = list(step["set"].items())[process.part]
            own.value(written)
            target, index = split_target(name)
            return own.element(target, 0 if index is None else own.value(index)), True
    except NeedsLoad as needed:
        return needed.element, False
    except NoValue:
        return None
    return None


# --- for ever ---


class _Graph:
    """The steps that nobody's death is, forth and back."""

    def __init__(self, edges: dict[State, list[Edge]]) -> None:
        self.edges = edges
        self.before: dict[State, list[State]] = {s: [] for s in edges}
        for state, steps in edges.items():
            for edge in steps:
                self.before[edge.target].append(state)

    def components(
        self, among: Iterable[State], keep: Callable[[Edge], bool] = lambda _: True
    ) -> Iterable[set[State]]:
        inside = set(among)
        graph = networkx.DiGraph()
        graph.add_nodes_from(inside)
        graph.add_edges_from(
            (s, e.target) for s in inside for e in self.edges[s] if e.target in inside and keep(e)
        )
        found: Iterable[set[State]] = networkx.strongly_connected_components(graph)
        return found


def _last(graph: _Graph) -> Iterable[State]:
    """The states that are never left for good: ends, and parts that nothing leads out of."""
    for component in graph.components(graph.edges):
        if all(e.target in component for s in component for e in graph.edges[s]):
            yield from component


def _stuck(space: Space, graph: _Graph) -> set[State]:
    """Where somebody who lives never gets on again, whatever others do."""
    found: set[State] = set()
    for p in range(space.machine.it.processes):
        able = {
            s
            for s, edges in graph.edges.items()
            if any(e.process == p or space.processes(s)[p] != space.processes(e.target)[p] for e in edges)
        }
        todo = list(able)
        while todo:
            for source in graph.before[todo.pop()]:
                if source not in able:
                    able.add(source)
                    todo.append(source)
        found |= {s for s in graph.edges if s not in able and space.processes(s)[p].living}
    return found


def _polling(space: Space, graph: _Graph) -> bool:
    """Whether there is a part that cannot be left in which all who live go round and only look: no
    object changes, and nobody even stores what is there already."""
    if space.machine.it.progress:
        return False
    for component in graph.components(graph.edges):
        steps = [(s, e) for s in component for e in graph.edges[s]]
        if not steps or any(e.target not in component for _, e in steps):
            continue
        movers = {e.process for _, e in steps}
        state = next(iter(component))
        living = {p for p, process in enumerate(space.processes(state)) if process.living}
        changes = any(e.acted or any(s[i] != e.target[i] for i in OBJECTS) for s, e in steps)
        if living <= movers and not changes:
            return True
    return False


def _endless(space: Space, graph: _Graph, fairness: str) -> set[str]:
    """Fair loops without progress, and fair loops in which somebody is kept out of a phase."""
    it, found = space.machine.it, set()
    if it.progress and _fair_loop(graph, set(graph.edges), fairness, lambda e: not e.entered & it.progress):
        found.add("livelock")
    for declared in it.doc.get("properties", {}).values():
        phase = declared.get("always_eventually")
        if phase is None:
            continue
        for p in range(it.processes):
            hungry = {s for s in graph.edges if _hungry(space, s, p, phase)}
            if _fair_loop(graph, hungry, fairness, lambda _: True):
                found.add("starvation")
    return found


def _hungry(space: Space, state: State, p: int, phase: str) -> bool:
    process = space.processes(state)[p]
    return (
        process.living
        and not process.killed
        and process.phase != phase
        and may_enter(space.machine.it, p, process, phase)
    )


def _fair_loop(graph: _Graph, among: set[State], fairness: str, keep: Callable[[Edge], bool]) -> bool:
    """Whether some fair execution stays in these states for ever, by the steps to keep."""
    for component in graph.components(among, keep):
        inside = [(s, e) for s in component for e in graph.edges[s] if e.target in component and keep(e)]
        if not inside:
            continue
        if fairness == "none":
            return True
        moving = {e.process for _, e in inside}
        able = {s: {e.process for e in graph.edges[s]} for s in component}
        if fairness == "weak":
            everybody = set[int]().union(*able.values())
            if all(p in moving or any(p not in able[s] for s in component) for p in everybody):
                return True
            continue
        bad = {s for s in component if able[s] - moving} or _one_sided(graph, component, inside)
        if not bad or _fair_loop(graph, component - bad, fairness, keep):
            return True
    return False


def _one_sided(graph: _Graph, component: set[State], inside: list[tuple[State, Edge]]) -> set[State]:
    """The states at a `choose` of which some alternative is possible and never taken inside."""
    taken: set[Any] = {(e.process, e.alternative) for _, e in inside}
    return {
        s
        for s in component
        for e in graph.edges[s]
        if e.alternative is not None and (e.process, e.alternative) not in taken
    }
