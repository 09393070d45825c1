"""Who waits for whom, and who can never run again.

`WaitForGraph` joins each blocked process, through what it needs, to those who may give it. The
reduction (Holt, "Some Deadlock Properties of Computer Systems", 1972) marks whatever can run: whoever
is not blocked, whoever's call could succeed by the values at hand, and then, over and over, every blocked
process each of whose needs somebody marked may satisfy. What is never marked is deadlocked, even while
others go on working.

A stopped process waits for whoever may continue it.

The marking errs towards "can run": it counts neither units nor messages, so a process that is starved
rather than stuck counts as able to run. What is called deadlocked is so under every continuation of the
Program; a kill, or a call from outside the Program, is not considered.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from ipcsim.analysis.may import INTERRUPT, SPAWN, Ability, MayAnalysis
from ipcsim.analysis.needs import Need, NeedSort, missing_message, needs_of, providers
from ipcsim.kernel.static import settable
from ipcsim.program import Program
from ipcsim.snapshot import Holding, ProcessState, Snapshot, Status
from ipcsim.verdict import Finding

_LIVING = (Status.RUNNING, Status.BLOCKED, Status.STOPPED)


@dataclass(frozen=True, slots=True)
class Edge:
    """`waiter` needs something that `waker` may give. Hard: the waker holds units of it."""

    waiter: int
    need: Need
    waker: int
    hard: bool


class WaitForGraph:
    """Waiters → needs → wakers. The wakers of a need are listed once, however many wait for it.

    `needs[process]` are the needs of each blocked process that the values at hand do not satisfy.
    """

    def __init__(self, may: MayAnalysis, snapshot: Snapshot, needs: dict[int, tuple[Need, ...]]) -> None:
        self.needs = needs
        self._may = may
        self._snapshot = snapshot
        self._wakers: dict[Need, tuple[int, ...]] = {}

    def wakers(self, need: Need) -> tuple[int, ...]:
        """Every process that may still satisfy `need`, waiters themselves included, by number."""
        found = self._wakers.get(need)
        if found is None:
            able = self._by_ability  # first: it makes every ability known
            ids = providers(self._may, need._replace(overflow=()))
            numbers = {p for i in ids for p in able.get(i, ())}
            found = self._wakers[need] = tuple(sorted(numbers))
        return found

    def holders(self, need: Need) -> tuple[int, ...]:
        """The processes, ended ones too, that hold units of the semaphore that has to rise."""
        if need.sort is not NeedSort.RISE:
            return ()
        return tuple(self._holders.get((need.object, need.detail), {}))

    def held(self, state: ProcessState) -> tuple[Holding, ...]:
        """What the process holds, as far as it can be told.

        What a process took and did not give back is only *held* where the semaphore is kept like a lock:
        its value and all that is held make up what it began with. A unit that another gave back for it
        (passing the baton) would be held by nobody.
        """
        return tuple(h for h in state.holds if (h.set, h.number) in self._holders and h.units > 0)

    def edges(self) -> Iterator[Edge]:
        """Every (waiter, waker) pair: as many as waiters times wakers, so mind the size."""
        for waiter, needs in self.needs.items():
            for need in needs:
                holders = frozenset(self.holders(need))
                for waker in self.wakers(need):
                    if waker != waiter:
                        yield Edge(waiter, need, waker, waker in holders)

    @cached_property
    def _by_ability(self) -> dict[int, list[int]]:
        found: dict[int, list[int]] = {}
        for state in self._snapshot.processes:
            if state.status in _LIVING:
                for i in self._may.effects(state.process, state.pc).ids:
                    found.setdefault(i, []).append(state.process)
        return found

    @cached_property
    def _holders(self) -> dict[tuple[int, int], dict[int, int]]:
        """By semaphore, the units of each holder."""
        found: dict[tuple[int, int], dict[int, int]] = {}
        for state in self._snapshot.processes:
            for h in state.holds:
                if h.units > 0:
                    found.setdefault((h.set, h.number), {})[state.process] = h.units
        return {place: units for place, units in found.items() if self._adds_up(*place, sum(units.values()))}

    def _adds_up(self, set_: int, number: int, units: int) -> bool:
        values = self._snapshot.semaphores[set_]
        if values is None:
            return False
        return set_ in self._settable or values[number] + units == self._initial[set_][number]

    @cached_property
    def _initial(self) -> list[tuple[int, ...]]:
        return [s.initial for s in self._may.program.sets]

    @cached_property
    def _settable(self) -> frozenset[int]:
        """The sets that some process gives values to, so that it is unknown what they began with."""
        return settable(self._may.program)


@dataclass(frozen=True)
class DeadlockReport:
    """The result of `analyse`: `deadlocked` processes by number, and `stuck`, the needs of each that
    nobody who can run may ever satisfy."""

    program: Program
    snapshot: Snapshot
    may: MayAnalysis
    graph: WaitForGraph
    deadlocked: tuple[int, ...]
    stuck: dict[int, tuple[Need, ...]]

    def state(self, process: int) -> ProcessState:
        return self._states[process]

    @cached_property
    def failed(self) -> tuple[ProcessState, ...]:
        """The processes that an error or a failed assertion ended."""
        return tuple(s for s in self.snapshot.processes if s.failed)

    @cached_property
    def _states(self) -> dict[int, ProcessState]:
        return {s.process: s for s in self.snapshot.processes}

    def findings(self) -> tuple[Finding, ...]:
        """One finding a cause; empty where nothing is deadlocked."""
        if not self.deadlocked:
            return ()
        from ipcsim.analysis.explain import explain

        return explain(self)


def analyse(program: Program, snapshot: Snapshot, may: MayAnalysis) -> DeadlockReport:
    """Reduce the wait-for graph of `snapshot`; linear in processes, abilities and needs."""
    program = may.program  # with one name for each object: so are the waits of the snapshot told
    needs: dict[int, tuple[Need, ...]] = {}
    for state in snapshot.processes:
        if state.status in (Status.BLOCKED, Status.STOPPED):
            found = needs_of(program, snapshot, state)
            if found:
                needs[state.process] = found
    graph = WaitForGraph(may, snapshot, needs)
    if not needs:
        return DeadlockReport(program, snapshot, may, graph, (), {})
    reduction = _Reduction(snapshot, may, needs)
    reduction.run()
    stuck = {
        p: tuple(n for n in found if not reduction.satisfied(n))
        for p, found in needs.items()
        if reduction.waiting[p] > 0  # below 0: a signal has ended the wait before its needs were met
    }
    return DeadlockReport(program, snapshot, may, graph, tuple(sorted(stuck)), stuck)


class _Node:
    """Fires once `remaining` of the things it depends on have; then tells `waiters` and `followers`."""

    __slots__ = ("followers", "remaining", "waiters")

    def __init__(self, remaining: int = 1) -> None:
        self.remaining = remaining
        self.waiters: list[int] = []
        self.followers: list[_Node] = []


class _Reduction:
    """Marks what can run, from the running processes outwards.

    `waiting[p]` counts the needs of a blocked process that nobody marked satisfies so far.
    """

    def __init__(self, snapshot: Snapshot, may: MayAnalysis, needs: dict[int, tuple[Need, ...]]) -> None:
        self._may = may
        self._types = [None if q is None or q.types is None else frozenset(q.types) for q in snapshot.queues]
        self._nodes: dict[Need, _Node] = {}
        self._subscribers: dict[int, list[_Node]] = {}
        self.waiting = {p: len(found) for p, found in needs.items()}
        self._live = [s.process for s in snapshot.processes if s.process not in needs and s.status in _LIVING]
        self._ids = {
            s.process: may.effects(s.process, s.pc).ids for s in snapshot.processes if s.status in _LIVING
        }
        # a signal ends the sleep of who is not stopped; who is takes it later
        self._asleep = {s.process for s in snapshot.processes if s.status is Status.BLOCKED}
        self._unborn = {s.process for s in snapshot.processes if s.status is Status.UNBORN}
        for process in self._unborn:  # makes its abilities known before anybody asks who provides what
            may.effects(process, 0)
        for process, found in needs.items():
            for need in found:
                self._node(need).waiters.append(process)

    def satisfied(self, need: Need) -> bool:
        return self._nodes[need].remaining <= 0

    def run(self) -> None:
        done: set[int] = set()
        while self._live:
            for ability in self._ids[self._live.pop()]:
                if ability not in done:
                    done.add(ability)
                    for node in self._subscribers.get(ability, ()):
                        self._fire(node)
                    self._reach(self._may.abilities[ability])

    def _reach(self, ability: Ability) -> None:
        """What somebody who can run may do to another process itself: interrupt it, or start it."""
        process = ability.object
        if ability.act == INTERRUPT and process in self._asleep and self.waiting.get(process, 0) > 0:
            self.waiting[process] = 0
            self._live.append(process)
        elif ability.act == SPAWN and process in self._unborn:
            self._unborn.discard(process)
            self._ids[process] = self._may.effects(process, 0).ids
            self._live.append(process)

    def _fire(self, node: _Node) -> None:
        pending = [node]
        while pending:
            node = pending.pop()
            node.remaining -= 1
            if node.remaining == 0:
                for process in node.waiters:
                    self.waiting[process] -= 1
                    if self.waiting[process] == 0:
                        self._live.append(process)
                pending += node.followers

    def _node(self, need: Need) -> _Node:
        node = self._nodes.get(need)
        if node is None:
            node = self._nodes[need] = _Node()
            for ability in providers(self._may, need):
                self._subscribe(ability, need, node)
        return node

    def _subscribe(self, ability: int, need: Need, node: _Node) -> None:
        types = self._types[need.object] if need.sort is NeedSort.ROOM else None
        first = missing_message(types, need, self._may.abilities[ability])
        if first is None:
            self._subscribers.setdefault(ability, []).append(node)
            return
        # a receiver makes room only once a message that it takes is there
        gate = _Node(remaining=2)
        gate.followers.append(node)
        self._subscribers.setdefault(ability, []).append(gate)
        self._node(first).followers.append(gate)
