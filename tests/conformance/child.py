"""Child processes that make single calls on command and report what came of them.

A test knows three things about a child: it has reported, it certainly sleeps in its call, or neither
yet. It waits for one of the first two by asking the kernel, never by letting time pass.
"""

from __future__ import annotations

import faulthandler
import os
import pickle
import resource
import select
import signal
import socket
import time
import traceback
from collections.abc import Callable
from typing import Any, ClassVar, NoReturn

from ipcsim.runner import probe
from ipcsim.snapshot import ReceiveWait, SemaphoreWait, SendWait, Wait
from ipcsim.sysv import process
from tests.conformance import calls

PATIENCE = 20.0  # seconds until a condition that should hold at once counts as failed
_PAUSE = 0.0005

# which sleep belongs to which call; the probe looks only at the kind
_SLEEPS: dict[Callable[..., Any], Wait] = {
    calls.semop: SemaphoreWait(0, ()),
    calls.take_and_look: SemaphoreWait(0, ()),
    calls.send: SendWait(0, 0, 0),
    calls.receive: ReceiveWait(0, 0),
}


def until(condition: Callable[[], bool], what: str) -> None:
    """Ask until it holds."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"still not: {what}")
        time.sleep(_PAUSE)


class _Failure:
    """An exception in a child that is no answer of the kernel's."""

    def __init__(self, text: str) -> None:
        self.text = text


class Child:
    """A process that makes one call at a time, on command."""

    _channels: ClassVar[set[socket.socket]] = set()  # of all the children that run

    def __init__(self) -> None:
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        parent = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            self._live(theirs, parent)
        theirs.close()
        self._channel.settimeout(PATIENCE)
        self._channels.add(self._channel)
        self._call: Callable[..., Any] | None = None
        self._object = 0
        self._inside = _SLEEPS[calls.semop]
        self.status: int | None = None

    # --- calls ---

    def start(self, call: Callable[..., Any], *args: Any, **options: Any) -> Child:
        """Let it make a call, and do not wait."""
        self._call = call
        self._channel.send(pickle.dumps((call, args, options)))
        return self

    def result(self) -> Any:
        """What the call under way returned, or the name of its errno."""
        try:
            answer = self._channel.recv(1 << 16)
        except TimeoutError:
            raise AssertionError(f"child {self.pid} is still in {self._call}") from None
        if not answer:
            raise AssertionError(f"child {self.pid} ended in {self._call}: {self.wait()}")
        found = pickle.loads(answer)
        if isinstance(found, _Failure):
            raise AssertionError(f"in child {self.pid}:\n{found.text}")
        return found

    def does(self, call: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """Let it make a call that returns, and take the result."""
        return self.start(call, *args, **options).result()

    def sleeps_in(self, call: Callable[..., Any], object_id: int, *args: Any, **options: Any) -> Child:
        """Let it make a call and wait until it sleeps there."""
        self.watch(call, object_id)
        self.start(call, object_id, *args, **options)
        until(self.settled, f"child {self.pid} asleep in {call.__name__}")
        assert not self.reported(), f"{call.__name__} returned {self.result()} instead of sleeping"
        return self

    def watch(self, call: Callable[..., Any], object_id: int) -> None:
        """From now on `asleep` is about this call on this object."""
        self._inside, self._object = _SLEEPS[call], object_id

    def reported(self) -> bool:
        return bool(select.select([self._channel], [], [], 0)[0])

    def asleep(self) -> bool:
        """Whether one of its threads certainly sleeps in the call watched."""
        for thread in os.listdir(f"/proc/{self.pid}/task"):
            sample = probe.asleep(int(thread), self._inside, self._object)
            if sample is not None and probe.unmoved(sample):
                return True
        return False

    def settled(self) -> bool:
        return self.reported() or self.asleep()

    # --- its life ---

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def stop(self) -> None:
        """SIGSTOP, and wait until it has stopped."""
        self.signal(signal.SIGSTOP)
        self.stops()

    def stops(self) -> None:
        """Wait until a SIGSTOP that is on its way has stopped it."""
        pid, status = os.waitpid(self.pid, os.WUNTRACED)
        assert pid == self.pid
        assert os.WIFSTOPPED(status)

    def resume(self) -> None:
        """SIGCONT, and wait until it has continued."""
        self.signal(signal.SIGCONT)
        assert os.WIFCONTINUED(os.waitpid(self.pid, os.WCONTINUED)[1])

    def closes(self) -> None:
        """Wait until it has no channel to us any more: it has become another program, or has ended."""
        assert self._channel.recv(1 << 16) == b""

    def wait(self) -> int:
        """Its exit code, or minus the signal that ended it."""
        if self.status is None:
            self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
            self._channels.discard(self._channel)
            self._channel.close()
        return self.status

    def leave(self) -> None:
        """Let it exit, between two calls, and do not wait."""
        self._channel.shutdown(socket.SHUT_WR)

    def end(self) -> None:
        """Let it exit, between two calls."""
        self.leave()
        assert self.wait() == 0

    def kill(self) -> None:
        if self.status is None:
            self.signal(signal.SIGKILL)
            self.wait()

    # --- the other side ---

    def _live(self, channel: socket.socket, parent: int) -> NoReturn:
        try:
            process.die_with_parent(parent)
            faulthandler.disable()
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            for other in (*self._channels, self._channel):
                other.close()
            self._obey(channel)
        except BaseException:
            os._exit(1)
        os._exit(0)

    @staticmethod
    def _obey(channel: socket.socket) -> None:
        while request := channel.recv(1 << 16):
            call, args, options = pickle.loads(request)
            try:
                answer = calls.attempt(call, *args, **options)
            except Exception:
                answer = _Failure(traceback.format_exc())
            channel.send(pickle.dumps(answer))


def settle(*children: Child) -> list[Child]:
    """Wait until each has reported or sleeps; those that have reported."""
    until(lambda: all(child.settled() for child in children), "every child reported or asleep")
    return [child for child in children if child.reported()]


NewChild = Callable[[], Child]
MakeSet = Callable[..., int]
MakeQueue = Callable[..., int]
MakeSegment = Callable[..., int]
