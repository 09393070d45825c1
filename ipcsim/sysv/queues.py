"""Message queues: msgget, msgsnd, msgrcv, msgctl."""

from __future__ import annotations

import ctypes

from ipcsim.sysv import libc
from ipcsim.sysv.libc import LIBC, IpcPerm, checked

LIBC.msgrcv.restype = ctypes.c_ssize_t

# Hot: a message is a buffer that starts with a C long, its type; msgsnd returns 0, msgrcv the length
# without the type, both −1 with `libc.last_errno()`.
msgsnd = LIBC.msgsnd
msgrcv = LIBC.msgrcv

TYPE_SIZE = ctypes.sizeof(ctypes.c_long)


class _MsqidDs(ctypes.Structure):
    _fields_ = (
        ("perm", IpcPerm),
        ("stime", ctypes.c_long),
        ("rtime", ctypes.c_long),
        ("ctime", ctypes.c_long),
        ("cbytes", ctypes.c_ulong),
        ("qnum", ctypes.c_ulong),
        ("qbytes", ctypes.c_ulong),
        ("lspid", ctypes.c_int),
        ("lrpid", ctypes.c_int),
        ("_reserved", ctypes.c_ulong * 2),
    )


def create(key: int, flags: int) -> int:
    """msgget(2): the id."""
    return checked(LIBC.msgget(ctypes.c_int(key), ctypes.c_int(flags)), "msgget")


def remove(queue_id: int) -> None:
    checked(LIBC.msgctl(ctypes.c_int(queue_id), libc.IPC_RMID, None), "msgctl(IPC_RMID)")


def _stat(queue_id: int) -> _MsqidDs:
    ds = _MsqidDs()
    checked(LIBC.msgctl(ctypes.c_int(queue_id), libc.IPC_STAT, ctypes.byref(ds)), "msgctl(IPC_STAT)")
    return ds


def stat(queue_id: int) -> dict[str, int]:
    """IPC_STAT: the fields by their names in msqid_ds, without the prefix."""
    ds = _stat(queue_id)
    names = ("qnum", "cbytes", "qbytes", "lspid", "lrpid", "stime", "rtime", "ctime")
    return libc.permissions(ds.perm) | {name: int(getattr(ds, name)) for name in names}


def set_capacity(queue_id: int, qbytes: int) -> None:
    """IPC_SET of msg_qbytes; EPERM above MSGMNB without CAP_SYS_RESOURCE (Q-13)."""
    ds = _stat(queue_id)
    ds.qbytes = qbytes
    checked(LIBC.msgctl(ctypes.c_int(queue_id), libc.IPC_SET, ctypes.byref(ds)), "msgctl(IPC_SET)")
