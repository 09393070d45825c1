"""Starvation in a run: how often others were served while one waited for the same thing.

A finding names the bound it used. It proves that one process was overtaken so often in this run, not
that it would have waited for ever; and its absence says nothing of other runs.

Not every wait is a competition: a coordinator that waits for `done`, which nobody else takes, is never
overtaken. Where one array asks for several semaphores, a wait does not count while one of them is lacking
that nobody else gets either (SEMANTICS S-6 is why overtaking happens at all).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ipcsim.analysis.operations import Operations
from ipcsim.analysis.requests import RECEIVE, SEND, SET, Key, P, Request, Requests, V
from ipcsim.analysis.selectors import describe, within
from ipcsim.analysis.values import Values
from ipcsim.analysis.wording import listed, quoted, semaphore
from ipcsim.errors import Location
from ipcsim.program import Program
from ipcsim.program.instructions import ObjectCall, Semop, SetValue
from ipcsim.trace import Event, EventKind
from ipcsim.verdict import Finding, Kind, Verdict

_COPY_LIMIT = 64  # of at most so many competitors it is remembered how often each was served before


@dataclass(slots=True)
class _Wait:
    process: int
    pc: int
    since: int
    request: Request
    base: dict[Key, int]
    before: dict[Key, dict[int, int]]
    ended: int | None = None


@dataclass(slots=True)
class _Starved:
    """A wait that reached the bound: how often overtaken so far, on what, and by whom most."""

    wait: _Wait
    key: Key
    count: int
    favourite: int | None
    favours: int


class Overtaking:
    """Counts overtaking as the events come; `feed` for single events, the rest for whole windows.

    Within a window of records the order between processes is not looked at, so a wait is counted from the
    window after the next one on and to the one before its end: the counts are then lower bounds.
    """

    def __init__(self, program: Program, bound: int | None, operations: Operations | None = None) -> None:
        self._program = program
        self._bound = program.settings.starvation if bound is None else bound
        self.requests = Requests(program, operations or Operations(program))
        self.values = Values(program)
        self._total: dict[Key, int] = {}
        self._by: dict[Key, dict[int, int]] = {}
        self._waiting: dict[Key, dict[int, _Wait]] = {}
        self._open: dict[int, _Wait] = {}
        self._fresh: list[_Wait] = []
        self._young: list[_Wait] = []
        self._reached: dict[Key, tuple[Key, ...]] = {}
        self._found: dict[tuple[int, int], _Starved] = {}
        self._last = 0

    @property
    def needed(self) -> bool:
        return self._bound is not None

    # --- single events ---

    def feed(self, event: Event) -> None:
        """The next event; of different processes roughly in the order of time."""
        if event.kind is EventKind.BEGIN:
            request = self.requests.of(event)
            if request and request.wants:
                self._last = event.time
                self._start(self.begin(event.process, event.pc, event.time, request))
        elif event.kind is EventKind.END:
            self.end(event.process, event.time)
            if not event.errno:
                self._succeeded(event)
        elif event.kind is EventKind.DIED:
            self.died(event.process, event.time)

    def _succeeded(self, event: Event) -> None:
        self.controlled(event.process, event.pc)
        request = self.requests.of(event)
        if request:
            self.served(event.process, event.pc, request)

    # --- what windows are made of ---

    def begin(self, process: int, pc: int, time: int, request: Request) -> _Wait:
        """A call that may wait began, and had not ended when the window did."""
        known = self._open.get(process)
        if known and known.since == time:
            return known
        self.end(process, time)
        wait = self._open[process] = _Wait(process, pc, time, request, {}, {})
        for key in request.wants:
            if key.sort == RECEIVE and key not in self._waiting:
                self._reached.clear()
            self._waiting.setdefault(key, {})
        return wait

    def begin_in_window(self, process: int, pc: int, time: int, request: Request) -> None:
        if process not in self._open or self._open[process].since != time:
            self._fresh.append(self.begin(process, pc, time, request))

    def end(self, process: int, time: int) -> None:
        """Whatever `process` waited for, it no longer does."""
        self._last = max(self._last, time)
        wait = self._open.pop(process, None)
        if wait is not None:
            self._update(wait)
            wait.ended = time
            for key in wait.base:
                self._waiting[key].pop(process, None)

    def died(self, process: int, time: int) -> None:
        self.end(process, time)
        self.values.died(process)

    def served(self, process: int, pc: int, request: Request, times: int = 1) -> None:
        """A call of `process` succeeded, `times` over."""
        if request.pairs and self.requests.has_arrays:  # only then `_lacks_another` may ask
            instruction = self._program.instruction(process, pc)
            if isinstance(instruction, Semop):
                self.values.semop(process, instruction, request.pairs, times)
        for served in request.serves:
            for key in self._keys(served):
                self._total[key] = total = self._total.get(key, 0) + times
                by = self._by.setdefault(key, {})
                by[process] = by.get(process, 0) + times
                waiting = self._waiting.get(key)
                if waiting:
                    self._check(key, waiting, total)

    def controlled(self, process: int, pc: int) -> None:
        """A call succeeded; where it sets values or makes or removes an object, that counts."""
        instruction = self._program.instruction(process, pc)
        if isinstance(instruction, SetValue | ObjectCall):
            self.values.other(instruction)

    def settle(self) -> None:
        """A window is over: the waits that began in the one before count from here."""
        for wait in self._young:
            if self._open.get(wait.process) is wait:
                self._start(wait)
        self._young, self._fresh = self._fresh, []

    def _start(self, wait: _Wait) -> None:
        for key in wait.request.wants:
            wait.base[key] = self._total.get(key, 0)
            by = self._by.get(key, {})
            if len(by) <= _COPY_LIMIT:
                wait.before[key] = dict(by)
            self._waiting[key][wait.process] = wait

    def _keys(self, served: Key) -> tuple[Key, ...]:
        """The wanted keys that this service takes from; a receive may be wanted in several ways."""
        if served.sort != RECEIVE:
            return (served,)
        found = self._reached.get(served)
        if found is None:
            if len(self._reached) > 10_000:
                self._reached.clear()
            found = self._reached[served] = tuple(
                w
                for w in self._waiting
                if w.sort == RECEIVE
                and w.object == served.object
                and within(served.number, served.exclude, w.number, w.exclude)
            )
        return found

    def _check(self, key: Key, waiting: dict[int, _Wait], total: int) -> None:
        if self._bound is None:
            return
        for wait in waiting.values():  # in the order in which they began
            count = total - wait.base[key]
            if count < self._bound:
                break
            if (wait.process, wait.pc) in self._found:
                continue
            if key.sort == SET:
                count = self._favours(wait, key)[1]
                if count < self._bound:
                    continue
            elif self._lacks_another(wait, key):
                continue
            self._note(wait, key, count)

    def _favours(self, wait: _Wait, key: Key) -> tuple[int | None, int]:
        """Who was served most while `wait` lasted, and how often; not known of a crowd."""
        if key not in wait.before:
            return None, 0
        before = wait.before[key]
        gained = {p: n - before.get(p, 0) for p, n in self._by[key].items()}
        most = max(gained, key=lambda p: (gained[p], -p))
        return most, gained[most]

    def _lacks_another(self, wait: _Wait, key: Key) -> bool:
        """Whether it waits for something else as well that is not there and that nobody else gets."""
        request = wait.request
        for number, delta in request.pairs:
            for other in (Key(P, request.set, number), Key(V, request.set, number)):
                if other == key or other not in wait.base or self._total.get(other, 0) > wait.base[other]:
                    continue
                value = self.values.get(request.set, number)
                if value is None or (value < -delta if delta < 0 else value != 0):
                    return True
        return False

    def _note(self, wait: _Wait, key: Key, count: int) -> None:
        favourite, favours = self._favours(wait, key)
        count = favours if key.sort == SET else count
        self._found[wait.process, wait.pc] = _Starved(wait, key, count, favourite, favours)

    def _update(self, wait: _Wait) -> None:
        starved = self._found.get((wait.process, wait.pc))
        if starved and starved.wait is wait:
            self._note(wait, starved.key, self._total.get(starved.key, 0) - wait.base[starved.key])

    # --- the result ---

    @property
    def found(self) -> bool:
        return bool(self._found)

    def findings(self) -> tuple[Finding, ...]:
        """One finding a process and instruction that was overtaken at least `bound` times."""
        for starved in list(self._found.values()):
            if starved.wait.ended is None:
                self._update(starved.wait)
        return tuple(self._finding(s) for _, s in sorted(self._found.items()))

    def _finding(self, starved: _Starved) -> Finding:
        wait = starved.wait
        name = self._program.processes[wait.process].name
        at = self._program.where(wait.process, wait.pc)
        thing, objects = self._thing(wait, starved.key)
        still = wait.ended is None
        seconds = ((self._last if wait.ended is None else wait.ended) - wait.since) / 1e9
        waits = f"{'has been waiting' if still else 'waited'} for {thing} at {_moment(at, seconds)}"
        others = f"others were served on it {starved.count:,} times"
        if starved.key.sort == SET and starved.favourite is not None:
            most = self._program.processes[starved.favourite].name
            others = f"{most} alone was served {starved.count:,} times by the same semaphore set"
        message = f"{name} {waits}, while {others} (the bound is {self._bound:,})."
        details = [(name, f"overtaken {starved.count:,} times while waiting for {thing}", str(at))]
        if starved.favourite is not None:
            most = self._program.processes[starved.favourite].name
            details.append(
                (most, f"served {starved.favours:,} times in the meantime, more than any other", "")
            )
        return Finding(
            Kind.STARVATION,
            Verdict.STARVATION,
            message,
            processes=(name,),
            objects=objects,
            at=at,
            details=tuple(details),
        )

    def _thing(self, wait: _Wait, key: Key) -> tuple[str, tuple[str, ...]]:
        if key.sort in (RECEIVE, SEND):
            name = self._program.queues[key.object].name
            if key.sort == SEND:
                return f"room in {quoted(name)}", (name,)
            selector = describe(key.number, key.exclude)
            return f"a message{' ' if selector else ''}{selector} in {quoted(name)}", (name,)
        if key.sort == SET:
            request = wait.request
            names = [semaphore(self._program, request.set, n) for n, d in request.pairs if d <= 0]
            return listed([quoted(n) for n in dict.fromkeys(names)]), tuple(dict.fromkeys(names))
        name = semaphore(self._program, key.object, key.number)
        return (quoted(name) if key.sort == P else f"{quoted(name)} to be zero"), (name,)


def _moment(at: Location, seconds: float) -> str:
    return f"{at} for {seconds:.3g} s" if seconds > 0 else str(at)


def starvation(program: Program, events: Iterable[Event], bound: int | None = None) -> tuple[Finding, ...]:
    """The starvation findings of a whole trace, by `bound` or the Program's own."""
    overtaking = Overtaking(program, bound)
    if overtaking.needed:
        for event in events:
            overtaking.feed(event)
    return overtaking.findings()
