"""What this machine, or a limit of this process, has no more of: the cause in words, and the remedy.

The kernel says EMFILE, Python says MemoryError, and neither is a defect: with small limits every call may
say so. Whoever lets such an error out to a user puts `told` around it. getrlimit(2), setrlimit(2).
"""

from __future__ import annotations

import errno
import mmap
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from ipcsim.errors import EnvironmentProblem, IpcsimError

_MEMORY = "Run something smaller, free memory, or raise the limit of address space (ulimit -v{now})."
_FILES = "Raise the limit of open files of a process (ulimit -n{now})."
_REMEDIES: dict[int, tuple[str, str, int | None]] = {
    # errno: what is short, what helps, the limit that stands behind it
    errno.ENOMEM: ("there is not enough memory", _MEMORY, resource.RLIMIT_AS),
    errno.EMFILE: ("there are too many open files", _FILES, resource.RLIMIT_NOFILE),
    errno.ENFILE: (
        "the whole machine has too many open files",
        "Raise fs.file-max (sysctl), or end what holds them.",
        None,
    ),
    errno.EFBIG: (
        "a file would become larger than files may be here",
        "Raise the limit of file sizes (ulimit -f{now}).",
        resource.RLIMIT_FSIZE,
    ),
    errno.ENOSPC: ("there is no room left on the disk", "Make room there.", None),
    errno.EDQUOT: ("the disk quota is used up", "Make room there.", None),
    errno.EROFS: ("the file system is read-only", "Work in a folder that can be written.", None),
}
_OF_THIS_PROCESS = (errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.EFBIG)
_PROCESSES = (
    "no process can be started",
    "Raise the limit of this user's processes (ulimit -u{now}), kernel.pid_max, or pids.max of the control "
    "group; or run fewer processes.",
    resource.RLIMIT_NPROC,
)
EXIT = 71  # of a process of ours that could not go on for one: EX_OSERR
_SPARE_MEMORY = 32 * 2**20  # bytes: an import that cannot have so much may fail in any way
_SPARE_FILES = 4


def explain(error: BaseException) -> EnvironmentProblem | None:
    """What an error says of this machine; None where it is about something else."""
    if isinstance(error, MemoryError):
        return _problem(errno.ENOMEM)
    if isinstance(error, OSError) and error.filename == os.devnull:
        return EnvironmentProblem(
            f"cannot open {os.devnull}: {error.strerror}. Runs need it: mount /dev, or make it as root "
            f"(mknod -m 666 {os.devnull} c 1 3)"
        )
    if isinstance(error, OSError):
        return _problem(error.errno, _place(error)) if error.errno in _REMEDIES else None
    # an extension that cannot be loaded, an interpreter that could not build its own exception
    if isinstance(error, (ImportError, SystemError)) and (found := _short_of()) is not None:
        return _problem(found)
    return None


def no_process(doing: str, error: OSError) -> EnvironmentProblem:
    """Why fork or exec failed, after `doing` as in "cannot start the launcher"."""
    if error.errno == errno.EAGAIN:
        return EnvironmentProblem(f"{doing}: {processes()}")
    known = explain(error)
    return EnvironmentProblem(f"{doing}: {known if known is not None else error.strerror}")


def cannot(doing: str, error: OSError, remedy: str) -> EnvironmentProblem:
    """Why something failed, after `doing` as in "cannot write x"; the `remedy` is what helps where no limit
    of this process stands behind it."""
    if error.errno in _OF_THIS_PROCESS:
        return EnvironmentProblem(f"{doing}: {_words(*_REMEDIES[error.errno])}")
    return EnvironmentProblem(f"{doing}: {error.strerror}; {remedy}")


def memory() -> str:
    """That there is not enough memory, as a clause with its remedy."""
    return _words(*_REMEDIES[errno.ENOMEM])


def processes() -> str:
    """That no process can be started, as sentences."""
    return _words(*_PROCESSES)


@contextmanager
def told() -> Iterator[None]:
    """Shortages in words; every other error as it is."""
    try:
        yield
    except IpcsimError:
        raise
    except Exception as error:
        problem = explain(error)
        if problem is None:
            raise
        raise problem from None


def _problem(number: int, place: str = "") -> EnvironmentProblem:
    return EnvironmentProblem(_words(*_REMEDIES[number], place))


def _words(what: str, remedy: str, limit: int | None, place: str = "") -> str:
    now = ""
    if limit is not None:
        with suppress(OSError, ValueError):
            soft = resource.getrlimit(limit)[0]
            now = "" if soft == resource.RLIM_INFINITY else f"; it is {_as_ulimit(limit, soft)} now"
    return f"{what}{place}. {remedy.format(now=now)}"


def _as_ulimit(limit: int, soft: int) -> str:
    """The number in the unit of the shell's ulimit: KiB of memory and of a file (bash), else as it is."""
    return f"{soft // 1024}" if limit in (resource.RLIMIT_AS, resource.RLIMIT_FSIZE) else f"{soft}"


def _place(error: OSError) -> str:
    return f" ({os.fsdecode(error.filename)})" if isinstance(error.filename, (str, bytes)) else ""


def _short_of() -> int | None:
    """What there is no more of just now, by trying; None where there is enough of everything."""
    try:
        mmap.mmap(-1, _SPARE_MEMORY).close()
    except (OSError, MemoryError):
        return errno.ENOMEM
    held: list[int] = []
    try:
        for _ in range(_SPARE_FILES):
            held += os.pipe()
    except OSError as error:
        return error.errno if error.errno in _REMEDIES else None
    finally:
        for fd in held:
            os.close(fd)
    return None
