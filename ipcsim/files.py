"""Files that come from others, and files that must harm nobody's.

Reading: plain files only. A FIFO would hang whoever opens it, a device may never end, and either may do
something when it is opened. Writing: beside the place, then renamed into it, so that nobody ever sees half a
file; never through a link, and never over a file that ipcsim has not written.
"""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

HEAD = 2000  # bytes in which a file of ipcsim shows that it is one

_SORTS = {
    stat.S_IFIFO: "a FIFO",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFDIR: "a folder",
}


def open_plain(path: Path) -> BinaryIO:
    """The file, for reading. OSError as the system gives it, or in words of its own where it is special."""
    if stat.S_ISDIR(mode := path.stat().st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    _refuse_if_special(mode, path)  # before it is opened: opening can block, or do something
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    file = os.fdopen(fd, "rb")
    try:
        _refuse_if_special(os.fstat(fd).st_mode, path)  # it may have been exchanged in between
    except OSError:
        file.close()
        raise
    return file


def _refuse_if_special(mode: int, path: Path) -> None:
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, f"it is {_sort(mode)}, and only plain files are read", str(path))


def _sort(mode: int) -> str:
    return _SORTS.get(stat.S_IFMT(mode), "no plain file")


def write_beside(path: Path, text: str, sign: str) -> None:
    """`text` in `path`, whole or not at all. OSError where that cannot be, and where a file stands there that
    does not show the `sign` of what is written."""
    _refuse_if_not_ours(path, sign)
    fd, beside = tempfile.mkstemp(prefix=".ipcsim-", dir=path.parent)
    try:
        with os.fdopen(fd, "w", encoding="utf-8", errors="backslashreplace") as file:
            os.fchmod(fd, 0o666 & ~_umask())
            file.write(text)
        os.replace(beside, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(beside)
        raise


def _refuse_if_not_ours(path: Path, sign: str) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISREG(mode):
        raise OSError(errno.EEXIST, f"it is {_sort(mode)}, which is not written over", str(path))
    with open_plain(path) as file:
        head = file.read(HEAD)
    if head and sign.encode() not in head:
        raise OSError(errno.EEXIST, "there is a file that ipcsim has not written; remove it first", str(path))


def _umask() -> int:
    """The umask, which can only be read by setting it."""
    os.umask(now := os.umask(0o077))
    return now
