"""Which result of which call orders, and with what: the happens-before of System V IPC, as a table.

A result *passes on* what its process has done so far, over a thing (a semaphore, a type of message, an
object, …), or *learns* over a thing what others have passed on. What was passed on before it is learned
happens before it. Two accesses to a field that this leaves unordered, one of them a store, are a race.

The principle: a result orders with those who handed something over (a unit, a message, room), with those
who asked for it to be so by semctl(2), and where it tells what holds for good (an object is made or gone,
a process has ended). What merely tells how things stood at some instant (no unit, no message, so many of
them, too late) orders nothing. So says POSIX (XBD 4.12, Memory Synchronization): semop and semctl
synchronise memory, and where such a call returns an error that is not specified. Messages are taken to
order by everybody who sends one, though msgsnd and msgrcv are not on that list.

`tells` is what a result says of other processes *without* ordering: it may depend on what they did. A
program without any such result can be judged by whether two accesses can be next at the same instant;
in one that has some, two accesses can be unordered that never are.
"""

from __future__ import annotations

from typing import NamedTuple

SUCCESS = "success"

# over which what is passed on and learned
GIVEN, TAKEN, AWAITED = "given", "taken", "awaited"
MESSAGE, ROOM, LIMITS = "message", "room", "limits"
OBJECT, SIGNAL, START, END, FIELD = "object", "signal", "start", "end", "field"

THINGS = {
    GIVEN: "a V (or SETVAL, SETALL, SEM_UNDO) on the semaphore",
    TAKEN: "a P (or SETVAL, SETALL, SEM_UNDO) on the semaphore",
    AWAITED: "a Z on the semaphore",
    MESSAGE: "a message of the type in the queue",
    ROOM: "the receives that made the room which the message needed",
    LIMITS: "IPC_SET of the queue",
    OBJECT: "making and removing the object",
    SIGNAL: "a signal to the process",
    START: "starting the process",
    END: "the end of the process",
    FIELD: "a store to the atomic field",
}


class Order(NamedTuple):
    """One result of one call; see the module."""

    passes: tuple[str, ...] = ()
    learns: tuple[str, ...] = ()
    tells: str = ""


_WAITED = "that it had to wait"
_RIGHTS = "what rights there were at that instant"
_GONE = Order((), (OBJECT,))
_NOTHING = Order()
_IN_A_WAIT = {
    "EINTR": Order((), (SIGNAL,), _WAITED),
    "EIDRM": Order((), (OBJECT,), _WAITED),
    "EINVAL": _GONE,
    "EACCES": Order(tells=_RIGHTS),
}
_WITHOUT_A_WAIT = {"EIDRM": _GONE, "EINVAL": _GONE, "EACCES": Order(tells=_RIGHTS)}

# A semop that succeeds is what its operations are: P, V or Z, each on its semaphore. `start`, `end`,
# `killed`, `continued` and `undo` happen to a process; `load` and `store` are those of atomic fields.
_CALLS: dict[str, dict[str, Order]] = {
    "P": {SUCCESS: Order((TAKEN,), (GIVEN,))},
    "V": {SUCCESS: Order((GIVEN,))},
    "Z": {SUCCESS: Order((AWAITED,), (TAKEN,))},
    "semop": {
        "EAGAIN": Order(tells="that it could not be done at that instant, or not in time"),
        "ERANGE": Order(tells="that a value was high at that instant"),
        **_IN_A_WAIT,
        "EFBIG": _NOTHING,
        "E2BIG": _NOTHING,
    },
    "set_value": {SUCCESS: Order((GIVEN, TAKEN)), "ERANGE": _NOTHING, **_WITHOUT_A_WAIT},
    "get": {SUCCESS: Order((), (GIVEN, TAKEN, AWAITED)), **_WITHOUT_A_WAIT},
    "send": {
        SUCCESS: Order((MESSAGE,), (ROOM, LIMITS)),
        "EAGAIN": Order(tells="that the queue was full at that instant, or for so long"),
        **_IN_A_WAIT,
    },
    "receive": {
        SUCCESS: Order((ROOM,), (MESSAGE,), "which messages others had taken"),
        "ENOMSG": Order(tells="that there was no such message at that instant"),
        "EAGAIN": Order(tells="that there was no such message in time"),
        "E2BIG": Order(tells="that a longer message was there at that instant"),
        **_IN_A_WAIT,
    },
    "create": {SUCCESS: Order((OBJECT,), (OBJECT,)), "EEXIST": _GONE, **_WITHOUT_A_WAIT},
    "open": {SUCCESS: _GONE, "ENOENT": _GONE, **_WITHOUT_A_WAIT},
    "attach": {
        SUCCESS: _GONE,
        **_WITHOUT_A_WAIT,
        "EINVAL": Order((), (OBJECT,), "that nobody had the removed segment any more"),
    },
    "detach": {SUCCESS: _NOTHING, "EINVAL": _NOTHING},
    "remove": {SUCCESS: Order((OBJECT,), (OBJECT,)), "EPERM": _NOTHING, **_WITHOUT_A_WAIT},
    "change": {SUCCESS: Order((LIMITS,), (OBJECT,)), "EPERM": _NOTHING, **_WITHOUT_A_WAIT},
    "stat": {SUCCESS: Order(tells="what it asked for, at that instant"), **_WITHOUT_A_WAIT},
    "signal": {SUCCESS: Order((SIGNAL,)), "ESRCH": Order((), (END,)), "EPERM": _NOTHING},
    "spawn": {SUCCESS: Order((START,)), "EAGAIN": Order(tells="that it had been started")},
    "start": {SUCCESS: Order((), (START,))},
    "end": {SUCCESS: Order((END,))},
    "killed": {SUCCESS: Order((END,), (SIGNAL,))},
    "continued": {SUCCESS: Order((), (SIGNAL,))},
    "undo": {SUCCESS: Order((GIVEN, TAKEN))},
    "load": {SUCCESS: Order((), (FIELD,))},
    "store": {SUCCESS: Order((FIELD,))},
}

ORDERS: dict[tuple[str, str], Order] = {
    (call, result): order for call, results in _CALLS.items() for result, order in results.items()
}
_UNKNOWN = Order(tells="what no rule is known for")


def of(call: str, result: str) -> Order:
    """What a result of a call orders; one that is not in the table orders nothing, and may tell anything."""
    return ORDERS.get((call, result), _UNKNOWN)


def markdown() -> list[str]:
    """The table as lines of Markdown, for the documentation: results that are alike share a line."""
    lines = [
        "| call | result | learns of | passes on | tells without ordering |",
        "|---|---|---|---|---|",
    ]
    for call, results in _CALLS.items():
        alike: dict[Order, list[str]] = {}
        for result, order in results.items():
            alike.setdefault(order, []).append(result)
        for order, names in alike.items():
            cells = [
                f"`{call}`",
                ", ".join(names),
                ", ".join(order.learns),
                ", ".join(order.passes),
                order.tells,
            ]
            lines.append("| " + " | ".join(cell or "–" for cell in cells) + " |")
    return lines
