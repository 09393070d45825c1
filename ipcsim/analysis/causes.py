"""Sorts deadlocked processes by the cause of their waiting.

Every process that the reduction leaves unmarked needs something that only other unmarked processes, or
nobody, can give. Following "needs → who gives" must therefore end: in a circle, in a process that waits
for itself, or in a thing that nobody gives. Those are the causes; everybody else waits behind one.

Where somebody holds the thing, only the holders count as givers: a circle through holders explains more
than one through processes that might have done a V some day.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from ipcsim.analysis.cycles import Follow, components, short_cycle
from ipcsim.analysis.graph import DeadlockReport
from ipcsim.analysis.needs import Need

Node = int | Need  # a process, or what it needs


class Sort(Enum):
    CYCLE = auto()
    SELF = auto()
    ORPHAN = auto()


@dataclass(frozen=True, slots=True)
class Cause:
    """CYCLE: process i waits for `needs[i]`, which the next one (in the end the first) would give.
    SELF: one process, one need. ORPHAN: everyone who waits for the one need."""

    sort: Sort
    processes: tuple[int, ...]
    needs: tuple[Need, ...]


@dataclass(frozen=True)
class Causes:
    """`behind[process]` is what a process that is in no cause waits for."""

    found: tuple[Cause, ...]
    behind: dict[int, Need]
    givers: dict[Need, tuple[int, ...]]


def find_causes(report: DeadlockReport) -> Causes:
    """Every deadlocked process is in exactly one cause, or behind one."""
    return _Sorter(report).sort()


class _Sorter:
    def __init__(self, report: DeadlockReport) -> None:
        self._report = report
        self._dead = frozenset(report.deadlocked)
        self._stuck = report.stuck
        distinct = dict.fromkeys(n for needs in report.stuck.values() for n in needs)
        self._hard: set[Need] = set()
        self._givers = {need: self._givers_of(need) for need in distinct}
        self._waiters: dict[Need, list[int]] = {}
        for process in report.deadlocked:
            for need in report.stuck[process]:
                self._waiters.setdefault(need, []).append(process)

    def _givers_of(self, need: Need) -> tuple[int, ...]:
        wakers = self._report.graph.wakers(need)
        able = frozenset(wakers)
        holders = self._report.graph.holders(need)
        holding = tuple(p for p in holders if p in able and p in self._dead)
        if holding:
            self._hard.add(need)
            return holding
        if holders:
            return ()  # whoever holds it can no longer give it back
        return tuple(p for p in wakers if p in self._dead)

    def sort(self) -> Causes:
        causes: list[Cause] = []
        taken: set[int] = set()
        for need, givers in self._givers.items():
            if not givers:
                causes.append(self._orphan(need, taken))
        for component in self._components(self._report.deadlocked, self._follow_all):
            causes += self._of_component(component, taken)
        causes = [c for c in causes if c.processes]
        causes.sort(key=lambda c: (c.sort.value, c.processes[0]))
        behind = {p: self._stuck[p][0] for p in self._report.deadlocked if p not in taken}
        return Causes(tuple(causes), behind, self._givers)

    def _orphan(self, need: Need, taken: set[int]) -> Cause:
        waiters = tuple(p for p in self._waiters[need] if p not in taken)
        taken.update(waiters)
        return Cause(Sort.ORPHAN, waiters, (need,))

    def _follow_all(self, node: Node) -> tuple[Node, ...]:
        return self._stuck[node] if isinstance(node, int) else self._givers[node]

    @staticmethod
    def _components(processes: tuple[int, ...], follow: Follow[Node]) -> list[tuple[list[int], list[Need]]]:
        found: list[tuple[list[int], list[Need]]] = []
        roots: list[Node] = list(processes)
        for nodes in components(roots, follow):
            members = sorted(n for n in nodes if isinstance(n, int))
            needs = [n for n in nodes if isinstance(n, Need)]
            if members and needs:
                found.append((members, needs))
        return found

    def _of_component(self, component: tuple[list[int], list[Need]], taken: set[int]) -> list[Cause]:
        members, needs = component
        inside = frozenset(members)
        # a need that somebody outside could satisfy makes a circle through it only one of two reasons
        closed = {n for n in needs if n in self._hard or inside.issuperset(self._givers[n])}
        if len(closed) == len(needs):
            return self._cause(members, needs, taken)

        def follow(node: Node) -> tuple[Node, ...]:
            if isinstance(node, int):
                return tuple(n for n in self._stuck[node] if n in closed) if node in inside else ()
            return self._givers[node]

        causes: list[Cause] = []
        for some, among in self._components(tuple(members), follow):
            causes += self._cause(some, among, taken)
        return causes

    def _cause(self, members: list[int], needs: list[Need], taken: set[int]) -> list[Cause]:
        members = [p for p in members if p not in taken]
        if not members:
            return []
        if len(needs) == 1 and needs[0] not in self._hard and len(members) > 1:
            return [self._orphan(needs[0], taken)]
        among = frozenset(needs)
        waits = {p: [n for n in self._stuck[p] if n in among] for p in members}
        cycle = short_cycle(members, waits, self._givers)
        if cycle:
            first = cycle.index(min(cycle, key=lambda hop: hop[0]))
            cycle = cycle[first:] + cycle[:first]
            taken.update(p for p, _ in cycle)
            return [Cause(Sort.CYCLE, tuple(p for p, _ in cycle), tuple(n for _, n in cycle))]
        return self._self_waits(members, waits, taken)

    def _self_waits(self, members: list[int], waits: dict[int, list[Need]], taken: set[int]) -> list[Cause]:
        causes = []
        for process in members:
            own = [n for n in waits[process] if self._givers[n] == (process,)]
            if own:
                taken.add(process)
                causes.append(Cause(Sort.SELF, (process,), (own[0],)))
        return causes
