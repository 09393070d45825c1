"""Depth first: the same states with less memory, and counterexamples that are not the shortest.

Only the states themselves are kept, and the way to the present one. So nothing is known of what leads where
afterwards: processes that never get on while others go round for ever, starvation and livelock need the
search in breadth. Nobody is left out by a stubborn set for ever: a state from which a step leads back to the
way here is expanded with everybody (D. Peled, "Combining partial order reductions with on-the-fly model
checking", 1996).
"""

from __future__ import annotations

from collections.abc import Iterator

from ipcsim.explorer.graph import Graph
from ipcsim.explorer.limits import Looks, stopped_by
from ipcsim.explorer.search import Found, Result, Rows, Search
from ipcsim.explorer.stubborn import Relations
from ipcsim.model.effects import Action

Frame = tuple[int, Rows, Relations, Iterator[tuple[Action, int]]]


class DepthSearch(Search):
    """A search that goes deep; see the module."""

    def run(self) -> Result:
        """As `Search.run`; the graph of the result holds the ways to what was found, nothing else."""
        result, first = self.result, self.result.graph.states[0]
        self._way = Ways(result.graph)
        self._seen = {first}
        self._path: dict[int, None] = {first: None}
        try:
            self._go_down(first)
        except KeyboardInterrupt as end:
            result.stopped, result.interrupted = stopped_by(end, self._limits)
        self._settle_absent()
        result.visited = len(self._seen)
        return result

    def _go_down(self, first: int) -> None:
        row = [self._machine.actions_of(first, p) for p in self._everybody]
        relations: Relations = [] if self._stubborn is None else self._stubborn.relations(first, row)
        self._look(first, first, None)
        stack: list[Frame] = [(first, row, relations, self._steps(first, row, relations))]
        until, looks = self._look_again(0), Looks()
        while stack:
            if looks.due() and self._limit_reached():
                return
            state, row, relations, steps = stack[-1]
            found = next(((a, t) for a, t in steps if t not in self._seen), None)
            if found is None:
                stack.pop()
                self._path.pop(state)
                continue
            action, target = found
            self._seen.add(target)
            self._path[target] = None
            if len(self._seen) >= until:
                until = self._look_again(len(self._seen))
                if self._limit_reached():
                    return
            new = [self._machine.actions_of(target, p) for p in self._everybody]
            near: Relations = [] if self._stubborn is None else self._stubborn.relations(target, new)
            self._look(target, target, action)
            stack.append((target, new, near, self._steps(target, new, near)))

    def _steps(self, state: int, row: Rows, relations: Relations) -> Iterator[tuple[Action, int]]:
        """The steps to take from a state, with where they lead."""
        who = list(self._everybody if self._stubborn is None else self._stubborn.choose(row, relations))
        found = [(a, self._next(state, a)) for p in who for a in row[p]]
        if self._stubborn is not None and any(target in self._path for _, target in found):
            found = [(a, self._next(state, a)) for p in self._everybody for a in row[p]]
        if not any(a.obliged for a, _ in found):
            self._terminal(state, state)
        self.result.graph.transitions += len(found)
        for action, target in found:
            if action.failed:
                self._note(Found("failure", self._failure_key(action), state, action))
            yield action, target

    def _next(self, state: int, action: Action) -> int:
        return state + action.delta if self._sort is None else self._sort(state + action.delta)

    @property
    def _count(self) -> int:
        return len(self._seen)

    @property
    def _waiting(self) -> int:
        return len(self._path)

    @property
    def _depth(self) -> int:
        return len(self._path) - 1

    def _note(self, found: Found) -> None:
        """Keep the way to what was found: it is lost with the next step back."""
        found = self._keyed(found, found.number)
        if (found.sort, found.key) in self.result.found:
            return
        way = list(self._path)
        if found.number not in self._path:
            way.append(found.number)
        number = self._way.add(way)
        super()._note(Found(found.sort, found.key, number, found.action, found.detail))


class Ways:
    """Adds single ways to a graph that holds nothing else."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    def add(self, way: list[int]) -> int:
        """The number of the last state of a way that begins in the first state."""
        number = 0
        for state in way[1:]:
            known = self._graph.index.get(state)
            if known is None:
                known = self._graph.index[state] = len(self._graph.states)
                self._graph.states.append(state)
                self._graph.parent.append(number)
            number = known
        return number
