"""Events written down in words, for tests that need a trace."""

from __future__ import annotations

import struct
from collections.abc import Iterable

from ipcsim.program import Program
from ipcsim.trace import RECORD, Event, EventKind, data_records, head


class Story:
    """Events one after the other, a microsecond apart. `do` is a whole call or step."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.now = 0

    def at(self, time: int) -> Story:
        self.now = time
        return self

    def add(
        self,
        process: int,
        pc: int,
        kind: EventKind,
        a: int = 0,
        b: int = 0,
        errno: int = 0,
        data: bytes = b"",
    ) -> Story:
        self.now += 1000
        self.events.append(Event(self.now, process, pc, kind, errno, a, b, data))
        return self

    def begin(
        self, process: int, pc: int, a: int = 0, b: int = 0, pairs: Iterable[tuple[int, int]] = ()
    ) -> Story:
        data = b"".join(struct.pack("<qq", *pair) for pair in pairs)
        return self.add(process, pc, EventKind.BEGIN, a, b, data=data)

    def end(self, process: int, pc: int, a: int = 0, b: int = 0, errno: int = 0) -> Story:
        return self.add(process, pc, EventKind.END, a, b, errno)

    def call(self, process: int, *pcs: int) -> Story:
        for pc in pcs:
            self.begin(process, pc).end(process, pc)
        return self

    def step(
        self, process: int, *pcs: int, a: int = 0, b: int = 0, errno: int = 0, data: bytes = b""
    ) -> Story:
        for pc in pcs:
            self.add(process, pc, EventKind.STEP, a, b, errno, data)
        return self

    def died(self, process: int, code: int = 0) -> Story:
        return self.add(process, 0, EventKind.DIED, code)

    def send(self, process: int, pc: int, type: int, size: int = 4) -> Story:
        return self.begin(process, pc, type, size).end(process, pc)

    def receive(self, process: int, pc: int, asked: int, got: int) -> Story:
        return self.begin(process, pc, asked).end(process, pc, 4, got)

    def sweeps(self, program: Program, size: int = 7) -> list[list[tuple[int, bytes]]]:
        """The same as raw records, in sweeps of `size` events each."""
        found: list[list[tuple[int, bytes]]] = []
        for start in range(0, len(self.events), size):
            by: dict[int, bytearray] = {}
            for event in self.events[start : start + size]:
                out = by.setdefault(event.process, bytearray())
                for a, b in data_records(event.data) if event.data else ():
                    out += RECORD.pack(event.time, head(EventKind.DATA, 0), a, b)
                out += RECORD.pack(event.time, head(event.kind, event.pc, event.errno), event.a, event.b)
            found.append([(p, bytes(raw)) for p, raw in sorted(by.items(), reverse=True)])
        assert all(p < len(program.processes) for s in found for p, _ in s)
        return found
