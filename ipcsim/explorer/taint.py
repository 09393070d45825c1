"""Who knows of one access: happens-before in the model, followed from one access on.

An access is ordered before whatever a process does that knows of it. Who knows spreads as `facts.ordering`
says: a process that knows passes it on over things (a semaphore, a type of message, …), and one that
learns over such a thing knows. It never gets less, so together with the states of a machine it stays finite.
`analysis.ordering` does the same for a run, with clocks, for all accesses at once; both read the calls from
`analysis.links`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, assert_never

from ipcsim.analysis import links
from ipcsim.analysis.links import About, Thing
from ipcsim.facts import ordering as facts
from ipcsim.facts.ordering import SUCCESS
from ipcsim.model import semaphore_calls
from ipcsim.model.effects import Act, Action, Step
from ipcsim.model.layout import View
from ipcsim.model.locals import Local, Mode
from ipcsim.model.machine import Machine
from ipcsim.model.turn import Turn
from ipcsim.program.instructions import (
    Call,
    GetValue,
    KernelCall,
    Load,
    ObjectCall,
    Receive,
    Semop,
    Send,
    SetValue,
    Signal,
    Spawn,
    Store,
)

_INSIDE = (Mode.ASLEEP, Mode.STOPPED_ASLEEP, Mode.STOPPED_CAUGHT)  # in a call that has begun
_STOPPED = (Mode.STOPPED, Mode.STOPPED_ASLEEP, Mode.STOPPED_CAUGHT)
_ACTING = (Mode.UNBORN, Mode.READY, *_INSIDE, *_STOPPED)


class Known(NamedTuple):
    """Who and what knows: bit p of `bits` is process p, those above are things. `rooms`, by queue: how many
    receives there were since the first that knows, which is one of them; 0: none knows."""

    bits: int
    rooms: tuple[int, ...]

    def within(self, other: Known) -> bool:
        """Whether whoever knows here knows there as well."""
        return not self.bits & ~other.bits and all(
            mine == 0 or 0 < mine <= theirs for mine, theirs in zip(self.rooms, other.rooms, strict=True)
        )


class _Link(NamedTuple):
    """`process` passes on over the things in `mask` (`learns` False), or learns; with a `queue`: over its
    room, of which `free` is how many messages more would fit."""

    process: int
    learns: bool
    mask: int = 0
    queue: int = -1
    free: int = 0


def _killed(action: Action, process: int) -> bool:
    """Whether a signal ends a process in this action: somebody else's, or by which it reaches it."""
    if action.process != process:
        return True
    return any(s.process == process and s.act is Act.DIE and not s.scheduled for s in action.steps)


