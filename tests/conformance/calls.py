"""What children are told to do, and how a test looks at the objects."""

from __future__ import annotations

import ast
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from ipcsim.sysv import libc, process, queues, segments, semaphores
from ipcsim.sysv.semaphores import Timespec

DONE: Final = "done"
NOWAIT: Final = libc.IPC_NOWAIT
UNDO: Final = libc.SEM_UNDO
PAGE: Final = os.sysconf("SC_PAGE_SIZE")

Op = tuple[int, int] | tuple[int, int, int]  # semaphore, delta, flags


def attempt(call: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """What the call returns, or the name of the errno that it fails with."""
    try:
        return call(*args, **options)
    except OSError as error:
        return libc.errno_name(error.errno or 0)


# --- the calls that may sleep ---


def semop(set_id: int, *ops: Op, timeout: Timespec | None = None) -> str:
    semaphores.operate(set_id, [(op[0], op[1], op[2] if len(op) > 2 else 0) for op in ops], timeout)
    return DONE


def send(queue_id: int, kind: int, text: bytes, flags: int = 0) -> str:
    queues.send(queue_id, kind, text, flags)
    return DONE


def receive(queue_id: int, size: int = 64, selector: int = 0, flags: int = 0) -> tuple[int, bytes]:
    return queues.receive(queue_id, size, selector, flags)


def try_semop(set_id: int, *ops: Op) -> Any:
    """One's own call where it must not sleep: every operation with IPC_NOWAIT."""
    return attempt(semop, set_id, *((op[0], op[1], (op[2] if len(op) > 2 else 0) | NOWAIT) for op in ops))


def try_send(queue_id: int, kind: int, text: bytes) -> Any:
    return attempt(send, queue_id, kind, text, NOWAIT)


def try_receive(queue_id: int, size: int = 64, selector: int = 0, flags: int = 0) -> Any:
    return attempt(receive, queue_id, size, selector, flags | NOWAIT)


def raw_semop(set_id: int, array: Any, count: int) -> str:
    """semop with an array that need not be one."""
    return DONE if semaphores.semop(set_id, array, count) == 0 else libc.errno_name(libc.last_errno())


def take_each(set_ids: list[int]) -> str:
    """P with SEM_UNDO on one set after the other."""
    for set_id in set_ids:
        semop(set_id, (0, -1, UNDO))
    return DONE


def take_and_look(set_id: int, others: list[int]) -> list[int]:
    """P on one set, then at once the values of the `others`."""
    semop(set_id, (0, -1))
    return [semaphores.get(other, 0, libc.GETVAL) for other in others]


def receive_nowhere(queue_id: int) -> str:
    """msgrcv into a buffer that is not there."""
    result = queues.msgrcv(queue_id, None, 64, 0, NOWAIT)
    return DONE if result >= 0 else libc.errno_name(libc.last_errno())


# --- looking ---


def values(set_id: int) -> tuple[int, ...]:
    return semaphores.get_all(set_id, semaphores.stat(set_id)["nsems"])


def _each(set_id: int, command: int) -> tuple[int, ...]:
    size = semaphores.stat(set_id)["nsems"]
    return tuple(semaphores.get(set_id, number, command) for number in range(size))


def ncnt(set_id: int) -> tuple[int, ...]:
    """GETNCNT of each semaphore."""
    return _each(set_id, libc.GETNCNT)


def zcnt(set_id: int) -> tuple[int, ...]:
    """GETZCNT of each semaphore."""
    return _each(set_id, libc.GETZCNT)


def pids(set_id: int) -> tuple[int, ...]:
    """GETPID of each semaphore."""
    return _each(set_id, libc.GETPID)


def counters(queue_id: int) -> tuple[int, int]:
    """Messages and bytes in a queue."""
    stat = queues.stat(queue_id)
    return stat["qnum"], stat["cbytes"]


def table(name: str) -> list[dict[str, str]]:
    """The lines of /proc/sysvipc/`name`, by the names of the columns."""
    head, *lines = Path("/proc/sysvipc", name).read_text().splitlines()
    return [dict(zip(head.split(), line.split(), strict=True)) for line in lines]


def limit(name: str) -> list[int]:
    """The numbers in /proc/sys/kernel/`name`, of the namespace that one is in."""
    return [int(word) for word in Path("/proc/sys/kernel", name).read_text().split()]


def set_limit(name: str, text: str) -> str:
    Path("/proc/sys/kernel", name).write_text(text)
    return DONE


# --- memory ---


def attach(segment_id: int, address: int | None = None, flags: int = 0) -> int:
    """The address of a new attachment."""
    return segments.attach_at(segment_id, address, flags).address


def attach_in_a_hole(segment_id: int, hole_id: int) -> int:
    """Attach where nothing is before or behind: in the middle of where the segment `hole_id` fits."""
    hole = segments.attach_at(hole_id, None)
    hole.detach()
    return attach(segment_id, hole.address + 8 * PAGE)


def peek(address: int, size: int) -> bytes:
    return segments.Attachment(address, None).read(size)


def poke(address: int, raw: bytes) -> str:
    segments.Attachment(address, None).write(raw)
    return DONE


def maps(address: int) -> list[str]:
    """The line of /proc/self/maps that begins at `address`, in words."""
    for line in Path("/proc/self/maps").read_text().splitlines():
        if int(line.partition("-")[0], 16) == address:
            return line.split(None, 5)
    return []


# --- signals, users, relatives ---


_caught: list[int] = []  # in the order in which their handlers ran


def catch(number: signal.Signals) -> str:
    """Catch it, with SA_RESTART."""
    signal.signal(number, lambda caught, _frame: _caught.append(caught))
    signal.siginterrupt(number, False)
    return DONE


def caught() -> int:
    """How many signals were caught since this was asked last."""
    count = len(_caught)
    _caught.clear()
    return count


def stay_on(processor: int) -> str:
    """Run on this processor only."""
    os.sched_setaffinity(0, {processor})
    return DONE


def ignore(number: signal.Signals) -> str:
    signal.signal(number, signal.SIG_IGN)
    return DONE


def become(uid: int, gid: int, groups: tuple[int, ...]) -> str:
    """Another user for good; still dies with its parent, which setuid(2) would undo."""
    parent = os.getppid()
    os.setgroups(groups)
    os.setgid(gid)
    os.setuid(uid)
    process.die_with_parent(parent)
    return DONE


def become_cat() -> None:
    """Another program, which ends when its standard input does: that is, when it is killed."""
    read, _write = os.pipe()
    os.dup2(read, 0)
    os.set_inheritable(_write, True)
    os.execv("/bin/cat", ["cat"])


def in_grandchild(call: Callable[..., Any], *args: Any) -> tuple[int, Any]:
    """Make a call in a forked process that exits at once: its pid, and what came of the call."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.write(write, repr(attempt(call, *args)).encode())
        finally:
            os._exit(0)
    os.close(write)
    with open(read, "rb") as file:
        answer = file.read()
    os.waitpid(pid, 0)
    return pid, ast.literal_eval(answer.decode())


def keep_grandchild() -> int:
    """A forked process that does nothing until `end_grandchild`."""
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        process.die_with_parent(parent)
        while True:
            signal.pause()
    return pid


def end_grandchild(pid: int) -> str:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return DONE


def in_threads(*jobs: tuple[Any, ...]) -> list[tuple[int, Any]]:
    """Each job, a call and its arguments, in a thread of its own: their ids and what came of them."""
    found: list[tuple[int, Any]] = []
    threads = [
        threading.Thread(target=lambda job=job: found.append((threading.get_native_id(), attempt(*job))))
        for job in jobs
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found
