"""Objects that come and go: ids, handles, rights, keys, attachments (K-3, K-4, H-1 to H-7, S-21, S-26, Q-9).

Only machines whose Program has such steps (or processes of several users, or two names for one object) have
a `Living`; everywhere else every object simply is there. Each object has a slot with its `Record`s, which
names with one key share; each process has its `Handles`, an id for each name, as part of its local state.
A segment that was removed while attached lives on beside a new one with its key, so a segment has several
generations of fields.

Ids, addresses, pids and times are stand-ins: equal where the kernel's are equal, and times are 0 or 1.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any, NamedTuple

from ipcsim.errors import EvaluationError
from ipcsim.facts.limits import MSGMNB
from ipcsim.model import memory
from ipcsim.model.effects import Effects
from ipcsim.model.layout import Table
from ipcsim.model.locals import ModelProcess
from ipcsim.model.locals import Unsupported as Unsupported
from ipcsim.model.processes import BY_THE_RUN
from ipcsim.program import Program, names
from ipcsim.program.instructions import Lifecycle, Load, ObjectCall, ObjectKind, ObjectRef, Store
from ipcsim.program.objects import IpcObject, Key, Queue, Segment, SemaphoreSet

if TYPE_CHECKING:
    from ipcsim.model.machine import Machine

UNKNOWN = -1  # a handle that the process does not have
PAGE = 4096
GENERATIONS = 3  # of a segment: the present one and two that are removed and still attached
READ, WRITE = 4, 2
_ATTACHING = frozenset({"lpid", "atime", "dtime"})  # of IPC_STAT: who attached or detached last, and whether
_FIRST_ADDRESS, _APART = 0x7F00_0000_0000, 0x10_0000


class Record(NamedTuple):
    """One kernel object. `last`: lspid, lrpid, stime, rtime of a queue; lpid, nothing, atime, dtime of a
    segment."""

    id: int
    key: int
    mode: int
    uid: int
    gid: int
    creator: int  # the process + 1; 0: the run
    name: int  # under which declared name it was made: its place among the Program's objects
    size: int = 0
    removed: bool = False
    attached: int = 0
    capacity: int = 0
    last: tuple[int, int, int, int] = (0, 0, 0, 0)
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
        leader = [self._place[machine.leader[ref]] for ref in self._refs]
        self.record: list[int] = []
        for place, ref in enumerate(self._refs):
            alone = leader[place] == place
            name = f"object {self._declared(ref).name}"
            self.record.append(machine._slot(name, "data", Table()) if alone else self.record[leader[place]])
        self.next_id = machine._slot("next id", "data", Table())
        self._asks_who_attached = _asks_who_attached(self._program)
        made: dict[int, int] = {}  # by record slot: the first name under which the run makes the object
        for place, ref in enumerate(self._refs):
            if self._declared(ref).created_by_run:
                made.setdefault(self.record[place], place)
        self._made_as = made

    @staticmethod
    def needed(program: Program) -> bool:
        calls = any(isinstance(i, ObjectCall) for f in program.families for i in f.code)
        shared = any(ref != leader for ref, leader in names.leaders(program).items())
        return calls or shared or any(f.identity is not None for f in program.families)

    @staticmethod
    def generations(program: Program, leader: dict[ObjectRef, ObjectRef]) -> list[int]:
        """How many generations of fields each segment needs."""
        made = {
            leader[i.object]
            for f in program.families
            for i in f.code
            if isinstance(i, ObjectCall) and i.action is Lifecycle.CREATE
        }
        segments = [ObjectRef(ObjectKind.SEGMENT, n) for n in range(len(program.segments))]
        return [GENERATIONS if leader[ref] in made else 1 for ref in segments]

    def _declared(self, ref: ObjectRef) -> IpcObject:
        return self._program.object(ref)

    # --- the beginning ---

    def first_values(self, values: list[Any]) -> None:
        for place, ref in enumerate(self._refs):
            slot = self.record[place]
            if values[slot] is None or self._made_as.get(slot) == place:
                record = self._first_record(place, values) if self._made_as.get(slot) == place else None
                values[slot] = (record, *(None,) * (self._room(ref) - 1))
        for place, ref in enumerate(self._refs):
            if self._declared(ref).created_by_run:
                self._refuse_smaller(place, values[self.record[place]][0])
        values[self.next_id] = len(self._refs) + 1

    def _first_record(self, place: int, values: list[Any]) -> Record:
        """What the run makes, and attaches for every process that does not do so itself."""
        ref = self._refs[place]
        declared = self._declared(ref)
        record = self._new(place + 1, place, declared.mode, 0, self._size(declared, None))
        if not isinstance(declared, Segment):
            return record
        handles = [values[p.number].handles for p in self._machine.processes]
        same = [r.number for r in self._machine.names_of(ref)]
        attached = sum(len(h.attached[number]) for h in handles if h is not None for number in same)
        # a segment that starts with other values than zeros was attached and detached before
        written = any(declared.struct.pack(declared.initial))
        if self._asks_who_attached and (attached or written):
            record = record._replace(last=(BY_THE_RUN, 0, 1, int(written)))
        return record._replace(attached=attached)

    def _refuse_smaller(self, place: int, record: Record) -> None:
        declared = self._declared(self._refs[place])
        if self._size(declared, None) > record.size:
            other = self._declared(self._refs[record.name]).name
            raise Unsupported(
                f"`{declared.name}` has the key of `{other}` and is larger: the run cannot make it (EINVAL)"
            )

    def _room(self, ref: ObjectRef) -> int:
        return len(self._machine.element[ref.number]) if ref.kind is ObjectKind.SEGMENT else 1

    def first_handles(self, proc: ModelProcess) -> Handles:
        """What the run created is known to all, and attached except where a step does that."""
        by_hand = {
            i.object.number
            for i in proc.code
            if isinstance(i, ObjectCall)
            and i.action is Lifecycle.ATTACH
            and i.object.kind is ObjectKind.SEGMENT
        }
        ids = tuple(
            self._made_as[self.record[place]] + 1 if self._declared(ref).created_by_run else UNKNOWN
            for place, ref in enumerate(self._refs)
        )
        attached: list[tuple[tuple[int, int, bool], ...]] = []
        for number, segment in enumerate(self._program.segments):
            known = ids[self._place[ObjectRef(ObjectKind.SEGMENT, number)]]
            mine = segment.created_by_run and number not in by_hand
            attached.append(((known, self._address(proc.number, number, 0), False),) if mine else ())
        return Handles(ids, tuple(attached))

    @staticmethod
    def _address(process: int, segment: int, place: int) -> int:
        # no two processes have a segment at the same address: whoever relies on that is wrong
        return _FIRST_ADDRESS + ((process * 64 + segment) * 16 + place) * _APART

    def _new(self, id_: int, place: int, mode: int, creator: int, size: int) -> Record:
        """A new object of the name at `place`. A queue gets its `bytes` from whoever makes it."""
        uid, gid = self._who(creator - 1)
        declared = self._declared(self._refs[place])
        capacity = 0
        if isinstance(declared, Queue):
            capacity = MSGMNB if declared.bytes is None else declared.bytes
        key = _key_number(declared.key)
        return Record(id_, key, mode, uid, gid, creator, place, size, capacity=capacity)

    def _who(self, process: int) -> tuple[int, int]:
        if process < 0:
            return (0, 0)
        identity = self._program.families[self._machine.processes[process].family].identity
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
        if self._program.families[self._machine.processes[process].family].identity is None:
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
        if self._program.families[self._machine.processes[process].family].identity is None:
            return True
        return self._who(process)[0] in (record.uid, self._who(record.creator - 1)[0])

    def refusal(
        self, fx: Effects, process: int, kind: ObjectKind, number: int, need: int, last: int = 0
    ) -> str | None:
        """EINVAL where the process's handle is of nothing, EFBIG where the set has no semaphore `last`,
        EACCES where it may not (S-25)."""
        found = self._handle(fx, process, self._place[ObjectRef(kind, number)])
        if found is None:
            return "EINVAL"
        if kind is ObjectKind.SEMAPHORES and last >= found[1].size:
            return "EFBIG"
        return None if self._allowed(process, found[1], need) else "EACCES"

    def never_opened(self, fx: Effects, process: int, ref: ObjectRef) -> bool:
        handles: Handles = fx[process].handles
        return handles.ids[self._place[ref]] < 0

    def semaphores_of(self, fx: Effects, process: int, number: int, otherwise: int) -> int:
        """How many semaphores the set of a process's handle has."""
        found = self._handle(fx, process, self._place[ObjectRef(ObjectKind.SEMAPHORES, number)])
        return otherwise if found is None else found[1].size

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

    def faults(self, fx: Effects, process: int, access: Load | Store, index: int, store: bool) -> bool:
        """Whether an access is a memory fault: a store where it is attached read-only (H-3), or an element
        beyond the last page (H-1)."""
        id_, _, readonly = fx[process].handles.attached[access.segment][-1]
        found = self._find(fx, self._segment(access.segment), id_)
        assert found is not None
        end = -(-found[1].size // PAGE) * PAGE
        field = self._program.segments[access.segment].struct.fields[access.field]
        return (store and readonly) or memory.end_of(field, index) > end

    def inherited(self, fx: Effects, handles: Handles, process: int) -> None:
        """fork by `process`: one more of each attachment (H-4)."""
        for segment, attached in enumerate(handles.attached):
            for id_, _, _ in attached:
                self._count(fx, segment, id_, 1, process)

    def detach_all(self, fx: Effects, process: int) -> None:
        handles: Handles | None = fx[process].handles
        if handles is None:
            return
        for segment, attached in enumerate(handles.attached):
            for id_, _, _ in attached:
                self._count(fx, segment, id_, -1, process)

    def _count(self, fx: Effects, segment: int, id_: int, by: int, process: int) -> None:
        """`process` attaches (1), detaches (−1), or has removed the segment (0)."""
        place = self._segment(segment)
        found = self._find(fx, place, id_)
        if found is None:
            return
        generation, record = found
        record = record._replace(attached=record.attached + by)
        if by and self._asks_who_attached:
            _, _, attached, detached = record.last
            record = record._replace(
                last=(process + 1, 0, 1 if by > 0 else attached, 1 if by < 0 else detached)
            )
        if record.removed and record.attached == 0:  # the last detach destroys (H-6)
            self._put(fx, place, generation, None)
            self._reset(fx, segment, generation)
        else:
            self._put(fx, place, generation, record)

    def _reset(self, fx: Effects, segment: int, generation: int) -> None:
        """Zero-filled, as the next one made there will be (H-1)."""
        for ref in self._machine.names_of(ObjectRef(ObjectKind.SEGMENT, segment)):
            struct = self._program.segments[ref.number].struct
            fields = self._machine.element[ref.number][generation]
            for slots, value in zip(fields, struct.unpack(b""), strict=True):
                for slot, item in zip(slots, memory.items(value), strict=True):
                    fx[slot] = item

    def leaked(self, state: Any) -> tuple[ObjectRef, ...]:
        """What processes made and nobody removed, except what is meant to persist."""
        records = [r for slot in dict.fromkeys(self.record) for r in state[slot] if r is not None]
        made = [self._refs[r.name] for r in records]
        kept = [self._declared(ref).created_by_run or self._declared(ref).persist for ref in made]
        return tuple(dict.fromkeys(ref for ref, stays in zip(made, kept, strict=True) if not stays))


def _asks_who_attached(program: Program) -> bool:
    calls = (i for f in program.families for i in f.code if isinstance(i, ObjectCall))
    return any(i.object.kind is ObjectKind.SEGMENT and i.field in _ATTACHING for i in calls)


def _key_number(key: Key) -> int:
    """A key that is equal where ftok's would be: made of the path's text, since no path is looked at."""
    if key.number is not None:
        return names.key_number(key.number)
    if key.path is None:
        return 0
    path = names.plain_path(key.path)
    return names.key_number((key.project & 0xFF) << 24 | zlib.crc32(path.encode()) & 0xFFFFFF)
