"""The three tables of /proc/sysvipc as plain rows.

proc_sysvipc(5): world-readable, one line an object of the IPC namespace of whoever opens the file (K-6);
no right on the object is needed, unlike for IPC_STAT. Columns are found by their heading, because
kernels have added some (rss, swap).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ipcsim.facts.stats import SHM_DEST, SHM_LOCKED

SYSVIPC = Path("/proc/sysvipc")


@dataclass(frozen=True, slots=True)
class Row:
    """What every object has; `mode` with the bits above the permissions, times in seconds."""

    key: int
    id: int
    mode: int
    uid: int
    gid: int
    cuid: int
    cgid: int
    ctime: int

    @property
    def permissions(self) -> int:
        return self.mode & 0o777


@dataclass(frozen=True, slots=True)
class QueueRow(Row):
    cbytes: int
    qnum: int
    lspid: int
    lrpid: int
    stime: int
    rtime: int


@dataclass(frozen=True, slots=True)
class SetRow(Row):
    nsems: int
    otime: int


@dataclass(frozen=True, slots=True)
class SegmentRow(Row):
    size: int
    cpid: int
    lpid: int
    nattch: int
    atime: int
    dtime: int

    @property
    def dest(self) -> bool:
        """Removed, and living on until the last detach (H-6)."""
        return bool(self.mode & SHM_DEST)

    @property
    def locked(self) -> bool:
        return bool(self.mode & SHM_LOCKED)


@dataclass(frozen=True, slots=True)
class Tables:
    """Everything in one IPC namespace, each table in the order of the kernel."""

    queues: tuple[QueueRow, ...] = ()
    segments: tuple[SegmentRow, ...] = ()
    sets: tuple[SetRow, ...] = ()


def read(folder: Path = SYSVIPC) -> Tables:
    """The tables of this process's namespace. OSError where they cannot be read, ValueError where
    they are not what proc_sysvipc(5) says."""
    return Tables(
        tuple(QueueRow(**v) for v in parse((folder / "msg").read_text(), "msqid", QueueRow)),
        tuple(SegmentRow(**v) for v in parse((folder / "shm").read_text(), "shmid", SegmentRow)),
        tuple(SetRow(**v) for v in parse((folder / "sem").read_text(), "semid", SetRow)),
    )


def parse(text: str, id_column: str, row: type[Row]) -> Iterator[dict[str, int]]:
    """The fields of `row` from each line of a table whose first line names the columns; else ValueError."""
    head, *lines = text.splitlines() or [""]
    columns = [{"perms": "mode", id_column: "id"}.get(word, word) for word in head.split()]
    fields: Any = row.__dataclass_fields__
    if missing := fields.keys() - set(columns):
        raise ValueError(f"the table has no column {min(missing)}")
    for line in lines:
        try:
            cells = dict(zip(columns, line.split(), strict=True))
            yield {name: int(cells[name], 8 if name == "mode" else 10) for name in fields}
        except ValueError:
            raise ValueError(f"the table has a line that is not of its columns: {line!r}") from None
