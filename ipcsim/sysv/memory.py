"""The mappings of this process: munmap and mprotect, which act on attachments too (H-3, H-4)."""

from __future__ import annotations

import ctypes

from ipcsim.sysv.libc import LIBC, checked

PROT_NONE, PROT_READ, PROT_WRITE = 0, 1, 2


def unmap(address: int, size: int) -> None:
    """munmap(2) of whole pages; part of an attachment may go alone."""
    checked(LIBC.munmap(ctypes.c_void_p(address), ctypes.c_size_t(size)), "munmap")


def protect(address: int, size: int, protection: int) -> None:
    """mprotect(2); EACCES where the mapping cannot be had so."""
    result = LIBC.mprotect(ctypes.c_void_p(address), ctypes.c_size_t(size), ctypes.c_int(protection))
    checked(result, "mprotect")
