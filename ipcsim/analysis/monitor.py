"""All analyses at once, fed by the supervisor while a run goes on, or with the events of a trace.

Two ways in. `feed_batch` takes raw records as they are drained; what only concerns one process is done by
counting, and only the records that properties or races ask for become events and are put into the order
of time. `feed` takes single events that are in that order already.

Order between processes: what is drained last may be newer than what is drained first, so an event is held
back until everything drained is newer than it, which is so one sweep over all processes later. What one
process did because of another is then always seen after it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter

from ipcsim.analysis import verdicts
from ipcsim.analysis.batch import Batch
from ipcsim.analysis.livelock import Livelock
from ipcsim.analysis.operations import Operations
from ipcsim.analysis.properties import FinalState, Properties
from ipcsim.analysis.races import RaceDetector
from ipcsim.analysis.starvation import Overtaking
from ipcsim.analysis.table import Entry, Table
from ipcsim.analysis.tracker import Tracker
from ipcsim.program import Program, names
from ipcsim.program.instructions import Assert, Crash, Exit
from ipcsim.snapshot import ProcessState, Status
from ipcsim.trace import Event, EventKind, head
from ipcsim.verdict import Finding

_DIED = int(EventKind.DIED)
_DATA = int(EventKind.DATA)
_ASLEEP_AFTER = 1_000_000_000  # ns in one call without timeout before it counts as sleeping for sure
_LASTING = (EventKind.BEGIN, EventKind.END, EventKind.STEP)
_first = _time = itemgetter(0)


class Monitor:
    """What is known of a run so far. `exact`: events come in the order of their effects, one process
    moving at a time (a controlled scheduler).

    While the run goes on, `confirms` asks the kernel whether a process really can do nothing by itself.
    """

    def __init__(self, program: Program, exact: bool = False) -> None:
        self.program = program = names.unified(program)
        self._exact = exact
        operations = self._operations = Operations(program)
        self.overtaking = Overtaking(program, None, operations, exact)
        self._table = Table(program, operations, self.overtaking.requests)
        self._tracker = Tracker(program, operations, self._table)
        self.races = RaceDetector(program, operations, exact)
        self.properties = Properties(program, exact, operations)
        self.livelock = Livelock(program, sleeps=self._sleeps)
        self.confirms: Callable[[ProcessState], bool] | None = None
        self._findings: list[Finding] = []
        self._leftover: dict[int, bytes] = {}
        self._wanted: list[dict[int, bool]] = [{} for _ in program.processes]
        self._held: list[Event] = []
        self.uncaught: list[tuple[int, int, int]] = []  # process, pc, errno: nothing handled it
        self._newest = 0
        self._exactly_overtaken = exact and self.overtaking.needed
        self._in_order = self.races.needed or self.properties.needed or self._exactly_overtaken

    # --- single events ---

    def feed(self, event: Event) -> None:
        """The next event in the order of time."""
        self._newest = max(self._newest, event.time)
        if event.kind in (EventKind.DATA, EventKind.STALL):
            return
        word = head(event.kind, event.pc, event.errno)
        entry = self._table.entry(event.process, word)
        self._tracker.last(event)
        if not entry.dull:
            self._take(event.process, entry, 1)
            if entry.varying:
                self._tracker.varying(event)
            if entry.failure:
                self._take_failure(event)
        if self.livelock.needed:
            self.livelock.count(event.process, {word: 1}, entry.steps, entry.progress, entry.change)
            self._settle_livelock()
        self._in_turn(event)

    # --- batches ---

    def feed_batch(self, batches: Sequence[tuple[int, bytes]]) -> None:
        """Records as drained in one sweep over the processes: (process, whole records in its order)."""
        ready = [batch for process, raw in batches if (batch := self._whole(process, raw)) is not None]
        newest, sweep = self._newest, False
        for batch in ready:
            newest = max(newest, batch.time(len(batch) - 1))
            # a death is told from outside: that is no sweep over the processes
            sweep |= batch.heads[-1] & 0xFF != _DIED
            self._move(batch)
        for batch in ready:
            self._count(batch)
        if sweep:
            if self._held:
                self._held.sort(key=_time)
                self._release(self._newest)
            self.overtaking.settle()
        self._newest = newest
        self._settle_livelock()

    def _whole(self, process: int, raw: bytes) -> Batch | None:
        """The records with what was left of the last batch; DATA whose event is still to come is left."""
        left = self._leftover.pop(process, None)
        batch = Batch(process, left + raw if left else raw)
        if len(batch) and batch.heads[-1] & 0xFF == _DATA:
            tail = self._leftover[process] = batch.trailing_data()
            batch = Batch(process, batch.raw[: len(batch.raw) - len(tail)])
        return batch if len(batch) else None

    def _move(self, batch: Batch) -> None:
        """Take in where the process is now; before anything is counted, so that a wait that is over is."""
        place = len(batch) - 1
        while place >= 0 and batch.heads[place] & 0xFF not in _LASTING:
            place -= 1
        if place < 0:
            return
        latest = batch.event(place)
        self._tracker.last(latest)
        if self._exact or not self.overtaking.needed:
            return
        entry = self._table.entry(batch.process, batch.heads[place])
        if entry.kind == EventKind.BEGIN and entry.request is not None:
            self.overtaking.begin_in_window(latest.process, latest.pc, latest.time, entry.request)
        else:
            self.overtaking.end(latest.process, latest.time)

    def _count(self, batch: Batch) -> None:
        process, row = batch.process, self._table.rows[batch.process]
        steps, progress, change, some = 0, False, False, []
        for word, times in batch.counts.items():
            entry = row.get(word) or self._table.entry(process, word)
            steps += entry.steps * times
            if not entry.dull:
                some.append((batch.last[word], entry, times))
                progress |= entry.progress
                change |= entry.change
        some.sort(key=_first)
        for where, entry, times in some:
            self._take(process, entry, times, counted=True)
            if entry.failure:
                self._take_failure(batch.event(where))
        if any(entry.varying for _, entry, _ in some):
            self._take_varying_batch(batch, row)
        if self.livelock.needed:
            self.livelock.count(process, batch.counts, steps, progress, change)
        if self._in_order:
            self._hold(batch)

    def _take(self, process: int, entry: Entry, times: int, counted: bool = False) -> None:
        """What records of this head mean, `times` over."""
        self._tracker.phase(process, entry.phase)
        if entry.locks:
            self._tracker.locks(process, entry.pc, entry.locks, times)
        if entry.control:
            self._tracker.control(process, entry.pc)
        if counted and not self._exact and self.overtaking.needed:
            if entry.request is not None and entry.kind == EventKind.END:
                self.overtaking.served(process, entry.request, times)
            elif entry.kind == EventKind.DIED:
                self.overtaking.end(process, self._newest)

    def _take_varying_batch(self, batch: Batch, row: dict[int, Entry]) -> None:
        words = {word for word in batch.counts if row[word].varying}
        for place, word in enumerate(batch.heads):
            if word in words:
                self._tracker.varying(batch.event(place))

    # --- ends ---

    def _take_failure(self, event: Event) -> None:
        """An end, good or bad, or an assertion."""
        track = self._tracker.tracks[event.process]
        process, pc = event.process, event.pc
        if event.kind is EventKind.DIED:
            self._died(event)
            return
        instruction = self.program.instruction(process, pc)
        if event.kind is EventKind.END:
            track.failed = True
            self.uncaught.append((process, pc, event.errno))
            self._findings.append(verdicts.uncaught_errno(self.program, process, pc, event.errno))
        elif event.errno:
            track.failed = True
            text = event.data.rstrip(b"\0").decode("utf-8", "replace")
            self._findings.append(verdicts.evaluation_error(self.program, process, pc, text))
        elif isinstance(instruction, Assert):
            if not event.a:
                track.failed = True
                self._findings.append(verdicts.failed_assertion(self.program, process, pc))
        elif isinstance(instruction, Crash):
            track.crashing = True
        elif isinstance(instruction, Exit):
            track.exited = True

    def _died(self, event: Event) -> None:
        process, code = event.process, event.a
        track = self._tracker.tracks[process]
        if code < 0 and event.b:
            self._findings.append(verdicts.killed_by_schedule(self.program, process, track.pc, track.in_call))
        elif code < 0 and track.crashing:
            self._findings.append(verdicts.crash(self.program, process, track.pc))
        elif code < 0 and verdicts.sends(self.program, process, -code):
            self._findings.append(verdicts.killed_by_order(self.program, process, track.pc, -code))
        elif code < 0:
            track.failed = True
            self._findings.append(verdicts.killed(self.program, process, track.pc, -code, track.in_call))
        elif code > 0 and not (track.failed or track.exited):
            track.failed = True
            self._findings.append(verdicts.ended_unexpectedly(self.program, process, track.pc, code))
        self._tracker.died(process)
        self.livelock.ended(process)

    # --- in the order of time ---

    def _hold(self, batch: Batch) -> None:
        wanted = self._wanted[batch.process]
        for word in batch.counts:
            if word not in wanted:
                wanted[word] = self._is_wanted(batch.process, word)
        self._held += [batch.event(i) for i, word in enumerate(batch.heads) if wanted[word]]

    def _is_wanted(self, process: int, word: int) -> bool:
        kind, pc = word & 0xFF, word >> 8 & 0xFFFFFFFF
        if kind in (EventKind.DATA, EventKind.STALL):
            return False
        code = self.program.code(process)
        instruction = code[pc] if pc < len(code) else None
        return (
            self.races.needed
            or (self.properties.needed and self.properties.concerns(kind, instruction))
            or (self._exactly_overtaken and kind != EventKind.STEP)
        )

    def _release(self, horizon: int | None) -> None:
        """Hand on what is not newer than `horizon`, in order; None: everything."""
        end = len(self._held) if horizon is None else bisect_right(self._held, horizon, key=_time)
        ready, self._held = self._held[:end], self._held[end:]
        for event in ready:
            self._in_turn(event)

    def _in_turn(self, event: Event) -> None:
        if self.properties.needed:
            self.properties.feed(event)
        if self.races.needed:
            self.races.feed(event)
        if self._exactly_overtaken:
            self.overtaking.feed(event)

    def _settle_livelock(self) -> None:
        if self.livelock.needed:
            self.livelock.settle()

    def _sleeps(self, process: int) -> bool:
        """Whether it is in a call that only others can end; by the kernel, where there is one to ask."""
        track = self._tracker.tracks[process]
        state = self._tracker.state(process, Status.BLOCKED)
        if self.confirms is not None:
            return self.confirms(state)
        if state.wait is None or state.timed:
            return False
        return self._exact or self._newest - track.time >= _ASLEEP_AFTER

    # --- what is known ---

    def in_call(self, process: int) -> bool:
        """Whether the process has begun a kernel call that has not ended."""
        return self._tracker.tracks[process].in_call

    def ended_by_itself(self, process: int) -> bool:
        """Whether it reached an `exit` step (or the end of its code)."""
        return self._tracker.tracks[process].exited

    def is_leaving(self, process: int) -> bool:
        """Whether it has done its last step and its end is not known yet."""
        track = self._tracker.tracks[process]
        return not track.died and (track.exited or track.crashing or track.failed)

    def process_state(self, process: int, status: Status) -> ProcessState:
        """The process for a snapshot; `status` is what the caller knows of it."""
        return self._tracker.state(process, status)

    @property
    def stop(self) -> bool:
        """Whether something was found that ends the run."""
        return self.properties.found or self.livelock.found or self.overtaking.found

    def at_rest(self) -> None:
        """Nothing moves (in a controlled run, between two turns): everything that was fed can be judged."""
        self._held.sort(key=_time)
        self._release(None)
        self.properties.at_rest()

    def findings(self) -> tuple[Finding, ...]:
        """Everything found so far."""
        return (
            *self._findings,
            *self.races.findings(),
            *self.properties.findings(),
            *self.livelock.findings(),
            *self.overtaking.findings(),
        )

    def finish(self, final: FinalState | None) -> tuple[Finding, ...]:
        """Everything found in the run, which is over. `final` are the values at the end where every
        process has ended; what must hold at the end is judged if all did so by themselves."""
        self.at_rest()
        found = self.findings()
        if final is not None and self._all_ended:
            found += self.properties.at_end(final)
        return found

    @property
    def _all_ended(self) -> bool:
        """Whether everybody ended by itself; who was never spawned has nothing left to do."""
        families, processes = self.program.families, self.program.processes
        return all(
            track.exited or (families[p.family].spawned and not track.seen)
            for p, track in zip(processes, self._tracker.tracks, strict=True)
        )

    def not_judged(self, finished: bool) -> tuple[str, ...]:
        """The properties that this run could say nothing of, and why, as sentences."""
        return self.properties.not_judged(finished and self._all_ended)


def judge(program: Program, events: Iterable[Event], exact: bool = False) -> tuple[Finding, ...]:
    """The findings of a whole trace, its events in the order of time; deadlocks and what only the end
    shows (properties `at_end`, leaks) are not among them."""
    monitor = Monitor(program, exact)
    for event in events:
        monitor.feed(event)
    return monitor.finish(None)
