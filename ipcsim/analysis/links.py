"""What a step of a process passes on and learns: `facts.ordering`, applied to the things of a Program.

`passes` and `learns` are all that the happens-before of a run (`ordering`) and of the model
(`explorer.taint`) know of calls. A *thing* is a tuple: its sort (see `facts.ordering`), then numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple, assert_never

from ipcsim.analysis.operations import Pairs
from ipcsim.facts import ordering as facts
from ipcsim.facts.limits import MSGMNB
from ipcsim.facts.ordering import SUCCESS, Order
from ipcsim.program import Program
from ipcsim.program.instructions import (
    Call,
    GetValue,
    KernelCall,
    Lifecycle,
    Load,
    ObjectCall,
    ObjectKind,
    Receive,
    SemaphoreQuestion,
    Semop,
    Send,
    SetValue,
    Signal,
    Spawn,
    Store,
)

Thing = tuple[str | int, ...]
_GIVING_UP = ("EAGAIN", "ENOMSG", "EINTR", "EIDRM")  # of the errnos that tell of others, the usual ones


class About(NamedTuple):
    """What a call was about, where its instruction alone does not say it: the operations of a semop, the
    numbers of the semaphores set or asked for, the type of a message, the process that is signalled
    or started."""

    pairs: Pairs = ()
    numbers: Iterable[int] = ()
    type: int = 0
    target: int = -1


def call_name(call: Call) -> str:
    """The call as the table names it."""
    match call:
        case Semop():
            return "semop"
        case SetValue():
            return "set_value"
        case GetValue():
            return "get"
        case Send():
            return "send"
        case Receive():
            return "receive"
        case ObjectCall(action=action):
            return str(action)
        case Signal():
            return "signal"
        case Spawn():
            return "spawn"
        case _:
            raise TypeError(f"no call of the table: {type(call).__name__}")


def _rows(call: Call, result: str, about: About) -> Iterator[tuple[Order, About]]:
    """The rows of the table that a result is: of a semop that succeeded, one for each operation."""
    if isinstance(call, Semop) and result == SUCCESS:
        for number, delta in about.pairs:
            yield facts.of("V" if delta > 0 else "P" if delta else "Z", SUCCESS), About(numbers=(number,))
    elif not (isinstance(call, ObjectCall) and call.field == "id"):  # the own handle: it asks nobody
        yield facts.of(call_name(call), result), about


def passes(call: Call, result: str, about: About) -> list[Thing]:
    """Over which things the process passes on what it did before the call."""
    return [t for row, what in _rows(call, result, about) for s in row.passes for t in things(s, call, what)]


def learns(call: Call, result: str, about: About, process: int) -> list[Thing]:
    """Over which things `process` knows, after the call, what others have passed on."""
    mine = about._replace(target=process)  # a signal that breaks a call was sent to whoever calls
    return [
        thing
        for row, what in _rows(call, result, about)
        for sort in row.learns
        for thing in things(sort, call, mine if sort == facts.SIGNAL else what)
    ]


def things(sort: str, call: Call, about: About) -> Iterator[Thing]:
    """The things of a sort that a call was about."""
    match sort:
        case facts.GIVEN | facts.TAKEN | facts.AWAITED:
            assert isinstance(call, Semop | GetValue | SetValue)
            yield from ((sort, call.set, number) for number in about.numbers)
        case facts.MESSAGE:
            assert isinstance(call, Send | Receive)
            yield (sort, call.queue, about.type)
        case facts.ROOM | facts.LIMITS:
            if isinstance(call, Send | Receive):
                yield (sort, call.queue)
            elif isinstance(call, ObjectCall) and call.object.kind is ObjectKind.QUEUE:
                yield (sort, call.object.number)
        case facts.OBJECT:
            if ref := object_of(call):
                yield (sort, *ref)
        case facts.SIGNAL | facts.END | facts.START:
            yield (sort, about.target)
        case _:
            raise ValueError(f"no call passes on or learns over {sort}")


def object_of(call: Call) -> tuple[ObjectKind, int] | None:
    """The object that a call uses."""
    match call:
        case Semop(set=number) | SetValue(set=number) | GetValue(set=number):
            return (ObjectKind.SEMAPHORES, number)
        case Send(queue=number) | Receive(queue=number):
            return (ObjectKind.QUEUE, number)
        case ObjectCall(object=ref):
            return (ref.kind, ref.number)
        case Signal() | Spawn():
            return None
        case _:
            assert_never(call)


def numbers_of(program: Program, call: GetValue | SetValue, index: int | None = None) -> range:
    """The semaphores that are set or asked for; all of an array where its index is not known."""
    everything = call.all if isinstance(call, SetValue) else call.question is SemaphoreQuestion.ALL
    if everything:
        return range(program.sets[call.set].size)
    if index is not None:
        return range(call.base + index, call.base + index + 1)
    return range(call.base, call.base + (call.count or 1))


def capacity(program: Program, number: int) -> int:
    """How many messages fit into a queue at most; 0 where that is not known or differs from message to
    message. Then any receive may have made the room of any later send."""
    queue = program.queues[number]
    code = [i for f in program.families for i in f.code]
    lengths = any(isinstance(i, Send) and i.queue == number and i.length is not None for i in code)
    changes = any(
        isinstance(i, ObjectCall)
        and i.action is Lifecycle.CHANGE
        and (i.object.kind, i.object.number) == (ObjectKind.QUEUE, number)
        for i in code
    )
    if lengths or changes or queue.persist or not queue.created_by_run:
        return 0  # messages from before the run may take up any of the room
    total = MSGMNB if queue.bytes is None else queue.bytes
    return total // queue.message.size if queue.message.size else total


def field_of(access: Load | Store, index: int) -> Thing:
    """The thing over which accesses to an atomic field pass on and learn."""
    return (facts.FIELD, access.segment, access.field, index)


# --- what tells without ordering ---


def tells_more(program: Program) -> bool:
    """Whether the program acts on a result that tells of others what it does not order (see the table)."""
    code = [i for f in program.families for i in f.code if isinstance(i, KernelCall)]
    # an errno that nothing handles ends its process, which somebody else may notice
    ends_show = any(
        (isinstance(i, Signal) and i.handler("ESRCH") is not None)
        or (isinstance(i, Semop) and any(o.undo for o in i.operations))
        for i in code
    )
    sources = {
        "EINTR": any(isinstance(i, Signal) for i in code),
        "EIDRM": any(isinstance(i, ObjectCall) and i.action is Lifecycle.REMOVE for i in code),
    }
    for call in code:
        for errno in {*(_GIVING_UP if ends_show else ()), *(e for e, _ in call.handlers)}:
            if sources.get(errno, True) and _may_come(call, errno) and _tells(call, errno):
                return True
        if _tells(call, SUCCESS) and not (isinstance(call, Receive) and _alike(program, call.queue)):
            return True
    return False


def _may_come(call: Call, errno: str) -> bool:
    """Whether a call may end with this errno, as far as its text tells: only one that does not wait, or not
    for ever, gives up."""
    if errno in ("EAGAIN", "ENOMSG") and not isinstance(call, Spawn):
        return call.gives_up
    return (call_name(call), errno) in facts.ORDERS


def _alike(program: Program, queue: int) -> bool:
    """Whether it is all one which message of a queue a receive gets: one process takes them all, or
    nobody looks at them."""
    takers = 0
    seen = False
    for family in program.families:
        receives = [i for i in family.code if isinstance(i, Receive) and i.queue == queue]
        takers += family.size if receives else 0
        seen |= any(i.into is not None for i in receives)
    return takers <= 1 or not seen


def _tells(call: Call, result: str) -> bool:
    return any(row.tells for row, _ in _rows(call, result, About()))
