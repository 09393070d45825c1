"""The limits of System V IPC: what Linux has built in, and what its sysctls say unless somebody changed them.

Sources: semget(2), semop(2), msgget(2), msgop(2), shmget(2), proc_sys_kernel(5); the numbers are those of a
new IPC namespace of Linux 6.18 (K-7: each namespace has its own, and can have others).
"""

from __future__ import annotations

from typing import NamedTuple

# semaphore sets
SEMVMX = 32_767  # the greatest value of a semaphore
SEMAEM = 32_767  # of semadj, the undo of a process: -SEMAEM - 1 to SEMAEM (S-4)
SEMMSL = 32_000
SEMMNS = 1_024_000_000
SEMOPM = 500
SEMMNI = 32_000
# message queues
MSGMAX = 8_192
MSGMNB = 16_384
MSGMNI = 32_000
# shared memory
SHMMIN = 1
SHMMAX = 2**64 - 1 - 2**24
SHMALL = 2**64 - 1 - 2**24
SHMMNI = 4_096
# ids of a kind that a namespace can give, whatever SEMMNI, MSGMNI, SHMMNI say
IPCMNI = 32_768


class Limit(NamedTuple):
    """One limit: how much of what. `sysctl` is empty where nobody can change it; kernel.sem has four
    numbers, of which it is number `place`. `error`: what a call gets that asks for more."""

    name: str
    value: int
    counts: str
    error: str
    sysctl: str = ""
    place: int = 0


LIMITS = (
    Limit("SEMVMX", SEMVMX, "value of a semaphore", "ERANGE"),
    Limit("SEMAEM", SEMAEM, "undo of a process for a semaphore (SEM_UNDO)", "ERANGE"),
    Limit("SEMMSL", SEMMSL, "semaphores in a set", "EINVAL", "kernel.sem", 0),
    Limit("SEMMNS", SEMMNS, "semaphores of all sets", "ENOSPC", "kernel.sem", 1),
    Limit("SEMOPM", SEMOPM, "operations in a semop", "E2BIG", "kernel.sem", 2),
    Limit("SEMMNI", SEMMNI, "sets", "ENOSPC", "kernel.sem", 3),
    Limit("MSGMAX", MSGMAX, "bytes of a message", "EINVAL", "kernel.msgmax"),
    Limit("MSGMNB", MSGMNB, "bytes in a queue", "EPERM", "kernel.msgmnb"),
    Limit("MSGMNI", MSGMNI, "message queues", "ENOSPC", "kernel.msgmni"),
    Limit("SHMMIN", SHMMIN, "bytes of a segment, at least", "EINVAL"),
    Limit("SHMMAX", SHMMAX, "bytes of a segment", "EINVAL", "kernel.shmmax"),
    Limit("SHMALL", SHMALL, "pages of all segments", "ENOSPC", "kernel.shmall"),
    Limit("SHMMNI", SHMMNI, "segments", "ENOSPC", "kernel.shmmni"),
    Limit("IPCMNI", IPCMNI, "ids of a kind in a namespace", "ENOSPC"),
)


def markdown() -> list[str]:
    """The limits as lines of Markdown, for the documentation."""
    lines = ["| limit | Linux has | of what | asking for more | sysctl |", "|---|---|---|---|---|"]
    for limit in LIMITS:
        value = f"{limit.value:,}" if limit.value < 2**32 else "2^64 − 2^24 − 1"
        lines.append(f"| {limit.name} | {value} | {limit.counts} | {limit.error} | {_sysctl(limit)} |")
    return lines


def _sysctl(limit: Limit) -> str:
    if limit.sysctl != "kernel.sem":
        return limit.sysctl or "–"
    return f"{limit.sysctl}, the {('first', 'second', 'third', 'fourth')[limit.place]} number"
