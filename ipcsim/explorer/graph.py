"""What was explored: states by number, how each was first reached, and (where asked for) every step.

Numbers instead of states, in plain arrays: 24 bytes a state and 8 a step besides the state itself.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator

Step = tuple[int, int, int]  # process, alternative, number of the next state


class Graph:
    """`states[i]` is a state, `parent[i]` the number of the one it was first reached from (-1: the first).

    With `keep`, `steps(i)` are the (process, alternative, number) of every step out of state i that somebody
    is obliged to do: what may happen for ever, or must at last, is asked of them alone. States must
    then be expanded in the order of their numbers, each once; `more` adds steps found later.
    """

    def __init__(self, init: int, keep: bool) -> None:
        self.states = [init]
        self.index = {init: 0}
        self.parent = array("i", [-1])
        self.keep = keep
        self._first = array("q")  # where the steps of state i begin
        self._target = array("I")
        self._label = array("I")  # process << 16 | alternative
        self._late: dict[int, list[Step]] = {}
        self.transitions = 0

    def __len__(self) -> int:
        return len(self.states)

    def begin(self) -> None:
        """The steps of the next state follow."""
        if self.keep:
            self._first.append(len(self._target))

    def step(self, process: int, alternative: int, target: int) -> None:
        self._target.append(target)
        self._label.append(process << 16 | alternative)

    def more(self, number: int, process: int, alternative: int, target: int) -> None:
        """A step out of a state that was expanded before."""
        self._late.setdefault(number, []).append((process, alternative, target))

    @property
    def expanded(self) -> int:
        """How many states have been expanded."""
        return len(self._first)

    def targets(self, number: int) -> list[int]:
        first, last = self._range(number)
        found = self._target[first:last].tolist()
        if number in self._late:
            found += [t for _, _, t in self._late[number]]
        return found

    def steps(self, number: int) -> Iterator[Step]:
        first, last = self._range(number)
        for label, target in zip(self._label[first:last], self._target[first:last], strict=True):
            yield label >> 16, label & 0xFFFF, target
        yield from self._late.get(number, ())

    def _range(self, number: int) -> tuple[int, int]:
        if number >= len(self._first):
            return 0, 0
        first = self._first[number]
        return first, self._first[number + 1] if number + 1 < len(self._first) else len(self._target)

    def way(self, number: int) -> list[int]:
        """The numbers from the first state to this one, by first discovery."""
        found = [number]
        while (number := self.parent[number]) >= 0:
            found.append(number)
        return found[::-1]

    def components(
        self, among: bytearray, taken: Callable[[int, Step], bool] | None = None
    ) -> Iterator[array[int]]:
        """Strongly connected components of the states marked in `among`, each before those that lead to it
        (R. Tarjan, SIAM J. Computing 1(2), 1972); `taken` says which steps count, None: all."""
        low = array("I", bytes(4 * len(self)))  # 0: not met yet; else the lowest number reachable so far
        own = array("I", bytes(4 * len(self)))
        place = array("I", bytes(4 * len(self)))  # the next step to look at
        closed = bytearray(len(self))
        met, path, stack = 0, array("I"), array("I")
        for start in range(len(self)):
            if low[start] or not among[start]:
                continue
            path.append(start)
            while path:
                node = path[-1]
                if not low[node]:
                    met += 1
                    low[node] = own[node] = met
                    stack.append(node)
                deeper = self._next_inside(node, place, among, taken, low, closed)
                if deeper is not None:
                    path.append(deeper)
                    continue
                path.pop()
                if path and low[node] < low[path[-1]]:
                    low[path[-1]] = low[node]
                if low[node] == own[node]:
                    yield self._close(node, stack, closed)

    def _next_inside(
        self,
        node: int,
        place: array[int],
        among: bytearray,
        taken: Callable[[int, Step], bool] | None,
        low: array[int],
        closed: bytearray,
    ) -> int | None:
        """The next state behind `node` that was not met yet; those that were lower its number."""
        first, last = self._range(node)
        late = self._late.get(node, ())
        for i in range(first + place[node], last + len(late)):
            step = self._step_at(i) if i < last else late[i - last]
            target = step[2]
            place[node] += 1
            if not among[target] or closed[target] or (taken is not None and not taken(node, step)):
                continue
            if not low[target]:
                place[node] -= 1  # looked at once more on the way back
                return target
            if low[target] < low[node]:
                low[node] = low[target]
        return None

    def _step_at(self, i: int) -> Step:
        label = self._label[i]
        return label >> 16, label & 0xFFFF, self._target[i]

    @staticmethod
    def _close(node: int, stack: array[int], closed: bytearray) -> array[int]:
        place = len(stack) - 1
        while stack[place] != node:
            place -= 1
        component = stack[place:]
        del stack[place:]
        for n in component:
            closed[n] = 1
        return component


def final_components(graph: Graph) -> list[array[int]]:
    """The components that nothing leads out of."""
    # who can reach a state without steps is in none with steps; the rest is usually small
    hopeful = bytearray(len(graph))
    changed = True
    while changed:
        changed = False
        for n in range(len(graph) - 1, -1, -1):
            if not hopeful[n]:
                targets = graph.targets(n)
                if not targets or any(hopeful[t] for t in targets):
                    hopeful[n] = changed = True
    found = [array("I", [n]) for n in range(len(graph)) if hopeful[n] and not graph.targets(n)]
    rest = bytearray(1 - h for h in hopeful)
    inside = bytearray(len(graph))
    for component in graph.components(rest):
        for n in component:
            inside[n] = 1
        if all(inside[t] for n in component for t in graph.targets(n)):
            found.append(component)
        for n in component:
            inside[n] = 0
    return found
