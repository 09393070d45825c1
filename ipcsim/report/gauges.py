"""Semaphores and queues as gauges: one line a thing, for the picture of a run that goes on."""

from __future__ import annotations

from collections.abc import Iterator

from rich.text import Text

from ipcsim.program import Program
from ipcsim.program.objects import Member, SemaphoreSet
from ipcsim.report import words
from ipcsim.snapshot import QueueState, Snapshot

BAR = 16  # cells of a gauge
LEAST_BAR = 6
MOST_VALUES = 16  # of an array of semaphores
MOST_TYPES = 12  # of the messages in a queue
_SIGNS = {False: ("█", "░", "●", "○"), True: ("#", ".", "o", "_")}  # full, empty, one unit, none


def object_lines(program: Program, snapshot: Snapshot, width: int = 100, plain: bool = False) -> list[Text]:
    """One line a semaphore, array of semaphores or queue, with its value now."""
    lines = [
        *(
            line
            for declared, values in zip(program.sets, snapshot.semaphores, strict=True)
            for line in _set(declared, values, width, plain)
        ),
        *(
            (queue.name, *_queue(state, width, plain))
            for queue, state in zip(program.queues, snapshot.queues, strict=True)
        ),
    ]
    longest = min(max((len(words.visible(name)) for name, _, _ in lines), default=0), max(12, width // 3))
    return [_line(name, bar, said, longest) for name, bar, said in lines]


Line = tuple[str, str, str]  # the name, the gauge, the value in words


def _line(name: str, bar: str, said: str, longest: int) -> Text:
    shown = words.visible(name)
    if len(shown) > longest:
        shown = f"{shown[: longest - 1]}…"
    return Text.assemble(
        (shown.ljust(longest), "cyan"),
        "  ",
        (f"{bar}  " if bar else "", "blue"),
        words.visible(said),
        no_wrap=True,
        overflow="ellipsis",
    )


def _set(declared: SemaphoreSet, values: tuple[int, ...] | None, width: int, plain: bool) -> Iterator[Line]:
    if values is None:
        yield declared.name, "", "not there"
        return
    # what one member of a set gives up another often takes: the same scale shows it
    scale = max((*declared.initial, *values, 1))
    for member in declared.members:
        some = values[member.base : member.base + member.size]
        yield (
            _array(member, some, plain)
            if member.count is not None
            else (
                member.name,
                _bar(some[0], scale, width, plain),
                f"{some[0]:,}",
            )
        )


def _array(member: Member, values: tuple[int, ...], plain: bool) -> Line:
    """Single units as dots, else numbers."""
    full, empty = _SIGNS[plain][2:]
    some, more = values[:MOST_VALUES], " …" if len(values) > MOST_VALUES else ""
    if max(values, default=0) <= 1:
        signs = " ".join(full if v else empty for v in some) + more
        return member.name, signs, f"{sum(values):,} of {len(values):,}"
    return member.name, "", " ".join(map(str, some)) + more


def _queue(state: QueueState | None, width: int, plain: bool) -> tuple[str, str]:
    if state is None:
        return "", "not there"
    said = f"{words.count(state.messages, 'message')}, {state.bytes:,} of {state.capacity:,} bytes"
    if state.types:
        more = " …" if len(state.types) > MOST_TYPES else ""
        said += f", types {' '.join(map(str, state.types[:MOST_TYPES]))}{more}"
    return _bar(state.bytes, max(1, state.capacity), width, plain), said


def _bar(value: int, scale: int, width: int, plain: bool) -> str:
    """A gauge; what is not nothing shows at least one cell, what is not all leaves one free."""
    cells = BAR if width >= 60 else LEAST_BAR
    full, empty, _, _ = _SIGNS[plain]
    filled = round(cells * max(0, min(value, scale)) / scale)
    if 0 < value < scale:
        filled = min(max(filled, 1), cells - 1)
    return full * filled + empty * (cells - filled)
