"""Shared memory segments: shmget and shmctl here, attaching by sysv_ipc."""

from __future__ import annotations

import ctypes
import errno
import os
from dataclasses import dataclass
from typing import Any

import sysv_ipc

from ipcsim.sysv import libc
from ipcsim.sysv.libc import LIBC, IpcPerm, checked


class _ShmidDs(ctypes.Structure):
    _fields_ = (
        ("perm", IpcPerm),
        ("size", ctypes.c_size_t),
        ("atime", ctypes.c_long),
        ("dtime", ctypes.c_long),
        ("ctime", ctypes.c_long),
        ("cpid", ctypes.c_int),
        ("lpid", ctypes.c_int),
        ("nattch", ctypes.c_ulong),
        ("_reserved", ctypes.c_ulong * 2),
    )


# sysv_ipc turns errno into classes of its own; this is the way back for shmat(2) and shmdt(2).
_ERRNO_OF = {
    sysv_ipc.PermissionsError: errno.EACCES,
    sysv_ipc.ExistentialError: errno.EINVAL,
    sysv_ipc.NotAttachedError: errno.EINVAL,
    ValueError: errno.EINVAL,
}


def create(key: int, size: int, flags: int) -> int:
    """shmget(2): the id."""
    return checked(LIBC.shmget(ctypes.c_int(key), ctypes.c_size_t(size), ctypes.c_int(flags)), "shmget")


def remove(segment_id: int) -> None:
    """IPC_RMID: gone at the last detach (H-6)."""
    checked(LIBC.shmctl(ctypes.c_int(segment_id), libc.IPC_RMID, None), "shmctl(IPC_RMID)")


def stat(segment_id: int) -> dict[str, int]:
    """IPC_STAT: the fields by their names in shmid_ds, without the prefix."""
    ds = _ShmidDs()
    checked(LIBC.shmctl(ctypes.c_int(segment_id), libc.IPC_STAT, ctypes.byref(ds)), "shmctl(IPC_STAT)")
    names = ("size", "nattch", "cpid", "lpid", "atime", "dtime", "ctime")
    return libc.permissions(ds.perm) | {name: int(getattr(ds, name)) for name in names}


@dataclass(frozen=True, slots=True)
class Attachment:
    """A segment in this process's memory, from `address` on."""

    address: int
    _memory: Any

    def detach(self) -> None:
        try:
            self._memory.detach()
        except (sysv_ipc.Error, ValueError) as error:
            raise _as_oserror(error, "shmdt") from None

    def array(self, kind: type[Any], count: int, offset: int) -> Any:
        """`count` C values of ctypes type `kind` at `offset`: one load or store an access."""
        return (kind * count).from_address(self.address + offset)

    def write(self, raw: bytes, offset: int = 0) -> None:
        ctypes.memmove(self.address + offset, raw, len(raw))

    def read(self, size: int, offset: int = 0) -> bytes:
        return ctypes.string_at(self.address + offset, size)


def attach(segment_id: int, readonly: bool = False) -> Attachment:
    """shmat(2) at an address of the kernel's choice."""
    try:
        memory = sysv_ipc.attach(segment_id, None, libc.SHM_RDONLY if readonly else 0)
    except (sysv_ipc.Error, ValueError) as error:
        raise _as_oserror(error, "shmat") from None
    return Attachment(memory.address, memory)


def _as_oserror(error: Exception, what: str) -> OSError:
    number = _ERRNO_OF.get(type(error), errno.ENOMEM)
    return OSError(number, f"{what}: {os.strerror(number)}")
