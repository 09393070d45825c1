"""Races that no state shows: accesses that nothing orders although they are never next at the same instant.

Where everything that keeps two accesses apart also orders them, a race is there if and only if two
conflicting accesses are both next in some state, and `search` looks for those. Where a process goes by what
orders nothing (EAGAIN, the answer of `stat`, …: what the table in `facts.ordering` says a result `tells`),
that is not enough. Then this search follows each access that may race, from every state in which it can
be done, through all that can come after it, together with who knows of it (`taint`): a conflicting
access by a process that does not know is a race. It is exact for the happens-before of the table.

A node is a state of the machine, every step by itself, and who knows of which access; where fewer know in
the same state, more can race, so only the least are kept. Breadth first: the way shown is a shortest one.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

from ipcsim.analysis import links, races
from ipcsim.explorer import telling
from ipcsim.explorer.cases import Case, Told
from ipcsim.explorer.checks import field_access
from ipcsim.explorer.limits import ENOUGH, LOOK_EVERY, Limits, Progress, resident_bytes, stopped_by
from ipcsim.explorer.path import Path
from ipcsim.explorer.reduction import Ground
from ipcsim.explorer.taint import Known, Taint
from ipcsim.model.effects import Act, Action
from ipcsim.model.locals import Mode
from ipcsim.model.machine import Machine
from ipcsim.program.instructions import Load, Store
from ipcsim.verdict import Verdict


def needed(ground: Ground) -> bool:
    """Whether a race may be there that no state shows."""
    return bool(ground.checks.racing) and links.tells_more(ground.machine.program)


class _Access(NamedTuple):
    """An access to a slot, and whether it stores."""

    slot: int
    stores: bool


class _Node(NamedTuple):
    state: int
    access: _Access | None  # None: before any access is followed
    known: Known | None


class _Origin(NamedTuple):
    """How a node was found: from which one, by which action."""

    parent: int
    action: Action | None


@dataclass
class Races:
    """What was found: by field, the way to the second access of the two, that included."""

    machine: Machine
    found: dict[str, list[Action]] = field(default_factory=dict)
    racers: dict[str, tuple[int, int]] = field(default_factory=dict)  # the numbers of the two actions
    nodes: int = 0
    steps: int = 0
    stopped: str = ""
    interrupted: bool = False

    def cases(self) -> Iterator[Case]:
        for name, actions in self.found.items():
            yield Case(Verdict.RACE, len(actions), partial(self._tell, name))

    def _tell(self, name: str) -> Told:
        path = Path(self.machine, list(self.found[name]))
        told = telling.of_verdict(path, Verdict.RACE)
        if not any(o.split("[")[0] == name for f in told for o in f.objects):
            told = (*told, races.told(path.machine.program, *self._accesses(path, name)))
        return path, told

    def _accesses(self, path: Path, name: str) -> Iterator[tuple[int, int, int]]:
        """(process, pc, index) of the two accesses."""
        for number in self.racers[name]:
            step = path.actions[number].steps[0]
            yield step.process, step.pc, step.end[1]


class RaceSearch:
    """One search; `run` does all of it. `but`: fields of which it is known that they are raced for."""

    def __init__(
        self,
        ground: Ground,
        but: set[str],
        limits: Limits,
        progress: Callable[[Progress], None] | None = None,
        found_before: bool = False,
    ) -> None:
        self._ground, self._machine = ground, ground.machine
        self._limits, self._tell = limits, progress
        self._found_before = found_before
        self._racing = {s: name for s, name in ground.checks.racing.items() if name not in but}
        self._taint = Taint(ground.machine)
        self._ahead: dict[_Access, list[list[bool]]] = {}
        self._least: dict[tuple[int, _Access], list[Known]] = {}
        self._nodes: list[_Node] = []
        self._origins: list[_Origin] = []
        self._seen: set[int] = set()
        self._queue: deque[int] = deque()
        self._started = time.monotonic()
        self.result = Races(ground.machine)

    def run(self) -> Races:
        result = self.result
        self._add(_Node(self._machine.init, None, None), _Origin(0, None))
        try:
            self._drain()
        except KeyboardInterrupt as end:
            result.stopped, result.interrupted = stopped_by(end, self._limits)
        result.nodes = len(self._nodes)
        return result

    def _drain(self) -> None:
        until = LOOK_EVERY
        if self._limits.states is not None:
            until = min(until, self._limits.states - self._limits.spent)
        while self._queue and self._racing:
            if len(self._nodes) >= until:
                until = len(self._nodes) + LOOK_EVERY
                if self._limit_reached():
                    return
            number = self._queue.popleft()
            node = self._nodes[number]
            if node.access is None:
                self._before(number, node.state)
            elif node.access.slot in self._racing:
                assert node.known is not None
                self._after(number, node.state, node.access, node.known)

    # --- nodes ---

    def _before(self, number: int, state: int) -> None:
        """A state before any access is followed: go on, and begin to follow those that can be done in it."""
        for proc in self._machine.processes:
            access = self._next_access(state, proc.number)
            for action in self._machine.actions_of(state, proc.number):
                self.result.steps += 1
                target, origin = state + action.delta, _Origin(number, action)
                self._add(_Node(target, None, None), origin)
                # its process may be killed instead
                if access is not None and not action.failed and _accesses(self._machine, action):
                    self._follow(target, access, self._taint.begin(proc.number), origin)

    def _after(self, number: int, state: int, access: _Access, known: Known) -> None:
        for proc in self._machine.processes:
            second = None if known.bits >> proc.number & 1 else self._next_access(state, proc.number)
            conflict = second is not None and second.slot == access.slot and (access.stores or second.stores)
            for action in self._machine.actions_of(state, proc.number):
                self.result.steps += 1
                if conflict and not action.failed and _accesses(self._machine, action):
                    self._note(number, action, access)
                    return
                target = state + action.delta
                after = self._taint.after(state, action, known)
                self._follow(target, access, after, _Origin(number, action))

    def _follow(self, state: int, access: _Access, known: Known, origin: _Origin) -> None:
        """Follow an access into a state, unless it was followed there with no more known, or nobody can race
        any more."""
        if not self._somebody(state, access, known):
            return
        least = self._least.setdefault((state, access), [])
        if any(other.within(known) for other in least):
            return
        least[:] = [other for other in least if not known.within(other)]
        least.append(known)
        self._push(_Node(state, access, known), origin)

    def _somebody(self, state: int, access: _Access, known: Known) -> bool:
        """Whether a process that does not know may yet make a conflicting access, by its text."""
        ahead = self._ahead.get(access)
        if ahead is None:
            ahead = self._ahead[access] = [
                self._text_ahead(p.number, access) for p in self._machine.processes
            ]
        for process, places in enumerate(ahead):
            if not known.bits >> process & 1:
                local = self._machine.local(state, process)
                if places[local.pc] and local.mode not in (Mode.ENDED, Mode.FAILED, Mode.DEAD):
                    return True
        return False

    def _text_ahead(self, process: int, access: _Access) -> list[bool]:
        text = self._ground.accesses[process]
        code = self._machine.processes[process].code
        marked = [
            (access.stores or isinstance(code[pc], Store)) and any(slot == access.slot for _, slot in now)
            if isinstance(code[pc], Load | Store)
            else False
            for pc, now in enumerate(text.now)
        ]
        return text.reaching(marked)

    def _next_access(self, state: int, process: int) -> _Access | None:
        """The access that is a process's next step, to a field that is of interest."""
        found = field_access(self._machine, state, process)
        return _Access(*found[:2]) if found is not None and found[0] in self._racing else None

    def _add(self, node: _Node, origin: _Origin) -> None:
        if node.state not in self._seen:
            self._seen.add(node.state)
            self._push(node, origin)

    def _push(self, node: _Node, origin: _Origin) -> None:
        self._queue.append(len(self._nodes))
        self._nodes.append(node)
        self._origins.append(origin)

    def _note(self, number: int, action: Action, access: _Access) -> None:
        """A race is found: keep the way to it, and look for those of other fields only."""
        name = self._racing[access.slot]
        way, first = [action], 0
        while (origin := self._origins[number]).action is not None:
            way.append(origin.action)
            if self._nodes[number].access is not None:
                first = len(way)
            number = origin.parent
        way.reverse()
        self.result.found[name] = way
        self.result.racers[name] = (len(way) - first, len(way) - 1)
        self._racing = {s: n for s, n in self._racing.items() if n != name}

    # --- limits ---

    def _limit_reached(self) -> bool:
        limits, nodes, now = self._limits, len(self._nodes), time.monotonic()
        memory = 0
        if limits.memory is not None or self._tell is not None:
            memory = resident_bytes()
        if self._tell is not None:
            self._tell(Progress(now - self._started, nodes, len(self._queue), 0, memory))
        if limits.states is not None and limits.spent + nodes >= limits.states:
            self.result.stopped = f"the limit of {limits.states:,} states, in the search for races,"
        elif limits.memory is not None and memory >= limits.memory:
            self.result.stopped = f"the limit of {limits.memory / 2**20:,.0f} MiB of memory"
        elif limits.seconds is not None and limits.until is not None and now >= limits.until:
            self.result.stopped = f"the limit of {limits.seconds:g} s"
        elif limits.after is not None and nodes >= limits.after and (self._found_before or self.result.found):
            self.result.stopped = ENOUGH
        return bool(self.result.stopped)


def _accesses(machine: Machine, action: Action) -> bool:
    """Whether an action does the access that is next, and is not the death of the process instead."""
    if not action.steps:
        return False
    step = action.steps[0]
    return step.act is Act.STEP and isinstance(machine.processes[step.process].code[step.pc], Load | Store)
