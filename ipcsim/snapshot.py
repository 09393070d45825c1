"""Snapshot: the whole system at one instant, from whichever source (a run, a trace, the model).

The analysis reads nothing else, so a deadlock means the same thing wherever it is found.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ipcsim.errors import Location


class Status(StrEnum):
    RUNNING = "running"  # can take a step by itself (also: in a pause, or at a scheduler's gate)
    BLOCKED = "blocked"  # asleep in the kernel, in the call that `wait` describes
    STOPPED = "stopped"  # by SIGSTOP; it goes on once somebody sends it SIGCONT
    UNBORN = "not started"  # waits for another process to spawn it
    ENDED = "ended"  # exited by itself
    DEAD = "dead"  # killed by a signal, crashed, or ended by an error


@dataclass(frozen=True, slots=True)
class SemaphoreWait:
    """Asleep in a semop; `operations` are (semaphore number, delta) in array order."""

    set: int
    operations: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class SendWait:
    """Asleep in msgsnd of `size` bytes with type `type`: the queue is full."""

    queue: int
    type: int
    size: int


@dataclass(frozen=True, slots=True)
class ReceiveWait:
    """Asleep in msgrcv asking for `type` (0, > 0, < 0); `exclude` is MSG_EXCEPT."""

    queue: int
    type: int
    exclude: bool = False


Wait = SemaphoreWait | SendWait | ReceiveWait


@dataclass(frozen=True, slots=True)
class Holding:
    """Units of a semaphore that a process took and has not given back, and where it last took one."""

    set: int
    number: int
    units: int
    since: Location


@dataclass(frozen=True, slots=True)
class ProcessState:
    """One process. `pc` is the instruction it is in or about to do next (what it *may still do* is
    computed from there; a blocked process has its blocking call still to do). `timed`: its call has
    a timeout, so it will wake by itself. `since` is when it blocked (CLOCK_MONOTONIC, ns). `failed`: what
    ended it is a finding of its own (an assertion, an error, a signal that nobody asked for)."""

    process: int
    status: Status
    pc: int
    wait: Wait | None = None
    timed: bool = False
    phase: str | None = None
    holds: tuple[Holding, ...] = ()
    since: int | None = None
    failed: bool = False


@dataclass(frozen=True, slots=True)
class QueueState:
    """msg_qnum, msg_cbytes, msg_qbytes, and the types of the messages in order where known."""

    messages: int
    bytes: int
    capacity: int
    types: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`semaphores[i]` are the values of set i, `queues[i]` the state of queue i; None: it is removed
    or not (yet) created. `time` is CLOCK_MONOTONIC in ns, or a step number."""

    time: int
    processes: tuple[ProcessState, ...]
    semaphores: tuple[tuple[int, ...] | None, ...]
    queues: tuple[QueueState | None, ...]
