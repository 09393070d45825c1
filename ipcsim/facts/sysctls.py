"""The limits as a table: of what each is, the sysctl that says it, and what asks for more.

Apart from `limits`, because every worker knows some of those, and none needs this.
"""

from __future__ import annotations

from typing import NamedTuple

from ipcsim.facts import limits

SEM = "kernel.sem"  # four numbers in one sysctl


class Limit(NamedTuple):
    """One limit: how much of what. `sysctl` is empty where nobody can change it; kernel.sem has four
    numbers, of which it is that at `place`. `error`: what a call gets that asks for more."""

    name: str
    value: int
    counts: str
    error: str
    sysctl: str = ""
    place: int = 0


LIMITS = (
    Limit("SEMVMX", limits.SEMVMX, "value of a semaphore", "ERANGE"),
    Limit("SEMAEM", limits.SEMAEM, "undo of a process for a semaphore (SEM_UNDO)", "ERANGE"),
    Limit("SEMMSL", limits.SEMMSL, "semaphores in a set", "EINVAL", SEM, 0),
    Limit("SEMMNS", limits.SEMMNS, "semaphores of all sets", "ENOSPC", SEM, 1),
    Limit("SEMOPM", limits.SEMOPM, "operations in a semop", "E2BIG", SEM, 2),
    Limit("SEMMNI", limits.SEMMNI, "sets", "ENOSPC", SEM, 3),
    Limit("MSGMNI", limits.MSGMNI, "message queues", "ENOSPC", "kernel.msgmni"),
    Limit("MSGMNB", limits.MSGMNB, "bytes in a queue", "EPERM", "kernel.msgmnb"),
    Limit("MSGMAX", limits.MSGMAX, "bytes of a message", "EINVAL", "kernel.msgmax"),
    Limit("SHMMIN", limits.SHMMIN, "bytes of a segment, at least", "EINVAL"),
    Limit("SHMMAX", limits.SHMMAX, "bytes of a segment", "EINVAL", "kernel.shmmax"),
    Limit("SHMALL", limits.SHMALL, "pages of all segments", "ENOSPC", "kernel.shmall"),
    Limit("SHMMNI", limits.SHMMNI, "segments", "ENOSPC", "kernel.shmmni"),
    Limit("IPCMNI", limits.IPCMNI, "ids of a kind in a namespace", "ENOSPC"),
)


def markdown() -> list[str]:
    """The limits as lines of Markdown, for the documentation."""
    lines = ["| limit | Linux has | of what | asking for more | sysctl |", "|---|---|---|---|---|"]
    for limit in LIMITS:
        value = f"{limit.value:,}" if limit.value < 2**32 else "2^64 − 2^24 − 1"
        lines.append(f"| {limit.name} | {value} | {limit.counts} | {limit.error} | {_sysctl(limit)} |")
    return lines


def _sysctl(limit: Limit) -> str:
    if limit.sysctl != SEM:
        return limit.sysctl or "–"
    return f"{limit.sysctl}, the {('first', 'second', 'third', 'fourth')[limit.place]} number"