class Taint:
    """Follows who knows through the actions of a machine."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._bits: dict[Thing, int] = {}
        self._links: dict[int, tuple[Action, tuple[_Link, ...]]] = {}  # by identity; kept alive here
        self._inside: dict[tuple[int, Local], int] = {}
        program = machine.program
        self._capacity = [links.capacity(program, n) for n in range(len(program.queues))]

    def begin(self, process: int) -> Known:
        """Right after an access of `process`: nobody else knows."""
        return Known(1 << process, (0,) * len(self._capacity))

    def after(self, state: int, action: Action, known: Known) -> Known:
        """Who knows after an action that is enabled in `state`."""
        bits, rooms = known
        for link in self._links_of(state, action):
            knows = bits >> link.process & 1
            if link.queue >= 0:
                if not link.learns:
                    rooms = self._received(rooms, link.queue, bool(knows))
                elif rooms[link.queue] > link.free:
                    bits |= 1 << link.process
            elif not link.learns:
                bits |= link.mask if knows else 0
            elif not knows and (bits | self._offered(state, bits)) & link.mask:
                bits |= 1 << link.process
        return Known(bits, rooms)

    def _received(self, rooms: tuple[int, ...], queue: int, knows: bool) -> tuple[int, ...]:
        since = rooms[queue]
        now = min(since + 1, self._capacity[queue] + 1) if since else int(knows)
        return (*rooms[:queue], now, *rooms[queue + 1 :])

    def _offered(self, state: int, bits: int) -> int:
        """The things over which calls that have begun and not ended will pass on what they know."""
        machine, found = self._machine, 0
        if machine.explicit:
            for proc in machine.processes:
                if bits >> proc.number & 1:
                    local = machine.local(state, proc.number)
                    if local.mode in _INSIDE:
                        found |= self._passed_inside(state, proc.number, local)
        return found

    def _passed_inside(self, state: int, process: int, local: Local) -> int:
        mask = self._inside.get((process, local))
        if mask is None:
            call = self._machine.processes[process].code[local.pc]
            assert isinstance(call, KernelCall)
            passes = links.passes(call, SUCCESS, self._about(state, process, call))
            mask = self._inside[process, local] = self._mask(t for t in passes if not self._counts(t))
        return mask

    # --- what an action links ---

    def _links_of(self, state: int, action: Action) -> tuple[_Link, ...]:
        known = self._links.get(id(action))
        if known is None:
            known = self._links[id(action)] = (action, tuple(self._find(state, action)))
        return known[1]

    def _find(self, state: int, action: Action) -> Iterator[_Link]:
        ends = self._ends(state, action)
        last = {step.process: i for i, step in enumerate(action.steps)}
        for process in [p for p in ends if p not in last]:
            yield from ends[process]
        for i, step in enumerate(action.steps):
            yield from self._step(state, step)
            if last[step.process] == i:
                yield from ends.get(step.process, ())

    def _step(self, state: int, step: Step) -> Iterator[_Link]:
        machine = self._machine
        instruction = machine.processes[step.process].code[step.pc]
        if isinstance(instruction, KernelCall) and step.act in (Act.CALL, Act.WAKE, Act.STRIKE, Act.LAST):
            yield from self._call(state, step, instruction)
        elif isinstance(instruction, Load | Store) and step.act is Act.STEP and step.failure is None:
            yield from self._access(step, instruction)

    def _access(self, step: Step, access: Load | Store) -> Iterator[_Link]:
        if self._machine.program.segments[access.segment].struct.fields[access.field].atomic:
            row = facts.of("store" if isinstance(access, Store) else "load", SUCCESS)
            mask = self._mask([links.field_of(access, step.end[1])])
            if row.passes:
                yield _Link(step.process, False, mask)
            if row.learns:
                yield _Link(step.process, True, mask)

    def _call(self, state: int, step: Step, call: Call) -> Iterator[_Link]:
        result = step.errno or SUCCESS
        if isinstance(call, Receive):
            about = About(type=step.end[1])
        elif isinstance(call, Signal | Spawn):
            about = About(target=step.begin[0])
        else:
            about = self._about(state, step.process, call)
        passes = links.passes(call, result, about)
        learns = links.learns(call, result, about, step.process)
        for thing in [t for t in passes if self._counts(t)]:
            yield _Link(step.process, False, queue=int(thing[1]))
        if mask := self._mask(t for t in passes if not self._counts(t)):
            yield _Link(step.process, False, mask)
        for thing in [t for t in learns if self._counts(t)]:
            queue = int(thing[1])
            held = len(self._machine.layout.get(state, self._machine.queue[queue]))
            yield _Link(step.process, True, queue=queue, free=self._capacity[queue] - held - 1)
        if mask := self._mask(t for t in learns if not self._counts(t)):
            yield _Link(step.process, True, mask)
        if result == SUCCESS and isinstance(call, Signal | Spawn):
            yield from self._done_to(state, about.target, call)

    def _done_to(self, state: int, target: int, call: Signal | Spawn) -> Iterator[_Link]:
        """Another process is started, or goes on after having been stopped."""
        if isinstance(call, Spawn):
            yield self._row("start", target)
        elif call.signal == "SIGCONT" and self._machine.local(state, target).mode in _STOPPED:
            yield self._row("continued", target)

    def _row(self, happening: str, process: int) -> _Link:
        """What a process learns by something that happens to it."""
        row = facts.of(happening, SUCCESS)
        return _Link(process, True, self._mask((sort, process) for sort in row.learns))

    def _ends(self, state: int, action: Action) -> dict[int, list[_Link]]:
        """What those pass on who end, or whose units come back."""
        machine, after = self._machine, state + action.delta
        found: dict[int, list[_Link]] = {}
        for proc in machine.processes:
            p = proc.number
            if machine.local(after, p).mode in _ACTING:
                continue
            if machine.local(state, p).mode in _ACTING:
                found[p] = list(self._end(p, _killed(action, p)))
            if machine.undo.get(p) in action.writes:
                found.setdefault(p, []).append(_Link(p, False, self._given_back(state, after, p)))
        return found

    def _end(self, process: int, killed: bool) -> Iterator[_Link]:
        happening = "killed" if killed else "end"
        if killed:
            yield self._row(happening, process)
        yield _Link(process, False, self._mask((s, process) for s in facts.of(happening, SUCCESS).passes))

    def _given_back(self, state: int, target: int, process: int) -> int:
        """The semaphores of which a process that has ended undoes operations."""
        machine, slot = self._machine, self._machine.undo[process]
        left = dict(machine.layout.get(target, slot))
        sorts = facts.of("undo", SUCCESS).passes
        return self._mask(
            (sort, set_, number)
            for (set_, number), adjustment in machine.layout.get(state, slot)
            if adjustment and (set_, number) not in left
            for sort in sorts
        )

    # --- things ---

    def _counts(self, thing: Thing) -> bool:
        """Whether it is the room of a queue of which it is known how many messages fit."""
        return thing[0] == facts.ROOM and self._capacity[int(thing[1])] > 0

    def _mask(self, things: Iterator[Thing] | list[Thing]) -> int:
        mask, first = 0, len(self._machine.processes)
        for thing in things:
            mask |= 1 << first + self._bits.setdefault(thing, len(self._bits))
        return mask

    def _about(self, state: int, process: int, call: Call) -> About:
        """What the call that a process is in, or about to make, is about."""
        machine = self._machine
        turn = Turn(machine, View(machine.layout, state), process, machine.local(state, process))
        match call:
            case Semop():
                operations = semaphore_calls.operations(turn, call)
                return About(pairs=tuple((o.number, o.delta) for o in operations))
            case GetValue() | SetValue():
                return About(numbers=links.numbers_of(machine.program, call, turn.number(call.index)))
            case Send():
                return About(type=int(turn.value(call.type)))
            case Receive() | ObjectCall() | Signal() | Spawn():
                return About()
            case _:
                assert_never(call)
