"""Real processes that make one call each time they are told, and what /proc says of them.

A command and its answer go through shared memory; a futex wakes the child. The driver learns that a
child is done from a counter, and that it sleeps in its call from /proc/PID/wchan: the kernel names the
function only of a process that is not running and not being woken (R-3).
"""

from __future__ import annotations

import contextlib
import faulthandler
import marshal
import mmap
import os
import resource
import signal
import time
from collections.abc import Callable
from typing import Any, NoReturn

from ipcsim.facts.syscalls import SLEEPS_IN
from ipcsim.program.codec import decode
from ipcsim.program.instructions import ObjectKind
from ipcsim.program.objects import IpcObject
from ipcsim.runner import objects, probe
from ipcsim.snapshot import ReceiveWait, SemaphoreWait, SendWait, Wait
from ipcsim.sysv import process as sysv_process
from ipcsim.sysv import queues, segments, semaphores
from ipcsim.sysv.libc import GETALL, errno_name
from tests import leftovers

BLOCK = 8192  # bytes of shared memory for one child: two counters, a command, an answer
_COMMAND, _ANSWER, _ROOM = 64, 4096, 4032
_ORDER, _DONE = 0, 1  # words: commands given, answers given
PATIENCE = 20.0  # seconds until a child that neither answers nor sleeps is a failure
_WAITS: dict[str, Wait] = {
    "semop": SemaphoreWait(0, ()),
    "send": SendWait(0, 0, 0),
    "receive": ReceiveWait(0, 0),
}

Answer = tuple[str | None, Any]  # errno (None: it succeeded), result


# --- the child's side ---


def _get(set_id: int, number: int, command: int, size: int) -> Any:
    if command == GETALL:
        return semaphores.get_all(set_id, size)
    return semaphores.get(set_id, number, command)


def _kill(pid: int, number: int) -> None:
    if pid == 0:
        raise ProcessLookupError(3, "it has ended")
    os.kill(pid, number)


def _receive(queue_id: int, size: int, selector: int, flags: int) -> Any:
    return queues.receive(queue_id, size, selector, flags)


_attached: dict[int, segments.Attachment] = {}  # by address


def _create(declared: Any, mode: int, size: int | None, exclusive: bool) -> tuple[int, bool]:
    """What the step of a worker does: the id, and whether it is a new object."""
    made = objects.create(_declared(declared), mode, size, exclusive)
    return made.id, made.new


def _find(declared: Any, mode: int, size: int | None) -> int:
    return objects.find(_declared(declared), mode, size)


def _declared(encoded: Any) -> IpcObject:
    found: IpcObject = decode(encoded)
    return found


def _change(kind: str, found: int, mode: int | None, qbytes: int | None) -> None:
    objects.change(ObjectKind(kind), found, mode, qbytes)


def _attach(segment_id: int, readonly: bool, span: int) -> int:
    attachment = segments.attach(segment_id, readonly, span)
    _attached[attachment.address] = attachment
    return attachment.address


def _detach(address: int) -> None:
    _attached.pop(address).detach()


def _detach_all() -> None:
    for address in list(_attached):
        _detach(address)


def _load(address: int, type_: str, offset: int) -> int:
    return int(_attached[address].values(type_, 1, offset)[0])


def _store(address: int, type_: str, offset: int, value: int) -> None:
    _attached[address].values(type_, 1, offset)[0] = value


def _load_text(address: int, offset: int, size: int) -> str:
    return _attached[address].read(size, offset).split(b"\0", 1)[0].decode()


def _store_text(address: int, offset: int, size: int, text: str) -> None:
    _attached[address].write(text.encode().ljust(size, b"\0"), offset)


def _become(uid: int, gid: int, parent: int) -> None:
    """Another user, for ever."""
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    sysv_process.die_with_parent(parent)  # changing the user has cleared it


_CALLS: dict[str, Callable[..., Any]] = {
    "semop": semaphores.operate,
    "get": _get,
    "setval": semaphores.set_value,
    "setall": lambda set_id, values: semaphores.set_all(set_id, tuple(values)),
    "send": queues.send,
    "receive": _receive,
    "stat-semaphores": lambda set_id, field: semaphores.stat(set_id)[field],
    "stat-queue": lambda queue_id, field: queues.stat(queue_id)[field],
    "remove-semaphores": semaphores.remove,
    "remove-queue": queues.remove,
    "stat-segment": lambda segment_id, field: segments.stat(segment_id)[field],
    "remove-segment": segments.remove,
    "create": _create,
    "find": _find,
    "change": _change,
    "attach": _attach,
    "detach": _detach,
    "detach-all": _detach_all,
    "load": _load,
    "store": _store,
    "load-text": _load_text,
    "store-text": _store_text,
    "become": _become,
    "kill": _kill,
    "exit": os._exit,
}


def _attempt(name: str, arguments: tuple[Any, ...]) -> Answer:
    try:
        return None, _CALLS[name](*arguments)
    except OSError as error:
        return errno_name(error.errno or 0), None


