"""Shared memory segments: shmget and shmctl here, attaching by sysv_ipc."""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
from dataclasses import dataclass
from typing import Any

import sysv_ipc

from ipcsim.facts import stats
from ipcsim.sysv import libc
from ipcsim.sysv.libc import LIBC, IpcPerm, checked

LIBC.shmat.restype = ctypes.c_void_p
LIBC.mmap.restype = ctypes.c_void_p
_FAILED = ctypes.c_void_p(-1).value


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


def _stat(segment_id: int) -> _ShmidDs:
    ds = _ShmidDs()
    checked(LIBC.shmctl(ctypes.c_int(segment_id), libc.IPC_STAT, ctypes.byref(ds)), "shmctl(IPC_STAT)")
    return ds


def set_mode(segment_id: int, mode: int | None) -> None:
    """IPC_SET of the rights; None leaves them."""
    ds = _stat(segment_id)
    if mode is not None:
        ds.perm.mode = mode
    checked(LIBC.shmctl(ctypes.c_int(segment_id), libc.IPC_SET, ctypes.byref(ds)), "shmctl(IPC_SET)")


def set_owner(segment_id: int, uid: int, gid: int) -> None:
    """IPC_SET of owner and group; the creator stays (K-4)."""
    ds = _stat(segment_id)
    ds.perm.uid, ds.perm.gid = uid, gid
    checked(LIBC.shmctl(ctypes.c_int(segment_id), libc.IPC_SET, ctypes.byref(ds)), "shmctl(IPC_SET)")


def awaits_last_detach(segment_id: int) -> bool:
    """Whether it has been removed and lives only for those attached: `dest` in ipcs(1) (H-6)."""
    return bool(_stat(segment_id).perm.mode & stats.SHM_DEST)


def stat(segment_id: int) -> dict[str, int]:
    """IPC_STAT: the fields by their names in shmid_ds, without the prefix."""
    ds = _stat(segment_id)
    return libc.permissions(ds.perm) | {name: int(getattr(ds, name)) for name in stats.SEGMENT}


# the C types of the scenario language
C_TYPES: dict[str, type[Any]] = {
    "char": ctypes.c_byte, "short": ctypes.c_short, "int": ctypes.c_int,
    "uint": ctypes.c_uint, "long": ctypes.c_longlong,
}  # fmt: skip


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

    def values(self, kind: str, count: int, offset: int) -> Any:
        """The same by the name of the C type: `int`, `long` …"""
        return self.array(C_TYPES[kind], count, offset)

    def write(self, raw: bytes, offset: int = 0) -> None:
        ctypes.memmove(self.address + offset, raw, len(raw))

    def read(self, size: int, offset: int = 0) -> bytes:
        return ctypes.string_at(self.address + offset, size)


def attach(segment_id: int, readonly: bool = False, span: int = 0) -> Attachment:
    """shmat(2) at an address of the kernel's choice.

    Of the first `span` bytes there, those beyond the segment's last page are nobody's: an access is a
    SIGSEGV (H-1), where otherwise something else of the process may be mapped.
    """
    if span > mmap.PAGESIZE and (own := whole_pages(_stat(segment_id).size)) < span:
        return _attach_before_nothing(segment_id, libc.SHM_RDONLY if readonly else 0, own, span)
    try:
        memory = sysv_ipc.attach(segment_id, None, libc.SHM_RDONLY if readonly else 0)
    except (sysv_ipc.Error, ValueError) as error:
        raise _as_oserror(error, "shmat") from None
    return Attachment(memory.address, memory)


def whole_pages(size: int) -> int:
    """How many bytes a segment of `size` bytes has to be used: its last page is there as a whole (H-1)."""
    return -(-size // mmap.PAGESIZE) * mmap.PAGESIZE


def _attach_before_nothing(segment_id: int, flags: int, own: int, span: int) -> Attachment:
    """Reserve the whole span, inaccessible, and put the segment in place of its beginning."""
    flags_of_nothing = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS  # PROT_NONE: it costs no memory
    reserved = LIBC.mmap(None, ctypes.c_size_t(span), 0, flags_of_nothing, -1, 0)
    if reserved == _FAILED:
        checked(-1, "mmap")
    try:
        made = attach_at(segment_id, reserved, flags | libc.SHM_REMAP)
    except OSError:
        LIBC.munmap(ctypes.c_void_p(reserved), ctypes.c_size_t(span))
        raise
    return Attachment(made.address, _Mapping(made.address, own, span))


def attach_at(segment_id: int, address: int | None, flags: int = 0) -> Attachment:
    """shmat(2) at `address` (None: the kernel chooses); `flags`: SHM_RDONLY, SHM_RND, SHM_REMAP."""
    result = LIBC.shmat(ctypes.c_int(segment_id), ctypes.c_void_p(address), ctypes.c_int(flags))
    if result == _FAILED:
        checked(-1, "shmat")
    return Attachment(result, _Mapping(result))


def detach_at(address: int) -> None:
    """shmdt(2): whatever of a segment was attached at exactly this address."""
    checked(LIBC.shmdt(ctypes.c_void_p(address)), "shmdt")


@dataclass(frozen=True, slots=True)
class _Mapping:
    """What `Attachment` needs of sysv_ipc's SharedMemory, for the attachments made by `attach_at`; behind the
    segment's `own` bytes lies what is reserved up to `span`."""

    address: int
    own: int = 0
    span: int = 0

    def detach(self) -> None:
        detach_at(self.address)
        if self.span > self.own:
            rest = ctypes.c_size_t(self.span - self.own)
            LIBC.munmap(ctypes.c_void_p(self.address + self.own), rest)


def _as_oserror(error: Exception, what: str) -> OSError:
    number = _ERRNO_OF.get(type(error), errno.ENOMEM)
    return OSError(number, f"{what}: {os.strerror(number)}")
