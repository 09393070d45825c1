"""Several names for one kernel object: declarations whose keys are equal (K-1).

Two programs that think that they have a queue of their own, and one ftok key, are described so. Whoever
reasons about what a call does to whom must know that these names mean one thing.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import fields, is_dataclass, replace
from pathlib import PurePosixPath
from typing import Any

from ipcsim.program.expressions import QueueLength, SegmentValue, SemaphoreValue
from ipcsim.program.instructions import (
    GetValue,
    Load,
    ObjectCall,
    ObjectKind,
    ObjectRef,
    Receive,
    Semop,
    Send,
    SetValue,
    Store,
)
from ipcsim.program.objects import Key
from ipcsim.program.program import Program


def key_number(number: int) -> int:
    """A key as the kernel has it, an int of 32 bits: 0xFFFFFFFF and −1 are one key."""
    return (number + 2**31) % 2**32 - 2**31


def identity(key: Key) -> Hashable | None:
    """What two keys have in common that certainly find the same object; None for `private`, which never does.

    Paths are compared as texts, since none is looked at: ./a and a are one file. That two files give one
    ftok key by accident (16 bits of the inode's number) is not foreseen.
    """
    if key.number is not None:
        return key_number(key.number)
    if key.path is None:
        return None
    return plain_path(key.path), key.project & 0xFF


def plain_path(path: str) -> str:
    """A path without what certainly means nothing: `./a//b` is `a/b`; `..` stays, it may follow a link."""
    return str(PurePosixPath(path))


def groups(program: Program) -> dict[ObjectRef, tuple[ObjectRef, ...]]:
    """For each declared object all names of the kernel object that it stands for, its own among them."""
    found: dict[ObjectRef, list[ObjectRef]] = {}
    first = leaders(program)
    for ref, leader in first.items():
        found.setdefault(leader, []).append(ref)
    return {ref: tuple(found[leader]) for ref, leader in first.items()}


def leaders(program: Program) -> dict[ObjectRef, ObjectRef]:
    """For each declared object the first one of its kind with the same key: itself, where it is alone."""
    first: dict[tuple[ObjectKind, Hashable], ObjectRef] = {}
    found: dict[ObjectRef, ObjectRef] = {}
    for ref, declared in program.objects():
        known = identity(declared.key)
        found[ref] = ref if known is None else first.setdefault((ref.kind, known), ref)
    return found


# --- one name for each ---


def unified(program: Program) -> Program:
    """The same Program with every object under one name only, for whoever asks what steps do to each other.

    Steps keep their texts and places, objects their numbers. A set goes by the name that knows most of its
    semaphores. Fields of a segment that its other name lays out differently stay what they are.
    """
    one = _main_names(program)
    if all(ref == main for ref, main in one.items()):
        return program
    names = _Renaming(program, one)
    return replace(
        program,
        families=tuple(replace(f, code=tuple(names.of(i) for i in f.code)) for f in program.families),
        properties=tuple(
            replace(p, condition=None if p.condition is None else names.of(p.condition))
            for p in program.properties
        ),
    )


def _main_names(program: Program) -> dict[ObjectRef, ObjectRef]:
    first = leaders(program)
    main = dict(first)
    for ref, leader in first.items():
        if _extent(program, ref) > _extent(program, main[leader]):
            main[leader] = ref
    return {ref: main[leader] for ref, leader in first.items()}


def _extent(program: Program, ref: ObjectRef) -> int:
    match ref.kind:
        case ObjectKind.SEMAPHORES:
            return program.sets[ref.number].size
        case ObjectKind.SEGMENT:
            return program.segments[ref.number].struct.size
        case ObjectKind.QUEUE:
            return 0


class _Renaming:
    """Instructions and expressions with the main name of each object in place of every other."""

    def __init__(self, program: Program, main: dict[ObjectRef, ObjectRef]) -> None:
        self._program, self._main = program, main

    def of(self, value: Any) -> Any:
        match value:
            case Semop(set=number) | GetValue(set=number) | SetValue(set=number):
                return replace(value, set=self._number(ObjectKind.SEMAPHORES, number))
            case Send(queue=number) | Receive(queue=number) | QueueLength(queue=number):
                return replace(value, queue=self._number(ObjectKind.QUEUE, number))
            case Load() | Store():
                segment, field = self._field(value.segment, value.field)
                return replace(value, segment=segment, field=field)
            case ObjectCall(object=ref):
                return replace(value, object=self._main[ref])
            case SemaphoreValue(set=number):
                return self._inside(replace(value, set=self._number(ObjectKind.SEMAPHORES, number)))
            case SegmentValue():
                segment, field = self._field(value.segment, value.field)
                return self._inside(replace(value, segment=segment, field=field))
            case _ if is_dataclass(value) and not isinstance(value, type):
                return self._inside(value)
            case tuple():
                return tuple(self.of(v) for v in value)
        return value

    def _inside(self, value: Any) -> Any:
        changed = {f.name: self.of(getattr(value, f.name)) for f in fields(value)}
        return replace(value, **changed)

    def _number(self, kind: ObjectKind, number: int) -> int:
        return self._main[ObjectRef(kind, number)].number

    def _field(self, segment: int, number: int) -> tuple[int, int]:
        """The field of the main name that is the same bytes as the same type; itself where there is none."""
        mine = self._program.segments[segment].struct.fields[number]
        other = self._number(ObjectKind.SEGMENT, segment)
        for place, its in enumerate(self._program.segments[other].struct.fields):
            if (its.offset, its.type, its.count, its.atomic) == (
                mine.offset,
                mine.type,
                mine.count,
                mine.atomic,
            ):
                return other, place
        return segment, number
