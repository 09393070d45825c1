"""What was explored: states by number, how each was first reached, and (where asked for) every step.

Numbers instead of states, in plain arrays: 24 bytes a state and 8 a step besides the state itself.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator


class Graph:
    """`states[i]` is a state, `parent[i]` the number of the one it was first reached from (-1: the first).

    With `keep`, `steps(i)` are the (process, alternative, number) of every step out of state i. States must
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
        self._late: dict[int, list[tuple[int, int, int]]] = {}
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

    def steps(self, number: int) -> Iterator[tuple[int, int, int]]:
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
        self, among: set[int], follow: Callable[[int], list[int]] | None = None
    ) -> Iterator[list[int]]:
        """Strongly connected components of these states, each before those that lead to it (R. Tarjan, SIAM
        J. Computing 1(2), 1972); `follow` gives where the steps that count lead."""
        after = follow or (lambda n: [t for t in self.targets(n) if t in among])
        low: dict[int, int] = {}
        done: set[int] = set()
        stack: list[int] = []
        for start in sorted(among):
            if start in low:
                continue
            low[start] = len(low)
            work = [(start, low[start], iter(after(start)))]
            stack.append(start)
            while work:
                node, number, rest = work[-1]
                for target in rest:
                    if target not in low:
                        low[target] = len(low)
                        stack.append(target)
                        work.append((target, low[target], iter(after(target))))
                        break
                    if target not in done and low[target] < low[node]:
                        low[node] = low[target]
                else:
                    work.pop()
                    if work and low[node] < low[work[-1][0]]:
                        low[work[-1][0]] = low[node]
                    if low[node] == number:
                        component = [stack.pop()]
                        while component[-1] != node:
                            component.append(stack.pop())
                        done.update(component)
                        yield component
