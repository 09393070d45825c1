"""create, open, attach, detach, remove, stat, change: what they may do (K-4, H-1 to H-7, S-21, Q-9, Q-10)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Any

from ipcsim.errors import EvaluationError
from ipcsim.facts.limits import MSGMNB, SEMMSL
from ipcsim.facts.stats import SHM_DEST
from ipcsim.model import processes, undo
from ipcsim.model.effects import Act, Effects
from ipcsim.model.living import READ, WRITE, Handles, Living, Record, Unsupported
from ipcsim.model.processes import BY_THE_RUN, pid_of
from ipcsim.model.turn import Turn
from ipcsim.program.instructions import Lifecycle, ObjectCall, ObjectKind, ObjectRef, Semop
from ipcsim.program.objects import IpcObject, Queue, SemaphoreSet


class LivingObjects(Living):
    """The objects of a machine in which they come and go, with the calls that make them."""

    def call(self, turn: Turn, call: ObjectCall) -> Iterator[Effects]:
        """create, open, attach, detach, remove, stat, change: one outcome, except where a removal meets
        time-outs (see `_struck_meanwhile`)."""
        for struck in self._struck_meanwhile(turn, call):
            yield self._called(Turn(turn.machine, turn.view, turn.process, turn.local), call, struck)

    def _struck_meanwhile(self, turn: Turn, call: ObjectCall) -> Iterator[frozenset[int]]:
        """Whose time-out may have struck in a semop just as the set is removed: they find no set any more to
        look at, and return EINTR though nobody sent a signal (S-35)."""
        timed: list[int] = []
        if call.action is Lifecycle.REMOVE and call.object.kind is ObjectKind.SEMAPHORES:
            everybody = turn.machine.processes
            for sleeper in turn.fx[turn.machine.sleepers[call.object.number]]:
                semop = everybody[sleeper.process].code[turn.fx[sleeper.process].pc]
                if isinstance(semop, Semop) and semop.timeout is not None:
                    timed.append(sleeper.process)
        for count in range(len(timed) + 1):
            yield from map(frozenset, combinations(timed, count))

    def _called(self, turn: Turn, call: ObjectCall, struck: frozenset[int]) -> Effects:
        place = self._place[call.object]
        act = None if call.action is Lifecycle.REMOVE else getattr(self, f"_{call.action.value}")
        try:
            result = self._remove(turn, call, place, struck) if act is None else act(turn, call, place)
        except _Errno as errno:
            return turn.returned(str(errno))
        woken, turn.fx.steps = turn.fx.steps, []  # whom the call wakes comes after the call
        turn.returned(None, result=result, finish=(result, 0, b""))
        turn.fx.steps += woken
        return turn.fx

    def _by_key(self, turn: Turn, place: int) -> tuple[int, Record] | None:
        declared = self._declared(self._refs[place])
        if declared.key.private:
            return None
        for generation, record in enumerate(turn.fx[self.record[place]]):
            if record is not None and not record.removed:
                return generation, record
        return None

    def _create(self, turn: Turn, call: ObjectCall, place: int) -> int:
        declared = self._declared(call.object)
        mode = declared.mode if call.mode is None else call.mode
        found = self._by_key(turn, place)
        size = self._asked(declared, call)
        if found is not None:
            if call.exclusive:
                raise _Errno("EEXIST")
            return self._take(turn, place, found[1], size, mode)
        if size == 0 and not isinstance(declared, Queue):
            raise _Errno("EINVAL")
        if isinstance(declared, Queue) and (declared.bytes or 0) > MSGMNB:
            raise _Errno("EPERM")  # whoever makes it gives it its `bytes`
        records = turn.fx[self.record[place]]
        generation = next((g for g, r in enumerate(records) if r is None), None)
        if generation is None:
            raise Unsupported(
                f"`{declared.name}` is created once more while {len(records)} earlier one(s) are still there"
            )
        id_ = turn.fx[self.next_id]
        turn.fx[self.next_id] = id_ + 1
        record = self._new(id_, place, mode & 0o777, turn.process + 1, size)
        self._put(turn.fx, place, generation, record)
        return self._hold(turn, place, id_)

    def _asked(self, declared: IpcObject, call: ObjectCall) -> int:
        """The size that semget or shmget is asked for: the declared one, unless the step says another."""
        size = self._size(declared, call.size)
        if isinstance(declared, SemaphoreSet) and size > SEMMSL:
            raise _Errno("EINVAL")  # whatever there is (S-27)
        return size

    def _take(self, turn: Turn, place: int, record: Record, size: int, mode: int) -> int:
        """An existing object is found by its key: its size is checked, then the rights asked for, each bit of
        the mode (S-27, H-2)."""
        if size > record.size:
            raise _Errno("EINVAL")
        if not self._allowed(turn.process, record, (mode >> 6 | mode >> 3 | mode) & 0o7):
            raise _Errno("EACCES")
        return self._hold(turn, place, record.id)

    def _hold(self, turn: Turn, place: int, id_: int) -> int:
        handles: Handles = turn.fx[turn.process].handles
        ids = (*handles.ids[:place], id_, *handles.ids[place + 1 :])
        self._set(turn, handles._replace(ids=ids))
        return id_

    def _set(self, turn: Turn, handles: Handles) -> None:
        turn.fx[turn.process] = turn.fx[turn.process]._replace(handles=handles)

    def _open(self, turn: Turn, call: ObjectCall, place: int) -> int:
        declared = self._declared(call.object)
        if call.id is not None:
            return self._hold(turn, place, self._told(turn, place, int(turn.value(call.id))))
        if declared.key.private:
            raise EvaluationError(
                f"`{declared.name}` has the key `private`, which finds nothing: give it a key, or open it "
                "by `id:`"
            )
        size = self._asked(declared, call)
        found = self._by_key(turn, place)
        if found is None:
            raise _Errno("ENOENT")
        mode = (0o444 if call.readonly else 0) if call.mode is None else call.mode
        return self._take(turn, place, found[1], size, mode)

    def _told(self, turn: Turn, place: int, id_: int) -> int:
        """An id that the process was told, which has to be of what it calls so."""
        for other, ref in enumerate(self._refs):
            same = self.record[other] == self.record[place]
            if ref.kind is self._refs[place].kind and not same and self._find(turn.fx, other, id_):
                mine, its = self._declared(self._refs[place]).name, self._declared(ref).name
                raise Unsupported(
                    f"`{mine}` is opened by the id of `{its}`, and the model does not know one object by two "
                    "names with different keys"
                )
        return id_

    def _attach(self, turn: Turn, call: ObjectCall, place: int) -> int:
        found = self._handle(turn.fx, turn.process, place)
        if found is None:
            raise _Errno("EINVAL")
        if not self._allowed(turn.process, found[1], READ if call.readonly else READ | WRITE):
            raise _Errno("EACCES")
        number = call.object.number
        handles: Handles = turn.fx[turn.process].handles
        used = {address for _, address, _ in handles.attached[number]}
        free = (self._address(turn.process, number, i) for i in range(len(used) + 1))
        address = next(a for a in free if a not in used)
        mine = (*handles.attached[number], (found[1].id, address, call.readonly))
        self._set(turn, handles._replace(attached=_with(handles.attached, number, mine)))
        self._count(turn.fx, number, found[1].id, 1, turn.process)
        return address

    def _detach(self, turn: Turn, call: ObjectCall, place: int) -> int:
        number = call.object.number
        address = None if call.address is None else int(turn.value(call.address))
        handles: Handles = turn.fx[turn.process].handles
        mine = list(handles.attached[number])
        for i in reversed(range(len(mine))):
            if address is None or mine[i][1] == address:
                gone = mine.pop(i)
                self._set(turn, handles._replace(attached=_with(handles.attached, number, tuple(mine))))
                self._count(turn.fx, number, gone[0], -1, turn.process)
                return 0
        raise _Errno("EINVAL")

    def _remove(self, turn: Turn, call: ObjectCall, place: int, struck: frozenset[int]) -> int:
        fx = turn.fx
        found = self._handle(fx, turn.process, place)
        if found is None:
            raise _Errno("EINVAL")
        generation, record = found
        if not self._owner(turn.process, record):
            raise _Errno("EPERM")
        if call.object.kind is ObjectKind.SEGMENT:
            self._put(fx, place, generation, record._replace(removed=True, key=0))
            self._count(fx, call.object.number, record.id, 0, turn.process)
            return 0
        self._put(fx, place, generation, None)
        self._discard(turn, call.object, struck)
        return 0

    def _discard(self, turn: Turn, ref: ObjectRef, struck: frozenset[int]) -> None:
        """The values are gone, undo with them (S-17), and everybody who sleeps there wakes with EIDRM."""
        machine, fx = self._machine, turn.fx
        if ref.kind is ObjectKind.SEMAPHORES:
            for slot in [*machine.sem[ref.number], *machine.pid[ref.number]]:
                fx[slot] = 0
            undo.forget(machine, fx, ref.number)
            queues_of_sleepers = [machine.sleepers[ref.number]]
        else:
            fx[machine.queue[ref.number]] = ()
            queues_of_sleepers = [machine.receivers[ref.number], machine.senders[ref.number]]
        for slot in queues_of_sleepers:
            asleep, fx[slot] = fx[slot], ()
            for sleeper in asleep:
                local = fx[sleeper.process]
                errno = "EINTR" if sleeper.process in struck else "EIDRM"
                processes.returned(machine, fx, sleeper.process, local, errno, act=Act.WAKE, scheduled=False)

    def _stat(self, turn: Turn, call: ObjectCall, place: int) -> int:
        handles: Handles = turn.fx[turn.process].handles
        if call.field == "id":
            return handles.ids[place]
        found = self._find(turn.fx, place, handles.ids[place])
        if found is None:
            raise _Errno("EINVAL")
        if not self._allowed(turn.process, found[1], READ):
            raise _Errno("EACCES")
        return self._stated(turn.fx, call.object, found[1], str(call.field))

    def _stated(self, fx: Effects, ref: ObjectRef, record: Record, field: str) -> int:
        creator_uid, creator_gid = self._who(record.creator - 1)
        common = {
            "mode": record.mode | (SHM_DEST if record.removed else 0),
            "uid": record.uid,
            "gid": record.gid,
            "cuid": creator_uid,
            "cgid": creator_gid,
            "key": record.key,
            "ctime": 1,
        }
        if field in common:
            return common[field]
        match ref.kind:
            case ObjectKind.SEMAPHORES:
                return {"nsems": record.size, "otime": record.otime}[field]
            case ObjectKind.SEGMENT:
                who, _, attached, detached = record.last
                return {
                    "size": record.size,
                    "nattch": record.attached,
                    "cpid": pid_of(record.creator or BY_THE_RUN),
                    "lpid": pid_of(who),
                    "atime": attached,
                    "dtime": detached,
                }[field]
        return self._queue_stated(fx, ref.number, record)[field]

    def _queue_stated(self, fx: Effects, number: int, record: Record) -> dict[str, int]:
        messages = fx[self._machine.queue[number]]
        sender, receiver, sent, received = record.last
        return {
            "qnum": len(messages),
            "cbytes": sum(m.length for m in messages),
            "qbytes": record.capacity,
            "lspid": pid_of(sender),
            "lrpid": pid_of(receiver),
            "stime": sent,
            "rtime": received,
        }

    def _change(self, turn: Turn, call: ObjectCall, place: int) -> int:
        found = self._handle(turn.fx, turn.process, place)
        if found is None:
            raise _Errno("EINVAL")
        generation, record = found
        if not self._allowed(turn.process, record, READ):
            raise _Errno("EACCES")  # IPC_SET gives back what IPC_STAT has told
        if not self._owner(turn.process, record):
            raise _Errno("EPERM")
        if call.mode is not None:
            record = record._replace(mode=call.mode)
        if call.bytes is not None:
            capacity = int(turn.value(call.bytes)) & 0xFFFFFFFF  # an int
            if capacity > MSGMNB:  # nobody has CAP_SYS_RESOURCE
                raise _Errno("EPERM")
            record = record._replace(capacity=capacity)
        self._put(turn.fx, place, generation, record)
        machine = self._machine
        if machine.kernel and call.object.kind is ObjectKind.QUEUE:
            # every receiver wakes and looks again, and queues up again in whatever order
            turn.fx[machine.receivers[call.object.number]] = ()
        return 0


class _Errno(Exception):
    """A call fails; the text is the errno's name."""


def _with(items: tuple[Any, ...], place: int, value: Any) -> tuple[Any, ...]:
    return (*items[:place], value, *items[place + 1 :])
