"""IPC namespaces: which one a process is in, a new one of its own, entering that of another.

ipc_namespaces(7): System V objects belong to a namespace and end with its last process. Making one takes
CAP_SYS_ADMIN: root has it, and so has anybody inside a user namespace of their own (user_namespaces(7)).
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import struct
from pathlib import Path

from ipcsim.sysv.libc import LIBC, checked
from ipcsim.sysv.process import CLONE_NEWIPC, CLONE_NEWUSER, unshare

_NS_GET_ID = 0x8008B70D  # _IOR(0xb7, 13, __u64), linux/nsfs.h from Linux 6.18 on
INITIAL_PID_NAMESPACE = "pid:[4026531836]"  # PROC_PID_INIT_INO


def ipc(pid: int | str = "self") -> str:
    """The IPC namespace of a process, as in `ipc:[4026531839]`; OSError where that is not shown.

    The number may be used again once the namespace is gone.
    """
    return os.readlink(f"/proc/{pid}/ns/ipc")


def unique(pid: int | str = "self") -> int | None:
    """A number for a process's IPC namespace that is never used again; None before Linux 6.18, and where that
    is not shown."""
    try:
        fd = os.open(f"/proc/{pid}/ns/ipc", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    answer = bytearray(8)
    try:
        fcntl.ioctl(fd, _NS_GET_ID, answer)
    except OSError:
        return None
    finally:
        os.close(fd)
    return int(struct.unpack("=Q", answer)[0])


def isolate() -> None:
    """Move this process, which must have one thread, into an IPC namespace of its own.

    Where that takes more rights than there are, into a user namespace as well, in which this user and
    group keep their numbers (whoever is executed from there has no more rights than before). OSError
    where neither is allowed.
    """
    try:
        unshare(CLONE_NEWIPC)
        return
    except OSError as error:
        if error.errno != errno.EPERM:
            raise
    user, group = os.geteuid(), os.getegid()
    unshare(CLONE_NEWUSER | CLONE_NEWIPC)
    Path("/proc/self/setgroups").write_text("deny")  # else gid_map may not be written
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1")


def enter(pid: int) -> None:
    """Move this process, which must have one thread, into the IPC namespace of process `pid`.

    Into its user namespace first where that is another one: whoever made it has every right in it.
    OSError where that is not allowed or the process is gone.
    """
    if os.readlink(f"/proc/{pid}/ns/user") != os.readlink("/proc/self/ns/user"):
        _set_namespace(f"/proc/{pid}/ns/user", CLONE_NEWUSER)
    _set_namespace(f"/proc/{pid}/ns/ipc", CLONE_NEWIPC)


def _set_namespace(path: str, kind: int) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        checked(LIBC.setns(ctypes.c_int(fd), ctypes.c_int(kind)), "setns")
    finally:
        os.close(fd)


def members(namespace: str, number: int | None = None) -> tuple[list[int], bool]:
    """The processes found in an IPC namespace, and whether every process there is could be asked. Where its
    unique `number` is known, too, those are left out that are in a later one of the same name.

    Not everybody can be asked where processes of others hide theirs, or in a pid namespace, from which
    the processes outside are not seen.
    """
    found: list[int] = []
    complete = os.readlink("/proc/self/ns/pid") == INITIAL_PID_NAMESPACE
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            if ipc(name) == namespace and (number is None or unique(name) in (number, None)):
                found.append(int(name))
        except (FileNotFoundError, ProcessLookupError):
            continue
        except OSError:
            complete = False
    return found, complete
