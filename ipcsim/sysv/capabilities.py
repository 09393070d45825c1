"""The capabilities of this thread (capabilities(7)): whether it has one, and to do without it."""

from __future__ import annotations

import ctypes

from ipcsim.sysv.libc import LIBC, checked

CAP_IPC_OWNER, CAP_SYS_ADMIN, CAP_SYS_RESOURCE = 15, 21, 24

_VERSION_3 = 0x20080522


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint), ("pid", ctypes.c_int))


class _Data(ctypes.Structure):
    """Half of each set: capabilities 0 to 31 in the first, the others in the second."""

    _fields_ = (
        ("effective", ctypes.c_uint),
        ("permitted", ctypes.c_uint),
        ("inheritable", ctypes.c_uint),
    )


def _mine() -> tuple[_Header, ctypes.Array[_Data]]:
    header, data = _Header(_VERSION_3, 0), (_Data * 2)()
    checked(LIBC.capget(ctypes.byref(header), data), "capget")
    return header, data


def has(capability: int) -> bool:
    """Whether it is effective."""
    half, bit = divmod(capability, 32)
    return bool(_mine()[1][half].effective >> bit & 1)


def drop(capability: int) -> None:
    """Not effective any more; what is not there is not missed."""
    header, data = _mine()
    half, bit = divmod(capability, 32)
    data[half].effective &= ~(1 << bit)
    checked(LIBC.capset(ctypes.byref(header), data), "capset")
