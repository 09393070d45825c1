"""How much `reports/` keeps: beyond a budget the oldest traces of a scenario go.

What goes is certainly a trace of ipcsim, of that scenario and of this user: the header says so, not the
name. It lies in the folder itself, is reached through no link, and belongs to no run that goes on: such a
run holds a lock on its trace (`trace.lock`). Everything else stays, pages and campaigns among it. Runs of
one scenario may do this at the same time: what one of them has removed already is gone for the other, too.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import stat
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ipcsim.errors import UsageError
from ipcsim.trace import lock

SETTING = "IPCSIM_REPORTS_LIMIT"  # of the environment
USUAL = 2 * 10**9  # bytes: twice what one trace takes unless told otherwise
_BEGINNING = 4096  # bytes in which a trace shows whose it is
_TRACE = re.compile(rb'\{"ipcsim-trace":\d+,"scenario":("(?:[^"\\]|\\.)*")')


def limit() -> int | None:
    """The bytes that the traces of one scenario may take together; None where that is `off`."""
    from ipcsim.language.leaves import size

    said = os.environ.get(SETTING, "")
    if said == "off":
        return None
    found = size(said) if said else USUAL
    if found is None:
        raise UsageError(f"{SETTING} is a size such as 500MB (kB, MB, GB), or `off`, not {said[:40]!r}")
    return found


@dataclass(frozen=True, slots=True)
class _File:
    """A plain file of this user: which one it is, and how old."""

    changed: int  # ns
    name: str
    size: int
    inode: int


def enforce(folder: Path, scenario: str, kept: Collection[str]) -> str:
    """Remove the oldest traces of `scenario` in `folder`, as `reports/NAME`, until the budget is kept, but
    none that is named in `kept`; what went, in words, or nothing."""
    most = limit()
    if most is None:
        return ""
    names = {Path(path).name for path in kept}
    with _opened(folder) as fd:
        if fd is None:
            return ""
        files = _files(fd)
        if sum(f.size for f in files) <= most:  # the commonest case by far: no file is opened
            return ""
        count, freed = _remove(fd, [f for f in files if _scenario(fd, f) == scenario], names, most)
    if not count:
        return ""
    traces = "the oldest trace" if count == 1 else f"the {count:,} oldest traces"
    return (
        f"removed {traces} of {scenario} from {folder} ({_said(freed)}): they may take "
        f"{_said(most)} together ({SETTING}; --report DIR keeps what it writes)"
    )


def _remove(fd: int, traces: list[_File], kept: Collection[str], most: int) -> tuple[int, int]:
    """How many this process has removed, and their bytes."""
    total, count, freed = sum(t.size for t in traces), 0, 0
    for trace in sorted(traces, key=lambda t: (t.changed, t.name)):
        if total <= most:
            break
        if trace.name in kept:
            continue
        removed = _unlink(fd, trace)
        if removed is not None:
            total -= trace.size
            count, freed = count + removed, freed + removed * trace.size
    return count, freed


def _unlink(fd: int, trace: _File) -> bool | None:
    """Whether this process has removed it; None where it must stay, False where it is gone already."""
    try:
        with _plain(fd, trace) as opened:
            if opened is None:
                return None
            fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared: who asks as well is no run
            os.unlink(trace.name, dir_fd=fd)
    except FileNotFoundError:
        return False
    except OSError:
        return None
    return True


@contextmanager
def _opened(folder: Path) -> Iterator[int | None]:
    """The folder, whose own folder is in the current one; None where either is a link, or is not there."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    held: list[int] = []
    try:
        with suppress(OSError):
            held.append(os.open(folder.parent, flags))
            held.append(os.open(folder.name, flags, dir_fd=held[0]))
        yield held[1] if len(held) > 1 else None
    finally:
        for fd in held:
            os.close(fd)


def _files(fd: int) -> list[_File]:
    """The plain files of this user, by what the folder says of them."""
    found = []
    with os.scandir(fd) as entries:
        for entry in entries:
            with suppress(OSError):  # removed meanwhile
                about = entry.stat(follow_symlinks=False)
                if stat.S_ISREG(about.st_mode) and about.st_uid == os.geteuid():
                    found.append(_File(about.st_mtime_ns, entry.name, about.st_size, about.st_ino))
    return found


@contextmanager
def _plain(fd: int, file: _File) -> Iterator[int | None]:
    """The file open for reading; None where another one stands in its place."""
    opened = os.open(file.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=fd)
    try:
        about = os.fstat(opened)
        same = about.st_ino == file.inode and stat.S_ISREG(about.st_mode)
        yield opened if same else None
    finally:
        os.close(opened)


def _scenario(fd: int, file: _File) -> str | None:
    """The scenario whose trace it is; None where it is no trace."""
    try:
        with _plain(fd, file) as opened:
            found = None if opened is None else _TRACE.match(os.read(opened, _BEGINNING))
            return None if found is None else str(json.loads(found[1]))
    except (OSError, ValueError):
        return None


@contextmanager
def spared(trace: str) -> Iterator[None]:
    """While this lasts no other run removes a trace that is written already."""
    try:
        fd = os.open(trace, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:  # it is gone
        yield
        return
    try:
        lock(fd)
        yield
    finally:
        os.close(fd)


def _said(size: int) -> str:
    """`9.1 kB`, in the unit that says it best."""
    unit, factor = next(((u, f) for u, f in (("GB", 1e9), ("MB", 1e6)) if size >= f), ("kB", 1e3))
    return f"{size / factor:.1f} {unit}"
