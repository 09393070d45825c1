"""Message queues: msgget, msgsnd, msgrcv, msgctl."""

from __future__ import annotations

import ctypes
import os
import sys

from ipcsim.facts import stats
from ipcsim.sysv import libc
from ipcsim.sysv.libc import LIBC, IpcPerm, checked

LIBC.msgrcv.restype = ctypes.c_ssize_t

# Hot: a message is a buffer that starts with a C long, its type; msgsnd returns 0, msgrcv the length
# without the type, both −1 with `libc.last_errno()`.
msgsnd = LIBC.msgsnd
msgrcv = LIBC.msgrcv

TYPE_SIZE = ctypes.sizeof(ctypes.c_long)


class Message:
    """A buffer for msgsnd and msgrcv: `raw` starts with the type; `size` is msgsz, the length without it.

    Made once and used often: its C arguments stay the same objects.
    """

    __slots__ = ("_type", "body", "capacity", "raw", "size")

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.raw = ctypes.create_string_buffer(TYPE_SIZE + capacity)
        self._type = ctypes.c_long.from_buffer(self.raw)
        self.body = memoryview(self.raw).cast("B")[TYPE_SIZE:]
        self.size = ctypes.c_size_t(capacity)

    @property
    def type(self) -> int:
        return int(self._type.value)

    @type.setter
    def type(self, value: int) -> None:
        self._type.value = value

    def content(self, length: int) -> bytes:
        """The first `length` bytes of the message, without its type."""
        return bytes(self.body[:length])


def selector() -> ctypes.c_long:
    """A msgtyp argument: its `value` is what to ask for."""
    return ctypes.c_long(0)


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


def send(queue_id: int, kind: int, text: bytes, flags: int = 0, size: int | None = None) -> None:
    """msgsnd(2) off the hot path: OSError where it fails. `size` claims another length than the text's."""
    message = ctypes.c_long(kind).value.to_bytes(TYPE_SIZE, sys.byteorder, signed=True) + text
    length = ctypes.c_size_t(len(text) if size is None else size)
    checked(msgsnd(ctypes.c_int(queue_id), message, length, ctypes.c_int(flags)), "msgsnd")


def receive(queue_id: int, size: int, selector: int = 0, flags: int = 0) -> tuple[int, bytes]:
    """msgrcv(2) off the hot path: the message's type and text; OSError where it fails."""
    buffer = ctypes.create_string_buffer(TYPE_SIZE + max(size, 0))
    room = ctypes.c_size_t(size)
    length = msgrcv(ctypes.c_int(queue_id), buffer, room, ctypes.c_long(selector), ctypes.c_int(flags))
    checked(length, "msgrcv")
    return ctypes.c_long.from_buffer(buffer).value, buffer.raw[TYPE_SIZE : TYPE_SIZE + length]


def remove(queue_id: int) -> None:
    checked(LIBC.msgctl(ctypes.c_int(queue_id), libc.IPC_RMID, None), "msgctl(IPC_RMID)")


def _stat(queue_id: int) -> _MsqidDs:
    ds = _MsqidDs()
    checked(LIBC.msgctl(ctypes.c_int(queue_id), libc.IPC_STAT, ctypes.byref(ds)), "msgctl(IPC_STAT)")
    return ds


def stat(queue_id: int) -> dict[str, int]:
    """IPC_STAT: the fields by their names in msqid_ds, without the prefix."""
    ds = _stat(queue_id)
    return libc.permissions(ds.perm) | {name: int(getattr(ds, name)) for name in stats.QUEUE}


def set_capacity(queue_id: int, qbytes: int) -> None:
    """IPC_SET of msg_qbytes; EPERM above MSGMNB without CAP_SYS_RESOURCE (Q-13)."""
    set_parameters(queue_id, None, qbytes)


def set_first_capacity(queue_id: int, qbytes: int, mode: int) -> None:
    """IPC_SET of msg_qbytes by who has just made the queue with `mode`, which may not allow to ask."""
    ds = _MsqidDs(qbytes=qbytes)
    ds.perm.uid, ds.perm.gid, ds.perm.mode = os.geteuid(), os.getegid(), mode & 0o777
    checked(LIBC.msgctl(ctypes.c_int(queue_id), libc.IPC_SET, ctypes.byref(ds)), "msgctl(IPC_SET)")


def set_parameters(queue_id: int, mode: int | None, qbytes: int | None) -> None:
    """IPC_SET of the rights and of msg_qbytes; None leaves what is there."""
    ds = _stat(queue_id)
    if mode is not None:
        ds.perm.mode = mode
    if qbytes is not None:
        ds.qbytes = qbytes
    checked(LIBC.msgctl(ctypes.c_int(queue_id), libc.IPC_SET, ctypes.byref(ds)), "msgctl(IPC_SET)")


def set_owner(queue_id: int, uid: int, gid: int) -> None:
    """IPC_SET of owner and group; the creator stays (K-4)."""
    ds = _stat(queue_id)
    ds.perm.uid, ds.perm.gid = uid, gid
    checked(LIBC.msgctl(ctypes.c_int(queue_id), libc.IPC_SET, ctypes.byref(ds)), "msgctl(IPC_SET)")
