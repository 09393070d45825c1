"""What a process is about to make: noted before the get call, and looked for where no result follows.

Between a get call and the line that notes its id a process can be killed, and then nobody knows the id.
So it first notes an `Intent`. An object that fits one which was never answered is the run's:

- with a key: that key, a creator, a size and a time that agree, and it was not there before;
- private: many may look alike, and only a segment shows the pid of its maker. So a private object is
  made with a mark in its rights and gets its own rights once it is noted. The mark is the execute bit of
  others, which no System V call asks for but shmat with SHM_EXEC (shmop(2)), and which nobody sets.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from ipcsim.program.instructions import ObjectKind
from ipcsim.program.objects import IpcObject, Segment, SemaphoreSet
from ipcsim.runner import objects
from ipcsim.runner.identity import GRACE, Birth, kernel_seconds, size_of
from ipcsim.runner.objects import Created
from ipcsim.sysv.tables import Row, SegmentRow, Tables

_MARK, _READ = 0o001, 0o400


def marked(mode: int) -> int:
    """The rights with which a private object is made; its maker can look at it and change them."""
    return (mode & 0o777 ^ _MARK) | _READ


@dataclass(frozen=True, slots=True)
class Intent:
    """An object that may have been made: what would be true of it."""

    kind: ObjectKind
    name: str
    key: int
    mode: int  # as it is made
    size: int | None  # bytes of a segment, semaphores of a set
    persist: bool
    pid: int | None  # of the maker; None: it means nothing here
    cuid: int
    cgid: int
    time: int  # seconds since the epoch
    before: int | None  # the id of the object that had the key already

    def fits(self, row: Row, until: float) -> bool:
        """Whether the object in `row` is the one, made at the latest at `until` (seconds since the epoch)."""
        if isinstance(row, SegmentRow) and (row.dest or (self.pid is not None and row.cpid != self.pid)):
            return False
        return (
            row.id != self.before
            and row.key & 0xFFFFFFFF == self.key & 0xFFFFFFFF
            and row.permissions == self.mode
            and (row.cuid, row.cgid) == (self.cuid, self.cgid)
            and size_of(row) == self.size
            and self.time <= row.ctime <= until
        )


def intend(declared: IpcObject, mode: int, size: int | None) -> Intent:
    """What this process is about to make. OSError where ftok cannot look at its path."""
    key, private = objects.key_of(declared.key), declared.key.private
    before = None
    if not private:
        with suppress(OSError):
            before = objects.find(declared, 0, 0)
    match declared:
        case SemaphoreSet(size=usual):
            known: int | None = usual if size is None else size
        case Segment(struct=struct):
            known = struct.size if size is None else size
        case _:
            known = None
    return Intent(
        objects.KIND_OF[type(declared)], declared.name, key, marked(mode) if private else mode & 0o777, known,
        declared.persist, os.getpid(), os.geteuid(), os.getegid(), kernel_seconds(), before,
    )  # fmt: skip


def find(intents: tuple[Intent, ...], now: Tables, touched: float) -> list[tuple[Created, Birth]]:
    """The objects that fit intents of one run, which gave its last sign of life at `touched`."""
    found: dict[tuple[ObjectKind, int], tuple[Created, Birth]] = {}
    for intent in intents:
        rows: tuple[Row, ...] = {
            ObjectKind.QUEUE: now.queues,
            ObjectKind.SEGMENT: now.segments,
            ObjectKind.SEMAPHORES: now.sets,
        }[intent.kind]
        for row in rows:
            if (intent.kind, row.id) not in found and intent.fits(row, touched + GRACE):
                made = Created(intent.kind, intent.name, row.id, intent.key, persist=intent.persist)
                found[intent.kind, row.id] = made, Birth(row.ctime, row.cuid, row.cgid, intent.size)
                break
    return list(found.values())


def as_data(intent: Intent) -> dict[str, Any]:
    """For a line of JSON."""
    return asdict(intent)


def from_data(data: object) -> Intent | None:
    """What a line of JSON says; None where it is damaged."""
    if not isinstance(data, dict):
        return None
    kind, name = data.get("kind"), data.get("name")
    if not isinstance(name, str) or not isinstance(kind, str) or kind not in set(ObjectKind):
        return None
    numbers = {k: data.get(k) for k in ("key", "mode", "cuid", "cgid", "time")}
    maybe = {k: data.get(k) for k in ("size", "pid", "before")}
    if not all(_is_number(v) for v in numbers.values()):
        return None
    if not all(v is None or _is_number(v) for v in maybe.values()):
        return None
    # what is not said to persist is removed with its run
    persist = data.get("persist") is True
    return Intent(kind=ObjectKind(kind), name=name, persist=persist, **numbers, **maybe)  # type: ignore[arg-type]


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63
