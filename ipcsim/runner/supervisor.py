"""The supervisor: runs a Program from start to verdict.

`run` is the whole of it: start the launcher, watch (a free run here, a controlled one in `turns`),
stop, look at what is left, judge, remove every object. Whatever happens in between, the end is the
same: SIGINT, SIGTERM and SIGHUP only set a flag that the watching loop sees.
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

from ipcsim.analysis.cycles import preload
from ipcsim.analysis.idle import idle
from ipcsim.analysis.monitor import Monitor
from ipcsim.program import Program, RunSettings, Scheduler
from ipcsim.runner import capacity, creating, isolation, judgement, manifest, objects, schedulers
from ipcsim.runner.clean import remove_own
from ipcsim.runner.client import Launcher
from ipcsim.runner.compaction import Compactor
from ipcsim.runner.deadlock import DeadlockWatch
from ipcsim.runner.news import RunNews
from ipcsim.runner.rings import Rings
from ipcsim.runner.session import Ending, Progress, Session
from ipcsim.runner.starving import StarvationWatch
from ipcsim.runner.turns import Turns
from ipcsim.schedule import Schedule
from ipcsim.trace import new_trace
from ipcsim.verdict import Outcome

# seconds between looks at the rings: while records come, when none came, and when none came for long
BUSY_POLL, QUIET_POLL, IDLE_POLL = 0.001, 0.004, 0.010
IDLE_AFTER = 0.2  # seconds
HEARTBEAT = 1.0  # seconds between signs of life in the manifest


def run(
    program: Program,
    *,
    settings: RunSettings | None = None,
    schedule: Schedule | None = None,
    folder: Path | None = None,
    progress: Callable[[Progress], None] | None = None,
    isolate: bool = False,
    shared: bool = False,
) -> Outcome:
    """Run `program` on the real kernel and judge it.

    `folder` is where the trace goes (None: no trace is written); `schedule` makes it a replay.
    `isolate` moves this process into a private IPC namespace first, where it stays: see `isolation`.
    `shared`: its processes may use objects that others made, which is refused otherwise: see `owned`.
    Raises `EnvironmentProblem` where this machine cannot do it; nothing is left behind then.
    """
    settings = settings or program.settings
    if schedule is not None:
        settings = replace(settings, scheduler=Scheduler.REPLAY)
    seed = settings.seed if settings.seed is not None else random.SystemRandom().randrange(2**31)
    objects.check_initial(program)
    capacity.check(program)
    manifest.namespace()  # before anything is moved or made: without /proc there is no run
    scheduler = schedulers.make(program, settings, seed, schedule)
    if isolate:
        isolation.move()
    ending = Ending()
    with _signals_noted(ending):  # before there is anything that a signal could leave behind
        path = manifest.begin(program, isolate)
        try:
            return _Run(
                program, settings, seed, scheduler, path, folder, progress, ending, isolate, shared
            ).outcome()
        finally:
            manifest.finish(path)


class _Run:
    """One run; `outcome` does everything."""

    def __init__(
        self,
        program: Program,
        settings: RunSettings,
        seed: int,
        scheduler: schedulers.Scheduler | None,
        manifest_path: Path,
        folder: Path | None,
        progress: Callable[[Progress], None] | None,
        ending: Ending,
        isolate: bool,
        shared: bool,
    ) -> None:
        self._isolate, self._shared = isolate, shared
        self._program, self._settings, self._seed = program, settings, seed
        self._scheduler, self._manifest = scheduler, manifest_path
        self._folder, self._progress, self._ending = folder, progress, ending
        self._beat = 0.0
        self._noted: dict[int, str] = {}  # the workers that the manifest knows

    def outcome(self) -> Outcome:
        program, settings = self._program, self._settings
        controlled = self._scheduler is not None
        with ExitStack() as ends:  # undone from the last to the first, whatever happens
            trace = None
            if self._folder is not None:
                trace = new_trace(
                    self._folder, program, seed=self._seed, scheduler=str(settings.scheduler),
                    depth=settings.depth, timeout=settings.timeout, duration=settings.duration,
                    isolate=self._isolate, shared=self._shared,
                )  # fmt: skip
                ends.callback(trace.abandon)
            rings = Rings(len(program.processes))
            ends.callback(os.close, rings.fd)
            ends.callback(self._remove_objects, rings.fd)
            self._compactor = Compactor(self._manifest, rings.fd, creating.creators(program))
            watched = [i.watched for i in idle(program)] if program.settings.livelock is not None else []
            launcher = Launcher(
                program, rings.fd, self._seed, controlled, self._manifest, watched, self._shared
            )
            ends.callback(launcher.stop)
            preload()  # while the launcher, on another processor, does the same
            session = Session(
                program, settings, self._seed, rings, launcher, Monitor(program, exact=controlled), trace,
                progress=self._progress, ending=self._ending,
            )  # fmt: skip
            if any(watched):
                session.monitor.livelock.news = RunNews(rings)
            session.monitor.confirms = session.sleeps
            return self._play(session)

    def _play(self, session: Session) -> Outcome:
        """From the start of the workers to the verdict."""
        watch = DeadlockWatch(session)
        turns = Turns(session, watch, self._scheduler) if self._scheduler is not None else None
        session.wait_until_ready()
        self._note_workers(session)
        if session.monitor.properties.follows_values and any(o.persist for _, o in self._program.objects()):
            session.monitor.properties.begin(judgement.values(session))  # it may be older than this run
        session.go()
        if turns is not None:
            turns.play(lambda: self._heartbeat(session))
        else:
            self._watch_free(session, watch)
        duration = session.elapsed
        session.stop()
        final = judgement.FinalLook.take(session, manifest.read(self._manifest))
        return judgement.conclude_run(session, watch, turns, final, duration)

    def _watch_free(self, session: Session, watch: DeadlockWatch) -> None:
        """Until every process has ended, or something ends the run."""
        starving = StarvationWatch(session)
        moved, since = True, time.monotonic()
        while session.alive:
            if moved:
                time.sleep(BUSY_POLL)
                since = time.monotonic()
                moved = session.collect()
            else:
                idle = time.monotonic() - since > IDLE_AFTER
                moved = session.collect(IDLE_POLL if idle else QUIET_POLL)
            if watch.look():
                session.ending.deadlock = True
                return
            starving.look()
            if session.time_is_up():
                return
            self._heartbeat(session)

    def _note_workers(self, session: Session) -> None:
        """Write down which pid is which process, for `ipcsim ipcs`; spawned ones come later."""
        named = {session.pid(p.number): p.name for p in self._program.processes}
        if new := {pid: name for pid, name in named.items() if pid and pid not in self._noted}:
            self._noted |= new
            manifest.note_workers(self._manifest, new)

    def _heartbeat(self, session: Session) -> None:
        """A sign of life in the manifest: objects changed long after the last one are not this run's."""
        now = time.monotonic()
        if now >= self._beat:
            self._beat = now + HEARTBEAT
            self._note_workers(session)
            session.flush()
            with suppress(OSError):
                os.utime(self._manifest)
            self._compactor.look()

    def _remove_objects(self, locks: int) -> None:
        """Remove what the run has made. Where the launcher was killed, a worker may still be making
        something; it ends when that is noted."""
        with creating.kept_out(locks, creating.creators(self._program), creating.PATIENCE):
            remove_own(self._manifest)


@contextmanager
def _signals_noted(ending: Ending) -> Iterator[None]:
    """SIGINT, SIGTERM and SIGHUP end the run in order; outside the main thread Python cannot see them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def note(_number: int, _frame: FrameType | None) -> None:
        ending.interrupted = True

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before: dict[int, Any] = {n: signal.signal(n, note) for n in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
