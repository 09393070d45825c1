"""A run of one process's records, looked at without building an event for each.

Counting heads and finding the last place of each is done by C code (`Counter`, `dict(zip(…))`), at about a
tenth of a microsecond a record.
"""

from __future__ import annotations

import struct
import sys
from collections import Counter

from ipcsim.trace import RECORD, Event, EventKind

_PAIR = struct.Struct("<qq")


class Batch:
    """Raw records of `process`, a whole number of them, in its order.

    `counts` says how often each head occurs, `last` the last place of each.
    """

    __slots__ = ("counts", "heads", "last", "process", "raw", "words")

    def __init__(self, process: int, raw: bytes | bytearray | memoryview) -> None:
        self.process = process
        self.raw = raw
        self.words = _words(raw)
        self.heads: list[int] = self.words[1::4].tolist()
        self.counts: dict[int, int] = Counter(self.heads)
        self.last: dict[int, int] = dict(zip(self.heads, range(len(self.heads)), strict=True))

    def __len__(self) -> int:
        return len(self.heads)

    def time(self, place: int) -> int:
        return self.words[4 * place]

    def arguments(self, place: int) -> tuple[int, int]:
        """`a` and `b` of the record at `place`."""
        return self.words[4 * place + 2], self.words[4 * place + 3]

    def data_before(self, place: int) -> bytes:
        """The DATA records right before `place`, joined."""
        start = place
        while start and self.heads[start - 1] & 0xFF == EventKind.DATA:
            start -= 1
        return b"".join(_PAIR.pack(*self.arguments(i)) for i in range(start, place))

    def event(self, place: int) -> Event:
        """The record at `place` as an event, with the DATA before it."""
        head = self.heads[place]
        a, b = self.arguments(place)
        data = b""
        if place and self.heads[place - 1] & 0xFF == EventKind.DATA:
            data = self.data_before(place)
        return Event(
            self.time(place),
            self.process,
            head >> 8 & 0xFFFFFFFF,
            EventKind(head & 0xFF),
            head >> 40,
            a,
            b,
            data,
        )

    def trailing_data(self) -> bytes:
        """DATA records at the end, whose event is still to come, as raw records."""
        place = len(self.heads)
        while place and self.heads[place - 1] & 0xFF == EventKind.DATA:
            place -= 1
        return b"".join(
            RECORD.pack(self.time(i), self.heads[i], *self.arguments(i))
            for i in range(place, len(self.heads))
        )


def _words(raw: bytes | bytearray | memoryview) -> memoryview[int]:
    if sys.byteorder != "little":  # pragma: no cover - records are little endian
        from array import array

        swapped = array("q", bytes(raw))
        swapped.byteswap()
        return memoryview(swapped)
    return memoryview(raw).cast("B").cast("q")
