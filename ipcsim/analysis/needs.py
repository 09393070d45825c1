"""What a blocked process needs before it can go on, and which abilities provide it.

The rules are S-1 to S-3 (semop on a running copy) and Q-1, Q-5 (queues).
"""

from __future__ import annotations

from typing import Final, NamedTuple

from ipcsim.analysis.may import (
    ANY_TYPE,
    CONTINUE,
    EXCLUDE,
    FALL,
    RECEIVE,
    REMOVE,
    RISE,
    SEND,
    VARIES,
    Ability,
    MayAnalysis,
)
from ipcsim.facts.limits import SEMVMX
from ipcsim.facts.selectors import takes
from ipcsim.program import Program
from ipcsim.program.instructions import Semop
from ipcsim.snapshot import (
    ProcessState,
    QueueState,
    SemaphoreWait,
    SendWait,
    Snapshot,
    Status,
)


class NeedSort:
    """Plain strings rather than an Enum: needs are hashed by the hundred thousand."""

    RISE: Final = "rise"  # semaphore `detail` of set `object` must rise
    FALL: Final = "fall"  # … must fall
    MESSAGE: Final = "message"  # a message that selector `detail` takes must come into queue `object`
    ROOM: Final = "room"  # somebody must take something out of queue `object`
    ARRAY: Final = "array"  # the semop on set `object` can never succeed, whatever the values
    SIZE: Final = "size"  # the message is larger than queue `object` ever holds
    CONTINUE: Final = "continue"  # process `object` is stopped: somebody must send it SIGCONT, or end it


class Need(NamedTuple):
    """One thing that must happen before a blocked process goes on.

    `exclude` belongs to a message's selector. `overflow` are the semaphores that stand before it in
    the array with a V: should one climb past 32767, the call would end by ERANGE (S-3, S-4).
    """

    sort: str
    object: int
    detail: int = 0
    exclude: bool = False
    overflow: tuple[int, ...] = ()


def needs_of(program: Program, snapshot: Snapshot, state: ProcessState) -> tuple[Need, ...]:
    """What must happen before `state`'s process goes on; empty where it can by itself."""
    if state.status is Status.STOPPED:
        return (Need(NeedSort.CONTINUE, state.process),)
    wait = state.wait
    if state.timed or wait is None:
        return ()
    if isinstance(wait, SemaphoreWait):
        values = snapshot.semaphores[wait.set]
        if values is None:
            return ()  # removed: it wakes with EIDRM
        return semaphore_needs(wait, values, _nowait_from(program, state, len(wait.operations)))
    queue = snapshot.queues[wait.queue]
    if queue is None:
        return ()
    if isinstance(wait, SendWait):
        return _send_needs(wait, queue)
    if queue.types is not None and any(takes(wait.type, wait.exclude, t) for t in queue.types):
        return ()
    return (Need(NeedSort.MESSAGE, wait.queue, wait.type, wait.exclude and wait.type > 0),)


def _nowait_from(program: Program, state: ProcessState, length: int) -> int:
    """The place of the first operation with IPC_NOWAIT: reaching it ends the sleep either way (S-3)."""
    code = program.code(state.process)
    instruction = code[state.pc] if 0 <= state.pc < len(code) else None
    if isinstance(instruction, Semop) and len(instruction.operations) == length:
        return next((i for i, o in enumerate(instruction.operations) if o.nowait), length)
    return length


