"""What the model says of objects, in the form in which the kernel shows them."""

from __future__ import annotations

from typing import Any

from ipcsim.facts import stats
from ipcsim.model import semaphores
from ipcsim.model.effects import Effects
from ipcsim.model.layout import View
from ipcsim.model.machine import Machine
from ipcsim.model.processes import BY_THE_RUN, pid_of
from ipcsim.program.instructions import ObjectKind, ObjectRef
from tests.model.looking import NOBODY, THE_RUN, QueueSeen, SetSeen, Stat

ANYBODY = pid_of(BY_THE_RUN)  # who of those that start with a segment has attached it last is open


def objects_of(machine: Machine, state: int) -> dict[int, Stat]:
    """IPC_STAT of everything that there is, by the model's id; without what it does not keep for want of
    anybody asking."""
    living = machine.living
    assert living is not None
    fx = Effects(View(machine.layout, state))
    found: dict[int, Stat] = {}
    left_out = {"id"} if machine.undo_shows else {"id", "otime"}
    left_out |= set() if living._asks_who_attached else {"lpid", "atime", "dtime"}
    for place, ref in enumerate(living._refs):
        for record in fx[living.record[place]]:
            if record is not None:
                fields = stats.of(ref.kind)
                found[record.id] = {
                    name: living._stated(fx, ref, record, name) for name in fields if name not in left_out
                }
    return found


def set_of(machine: Machine, state: int, number: int, seen: SetSeen) -> SetSeen:
    """The model's set; what it does not keep for want of anybody asking is taken from `seen`."""
    get = machine.layout.get
    there = len(seen.values)  # a set may be smaller than declared, or have more than there are names for
    values = tuple(get(state, s) for s in machine.sem[number][:there])
    sleepers = get(state, machine.sleepers[number])
    counts = [
        tuple(semaphores.count(sleepers, n, zero) for n in range(len(values))) for zero in (False, True)
    ]
    pids = tuple(_who(get(state, s)) for s in machine.pid[number][:there]) or seen.pids
    otime = seen.otime
    if not machine.undo_shows:
        counts[1] = seen.zcnt
    elif machine.living is not None:
        otime = bool(_record(machine, state, ObjectKind.SEMAPHORES, number).otime)
    return SetSeen(values, counts[0], counts[1], pids, otime)


def queue_of(machine: Machine, state: int, number: int, seen: QueueSeen) -> QueueSeen:
    messages = machine.layout.get(state, machine.queue[number])
    qbytes, lspid, lrpid = seen.qbytes, seen.lspid, seen.lrpid
    if machine.living is not None:
        record = _record(machine, state, ObjectKind.QUEUE, number)
        qbytes, lspid, lrpid = record.capacity, _who(record.last[0]), _who(record.last[1])
    return QueueSeen(len(messages), sum(m.length for m in messages), qbytes, lspid, lrpid)


def _record(machine: Machine, state: int, kind: ObjectKind, number: int) -> Any:
    living = machine.living
    assert living is not None
    place = living._place[ObjectRef(kind, number)]
    return machine.layout.get(state, living.record[place])[0]


def fields_of(machine: Machine, state: int, number: int) -> dict[int, tuple[Any, ...]]:
    """The values of every segment that bears this name, or did, by the model's id."""
    living, get = machine.living, machine.layout.get
    if living is None:
        return {}
    fields = machine.program.segments[number].struct.fields
    found = {}
    records = get(state, living.record_slot(ObjectRef(ObjectKind.SEGMENT, number)))
    for record, elements in zip(records, machine.element[number], strict=True):
        if record is not None:
            values = [tuple(get(state, s) for s in slots) for slots in elements]
            found[record.id] = tuple(
                v if f.count is not None and not f.is_text else v[0]
                for f, v in zip(fields, values, strict=True)
            )
    return found


def different(models: dict[int, Stat], seen: dict[int, Stat | None]) -> str | None:
    """The first object in which the model's IPC_STAT is not what was seen, in words."""
    for number in sorted({*models, *seen}):
        mine, real = models.get(number), seen.get(number)
        if (mine is None) is not (real is None):
            return f"object {number} is {'gone' if mine is None else 'there'}"
        if mine is None or real is None:
            continue
        for name, value in mine.items():
            if value != real[name] and not (name == "lpid" and value == ANYBODY):
                return f"{name} of object {number} is {value}, really {real[name]}"
    return None


def _who(kept: int) -> int:
    """The number of a process as `World.who` has it, of a slot that keeps it plus 1."""
    if kept == 0:
        return NOBODY
    return THE_RUN if kept < 0 else kept - 1
