"""What the kernel shows of objects, in the model's terms: numbers that the kernel chose are translated."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from ipcsim.program.instructions import ObjectKind
from ipcsim.runner import objects
from ipcsim.sysv import libc, semaphores
from tests.model.children import Answer

THE_RUN = -1  # stands for the process that made the objects
NOBODY = -2
PIDS = frozenset({"lspid", "lrpid", "cpid", "lpid"})
TIMES = frozenset({"stime", "rtime", "ctime", "otime", "atime", "dtime"})
_USERS = {"uid": os.geteuid, "cuid": os.geteuid, "gid": os.getegid, "cgid": os.getegid}
Stat = dict[str, int]


class SetSeen(NamedTuple):
    """All that semctl tells of a set; pids as process numbers."""

    values: tuple[int, ...]
    ncnt: tuple[int, ...]
    zcnt: tuple[int, ...]
    pids: tuple[int, ...]
    otime: bool


class QueueSeen(NamedTuple):
    qnum: int
    cbytes: int
    qbytes: int
    lspid: int
    lrpid: int


@dataclass
class Seen:
    """What a step did: answers by process, who is gone, who sleeps, who is stopped; and every object."""

    answers: dict[int, Answer] = field(default_factory=dict)
    gone: set[int] = field(default_factory=set)
    asleep: frozenset[int] = frozenset()
    stopped: frozenset[int] = frozenset()
    sets: dict[int, SetSeen | None] = field(default_factory=dict)
    queues: dict[int, QueueSeen | None] = field(default_factory=dict)
    objects: dict[int, Stat | None] = field(default_factory=dict)  # by the model's id; None: it is gone


def look_at_set(found: int, most: int, who: Callable[[int], int]) -> SetSeen:
    """Up to `most` semaphores of a set: those that the program has names for."""
    stat = semaphores.stat(found)
    size = min(most, stat["nsems"])

    def each(command: int) -> tuple[int, ...]:
        return tuple(semaphores.get(found, n, command) for n in range(size))

    return SetSeen(
        semaphores.get_all(found, size),
        each(libc.GETNCNT),
        each(libc.GETZCNT),
        tuple(who(pid) for pid in each(libc.GETPID)),
        stat["otime"] != 0,
    )


def look_at_queue(stat: Stat, who: Callable[[int], int]) -> QueueSeen:
    return QueueSeen(stat["qnum"], stat["cbytes"], stat["qbytes"], who(stat["lspid"]), who(stat["lrpid"]))


def stated(kind: ObjectKind, found: int) -> Stat | None:
    """IPC_STAT as it is; None where the object is gone."""
    try:
        return objects.STAT[kind](found)
    except OSError:
        return None


def translated(name: str, value: int, as_modelled: Callable[[int], int]) -> int:
    """A field of IPC_STAT as the model has it: pids by number, whether a time is set, the user who runs the
    tests as 0."""
    if name in PIDS:
        return as_modelled(value)
    if name in TIMES:
        return int(value != 0)
    if name in _USERS and value == _USERS[name]():
        return 0
    return value
