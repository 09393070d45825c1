"""One run while it goes on: rings, launcher, trace and monitor, and what is known of each process.

A session only collects; who decides is `supervisor` (free runs) or `turns` (controlled runs).
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from ipcsim import shortages
from ipcsim.analysis.monitor import Monitor
from ipcsim.errors import EnvironmentProblem
from ipcsim.program import Program, RunSettings, Scheduler, names
from ipcsim.program.instructions import Lifecycle, ObjectCall, ObjectKind, ObjectRef, Signal
from ipcsim.runner import objects
from ipcsim.runner.client import Launcher
from ipcsim.runner.probe import asleep, run_state
from ipcsim.runner.rings import BORN, HEAD, PID, TAIL, WORDS, Rings
from ipcsim.snapshot import ProcessState, SemaphoreWait, Snapshot, Status, Wait
from ipcsim.trace import RECORD, STOPPED, EventKind, TraceWriter, head
from ipcsim.verdict import Outcome


def size_word(size: int) -> str:
    """`200 MB`, in the unit that says it shortest."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size % factor == 0:
            return f"{size // factor:,} {unit}"
    return f"{size:,} bytes"


START_TIMEOUT = 120.0  # seconds for creating the objects and forking the workers


def object_of(wait: Wait) -> ObjectRef:
    """The object that a wait is about."""
    if isinstance(wait, SemaphoreWait):
        return ObjectRef(ObjectKind.SEMAPHORES, wait.set)
    return ObjectRef(ObjectKind.QUEUE, wait.queue)


@dataclass(frozen=True, slots=True)
class Progress:
    """What a display may show of a run: seconds since the start, events so far, and a way to look."""

    elapsed: float
    events: int
    running: int
    snapshot: Callable[[], Snapshot]


@dataclass
class Ending:
    """Why a run was stopped before every process had ended by itself; all False where none was."""

    deadlock: bool = False
    finding: bool = False
    timeout: bool = False
    duration: bool = False
    interrupted: bool = False
    schedule: bool = False  # the schedule to replay was over, or could not be followed
    launcher: bool = False  # the launcher died

    @property
    def early(self) -> bool:
        return any(vars(self).values())


