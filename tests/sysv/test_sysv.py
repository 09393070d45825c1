"""The kernel's calls, through the one layer that makes them."""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ipcsim.sysv import keys, libc, process, queues, segments, semaphores


@pytest.fixture
def semaphore_set() -> Iterator[int]:
    made = semaphores.create(keys.IPC_PRIVATE, 3, 0o600)
    yield made
    semaphores.remove(made)


@pytest.fixture
def queue() -> Iterator[int]:
    made = queues.create(keys.IPC_PRIVATE, 0o600)
    yield made
    queues.remove(made)


def semop(set_id: int, *triples: tuple[int, int, int]) -> int:
    """0, or the errno."""
    result = semaphores.semop(set_id, semaphores.operations(list(triples)), len(triples))
    return 0 if result == 0 else libc.last_errno()


def test_a_set_starts_with_zeros_and_takes_values(semaphore_set: int) -> None:
    assert semaphores.get_all(semaphore_set, 3) == (0, 0, 0)
    semaphores.set_all(semaphore_set, (1, 2, 3))
    semaphores.set_value(semaphore_set, 1, 7)
    assert semaphores.get_all(semaphore_set, 3) == (1, 7, 3)
    assert semaphores.get(semaphore_set, 2, libc.GETVAL) == 3
    assert semaphores.stat(semaphore_set)["nsems"] == 3


def test_getall_and_setall_of_a_larger_and_a_smaller_set(semaphore_set: int) -> None:
    """The kernel takes and gives as many as there are, whatever room the caller has."""
    made = semaphores.create(keys.IPC_PRIVATE, 20_000, 0o600)
    try:
        semaphores.set_value(made, 19_999, 5)
        assert semaphores.get_all(made, 2) == (0, 0)
        semaphores.set_all(made, (1, 2))
        assert semaphores.get_all(made, 20_000) == (1, 2, *(0,) * 19_998)
    finally:
        semaphores.remove(made)
    semaphores.set_all(semaphore_set, (1, 2, 3, 4))
    assert semaphores.get_all(semaphore_set, 5) == (1, 2, 3, 0, 0)


def test_an_array_of_operations_is_all_or_nothing(semaphore_set: int) -> None:
    nowait = libc.IPC_NOWAIT
    assert semop(semaphore_set, (0, 1, 0), (1, -1, nowait)) == errno.EAGAIN
    assert semaphores.get_all(semaphore_set, 3) == (0, 0, 0)
    assert semop(semaphore_set, (0, 2, 0), (0, -1, nowait)) == 0  # S-1: evaluated in order
    assert semaphores.get(semaphore_set, 0, libc.GETVAL) == 1
    assert semaphores.get(semaphore_set, 0, libc.GETPID) == os.getpid()


def test_a_removed_set_is_gone() -> None:
    made = semaphores.create(keys.IPC_PRIVATE, 1, 0o600)
    semaphores.remove(made)
    with pytest.raises(OSError, match="semctl") as caught:
        semaphores.get(made, 0, libc.GETVAL)
    assert caught.value.errno == errno.EINVAL  # S-21: not EIDRM, whatever the manual says


def test_a_timeout_in_the_kernel_is_eagain(semaphore_set: int) -> None:
    limit = ctypes.byref(semaphores.Timespec.of(0.01))
    assert semaphores.semtimedop(semaphore_set, semaphores.operations([(0, -1, 0)]), 1, limit) == -1
    assert libc.last_errno() == errno.EAGAIN


def test_messages_go_through_a_queue_by_type(queue: int) -> None:
    for kind in (3, 1):
        message = ctypes.create_string_buffer(ctypes.sizeof(ctypes.c_long) + 4)
        ctypes.c_long.from_buffer(message).value = kind
        message[8:12] = b"abc" + bytes([kind])
        assert queues.msgsnd(queue, message, ctypes.c_size_t(4), 0) == 0
    assert queues.stat(queue)["qnum"] == 2
    buffer = ctypes.create_string_buffer(16)
    assert queues.msgrcv(queue, buffer, ctypes.c_size_t(8), ctypes.c_long(-2), 0) == 4
    assert ctypes.c_long.from_buffer(buffer).value == 1  # the lowest type up to 2
    assert buffer.raw[8:12] == b"abc\x01"


def test_the_capacity_of_a_queue_can_be_set(queue: int) -> None:
    queues.set_capacity(queue, 10)
    assert queues.stat(queue)["qbytes"] == 10


def test_a_segment_is_memory_shared_between_attachments() -> None:
    made = segments.create(keys.IPC_PRIVATE, 64, 0o600)
    try:
        one, two = segments.attach(made), segments.attach(made, readonly=True)
        assert one.address != two.address
        one.array(ctypes.c_int, 4, 8)[2] = 77
        assert two.array(ctypes.c_int, 4, 8)[2] == 77
        assert segments.stat(made)["nattch"] == 2
        one.detach()
        two.detach()
        assert segments.stat(made)["nattch"] == 0
    finally:
        segments.remove(made)
    with pytest.raises(OSError, match="shmat") as caught:
        segments.attach(made)
    assert caught.value.errno == errno.EINVAL


def test_nothing_is_mapped_behind_a_segment_as_far_as_its_struct_reaches() -> None:
    """H-1: where the next page may otherwise be anybody's."""
    made = segments.create(keys.IPC_PRIVATE, 1, 0o600)
    page = mmap.PAGESIZE
    try:
        attachment = segments.attach(made, span=3 * page)
        attachment.write(b"x", page - 1)
        assert attachment.read(1, page - 1) == b"x"
        assert _mapped_at(attachment.address + page) == "---p"
        assert segments.stat(made)["nattch"] == 1
        attachment.detach()
        assert segments.stat(made)["nattch"] == 0
        assert _mapped_at(attachment.address + page) is None
    finally:
        segments.remove(made)


def _mapped_at(address: int) -> str | None:
    """With which rights memory is mapped from here on; None where no mapping begins here."""
    for line in Path("/proc/self/maps").read_text().splitlines():
        where, rights, *_ = line.split()
        if int(where.split("-")[0], 16) == address:
            return rights
    return None


def test_a_segment_that_awaits_its_last_detach_says_so_in_its_mode() -> None:
    made = segments.create(keys.IPC_PRIVATE, 8, 0o640)
    attachment = segments.attach(made)
    segments.remove(made)
    assert segments.stat(made)["mode"] == 0o1640  # H-6
    attachment.detach()


def test_ftok_names_the_same_file_by_the_same_key(tmp_path: os.PathLike[str]) -> None:
    one, other = os.path.join(tmp_path, "one"), os.path.join(tmp_path, "other")
    for path in (one, other):
        with open(path, "w"):
            pass
    assert keys.ftok(one, 10) == keys.ftok(one, 10)
    assert keys.ftok(one, 10) != keys.ftok(other, 10)
    with pytest.raises(FileNotFoundError):
        keys.ftok(os.path.join(tmp_path, "none"), 10)


def test_a_child_dies_with_its_parent() -> None:
    read, write = os.pipe()
    parent = os.fork()
    if parent == 0:
        me = os.getpid()
        if os.fork() == 0:
            process.die_with_parent(me)
            os.write(write, b"%d" % os.getpid())
            signal.pause()
        time.sleep(60)
        os._exit(0)
    child = int(os.read(read, 20))
    os.kill(parent, signal.SIGKILL)
    os.waitpid(parent, 0)
    os.close(read)
    os.close(write)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and _runs(child):
        time.sleep(0.005)
    assert not _runs(child)


def _runs(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
