"""Error numbers of the kernel by name, and what each means for the call that got it.

The numbers are Linux's own (asm-generic), fixed here because a trace may be read on another system.
What the sentences say follows semop(2), msgop(2), semctl(2), msgctl(2), shmop(2), and SEMANTICS where it
differs from them.
"""

from __future__ import annotations

from ipcsim.program.instructions import (
    GetValue,
    Instruction,
    KernelCall,
    Lifecycle,
    ObjectCall,
    Receive,
    Semop,
    Send,
    SetValue,
    Signal,
    Spawn,
)

NAMES = {
    1: "EPERM", 2: "ENOENT", 3: "ESRCH", 4: "EINTR", 7: "E2BIG", 11: "EAGAIN", 12: "ENOMEM", 13: "EACCES",
    14: "EFAULT", 17: "EEXIST", 22: "EINVAL", 24: "EMFILE", 27: "EFBIG", 28: "ENOSPC", 34: "ERANGE",
    38: "ENOSYS", 42: "ENOMSG", 43: "EIDRM", 110: "ETIMEDOUT",
}  # fmt: skip


def name(number: int) -> str:
    """`EAGAIN` for 11; a number that IPC calls never give is shown as it is."""
    return NAMES.get(number, f"errno {number}")


_SIGNAL = (
    "a signal, or being stopped and continued, broke its sleep, and the call is never restarted by itself"
)
_SEMOP = {
    "EAGAIN": "the operations could not all be done at once, and IPC_NOWAIT forbids to wait",
    "EIDRM": "the semaphore set was removed while it slept",
    "EINVAL": "there is no such semaphore set, or no longer",
    "EINTR": _SIGNAL,
    "ERANGE": "a semaphore would have risen above 32767, or the undo counter left its range",
    "EFBIG": "the set has no semaphore of that number",
    "EACCES": "changing semaphores needs write permission for the set, waiting for zero read permission",
    "E2BIG": "one semop takes no more operations than the system's SEMOPM",
    "ENOSPC": "the system has no undo structure left",
    "ENOMEM": "the system has no memory left for an undo structure",
}
_SEND = {
    "EAGAIN": "the queue is full, and IPC_NOWAIT forbids to wait",
    "EIDRM": "the queue was removed while it slept",
    "EINVAL": "there is no such queue (or no longer), the type is not above 0, or the message is too long",
    "EINTR": _SIGNAL,
    "EACCES": "sending needs write permission for the queue",
}
_RECEIVE = {
    "ENOMSG": "no message of the type asked for lies in the queue, and IPC_NOWAIT forbids to wait",
    "E2BIG": "the message is longer than the size asked for, and stays in the queue without MSG_NOERROR",
    "EIDRM": "the queue was removed while it slept",
    "EINVAL": "there is no such queue, or no longer",
    "EINTR": _SIGNAL,
    "EACCES": "receiving needs read permission for the queue",
}
_CONTROL = {
    "EINVAL": "there is no such set, or no longer, or it has no semaphore of that number",
    "EIDRM": "the object has been removed",
    "ERANGE": "a semaphore's value lies between 0 and 32767",
    "EACCES": "the object's mode does not permit it",
    "EPERM": "only the owner, the creator or root may do that",
}
_OBJECT = {
    "EEXIST": "an object with this key exists already, and `exclusive` asks for a new one",
    "ENOENT": "no object with this key exists; somebody has to create it first",
    "ENOSPC": "the system's limit for such objects is reached",
    "ENOMEM": "the system has no memory left for it",
    "EINVAL": "there is no such object, or it is smaller than asked for, or the size is not allowed",
    "EIDRM": "the object has been removed",
    "EACCES": "the object's mode does not permit it",
    "EPERM": "only the owner, the creator or root may do that",
    "EMFILE": "the process has too many attachments",
}

_PROCESS = {
    "ESRCH": "the process has ended, or was never started",
    "EPERM": "the processes run as different users",
    "EAGAIN": "that process has been started already, or no more can be started here",
}


def meaning(instruction: Instruction, number: int) -> str:
    """What this errno means for this call, as a clause; empty where nothing is known."""
    errno = name(number)
    timed = isinstance(instruction, KernelCall) and not instruction.nowait and instruction.timeout is not None
    if timed and errno in ("EAGAIN", "ETIMEDOUT"):
        return "its timeout passed before the call could proceed"
    match instruction:
        case Semop():
            table = _SEMOP
        case Send():
            table = _SEND
        case Receive():
            table = _RECEIVE
        case GetValue() | SetValue():
            table = _CONTROL
        case ObjectCall(action=Lifecycle.CREATE) if errno == "EPERM":
            return "the queue's `bytes` are more than kernel.msgmnb, which needs CAP_SYS_RESOURCE"
        case ObjectCall():
            table = _OBJECT
        case Signal() | Spawn():
            table = _PROCESS
        case _:
            table = {}
    return table.get(errno, "")
