"""Error numbers of the kernel by name, and what each means for the call that got it.

The numbers are Linux's own (asm-generic), fixed here because a trace may be read on another system.
What the sentences say follows semop(2), msgop(2), semctl(2), msgctl(2), shmop(2), kill(2), and `rules`
where these differ from them. Calls have the names of `ordering`.
"""

from __future__ import annotations

from collections.abc import Mapping

from ipcsim.facts.limits import SEMVMX

# what a call of a scenario may get, so what `on_error` may name
OF_CALLS = {
    7: "E2BIG", 13: "EACCES", 11: "EAGAIN", 17: "EEXIST", 14: "EFAULT", 27: "EFBIG", 43: "EIDRM", 4: "EINTR",
    22: "EINVAL", 2: "ENOENT", 12: "ENOMEM", 42: "ENOMSG", 28: "ENOSPC", 1: "EPERM", 34: "ERANGE", 3: "ESRCH",
}  # fmt: skip
# what else is in a trace where a system forbids or limits a call in its own way
NAMES = OF_CALLS | {24: "EMFILE", 38: "ENOSYS", 110: "ETIMEDOUT"}
NUMBERS = {name: number for number, name in NAMES.items()}


def name(number: int) -> str:
    """`EAGAIN` for 11; a number that IPC calls never give is shown as it is."""
    return NAMES.get(number, f"errno {number}")


_SIGNAL = (
    "a signal, or being stopped and continued, broke its sleep, and the call is never restarted by itself"
)
_CONTROL = {
    "EINVAL": "there is no such set, or no longer, or it has no semaphore of that number",
    "EIDRM": "the object has been removed",
    "EACCES": "the object's mode does not permit it",
    "EPERM": "only the owner, the creator or root may do that",
}
_OBJECT = {
    "EINVAL": "there is no such object, or it is smaller than asked for, or the size is not allowed",
    "EIDRM": "the object has been removed",
    "EACCES": "the object's mode does not permit it",
    "EPERM": "only the owner, the creator or root may do that",
    "ENOMEM": "the system has no memory left for it",
}
_NO_KEY = {"ENOENT": "no object with this key exists; somebody has to create it first"}
_NOT_OURS = {"EPERM": "the processes run as different users"}
MEANINGS: Mapping[str, Mapping[str, str]] = {
    "semop": {
        "EAGAIN": "the operations could not all be done at once, and IPC_NOWAIT forbids to wait",
        "EIDRM": "the semaphore set was removed while it slept",
        "EINVAL": "there is no such semaphore set, or no longer",
        "EINTR": _SIGNAL,
        "ERANGE": f"a semaphore would have risen above {SEMVMX}, or the undo counter left its range",
        "EFBIG": "the set has no semaphore of that number",
        "EACCES": "changing semaphores needs write permission for the set, waiting for zero read permission",
        "E2BIG": "one semop takes no more operations than the system's SEMOPM",
        "ENOSPC": "the system has no undo structure left",
        "ENOMEM": "the system has no memory left for an undo structure",
    },
    "set_value": _CONTROL | {"ERANGE": f"a semaphore's value lies between 0 and {SEMVMX}"},
    "get": _CONTROL,
    "send": {
        "EAGAIN": "the queue is full, and IPC_NOWAIT forbids to wait",
        "EIDRM": "the queue was removed while it slept",
        "EINVAL": "there is no such queue (or no longer), the type is not above 0, or the message is "
        "too long",
        "EINTR": _SIGNAL,
        "EACCES": "sending needs write permission for the queue",
    },
    "receive": {
        "ENOMSG": "no message of the type asked for lies in the queue, and IPC_NOWAIT forbids to wait",
        "E2BIG": "the message is longer than the size asked for, and stays in the queue without MSG_NOERROR",
        "EIDRM": "the queue was removed while it slept",
        "EINVAL": "there is no such queue, or no longer",
        "EINTR": _SIGNAL,
        "EACCES": "receiving needs read permission for the queue",
    },
    "create": _OBJECT
    | _NO_KEY
    | {
        "EEXIST": "an object with this key exists already, and `exclusive` asks for a new one",
        "ENOSPC": "the system's limit for such objects is reached",
        "EPERM": "the queue's `bytes` are more than kernel.msgmnb, which needs CAP_SYS_RESOURCE",
    },
    "open": _OBJECT | _NO_KEY,
    "attach": _OBJECT | {"EMFILE": "the process has too many attachments"},
    "detach": _OBJECT,
    "remove": _OBJECT,
    "change": _OBJECT,
    "stat": _OBJECT,
    "signal": _NOT_OURS | {"ESRCH": "the process has ended, or was never started"},
    "spawn": _NOT_OURS | {"EAGAIN": "that process has been started already, or no more can be started here"},
}


def meaning(call: str, errno: str, timed: bool = False) -> str:
    """What this errno means for this call, as a clause; empty where nothing is known. `timed`: the call
    waits, but not for ever."""
    if timed and errno in ("EAGAIN", "ETIMEDOUT"):
        return "its timeout passed before the call could proceed"
    return MEANINGS.get(call, {}).get(errno, "")


def markdown() -> list[str]:
    """The meanings as lines of Markdown, for the documentation: calls that are alike share a line."""
    alike: dict[tuple[str, str], list[str]] = {}
    for call, meanings in MEANINGS.items():
        for errno, means in meanings.items():
            alike.setdefault((errno, means), []).append(f"`{call}`")
    lines = ["| call | errno | means |", "|---|---|---|"]
    return lines + [f"| {', '.join(calls)} | {errno} | {means} |" for (errno, means), calls in alike.items()]
