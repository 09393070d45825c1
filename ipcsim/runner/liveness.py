"""Whether the supervisor of a run still exists.

In one pid namespace the pid and the start time of a process name it for ever. From another one that
pid is somebody else, or nobody; so a supervisor also holds a lock (flock(2)) on its manifest, which the
kernel gives up with it and which everybody sees who can open the file. A run that can be judged by neither
is taken to go on.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

_held: dict[Path, int] = {}  # the descriptors by which this process holds the locks of its runs


def start_time(pid: int | str) -> int | None:
    """When the process started (clock ticks since boot): with the pid it names a process for ever.

    None where it is gone; a zombie is, though nobody has reaped it (in a container perhaps nobody will).
    """
    try:
        line = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    state, *rest = line.rpartition(")")[2].split()
    return None if state in "ZX" else int(rest[18])


def pid_namespace() -> str | None:
    """The pid namespace of this process, as in `pid:[4026531836]`; None where /proc shows another one's
    processes (unshare(1) without --mount-proc), or nothing: no pid found there means anything here."""
    try:
        if os.readlink("/proc/self") != str(os.getpid()):
            return None
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return None


def claim(path: Path) -> bool:
    """Hold the lock of a manifest until `release`; False where its file system has no locks."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        return False
    _held[path] = fd
    return True


def release(path: Path) -> None:
    """Give up what `claim` has got; also where that was nothing."""
    if (fd := _held.pop(path, None)) is not None:
        os.close(fd)


def goes_on(path: Path, pid: int, started: int, namespace: str | None, locked: bool) -> bool:
    """Whether the supervisor `pid` of that pid namespace, which `locked` the manifest at `path`, may still
    exist."""
    if namespace is not None and namespace == pid_namespace():
        return start_time(pid) == started
    return not locked or _is_held(path)


def _is_held(path: Path) -> bool:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared: who asks at the same time is no owner
    except OSError:
        return True
    finally:
        os.close(fd)
    return False
