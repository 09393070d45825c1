"""Who sleeps in a call of System V IPC, and for what, as /proc tells it; without ptrace.

Attaching to a process would end its semop with EINTR (R-7), so this only reads: /proc/PID/task/TID/syscall
has the call and its arguments, /proc/PID/mem the operations or the type of the message (R-1). A reading
counts where state, context switches and system call are the same before and after (R-4). Processes that
/proc does not show (of others, not dumpable, under Yama: R-5) are left out, never guessed; of semaphores the
kernel counts the sleepers, so it is known how many were not seen.
"""

from __future__ import annotations

import os
import platform
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ipcsim.facts.limits import SEMOPM
from ipcsim.facts.syscalls import CALLS, SLEEPS_IN
from ipcsim.program.instructions import ObjectKind
from ipcsim.sysv.libc import MSG_EXCEPT

PROC = Path("/proc")
_MASK = 2**32 - 1

Memory = Callable[[int, int], bytes]


@dataclass(frozen=True, slots=True)
class Operations:
    """What a semop sleeps for: (number, delta) in array order; `timed` with a timeout."""

    operations: tuple[tuple[int, int], ...]
    timed: bool = False


@dataclass(frozen=True, slots=True)
class Sending:
    """A msgsnd into a full queue; `type` None where it could not be read."""

    type: int | None
    size: int


@dataclass(frozen=True, slots=True)
class Receiving:
    """A msgrcv for which there is no message."""

    type: int
    exclude: bool = False


Call = Operations | Sending | Receiving


@dataclass(frozen=True, slots=True)
class Sleeper:
    """A thread asleep in `call` on the object `id` of `kind`."""

    pid: int
    tid: int
    command: str
    kind: ObjectKind
    id: int
    call: Call


def find(namespace: str, proc: Path = PROC) -> list[Sleeper]:
    """Everybody seen asleep on an object of that IPC namespace, by pid."""
    names = CALLS.get(platform.machine())
    if names is None:
        return []
    found: list[Sleeper] = []
    for pid in sorted(int(n) for n in _listing(proc) if n.isdecimal()):
        try:
            if os.readlink(proc / str(pid) / "ns" / "ipc") != namespace:
                continue
        except OSError:
            continue
        for tid in _listing(proc / str(pid) / "task"):
            sleeper = _look(proc, pid, int(tid), names)
            if sleeper is not None:
                found.append(sleeper)
    return found


def look(pid: int, proc: Path = PROC) -> Sleeper | None:
    """What the first thread of a process sleeps in, where it certainly does."""
    names = CALLS.get(platform.machine())
    return None if names is None else _look(proc, pid, pid, names)


def _look(proc: Path, pid: int, tid: int, names: dict[int, str]) -> Sleeper | None:
    """Two looks at one thread that agree."""
    folder = proc / str(pid) / "task" / str(tid)
    before = _state(_read(folder / "status"))
    if before is None or before[0] != b"S":
        return None
    where = _read(folder / "wchan")
    if where not in (b"", b"0") and not any(name in where for name in SLEEPS_IN.values()):
        return None
    line = _read(folder / "syscall")
    found = decode(line, names, lambda address, size: _memory(proc / str(pid) / "mem", address, size))
    if found is None or _compat(proc / str(pid) / "exe"):
        return None
    if _read(folder / "syscall") != line or _state(_read(folder / "status")) != before:
        return None
    command = _read(folder / "comm").rstrip(b"\n").decode(errors="replace")
    return Sleeper(pid, tid, command, *found)


def decode(line: bytes, names: dict[int, str], memory: Memory) -> tuple[ObjectKind, int, Call] | None:
    """The object and the call in a line of /proc/PID/syscall; None where it is no call of IPC.

    Identifiers, counts and flags are 32 bits of their registers, a type is a signed long.
    """
    words = line.split()
    if len(words) < 7 or not words[0].isdigit():
        return None
    name = names.get(int(words[0]))
    a, b, c, d, e = (int(w, 16) for w in words[1:6])
    id_ = a & _MASK
    match name:
        case "semop" | "semtimedop":
            return (
                ObjectKind.SEMAPHORES,
                id_,
                Operations(_operations(memory, b, c & _MASK), name == "semtimedop" and d != 0),
            )
        case "msgsnd":
            raw = memory(b, 8)
            return ObjectKind.QUEUE, id_, Sending(struct.unpack("=q", raw)[0] if len(raw) == 8 else None, c)
        case "msgrcv":
            type_ = d - 2**64 if d >= 2**63 else d
            return ObjectKind.QUEUE, id_, Receiving(type_, type_ > 0 and bool(e & MSG_EXCEPT))
    return None


def _operations(memory: Memory, address: int, count: int) -> tuple[tuple[int, int], ...]:
    """struct sembuf: 6 bytes; empty where they could not be read."""
    if not 0 < count <= SEMOPM:
        return ()
    raw = memory(address, 6 * count)
    if len(raw) != 6 * count:
        return ()
    return tuple((number, delta) for number, delta, _ in struct.iter_unpack("=HhH", raw))


def waits_for(call: Operations, values: tuple[int, ...] | None) -> tuple[int, int] | None:
    """The operation that cannot be done with these values: the first one in array order (S-2)."""
    if values is None:
        return call.operations[0] if len(call.operations) == 1 else None
    left = dict(enumerate(values))
    for number, delta in call.operations:
        value = left.get(number, 0)
        if value + delta < 0 or (delta == 0 and value != 0):
            return number, delta
        left[number] = value + delta
    return None


def parent(pid: int, proc: Path = PROC) -> int:
    """The parent's pid; 0 where there is none (any more)."""
    words = _read(proc / str(pid) / "stat").rpartition(b")")[2].split()
    return int(words[1]) if len(words) > 1 else 0


def ancestors(pid: int, proc: Path = PROC) -> Iterator[int]:
    """The process, its parent, and so on; bounded, because the tree changes meanwhile."""
    for _ in range(64):
        if pid <= 1:
            return
        yield pid
        pid = parent(pid, proc)


def _compat(exe: Path) -> bool:
    """Whether a 32-bit program runs on a 64-bit kernel: its calls have other numbers."""
    try:
        with exe.open("rb") as file:
            head = file.read(5)
    except OSError:
        return False
    return head[:4] == b"\x7fELF" and head[4:5] == b"\x01"


def _state(status: bytes) -> tuple[bytes, bytes] | None:
    """The state letter and the count of voluntary context switches."""
    fields = dict(line.split(b":\t", 1) for line in status.splitlines() if b":\t" in line)
    if b"State" not in fields or b"voluntary_ctxt_switches" not in fields:
        return None
    return fields[b"State"][:1], fields[b"voluntary_ctxt_switches"]


def _listing(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _memory(path: Path, address: int, size: int) -> bytes:
    try:
        with path.open("rb", buffering=0) as file:
            return os.pread(file.fileno(), size, address)
    except (OSError, OverflowError, ValueError):
        return b""
