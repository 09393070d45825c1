"""The tables of a report: processes with their waits, and the objects as `ipcs` lists them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ipcsim.analysis.history import History, Lane
from ipcsim.analysis.history_fairness import Fairness, Share
from ipcsim.program import Program
from ipcsim.program.objects import Key
from ipcsim.report.html.shown import label
from ipcsim.report.html.source import Place, Sources
from ipcsim.report.html.wording import lasted

MOST_PROCESSES = 500
MANY_VALUES = 32


@dataclass(frozen=True, slots=True)
class Row:
    """A process: how it ended up, and its share of waiting; `…_part` are percentages for bars."""

    name: str
    status: str
    at: Place
    served: str
    sleeps: str
    waited: str
    waited_part: int
    median: str
    p95: str
    longest: str
    overtaken: str
    overtaken_part: int
    most: str


def processes(past: History, fair: Fairness, sources: Sources) -> list[Row]:
    """Everybody; of a crowd those who waited longest."""
    shares = list(fair.shares)
    if len(shares) > MOST_PROCESSES:
        shares.sort(key=lambda s: -s.waited)
        shares = sorted(shares[:MOST_PROCESSES], key=lambda s: s.process)
    waited = max((s.waited for s in shares), default=0) or 1
    overtaken = max((s.overtaken for s in shares), default=0) or 1
    return [_row(past, s, sources, waited, overtaken) for s in shares]


def _row(past: History, share: Share, sources: Sources, waited: int, overtaken: int) -> Row:
    span = past.spans[share.process][-1]
    status = str(span.lane) + (f" on {label(span.on)}" if span.lane is Lane.BLOCKED and span.on else "")
    at = past.program.where(share.process, span.pc)
    shown = sources.place(str(at)) if at.line else Place("")
    steps = past.by_steps
    return Row(
        label(past.program.processes[share.process].name),
        status,
        shown if span.lane is not Lane.RUNNING else Place(""),
        f"{share.served:,}",
        f"{share.sleeps:,}",
        lasted(share.waited, steps),
        round(100 * share.waited / waited),
        lasted(share.median, steps),
        lasted(share.p95, steps),
        lasted(share.longest, steps),
        f"{share.overtaken:,}",
        round(100 * share.overtaken / overtaken),
        f"{share.most:,}",
    )


def jain(fair: Fairness) -> list[str]:
    """Jain's index of each family, in a sentence."""
    return [
        f"{label(name)}: Jain's index is {index:.3f} for how often each was served and "
        f"{fair.waited[name]:.3f} for how long each waited (1 where all got the same, "
        "1/n where one of n got everything)."
        for name, index in fair.served.items()
    ]


# --- ipcs ---


def ipcs(past: History, time: int) -> str:
    """The three tables, with the values at `time`."""
    program = past.program
    queues = [
        (_key(q.key), label(q.name), f"{q.mode:04o}", _length(past, f"len({q.name})", time))
        for q in program.queues
    ]
    segments = [
        (_key(s.key), label(s.name), f"{s.mode:04o}", f"{s.struct.size:,}", _fields(past, s.name, time))
        for s in program.segments
    ]
    return "\n".join(
        [
            *_table("Message queues", ("key", "name", "perms", "messages"), queues),
            "",
            *_table("Shared memory segments", ("key", "name", "perms", "bytes", "holds"), segments),
            "",
            *_table(
                "Semaphore sets", ("key", "name", "perms", "nsems", "values"), _sets(past, program, time)
            ),
        ]
    )


def _sets(past: History, program: Program, time: int) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for s in program.sets:
        names = [s.label(n) for n in range(s.size)]
        shown = [f"{label(n)}={past.value_at(n, time)}" for n in names[:MANY_VALUES] if n in past.series]
        gone = all(str(past.value_at(n, time)) == "not there" for n in names if n in past.series)
        more = f" and {len(names) - MANY_VALUES:,} more" if len(names) > MANY_VALUES else ""
        values = "not there" if gone else " ".join(shown) + more
        rows.append((_key(s.key), label(s.name), f"{s.mode:04o}", f"{s.size:,}", values))
    return rows


def _fields(past: History, name: str, time: int) -> str:
    found = [n for n in past.series if n.startswith(f"{name}.")]
    shown = [f"{label(n.removeprefix(f'{name}.'))}={past.value_at(n, time)}" for n in found[:MANY_VALUES]]
    return label(" ".join(shown)) + (
        f" and {len(found) - MANY_VALUES:,} more" if len(found) > MANY_VALUES else ""
    )


def _length(past: History, name: str, time: int) -> str:
    return str(past.value_at(name, time)) if name in past.series else "?"


def _key(key: Key) -> str:
    if key.path is not None:
        return f"ftok({label(key.path)}, {key.project})"
    return "0x00000000" if key.number is None else f"0x{key.number & 0xFFFFFFFF:08x}"


def _table(title: str, head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    if not rows:
        return [f"{title}: none"]
    cells = [head, *rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in cells]
    return [title, *lines]
