"""Endless executions: a part of the graph that somebody may go round in for ever, fairly.

A fair execution leaves nobody out who could go on: *weak*: not if it could all the time; *strong*: not if it
could again and again, and then each alternative of a `choose` that comes up again and again is taken again
and again too. (L. Lamport, "Fairness and hyperfairness", 2000; the search for strongly fair components is
that of O. Lichtenstein, A. Pnueli, POPL 1985.) With *none* every endless execution counts.

- starvation: a fair execution in which a process never again enters a phase that it could still get to;
- livelock: one in which nobody enters a phase marked as progress.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from ipcsim.explorer.graph import Graph, Step
from ipcsim.model.machine import Machine
from ipcsim.program import Fairness
from ipcsim.program.instructions import Choose

Label = tuple[int, int | None]  # a process, or a process and an alternative of its `choose`


@dataclass(frozen=True, slots=True)
class Lasso:
    """Numbers of states: the way to the loop, and the loop from its first state back to it."""

    prefix: list[int]
    loop: list[tuple[int, int, int, int]]  # (state, process, alternative, next state)

    @property
    def movers(self) -> list[int]:
        return sorted({p for _, p, _, _ in self.loop})


class OutOfTime(Exception):
    """The time given is over."""


class Fair:
    """Finds fair loops in a graph whose steps were kept."""

    def __init__(
        self, machine: Machine, graph: Graph, fairness: Fairness, until: float | None = None
    ) -> None:
        self._machine, self._graph, self._fairness = machine, graph, fairness
        self._until = until  # as `time.monotonic` has it
        self._choices = any(isinstance(i, Choose) for p in machine.processes for i in p.code)

    def find(
        self, allowed: Callable[[int], bool], taken: Callable[[int, Step], bool] = lambda _n, _s: True
    ) -> Lasso | None:
        """A fair loop through allowed states by allowed steps, as near to the start as there is one."""
        among = {n for n in range(self._graph.expanded) if allowed(n)}
        best: Sequence[int] | None = None
        for component in self._components(among, taken):
            if best is None or min(component) < min(best):
                best = component
        return None if best is None else self._lasso(best, taken)

    def _components(self, among: set[int], taken: Callable[[int, Step], bool]) -> Iterator[Sequence[int]]:
        """Fair components, each with a step inside.

        What is left of unfair ones is looked at together, level by level: no loop leads from one to another.
        """
        todo: bytearray | None = self._marked(among)
        inside = self._marked(())
        while todo is not None:
            rest: set[int] = set()
            for component in self._graph.components(todo, taken):
                if self._until is not None and time.monotonic() > self._until:
                    raise OutOfTime
                for n in component:
                    inside[n] = 1
                moves = any(True for _ in self._steps(component, inside, taken))
                unfair = self._unfair(component, inside, taken) if moves else None
                for n in component:
                    inside[n] = 0
                if unfair:
                    rest |= set(component) - unfair
                elif unfair is not None:
                    yield component
            todo = self._marked(rest) if rest else None

    def _steps(
        self, component: Sequence[int], inside: bytearray, taken: Callable[[int, Step], bool]
    ) -> Iterator[tuple[int, Step]]:
        """The steps that stay inside."""
        return ((n, s) for n in component for s in self._graph.steps(n) if inside[s[2]] and taken(n, s))

    def _marked(self, states: Iterable[int]) -> bytearray:
        marks = bytearray(len(self._graph))
        for n in states:
            marks[n] = 1
        return marks

    def _unfair(
        self, component: Sequence[int], inside: bytearray, taken: Callable[[int, Step], bool]
    ) -> set[int] | None:
        """The states that a fair execution cannot stay in; None: it cannot stay in the component at all."""
        if self._fairness is Fairness.NONE:
            return set()
        moving = {s[0] for _, s in self._steps(component, inside, taken)}
        able: dict[int, set[int]] = {}
        for n in component:
            for process in {s[0] for s in self._graph.steps(n)} - moving:
                able.setdefault(process, set()).add(n)
        if self._fairness is Fairness.WEAK:
            return None if any(len(where) == len(component) for where in able.values()) else set()
        unfair = {n for where in able.values() for n in where}
        return unfair or self._one_sided(component, inside, taken)

    def _one_sided(
        self, component: Sequence[int], inside: bytearray, taken: Callable[[int, Step], bool]
    ) -> set[int]:
        """The states at a `choose` of which some alternative is never taken inside."""
        if not self._choices:
            return set()
        taken_inside = {
            (place, s[1])
            for n, s in self._steps(component, inside, taken)
            if (place := self._choice(n, s[0])) is not None
        }
        return {
            n
            for n in component
            for s in self._graph.steps(n)
            if (place := self._choice(n, s[0])) is not None and (place, s[1]) not in taken_inside
        }

    def _choice(self, number: int, process: int) -> tuple[int, int] | None:
        """(process, pc) where it is at a `choose`."""
        local = self._machine.local(self._graph.states[number], process)
        chooses = isinstance(self._machine.processes[process].code[local.pc], Choose)
        return (process, local.pc) if chooses else None

    # --- a loop to show ---

    def _lasso(self, component: Sequence[int], taken: Callable[[int, Step], bool]) -> Lasso:
        """A loop in which everybody moves who moves at all, and everybody else is seen unable to."""
        graph, inside = self._graph, set(component)
        start = min(component)
        loop: list[tuple[int, int, int, int]] = []
        here = start
        for source, step in self._demands(component, taken):
            if any((n, p, a, t) == (source, *step) for n, p, a, t in loop):
                continue
            loop += self._walk(here, {source}, inside, taken)
            loop.append((source, *step))
            here = step[2]
        if self._fairness is Fairness.WEAK:
            for process in range(len(self._machine.processes)):
                idle = {n for n in component if all(s[0] != process for s in graph.steps(n))}
                if not any(p == process for _, p, _, _ in loop) and not idle & {n for n, *_ in loop}:
                    way = self._walk(here, idle, inside, taken)
                    loop += way
                    here = way[-1][3] if way else here
        loop += self._walk(here, {start}, inside, taken, at_least_one=not loop)
        return Lasso(graph.way(start), loop)

    def _demands(
        self, component: Sequence[int], taken: Callable[[int, Step], bool]
    ) -> Iterator[tuple[int, Step]]:
        """One step of each process, and of each alternative, that the loop has to contain."""
        if self._fairness is Fairness.NONE:
            return
        inside, seen = set(component), set[object]()
        for n in sorted(component):
            for s in self._graph.steps(n):
                if s[2] not in inside or not taken(n, s):
                    continue
                choice = self._choice(n, s[0]) if self._fairness is Fairness.STRONG else None
                for demand in ((s[0],), (*choice, s[1]) if choice is not None else (s[0],)):
                    if demand not in seen:
                        seen.add(demand)
                        yield n, s

    def _walk(
        self,
        start: int,
        goals: Iterable[int],
        inside: set[int],
        taken: Callable[[int, Step], bool],
        at_least_one: bool = False,
    ) -> list[tuple[int, int, int, int]]:
        """A shortest way inside a component."""
        wanted = set(goals)
        if start in wanted and not at_least_one:
            return []
        came: dict[int, tuple[int, int, int, int]] = {}
        queue = deque([start])
        while queue:
            n = queue.popleft()
            for s in self._graph.steps(n):
                target = s[2]
                if target not in inside or target in came or not taken(n, s):
                    continue
                came[target] = (n, *s)
                if target in wanted:
                    return _back(came, start, target)
                queue.append(target)
        raise AssertionError("a component is connected")


def _back(
    came: dict[int, tuple[int, int, int, int]], start: int, end: int
) -> list[tuple[int, int, int, int]]:
    way = [came[end]]
    while way[-1][0] != start:
        way.append(came[way[-1][0]])
    return way[::-1]
