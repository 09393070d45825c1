"""Trace: the events of one run, and the versioned file that holds them.

An *Event* is something observed: which process, at which instruction, began or ended a call, with
which result, when. Workers write events as fixed-size binary records (32 bytes, little endian):

    time  CLOCK_MONOTONIC, ns      head  kind | pc << 8 | errno << 40      a, b  see `EventKind`

The file is one line of JSON (the header, with the whole Program), then chunks: tag, process and size
as three 32-bit integers, then the payload. A chunk of records belongs to one process and is in its
order; the last chunk is the outcome as JSON. A file without one is of a run that was cut off: what is
there can still be read.
"""

from __future__ import annotations

import fcntl
import heapq
import json
import os
import struct
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from time import strftime
from typing import Any, BinaryIO, NamedTuple

from ipcsim import shortages
from ipcsim.errors import EnvironmentProblem, TraceError
from ipcsim.files import open_plain
from ipcsim.program import Program
from ipcsim.program.codec import encode

FORMAT = 1
RECORD = struct.Struct("<qqqq")
CHUNK = struct.Struct("<III")
RECORDS, OUTCOME, NOTE = 1, 2, 3  # chunk tags
STOPPED = "stopped"  # the note on when a run began to kill whoever was left
LONGEST_HEADER = 64 * 2**20


class EventKind(IntEnum):
    """The sort of a record, and what `a` and `b` hold.

    - BEGIN: about to enter a kernel call. Send: a = message type, b = length. Receive: a = type asked for.
      Signal, Spawn: a = the other process. Store: a = value, b = index (only where it may be a fault).
    - END: the call is over; `errno` 0 where it succeeded. a = result. Receive: a = length, b = type.
      GetValue: a = value. Create/open: a = id.
    - STEP: a visible instruction that cannot block, done. Load, Store: a = value, b = index.
      Choose: a = the alternative taken. Exit: a = code. Assert: a = 1 where it held. A failed
      evaluation is a STEP with errno -1 whose `data` is the message.
    - DATA: 16 bytes of the event that follows, raw in a and b (a message, or a semaphore number and delta).
    - STALL: the worker waited a ns for the supervisor to empty its ring.
    - DIED: written by the supervisor: the process is gone; a = exit code, or −signal; b = 1 where the
      schedule ordered it.
    """

    BEGIN = 1
    END = 2
    STEP = 3
    DATA = 4
    STALL = 5
    DIED = 6


def head(kind: EventKind, pc: int, errno: int = 0) -> int:
    """The second word of a record."""
    return kind | pc << 8 | errno << 40


class Event(NamedTuple):
    """One record with its DATA joined; `errno` is the kernel's number, 0 for success."""

    time: int
    process: int
    pc: int
    kind: EventKind
    errno: int
    a: int
    b: int
    data: bytes

    def pairs(self) -> list[tuple[int, int]]:
        """`data` as (a, b) pairs: the (semaphore number, delta) of a semop whose operations vary."""
        return list(struct.iter_unpack("<qq", self.data))


class Decoder:
    """Turns one process's records into events; keeps DATA that is still waiting for its event."""

    def __init__(self, process: int) -> None:
        self.process = process
        self._data = bytearray()

    def decode(self, raw: bytes | memoryview) -> Iterator[Event]:
        """The events in `raw`, a whole number of records."""
        for time, word, a, b in RECORD.iter_unpack(raw):
            kind = word & 0xFF
            if kind == EventKind.DATA:
                self._data += struct.pack("<qq", a, b)
                continue
            data = b""
            if self._data:
                data = bytes(self._data)
                self._data.clear()
            yield Event(time, self.process, word >> 8 & 0xFFFFFFFF, EventKind(kind), word >> 40, a, b, data)


def pairs_bytes(pairs: Iterable[tuple[int, int]]) -> bytes:
    """The data of a semop whose operations vary: what `Event.pairs` reads back."""
    return b"".join(struct.pack("<qq", number, delta) for number, delta in pairs)


def data_records(payload: bytes) -> Iterator[tuple[int, int]]:
    """`payload` as the (a, b) of DATA records, zero-padded."""
    padded = payload + b"\0" * (-len(payload) % 16)
    yield from struct.iter_unpack("<qq", padded)


@dataclass(frozen=True)
class Trace:
    """A whole trace: events of all processes in the order of their times.

    `complete` is False where the file ends without an outcome (the run was cut off); `outcome` is the
    JSON object that `ipcsim run --json` printed. `notes` are further JSON chunks, by their "note" key.
    """

    program: Program
    header: dict[str, Any]
    events: tuple[Event, ...]
    outcome: dict[str, Any] = field(default_factory=dict)
    notes: tuple[dict[str, Any], ...] = ()
    complete: bool = True
    problem: str = ""

    @property
    def stopped(self) -> int | None:
        """When the run was stopped while processes were left, in the events' ns; None where none was."""
        return next((n["time"] for n in self.notes if n.get("note") == STOPPED), None)


def lock(fd: int) -> None:
    """Hold the trace behind `fd` against removal by `budget`, until `fd` is closed. Where the file system
    has no locks, nobody gets one who wants to remove it either."""
    with suppress(OSError):
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)


