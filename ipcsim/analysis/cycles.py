"""Strongly connected components (by networkx) and one short cycle of each; never all simple cycles, which
are exponentially many.

The cycle is searched here: it goes from process to process, and with networkx each (waiter, waker) pair
would have to be an edge, which is a million for a thousand waiters and a thousand wakers of one semaphore.
networkx takes a fifth of a second to load, so it is loaded when first needed; whoever may not wait then
(the supervisor of a run) calls `preload` while it has the time.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import TypeVar

N = TypeVar("N", bound=Hashable)
Follow = Callable[[N], Sequence[N]]


def preload() -> None:
    """Load networkx now."""
    import networkx  # noqa: F401


def components(nodes: Iterable[N], follow: Follow[N]) -> list[list[N]]:
    """The strongly connected components (Tarjan 1972, Nuutila 1994), those that are waited for first."""
    import networkx

    found = list(dict.fromkeys(nodes))
    numbers = {node: i for i, node in enumerate(found)}  # small numbers hash faster than what they stand for
    edges: list[tuple[int, int]] = []
    for i, node in enumerate(found):  # which grows while what is followed leads further
        for target in follow(node):
            number = numbers.get(target)
            if number is None:
                number = numbers[target] = len(found)
                found.append(target)
            edges.append((i, number))
    graph = networkx.DiGraph()
    graph.add_nodes_from(range(len(found)))
    graph.add_edges_from(edges)
    return [[found[i] for i in component] for component in networkx.strongly_connected_components(graph)]


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
