"""Objects that come and go: ids, handles, rights, keys, attachments (SEMANTICS K, H, S-21, S-26, Q-9, Q-10).

Only machines whose Program has such steps (or processes of several users) have a `Living`; everywhere else
every object simply is there. Each declared object has a slot with its `Record`s, each process its
`Handles` as part of its local state. A segment that was removed while attached lives on beside a new one
of the same name, so a segment has several generations of fields.

Ids, addresses, pids and times are stand-ins: equal where the kernel's are equal, and times are 0 or 1.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any, NamedTuple

from ipcsim.errors import EvaluationError
from ipcsim.model import queues
from ipcsim.model.effects import Effects
from ipcsim.model.layout import Table
from ipcsim.model.locals import Person
from ipcsim.model.locals import Unsupported as Unsupported
from ipcsim.program import Program
from ipcsim.program.instructions import Lifecycle, ObjectCall, ObjectKind, ObjectRef
from ipcsim.program.objects import Field, IpcObject, Key, Queue, Segment, SemaphoreSet

if TYPE_CHECKING:
    from ipcsim.model.machine import Machine

UNKNOWN = -1  # a handle that the process does not have
PAGE = 4096
GENERATIONS = 3  # of a segment: the present one and two that are removed and still attached
READ, WRITE = 4, 2
DESTROYED = 0o1000  # SHM_DEST, a bit of the mode
_FIRST_ADDRESS, _APART = 0x7F00_0000_0000, 0x10_0000


class Record(NamedTuple):
    """One kernel object of a declared name."""

    id: int
    key: int
    mode: int
    uid: int
    gid: int
    creator: int  # the process + 1; 0: the run
    size: int = 0
    removed: bool = False
    attached: int = 0
    capacity: int = 0
    last: tuple[int, int, int, int] = (0, 0, 0, 0)  # lspid, lrpid, stime, rtime
    otime: int = 0


class Handles(NamedTuple):
    """`ids` by object, in the Program's order; `attached[segment]` are (id, address, readonly), the latest
    last."""

    ids: tuple[int, ...]
    attached: tuple[tuple[tuple[int, int, bool], ...], ...]


class Living:
    """See the module."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._program = machine.program
        self._refs = [ref for ref, _ in self._program.objects()]
        self._place = {ref: i for i, ref in enumerate(self._refs)}
        self._refuse_shared_keys()
        self.record = [machine._slot(f"object {self._declared(r).name}", "data", Table()) for r in self._refs]
        self.next_id = machine._slot("next id", "data", Table())

    @staticmethod
    def needed(program: Program) -> bool:
        calls = any(isinstance(i, ObjectCall) for f in program.families for i in f.code)
        return calls or any(f.identity is not None for f in program.families)

    @staticmethod
    def generations(program: Program) -> list[int]:
        """How many generations of fields each segment needs."""
        made = {
            i.object.number
            for f in program.families
            for i in f.code
            if isinstance(i, ObjectCall)
            and i.action is Lifecycle.CREATE
            and i.object.kind is ObjectKind.SEGMENT
        }
        return [GENERATIONS if n in made else 1 for n in range(len(program.segments))]

    def _declared(self, ref: ObjectRef) -> IpcObject:
        return self._program.object(ref)

    def _refuse_shared_keys(self) -> None:
        seen: dict[tuple[ObjectKind, Key], str] = {}
        for ref in self._refs:
            declared = self._declared(ref)
            if declared.key.private:
                continue
            other = seen.setdefault((ref.kind, declared.key), declared.name)
            if other != declared.name:
                raise Unsupported(
                    f"`{other}` and `{declared.name}` have the same key: they are one object with two names"
                )

    # --- the beginning ---

    def first_values(self, values: list[Any]) -> None:
        for place, ref in enumerate(self._refs):
            declared = self._declared(ref)
            record = None
            if declared.created_by_run:
                record = self._new(place + 1, declared, declared.mode, 0, self._size(declared, None))
                if isinstance(declared, Segment):
                    attached = sum(
                        len(values[p.number].handles.attached[ref.number])
                        for p in self._machine.people
                        if values[p.number].handles is not None
                    )
                    record = record._replace(attached=attached)
            extra = self._room(ref) - 1
            values[self.record[place]] = (record, *(None,) * extra)
        values[self.next_id] = len(self._refs) + 1

    def _room(self, ref: ObjectRef) -> int:
        return len(self._machine.element[ref.number]) if ref.kind is ObjectKind.SEGMENT else 1

    def first_handles(self, person: Person) -> Handles:
        """What the run created is known to all, and attached except where a step does that."""
        by_hand = {
            i.object.number
            for i in person.code
            if isinstance(i, ObjectCall)
            and i.action is Lifecycle.ATTACH
            and i.object.kind is ObjectKind.SEGMENT
        }
        ids = tuple(i + 1 if self._declared(r).created_by_run else UNKNOWN for i, r in enumerate(self._refs))
        attached: list[tuple[tuple[int, int, bool], ...]] = []
        for number, segment in enumerate(self._program.segments):
            known = ids[self._place[ObjectRef(ObjectKind.SEGMENT, number)]]
            mine = segment.created_by_run and number not in by_hand
            attached.append(((known, self._address(person.number, number, 0), False),) if mine else ())
        return Handles(ids, tuple(attached))

    @staticmethod
    def _address(process: int, segment: int, place: int) -> int:
        # no two processes have a segment at the same address: whoever relies on that is wrong
        return _FIRST_ADDRESS + ((process * 64 + segment) * 16 + place) * _APART

    def _new(self, id_: int, declared: IpcObject, mode: int, creator: int, size: int) -> Record:
        uid, gid = self._who(creator - 1)
        capacity = 0
        if isinstance(declared, Queue):
            made = declared.created_by_run and declared.bytes is not None
            capacity = declared.bytes if made and declared.bytes is not None else queues.MSGMNB
        return Record(id_, _key_number(declared.key), mode, uid, gid, creator, size, capacity=capacity)

    def _who(self, process: int) -> tuple[int, int]:
        if process < 0:
            return (0, 0)
        identity = self._program.families[self._machine.people[process].family].identity
        return (0, 0) if identity is None else (identity.uid, identity.gid)

    @staticmethod
    def _size(declared: IpcObject, asked: int | None) -> int:
        match declared:
            case SemaphoreSet():
                return declared.size if asked is None else asked
            case Segment():
                return declared.struct.size if asked is None else asked
            case _:
                return 0

    def record_slot(self, ref: ObjectRef) -> int:
        """The slot that tells whether an object is there."""
        return self.record[self._place[ref]]

    # --- finding ---

    def _find(self, fx: Effects, place: int, id_: int) -> tuple[int, Record] | None:
        """The generation and record of an id."""
        for generation, record in enumerate(fx[self.record[place]]):
            if record is not None and record.id == id_:
                return generation, record
        return None

    def _handle(self, fx: Effects, process: int, place: int) -> tuple[int, Record] | None:
        handles: Handles = fx[process].handles
        return self._find(fx, place, handles.ids[place])

    def _allowed(self, process: int, record: Record, need: int) -> bool:
        """The rights of owner, group or others, without fall-through (K-4); a process of the user who runs
        ipcsim may everything."""
        if self._program.families[self._machine.people[process].family].identity is None:
            return True
        uid, gid = self._who(process)
        creator_uid, creator_gid = self._who(record.creator - 1)
        if uid in (record.uid, creator_uid):
            rights = record.mode >> 6
        elif gid in (record.gid, creator_gid):
            rights = record.mode >> 3
        else:
            rights = record.mode
        return rights & need == need

    def _owner(self, process: int, record: Record) -> bool:
        if self._program.families[self._machine.people[process].family].identity is None:
            return True
        return self._who(process)[0] in (record.uid, self._who(record.creator - 1)[0])

    def refusal(self, fx: Effects, process: int, kind: ObjectKind, number: int, need: int) -> str | None:
        """EINVAL where the process's handle is of nothing, EACCES where it may not."""
        found = self._handle(fx, process, self._place[ObjectRef(kind, number)])
        if found is None:
            return "EINVAL"
        return None if self._allowed(process, found[1], need) else "EACCES"

    def present(self, read: Any, ref: ObjectRef) -> int | None:
        """The generation of an object that is there and not removed; None where there is none."""
        records = read[self.record[self._place[ref]]]
        return next((g for g, r in enumerate(records) if r is not None and not r.removed), None)

    def capacity(self, fx: Effects, number: int) -> int:
        record: Record = fx[self.record[self._place[ObjectRef(ObjectKind.QUEUE, number)]]][0]
        return record.capacity

    # --- noting ---

    def touched(self, fx: Effects, kind: ObjectKind, number: int, what: str, process: int = 0) -> None:
        """A successful call leaves its mark in what IPC_STAT shows."""
        place = self._place[ObjectRef(kind, number)]
        record: Record = fx[self.record[place]][0]
        sender, receiver, sent, received = record.last
        match what:
            case "otime":
                new = record._replace(otime=1)
            case "send":
                new = record._replace(last=(process + 1, receiver, 1, received))
            case _:
                new = record._replace(last=(sender, process + 1, sent, 1))
        if new != record:
            self._put(fx, place, 0, new)

    def _put(self, fx: Effects, place: int, generation: int, record: Record | None) -> None:
        records = list(fx[self.record[place]])
        records[generation] = record
        fx[self.record[place]] = tuple(records)

    # --- attachments ---

    def generation(self, fx: Effects, process: int, segment: int) -> int:
        """The generation that the latest attachment of a process shows."""
        handles: Handles = fx[process].handles
        if not handles.attached[segment]:
            name = self._program.segments[segment].name
            raise EvaluationError(f"segment `{name}` is not attached: in C this is a SIGSEGV")
        found = self._find(fx, self._segment(segment), handles.attached[segment][-1][0])
        assert found is not None
        return found[0]

    def _segment(self, number: int) -> int:
        return self._place[ObjectRef(ObjectKind.SEGMENT, number)]

    def faults(self, fx: Effects, process: int, segment: int, field: Field) -> bool:
        """Whether a store is a memory fault: attached read-only (H-3), or beyond the last page (H-1)."""
        id_, _, readonly = fx[process].handles.attached[segment][-1]
        found = self._find(fx, self._segment(segment), id_)
        assert found is not None
        end = -(-found[1].size // PAGE) * PAGE
        return readonly or field.offset + field.size > end

    def inherited(self, fx: Effects, handles: Handles) -> None:
        """fork: one more of each attachment (H-4)."""
        for segment, attached in enumerate(handles.attached):
            for id_, _, _ in attached:
                self._count(fx, segment, id_, 1)

    def detach_all(self, fx: Effects, process: int) -> None:
        handles: Handles | None = fx[process].handles
        if handles is None:
            return
        for segment, attached in enumerate(handles.attached):
            for id_, _, _ in attached:
                self._count(fx, segment, id_, -1)

    def _count(self, fx: Effects, segment: int, id_: int, by: int) -> None:
        place = self._segment(segment)
        found = self._find(fx, place, id_)
        if found is None:
            return
        generation, record = found
        record = record._replace(attached=record.attached + by)
        if record.removed and record.attached == 0:  # the last detach destroys (H-6)
            self._put(fx, place, generation, None)
            self._reset(fx, segment, generation)
        else:
            self._put(fx, place, generation, record)

    def _reset(self, fx: Effects, segment: int, generation: int) -> None:
        """Zero-filled, as the next one made there will be (H-1)."""
        struct = self._program.segments[segment].struct
        for slots, value in zip(self._machine.element[segment][generation], struct.unpack(b""), strict=True):
            for slot, item in zip(slots, value if isinstance(value, tuple) else (value,), strict=True):
                fx[slot] = item

    def leaked(self, state: Any) -> tuple[ObjectRef, ...]:
        """What processes made and nobody removed, except what is meant to persist."""
        left = []
        for place, ref in enumerate(self._refs):
            declared = self._declared(ref)
            records = [r for r in state[self.record[place]] if r is not None]
            if records and not declared.created_by_run and not declared.persist:
                left.append(ref)
        return tuple(left)


def _key_number(key: Key) -> int:
    """A key that is equal where ftok's would be: made of the path's text, since no path is looked at."""
    if key.number is not None:
        return key.number
    if key.path is None:
        return 0
    return (key.project & 0xFF) << 24 | zlib.crc32(key.path.encode()) & 0xFFFFFF