def _live(memory: mmap.mmap, order: int, done: int, words: memoryview, base: int, parent: int) -> NoReturn:
    """A child's life: wait for a command, make the call, answer."""
    try:
        sysv_process.die_with_parent(parent)
        faulthandler.disable()
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        for number in (signal.SIGUSR1, signal.SIGALRM):
            signal.signal(number, lambda *_: None)
        words[_DONE] = seen = 0  # ready: a signal no longer kills it
        sysv_process.futex_wake(done)
        while True:
            while words[_ORDER] == seen:
                sysv_process.futex_wait(order, seen & 0xFFFFFFFF)
            seen = words[_ORDER]
            name, arguments = marshal.loads(memory[base + _COMMAND : base + _COMMAND + _ROOM])
            answer = marshal.dumps(_attempt(name, arguments))
            memory[base + _ANSWER : base + _ANSWER + len(answer)] = answer
            words[_DONE] = seen
            sysv_process.futex_wake(done)
    finally:
        os._exit(70)


# --- the driver's side ---


class Child:
    """One process; `in_call` while a command is under way that it has not answered."""

    def __init__(self, memory: mmap.mmap, place: int) -> None:
        base = place * BLOCK
        self._memory, self._base = memory, base
        self._words = memoryview(memory)[base : base + 16].cast("q")
        address = sysv_process.address_of(memory) + base
        self._order, self._done = address, address + 8
        self._words[_ORDER], self._words[_DONE] = 0, -1
        self._waits: tuple[Wait, int] | None = None
        parent = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            _live(memory, self._order, self._done, self._words, base, parent)
        leftovers.kept.add(self.pid)  # the pool that it is in ends it
        self._wchan = os.open(f"/proc/{self.pid}/wchan", os.O_RDONLY)
        self.alive = True
        self.in_call = False
        self.spent = False

    def start(self, name: str, *arguments: Any) -> None:
        """Let it make a call, and do not wait."""
        command = marshal.dumps((name, arguments))
        assert len(command) <= _ROOM
        self._memory[self._base + _COMMAND : self._base + _COMMAND + len(command)] = command
        self._waits = (_WAITS[name], arguments[0]) if name in _WAITS else None
        self.in_call = True
        self._words[_ORDER] += 1
        sysv_process.futex_wake(self._order)

    def answered(self) -> bool:
        return bool(self._words[_DONE] == self._words[_ORDER])

    def wait_a_little(self, seconds: float) -> None:
        """Until it answers, or that time has passed."""
        sysv_process.futex_wait(self._done, self._words[_DONE] & 0xFFFFFFFF, seconds)

    def answer(self) -> Answer:
        self.in_call = False
        at = self._base + _ANSWER
        found: Answer = marshal.loads(self._memory[at : at + _ROOM])
        return found

    def _where(self) -> bytes:
        try:
            return os.pread(self._wchan, 64, 0)
        except OSError:
            return b""

    def asleep(self) -> bool:
        """Whether it certainly sleeps in its semop, msgsnd or msgrcv."""
        if self._waits is None:
            return False
        where = self._where()
        if where not in (b"", b"0"):
            return any(name in where for name in SLEEPS_IN.values())
        if names_shown():
            return False
        sample = probe.asleep(self.pid, *self._waits)  # this kernel does not name the function
        return sample is not None and probe.unmoved(sample)

    def stopped(self) -> bool:
        return probe.run_state(self.pid) == b"T"

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def ended(self) -> bool:
        """Whether it is gone and may be reaped."""
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def does(self, name: str, *arguments: Any) -> Answer:
        """A call that does not sleep, from beginning to end."""
        self.start(name, *arguments)
        while not self.answered():
            self.wait_a_little(0.01)
        return self.answer()

    def become(self, uid: int, gid: int) -> None:
        """Another user, for ever: it serves no other program after this one."""
        errno, _ = self.does("become", uid, gid, os.getpid())
        assert errno is None, errno
        self.spent = True

    def reap(self) -> int:
        """Wait until it is gone, SEM_UNDO and all (S-16); its exit code, or minus the signal."""
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        self._gone()
        return code

    def kill(self) -> None:
        if self.alive:
            with contextlib.suppress(ProcessLookupError):
                self.signal(signal.SIGKILL)
            self.reap()

    def _gone(self) -> None:
        self.alive = self.in_call = False
        os.close(self._wchan)
        self._words.release()


_shown: bool | None = None


def names_shown() -> bool:
    """Whether /proc/PID/wchan names functions here (some containers show 0 for all)."""
    global _shown
    if _shown is None:
        child = os.fork()
        if child == 0:
            signal.pause()
            os._exit(0)
        try:
            deadline = time.monotonic() + 0.5
            while not (_shown := _read(f"/proc/{child}/wchan") not in (b"", b"0")):
                if time.monotonic() > deadline:
                    break
                time.sleep(0.001)
        finally:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    return bool(_shown)


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


class Pool:
    """Children that serve many programs, one after another; those that ended are replaced."""

    def __init__(self, most: int = 6) -> None:
        self._memory = mmap.mmap(-1, most * BLOCK)
        self._children: list[Child | None] = [None] * most
        self.forks = 0

    def take(self, count: int) -> list[Child]:
        """`count` children that live and are in no call."""
        for place in range(count):
            child = self._children[place]
            if child is None or not child.alive or child.in_call or child.spent:
                if child is not None:
                    child.kill()
                self._children[place] = Child(self._memory, place)
                self.forks += 1
        taken = [c for c in self._children[:count] if c is not None]
        for child in taken:
            while not child.answered():
                child.wait_a_little(0.01)
        return taken

    def close(self) -> None:
        for child in self._children:
            if child is not None:
                child.kill()

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