def semaphore_needs(wait: SemaphoreWait, values: tuple[int, ...], stop: int) -> tuple[Need, ...]:
    """Which semaphores must rise or fall for the operations before `stop` to succeed.

    Each operation bounds what its semaphore must be before the array begins: a P wants at least so
    much, a Z exactly so much, given the operations before it. Where no value meets all the bounds, the
    array can never succeed.
    """
    offset: dict[int, int] = {}
    least: dict[int, int] = {}
    exactly: dict[int, int] = {}
    rising: list[int] = []
    found: list[Need] = []
    for number, delta in wait.operations[:stop]:
        before = offset.get(number, 0)
        if delta > 0:
            if values[number] + before + delta > SEMVMX and not found:
                return ()  # the kernel would end it by ERANGE now
            rising.append(number)
        elif delta < 0:
            least[number] = max(least.get(number, 0), -(before + delta))
        elif exactly.setdefault(number, -before) != -before:
            return (Need(NeedSort.ARRAY, wait.set, overflow=_distinct(rising)),)
        offset[number] = before + delta
        low, exact = least.get(number, 0), exactly.get(number)
        if not low <= (low if exact is None else exact) <= SEMVMX:
            return (Need(NeedSort.ARRAY, wait.set, overflow=_distinct(rising)),)
        need = _unmet(values[number], -before if delta == 0 else low, delta)
        if need:
            found.append(Need(need, wait.set, number, overflow=_distinct(rising)))
    return tuple(dict.fromkeys(found))


def _unmet(value: int, wanted: int, delta: int) -> str | None:
    if delta > 0 or value == wanted or (delta < 0 and value > wanted):
        return None
    return NeedSort.RISE if value < wanted else NeedSort.FALL


def _distinct(numbers: list[int]) -> tuple[int, ...]:
    return tuple(sorted(set(numbers)))


def _send_needs(wait: SendWait, queue: QueueState) -> tuple[Need, ...]:
    if wait.size > queue.capacity or queue.capacity < 1:
        return (Need(NeedSort.SIZE, wait.queue),)
    fits = queue.bytes + wait.size <= queue.capacity and queue.messages + 1 <= queue.capacity
    return () if fits else (Need(NeedSort.ROOM, wait.queue),)


def providers(may: MayAnalysis, need: Need) -> list[int]:
    """The ids of the abilities that may satisfy `need`, or end the call in another way."""
    if need.sort is NeedSort.CONTINUE:
        return may.ability_ids(CONTINUE, need.object)
    queue = need.sort in (NeedSort.MESSAGE, NeedSort.ROOM, NeedSort.SIZE)
    wanted = [Ability(REMOVE, need.object, int(queue), 0)]
    found: list[int] = []
    match need.sort:
        case NeedSort.RISE | NeedSort.FALL:
            act = RISE if need.sort is NeedSort.RISE else FALL
            wanted += _touching(may, act, need.object, need.detail)
        case NeedSort.MESSAGE:
            if need.detail > 0 and not need.exclude:
                wanted += [Ability(SEND, need.object, t, 0) for t in (ANY_TYPE, need.detail)]
            else:
                found += [
                    i
                    for i in may.ability_ids(SEND, need.object)
                    if (t := may.abilities[i].first) == ANY_TYPE or takes(need.detail, need.exclude, t)
                ]
        case NeedSort.ROOM:
            found += may.ability_ids(RECEIVE, need.object)
    for number in need.overflow:
        wanted += _touching(may, RISE, need.object, number)
    found += [i for a in dict.fromkeys(wanted) if (i := may.id_of(a)) is not None]
    return found


def _touching(may: MayAnalysis, act: int, set_: int, number: int) -> list[Ability]:
    """Every ability that can touch semaphore `number`: alone, as one of its array, as one of the set."""
    semaphores = may.program.sets[set_]
    found = [Ability(act, set_, number, 1), Ability(act, set_, 0, semaphores.size)]
    for m in semaphores.members:
        if m.base <= number < m.base + m.size:
            found.append(Ability(act, set_, m.base, m.size))
    return found


def missing_message(types: frozenset[int] | None, need: Need, ability: Ability) -> Need | None:
    """The message that must come before the receive `ability` makes room for `need`; None where none
    must. `types` are those in the queue, None where they are not known."""
    if need.sort is not NeedSort.ROOM or ability.act != RECEIVE or ability.extent == VARIES:
        return None
    selector, exclude = ability.first, ability.extent == EXCLUDE and ability.first > 0
    if types is None or any(takes(selector, exclude, t) for t in types):
        return None
    return Need(NeedSort.MESSAGE, need.object, selector, exclude)
