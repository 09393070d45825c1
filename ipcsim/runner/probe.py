"""Asks the kernel whether a process really sleeps in the call that its ring names.

/proc lies in several ways (R-3): a stopped or frozen process still shows its system call, and so does one
that has been served but not yet run. So a process counts as asleep only where all of these agree: state S,
the kernel function it waits in, the system call and the object's id. It has slept on where the count of its
voluntary context switches is still the same (R-4).
What this kernel or container does not show is left out, never guessed.
"""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass

from ipcsim.facts.syscalls import CALLS, SLEEPS_IN
from ipcsim.snapshot import ReceiveWait, SemaphoreWait, SendWait, Wait

_CALLS = CALLS.get(platform.machine())
_SHOWS: dict[type, tuple[str, ...]] = {
    SemaphoreWait: ("semop", "semtimedop"),
    SendWait: ("msgsnd",),
    ReceiveWait: ("msgrcv",),
}


@dataclass(frozen=True, slots=True)
class Asleep:
    """A process found asleep in its call, and how often it had gone to sleep until then; or (`state`) one
    found stopped."""

    pid: int
    switches: int
    state: bytes = b"S"


def asleep(pid: int, wait: Wait, object_id: int) -> Asleep | None:
    """A sample of `pid`, or None where it does not (certainly) sleep in `wait` on that object."""
    status = _read(pid, "status")
    state, switches = _state(status)
    if state != b"S":
        return None
    where = _read(pid, "wchan")
    if where not in (b"", b"0") and SLEEPS_IN[_SHOWS[type(wait)][0]] not in where:
        return None
    if not _same_call(_read(pid, "syscall"), wait, object_id):
        return None
    return Asleep(pid, switches)


def unmoved(sample: Asleep) -> bool:
    """Whether the process has slept on since the sample: then it is still in the same call."""
    return _state(_read(sample.pid, "status")) == (sample.state, sample.switches)


def stopped(pid: int) -> Asleep | None:
    """A sample of a process that a signal has stopped, or None where it is not."""
    state, switches = _state(_read(pid, "status")) if pid else (b"", 0)
    return Asleep(pid, switches, state) if state == b"T" else None


def has_pending(pid: int, number: int) -> bool:
    """Whether a signal that was sent to the process has not yet done what it does; False where it is gone."""
    for line in _read(pid, "status").splitlines():
        if line.startswith((b"SigPnd:", b"ShdPnd:")) and int(line.split()[1], 16) >> (number - 1) & 1:
            return True
    return False


def run_state(pid: int) -> bytes:
    """The letter of ps: b"S" asleep, b"T" stopped, b"Z" ended and not yet reaped; b"" gone."""
    return _state(_read(pid, "status"))[0] if pid else b""


def _same_call(line: bytes, wait: Wait, object_id: int) -> bool:
    words = line.split()
    if not words:  # not readable here (Yama, a container): the other signs must do
        return True
    if words[0] == b"running" or len(words) < 3:
        return False
    if _CALLS is None:
        return True
    return _CALLS.get(int(words[0])) in _SHOWS[type(wait)] and int(words[1], 16) & 0xFFFFFFFF == object_id


def _state(status: bytes) -> tuple[bytes, int]:
    """The state letter and the voluntary context switches of a /proc/PID/status text."""
    state = status.find(b"\nState:\t")
    switches = status.find(b"\nvoluntary_ctxt_switches:\t")
    if state < 0 or switches < 0:
        return b"", 0
    end = status.find(b"\n", switches + 1)
    return status[state + 8 : state + 9], int(status[switches + 26 : end])


def _read(pid: int, name: str) -> bytes:
    try:
        fd = os.open(f"/proc/{pid}/{name}", os.O_RDONLY)
    except OSError:
        return b""
    try:
        return os.read(fd, 4096)
    except OSError:
        return b""
    finally:
        os.close(fd)
