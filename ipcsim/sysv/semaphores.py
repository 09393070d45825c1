"""Semaphore sets: semget, semop, semctl."""

from __future__ import annotations

import ctypes
from typing import Any

from ipcsim.facts import stats
from ipcsim.sysv import libc
from ipcsim.sysv.libc import LIBC, IpcPerm, checked

# Hot: take a prepared array (see `operations`), return 0 or −1 with `libc.last_errno()`.
semop = LIBC.semop
semtimedop = LIBC.semtimedop


MOST = 65_536  # semaphores of a set: a sem_num is an unsigned short


class Sembuf(ctypes.Structure):
    """struct sembuf: sem_num, sem_op, sem_flg."""

    _fields_ = (("number", ctypes.c_ushort), ("op", ctypes.c_short), ("flags", ctypes.c_short))


class Timespec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))

    @classmethod
    def of(cls, seconds: float) -> Timespec:
        whole = int(seconds)
        return cls(whole, int((seconds - whole) * 1e9))


def time_limit(seconds: float) -> Any:
    """A timeout argument for semtimedop."""
    return ctypes.byref(Timespec.of(seconds))


class _SemidDs(ctypes.Structure):
    _fields_ = (
        ("perm", IpcPerm),
        ("otime", ctypes.c_long),
        ("_otime_high", ctypes.c_ulong),
        ("ctime", ctypes.c_long),
        ("_ctime_high", ctypes.c_ulong),
        ("nsems", ctypes.c_ulong),
        ("_reserved", ctypes.c_ulong * 2),
    )


def operations(triples: list[tuple[int, int, int]]) -> Any:
    """The sembuf array of (number, delta, flags) triples, to be made once and used often."""
    return (Sembuf * len(triples))(*(Sembuf(*t) for t in triples))


def create(key: int, size: int, flags: int) -> int:
    """semget(2): the id."""
    return checked(LIBC.semget(ctypes.c_int(key), ctypes.c_int(size), ctypes.c_int(flags)), "semget")


def remove(set_id: int) -> None:
    checked(LIBC.semctl(ctypes.c_int(set_id), 0, libc.IPC_RMID), "semctl(IPC_RMID)")


def operate(set_id: int, triples: list[tuple[int, int, int]], timeout: Timespec | None = None) -> None:
    """semop(2), or semtimedop(2) where a `timeout` is given, off the hot path: OSError where it fails."""
    limit = None if timeout is None else ctypes.byref(timeout)
    array = operations(triples)
    checked(
        semtimedop(ctypes.c_int(set_id), array, ctypes.c_size_t(len(triples)), limit),
        "semop" if timeout is None else "semtimedop",
    )


def get(set_id: int, number: int, command: int) -> int:
    """GETVAL, GETNCNT, GETZCNT or GETPID of one semaphore."""
    return checked(LIBC.semctl(ctypes.c_int(set_id), ctypes.c_int(number), ctypes.c_int(command)), "semctl")


def get_all(set_id: int, size: int) -> tuple[int, ...]:
    """GETALL: the first `size` values at one instant; 0 for those that the set does not have.

    The kernel writes as many as the set has, which may be more: there has to be room for all of them.
    """
    values = (ctypes.c_ushort * max(size, _stat(set_id).nsems))()
    checked(LIBC.semctl(ctypes.c_int(set_id), 0, libc.GETALL, values), "semctl(GETALL)")
    return tuple(values[:size])


def set_value(set_id: int, number: int, value: int) -> None:
    checked(
        LIBC.semctl(ctypes.c_int(set_id), ctypes.c_int(number), libc.SETVAL, ctypes.c_long(value)),
        "semctl(SETVAL)",
    )


def set_all(set_id: int, values: tuple[int, ...]) -> None:
    """SETALL. The kernel reads as many as the set has: behind `values` it finds zeros."""
    array = (ctypes.c_ushort * max(len(values), MOST))(*values)
    checked(LIBC.semctl(ctypes.c_int(set_id), 0, libc.SETALL, array), "semctl(SETALL)")


def _stat(set_id: int) -> _SemidDs:
    ds = _SemidDs()
    checked(LIBC.semctl(ctypes.c_int(set_id), 0, libc.IPC_STAT, ctypes.byref(ds)), "semctl(IPC_STAT)")
    return ds


def set_mode(set_id: int, mode: int | None) -> None:
    """IPC_SET of the rights; None leaves them."""
    ds = _stat(set_id)
    if mode is not None:
        ds.perm.mode = mode
    checked(LIBC.semctl(ctypes.c_int(set_id), 0, libc.IPC_SET, ctypes.byref(ds)), "semctl(IPC_SET)")


def set_owner(set_id: int, uid: int, gid: int) -> None:
    """IPC_SET of owner and group; the creator stays (K-4)."""
    ds = _stat(set_id)
    ds.perm.uid, ds.perm.gid = uid, gid
    checked(LIBC.semctl(ctypes.c_int(set_id), 0, libc.IPC_SET, ctypes.byref(ds)), "semctl(IPC_SET)")


def stat(set_id: int) -> dict[str, int]:
    """IPC_STAT: the fields by their names in semid_ds, without the prefix."""
    ds = _stat(set_id)
    return libc.permissions(ds.perm) | {name: int(getattr(ds, name)) for name in stats.SEMAPHORES}
