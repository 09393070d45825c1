"""Starvation in a run: how often one and the same competitor was served while one slept for it.

This is bounded overtaking, counted for each competitor by itself: of two thousand who each wait once,
each is overtaken two thousand times, and nobody starves. A finding names the bound it used. It proves that
one process was overtaken so often in this run, not that it would have waited for ever; and its absence says
nothing of other runs.

A wait counts from when the kernel had the process in its queue to when the kernel served it, not to when
it next got a processor. Where the events come in the order of their effects (a controlled scheduler, a way
of the model) that is from BEGIN to what served it. In a free run a BEGIN says only that the process is on
its way, and an END comes when it gets a processor, so the kernel is asked (`runner.starving`): counts begin
when it has confirmed that the process sleeps, and are believed when it confirms that it still does.

Not every wait is a competition: a coordinator that waits for `done`, which nobody else takes, is never
overtaken. Where one array asks for several semaphores, each that is not there all the while must be taken by
others as often as the bound: who waits for an item and the mutex at once, and gets no item, does not starve
of the mutex (S-6 is why overtaking happens at all).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from ipcsim.analysis.operations import Operations
from ipcsim.analysis.requests import RECEIVE, SEND, SET, Key, P, Request, Requests, V
from ipcsim.analysis.wording import listed, quoted, semaphore
from ipcsim.errors import Location
from ipcsim.facts.selectors import describe, within
from ipcsim.kernel.observed import semop
from ipcsim.kernel.static import effects_of
from ipcsim.kernel.values import written
from ipcsim.kernel.world import World
from ipcsim.program import Program
from ipcsim.program.instructions import ObjectCall, Semop, SetValue
from ipcsim.trace import Event, EventKind
from ipcsim.verdict import Finding, Kind, Verdict

WATCHED = 16  # of those who wait for one thing: so many, the longest waiting, are counted for
COUNTERS = 128  # competitors told apart for one wait; of more, those served least are forgotten
EARLY = 8  # the kernel is asked first at this fraction of the bound
RARE = 8  # what is taken less often than this fraction of the bound is not what keeps one waiting


@dataclass(slots=True, eq=False)
class Sleeping:
    """A call that has begun and not ended. `counts`: who was served how often since, by what is wanted;
    `lacking`: what it wants and was not there when counting began.

    In a free run: `queued`, the kernel has confirmed that it sleeps, and `counts` are from then on;
    `asked`, the kernel is to be asked.
    """

    process: int
    pc: int
    since: int
    request: Request
    counts: dict[Key, dict[int, int]] = field(default_factory=dict)
    queued: bool = False
    asked: bool = False
    lacking: frozenset[Key] = frozenset()
    ended: int | None = None


@dataclass(frozen=True, slots=True)
class Overtaken:
    """A wait that reached the bound: on what, by whom and how often; `total`: how often by anybody."""

    wait: Sleeping
    key: Key
    competitor: int
    count: int
    total: int


class Overtaking:
    """Counts overtaking. `exact`: by single events (`feed`) in the order of their effects; otherwise by
    whole windows of records, whose order between processes is not looked at.

    Counts are lower bounds where more than `WATCHED` wait for one thing, or more than `COUNTERS` compete.
    """

    def __init__(
        self, program: Program, bound: int | None, operations: Operations | None = None, exact: bool = True
    ) -> None:
        self._program = program
        self._bound = program.settings.starvation if bound is None else bound
        limit = self._bound or 0
        # of each competitor in a free run: its first call may have been served before counting began
        self._unsure = 0 if exact else 1
        self._early, self._enough = max(1, limit // EARLY), limit + self._unsure
        self._exact = exact
        self.requests = Requests(program, operations or Operations(program))
        self.values = World(program)
        self._open: dict[int, Sleeping] = {}
        self._fresh: list[Sleeping] = []
        # who waits for each thing, in the order in which they came
        self._lines: dict[Key, OrderedDict[int, Sleeping]] = {}
        self._broad: dict[int, dict[Key, None]] = {}  # by queue: lines of receives that take several types
        self._suspects: list[Sleeping] = []
        self._found: dict[tuple[int, int], Overtaken] = {}
        self._last = 0

    @property
    def needed(self) -> bool:
        return self._bound is not None

    # --- single events ---

    def feed(self, event: Event) -> None:
        """The next event, in the order of the effects."""
        if event.kind is EventKind.BEGIN:
            request = self.requests.of(event)
            if request and request.wants:
                self._last = event.time
                wait = self._begin(event.process, event.pc, event.time, request)
                self._start(wait, self._values(wait))
                self._join(wait)
        elif event.kind is EventKind.END:
            self.end(event.process, event.time)
            if not event.errno:
                self._succeeded(event)
        elif event.kind is EventKind.DIED:
            self.end(event.process, event.time)
            self.values.died(event.process)

    def _succeeded(self, event: Event) -> None:
        instruction = self._program.instruction(event.process, event.pc)
        if isinstance(instruction, SetValue | ObjectCall):
            for effect in effects_of(instruction, self._program, written):
                self.values.apply(None, effect)
        request = self.requests.of(event)
        if request:
            if isinstance(instruction, Semop) and self.requests.has_arrays:  # else nobody asks for values
                for done in semop(instruction, request.pairs):
                    self.values.apply(event.process, done)
            self.served(event.process, request)

    # --- windows ---

    def begin_in_window(self, process: int, pc: int, time: int, request: Request) -> None:
        """A call that may wait began, and had not ended when the window did."""
        known = self._open.get(process)
        if known is None or known.since != time:
            self._fresh.append(self._begin(process, pc, time, request))

    def settle(self) -> None:
        """A window is over: the waits that began in it count from here."""
        for wait in self._fresh:
            if self.is_open(wait):
                self._join(wait)
        self._fresh.clear()

    # --- both ---

    def end(self, process: int, time: int) -> None:
        """Whatever `process` waited for, it no longer does."""
        self._last = max(self._last, time)
        wait = self._open.pop(process, None)
        if wait is not None:
            wait.ended = time
            self._leave(wait)

    def served(self, process: int, request: Request, times: int = 1) -> None:
        """A call of `process` succeeded, `times` over."""
        if self._lines:
            for served in request.serves:
                for key in self._keys(served):
                    self._count(key, process, times)

    def is_open(self, wait: Sleeping) -> bool:
        """Whether the process is still in that call, as far as its records tell."""
        return self._open.get(wait.process) is wait

    def _begin(self, process: int, pc: int, time: int, request: Request) -> Sleeping:
        self.end(process, time)
        wait = self._open[process] = Sleeping(process, pc, time, request)
        return wait

    def _join(self, wait: Sleeping) -> None:
        for key in wait.request.wants:
            line = self._lines.get(key)
            if line is None:
                line = self._lines[key] = OrderedDict()
                if key.sort == RECEIVE and not _one_type(key):
                    self._broad.setdefault(key.object, {})[key] = None
            line[wait.process] = wait

    def _leave(self, wait: Sleeping) -> None:
        for key in wait.request.wants:
            line = self._lines.get(key)
            if line is not None and line.pop(wait.process, None) is not None and not line:
                del self._lines[key]
                if key.sort == RECEIVE and not _one_type(key):
                    del self._broad[key.object][key]

    def _keys(self, served: Key) -> Iterator[Key]:
        """The wanted keys that this service takes from; a receive may be wanted in several ways."""
        if served.sort != RECEIVE:
            if served in self._lines:
                yield served
            return
        # the one type that `served` takes for sure: its own, or (−1) type 1
        only = served if _one_type(served) else Key(RECEIVE, served.object, 1)
        if (only is served or served.number == -1) and only in self._lines:
            yield only
        for key in self._broad.get(served.object, ()):
            if within(served.number, served.exclude, key.number, key.exclude):
                yield key

    def _count(self, key: Key, process: int, times: int) -> None:
        for wait in islice(self._lines[key].values(), WATCHED):
            counts = wait.counts.get(key)
            if counts is None:
                counts = wait.counts[key] = {}
            count = counts.get(process, 0)
            if not count and len(counts) >= COUNTERS:
                _forget(counts)
            count += times
            counts[process] = count
            if self._exact:
                if count - times < self._enough <= count:
                    self._judge(wait)
            elif not wait.asked and self._is_due(wait, count - times, count):
                wait.asked = True
                self._suspects.append(wait)

    def _is_due(self, wait: Sleeping, before: int, count: int) -> bool:
        """Whether the kernel is to be asked, now that one was served so often."""
        return before < self._enough <= count if wait.queued else count >= self._early

    def _start(self, wait: Sleeping, values: Sequence[int | None] | None) -> None:
        """Count from here on; `values` are those of the set that it waits at, None: not known."""
        wait.counts.clear()
        wait.lacking = frozenset(_lacking(wait, values))

    def evidence(self, wait: Sleeping) -> Overtaken | None:
        """What was counted, if it reaches the bound with everything that the wait is for."""
        assert self._bound is not None
        best: Overtaken | None = None
        for key, counts in wait.counts.items():
            competitor = max(counts, key=lambda p: (counts[p], -p))
            count = counts[competitor] - self._unsure
            if count < self._bound or (best is not None and count <= best.count):
                continue
            if all(self._most(wait, other) >= self._enough for other in self._others(wait, key)):
                total = sum(counts.values()) - len(counts) * self._unsure
                best = Overtaken(wait, key, competitor, count, total)
        return best

    def _others(self, wait: Sleeping, key: Key) -> Iterator[Key]:
        """What else it wants that was not there all the while."""
        for other in wait.lacking | wait.counts.keys():
            if other.sort != SET and other[1:] != key[1:]:
                yield other

    def _most(self, wait: Sleeping, key: Key) -> int:
        """How often one and the same competitor got `key`, as counted."""
        return max(wait.counts.get(key, {}).values(), default=0)

    def _is_hopeless(self, wait: Sleeping) -> bool:
        """Whether something else that it wants is hardly ever taken: that is what it waited for so far."""
        return any(
            self._most(wait, other) * RARE <= self._enough
            for key, counts in wait.counts.items()
            if max(counts.values()) >= self._enough
            for other in self._others(wait, key)
        )

    # --- in the order of the effects ---

    def _judge(self, wait: Sleeping) -> None:
        """The bound is reached by somebody: believe it, or begin anew."""
        if self._bound is None or (wait.process, wait.pc) in self._found:
            return
        overtaken = self.evidence(wait)
        if overtaken is not None:
            self.establish(overtaken)
        elif self._is_hopeless(wait):
            self._start(wait, self._values(wait))

    def _values(self, wait: Sleeping) -> Sequence[int | None]:
        set_ = wait.request.set
        if not wait.request.pairs:
            return ()
        return [self.values.get(set_, n) for n in range(self._program.sets[set_].size)]

    # --- in a free run, with the kernel's word ---

    def suspects(self, most: int) -> list[Sleeping]:
        """At most so many waits that the kernel is to be asked about; each must be answered by `confirm`,
        `dismiss` or (`queued`: the bound is reached) `establish`."""
        taken, self._suspects = self._suspects[:most], self._suspects[most:]
        return [wait for wait in taken if self.is_open(wait)]

    @property
    def has_suspects(self) -> bool:
        return bool(self._suspects)

    def confirm(self, wait: Sleeping, values: Sequence[int | None] | None) -> None:
        """The kernel had it in its queue, and what was written until then has been counted: begin here.

        `values` are those of the semaphore set that it waits at; None: not known.
        """
        wait.queued, wait.asked = True, False
        self._start(wait, values)

    def dismiss(self, wait: Sleeping) -> None:
        """It was not asleep (any more): begin anew, behind the others."""
        wait.queued = wait.asked = False
        self._start(wait, None)
        for key in wait.request.wants:
            line = self._lines.get(key)
            if line is not None and wait.process in line:
                line.move_to_end(wait.process)

    def doubt(self, wait: Sleeping) -> None:
        """It sleeps, but there is no evidence yet: go on, or begin anew if it waited for something else."""
        wait.asked = False
        if self._is_hopeless(wait):
            self.dismiss(wait)

    def establish(self, overtaken: Overtaken) -> None:
        """It is so: a finding."""
        self._found[overtaken.wait.process, overtaken.wait.pc] = overtaken

    # --- the result ---

    @property
    def found(self) -> bool:
        return bool(self._found)

    def findings(self) -> tuple[Finding, ...]:
        """One finding a process and instruction that one competitor overtook at least `bound` times."""
        return tuple(self._finding(s) for _, s in sorted(self._found.items(), key=lambda item: item[0]))

    def _finding(self, starved: Overtaken) -> Finding:
        wait = starved.wait
        name = self._program.processes[wait.process].name
        other = self._program.processes[starved.competitor].name
        at = self._program.where(wait.process, wait.pc)
        thing, objects = self._thing(wait, starved.key)
        still = wait.ended is None
        seconds = ((self._last if wait.ended is None else wait.ended) - wait.since) / 1e9
        waits = f"{'has been waiting' if still else 'waited'} for {thing} at {_moment(at, seconds)}"
        where = "by the same semaphore set" if starved.key.sort == SET else "on it"
        times = f"{starved.count:,} times"
        message = (
            f"{name} {waits}, while {other} alone was served {where} {times} (the bound is {self._bound:,})."
        )
        asleep = "asleep for it" if self._exact else "asleep for it, as the kernel confirmed before and after"
        return Finding(
            Kind.STARVATION,
            Verdict.STARVATION,
            message,
            processes=(name,),
            objects=objects,
            at=at,
            details=(
                (name, f"{asleep}; others were served {starved.total:,} times in all meanwhile", str(at)),
                (other, f"served {times} in the meantime, more than any other", ""),
            ),
        )

    def _thing(self, wait: Sleeping, key: Key) -> tuple[str, tuple[str, ...]]:
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


def _one_type(key: Key) -> bool:
    """Whether a receive takes messages of one type only, by its plain number."""
    return key.number > 0 and not key.exclude


def _forget(counts: dict[int, int]) -> None:
    """Drop the half that was served least: a count that is too low raises no false alarm."""
    for process in sorted(counts, key=counts.__getitem__)[: len(counts) // 2]:
        del counts[process]


def _lacking(wait: Sleeping, values: Sequence[int | None] | None) -> Iterator[Key]:
    """What a semop wants that is not there by these values; all of it where they are not known."""
    for number, delta in wait.request.pairs:
        value = None if values is None or number >= len(values) else values[number]
        if delta <= 0 and (value is None or (value < -delta if delta else value != 0)):
            for key in (Key(P, wait.request.set, number), Key(V, wait.request.set, number)):
                if key in wait.request.wants:
                    yield key


def _moment(at: Location, seconds: float) -> str:
    return f"{at} for {seconds:.3g} s" if seconds > 0 else str(at)


def starvation(program: Program, events: Iterable[Event], bound: int | None = None) -> tuple[Finding, ...]:
    """The starvation findings of a trace in the order of its effects, by `bound` or the Program's own."""
    overtaking = Overtaking(program, bound)
    if overtaking.needed:
        for event in events:
            overtaking.feed(event)
    return overtaking.findings()