@dataclass
class Session:
    """See the module. `codes[p]` is the exit code (or −signal) of a process that is gone."""

    program: Program
    settings: RunSettings
    seed: int
    rings: Rings
    launcher: Launcher
    monitor: Monitor
    trace: TraceWriter | None
    started: float = 0.0
    codes: dict[int, int] = field(default_factory=dict)
    ids: dict[ObjectRef, int] = field(default_factory=dict)
    _named: dict[ObjectRef, int] = field(default_factory=dict)  # when (ns) a process found that id
    events: int = 0
    changes: int = 0  # goes up with everything new: a batch of events, an exit
    ending: Ending = field(default_factory=Ending)
    trace_problem: str = ""
    _trace_full: bool = False
    progress: Callable[[Progress], None] | None = None
    ordered_deaths: set[int] = field(default_factory=set)  # whom the schedule to replay has killed
    killed: tuple[int, ...] = ()  # who had not ended when the run was stopped
    stopped_after: float = 0.0  # seconds
    last_seen: dict[int, ProcessState] = field(default_factory=dict)  # where those were then
    stopped: frozenset[int] = frozenset()  # by SIGSTOP, when last looked for
    _next_progress: float = 0.0
    _alive: list[int] = field(default_factory=list)
    _alive_when: tuple[int, int] = (-1, -1)  # how many were unborn and gone when `_alive` was made
    _unborn: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._names = names.groups(self.program)
        stopping = {
            i.family
            for f in self.program.families
            for i in f.code
            if isinstance(i, Signal) and i.signal == "SIGSTOP"
        }
        self._stoppable = [p.number for p in self.program.processes if p.family in stopping]
        self._unborn = [p.number for p in self.program.processes if self.program.families[p.family].spawned]

    _stoppable: list[int] = field(default_factory=list)  # whom the scenario may stop
    _words: bytes = b""  # all control words when the rings were last found empty

    # --- start ---

    def wait_until_ready(self) -> None:
        """Until every worker is forked. Raises what `objects.explain_failure` makes of a failure."""
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline and not self.ending.interrupted:
            for message in self.launcher.replies(0.1):
                if "failed" in message:
                    kind, number, errno, text = message["failed"]
                    ref = ObjectRef(ObjectKind(kind), number)
                    raise objects.explain_failure(self.program, ref, errno, text)
                if "created" in message:
                    for kind, number, made in message["created"]:
                        self._learn(ObjectRef(ObjectKind(kind), number), made, 0)
                if "ready" in message:
                    return
                self._take(message)
            if self.launcher.gone:
                raise EnvironmentProblem(
                    f"the launcher ended before the run could start: it was killed, or {shortages.memory()}"
                )
        if not self.ending.interrupted:
            raise EnvironmentProblem(f"the workers were not started within {START_TIMEOUT:.0f} s")

    def go(self) -> None:
        self.started = time.monotonic()
        self.launcher.send(go=True)

    # --- what happens ---

    def collect(self, seconds: float = 0.0) -> bool:
        """Take replies (waiting up to `seconds`) and drain the rings; True where anything was new."""
        replies = self.launcher.replies(seconds)
        # an exit is reported after the worker's last record: drain before the exits are booked
        moved = self.drain()
        for message in replies:
            self._take(message)
        if self.launcher.gone and self.alive:
            self.ending.launcher = True
        return moved or bool(replies)

    def drain(self) -> bool:
        """Move what the workers wrote to the trace and to the monitor."""
        control = self.rings.control
        if (words := control.tobytes()) == self._words:
            return False  # nobody has written a record: the commonest case by far
        batch: list[tuple[int, bytes]] = []
        for process in range(len(self.program.processes)):
            at = process * WORDS
            if control[at + HEAD] != control[at + TAIL]:
                batch += [(process, raw) for raw in self.rings.take(process)]
        if not batch:
            self._words = words
            return False
        self._book(batch)
        return True

    def _book(self, batch: list[tuple[int, bytes]]) -> None:
        self.changes += 1
        self.events += sum(len(raw) for _, raw in batch) // RECORD.size
        if self.trace is not None and not self._trace_full:
            try:
                for process, raw in batch:
                    self.trace.records(process, raw)
            except OSError as error:
                self._lose_trace(error)
            else:
                self._limit_trace(self.trace.size)
        self.monitor.feed_batch(batch)
        self._note_created(batch)

    def flush(self) -> None:
        """Put what was recorded so far on disk, where it survives us."""
        if self.trace is not None:
            try:
                self.trace.flush()
            except OSError as error:
                self._lose_trace(error)

    def _limit_trace(self, size: int) -> None:
        """A run may take long, and write a million events a minute: from its limit on the trace gets no more,
        but what is judged is the whole run."""
        limit = self.settings.trace_limit
        if size >= limit:
            self._trace_full = True
            self.trace_problem = (
                f"the trace ends after {self.elapsed:.1f} s, at its limit of {size_word(limit)} "
                "(`trace_limit`); what is said here is of the whole run"
            )

    def _lose_trace(self, error: OSError) -> None:
        """A full disk must not end the run: it goes on without a trace and says so."""
        self.trace_problem = f"the trace could not be written: {error.strerror}"
        if self.trace is not None:
            with suppress(OSError):  # closing flushes, which fails as well
                self.trace.close()
        self.trace = None

    def _note_created(self, batch: list[tuple[int, bytes]]) -> None:
        """Learn the ids of objects that processes create or find themselves."""
        if all(o.created_by_run for _, o in self.program.objects()):
            return
        for process, raw in batch:
            for when, word, result, _ in RECORD.iter_unpack(raw):
                if word & 0xFF != EventKind.END or word >> 40:
                    continue
                instruction = self.program.instruction(process, word >> 8 & 0xFFFFFFFF)
                if not isinstance(instruction, ObjectCall) or instruction.action not in (
                    Lifecycle.CREATE,
                    Lifecycle.OPEN,
                ):
                    continue
                self._learn(instruction.object, result, when)

    def _learn(self, ref: ObjectRef, found: int, when: int) -> None:
        """The id of an object, under each of its names. The batch is not in the order of time, and an object
        may be made anew by another process."""
        for name in self._names[ref]:
            if when >= self._named.get(name, 0):
                self._named[name] = when
                self.ids[name] = found

    def _take(self, message: dict[str, Any]) -> None:
        if "cannot" in message:
            raise EnvironmentProblem(message["cannot"])
        if "exit" not in message:
            return
        process, code = message["exit"]
        if code == shortages.EXIT and not self.monitor.ended_by_itself(process):
            name = self.program.processes[process].name
            raise EnvironmentProblem(f"{name} could not go on: {shortages.memory()}")
        self.codes[process] = code
        ordered = int(process in self.ordered_deaths and code == -signal.SIGKILL)
        record = RECORD.pack(time.monotonic_ns(), head(EventKind.DIED, 0), code, ordered)
        self._book([(process, record)])

    # --- what is ---

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self.started

    @property
    def alive(self) -> list[int]:
        """The processes that have been started and are not gone. One that is just being spawned counts:
        from the call on it may do what others wait for."""
        if self._unborn:
            control = self.rings.control
            self._unborn = [p for p in self._unborn if not control[p * WORDS + BORN]]
        known = (len(self._unborn), len(self.codes))
        if known != self._alive_when:
            self._alive_when = known
            unborn = set(self._unborn)
            everybody = range(len(self.program.processes))
            self._alive = [p for p in everybody if p not in self.codes and p not in unborn]
        return self._alive

    @property
    def unborn(self) -> list[int]:
        """The processes that wait for somebody to `spawn` them."""
        if self._unborn:
            _ = self.alive  # looks who has been started since
        return self._unborn

    def pid(self, process: int) -> int:
        return int(self.rings.control[process * WORDS + PID])

    def written(self, process: int) -> int:
        """How many records the process has written: unchanged while it sleeps."""
        return int(self.rings.control[process * WORDS + HEAD])

    def state(self, process: int) -> ProcessState:
        """What the rings tell of a process; a process in a call counts as blocked until disproved."""
        return self.monitor.process_state(process, self._status(process))

    def _status(self, process: int) -> Status:
        code = self.codes.get(process)
        if process in self.unborn:
            return Status.UNBORN
        if code is None and process in self.stopped:
            return Status.STOPPED
        if code is None:
            return Status.BLOCKED if self.monitor.in_call(process) else Status.RUNNING
        return Status.ENDED if self.monitor.ended_by_itself(process) else Status.DEAD

    def find_stopped(self) -> bool:
        """Ask the kernel who is stopped of those whom the scenario may stop; whether that has changed."""
        if not self._stoppable:
            return False
        alive = set(self.alive)
        found = frozenset(p for p in self._stoppable if p in alive and run_state(self.pid(p)) == b"T")
        changed, self.stopped = found != self.stopped, found
        return changed

    def sleeps(self, state: ProcessState) -> bool:
        """Whether the kernel confirms that a process sleeps until somebody else acts, and has done so since
        its last record; or that it is stopped, or that nobody has started it yet."""
        process = state.process
        if process in self.unborn or (run_state(self.pid(process)) == b"T" and process in self._stoppable):
            return True
        if process in self.codes or state.wait is None or state.timed:
            return False
        object_id = self.ids.get(object_of(state.wait))
        if object_id is None or asleep(self.pid(process), state.wait, object_id) is None:
            return False
        at = process * WORDS
        return bool(self.rings.control[at + HEAD] == self.rings.control[at + TAIL])

    def snapshot(self) -> Snapshot:
        """All processes by their rings, then the objects by the kernel (in this order: see `deadlock`)."""
        states = tuple(self.state(p) for p in range(len(self.program.processes)))
        return Snapshot(time.monotonic_ns(), states, self._semaphores(), self._queues())

    def _semaphores(self) -> tuple[tuple[int, ...] | None, ...]:
        refs = [ObjectRef(ObjectKind.SEMAPHORES, i) for i in range(len(self.program.sets))]
        return tuple(
            objects.semaphore_values(self.ids[r], self.program.sets[r.number].size) if r in self.ids else None
            for r in refs
        )

    def _queues(self) -> tuple[Any, ...]:
        refs = [ObjectRef(ObjectKind.QUEUE, i) for i in range(len(self.program.queues))]
        return tuple(objects.queue_state(self.ids[r]) if r in self.ids else None for r in refs)

    # --- ends ---

    def time_is_up(self) -> bool:
        """Note and tell whether the run must stop for its time, a signal, a finding or its launcher."""
        if self.settings.duration is not None and self.elapsed >= self.settings.duration:
            self.ending.duration = True
        elif self.elapsed >= self.settings.timeout:
            self.ending.timeout = True
        if self.monitor.stop and self.settings.scheduler is not Scheduler.REPLAY:
            self.ending.finding = True  # a replay goes to the end of its schedule
        self._show()
        return self.ending.early

    def _show(self) -> None:
        now = time.monotonic()
        if self.progress is not None and now >= self._next_progress:
            self._next_progress = now + 0.1
            self.progress(Progress(self.elapsed, self.events, len(self.alive), self.snapshot))

    def stop(self) -> None:
        """Kill what still runs, and take the last events and exits."""
        self.stopped_after = self.elapsed
        self.killed = tuple(self.alive)
        self.last_seen = {p: self.state(p) for p in self.killed}
        self._note_stop()
        for message in self.launcher.stop():
            self.drain()
            # what we killed ourselves is no event of the run, nor that of whom somebody has spawned since
            if "exit" not in message or message["exit"][1] != -signal.SIGKILL:
                self._take(message)
        self.drain()
        self.killed = tuple(p for p in self.killed if p not in self.codes)

    def _note_stop(self) -> None:
        """From here on who is left is killed: what the trace has after this is not the scenario's doing."""
        if self.trace is None or not self.killed:
            return
        try:
            self.trace.note({"note": STOPPED, "time": time.monotonic_ns()})
        except OSError as error:
            self._lose_trace(error)

    def seal(self, outcome: Outcome) -> Outcome:
        """Write the outcome into the trace and close it; the outcome, with what went wrong in that."""
        if self.trace is None:
            return outcome
        try:
            self.trace.outcome(outcome.as_json())
            self.trace.close()
        except OSError as error:
            self._lose_trace(error)
            remarks = [self.trace_problem, *outcome.extra["remarks"]]
            return replace(outcome, extra={**outcome.extra, "trace": None, "remarks": remarks})
        return outcome
