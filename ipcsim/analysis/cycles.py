"""Strongly connected components and one short cycle of each; never all simple cycles, which are
exponentially many.

Written here rather than taken from networkx because loading that takes longer than a deadlock of five
processes may take to be announced. All is iterative: a circle of ten thousand processes is ten thousand
deep.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import TypeVar

N = TypeVar("N", bound=Hashable)
Follow = Callable[[N], Sequence[N]]


def components(nodes: Iterable[N], follow: Follow[N]) -> list[list[N]]:
    """The strongly connected components (Tarjan 1972), those that are waited for first."""
    index: dict[N, int] = {}
    low: dict[N, int] = {}
    stack: list[N] = []
    on_stack: set[N] = set()
    found: list[list[N]] = []
    for root in nodes:
        if root in index:
            continue
        work: list[tuple[N, Sequence[N], int]] = [(root, follow(root), 0)]
        index[root] = low[root] = len(index)
        stack.append(root)
        on_stack.add(root)
        while work:
            node, targets, place = work.pop()
            while place < len(targets):
                target = targets[place]
                place += 1
                if target not in index:
                    work.append((node, targets, place))
                    index[target] = low[target] = len(index)
                    stack.append(target)
                    on_stack.add(target)
                    node, targets, place = target, follow(target), 0
                elif target in on_stack:
                    low[node] = min(low[node], index[target])
            if work:
                parent = work[-1][0]
                low[parent] = min(low[parent], low[node])
            if low[node] == index[node]:
                found.append(_unwind(stack, on_stack, node))
    return found


def _unwind(stack: list[N], on_stack: set[N], root: N) -> list[N]:
    component: list[N] = []
    while True:
        node = stack.pop()
        on_stack.discard(node)
        component.append(node)
        if node == root:
            return component


Hop = tuple[int, N]  # a process and what it waits for next on the cycle


def short_cycle(
    processes: Sequence[int],
    waits: Mapping[int, Sequence[N]],
    givers: Mapping[N, Sequence[int]],
) -> list[Hop[N]]:
    """The shortest cycle process → thing → process … through at least two of `processes`.

    Searched breadth-first from one process after the other, exactly while the work stays within a
    bound that grows linearly, so in a large component it may be merely a short one. Empty where there
    is none.
    """
    inside = frozenset(processes)
    size = len(processes) + sum(len(givers[t]) for t in {t for p in processes for t in waits[p]})
    budget = 2 * size + 20_000
    sets = {t: frozenset(givers[t]) for t in {t for p in processes for t in waits[p]}}
    best: list[Hop[N]] = []
    for start in processes:
        cycle, work = _cycle_through(start, inside, waits, sets, len(best) - 1 if best else len(inside))
        if cycle:
            best = cycle
        budget -= work
        if len(best) == 2 or budget <= 0:
            break
    return best


def _cycle_through(
    start: int,
    inside: frozenset[int],
    waits: Mapping[int, Sequence[N]],
    givers: Mapping[N, frozenset[int]],
    longest: int,
) -> tuple[list[Hop[N]], int]:
    """The shortest cycle through `start` of at most `longest` processes, and the work it took."""
    came: dict[int, tuple[int, N] | None] = {start: None}
    asked: set[N] = set()
    layer, depth, work = [start], 1, 0
    while layer and depth <= longest:
        following: list[int] = []
        for process in layer:
            for thing in waits[process]:
                if process != start and start in givers[thing]:
                    return _back(came, process, thing), work
                if thing in asked:
                    continue
                asked.add(thing)
                work += 1 + len(givers[thing])
                for giver in sorted(givers[thing] & inside):
                    if giver not in came:
                        came[giver] = (process, thing)
                        following.append(giver)
        layer, depth = following, depth + 1
    return [], work


def _back(came: Mapping[int, tuple[int, N] | None], last: int, thing: N) -> list[Hop[N]]:
    hops: list[Hop[N]] = [(last, thing)]
    step = came[last]
    while step is not None:
        hops.append(step)
        step = came[step[0]]
    hops.reverse()
    return hops
