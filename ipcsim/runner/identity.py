"""Whether a kernel object is the one that a run made: an id and a key can be used again.

What never changes in the life of an object is noted when it is made: creator, size, the pid that
made a segment. The ctime of an object can only grow, by semctl(SETVAL, SETALL) and IPC_SET; so it lies
between the making and the run's last sign of life, unless the object is meant to outlive the run. Each of
these alone could agree by chance, all of them only for an object that the run made.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

from ipcsim.program.instructions import ObjectKind
from ipcsim.runner import objects
from ipcsim.runner.objects import Created
from ipcsim.sysv.tables import Row, SegmentRow, SetRow, Tables

_COARSE = 5  # CLOCK_REALTIME_COARSE, which the kernel takes ctime from: it lags behind the other one
GRACE = 5  # seconds after the last sign of life in which the run may still have changed an object


@dataclass(frozen=True, slots=True)
class Birth:
    """What stays true of an object; None: not known."""

    ctime: int
    cuid: int
    cgid: int
    size: int | None = None  # bytes of a segment, semaphores of a set
    cpid: int | None = None  # of a segment


def kernel_seconds() -> int:
    """The present time as the kernel would note it in an object."""
    return int(time.clock_gettime(_COARSE))


def birth(created: Created) -> Birth:
    """Of an object that this process has just made."""
    try:
        stat = objects.STAT[created.kind](created.id)
    except OSError:  # made without the right to read it
        stat = {}
    return Birth(
        stat.get("ctime", kernel_seconds()),
        stat.get("cuid", os.geteuid()),
        stat.get("cgid", os.getegid()),
        stat.get("size", stat.get("nsems")),
        stat.get("cpid"),
    )


def row_of(tables: Tables, created: Created) -> Row | None:
    """The line of the object's id in the kernel's tables."""
    rows: tuple[Row, ...] = {
        ObjectKind.QUEUE: tables.queues,
        ObjectKind.SEGMENT: tables.segments,
        ObjectKind.SEMAPHORES: tables.sets,
    }[created.kind]
    return next((row for row in rows if row.id == created.id), None)


def stranger(created: Created, born: Birth | None, row: Row, touched: float) -> str:
    """Why the object in `row` is not the one that was `created`; empty where it is.

    `touched` is the run's last sign of life, seconds since the epoch.
    """
    removed = isinstance(row, SegmentRow) and row.dest  # such a segment shows key 0 (H-6)
    if not removed and row.key & 0xFFFFFFFF != created.key & 0xFFFFFFFF:
        return "the id now belongs to an object with another key"
    if born is not None:
        if (row.cuid, row.cgid) != (born.cuid, born.cgid):
            return "the id now belongs to an object of another creator"
        if born.size is not None and born.size != size_of(row):
            return "the id now belongs to an object of another size"
        if isinstance(row, SegmentRow) and born.cpid is not None and born.cpid != row.cpid:
            return "the id now belongs to a segment that another process made"
        if row.ctime < born.ctime:
            return "the id now belongs to an object that is older than the run's"
    changed_late = row.ctime > touched + GRACE and (born is None or row.ctime != born.ctime)
    if changed_late and not created.persist:
        return "the id now belongs to an object that is younger than the run"
    return ""


def size_of(row: Row) -> int | None:
    """Bytes of a segment, semaphores of a set, None for a queue."""
    match row:
        case SegmentRow(size=size):
            return size
        case SetRow(nsems=size):
            return size
    return None
