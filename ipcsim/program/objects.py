"""The IPC objects of a Program: semaphore sets, message queues, shared memory segments.

These are declarations, not kernel objects: what to create, with which names and initial values.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from ipcsim.errors import EvaluationError, Location

# The C types that messages and segments are made of: struct letter, least and greatest value.
SCALARS: dict[str, tuple[str, int, int]] = {
    "char": ("b", -(2**7), 2**7 - 1),
    "short": ("h", -(2**15), 2**15 - 1),
    "int": ("i", -(2**31), 2**31 - 1),
    "uint": ("I", 0, 2**32 - 1),
    "long": ("q", -(2**63), 2**63 - 1),
}


@dataclass(frozen=True, slots=True)
class Key:
    """How an object is found: `private`, a number, or ftok(path, project).

    `path` is only looked at when the object is created or opened, never when the text is loaded.
    """

    number: int | None = None
    path: str | None = None
    project: int = 0

    @property
    def private(self) -> bool:
        return self.number is None and self.path is None


@dataclass(frozen=True, slots=True)
class Member:
    """A named semaphore of a set, or an array of them; `base` is its first number in the set."""

    name: str
    base: int
    count: int | None  # None: a single semaphore
    initial: tuple[int, ...]

    @property
    def size(self) -> int:
        return 1 if self.count is None else self.count


@dataclass(frozen=True, slots=True)
class SemaphoreSet:
    name: str
    members: tuple[Member, ...]
    key: Key
    mode: int
    at: Location
    created_by_run: bool = True  # False where a process of the scenario creates it itself
    persist: bool = False  # outlives the run (and is then no leak)

    @property
    def size(self) -> int:
        return sum(m.size for m in self.members)

    @property
    def initial(self) -> tuple[int, ...]:
        return tuple(v for m in self.members for v in m.initial)

    def label(self, number: int) -> str:
        """The name that the user gave semaphore `number`: `mutex`, `fork[3]`."""
        for m in self.members:
            if m.base <= number < m.base + m.size:
                return m.name if m.count is None else f"{m.name}[{number - m.base}]"
        return f"{self.name}#{number}"


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a C struct: `count` None is a scalar; a text is `char[count]`, NUL-padded.

    `atomic` marks a segment field that synchronises by itself (Peterson's flags): accesses to it are
    not races and order what stands before and after them.
    """

    name: str
    type: str
    count: int | None
    offset: int
    atomic: bool = False

    @property
    def is_text(self) -> bool:
        return self.type == "char" and self.count is not None

    @property
    def width(self) -> int:
        """Bytes of one element."""
        return struct.calcsize(SCALARS[self.type][0])

    @property
    def size(self) -> int:
        return self.width * (1 if self.count is None else self.count)

    def check(self, value: int) -> int:
        """`value` if it fits one element, else `EvaluationError` (C would silently cut it)."""
        _, low, high = SCALARS[self.type]
        if not low <= value <= high:
            raise EvaluationError(f"{value} does not fit `{self.name}` of type {self.type} ({low} to {high})")
        return value

    def encode_text(self, value: str) -> bytes:
        """UTF-8, NUL-padded to `count` bytes; `EvaluationError` where it is longer."""
        raw = value.encode("utf-8", "surrogateescape")
        if len(raw) > self.size:
            raise EvaluationError(
                f"a text of {len(raw)} bytes does not fit `{self.name}`, char[{self.count}]"
            )
        return raw.ljust(self.size, b"\0")

    def decode_text(self, raw: bytes) -> str:
        return raw.split(b"\0", 1)[0].decode("utf-8", "replace")


Value = int | str | tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Struct:
    """A C struct in native layout: fixed-size fields, no pointers."""

    fields: tuple[Field, ...]
    size: int

    def field(self, name: str) -> Field:
        return next(f for f in self.fields if f.name == name)

    def pack(self, values: tuple[Value, ...]) -> bytes:
        """The bytes of one struct from one value a field; `EvaluationError` where one does not fit."""
        raw = bytearray(self.size)
        for f, value in zip(self.fields, values, strict=True):
            if isinstance(value, str):
                raw[f.offset : f.offset + f.size] = f.encode_text(value)
            else:
                items = (value,) if isinstance(value, int) else value
                letters = f"={len(items)}{SCALARS[f.type][0]}"
                struct.pack_into(letters, raw, f.offset, *(f.check(int(v)) for v in items))
        return bytes(raw)

    def unpack(self, raw: bytes) -> tuple[Value, ...]:
        """One value a field; bytes that are missing (a shorter message) count as zero."""
        padded = raw.ljust(self.size, b"\0")
        values: list[Value] = []
        for f in self.fields:
            part = padded[f.offset : f.offset + f.size]
            if f.is_text:
                values.append(f.decode_text(part))
                continue
            items = struct.unpack(f"={f.count or 1}{SCALARS[f.type][0]}", part)
            values.append(items[0] if f.count is None else items)
        return tuple(values)


def layout(fields: list[tuple[str, str, int | None, bool]]) -> Struct:
    """Lay out (name, type, count, atomic) as a C compiler would: natural alignment, padded at the end."""
    placed: list[Field] = []
    offset, widest = 0, 1
    for name, type_, count, atomic in fields:
        width = struct.calcsize(SCALARS[type_][0])
        widest = max(widest, width)
        offset = -(-offset // width) * width
        placed.append(Field(name, type_, count, offset, atomic))
        offset += width * (1 if count is None else count)
    return Struct(tuple(placed), -(-offset // widest) * widest)


@dataclass(frozen=True, slots=True)
class Queue:
    """A message queue; `bytes` is msg_qbytes, None leaves the system's default."""

    name: str
    message: Struct
    bytes: int | None
    key: Key
    mode: int
    at: Location
    created_by_run: bool = True
    persist: bool = False


@dataclass(frozen=True, slots=True)
class Segment:
    """A shared memory segment: a struct, and the values it starts with (one a field)."""

    name: str
    struct: Struct
    initial: tuple[Value, ...]
    key: Key
    mode: int
    at: Location
    created_by_run: bool = True
    persist: bool = False


IpcObject = SemaphoreSet | Queue | Segment
