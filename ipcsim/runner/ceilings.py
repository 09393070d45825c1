"""Which limit of the kernel stands behind an errno, with the sysctl that raises it.

semop(2), msgop(2), semget(2), msgget(2), shmget(2), proc_sys_kernel(5). The limits are those of this
process's IPC namespace. Only what is certain is said: an errno that can have come of something else is the
scenario's affair.
"""

from __future__ import annotations

import errno
import mmap
from collections.abc import Collection, Iterable
from dataclasses import replace
from pathlib import Path

from ipcsim import shortages
from ipcsim.errors import NOWHERE
from ipcsim.program import Program
from ipcsim.program.expressions import Const, fold
from ipcsim.program.instructions import Instruction, Lifecycle, ObjectCall, Semop, Send, Spawn
from ipcsim.program.objects import IpcObject, Queue, Segment, SemaphoreSet
from ipcsim.verdict import Finding, Kind

SYSCTLS = Path("/proc/sys/kernel")
_SEM = ("SEMMSL, the first", "SEMMNS, the second", "SEMOPM, the third", "SEMMNI, the fourth")
Uncaught = tuple[int, int, int]  # process, pc, errno: a call failed, and nothing handled it


def blame(
    program: Program, findings: Iterable[Finding], uncaught: Iterable[Uncaught], unborn: Collection[int]
) -> tuple[list[Finding], str]:
    """The findings, those that a limit of this machine has brought about with its sysctl; and that of the
    first of them, which gives the verdict: empty where that is the scenario's own affair. `unborn` are
    the processes that nobody has started.
    """
    limits = {
        (program.processes[process].name, instruction.at): words
        for process, pc, number in uncaught
        if (instruction := program.instruction(process, pc)) is not None
        and (words := behind(program, instruction, number, unborn))
    }
    told: list[Finding] = []
    first = ""
    for finding in findings:
        words = limits.get((finding.processes[0], finding.at or NOWHERE), "") if finding.processes else ""
        if finding.kind is not Kind.ERRNO:
            words = ""
        first = first if told else words
        told.append(replace(finding, message=f"{finding.message} {words}") if words else finding)
    return told, first


def behind(program: Program, instruction: Instruction, number: int, unborn: Collection[int]) -> str:
    """The limit behind errno `number` of this call, as sentences; empty where it may be something else."""
    match instruction:
        case Semop(operations=operations) if number == errno.E2BIG:
            return _sem(2, len(operations), f"Its {len(operations):,} operations are more than")
        case Send() if number == errno.EINVAL:
            return _message(_length(program, instruction))
        case ObjectCall(action=Lifecycle.CREATE):
            if limit := creation(program.object(instruction.object), number, instruction.size):
                return limit
        case Spawn(family=family) if number == errno.EAGAIN:  # else that it runs already
            never = all(p in unborn for p in program.members(family))
            return _sentence(shortages.processes()) if never else ""
    return _sentence(shortages.memory()) if number == errno.ENOMEM else ""


def creation(declared: IpcObject, number: int, size: int | None = None) -> str:
    """The limit behind errno `number` of making an object; `size` is what is asked for, if not the declared
    one."""
    match declared:
        case SemaphoreSet():
            return _of_a_set(declared.size if size is None else size, number)
        case Queue():
            return _of_a_queue(declared.bytes, number)
        case Segment():
            return _of_a_segment(declared.struct.size if size is None else size, number)


def _of_a_set(size: int, number: int) -> str:
    now = _now("sem")
    if number == errno.EINVAL and len(now) == 4 and size > now[0]:
        return _sem(0, size, f"Its {size:,} semaphores are more than")
    if number == errno.ENOSPC:
        return (
            f"No more semaphores or sets fit into {_SEM[1]}, and {_SEM[3]} number of kernel.sem, which is "
            f'"{_text(now)}". Raise them (sysctl -w kernel.sem="…"), {_FREE}'
        )
    return ""


def _of_a_queue(room: int | None, number: int) -> str:
    if number == errno.ENOSPC:
        return f"No more queues fit: kernel.msgmni is {_text(_now('msgmni'))}. Raise it (sysctl -w), {_FREE}"
    if number == errno.EPERM and room is not None:
        return (
            f"Its `bytes: {room}` are more than kernel.msgmnb, {_text(_now('msgmnb'))}, which takes "
            f"CAP_SYS_RESOURCE. Use fewer, or raise it as root: sysctl -w kernel.msgmnb={room}"
        )
    return ""


def _of_a_segment(size: int, number: int) -> str:
    if number == errno.EINVAL and (found := _now("shmmax")) and size > (most := found[0]):
        return (
            f"Its {size:,} bytes are more than kernel.shmmax, {most:,}. Raise it as root: "
            f"sysctl -w kernel.shmmax={size}"
        )
    if number == errno.ENOSPC:
        pages = -(-size // mmap.PAGESIZE)
        return (
            f"No more segments fit into kernel.shmmni, {_text(_now('shmmni'))}, or its {pages:,} pages not "
            f"into kernel.shmall, {_text(_now('shmall'))}. Raise them (sysctl -w), {_FREE}"
        )
    return ""


_FREE = "or remove objects that nobody needs (`ipcs`, `ipcsim clean`)."


def _sentence(words: str) -> str:
    return words[0].upper() + words[1:]


def _length(program: Program, call: Send) -> int | None:
    """How long the message is, where that never changes."""
    if call.length is None:
        return program.queues[call.queue].message.size
    length = fold(call.length, {})
    return length.value if isinstance(length, Const) and isinstance(length.value, int) else None


def _message(length: int | None) -> str:
    now = _now("msgmax")
    if length is None or not now or length <= now[0]:
        return ""
    return (
        f"Its {length:,} bytes are more than kernel.msgmax, {now[0]:,}. Raise it as root: "
        f"sysctl -w kernel.msgmax={length}"
    )


def _sem(which: int, wanted: int, too_many: str) -> str:
    """A number of kernel.sem that is too small."""
    now = _now("sem")
    if len(now) != 4 or wanted <= now[which]:
        return ""
    raised = " ".join(str(wanted if i == which else value) for i, value in enumerate(now))
    return (
        f"{too_many} {_SEM[which]} number of kernel.sem, {now[which]:,}. Raise it as root: "
        f'sysctl -w kernel.sem="{raised}"'
    )


def _now(name: str) -> tuple[int, ...]:
    """The numbers of a sysctl of the kernel; none where it cannot be read."""
    try:
        return tuple(int(word) for word in (SYSCTLS / name).read_text().split())
    except (OSError, ValueError):
        return ()


def _text(numbers: tuple[int, ...]) -> str:
    return " ".join(map(str, numbers)) if numbers else "unknown"
