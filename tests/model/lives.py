"""Random Programs in which objects come and go: names that share a key, sizes other than declared, rights,
attachments, the last page of a segment.

What the processes do besides (semop, messages) is that of `programs.Dice`.
"""

from __future__ import annotations

import os
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ipcsim.errors import NOWHERE
from ipcsim.program import Identity, Program
from ipcsim.program.expressions import Const
from ipcsim.program.instructions import (
    Code,
    Instruction,
    KernelCall,
    Lifecycle,
    Load,
    ObjectCall,
    ObjectKind,
    ObjectRef,
    SemaphoreQuestion,
    Store,
)
from ipcsim.program.objects import Key, Queue, Segment, SemaphoreSet, Struct, layout
from tests.model import programs as make
from tests.model.programs import ERRNOS, Dice

# names of one segment see the same bytes alike: each has the first fields of one of these
_FIELDS: tuple[tuple[tuple[str, str, int | None, bool], ...], ...] = (
    (("x", "int", None, False), ("y", "int", 2, False)),
    (("pad", "char", 4088, False), ("a", "int", None, False), ("b", "int", 2, False)),
)
_BYTES = (0, 1, 4, 8, 12, 4092, 4095, 4096, 4097, 4100, 4104, 8192)
_SEMAPHORES = (0, 1, 1, 2, 2, 3, 4, 5, 32_001)
_MODES = (0o600, 0o600, 0o666, 0o660, 0o640, 0o604, 0o400, 0o200, 0o000, 0o711, 0o777)
_ASKED = (0o000, 0o400, 0o200, 0o600, 0o444, 0o666, 0o111)
_USERS = ((1001, 1001), (1002, 1001), (1003, 1003))
_STAT: dict[ObjectKind, tuple[str, ...]] = {
    ObjectKind.SEMAPHORES: ("nsems", "otime", "ctime"),
    ObjectKind.QUEUE: ("qnum", "cbytes", "qbytes", "lspid", "lrpid", "stime", "rtime", "ctime"),
    ObjectKind.SEGMENT: ("size", "nattch", "cpid", "lpid", "atime", "dtime", "ctime"),
}
_COMMON = ("id", "mode", "uid", "gid", "cuid", "cgid", "key")
_EVERY = tuple(dict.fromkeys(e for errnos in ERRNOS.values() for e in errnos))
_EVERY = (*_EVERY, "EFBIG", "EACCES", "EPERM", "EEXIST", "ENOENT")
_ANYWHERE: dict[str, Any] = {"at": NOWHERE, "text": ""}


def keys() -> int:
    """A key that no other process that runs such programs uses at the same time; so are the next ones."""
    return (os.getpid() & 0x3FFFFF) << 8 | 0x40000000


def handled(code: Sequence[Instruction], skips: Mapping[int, int] | None = None) -> Code:
    """Every call goes on with the next instruction, or where `skips` says, whatever errno it ends with."""
    found = []
    for pc, instruction in enumerate(code):
        target = (skips or {}).get(pc, pc + 1)
        if isinstance(instruction, KernelCall):
            instruction = replace(instruction, handlers=tuple((name, target) for name in _EVERY))
        found.append(instruction)
    return tuple(found)


