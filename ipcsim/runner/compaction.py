"""Keeps the manifest of a run small: what has been removed since is struck out.

The file keeps its inode, because processes of other users hold it open and may not open it again. So
what is kept is first written beside it, a manifest of its own that `ipcsim clean` understands, and then over
its beginning: whenever that is interrupted, the two together have every object. Meanwhile nobody appends.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from ipcsim.runner import creating, identity, manifest
from ipcsim.sysv import tables

LARGE = 2**19  # bytes from which on it is worth while
PATIENCE = 0.05  # seconds that processes may take to be out of a create; else the next time


class Compactor:
    """Looks after one manifest, for its supervisor."""

    def __init__(self, path: Path, locks: int, creators: Sequence[int]) -> None:
        self._path, self._locks, self._creators = path, locks, creators
        self._next = LARGE

    def look(self) -> None:
        """Strike out what is gone if the file has become large; tried again later where that fails."""
        if not self._creators:
            return
        with suppress(OSError, ValueError):
            if self._path.stat().st_size < self._next:
                return
            with creating.kept_out(self._locks, self._creators, PATIENCE) as alone:
                if alone:
                    self._next = max(LARGE, 2 * compact(self._path))


def compact(path: Path) -> int:
    """Leave out every object that the kernel no longer has; the bytes that remain. OSError or ValueError
    where that cannot be done, and nothing is lost then."""
    found = manifest.read(path)
    now = tables.read()
    with open(path, "rb") as file:
        first = file.readline()
    lines = [first]
    if found.workers:
        lines.append(manifest.line({"workers": found.workers}))
    lines += [manifest.intent_line(by, intent) for by, intent in found.open.items()]
    for created, born in zip(found.objects, found.births, strict=True):
        row = identity.row_of(now, created)
        if row is not None and not identity.stranger(created, born, row, float("inf")):
            lines.append(manifest.object_line(created, born))
    text = b"".join(lines)
    beside = manifest.beside(path)
    # where one is left of a compaction that failed, it may have what the file has not
    fd = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with open(fd, "wb") as file:
            file.write(text)
    except OSError:
        with suppress(OSError):
            beside.unlink()
        raise
    _overwrite(path, text)
    beside.unlink()
    return len(text)


def _overwrite(path: Path, text: bytes) -> None:
    """Put `text`, which is shorter, in the place of what the file has: that needs no room on the disk."""
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        at = 0
        while at < len(text):
            at += os.pwrite(fd, text[at:], at)
        os.ftruncate(fd, len(text))
    finally:
        os.close(fd)
