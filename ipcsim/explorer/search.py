"""The search: every state of a machine that has to be seen, breadth first.

Breadth first, so the first way to anything found is a shortest one. A state is expanded with the actions of
all processes, or of a stubborn set of them; interchangeable processes are sorted. In the end nobody may have
been left out for ever: where a final component of the graph (one that nothing leads out of) has a process
that could step and never does, it is expanded there as well (Valmari's condition against ignoring).

`Found` is what was found, each kind of thing with the state where it was first seen.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field, replace

from ipcsim.explorer.accesses import Accesses
from ipcsim.explorer.checks import Absent, Checks
from ipcsim.explorer.forms import Form
from ipcsim.explorer.graph import Graph, final_components
from ipcsim.explorer.limits import (
    ENOUGH,
    LOOK_EVERY,
    NO_LIMITS,
    Limits,
    Looks,
    Progress,
    resident_bytes,
    stopped_by,
)
from ipcsim.explorer.stubborn import Relations, Stubborn
from ipcsim.model.effects import Action
from ipcsim.model.features import Saving
from ipcsim.model.locals import LIVING, Mode
from ipcsim.model.machine import Machine

Rows = list[tuple[Action, ...]]


@dataclass(frozen=True, slots=True)
class Found:
    """Something worth a finding: `sort` is failure, broken, absent, race, deadlock, stuck, end; `key` tells
    those of one sort apart. It is seen in state `number`, or in the step `action` from it."""

    sort: str
    key: Hashable
    number: int
    action: Action | None = None
    detail: object = None


@dataclass(slots=True)
class Result:
    """What a search amounts to; `stopped` says why it ended before its time, empty where it did not."""

    graph: Graph
    found: dict[tuple[str, Hashable], Found] = field(default_factory=dict)
    stopped: str = ""
    deadlocks: int = 0
    ends: int = 0
    interrupted: bool = False
    visited: int | None = None  # states, where the graph does not hold them all

    @property
    def states(self) -> int:
        return len(self.graph) if self.visited is None else self.visited


class Search:
    """One search; `run` does all of it."""

    def __init__(
        self,
        machine: Machine,
        accesses: list[Accesses],
        checks: Checks,
        *,
        stubborn: Stubborn | None = None,
        form: Form | None = None,
        keep: bool = False,
        limits: Limits = NO_LIMITS,
        progress: Callable[[Progress], None] | None = None,
    ) -> None:
        self._machine, self._checks, self._limits, self._tell = machine, checks, limits, progress
        self._stubborn = stubborn
        self._sort = None if form is None else form.of
        self._everybody = range(len(machine.processes))
        self._interested = self._who_reads(accesses)
        self._affected: dict[frozenset[int], tuple[int, ...]] = {}
        self._racers = self._who_races(accesses)
        self.result = Result(Graph(machine.init if self._sort is None else self._sort(machine.init), keep))
        self._queue: deque[tuple[int, Rows, Relations]] = deque()
        self._started = time.monotonic()
        self._until = self._started + (limits.seconds or 0.0) if limits.until is None else limits.until
        self._first_found: int | None = None

    # --- what a step can change ---

    def _who_reads(self, accesses: list[Accesses]) -> dict[int, list[int]] | None:
        """By slot, the processes whose next step may depend on it; None: anybody's on anything."""
        if self._checks.plain or Saving.NEAR in self._machine.off:
            return None
        readers: dict[int, list[int]] = {p: [p] for p in self._everybody}
        for p, text in enumerate(accesses):
            for slot in sorted({s for now in text.now for _, s in now}):
                readers.setdefault(slot, []).append(p)
        return readers

    def _who_races(self, accesses: list[Accesses]) -> dict[int, list[int]]:
        """By slot of a segment, the processes that access it, where any of them may race."""
        found: dict[int, list[int]] = {}
        for slot in self._checks.racing:
            found[slot] = [
                p for p, text in enumerate(accesses) if any(s == slot for now in text.now for _, s in now)
            ]
        return found

    def _who_changes(self, writes: frozenset[int]) -> tuple[int, ...]:
        """The processes whose next step may be another one after these slots have changed."""
        found = self._affected.get(writes)
        if found is None:
            if self._interested is None:
                found = tuple(self._everybody)
            else:
                found = tuple(sorted({p for s in writes for p in self._interested.get(s, ())}))
            self._affected[writes] = found
        return found

    # --- the search ---

    def run(self) -> Result:
        """Explore until there is nothing new, a limit is reached, or the user has had enough."""
        result, graph = self.result, self.result.graph
        row = [self._machine.actions_of(graph.states[0], p) for p in self._everybody]
        self._queue.append(
            (0, row, [] if self._stubborn is None else self._stubborn.relations(graph.states[0], row))
        )
        self._look(0, graph.states[0], None)
        try:
            self._drain()
            while not result.stopped and self._stubborn is not None and graph.keep and self._left_out():
                self._drain()
        except KeyboardInterrupt as end:
            result.stopped, result.interrupted = stopped_by(end, self._limits)
        self._settle_absent()
        return result

    def _drain(self) -> None:
        queue, graph, choose = self._queue, self.result.graph, self._stubborn
        until, looks = 0, Looks()
        while queue:
            if looks.due() or len(graph.states) >= until:
                until = self._look_again(len(graph.states))
                if self._limit_reached():
                    return
            number, row, relations = queue.popleft()
            state = graph.states[number]
            graph.begin()
            who = self._everybody if choose is None else choose.choose(row, relations)
            if not self._expand(number, state, row, relations, who):
                self._terminal(number, state)

    def _expand(self, number: int, state: int, row: Rows, relations: Relations, who: Iterable[int]) -> bool:
        """Take every step of these processes; False where there is none that somebody is obliged to do."""
        graph = self.result.graph
        index, states, parent, keep = graph.index, graph.states, graph.parent, graph.keep
        sort, moves, queue = self._sort, self._machine.actions_of, self._queue
        taken = obliged = 0
        for p in who:
            for action in row[p]:
                taken += 1
                obliged += action.obliged
                raw = state + action.delta
                target = raw if sort is None else sort(raw)
                known = index.get(target)
                if known is None:
                    known = index[target] = len(states)
                    states.append(target)
                    parent.append(number)
                    if target == raw:
                        new = row.copy()
                        for q in self._affected.get(action.writes) or self._who_changes(action.writes):
                            new[q] = moves(target, q)
                    else:
                        new = [moves(target, q) for q in self._everybody]
                    queue.append((known, new, self._relations(relations, target, new, p, target == raw)))
                    self._look(known, target, action)
                if action.failed:
                    self._note(Found("failure", self._failure_key(action), number, action))
                if keep and action.obliged:
                    graph.step(p, action.alternative, known)
        graph.transitions += taken
        return obliged > 0

    def _relations(
        self, relations: Relations, state: int, row: Rows, moved: int, same_people: bool
    ) -> Relations:
        if self._stubborn is None:
            return relations
        if same_people:
            return self._stubborn.updated(relations, state, row, moved)
        return self._stubborn.relations(state, row)

    def _look(self, number: int, state: int, action: Action | None) -> None:
        """Judge a new state; `action` led there, None for the first one."""
        # a state that was sorted may have changed anywhere
        anywhere = action is None or self._sort is not None or self._checks.plain
        writes = frozenset() if action is None else action.writes
        for part in self._checks.parts if anywhere else self._checks.of(writes):
            verdict = self._checks.broken(part, state)
            if isinstance(verdict, Absent):
                self._note(Found("absent", (part.prop.name, verdict.name), number, None, (part, verdict)))
            elif verdict:
                # true in one state and without a value in another are two things
                self._note(Found("broken", (part.prop.name, verdict is True), number, None, (part, verdict)))
        if self._racers:
            # not only whose step it was: one that was spawned or handed something stands elsewhere, too
            who = self._everybody if anywhere else sorted(p for p in writes if p < len(self._everybody))
            self._races(number, state, who)

    def _races(self, number: int, state: int, who: Iterable[int]) -> None:
        for p in who:
            mine = self._checks.access(state, p)
            if mine is None or mine[0] not in self._racers:
                continue
            for q in self._racers[mine[0]]:
                other = self._checks.access(state, q) if q != p else None
                if other is not None and other[0] == mine[0] and (mine[1] or other[1]):
                    pair = (p, q) if mine[1] else (q, p)
                    self._note(Found("race", self._checks.racing[mine[0]], number, None, pair))

    def _failure_key(self, action: Action) -> Hashable:
        step = next(s for s in action.steps if s.failure is not None)
        return (self._machine.processes[step.process].family, step.pc, step.failure, step.errno)

    def _terminal(self, number: int, state: int) -> None:
        """Nobody is obliged to step: everybody has ended, or it is a deadlock."""
        if any(self._machine.local(state, p).mode in LIVING for p in self._everybody):
            self.result.deadlocks += 1
            self._note(Found("deadlock", "", number))
            return
        self.result.ends += 1
        for key, detail in self._checks.at_end(state):
            self._note(Found("end", key, number, None, detail))

    def _keyed(self, found: Found, state: int) -> Found:
        """Deadlocks after a failure are told apart by who failed, or died, and who waits where: some may be
        consequences of the failure, others not."""
        if found.sort != "deadlock":
            return found
        machine, failed, waiting = self._machine, set(), set()
        for proc in machine.processes:
            local = machine.local(state, proc.number)
            if local.mode is Mode.FAILED or local.mode is Mode.DEAD:
                failed.add((proc.family, local.pc, local.mode))
            elif local.mode in LIVING:
                waiting.add((proc.family, local.pc))
        return replace(found, key=(frozenset(failed), frozenset(waiting))) if failed else found

    def _note(self, found: Found) -> None:
        found = self._keyed(found, self.result.graph.states[found.number])
        key = (found.sort, found.key)
        if key not in self.result.found:
            self.result.found[key] = found
            if self._first_found is None and found.sort != "absent":
                self._first_found = self._count

    def _settle_absent(self) -> None:
        """A property cannot be judged where an object that it asks for is never there when it asks; where
        the object comes and goes, it is judged while it is there. That takes all states to know."""
        absent = [f for f in self.result.found.values() if f.sort == "absent"]
        for found in absent:
            del self.result.found[found.sort, found.key]
            assert isinstance(found.detail, tuple)
            part, verdict = found.detail
            if verdict.name not in part.had and not self.result.stopped:
                again = replace(found, sort="broken", key=(part.prop.name, False))
                self.result.found.setdefault((again.sort, again.key), again)

    # --- limits ---

    @property
    def _count(self) -> int:
        """How many states were met."""
        return len(self.result.graph)

    @property
    def _waiting(self) -> int:
        """How many of them are still to be expanded."""
        return len(self._queue)

    @property
    def _depth(self) -> int:
        """How many steps the latest state is from the first."""
        return len(self.result.graph.way(len(self.result.graph) - 1)) - 1

    def _look_again(self, states: int) -> int:
        """At how many states the limits are to be looked at next."""
        soon = states + LOOK_EVERY
        if self._limits.states is None:
            return soon
        most = self._limits.states - self._limits.spent
        return soon if most <= states else min(soon, most)

    def _limit_reached(self) -> bool:
        limits, states = self._limits, self._count
        elapsed = time.monotonic() - self._started
        memory = 0
        if limits.memory is not None or self._tell is not None:
            memory = resident_bytes()
        if self._tell is not None:
            self._tell(Progress(elapsed, states, self._waiting, self._depth, memory))
        if limits.states is not None and limits.spent + states >= limits.states:
            self.result.stopped = f"the limit of {limits.states:,} states"
        elif limits.memory is not None and memory >= limits.memory:
            self.result.stopped = f"the limit of {limits.memory / 2**20:,.0f} MiB of memory"
        elif limits.seconds is not None and time.monotonic() >= self._until:
            self.result.stopped = f"the limit of {limits.seconds:g} s"
        elif (
            limits.after is not None
            and self._first_found is not None
            and states - self._first_found >= max(limits.after, self._first_found)
        ):
            self.result.stopped = ENOUGH
        return bool(self.result.stopped)

    # --- nobody is left out ---

    def _left_out(self) -> bool:
        """Expand those who could step in a final component and never do; False where there are none."""
        graph = self.result.graph
        added = False
        for component in final_components(graph):
            inside = {p for n in component for p, _, _ in graph.steps(n)}
            outside = [p for p in self._everybody if p not in inside]
            for n in component if outside else ():
                state = graph.states[n]
                absent = [p for p in outside if self._machine.actions_of(state, p)]
                if absent:
                    row = [self._machine.actions_of(state, p) for p in self._everybody]
                    self._expand_late(n, state, row, absent)
                    added = True
                    break
        return added

    def _expand_late(self, number: int, state: int, row: Rows, who: list[int]) -> None:
        graph = self.result.graph
        graph.keep = False  # steps of a state that has been expanded are kept apart
        assert self._stubborn is not None
        self._expand(number, state, row, self._stubborn.relations(state, row), who)
        graph.keep = True
        for p in who:
            for action in row[p]:
                target = state + action.delta
                target = target if self._sort is None else self._sort(target)
                graph.more(number, p, action.alternative, graph.index[target])
