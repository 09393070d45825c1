"""A controlled run: real processes, one visible instruction at a time.

Every worker stops at a gate before each visible instruction. The loop here lets everything come to
rest (each process at its gate, asleep in the kernel, or gone), asks the scheduler for one of the
possible steps, and gives that process its turn by a futex, never by the scenario's own objects.

Whom a step wakes is the kernel's choice. After a step that can wake somebody, everyone asleep is asked
about again, so that the next choice is made from a state that no longer moves.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

from ipcsim.errors import Location
from ipcsim.program.instructions import Choose, KernelCall, Signal, Spawn
from ipcsim.runner.deadlock import DeadlockWatch
from ipcsim.runner.probe import asleep, has_pending, run_state
from ipcsim.runner.rings import ATPC, GATE, GRANT, ORDER, STRIKE, WORDS
from ipcsim.runner.schedulers import ReplayScheduler, Scheduler
from ipcsim.runner.session import Session, object_of
from ipcsim.schedule import Choice, Schedule
from ipcsim.snapshot import Status
from ipcsim.sysv import process as sysv_process

SPIN, LONGEST_SPIN = 0.00005, 0.004  # seconds to wait for a worker before asking whether it sleeps
LONGEST_DELIVERY = 2.0  # seconds that a signal may take to be delivered on a busy machine
LOOK_AGAIN = 100  # turns after which a deadlock of some is looked for while others go on
STOPPING = 0.01  # seconds from the delivery of SIGSTOP until the process shows as stopped


class Turns:
    """Gives the turns; `taken` are the choices so far, `refused` why the schedule could not go on."""

    def __init__(self, session: Session, watch: DeadlockWatch, scheduler: Scheduler) -> None:
        self._session, self._watch, self._scheduler = session, watch, scheduler
        self._given = [0] * len(session.program.processes)
        self._asleep: set[int] = set()
        self._stopped: set[int] = set()
        self._signals = any(isinstance(i, Signal) for f in session.program.families for i in f.code)
        self._changed = False  # somebody fell asleep, or was stopped, since the last look for a deadlock
        self.taken: list[Choice] = []
        self.refused: tuple[int, Choice] | None = None  # the step of the schedule that was not possible
        self._refused_state = ""
        self._refused_at: Location | None = None

    @property
    def schedule(self) -> Schedule:
        return Schedule(tuple(self.taken))

    def play(self, heartbeat: Callable[[], None]) -> None:
        """Until every process has ended, or something ends the run."""
        session = self._session
        for process in list(session.alive):
            self._settle(process)
        while session.alive and not self._over():
            heartbeat()
            possible = self._possible()
            if self._turn_to_look() and (self._asleep or self._stopped):
                self._changed = False
                if self._watch.confirm():
                    session.ending.deadlock = True
                    return
            if not possible:
                # everyone sleeps, and yet it is no deadlock (a signal, a kernel still busy): look again
                self._changed = True
                session.collect(0.002)
                self._settle_sleepers()
                continue
            choice = self._scheduler.choose(possible)
            if choice is None:
                self._note_refusal()
                session.ending.schedule = True
                return
            self._take(choice)

    def _over(self) -> bool:
        """Whether the run must stop here, between two turns: judged by everything that has happened."""
        self._session.monitor.at_rest()
        return self._session.time_is_up()

    def _turn_to_look(self) -> bool:
        """Whether a deadlock may be new: somebody has come to rest, or others may have gone past what would
        have helped."""
        return self._changed or len(self.taken) % LOOK_AGAIN == LOOK_AGAIN - 1

    def _note_refusal(self) -> None:
        """Keep what the explanation needs, before the processes are killed."""
        self.refused = getattr(self._scheduler, "refused", None)
        if self.refused is None or self.refused[1].process >= len(self._given):
            return
        process = self.refused[1].process
        if process in self._session.codes:
            self._refused_state = "has ended"
            return
        instruction = self._session.program.instruction(process, self._session.state(process).pc)
        self._refused_at = instruction.at
        if process in self._asleep:
            self._refused_state = f"sleeps in `{instruction.text}` and nobody has woken it"
        else:
            self._refused_state = f"is about to do `{instruction.text}`, where there is no such choice"

    def explain_refusal(self) -> tuple[str, Location | None]:
        """What the process of the refused step was doing instead, and where."""
        return self._refused_state, self._refused_at

    def _possible(self) -> list[Choice]:
        """Every step that could be taken now, in the order of the processes."""
        found: list[Choice] = []
        upcoming = self._scheduler.upcoming if isinstance(self._scheduler, ReplayScheduler) else None
        if upcoming is not None and upcoming.dies and upcoming.process in self._session.alive:
            return [upcoming]  # anybody may be killed at any time, but only a schedule orders it
        for process in self._session.alive:
            if process in self._stopped:
                continue
            if process in self._asleep:
                if self._session.state(process).timed:
                    found.append(Choice(process, timeout=True))
                continue
            instruction = self._next(process)
            if isinstance(instruction, Choose):
                found += [Choice(process, k) for k in range(len(instruction.targets))]
            else:
                found.append(Choice(process))
        return found

    def _next(self, process: int) -> object:
        control = self._session.rings.control
        return self._session.program.instruction(process, control[process * WORDS + ATPC])

    def _take(self, choice: Choice) -> None:
        self.taken.append(choice)
        process = choice.process
        if choice.dies:
            self._kill(process)
            return
        if choice.timeout:
            self._strike(process)
            self._asleep.discard(process)
            self._settle(process)
            self._settle_sleepers()
            return
        session, before = self._session, set(self._session.alive)
        instruction = self._next(process)
        control, block = session.rings.control, process * WORDS
        control[block + ORDER] = choice.alternative or 0
        self._given[process] += 1
        control[block + GRANT] = self._given[process]
        sysv_process.futex_wake(self._session.rings.address(process, GRANT))
        self._settle(process)
        if isinstance(instruction, Signal):
            self._wait_for_delivery(instruction)
            self._settle_signalled()
        if isinstance(instruction, Spawn):
            for other in session.alive:
                if other not in before:
                    self._settle(other)
        if isinstance(instruction, KernelCall) or process in session.codes:  # what it held may have gone back
            self._settle_sleepers()

    def _strike(self, process: int) -> None:
        """End a timed call: the worker sees the order and makes EAGAIN of the EINTR."""
        session, block = self._session, process * WORDS
        session.rings.control[block + ORDER] = STRIKE
        arrived = session.rings.control[block + GATE]
        while process in session.alive and session.rings.control[block + GATE] == arrived:
            self._alarm(process)
            sysv_process.futex_wait(session.rings.address(process, GATE), arrived & 0xFFFFFFFF, 0.02)
            session.collect()
        session.rings.control[block + ORDER] = 0

    def _alarm(self, process: int) -> None:
        """SIGALRM straight to the worker: by way of the launcher it would take twice as long, and where a
        time-out is tried again for ever there are thousands."""
        pid = self._session.pid(process)
        try:
            fd = os.pidfd_open(pid)
        except OSError:  # gone: that it was is on its way
            return
        try:
            if self._session.pid(process) == pid:  # cleared before it is reaped: the pid is still its own
                signal.pidfd_send_signal(fd, signal.SIGALRM)
        except ProcessLookupError:
            pass
        finally:
            os.close(fd)

    def _kill(self, process: int) -> None:
        """SIGKILL, and wait until it is gone: what SEM_UNDO gives back is given then."""
        session = self._session
        session.ordered_deaths.add(process)
        session.launcher.signal(process, signal.SIGKILL)
        while process not in session.codes and not session.time_is_up() and not session.ending.launcher:
            session.collect(0.005)
        self._asleep.discard(process)
        self._settle_sleepers()

    def _wait_for_delivery(self, sent: Signal) -> None:
        """kill(2) returns before a signal has done what it does: wait for that, or the next turn may be given
        to somebody who is about to stop, or to die."""
        session, number = self._session, getattr(signal, sent.signal)
        until = time.monotonic() + LONGEST_DELIVERY
        for process in session.alive:
            if session.program.processes[process].family != sent.family or process in self._stopped:
                continue  # a stopped process takes no signal but SIGCONT and SIGKILL, which act at once
            while has_pending(session.pid(process), number) and time.monotonic() < until:
                session.collect(0.0005)
            if number == signal.SIGSTOP:
                self._wait_until_stopped(process)

    def _wait_until_stopped(self, process: int) -> None:
        """The signal is taken, but maybe the state is not yet `T`; who was not meant stays as it is."""
        until = time.monotonic() + STOPPING
        while run_state(self._session.pid(process)) not in (b"T", b"") and time.monotonic() < until:
            self._session.collect(0.0005)

    def _settle_signalled(self) -> None:
        """Find out whom a signal has stopped, continued or killed."""
        session = self._session
        for process in session.alive:
            if not session.pid(process):
                continue  # being spawned this moment, or just gone
            state = run_state(session.pid(process))
            if state == b"T":
                self._changed |= process not in self._stopped
                self._stopped.add(process)
                continue
            if process in self._stopped:
                self._stopped.discard(process)
                self._asleep.discard(process)
                self._settle(process)
            while state in (b"Z", b"X", b"") and process not in session.codes:
                session.collect(0.005)
                state = run_state(session.pid(process))
                session.time_is_up()
                ending = session.ending
                if ending.interrupted or ending.launcher or ending.timeout or ending.duration:
                    return

    def _settle_sleepers(self) -> None:
        for process in sorted(self._asleep):
            self._settle(process)

    def _settle(self, process: int) -> None:
        """Wait until `process` is at its next gate, asleep in a call, or gone."""
        session, block = self._session, process * WORDS
        control = session.rings.control
        gate = session.rings.address(process, GATE)
        spin = SPIN  # doubled each time: on a busy machine a short one keeps the worker from its core
        while process not in session.codes and process not in self._stopped:
            arrived = control[block + GATE]
            if arrived > self._given[process]:
                self._asleep.discard(process)
                session.drain()
                return
            if process not in self._asleep:
                sysv_process.futex_wait(gate, arrived & 0xFFFFFFFF, spin)
                if control[block + GATE] > self._given[process]:
                    continue
            spin = min(spin * 2, LONGEST_SPIN)
            session.collect()
            if self._signals and run_state(session.pid(process)) == b"T":
                self._changed = True
                self._stopped.add(process)
                return
            if self._sleeps(process):
                self._changed |= process not in self._asleep
                self._asleep.add(process)
                return
            if session.time_is_up() or session.ending.launcher:
                return  # a loop of silent steps never comes to a gate
            if process in self._asleep:  # woken: it is on its way to its next gate
                sysv_process.futex_wait(gate, arrived & 0xFFFFFFFF, spin)
        self._asleep.discard(process)

    def _sleeps(self, process: int) -> bool:
        session = self._session
        if process in session.codes or not session.monitor.in_call(process):
            return False
        state = session.state(process)
        if state.status is not Status.BLOCKED or state.wait is None:
            return False
        object_id = session.ids.get(object_of(state.wait))
        if object_id is None:
            return False
        return asleep(session.pid(process), state.wait, object_id) is not None
