"""The shared memory between the workers and the supervisor.

One memfd, mapped by all. First a control block of 64 bytes (one cache line) for each process, then a
ring of event records for each, then the words of `news`. It belongs to no process, so it survives a worker's
SIGKILL: what the worker is blocked in can always be read from its last record.

Life of a record: the worker writes it, then raises `HEAD`; the supervisor copies it, then raises
`TAIL`. A worker whose ring is full waits; no record is ever overwritten unread.
"""

from __future__ import annotations

import mmap
import os
import time
from collections.abc import Callable

from ipcsim.sysv.process import address_of
from ipcsim.trace import RECORD, EventKind, data_records, head

BLOCK = 64
WORDS = BLOCK // 8
# Words of a control block, 64 bits each.
HEAD = 0  # records written, by the worker
TAIL = 1  # records consumed, by the supervisor
PID = 2  # the worker's pid, 0 before it exists and from just before it is reaped
GATE = 3  # controlled runs: how often the worker has arrived at a gate (futex)
GRANT = 4  # controlled runs: how many turns the supervisor has given (futex)
ORDER = 5  # controlled runs: what the granted turn is for: an alternative, or STRIKE
BORN = 7  # 1 once the process was started (by the launcher or by a `spawn`), then BEGUN
ATPC = 6  # controlled runs: the pc of the instruction that the worker waits to do

BEGUN = 2  # from here on it ends with the launcher
STRIKE = -1  # an ORDER: the timeout of the call it is blocked in strikes

SMALLEST, LARGEST = 128, 8192  # records a ring
MEMORY = 32 * 2**20  # what all rings together may take


class Rings:
    """The mapping of one run, in the supervisor, the launcher or a worker."""

    def __init__(self, processes: int, fd: int | None = None) -> None:
        """A new mapping, or that behind `fd` (of another process of the same run)."""
        self.processes = processes
        self.capacity = capacity(processes)
        rings = processes * (BLOCK + self.capacity * RECORD.size)
        size = rings + 8 * (processes + 1)
        if fd is None:
            fd = os.memfd_create("ipcsim-rings", os.MFD_CLOEXEC)
            os.ftruncate(fd, size)
        self.fd = fd
        self.memory = mmap.mmap(fd, size)
        self.view = memoryview(self.memory)
        self.control = self.view[: processes * BLOCK].cast("q")
        # by process how often it was where it had not been, and at the end the supervisor's word (see `news`)
        self.news = self.view[rings:].cast("q")
        self._base = address_of(self.memory)

    def offset(self, process: int) -> int:
        """Where the ring of `process` begins in the mapping."""
        return self.processes * BLOCK + process * self.capacity * RECORD.size

    def address(self, process: int, word: int) -> int:
        """The address of a control word, for futex."""
        return self._base + process * BLOCK + word * 8

    def take(self, process: int) -> list[bytes]:
        """Copies out and consumes what `process` has written: at most two pieces (the ring wraps)."""
        control, at = self.control, process * WORDS
        start, end = control[at + TAIL], control[at + HEAD]
        if start == end:
            return []
        ring, mask, size = self.offset(process), self.capacity - 1, RECORD.size
        first, last = start & mask, end & mask
        if first < last:
            pieces = [self.memory[ring + first * size : ring + last * size]]
        else:
            pieces = [self.memory[ring + first * size : ring + self.capacity * size]]
            if last:
                pieces.append(self.memory[ring : ring + last * size])
        control[at + TAIL] = end
        return pieces


def capacity(processes: int) -> int:
    """Records a ring: a power of two, smaller where there are many processes."""
    wanted = MEMORY // (processes * RECORD.size)
    size = SMALLEST
    while size * 2 <= min(wanted, LARGEST):
        size *= 2
    return size


Emit = Callable[[int, int, int], None]


def emitter(rings: Rings, process: int) -> Emit:
    """The function by which a worker writes a record: `emit(head, a, b)`.

    Its state is in the closure and it calls nothing of Python's: this is the hottest code of a run.
    """
    control, memory = rings.control, rings.memory
    at_head, at_tail = process * WORDS + HEAD, process * WORDS + TAIL
    ring, mask = rings.offset(process), rings.capacity - 1
    pack, now = RECORD.pack_into, time.monotonic_ns
    written = control[at_head]
    limit = control[at_tail] + rings.capacity

    def emit(word: int, a: int, b: int) -> None:
        nonlocal written, limit
        if written >= limit:
            limit = control[at_tail] + mask + 1
            if written >= limit:
                stalled()
        pack(memory, ring + ((written & mask) << 5), now(), word, a, b)
        written += 1
        control[at_head] = written

    def stalled() -> None:
        """Wait for the supervisor, then say in the trace for how long."""
        nonlocal written, limit
        start = now()
        while control[at_tail] + mask <= written:  # room for two records: the stall and the event
            time.sleep(0.0002)
        limit = control[at_tail] + mask + 1
        pack(memory, ring + ((written & mask) << 5), now(), head(EventKind.STALL, 0), now() - start, 0)
        written += 1
        control[at_head] = written

    return emit


def emit_data(emit: Emit, payload: bytes) -> None:
    """Write `payload` as DATA records, which belong to the event that is written next."""
    word = head(EventKind.DATA, 0)
    for a, b in data_records(payload):
        emit(word, a, b)
