"""Shared memory: H-1 to H-10."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest

from ipcsim.sysv import keys, libc, memory, segments
from tests.conformance import needs
from tests.conformance.calls import (
    DONE,
    PAGE,
    attach,
    attach_in_a_hole,
    attempt,
    become_cat,
    end_grandchild,
    in_grandchild,
    keep_grandchild,
    maps,
    peek,
    poke,
)
from tests.conformance.child import Child, MakeSegment, NewChild, until

RDONLY, RND, REMAP = libc.SHM_RDONLY, libc.SHM_RND, libc.SHM_REMAP
CREATE = libc.IPC_CREAT | 0o600
FAULT = -signal.SIGSEGV


def attached(segment_id: int) -> int:
    return segments.stat(segment_id)["nattch"]


def dies_in(child: Child, call: Callable[..., Any], *args: Any) -> int:
    """How it ended, of a call that it does not survive."""
    child.start(call, *args).closes()
    return child.wait()


# --- pages ---


def test_a_segment_has_the_size_asked_for_and_is_mapped_in_pages(
    make_segment: MakeSegment, new_child: NewChild
) -> None:
    """H-1: shm_segsz is not rounded, the mapping is; all of it is zero at first."""
    made, child = make_segment(PAGE + 10), new_child()
    assert segments.stat(made)["size"] == PAGE + 10
    address = child.does(attach, made)
    low, _, high = child.does(maps, address)[0].partition("-")
    assert int(high, 16) - int(low, 16) == 2 * PAGE
    assert child.does(peek, address, 2 * PAGE) == bytes(2 * PAGE)


def test_the_rest_of_the_last_page_is_shared_and_lasting(
    make_segment: MakeSegment, new_child: NewChild
) -> None:
    """H-1: bytes behind the size can be written, are seen by others, and are there after detaching."""
    made, writer, reader = make_segment(10), new_child(), new_child()
    there, here = writer.does(attach, made), reader.does(attach, made)
    assert writer.does(poke, there + PAGE - 4, b"last") == DONE
    assert reader.does(peek, here + PAGE - 4, 4) == b"last"
    writer.end()
    reader.end()
    assert attached(made) == 0
    again = new_child()
    assert again.does(peek, again.does(attach, made) + PAGE - 4, 4) == b"last"


@pytest.mark.parametrize(("call", "args"), [(peek, (1,)), (poke, (b"x",))])
def test_the_page_behind_the_last_is_a_fault(
    call: Callable[..., Any], args: tuple[Any, ...], make_segment: MakeSegment, new_child: NewChild
) -> None:
    """H-1: SIGSEGV, where nothing else happens to be there."""
    made, hole, child = make_segment(10), make_segment(64 * PAGE), new_child()
    address = child.does(attach_in_a_hole, made, hole)
    assert child.does(poke, address + PAGE - 1, b"x") == DONE
    assert dies_in(child, call, address + PAGE, *args) == FAULT


# --- shmget ---


def test_the_size_of_a_segment(make_segment: MakeSegment, key: int) -> None:
    """H-2: none is invalid for a new one; for one that is there more than its size, page or not."""
    assert attempt(segments.create, key, 0, CREATE) == "EINVAL"
    assert attempt(segments.create, key, 0, 0) == "ENOENT"
    made = make_segment(10, key=key)
    for size in (0, 1, 10):
        assert segments.create(key, size, CREATE) == made
    assert attempt(segments.create, key, 11, CREATE) == "EINVAL"


def test_exclusive_creation(make_segment: MakeSegment, key: int) -> None:
    """H-2: EEXIST comes before a wrong size; IPC_EXCL without IPC_CREAT is ignored."""
    made = make_segment(10, key=key)
    assert attempt(segments.create, key, 10, CREATE | libc.IPC_EXCL) == "EEXIST"
    assert attempt(segments.create, key, 11, CREATE | libc.IPC_EXCL) == "EEXIST"
    assert segments.create(key, 10, libc.IPC_EXCL) == made


def test_no_segment_above_the_largest_size(new_child: NewChild) -> None:
    """H-2: SHMMAX, then EINVAL."""
    child = needs.in_namespace(new_child(), shmmax=str(4 * PAGE))
    assert child.does(segments.create, keys.IPC_PRIVATE, 4 * PAGE + 1, 0o600) == "EINVAL"
    assert isinstance(child.does(segments.create, keys.IPC_PRIVATE, 4 * PAGE, 0o600), int)


def test_no_more_pages_than_the_limit(new_child: NewChild) -> None:
    """H-2: SHMALL counts pages of all segments, then ENOSPC."""
    child = needs.in_namespace(new_child(), shmall="4")
    assert child.does(segments.create, keys.IPC_PRIVATE, 4 * PAGE + 1, 0o600) == "ENOSPC"
    made = child.does(segments.create, keys.IPC_PRIVATE, 3 * PAGE + 1, 0o600)
    assert child.does(segments.create, keys.IPC_PRIVATE, 1, 0o600) == "ENOSPC"
    assert child.does(segments.remove, made) is None
    assert isinstance(child.does(segments.create, keys.IPC_PRIVATE, 1, 0o600), int)


def test_no_more_segments_than_the_limit(new_child: NewChild) -> None:
    """H-2: SHMMNI, then ENOSPC."""
    child = needs.in_namespace(new_child(), shmmni="2")
    made = [child.does(segments.create, keys.IPC_PRIVATE, 1, 0o600) for _ in range(3)]
    assert made[2] == "ENOSPC"
    assert all(isinstance(segment, int) for segment in made[:2])


# --- read only ---


def test_writing_to_a_read_only_attachment_is_a_fault(make_segment: MakeSegment, new_child: NewChild) -> None:
    """H-3: SIGSEGV; reading is fine, and the segment stays as it was."""
    made, child, other = make_segment(10), new_child(), new_child()
    address = child.does(attach, made, None, RDONLY)
    assert child.does(peek, address, 4) == bytes(4)
    assert dies_in(child, poke, address, b"x") == FAULT
    assert other.does(peek, other.does(attach, made), 4) == bytes(4)


def test_a_read_only_attachment_cannot_be_made_writable(
    make_segment: MakeSegment, new_child: NewChild
) -> None:
    """H-3: mprotect says EACCES; an ordinary one may be protected and opened again."""
    made, child = make_segment(10), new_child()
    address = child.does(attach, made, None, RDONLY)
    both = memory.PROT_READ | memory.PROT_WRITE
    assert child.does(memory.protect, address, PAGE, both) == "EACCES"
    ordinary = child.does(attach, made)
    assert child.does(memory.protect, ordinary, PAGE, memory.PROT_READ) is None
    assert child.does(memory.protect, ordinary, PAGE, both) is None


# --- nattch ---


def test_every_attachment_counts_and_is_an_alias(make_segment: MakeSegment, new_child: NewChild) -> None:
    """H-4: two in one process count two and are the same memory."""
    made, child = make_segment(10), new_child()
    assert attached(made) == 0
    one, two = child.does(attach, made), child.does(attach, made)
    assert one != two
    assert attached(made) == 2
    assert child.does(poke, one, b"alias") == DONE
    assert child.does(peek, two, 5) == b"alias"
    assert child.does(segments.detach_at, one) is None
    assert attached(made) == 1


def test_fork_attaches_and_exit_detaches(make_segment: MakeSegment, new_child: NewChild) -> None:
    """H-4: the forked process counts, shm_lpid is the forking one, shm_atime changes."""
    made, child, other = make_segment(10), new_child(), new_child()
    child.does(attach, made)
    other.does(attach, made)
    assert segments.stat(made)["lpid"] == other.pid
    grandchild = child.does(keep_grandchild)
    assert (attached(made), segments.stat(made)["lpid"]) == (3, child.pid)
    assert child.does(end_grandchild, grandchild) == DONE
    assert (attached(made), segments.stat(made)["lpid"]) == (2, grandchild)
    child.end()
    assert attached(made) == 1
    other.kill()
    assert attached(made) == 0


def test_fork_changes_the_time_of_attaching(make_segment: MakeSegment, new_child: NewChild) -> None:
    """H-4: shm_atime is that of the last fork, not of the last shmat."""
    made, child = make_segment(10), new_child()
    child.does(attach, made)
    before = segments.stat(made)["atime"]

    def later() -> bool:
        child.does(in_grandchild, attempt, os.getpid)
        return segments.stat(made)["atime"] > before

    until(later, "a later shm_atime")


def test_exec_detaches(make_segment: MakeSegment, new_child: NewChild) -> None:
    """H-4: another program has nothing attached."""
    made, child = make_segment(10), new_child()
    child.does(attach, made)
    child.start(become_cat).closes()
    assert attached(made) == 0


def test_unmapping_detaches(make_segment: MakeSegment, new_child: NewChild) -> None:
    """H-4: munmap of the whole counts like shmdt."""
    made, child = make_segment(10), new_child()
    address = child.does(attach, made)
    assert child.does(memory.unmap, address, PAGE) is None
    assert attached(made) == 0
    assert child.does(segments.detach_at, address) == "EINVAL"


def test_every_piece_of_an_attachment_counts(make_segment: MakeSegment, new_child: NewChild) -> None:
    """H-4: a hole in the middle makes two, another protection three; one shmdt removes them all."""
    made, child = make_segment(5 * PAGE), new_child()
    address = child.does(attach, made)
    assert child.does(memory.unmap, address + 3 * PAGE, PAGE) is None
    assert attached(made) == 2
    assert child.does(segments.detach_at, address) is None
    assert attached(made) == 0
    address = child.does(attach, made)
    assert child.does(memory.protect, address + 2 * PAGE, PAGE, memory.PROT_READ) is None
    assert attached(made) == 3
    assert child.does(segments.detach_at, address) is None
    assert attached(made) == 0


def test_detaching_needs_the_very_address(make_segment: MakeSegment, new_child: NewChild) -> None:
    """H-5: inside, unaligned or a second time: EINVAL."""
    made, child = make_segment(3 * PAGE), new_child()
    address = child.does(attach, made)
    assert child.does(segments.detach_at, address + PAGE) == "EINVAL"
    assert child.does(segments.detach_at, address + 1) == "EINVAL"
    assert attached(made) == 1
    assert child.does(segments.detach_at, address) is None
    assert child.does(segments.detach_at, address) == "EINVAL"


# --- removal ---


def test_removing_what_nobody_has_attached_is_immediate(make_segment: MakeSegment) -> None:
    """H-6: EINVAL from then on."""
    made = make_segment(10)
    segments.remove(made)
    assert attempt(segments.stat, made) == attempt(attach, made) == "EINVAL"


def test_a_removed_segment_lives_without_a_key_until_the_last_detach(
    make_segment: MakeSegment, new_child: NewChild, key: int
) -> None:
    """H-6: marked, key 0, still attached by id (on Linux) and by fork, gone with the last detach."""
    made, child = make_segment(10, key=key), new_child()
    address = child.does(attach, made)
    assert not segments.awaits_last_detach(made)
    segments.remove(made)
    assert segments.awaits_last_detach(made)
    assert segments.stat(made)["key"] == 0
    assert attempt(segments.create, key, 0, 0) == "ENOENT"
    segments.remove(made)
    again = child.does(attach, made)
    grandchild = child.does(keep_grandchild)
    assert attached(made) == 4
    assert child.does(end_grandchild, grandchild) == DONE
    assert child.does(segments.detach_at, address) is None
    assert attached(made) == 1
    assert child.does(segments.detach_at, again) is None
    assert attempt(segments.stat, made) == "EINVAL"


def test_a_removed_segment_leaves_its_key_to_a_new_one(
    make_segment: MakeSegment, new_child: NewChild, key: int
) -> None:
    """H-6: two segments that have nothing to do with each other."""
    made, child = make_segment(10, key=key), new_child()
    address = child.does(attach, made)
    assert child.does(poke, address, b"old") == DONE
    segments.remove(made)
    again = make_segment(10, key=key)
    assert again != made
    assert child.does(peek, child.does(attach, again), 3) == bytes(3)
    assert child.does(peek, address, 3) == b"old"


# --- rights ---


@pytest.mark.parametrize(
    ("mode", "reading", "both", "stat"),
    [(0o400, True, False, True), (0o200, False, False, False), (0o600, True, True, True)],
)
def test_what_attaching_needs(
    mode: int, reading: bool, both: bool, stat: bool, make_segment: MakeSegment, new_child: NewChild
) -> None:
    """H-7: read for SHM_RDONLY, read and write otherwise, read for IPC_STAT."""
    made, child = make_segment(10, mode=mode), needs.without_bypass(new_child())
    assert (child.does(attach, made, None, RDONLY) != "EACCES") is reading
    assert (child.does(attach, made) != "EACCES") is both
    assert (child.does(segments.stat, made) != "EACCES") is stat


@pytest.mark.parametrize(
    ("asked", "answer"),
    [(0, DONE), (0o400, DONE), (0o200, "EACCES"), (0o600, "EACCES"), (0o004, DONE), (0o002, "EACCES")],
)
def test_finding_needs_only_what_is_asked_for(
    asked: int, answer: str, make_segment: MakeSegment, new_child: NewChild, key: int
) -> None:
    """H-7: shmget checks the bits that it is called with, whichever class they name; none is always fine."""
    made, child = make_segment(10, mode=0o400, key=key), needs.without_bypass(new_child())
    assert child.does(segments.create, key, 0, asked) == (made if answer == DONE else answer)


# --- addresses ---


def _free(child: Child, make_segment: MakeSegment) -> int:
    """An address where 64 pages are free."""
    address: int = child.does(attach, hole := make_segment(64 * PAGE))
    assert child.does(segments.detach_at, address) is None
    segments.remove(hole)
    return address


def test_the_address_must_be_that_of_a_page(make_segment: MakeSegment, new_child: NewChild) -> None:
    """H-8: an unaligned one is EINVAL, with SHM_RND it is rounded down."""
    made, child = make_segment(10), new_child()
    free = _free(child, make_segment)
    assert child.does(attach, made, free + 16) == "EINVAL"
    assert child.does(attach, made, free) == free
    assert child.does(segments.detach_at, free) is None
    assert child.does(attach, made, free + 16, RND) == free


def test_the_address_must_be_free_or_be_taken_over(make_segment: MakeSegment, new_child: NewChild) -> None:
    """H-8: EINVAL where something is; SHM_REMAP puts the segment in its place, but needs an address."""
    made, other, child = make_segment(10), make_segment(10), new_child()
    address = child.does(attach, other)
    assert child.does(attach, made, address) == "EINVAL"
    assert child.does(attach, made, None, REMAP) == "EINVAL"
    assert child.does(attach, made, address, REMAP) == address
    assert (attached(made), attached(other)) == (1, 0)


# --- the forced end ---


def test_with_the_forced_end_the_last_detach_removes(new_child: NewChild) -> None:
    """H-9: shm_rmid_forced=1: as if IPC_RMID had been called."""
    child = needs.in_namespace(new_child(), shm_rmid_forced="1")
    made = child.does(segments.create, keys.IPC_PRIVATE, 10, 0o600)
    assert child.does(segments.stat, made)["nattch"] == 0
    address = child.does(attach, made)
    assert child.does(segments.detach_at, address) is None
    assert child.does(segments.stat, made) == "EINVAL"


@pytest.mark.parametrize("forced", ["0", "1"])
def test_with_the_forced_end_the_creators_exit_removes(forced: str, new_child: NewChild) -> None:
    """H-9: a segment that nobody ever attached goes with its creator; without it, it stays."""
    child = needs.in_namespace(new_child(), shm_rmid_forced=forced)
    _, made = child.does(in_grandchild, segments.create, keys.IPC_PRIVATE, 10, 0o600)
    found = child.does(attempt, segments.stat, made)
    assert (found == "EINVAL") is (forced == "1")


# --- how it looks ---


def test_the_line_of_an_attachment(make_segment: MakeSegment, new_child: NewChild, key: int) -> None:
    """H-10: /SYSV and the key, the id as inode, a device without a disk, (deleted)."""
    made, child = make_segment(10, key=key), new_child()
    _, rights, offset, device, inode, name = child.does(maps, child.does(attach, made))
    assert name == f"/SYSV{keys.unsigned(key):08x} (deleted)"
    assert (rights, int(offset, 16), int(inode)) == ("rw-s", 0, made)
    assert device.startswith("00:")  # 00:01 on Linux 6.18


def test_a_new_segment_has_never_been_attached(make_segment: MakeSegment) -> None:
    """H-4: nattch 0, no times, no last pid; the creator's pid and time."""
    stat = segments.stat(make_segment(10))
    assert [stat[name] for name in ("nattch", "lpid", "atime", "dtime")] == [0] * 4
    assert stat["cpid"] == os.getpid()
    assert abs(stat["ctime"] - time.time()) < 60
