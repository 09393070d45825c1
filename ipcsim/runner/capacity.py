"""Whether the processes of a run fit into the memory that is free, before the first is forked.

Else the kernel would end processes when memory is gone, and it chooses which: those of others as well.
"""

from __future__ import annotations

from pathlib import Path

from ipcsim.errors import EnvironmentProblem
from ipcsim.program import Program

PER_PROCESS = 1_500_000  # bytes that each worker takes for itself: 10,000 of them took 15 GB
FEW = 100  # processes that are not worth a look
MEMINFO = Path("/proc/meminfo")
GROUPS = Path("/sys/fs/cgroup")


def check(program: Program, meminfo: Path = MEMINFO, groups: Path = GROUPS) -> None:
    """Raise EnvironmentProblem where there is not enough; say nothing where the system does not tell."""
    count = len(program.processes)
    free = available(meminfo, groups)
    if count < FEW or free is None or count * PER_PROCESS <= free:
        return
    raise EnvironmentProblem(
        f"{count:,} processes need about {_gigabytes(count * PER_PROCESS)} of memory, and "
        f"{_gigabytes(free)} are free here; run fewer (`count`, --set), or free memory"
    )


def available(meminfo: Path = MEMINFO, groups: Path = GROUPS) -> int | None:
    """Bytes that can still be had, swap included, within the limit of the control group; None: not known."""
    try:
        lines = [line.split() for line in meminfo.read_text().splitlines()]
        kib = {words[0].rstrip(":"): int(words[1]) for words in lines if len(words) > 1}
        free = (kib["MemAvailable"] + kib.get("SwapFree", 0)) * 1024
    except (OSError, ValueError, KeyError):
        return None
    try:
        limit, used = ((groups / name).read_text().strip() for name in ("memory.max", "memory.current"))
        return free if limit == "max" else max(0, min(free, int(limit) - int(used)))
    except (OSError, ValueError):  # no such limit here, or another version of control groups
        return free


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
