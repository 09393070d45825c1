"""What a run needs of the kernel besides IPC: to die with its parent, to wait on a word, to be isolated."""

from __future__ import annotations

import ctypes
import mmap
import os
import platform
import signal

from ipcsim.sysv.libc import LIBC, checked
from ipcsim.sysv.semaphores import Timespec

_prctl = LIBC.prctl  # bound once: workers call it right after the fork, where every page counts
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_FUTEX_WAIT, _FUTEX_WAKE = 0, 1
CLONE_NEWIPC, CLONE_NEWUSER = 0x08000000, 0x10000000
CLONE_SYSVSEM, CLONE_NEWPID = 0x00040000, 0x20000000

# futex(2) has no wrapper in the C library
_FUTEX_NUMBERS = {"x86_64": 202, "aarch64": 98, "riscv64": 98, "ppc64le": 221, "s390x": 238, "i686": 240}
_FUTEX = _FUTEX_NUMBERS.get(platform.machine(), 98)


def die_with_parent(parent: int) -> None:
    """SIGKILL for this process when its parent (pid `parent`) ends, also if it has ended already."""
    if _prctl(_PR_SET_PDEATHSIG, 9) == -1:
        checked(-1, "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:
        os._exit(1)


def outlive_parent() -> None:
    """Undo `die_with_parent`, for a moment in which dying would lose something. Who has been stopped in it
    goes on when the parent ends, and so comes to its end."""
    _prctl(_PR_SET_PDEATHSIG, int(signal.SIGCONT))


def become_subreaper() -> None:
    """Orphans among the descendants become children of this process (prctl(2))."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def address_of(memory: mmap.mmap) -> int:
    """Where the mapping begins in this process's memory."""
    return ctypes.addressof(ctypes.c_char.from_buffer(memory))


def futex_wait(address: int, expected: int, seconds: float | None = None) -> None:
    """Sleep until somebody wakes the 32-bit word at `address`, unless it is no longer `expected`.

    Returns also early (a signal, a spurious wake-up, the time): look at the word again.
    """
    limit = None if seconds is None else ctypes.byref(Timespec.of(seconds))
    LIBC.syscall(
        ctypes.c_long(_FUTEX), ctypes.c_void_p(address), _FUTEX_WAIT, ctypes.c_uint(expected), limit, None, 0
    )


def futex_wake(address: int) -> None:
    """Wake whoever sleeps on the word at `address`."""
    LIBC.syscall(ctypes.c_long(_FUTEX), ctypes.c_void_p(address), _FUTEX_WAKE, 2**31 - 1, None, None, 0)


def unshare(flags: int) -> None:
    """unshare(2); EPERM where this user may not."""
    checked(LIBC.unshare(ctypes.c_int(flags)), "unshare")
