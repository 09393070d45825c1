"""Whether the processes of a run fit into the memory that is free, before the first is forked.

Else the kernel would end processes when memory is gone, and it chooses which: those of others as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from ipcsim.errors import EnvironmentProblem
from ipcsim.program import Program

PER_PROCESS = 1_500_000  # bytes that each worker takes for itself: 10,000 of them took 15 GB
FEW = 100  # processes that are not worth a look
MEMINFO = Path("/proc/meminfo")
GROUPS = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")
_FILES = (("memory.max", "memory.current"), ("memory.limit_in_bytes", "memory.usage_in_bytes"))


def check(
    program: Program, meminfo: Path = MEMINFO, groups: Path = GROUPS, membership: Path = MEMBERSHIP
) -> None:
    """Raise EnvironmentProblem where there is not enough; say nothing where the system does not tell."""
    count = len(program.processes)
    if count < FEW:
        return
    free = available(meminfo, groups, membership)
    if free is None or count * PER_PROCESS <= free:
        return
    raise EnvironmentProblem(
        f"{count:,} processes need about {_gigabytes(count * PER_PROCESS)} of memory, and "
        f"{_gigabytes(free)} are free here; run fewer (`count`, --set), or free memory"
    )


def available(meminfo: Path = MEMINFO, groups: Path = GROUPS, membership: Path = MEMBERSHIP) -> int | None:
    """Bytes that can still be had, swap included, within what control groups allow; None: not known."""
    try:
        lines = [line.split() for line in meminfo.read_text().splitlines()]
        kib = {words[0].rstrip(":"): int(words[1]) for words in lines if len(words) > 1}
        free = (kib["MemAvailable"] + kib.get("SwapFree", 0)) * 1024
    except (OSError, ValueError, KeyError):
        return None
    return min([free, *(left for group in _groups(groups, membership) if (left := _left(group)) is not None)])


def _groups(root: Path, membership: Path) -> Iterator[Path]:
    """The folders of the control groups that bind this process's memory, cgroups(7): its own and those
    around it. In a container the path may be one that only the host has; then the root is the container's."""
    yield root
    try:
        lines = membership.read_text().splitlines()
    except OSError:
        return
    for _, controllers, path in (line.split(":", 2) for line in lines if line.count(":") >= 2):
        if controllers and "memory" not in controllers.split(","):
            continue
        top = root / "memory" if controllers else root  # version 1, or 2
        own = PurePosixPath(path).relative_to("/") if path.startswith("/") else PurePosixPath()
        yield from (top / part for part in (own, *own.parents))


def _left(group: Path) -> int | None:
    """What a control group may still take; None where it has no limit, or is none."""
    for limit, used in _FILES:
        try:
            return max(0, int((group / limit).read_text()) - int((group / used).read_text()))
        except (OSError, ValueError):  # `max`, or the files of the other version
            continue
    return None


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