class TraceWriter:
    """Writes a trace file while the run goes on. Raises OSError as the file system gives it."""

    def __init__(self, path: Path, program: Program, **header: Any) -> None:
        self.path = path
        self.size = 0  # bytes of events
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: BinaryIO = path.open("xb", buffering=1 << 18)
        lock(self._file.fileno())  # before it can be known as a trace: until it is closed it is of a live run
        first = {"ipcsim-trace": FORMAT, "scenario": program.name, **header, "program": encode(program)}
        try:
            self._file.write(json.dumps(first, separators=(",", ":")).encode() + b"\n")
            self._file.flush()  # a run that is killed leaves a trace that says what it was
        except BaseException:
            self.abandon()
            raise

    def records(self, process: int, raw: bytes | memoryview) -> None:
        self._file.write(CHUNK.pack(RECORDS, process, len(raw)))
        self._file.write(raw)
        self.size += CHUNK.size + len(raw)

    def note(self, data: dict[str, Any]) -> None:
        self._json(NOTE, data)

    def outcome(self, data: dict[str, Any]) -> None:
        self._json(OUTCOME, data)

    def _json(self, tag: int, data: dict[str, Any]) -> None:
        raw = json.dumps(data, separators=(",", ":")).encode()
        self._file.write(CHUNK.pack(tag, 0, len(raw)) + raw)

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        self._file.close()

    def abandon(self) -> None:
        """Close and remove a trace that no outcome was written to; nothing where it is closed already."""
        if not self._file.closed:
            with suppress(OSError):
                self._file.close()
            self.path.unlink(missing_ok=True)


def new_trace(folder: Path, program: Program, **header: Any) -> TraceWriter:
    """A trace file with a name of its own in `folder`; `EnvironmentProblem` where that cannot be."""
    stamp = strftime("%Y%m%d-%H%M%S")
    for attempt in range(1000):
        path = folder / (f"{stamp}.trace" if attempt == 0 else f"{stamp}-{attempt}.trace")
        try:
            return TraceWriter(path, program, **header)
        except FileExistsError:
            continue
        except OSError as error:
            raise shortages.cannot(
                f"cannot write the trace {path}", error, "name another folder with --report DIR"
            ) from None
    raise EnvironmentProblem(f"too many traces of this second in {folder}")


def read_trace(path: Path) -> Trace:
    """The trace in `path`; one that was cut off is read as far as it goes.

    Raises `TraceError` where it is no trace, of another version, or damaged in its header.
    """
    try:
        file = open_plain(path)
    except OSError as error:
        if (problem := shortages.explain(error)) is not None:
            raise problem from None
        raise TraceError(f"cannot read {path}: {error.strerror}") from None
    with file:
        header = _read_header(path, file)
        program = _read_program(header.pop("program", None))
        chunks = _Chunks(file, len(program.processes))
        streams = chunks.read()
    events = tuple(heapq.merge(*streams, key=lambda e: e.time))
    return Trace(
        program, header, events, chunks.outcome, tuple(chunks.notes), not chunks.problem, chunks.problem
    )


def _read_program(data: Any) -> Program:
    """The Program in a header. What checks it is of no use to those who write traces: imported here."""
    from ipcsim.program.soundness import read_program

    return read_program(data)


def _read_header(path: Path, file: BinaryIO) -> dict[str, Any]:
    line = file.readline(LONGEST_HEADER)
    try:
        header = json.loads(line)
    except (ValueError, RecursionError):
        header = None
    if not isinstance(header, dict) or "ipcsim-trace" not in header:
        raise TraceError(f"{path} is not an ipcsim trace")
    if header["ipcsim-trace"] != FORMAT:
        raise TraceError(
            f"{path} has trace format {header['ipcsim-trace']}, this ipcsim reads format {FORMAT}; "
            "use the version of ipcsim that wrote it"
        )
    return header


class _Chunks:
    """Reads chunks until the outcome; `problem` says why it stopped where that was too early."""

    def __init__(self, file: BinaryIO, processes: int) -> None:
        self._file, self._processes = file, processes
        self._end = os.fstat(file.fileno()).st_size
        self.outcome: dict[str, Any] = {}
        self.notes: list[dict[str, Any]] = []
        self.problem = "the trace ends without an outcome: the run was cut off"

    def read(self) -> Iterable[list[Event]]:
        streams: list[list[Event]] = [[] for _ in range(self._processes)]
        decoders = [Decoder(i) for i in range(self._processes)]
        while len(prefix := self._file.read(CHUNK.size)) == CHUNK.size:
            tag, process, size = CHUNK.unpack(prefix)
            # before memory is taken: four bytes can ask for 4 GiB
            raw = self._file.read(size) if size <= self._end - self._file.tell() else b""
            if len(raw) < size or tag not in (RECORDS, OUTCOME, NOTE):
                self.problem = "the trace is cut off or damaged in the middle"
                break
            try:
                if tag == RECORDS:
                    streams[process] += decoders[process].decode(raw)
                else:
                    self._take_json(tag, raw)
            except (ValueError, struct.error, IndexError, RecursionError):
                self.problem = "the trace is damaged in the middle"
                break
        return streams

    def _take_json(self, tag: int, raw: bytes) -> None:
        data = json.loads(raw)
        if not isinstance(data, dict):
            raise ValueError("not an object")
        if tag == NOTE:
            self.notes.append(data)
        else:
            self.outcome, self.problem = data, ""
