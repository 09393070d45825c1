"""What /proc says of a sleeper, decoded; from threads too, and never from what does not sleep."""

from __future__ import annotations

import os
import signal
import struct
import threading
from collections.abc import Callable

import pytest

from ipcsim.facts.syscalls import CALLS
from ipcsim.program.instructions import ObjectKind
from ipcsim.runner import inventory, manifest, sleepers
from ipcsim.runner.sleepers import Operations, Receiving, Sending, decode, find, waits_for
from ipcsim.sysv import libc, semaphores
from tests.runner.helpers import wait_until

X86 = CALLS["x86_64"]
OPS = struct.pack("=HhHHhH", 1, -2, 0, 3, 0, 0x800)


def line(number: int, *arguments: int) -> bytes:
    words = [str(number), *(f"{a:#x}" for a in (*arguments, *[0] * 6)[:6]), "0x7ffe0", "0x7f00"]
    return " ".join(words).encode()


def memory(raw: bytes) -> Callable[[int, int], bytes]:
    return lambda address, size: raw[:size] if address == 0x1000 else b""


@pytest.mark.parametrize(
    ("text", "raw", "expected"),
    [
        (line(65, 7, 0x1000, 2), OPS, (ObjectKind.SEMAPHORES, 7, Operations(((1, -2), (3, 0))))),
        (line(220, 7, 0x1000, 1, 0x99), OPS, (ObjectKind.SEMAPHORES, 7, Operations(((1, -2),), True))),
        (line(220, 0xFFFFFFFF00000007, 0x1000, 0xDEAD00000001), OPS,
         (ObjectKind.SEMAPHORES, 7, Operations(((1, -2),)))),
        (line(220, 7, 0x2000, 1), OPS, (ObjectKind.SEMAPHORES, 7, Operations(()))),
        (line(220, 7, 0x1000, 100_000), OPS, (ObjectKind.SEMAPHORES, 7, Operations(()))),
        (line(69, 3, 0x1000, 40), struct.pack("=q", 9), (ObjectKind.QUEUE, 3, Sending(9, 40))),
        (line(69, 3, 0x2000, 40), b"", (ObjectKind.QUEUE, 3, Sending(None, 40))),
        (line(70, 3, 0, 40, 2**64 - 3), b"", (ObjectKind.QUEUE, 3, Receiving(-3))),
        (line(70, 3, 0, 40, 5, 0o20000), b"", (ObjectKind.QUEUE, 3, Receiving(5, True))),
        (line(70, 3, 0, 40, 0, 0o20000), b"", (ObjectKind.QUEUE, 3, Receiving(0))),
        (line(0, 3), b"", None),
        (b"running\n", b"", None),
        (b"-1 0x7ffd 0x7f00", b"", None),
        (b"", b"", None),
    ],
)  # fmt: skip
def test_decode(text: bytes, raw: bytes, expected: object) -> None:
    assert decode(text, X86, memory(raw)) == expected


def test_the_operation_that_cannot_be_done() -> None:
    assert waits_for(Operations(((0, -1), (1, -1))), (1, 0)) == (1, -1)
    assert waits_for(Operations(((0, 1), (0, -1), (1, 0))), (0, 2)) == (1, 0)
    assert waits_for(Operations(((0, -1), (0, -1))), (1,)) == (0, -1)
    assert waits_for(Operations(((0, 0),)), None) == (0, 0)
    assert waits_for(Operations(()), (0,)) is None


def test_a_stopped_process_does_not_sleep_there_and_a_thread_does() -> None:
    set_ = semaphores.create(libc.IPC_PRIVATE, 1, 0o600)
    child = os.fork()
    if child == 0:
        threading.Thread(
            target=lambda: semaphores.semop(set_, semaphores.operations([(0, -1, 0)]), 1)
        ).start()
        signal.pause()
        os._exit(0)
    try:
        (found,) = wait_until(lambda: [s for s in find(manifest.namespace()) if s.id == set_])
        assert found.pid == child
        assert found.tid != child
        assert found.call == Operations(((0, -1),))
        (item,) = [i for i in inventory.look().sets if i.row.id == set_]
        assert (len(item.waiting), item.unseen, item.waiting[0].process) == (1, 0, None)
        os.kill(child, signal.SIGSTOP)
        os.waitpid(child, os.WUNTRACED)
        wait_until(lambda: not [s for s in find(manifest.namespace()) if s.id == set_])
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        semaphores.remove(set_)


def test_sleepers_that_proc_does_not_show_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sleepers, "find", lambda _: [])
    set_ = semaphores.create(libc.IPC_PRIVATE, 1, 0o600)
    child = os.fork()
    if child == 0:
        semaphores.semop(set_, semaphores.operations([(0, -1, 0)]), 1)
        os._exit(0)
    try:
        wait_until(lambda: semaphores.get(set_, 0, libc.GETNCNT))
        (item,) = [i for i in inventory.look().sets if i.row.id == set_]
        assert (item.waiting, item.unseen) == ((), 1)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        semaphores.remove(set_)