class Lives(Dice):
    """Makes one Program. `rights`: processes of several users, which needs root."""

    def __init__(self, chance: random.Random, longest: int = 30, rights: bool | None = None) -> None:
        super().__init__(chance, longest)
        self._rights = os.geteuid() == 0 if rights is None else rights

    def program(self) -> Program:
        chance = self._chance
        self._deltas, self._values = make._DELTAS[0], make._VALUES[1]
        self._patient, self._undoing, self._rough = 0.1, chance.choice((0.0, 0.3)), 0.0
        self._processes = chance.randint(2, 4)
        self._keys = [Key(keys() + n) for n in range(2)]
        self._made: set[tuple[ObjectKind, Key]] = set()
        kinds = chance.choice(((2, 0, 1), (1, 1, 1), (2, 2, 0), (0, 2, 2), (0, 0, 2), (3, 0, 0), (1, 2, 1)))
        self._sets = [self._set(f"s{i}") for i in range(kinds[0])]
        self._queues = [self._queue_named(f"q{i}") for i in range(kinds[1])]
        columns = chance.choice(_FIELDS)
        self._segments = [self._segment(f"m{i}", columns) for i in range(kinds[2])]
        mixed = self._rights and chance.random() < 0.4
        codes = [self._life() for _ in range(self._processes)]
        families = [make.family(f"p{i}", code) for i, code in enumerate(codes)]
        if mixed:
            families = [replace(f, identity=self._identity()) for f in families]
        families.append(make.family("observer", self._looks(), spawned=True))
        made = make.program(self._sets, self._queues, [], looks=False)
        return replace(made, segments=tuple(self._segments), families=tuple(families))

    def _identity(self) -> Identity | None:
        user = self._chance.choice((None, *_USERS))
        return None if user is None else Identity(*user)

    # --- declarations ---

    def _common(self, kind: ObjectKind) -> dict[str, Any]:
        """Key, mode, and who makes it; of names with one key the run makes at most one."""
        key = self._chance.choice((*self._keys, self._keys[0], Key()))
        by_run = key.private or (self._chance.random() < 0.2 and (kind, key) not in self._made)
        if by_run and not key.private:
            self._made.add((kind, key))
        return {"key": key, "mode": self._mode(), "at": NOWHERE, "created_by_run": by_run}

    def _mode(self) -> int:
        return self._chance.choice(_MODES) if self._rights else 0o600

    def _set(self, name: str) -> SemaphoreSet:
        initial = [self._chance.choice(self._values) for _ in range(self._chance.randint(1, 4))]
        return replace(make.semaphores(name, initial), **self._common(ObjectKind.SEMAPHORES))

    def _queue_named(self, name: str) -> Queue:
        room = self._chance.choice((None, 3, 8, 12, 20, 100))
        return replace(make.queue(name, 1), bytes=room, **self._common(ObjectKind.QUEUE))

    def _segment(self, name: str, columns: Sequence[tuple[str, str, int | None, bool]]) -> Segment:
        struct = layout(list(columns[: self._chance.randint(1, len(columns))]))
        initial = struct.unpack(b"\1\0\0\0" if self._chance.random() < 0.3 else b"")
        return Segment(name, struct, initial, **self._common(ObjectKind.SEGMENT))

    def _looks(self) -> Code:
        """What makes the model keep all that IPC_STAT and GETPID show."""
        asked: list[Instruction] = [make.get(n, 0, SemaphoreQuestion.PID) for n in range(len(self._sets))]
        asked += [make.stat(ref, _STAT[ref.kind][0]) for ref in self._refs()]
        asked += [make.stat(ref, "otime") for ref in self._refs() if ref.kind is ObjectKind.SEMAPHORES]
        asked += [make.stat(ref, "lpid") for ref in self._refs() if ref.kind is ObjectKind.SEGMENT]
        return make.handled(asked)

    def _refs(self) -> list[ObjectRef]:
        kinds = ((ObjectKind.SEMAPHORES, self._sets), (ObjectKind.QUEUE, self._queues))
        found = [ObjectRef(kind, n) for kind, objects in kinds for n in range(len(objects))]
        return found + [ObjectRef(ObjectKind.SEGMENT, n) for n in range(len(self._segments))]

    # --- code ---

    def _life(self) -> Code:
        """First finds most objects, then anything; a segment is used only where it could be attached."""
        chance = self._chance
        code: list[Instruction] = []
        for ref in self._refs():
            if chance.random() < 0.8:
                code.append(self._finds(ref))
        ends = chance.randint(4, self._longest)
        skips: dict[int, int] = {}  # by the pc of an attach: where to go on if it fails
        for _ in range(ends):
            part = self._part()
            if isinstance(part[0], ObjectCall) and part[0].action is Lifecycle.ATTACH:
                skips[len(code)] = len(code) + len(part)
            code += part
        end = chance.random()
        if end < 0.1:
            code.append(make.crash())
        elif end < 0.8:
            code.append(make.again())
        return handled(code, skips)

    def _part(self) -> list[Instruction]:
        """One call, or an attachment with what is done there."""
        chance = self._chance
        ref = chance.choice(self._refs())
        kind = chance.random()
        if kind < 0.12:
            return [self._finds(ref)]
        if kind < 0.17:
            return [make.remove(ref)]
        if kind < 0.25:
            return [make.stat(ref, chance.choice((*_STAT[ref.kind], *_COMMON)))]
        if kind < 0.3:
            return [self._changes(ref)]
        if ref.kind is ObjectKind.SEGMENT:
            return self._attached(ref)
        return [self._semaphore_of(ref) if ref.kind is ObjectKind.SEMAPHORES else self._queue()]

    def _semaphore_of(self, ref: ObjectRef) -> Instruction:
        found = self._semaphore()
        return replace(found, set=ref.number) if self._fits(found, ref) else found  # type: ignore[call-arg]

    def _fits(self, found: Any, ref: ObjectRef) -> bool:
        if getattr(found, "all", False):
            return False
        numbers = [o.base for o in found.operations] if hasattr(found, "operations") else [found.base]
        return max(numbers) < self._sets[ref.number].size

    def _finds(self, ref: ObjectRef) -> Instruction:
        chance = self._chance
        key = self._program_object(ref).key
        if key.private and (ref.kind is not ObjectKind.SEGMENT or chance.random() < 0.9):
            return make.stat(ref, "id")  # the model knows but one at a time, and few segments
        sizes: tuple[int | None, ...] = (None, None, None)
        if ref.kind is not ObjectKind.QUEUE:
            sizes += _SEMAPHORES if ref.kind is ObjectKind.SEMAPHORES else _BYTES
        creates = chance.random() < 0.7 if not key.private else True
        mode = chance.choice((None, None, self._mode() if creates else chance.choice(_ASKED)))
        return ObjectCall(
            **_ANYWHERE,
            action=Lifecycle.CREATE if creates else Lifecycle.OPEN,
            object=ref,
            exclusive=creates and chance.random() < 0.3,
            readonly=not creates and chance.random() < 0.3,
            mode=mode,
            size=chance.choice(sizes),
            into=1,
        )

    def _program_object(self, ref: ObjectRef) -> SemaphoreSet | Queue | Segment:
        if ref.kind is ObjectKind.SEMAPHORES:
            return self._sets[ref.number]
        return self._queues[ref.number] if ref.kind is ObjectKind.QUEUE else self._segments[ref.number]

    def _changes(self, ref: ObjectRef) -> Instruction:
        room = self._chance.choice((0, 5, 12, 30, 200)) if ref.kind is ObjectKind.QUEUE else None
        mode = self._mode() if room is None or self._chance.random() < 0.3 else None
        return ObjectCall(
            **_ANYWHERE,
            action=Lifecycle.CHANGE,
            object=ref,
            mode=mode,
            bytes=None if room is None else Const(room),
        )

    def _attached(self, ref: ObjectRef) -> list[Instruction]:
        chance = self._chance
        readonly = chance.random() < 0.2
        call: dict[str, Any] = {**_ANYWHERE, "object": ref}
        code: list[Instruction] = [ObjectCall(**call, action=Lifecycle.ATTACH, readonly=readonly, into=1)]
        struct = self._segments[ref.number].struct
        for _ in range(chance.randint(0, 3)):
            code.append(self._access(ref.number, struct, stores=not readonly or chance.random() < 0.05))
        if chance.random() < 0.6:
            code.append(ObjectCall(**call, action=Lifecycle.DETACH))
        return code

    def _access(self, number: int, struct: Struct, stores: bool) -> Instruction:
        chance = self._chance
        place = chance.randrange(len(struct.fields))
        field = struct.fields[place]
        index = None if field.count is None or field.is_text else Const(chance.randrange(field.count))
        where: dict[str, Any] = {**_ANYWHERE, "segment": number, "field": place, "index": index}
        if not stores or chance.random() < 0.5:
            return Load(**where, into=1)
        self._serial += 1
        return Store(**where, value=Const(f"t{self._serial}" if field.is_text else self._serial))
